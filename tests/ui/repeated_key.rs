use socketkit::{Events, Protocol};

#[derive(Events)]
#[events(module = a, module = b)]
pub enum ClientEvent {
    #[event(reply = u64, reply = u32)]
    SubmitPost,
    #[event(volatile)]
    #[event(volatile)]
    Typing,
}

#[derive(Protocol)]
#[protocol(client = ClientEvent, client = ClientEvent)]
pub struct Forum;

fn main() {}
