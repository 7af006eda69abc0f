use socketkit::Events;

#[derive(Events)]
pub enum ClientEvent {
    SubmitPost,
    #[event(rename = "submit_post")]
    Publish,
    #[event(alias = "submit_post")]
    Post,
    #[event(alias = "watching", alias = "watching")]
    Watch,
    Watching,
}

fn main() {}
