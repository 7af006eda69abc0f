use serde::{Deserialize, Serialize};
use socketkit::Events;

#[derive(Debug, Serialize, Deserialize)]
pub struct Place {
    pub id: u64,
    pub at: f64,
}

#[derive(Events)]
pub enum ServerEvent {
    #[event(latest = "user")]
    Moved(Place),
    #[event(latest = "0")]
    Count(u64),
}

fn main() {}
