use socketkit::Events;

#[derive(Events)]
pub enum ClientEvent<T> {
    Say(T),
}

pub fn text(client_event::Say(_): client_event::Say) {}

fn main() {}
