use socketkit::Events;

#[derive(Events)]
pub enum ServerEvent {
    #[event(volatile, latest)]
    Online(usize),
}

fn main() {}
