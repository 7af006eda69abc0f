use socketkit::Events;

#[derive(Events)]
pub enum ClientEvent {
    #[event(rename = "")]
    SubmitPost,
}

fn main() {}
