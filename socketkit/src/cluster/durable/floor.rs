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
}

impl Floor {
    pub(crate) fn new(own: (NodeId, u64), heard: Arc<Heads>) -> Self {
        Self { own, heard }
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
