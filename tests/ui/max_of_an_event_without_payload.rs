use socketkit::Events;

#[derive(Events)]
pub enum ClientEvent {
    #[event(max = "4KiB")]
    Typing,
}

fn main() {}
