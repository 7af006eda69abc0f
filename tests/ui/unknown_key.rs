use socketkit::{Events, Protocol};

#[derive(Events)]
#[events(rename = "kebab-case")]
pub enum ClientEvent {
    #[event(replay = Result<u64, String>, volatil)]
    SubmitPost,
}

#[derive(Protocol)]
#[protocol(clients = ClientEvent, rooms = u64)]
pub struct Forum;

fn main() {}
