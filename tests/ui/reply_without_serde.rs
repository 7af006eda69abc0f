use socketkit::Events;

pub struct Receipt;

#[derive(Events)]
pub enum ClientEvent {
    #[event(reply = Receipt)]
    SubmitPost { body: String },
}

fn main() {}
