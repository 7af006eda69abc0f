use socketkit::Events;

#[derive(Events)]
#[event(rename_all = "camelCase")]
pub enum ClientEvent {
    #[events(reply = u64)]
    SubmitPost {
        #[event(rename = "text")]
        body: String,
    },
}

fn main() {}
