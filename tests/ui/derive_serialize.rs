use serde::Serialize;
use socketkit::Events;

#[derive(Events)]
#[events(derive(Debug, Serialize))]
pub enum ClientEvent {
    Typing,
}

fn main() {}
