use socketkit::Events;

#[derive(Events)]
pub enum ClientEvent {
    #[event(rename = "submit.a.post.with.a.name.that.is.longer.than.anyone.would.type.it")]
    SubmitPost,
}

fn main() {}
