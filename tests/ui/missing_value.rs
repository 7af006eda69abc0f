use socketkit::Events;

#[derive(Events)]
#[events(derive)]
pub enum ClientEvent {
    #[event(reply)]
    SubmitPost,
    #[event(rename("post.watch"))]
    Watch,
    #[event(alias =)]
    Typing,
}

fn main() {}
