//! Which sockets a node means, as it says so to others.

use crate::SocketId;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

/// See the module. Each node that has some resolves it among its own.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(crate) struct Selected {
    /// Names of rooms; without any, all sockets.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) rooms: Vec<Box<RawValue>>,
    /// Of rooms: which of them this message is for, as each is on the channel of its own. Who is in one before
    /// it hears of it there. Without it, for all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) at: Option<usize>,
    /// One socket, and no other.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) socket: Option<SocketId>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) except: Vec<SocketId>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) except_rooms: Vec<Box<RawValue>>,
}
