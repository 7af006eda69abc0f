//! What a hub says to other nodes.

use super::{
    acting::Acting,
    channel::Channel,
    codec::Codec,
    durable::places,
    message::{Emit, Kept, Record},
    outbound::Item,
    selected::Selected,
    shared::Shared,
};
use crate::{
    Disconnect, Events, NodeId, Policy, Protocol, SocketId,
    counters::Counters,
    frame::{self, FrameBytes},
    handler::Handling,
    hub::{Hub, Of, Selection},
    peer::{Peer, lock},
    seat::Identity,
    treatment::Treatment,
};
use std::{fmt, sync::Arc};

/// The place of a hub in its cluster.
pub(crate) struct Joined<P: Protocol> {
    pub(crate) shared: Arc<Shared>,
    pub(crate) codec: Codec<P::Room>,
}

impl<P: Protocol> Joined<P> {
    pub(crate) fn node(&self) -> NodeId {
        self.shared.node
    }
}

/// Whether other nodes are meant as well.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Scope {
    Everywhere,
    Here,
}

/// What goes to other nodes, ready to be sent: under a lock it is only handed over.
pub(crate) struct Forward<'a> {
    by: Option<(&'a Shared, &'a Counters)>,
    /// Only if the engine is to keep it for this socket.
    for_kept: Option<SocketId>,
    items: Vec<Item>,
}

impl Forward<'_> {
    /// Nothing.
    pub(crate) fn none() -> Self {
        Self { by: None, for_kept: None, items: Vec::new() }
    }

    /// The same, if it is kept for this socket.
    pub(crate) fn if_kept(self, id: SocketId) -> Self {
        Self { for_kept: Some(id), ..self }
    }

    /// Hands it over, without a frame.
    pub(crate) fn say(self) {
        self.hand_over(|_, _, _| {});
    }

    /// Hands it over, with its frame, which says from now on where it stands if it can. Whether it was taken.
    pub(crate) fn send(self, frame: &mut FrameBytes) -> bool {
        self.hand_over(|shared, last, items| {
            let is_placed = shared.durable.is_some() && items.iter().any(|item| item.counts);
            if is_placed {
                *frame = frame::placed(frame, &places::write(shared.node, last));
                items.iter_mut().for_each(|item| item.bytes = Some(frame.clone()));
            }
        })
    }

    /// The same; `with` is given the number of the last item that counts.
    fn hand_over(self, with: impl FnOnce(&Shared, u64, &mut [Item])) -> bool {
        let Some((shared, counters)) = self.by else { return false };
        let is_kept = |id| shared.durable.as_ref().is_some_and(|durable| durable.keeps(id));
        if !self.for_kept.is_none_or(is_kept) {
            return false;
        }
        let is_taken = shared.forward_numbered(self.items, |last, items| with(shared, last, items));
        counters.cluster.refused.add((!is_taken).into());
        is_taken
    }
}

impl<P: Protocol> Hub<P> {
    /// Whether events are kept for sessions that outlive their node.
    pub(crate) fn is_durable(&self, scope: Scope) -> bool {
        self.reach(scope).is_some_and(|joined| joined.shared.durable.is_some())
    }

    /// The cluster, if other nodes are meant.
    pub(super) fn reach(&self, scope: Scope) -> Option<&Joined<P>> {
        self.cluster.get().filter(|_| scope == Scope::Everywhere)
    }

    /// Whether nobody else is meant.
    pub(crate) fn is_alone(&self, scope: Scope) -> bool {
        self.reach(scope).is_none()
    }

    pub(crate) fn others(&self) -> Vec<NodeId> {
        let shared = self.cluster.get().map(|joined| &joined.shared);
        shared.map(|shared| lock(&shared.others).ids()).unwrap_or_default()
    }

    /// Whether there are other nodes to which sessions could go, if the engine is there.
    pub(crate) fn has_others(&self) -> bool {
        let shared = self.cluster.get().map(|joined| &joined.shared);
        shared.is_some_and(|shared| lock(&shared.others).are_open)
    }

    /// Whether sessions could go to other nodes just now.
    pub(crate) fn reaches_others(&self) -> bool {
        let shared = self.cluster.get().map(|joined| &joined.shared);
        shared.is_some_and(|shared| shared.is_connected()) && self.has_others()
    }

    /// Other nodes soon learn that this one takes no sessions.
    pub(crate) fn announce_stop(&self) {
        if let Some(joined) = self.cluster.get() {
            joined.shared.changed();
        }
    }

    /// Waits until the sessions that have left have arrived elsewhere, or are lost.
    pub(crate) async fn handed_over(&self) {
        if let Some(joined) = self.cluster.get() {
            joined.shared.departures.settled().await;
        }
    }

    /// The server is over: other nodes are told.
    pub(crate) fn leave_cluster(&self) {
        if let Some(joined) = self.cluster.get() {
            joined.shared.close();
        }
    }

    /// Waits until the engine has all that was said before.
    pub(crate) async fn left_cluster(&self) {
        if let Some(over) = self.cluster.get().and_then(|joined| joined.shared.over.get()) {
            // Nothing is ever sent: an error when the task has ended.
            let _ = over.clone().changed().await;
        }
    }

    /// An event for the sockets of a selection on other nodes.
    pub(crate) fn forward_event(
        &self,
        selection: &Selection<P::Room>,
        frame: &FrameBytes,
        (treatment, index): (Treatment, usize),
        scope: Scope,
    ) -> Forward<'_> {
        let Some(Joined { shared, codec }) = self.reach(scope) else { return Forward::none() };
        let Some(to) = codec.select(selection) else { return Forward::none() };
        let by_name = P::Server::latest_by(index).is_empty();
        let (policy, len) = (treatment.kept(by_name), frame.len());
        let items = shared.route(&to, treatment.policy != Policy::Volatile, Some(frame), |to| {
            Record::Emit(Emit { to, policy, len })
        });
        Forward { by: Some((shared, &self.counters)), for_kept: None, items }
    }

    /// A reply for a socket that has gone to another node while its handler was at work.
    pub(crate) fn forward_reply(&self, id: SocketId, frame: &FrameBytes) {
        let Some(Joined { shared, .. }) = self.cluster.get() else { return };
        let (to, len) = (Selected::socket(id), frame.len());
        let emit = |to| Record::Emit(Emit { to, policy: None, len });
        let items = shared.route(&to, true, Some(frame), emit);
        let forward = Forward { by: Some((shared, &self.counters)), for_kept: None, items };
        // It may be back.
        self.deliver(&Selection::of(Of::Socket(id)), frame, Treatment::default(), forward);
    }

    fn forward(
        &self,
        selection: &Selection<P::Room>,
        scope: Scope,
        record: impl Fn(Selected) -> Record,
    ) -> Forward<'_> {
        let Some(Joined { shared, codec }) = self.reach(scope) else { return Forward::none() };
        let Some(to) = codec.select(selection) else { return Forward::none() };
        let items = shared.route(&to, true, None, record);
        Forward { by: Some((shared, &self.counters)), for_kept: None, items }
    }

    /// Has other nodes put their sockets of a selection into a room.
    pub(crate) fn forward_join(
        &self,
        selection: &Selection<P::Room>,
        room: &P::Room,
        scope: Scope,
    ) -> Forward<'_> {
        let Some(Joined { shared, codec }) = self.reach(scope) else { return Forward::none() };
        let Some(room) = codec.write(room) else { return Forward::none() };
        shared.widen(&room);
        self.forward(selection, scope, |to| Record::Join { to, room: room.clone() })
    }

    /// Has other nodes take them out of it.
    pub(crate) fn forward_leave(
        &self,
        selection: &Selection<P::Room>,
        room: &P::Room,
        scope: Scope,
    ) -> Forward<'_> {
        let room = self.reach(scope).and_then(|joined| joined.codec.write(room));
        let Some(room) = room else { return Forward::none() };
        self.forward(selection, scope, |to| Record::Leave { to, room: room.clone() })
    }

    /// Has other nodes close them.
    pub(crate) fn forward_close(
        &self,
        selection: &Selection<P::Room>,
        disconnect: &Disconnect,
        scope: Scope,
    ) -> Forward<'_> {
        let Disconnect { code, reason } = disconnect;
        self.forward(selection, scope, |to| {
            let (code, reason) = (code.0, reason.clone());
            Record::Close { to, code, reason }
        })
    }

    /// Has other nodes close all that is somebody's.
    pub(crate) fn forward_revoke(&self, identity: &dyn Identity, scope: Scope) {
        let Some(Joined { shared, .. }) = self.reach(scope) else { return };
        let Some(identity) = identity.name() else { return };
        shared.forward(shared.route(&Selected::default(), true, None, |_| Record::Revoke {
            identity: identity.clone(),
        }));
    }

    /// How many sockets other nodes have, and how many of these have a connection, as they said last.
    pub(crate) fn elsewhere(&self, scope: Scope) -> (usize, usize) {
        let shared = self.reach(scope).map(|joined| &joined.shared);
        let total = shared.map(|shared| lock(&shared.others).total.clone()).unwrap_or_default();
        (total.sockets, total.connected)
    }

    /// The channel of a room, to be named before a lock is taken.
    pub(crate) fn channel(&self, room: &P::Room) -> Option<Channel> {
        let name = self.cluster.get()?.codec.write(room)?;
        Some(Channel::of_room(name.get()))
    }

    /// A socket is in a room, in which nobody was before if it is the first.
    pub(crate) fn joined_room(&self, channel: Option<Channel>, is_first: bool, peer: &Arc<Peer>) {
        if let (Some(joined), Some(channel)) = (self.cluster.get(), channel) {
            joined.shared.join(channel, is_first, peer);
            joined.shared.is_in(channel, peer);
        }
    }

    /// It is in a room no more.
    pub(crate) fn left_room(&self, id: SocketId, room: &P::Room) {
        if let (Some(joined), Some(channel)) = (self.cluster.get(), self.channel(room)) {
            joined.shared.is_out(channel, id);
        }
    }

    /// Somebody has come back to its session: those who come late for it are to know. Who has not heard of its new
    /// secret does not before that is so.
    pub(crate) fn session_renewed(&self, peer: &Arc<Peer>, is_unheard: bool) {
        let Some(Joined { shared, .. }) = self.cluster.get() else { return };
        if shared.durable.as_ref().is_some_and(|durable| durable.changed(peer.id, None)) {
            if is_unheard && !shared.hold(peer, 0) {
                peer.lose_unheard();
            }
            shared.outbound.wake.notify_one();
        }
    }

    /// Its session has ended.
    pub(crate) fn session_ended(&self, id: SocketId) {
        let durable = self.cluster.get().and_then(|joined| joined.shared.durable.as_ref());
        durable.into_iter().for_each(|durable| durable.ended(id));
    }

    /// Nobody is in these rooms any more.
    pub(crate) fn left_rooms<'a>(&self, rooms: impl Iterator<Item = &'a P::Room>) {
        if let Some(joined) = self.cluster.get() {
            let channels = rooms.filter_map(|room| self.channel(room));
            channels.for_each(|channel| joined.shared.end(channel));
        }
    }

    /// A socket is here that began on another node: what is for it comes on a channel of its own.
    pub(crate) fn socket_came(&self, id: SocketId) {
        if let Some(joined) = self.cluster.get().filter(|joined| joined.node() != id.node()) {
            joined.shared.listen_to(&[Channel::Socket(id)]);
        }
    }

    /// It has ended, or is elsewhere.
    pub(crate) fn socket_left(&self, id: SocketId) {
        if let Some(joined) = self.cluster.get().filter(|joined| joined.node() != id.node()) {
            joined.shared.end(Channel::Socket(id));
        }
    }

    /// A handler of a socket, with what it emits in mind.
    pub(crate) fn acts(&self, peer: &Arc<Peer>, handling: Handling) -> Handling {
        match self.cluster.get() {
            Some(_) => Box::pin(Acting { peer: peer.clone(), handling }),
            None => handling,
        }
    }

    /// The number of sockets has changed, or how many have a connection.
    pub(crate) fn has_changed(&self) {
        if let Some(joined) = self.cluster.get() {
            joined.shared.changed();
        }
    }
}

impl Treatment {
    /// What others are told of it.
    fn kept(self, by_name: bool) -> Option<Kept> {
        match self.policy {
            Policy::Reliable => None,
            Policy::Volatile => Some(Kept::Volatile),
            Policy::Latest => Some(Kept::Latest((!by_name).then(|| self.key.number()))),
        }
    }
}

impl<P: Protocol> fmt::Debug for Joined<P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Joined").field("node", &self.node()).finish_non_exhaustive()
    }
}
