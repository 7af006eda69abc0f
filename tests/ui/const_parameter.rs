use socketkit::Events;

#[derive(Events)]
pub enum ClientEvent<const N: usize> {
    Say([u8; N]),
}

pub fn text(client_event::Say(_): client_event::Say) {}

fn main() {}
