use socketkit::{Events, Protocol, Server};

#[derive(Events)]
pub enum ClientEvent {
    #[event(replay = u64)]
    SubmitPost { author: String, body: String },
    #[event(rename = "Watch!")]
    Watch(u64),
    #[serde(rename = "typing")]
    Typing,
}

#[derive(Protocol)]
#[protocol(client = ClientEvent)]
pub struct Forum;

async fn submit_post(post: client_event::SubmitPost) {
    drop(post.body);
}

async fn watch(client_event::Watch(_): client_event::Watch) {}

async fn typing(_: client_event::Typing) {}

fn main() {
    drop(Server::<Forum>::new().on(submit_post).on(watch).on(typing).build());
}
