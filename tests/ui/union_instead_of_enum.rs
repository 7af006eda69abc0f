use socketkit::Events;

#[derive(Events)]
pub union ClientEvent {
    pub a: u8,
}

fn main() {}
