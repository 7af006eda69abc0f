//! How far nodes had come when something began: what they said before is not for it.

use crate::NodeId;
use std::{collections::BTreeMap, sync::Arc};

/// The number of the last that was heard of each node.
pub(crate) type Heads = BTreeMap<NodeId, u64>;

/// See the module. Many that begin at about the same time share one.
#[derive(Debug, Clone, Default)]
pub(crate) struct Floor {
    /// The node where it began, and how far that had come.
    pub(super) own: (NodeId, u64),
    pub(super) heard: Arc<Heads>,
    /// The last message of the log that was said before for sure: nobody may have heard of who said it.
    pub(super) log: u64,
}

impl Floor {
    pub(crate) fn new(own: (NodeId, u64), heard: Arc<Heads>, log: u64) -> Self {
        Self { own, heard, log }
    }

    /// Whoever had said something.
    pub(super) fn nodes(&self) -> impl Iterator<Item = NodeId> {
        self.heard.keys().copied().chain([self.own.0])
    }

    /// How far a node had come; not at all if nobody had heard of it.
    pub(crate) fn of(&self, node: NodeId) -> u64 {
        if node == self.own.0 {
            return self.own.1;
        }
        self.heard.get(&node).copied().unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::super::Durable;
    use crate::NodeId;
    use std::time::{Duration, Instant};

    #[test]
    fn nodes_of_which_the_log_has_nothing_any_more_are_forgotten() {
        let (durable, own) = (Durable::default(), NodeId::new());
        let nodes = [NodeId::new(), NodeId::new()];
        let (start, time) = (Instant::now(), Duration::from_secs(180));
        nodes.iter().for_each(|node| durable.has_heard(*node, 5, start));
        let before = durable.floor((own, 1));
        durable.has_heard(nodes[0], 4, start + time);
        durable.forget(time, start + time * 2);
        let after = durable.floor((own, 2));
        // What began before goes by what was known then.
        assert_eq!(nodes.map(|node| before.of(node)), [5, 5]);
        assert_eq!(nodes.map(|node| after.of(node)), [5, 0]);
    }
}
