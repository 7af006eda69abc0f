use socketkit::Events;

#[derive(Events)]
pub enum ClientEvent {
    #[event(volatile = true)]
    Typing,
    #[event(latest("online"))]
    Online,
}

fn main() {}
