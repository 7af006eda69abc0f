use socketkit::Events;

#[derive(Events)]
pub enum ClientEvent {
    #[event(rename = "submit post")]
    SubmitPost,
}

fn main() {}
