//! Protocols whose people are present in rooms.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use socketkit::{Events, Member, NoEvents, Protocol};

#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Room {
    Hall,
    Table(u32),
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub(crate) struct Guest {
    #[schemars(example = &"Ada")]
    pub(crate) name: String,
    /// What is held against the light.
    #[serde(default)]
    pub(crate) glass: Option<Glass>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub(crate) struct Glass {
    full: bool,
}

impl Member for Guest {
    fn key(&self) -> String {
        self.name.clone()
    }
}

#[derive(Debug, Events)]
pub(crate) enum Move {
    Leave,
}

#[derive(Debug, Protocol)]
#[protocol(client = Move, room = Room, presence = Guest)]
pub(crate) struct Meeting;

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub(crate) struct Visitor(u64);

impl Member for Visitor {
    fn key(&self) -> String {
        self.0.to_string()
    }
}

/// There is one room.
#[derive(Debug, Protocol)]
#[protocol(server = NoEvents, room = (), presence = Visitor)]
pub(crate) struct Counter;
