use serde::{Deserialize, Serialize};
use socketkit::Events;

#[derive(Debug, Serialize, Deserialize)]
pub struct Place {
    id: u64,
    at: f64,
}

#[derive(Events)]
pub enum ServerEvent {
    #[event(latest = "user")]
    Moved { id: u64, at: f64 },
    #[event(latest = "2")]
    Pair(u64, f64),
    #[event(latest = "id")]
    Count,
    #[event(latest = "id")]
    Nothing {},
    #[event(latest = "")]
    Seen(u64, u64),
    #[event(latest = "id, id")]
    Twice { id: u64 },
    #[event(latest = "place.id")]
    Nested { place: Place },
    #[event(latest = 0)]
    Number(u64, u64),
}

fn main() {}
