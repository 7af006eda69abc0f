use socketkit::Events;

#[derive(Events)]
pub enum ClientEvent {
    Say { text: &'static str },
}

pub fn text(event: client_event::Say) -> &'static str {
    event.text
}

fn main() {}
