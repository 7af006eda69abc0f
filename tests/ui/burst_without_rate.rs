use socketkit::Events;

#[derive(Events)]
pub enum ClientEvent {
    #[event(burst = 10)]
    Typing,
    #[event(rate = "5/s", burst = 0)]
    Watch(u64),
    #[event(rate = "5/s", burst = "10")]
    Unwatch(u64),
    #[event(rate = "5/s", burst = 5000000000)]
    Move(u8, u8),
}

fn main() {}
