use socketkit::Events;

#[derive(Events)]
pub enum ServerEvent {
    #[event(latest, latest = "id")]
    Seen { id: u64 },
    #[event(max = 1, max = 2, rate = "1/s", rate = "2/s", burst = 1, burst = 2)]
    Rename(String),
}

fn main() {}
