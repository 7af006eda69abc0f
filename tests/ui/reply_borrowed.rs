use socketkit::Events;

#[derive(Events)]
pub enum ClientEvent {
    #[event(reply = &'static str)]
    Name,
}

fn main() {}
