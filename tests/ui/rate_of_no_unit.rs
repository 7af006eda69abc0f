use socketkit::Events;

#[derive(Events)]
pub enum ClientEvent {
    #[event(rate = "5/m")]
    SubmitPost(String),
    #[event(rate = "5")]
    Watch(u64),
    #[event(rate = "0/s")]
    Unwatch(u64),
    #[event(rate = 5)]
    Rename(String),
    #[event(rate)]
    Typing,
}

fn main() {}
