use socketkit::Events;

#[derive(Events)]
pub enum ServerEvent {
    #[event(volatile, latest)]
    Online(usize),
    #[event(latest = "id", volatile)]
    Moved { id: u64, at: f64 },
}

fn main() {}
