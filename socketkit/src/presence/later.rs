//! What is done about a room after a while. A runtime may end before, and other sockets of the room be on
//! another.

use super::{Queued, now};
use crate::{Protocol, SocketId, hub::Hub, peer::lock};
use smallvec::SmallVec;
use std::{sync::Weak, time::Instant};
use tokio::runtime::Handle;

/// Takes sockets out of a room when it is dropped: no more is waited for them.
pub(super) struct Look<P: Protocol> {
    pub(super) hub: Weak<Hub<P>>,
    pub(super) ids: SmallVec<[SocketId; 1]>,
    pub(super) room: P::Room,
    /// When their time is over.
    pub(super) until: Instant,
    pub(super) runtime: Handle,
}

impl<P: Protocol> Drop for Look<P> {
    fn drop(&mut self) {
        let Some(hub) = self.hub.upgrade() else { return };
        let (mut queued, mut gathers) = (Queued::default(), false);
        let mut all = lock(&hub.presence.0);
        if let Some(entry) = all.rooms.get_mut(&self.room) {
            let now = now().max(self.until);
            let changes: Vec<_> =
                self.ids.iter().filter_map(|id| entry.roster.expire(*id, now)).collect();
            gathers = entry.changes(changes, &mut queued);
            all.drop_if_empty(&self.room, &hub.replication());
        }
        drop(all);
        hub.see_to(queued);
        hub.gather(&self.runtime, &self.room, gathers);
    }
}

/// Tells of what is gathered for a room, until there is nothing any more.
pub(super) struct Gathering<P: Protocol> {
    pub(super) hub: Weak<Hub<P>>,
    pub(super) room: P::Room,
    /// Nothing was left to tell. Dropped before, it leaves that to others.
    pub(super) is_over: bool,
}

impl<P: Protocol> Gathering<P> {
    pub(super) fn flush(&mut self) {
        self.is_over = true;
        let (Some(hub), mut queued) = (self.hub.upgrade(), Queued::default()) else { return };
        let mut all = lock(&hub.presence.0);
        let Some(entry) = all.rooms.get_mut(&self.room) else { return };
        self.is_over = !entry.flush(&mut queued);
        all.drop_if_empty(&self.room, &hub.replication());
        drop(all);
        hub.see_to(queued);
    }
}

impl<P: Protocol> Drop for Gathering<P> {
    fn drop(&mut self) {
        let Some(hub) = self.hub.upgrade().filter(|_| !self.is_over) else { return };
        let mut all = lock(&hub.presence.0);
        if let Some(entry) = all.rooms.get_mut(&self.room) {
            entry.is_abandoned = true;
            all.drop_if_empty(&self.room, &hub.replication());
        }
    }
}
