//! What is done to every socket of a selection, here and on other nodes.

use super::{Hub, Of, Selection};
use crate::{
    Disconnect, Protocol,
    cluster::{Forward, Scope},
    peer::{Peer, lock},
};
use std::sync::Arc;

impl<P: Protocol> Hub<P> {
    /// Puts every socket of a selection into a room.
    pub(crate) fn join_all(
        &self,
        selection: &Selection<P::Room>,
        room: &P::Room,
        forward: Forward<'_>,
    ) {
        let channel = self.channel(room);
        let mut members = lock(&self.members);
        for peer in members.select(selection) {
            let is_first = members.join(peer.id, room);
            self.joined_room(channel, is_first, &peer);
        }
        // Under the lock: a socket that comes or goes meanwhile is meant once.
        forward.say();
    }

    /// Takes every socket of a selection out of a room.
    pub(crate) fn leave_all(
        self: &Arc<Self>,
        selection: &Selection<P::Room>,
        room: &P::Room,
        forward: Forward<'_>,
    ) {
        let mut members = lock(&self.members);
        let peers = members.select(selection);
        let left: Vec<_> = peers.iter().map(|peer| members.leave(peer.id, room)).collect();
        forward.say();
        drop(members);
        peers.iter().for_each(|peer| self.left_room(peer.id, room));
        self.left_rooms(left.iter().flatten().map(|(room, _)| room));
        drop(left);
        peers.iter().for_each(|peer| self.absent(peer, room));
    }

    /// Closes every socket of a selection: see [`Socket::close`](crate::Socket::close).
    pub(crate) fn close_all(
        &self,
        selection: &Selection<P::Room>,
        disconnect: &Disconnect,
        forward: Forward<'_>,
    ) {
        let members = lock(&self.members);
        let peers = members.select(selection);
        forward.say();
        drop(members);
        peers.iter().for_each(|peer| self.dismiss(peer, disconnect));
    }

    /// Closes a socket, wherever it has gone.
    pub(crate) fn dismiss(&self, peer: &Arc<Peer>, disconnect: &Disconnect) {
        peer.dismiss(disconnect.clone());
        if peer.is_elsewhere() {
            let selection = Selection::of(Of::Socket(peer.id));
            let forward = self.forward_close(&selection, disconnect, Scope::Everywhere);
            self.close_all(&selection, disconnect, forward);
        }
    }

    /// The sockets of a selection.
    pub(crate) fn select(&self, selection: &Selection<P::Room>) -> Vec<Arc<Peer>> {
        lock(&self.members).select(selection)
    }

    pub(crate) fn count(&self, selection: &Selection<P::Room>) -> usize {
        let mut count = 0;
        lock(&self.members).each(selection, |_| count += 1);
        count
    }
}
