use socketkit::Events;

#[derive(Events)]
pub enum ClientEvent {
    Größe(u32),
}

fn main() {}
