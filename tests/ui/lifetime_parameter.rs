use socketkit::{Events, Protocol};

#[derive(Events)]
pub enum ClientEvent<'a> {
    Say { text: &'a str },
}

#[derive(Protocol)]
#[protocol(client = ClientEvent<'static>)]
pub struct Chat;

pub fn text(event: client_event::Say) -> &'static str {
    event.text
}

fn main() {}
