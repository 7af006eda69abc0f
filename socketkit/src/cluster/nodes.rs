//! Which nodes there are, by what they say of themselves.

use super::message::Here;
use crate::NodeId;
use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

/// How often a node says that it is there, at least.
pub(crate) const BEAT: Duration = Duration::from_secs(1);

/// A node that was silent for so long may have said something that did not come.
const SILENCE: Duration = Duration::from_millis(2_500);

/// One that was silent for so long is gone.
const GONE: Duration = Duration::from_millis(3_500);

/// See the module: all but this one.
#[derive(Debug, Default)]
pub(crate) struct Nodes(BTreeMap<NodeId, (Here, Instant)>);

/// How a node was known that says that it is there.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Known {
    Not,
    /// After a silence.
    Silent(Duration),
    Well,
}

impl Nodes {
    /// A node says that it is there.
    pub(crate) fn hear(&mut self, node: NodeId, here: Here, now: Instant) -> Known {
        match self.0.insert(node, (here, now)) {
            None => Known::Not,
            Some((_, before)) => {
                let silence = now.saturating_duration_since(before);
                if silence < SILENCE { Known::Well } else { Known::Silent(silence) }
            }
        }
    }

    /// It says that it goes. Whether it was there.
    pub(crate) fn leave(&mut self, node: NodeId) -> bool {
        self.0.remove(&node).is_some()
    }

    /// Those that are gone by now.
    pub(crate) fn expire(&mut self, now: Instant) -> Vec<NodeId> {
        let is_gone = |heard: Instant| now.saturating_duration_since(heard) >= GONE;
        let gone = self.0.extract_if(.., |_, (_, heard)| is_gone(*heard));
        gone.map(|(node, _)| node).collect()
    }

    /// Nobody was listened to for a while: they have time to say again that they are there.
    pub(crate) fn excuse(&mut self, now: Instant) {
        self.0.values_mut().for_each(|(_, heard)| *heard = now);
    }

    pub(crate) fn ids(&self) -> impl Iterator<Item = NodeId> {
        self.0.keys().copied()
    }

    /// What they have together.
    pub(crate) fn total(&self) -> Here {
        self.0.values().fold(Here::default(), |sum, (here, _)| Here {
            sockets: sum.sockets + here.sockets,
            connected: sum.connected + here.connected,
        })
    }

    /// How long a node that has changed waits before it says so: the more nodes hear of it, the longer.
    pub(crate) fn pause(&self) -> Duration {
        let count = u32::try_from(self.0.len()).unwrap_or(u32::MAX);
        Duration::from_millis(20).saturating_mul(count + 1).clamp(Duration::from_millis(50), BEAT)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_node_is_gone_when_it_says_so_or_was_silent_for_long() {
        let (mut nodes, start) = (Nodes::default(), Instant::now());
        let [one, two] = [1, 2].map(|number: u64| NodeId::from_bytes(number.to_be_bytes()));
        let here = |sockets| Here { sockets, connected: 1 };
        assert_eq!(nodes.hear(one, here(3), start), Known::Not);
        assert_eq!(nodes.hear(two, here(4), start), Known::Not);
        assert_eq!(nodes.total(), Here { sockets: 7, connected: 2 });
        let later = start + SILENCE;
        assert_eq!(nodes.hear(one, here(5), later), Known::Silent(SILENCE));
        assert_eq!(nodes.hear(one, here(5), later), Known::Well);
        assert_eq!(nodes.expire(start + GONE), [two]);
        assert!(nodes.leave(one) && !nodes.leave(one) && nodes.ids().next().is_none());
    }
}
