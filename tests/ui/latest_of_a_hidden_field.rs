use serde::{Deserialize, Serialize};
use socketkit::Events;

#[derive(Debug, Serialize, Deserialize)]
pub struct Place {
    at: f64,
}

#[derive(Events)]
pub enum ServerEvent {
    #[event(latest = "id")]
    Moved {
        #[serde(skip)]
        id: u64,
        at: f64,
    },
    #[event(latest = "at, id")]
    Written {
        #[serde(default, skip_serializing)]
        id: u64,
        at: u64,
    },
    #[event(latest = "place")]
    Flat {
        #[serde(flatten)]
        place: Place,
    },
}

fn main() {}
