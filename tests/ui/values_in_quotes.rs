use socketkit::{Events, NoEvents, Protocol, Server};

#[derive(Events)]
#[events(module = "asked")]
pub enum ClientEvent {
    #[event(reply = "u64")]
    Count,
}

#[derive(Protocol)]
#[protocol(client = ClientEvent, server = NoEvents)]
pub struct Forum;

// What was meant is clear, and nothing here is reported besides.
async fn count(_: asked::Count) -> u64 {
    7
}

fn main() {
    drop(Server::<Forum>::new().on(count).listen("127.0.0.1:3000"));
}
