//! Sockets that go to other nodes, and that come from there.

use super::{Hub, Members};
use crate::{
    Protocol, SocketId,
    outbox::Packed,
    peer::{Peer, lock},
};
use std::sync::{Arc, MutexGuard};

/// Why a socket was not let go.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum LetGo {
    /// It is in other rooms.
    Changed,
    /// It has ended, or is about to.
    Gone,
}

impl<P: Protocol> Hub<P> {
    /// Lets a socket go to another node, if it is in just these rooms: from one moment to the next it is not here any
    /// more, and what it has is sent.
    pub(crate) fn let_go(
        &self,
        peer: &Arc<Peer>,
        rooms: &[P::Room],
        send: impl FnOnce(Packed),
    ) -> Result<(), LetGo> {
        let members = lock(&self.members);
        let slot = members.slot(peer.id).ok_or(LetGo::Gone)?;
        let is_same = members.rooms.of(slot).count() == rooms.len()
            && members.rooms.of(slot).all(|room| rooms.contains(room));
        if !is_same {
            return Err(LetGo::Changed);
        }
        let mut queue = peer.queue();
        if queue.is_ending() {
            // It has taken nothing since.
            return Err(LetGo::Gone);
        }
        peer.goes_elsewhere();
        let packed = queue.pack();
        drop(queue);
        self.without(members, peer.id, || send(packed));
        Ok(())
    }

    /// Takes a socket out that has not ended; `and` is done before anybody else can look.
    fn without(
        &self,
        mut members: MutexGuard<'_, Members<P::Room>>,
        id: SocketId,
        and: impl FnOnce(),
    ) {
        let gone = members.remove(id);
        and();
        let emptied = members.sockets.is_empty();
        drop(members);
        if let Some((member, rooms)) = gone {
            self.left_rooms(rooms.iter().map(|(room, _)| room));
            drop((member, rooms));
        }
        self.socket_left(id);
        self.has_changed();
        if emptied {
            self.emptied.notify_waiters();
        }
    }

    /// Does something with a socket that is here, while nobody emits.
    pub(crate) fn undisturbed(&self, peer: &Arc<Peer>, and: impl FnOnce()) {
        let mut members = lock(&self.members);
        if members.member(peer.id).is_some() {
            and();
        }
    }

    /// Lets a socket go that another node has, or will have. Whether it was here.
    pub(crate) fn take_out(&self, peer: &Arc<Peer>, and: impl FnOnce()) -> bool {
        let mut members = lock(&self.members);
        let is_here = members.member(peer.id).is_some_and(|member| Arc::ptr_eq(&member.peer, peer));
        if is_here {
            self.without(members, peer.id, and);
        }
        is_here
    }

    /// Takes in a socket of another node, in its rooms. `and` is done before anything is emitted to it.
    pub(crate) fn take_in<T>(
        &self,
        peer: &Arc<Peer>,
        rooms: &[P::Room],
        and: impl FnOnce() -> T,
    ) -> T {
        let channels: Vec<_> = rooms.iter().map(|room| self.channel(room)).collect();
        let mut members = lock(&self.members);
        members.admit(peer.clone());
        let joined: Vec<_> = rooms.iter().map(|room| members.join(peer.id, room)).collect();
        let done = and();
        drop(members);
        for (channel, is_first) in channels.into_iter().zip(joined) {
            self.joined_room(channel, is_first, peer);
        }
        self.socket_came(peer.id);
        self.has_changed();
        done
    }

    /// Every room that has somebody in it.
    pub(crate) fn all_rooms(&self) -> Vec<P::Room> {
        lock(&self.members).rooms.names().cloned().collect()
    }
}
