//! What somebody is shown as, and when it was said.

use crate::{NodeId, SocketId};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

/// See the module. What was said last holds, on every node.
#[derive(Debug, Clone)]
pub(crate) struct Said<M> {
    pub(crate) member: M,
    pub(crate) stamp: Stamp,
}

/// When something was said, and by which socket: no two are equal.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(crate) struct Stamp {
    /// µs since 1970, and later than all that was known before.
    pub(crate) at: u64,
    pub(crate) by: SocketId,
}

/// Where a socket is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Stay {
    pub(crate) node: NodeId,
    /// How often it has moved there from another.
    pub(crate) moves: u32,
}

/// What somebody is shown as, as nodes tell each other.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Saying {
    /// Not told from the member, of which a part may not serialise.
    pub(crate) key: String,
    pub(crate) member: Box<RawValue>,
    pub(crate) stamp: Stamp,
}

/// What became of a socket in a room.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum What {
    Present(Saying),
    Left,
    /// It has lost its connection.
    Lost,
    /// It has one again.
    Found,
    /// By a lost connection, or not.
    Ended(bool),
    /// It goes to another node, which says that it is present when it is there.
    Moved,
}

/// How a socket stands in a room, as its node says when it is asked.
#[cfg(feature = "cluster")]
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Stands {
    pub(crate) socket: SocketId,
    pub(crate) moves: u32,
    pub(crate) said: Saying,
    /// For how many milliseconds more it is shown, of one that has no connection.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) left: Option<u64>,
    /// It does not come back.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub(crate) has_ended: bool,
}

/// What a socket takes along to another node: where it is present or only told, and how far.
#[cfg(feature = "cluster")]
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(crate) struct Presences {
    pub(crate) moves: u32,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) rooms: Vec<PresentIn>,
}

/// In one room.
#[cfg(feature = "cluster")]
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct PresentIn {
    pub(crate) room: Box<RawValue>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) said: Option<Saying>,
    /// The digest of all entries, if it has been told all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) knows: Option<u64>,
}
