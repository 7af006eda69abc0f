use socketkit::{Events, Progress, Protocol, Server};

#[derive(Events)]
pub enum ClientEvent {
    #[event(reply = u32, progress = u8)]
    Import(String),
    Typing,
}

#[derive(Events)]
pub enum ServerEvent {
    Note(String),
}

#[derive(Protocol)]
#[protocol(client = ClientEvent, server = ServerEvent)]
pub struct Forum;

async fn import(_: client_event::Import, progress: Progress<String>) -> u32 {
    progress.report("half".into());
    0
}

async fn typing(_: client_event::Typing, _: Progress<u8>) {}

fn main() {
    Server::<Forum>::new().on(import).on(typing).build();
}
