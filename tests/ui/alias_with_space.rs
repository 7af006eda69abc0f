use socketkit::Events;

#[derive(Events)]
pub enum ClientEvent {
    #[event(alias = "submit post")]
    SubmitPost,
}

fn main() {}
