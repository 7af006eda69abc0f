use socketkit::Events;

#[derive(Events)]
pub enum ClientEvent {
    #[event(rename = "SubmitPost")]
    SubmitPost,
    #[event(rename = "watchPost")]
    Watch,
}

fn main() {}
