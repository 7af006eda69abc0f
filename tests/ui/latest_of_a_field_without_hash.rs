use serde::{Deserialize, Serialize};
use socketkit::Events;

#[derive(Debug, Serialize, Deserialize)]
pub struct Place {
    pub id: u64,
    pub at: f64,
}

#[derive(Debug, Serialize, Deserialize)]
pub struct Room(String);

#[derive(Events)]
pub enum ServerEvent {
    #[event(latest = "room, user")]
    Joined { room: Room, user: u64 },
    #[event(latest = "at")]
    Moved(Place),
    #[event(latest = "1")]
    Pair(u64, f64),
}

fn main() {}
