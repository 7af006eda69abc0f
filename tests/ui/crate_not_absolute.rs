use socketkit::Events;

mod my {
    pub use socketkit;
}

#[derive(Events)]
#[events(crate = my::socketkit)]
pub enum ClientEvent {
    Typing,
}

fn main() {}
