//! How an event is treated while it waits for a slow receiver.

use crate::{Events, Policy, latest::Key, queued::Sort};

/// See the module. It is the same for all receivers.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(crate) struct Treatment {
    pub(crate) policy: Policy,
    /// Of a `latest` event.
    pub(crate) key: Key,
}

impl Treatment {
    /// What the contract says of an event.
    pub(crate) fn of<E: Events>(event: &E) -> Self {
        let index = event.index();
        let policy = E::policy(index);
        let key = if policy == Policy::Latest { Key::of(event, index) } else { Key::default() };
        Self { policy, key }
    }

    /// That of a `latest` event of this key.
    #[cfg(feature = "cluster")]
    pub(crate) fn latest(key: Key) -> Self {
        Self { policy: Policy::Latest, key }
    }

    /// What may happen to its frame.
    pub(crate) fn sort(self) -> Sort {
        match self.policy {
            Policy::Latest => Sort::Latest(self.key),
            Policy::Reliable => Sort::Text,
            Policy::Volatile => Sort::Volatile,
        }
    }
}

/// Of all events that replace no other ones.
impl From<Policy> for Treatment {
    fn from(policy: Policy) -> Self {
        Self { policy, key: Key::default() }
    }
}
