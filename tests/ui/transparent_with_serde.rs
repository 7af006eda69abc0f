use serde::{Deserialize, Serialize};
use socketkit::Events;

#[derive(Serialize, Deserialize)]
pub struct SubmitPost {
    pub body: String,
}

#[derive(Events)]
pub enum ClientEvent {
    #[event(transparent)]
    SubmitPost(#[serde(default)] SubmitPost),
}

fn main() {}
