use socketkit::Events;

#[derive(Events)]
#[events(rename_all = "Snake_Case")]
pub enum ClientEvent {
    Typing,
}

fn main() {}
