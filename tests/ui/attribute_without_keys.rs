use socketkit::Events;

#[derive(Events)]
pub enum ClientEvent {
    #[event]
    Typing,
    #[event = "online"]
    Online,
    #[event("watch")]
    Watch,
    #[event(volatile latest)]
    Pointer,
}

fn main() {}
