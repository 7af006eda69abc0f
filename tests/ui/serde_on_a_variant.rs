use socketkit::Events;

#[derive(Events)]
pub enum ClientEvent {
    #[serde(rename = "post.submit", alias = "submit")]
    SubmitPost { the_title: String },
    #[serde(rename_all = "camelCase")]
    EditPost { the_title: String },
    #[serde(skip)]
    Typing,
}

fn main() {}
