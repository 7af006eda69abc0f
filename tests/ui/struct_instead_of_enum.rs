use socketkit::{Events, Protocol};

#[derive(Events)]
pub struct ClientEvent {
    pub text: String,
}

#[derive(Protocol)]
#[protocol(client = ClientEvent)]
pub struct Chat;

fn main() {}
