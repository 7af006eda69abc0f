use socketkit::Events;

#[derive(Events)]
#[events(derive(Debug, Clone, serde::Serialize))]
pub enum ClientEvent {
    Typing,
}

fn main() {
    // The others are derived.
    println!("{:?}", client_event::Typing.clone());
}
