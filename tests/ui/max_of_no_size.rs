use socketkit::Events;

#[derive(Events)]
pub enum ClientEvent {
    #[event(max = "4kb")]
    SubmitPost(String),
    #[event(max = "0KiB")]
    Watch(u64),
    #[event(max = 0)]
    Unwatch(u64),
    #[event(max = "4GiB")]
    Rename(String),
    #[event(max = 1.5)]
    Move(u8, u8),
    #[event(max = "4096MiB")]
    Upload(String),
    #[event(max = -1)]
    Draw(u8, u8),
}

fn main() {}
