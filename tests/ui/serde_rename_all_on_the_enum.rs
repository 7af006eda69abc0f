use socketkit::Events;

#[derive(Events)]
#[serde(rename_all = "camelCase")]
pub enum ClientEvent {
    SubmitPost,
}

fn main() {}
