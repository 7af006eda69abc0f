//! Where a message between nodes goes, and what of it a node asks for.

use crate::{InvalidId, NodeId, SocketId};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error};
use std::{borrow::Cow, fmt, str::FromStr};
use xxhash_rust::xxh3::xxh3_64;

/// Where a message goes. Each is one subject of NATS, one channel of Redis.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Channel {
    /// Every node: what concerns the cluster itself.
    Control,
    /// Every node with sockets: what is meant for all of these.
    All,
    /// Nodes with members of a room, by the hash of its name.
    Room(u64),
    /// One node.
    Node(NodeId),
    /// The node that has a socket.
    Socket(SocketId),
}

/// What a node asks its engine for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Interest {
    In(Channel),
    /// All rooms, where a node has members in very many.
    Rooms,
    /// All sockets that began on a node.
    SocketsOf(NodeId),
}

impl Channel {
    /// Whether what is said on it is for sockets, so that one that comes back later may need it.
    pub(crate) fn is_kept(self) -> bool {
        matches!(self, Self::All | Self::Room(_) | Self::Socket(_))
    }

    /// That of a room, by its name as JSON: on all machines, and of all releases, the same.
    pub(crate) fn of_room(name: &str) -> Self {
        Self::Room(xxh3_64(name.as_bytes()))
    }
}

/// Words between dots, as NATS has it, behind the name of the cluster.
impl fmt::Display for Channel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Control => f.write_str("control"),
            Self::All => f.write_str("all"),
            Self::Room(hash) => write!(f, "room.{hash:016x}"),
            Self::Node(node) => write!(f, "node.{node}"),
            Self::Socket(id) => write!(f, "socket.{}.{}", id.node(), id.number()),
        }
    }
}

/// With `*` for any word: a pattern of both engines.
impl fmt::Display for Interest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::In(channel) => channel.fmt(f),
            Self::Rooms => f.write_str("room.*"),
            Self::SocketsOf(node) => write!(f, "socket.{node}.*"),
        }
    }
}

#[cfg(feature = "redis")]
impl Interest {
    /// Whether it is a pattern.
    pub(crate) fn is_pattern(&self) -> bool {
        !matches!(self, Self::In(_))
    }
}

impl FromStr for Channel {
    type Err = InvalidId;

    fn from_str(text: &str) -> Result<Self, InvalidId> {
        let mut words = text.split('.');
        let mut next = || words.next();
        let channel = match (next(), next(), next()) {
            (Some("control"), None, _) => Self::Control,
            (Some("all"), None, _) => Self::All,
            (Some("room"), Some(hash), None) if hash.len() == 16 => {
                Self::Room(u64::from_str_radix(hash, 16).map_err(|_| InvalidId)?)
            }
            (Some("node"), Some(node), None) => Self::Node(node.parse()?),
            (Some("socket"), Some(node), Some(number)) => {
                Self::Socket(format!("{node}-{number}").parse()?)
            }
            _ => return Err(InvalidId),
        };
        if next().is_none() { Ok(channel) } else { Err(InvalidId) }
    }
}

/// As the words.
impl Serialize for Channel {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Channel {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Cow::<'_, str>::deserialize(deserializer)?.parse().map_err(D::Error::custom)
    }
}
