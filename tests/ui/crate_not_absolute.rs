use socketkit::Events;

mod my {
    pub use socketkit;

    #[derive(socketkit::Events)]
    #[events(crate = self::socketkit)]
    pub enum ServerEvent {
        Typing,
    }
}

#[derive(Events)]
#[events(crate = my::socketkit)]
pub enum ClientEvent {
    Typing,
}

fn main() {}
