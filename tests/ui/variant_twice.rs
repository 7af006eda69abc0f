use socketkit::Events;

#[derive(Events)]
pub enum ClientEvent {
    Typing,
    Typing(u8),
}

fn main() {}
