//! Names one socket.

use crate::{InvalidId, NodeId};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error};
use std::{borrow::Cow, fmt, str::FromStr};

/// Names one socket of a server, or of all nodes of a cluster: never used again.
///
/// It is shown, and serialised, as a text: a number, in a cluster behind the node on which the session began
/// and a dash. A session that goes on on another node keeps it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SocketId {
    node: NodeId,
    number: u64,
}

impl SocketId {
    /// Bits of the slot, which sockets that came and went share: 67 million at once. The other 38
    /// count up: 1,000 a second for eight years.
    const SLOT: u32 = 26;

    /// The id of the socket in a slot, the `count`th of all; `None` if there is no such slot.
    pub(crate) fn new(node: NodeId, count: u64, slot: usize) -> Option<Self> {
        let slot = u64::try_from(slot).ok().filter(|slot| *slot < (1 << Self::SLOT) - 1)?;
        Some(Self { node, number: count << Self::SLOT | slot })
    }

    /// The id of a socket that nobody can find.
    pub(crate) fn nowhere(node: NodeId, count: u64) -> Self {
        Self { node, number: count << Self::SLOT | ((1 << Self::SLOT) - 1) }
    }

    /// The node on which its session began.
    pub fn node(self) -> NodeId {
        self.node
    }

    /// The number of it there.
    #[cfg(feature = "cluster")]
    pub(crate) fn number(self) -> u64 {
        self.number
    }

    /// Without the node where there is no cluster.
    pub(crate) fn to_bytes(self) -> Vec<u8> {
        let number = self.number.to_be_bytes();
        if self.node.is_none() {
            return number.into();
        }
        [self.node.to_bytes(), number].concat()
    }

    pub(crate) fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let (node, number) = match bytes.len() {
            8 => (NodeId::default(), bytes),
            _ => {
                let (node, number) = bytes.split_first_chunk()?;
                (NodeId::from_bytes(*node), number)
            }
        };
        Some(Self { node, number: u64::from_be_bytes(number.try_into().ok()?) })
    }

    /// Where the hub of its node keeps it.
    pub(crate) fn slot(self) -> u32 {
        (self.number & ((1 << Self::SLOT) - 1)) as u32
    }
}

impl fmt::Display for SocketId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.node.is_none() {
            write!(f, "{}-", self.node)?;
        }
        self.number.fmt(f)
    }
}

impl fmt::Debug for SocketId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SocketId({self})")
    }
}

impl FromStr for SocketId {
    type Err = InvalidId;

    fn from_str(text: &str) -> Result<Self, InvalidId> {
        let (node, digits) = match text.split_once('-') {
            Some((node, digits)) => (node.parse()?, digits),
            None => (NodeId::default(), text),
        };
        let number = digits.parse().map_err(|_| InvalidId)?;
        let id = Self { node, number };
        // In one way only: two texts are two sockets.
        if id.to_string() == text { Ok(id) } else { Err(InvalidId) }
    }
}

impl Serialize for SocketId {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for SocketId {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = Cow::<'_, str>::deserialize(deserializer)?;
        text.parse().map_err(D::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_read_as_it_is_shown_and_in_no_other_way() {
        let node: NodeId = "00000000000000a7".parse().unwrap();
        for (node, shown) in [(NodeId::default(), "67108867"), (node, "00000000000000a7-67108867")]
        {
            let id = SocketId::new(node, 1, 3).unwrap();
            assert_eq!((id.to_string().as_str(), id.slot()), (shown, 3));
            assert_eq!(shown.parse(), Ok(id));
            assert_eq!(SocketId::from_bytes(&id.to_bytes()), Some(id));
            let json = serde_json::to_string(&id).unwrap();
            assert_eq!(serde_json::from_str::<SocketId>(&json).unwrap(), id);
        }
        for text in
            ["", "-1", "01", "+1", "a7-1", "0000000000000000-1", "00000000000000A7-1", "1-1"]
        {
            assert_eq!(text.parse::<SocketId>(), Err(InvalidId), "{text}");
        }
        assert_eq!(SocketId::from_bytes(&[0; 7]), None);
    }
}
