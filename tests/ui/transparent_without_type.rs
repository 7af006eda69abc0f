use socketkit::Events;

#[derive(Events)]
pub enum ClientEvent {
    #[event(transparent)]
    Typing,
    #[event(transparent)]
    Move(f32, f32),
    #[event(transparent)]
    SubmitPost { body: String },
}

pub fn body(event: client_event::SubmitPost) -> String {
    event.body
}

fn main() {}
