use socketkit::Events;

#[derive(Events)]
#[events(module = ClientEvent)]
pub enum ClientEvent {
    Typing,
}

#[derive(Events)]
#[allow(non_camel_case_types)]
pub enum server_event {
    Typing,
}

fn main() {}
