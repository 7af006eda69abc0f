use socketkit::Events;

#[derive(Events)]
#[events(module = "events", rename_all = kebab)]
pub enum ClientEvent {
    #[event(reply = "u64")]
    SubmitPost,
    #[event(rename = post_watch)]
    Watch,
}

fn main() {}
