//! Who is connected and in which rooms, and the fan-out of one frame to many.

mod emitting;
mod members;
#[cfg(feature = "cluster")]
mod moving;
mod selected;

pub(crate) use members::{Of, Selection};
#[cfg(feature = "cluster")]
pub(crate) use moving::LetGo;

use crate::{
    CloseCode, Disconnect, NodeId, Protocol, Reject, SocketId,
    cluster::Joined,
    counters::Counters,
    flusher::Flusher,
    inspect::Hooks,
    peer::{Peer, lock},
    presence::Presence,
    stagger::Stopping,
};
use members::{Member, Members};
use std::{
    fmt,
    future::Future,
    pin::{Pin, pin},
    sync::{Arc, Mutex, OnceLock, PoisonError, RwLock},
};
use tokio::sync::Notify;

/// What was added at run time to run when a socket opens, and its future.
pub(crate) type Opened<P> =
    Arc<dyn Fn(Arc<Hub<P>>, Arc<Peer>) -> Result<Opening, Reject> + Send + Sync>;
type Opening = Pin<Box<dyn Future<Output = Result<(), Reject>> + Send>>;

/// All sockets of one server.
pub(crate) struct Hub<P: Protocol> {
    members: Mutex<Members<P::Room>>,
    emptied: Notify,
    pub(crate) stopping: Stopping,
    pub(crate) flusher: Arc<Flusher>,
    pub(crate) counters: Arc<Counters>,
    listeners: RwLock<Vec<Opened<P>>>,
    pub(crate) presence: Presence<P>,
    /// Fixed when the server is built, before the first socket.
    hooks: OnceLock<Hooks>,
    /// What it is a node of; fixed as those are.
    pub(crate) cluster: OnceLock<Joined<P>>,
}

impl<P: Protocol> Hub<P> {
    pub(crate) fn new() -> Self {
        Self {
            members: Mutex::new(Members::new()),
            emptied: Notify::new(),
            stopping: Stopping::default(),
            flusher: Arc::default(),
            counters: Arc::new(Counters::of::<P::Server>()),
            listeners: RwLock::default(),
            presence: Presence::new(),
            hooks: OnceLock::new(),
            cluster: OnceLock::new(),
        }
    }

    /// Fixes the hooks; a server is built once.
    pub(crate) fn set_hooks(&self, hooks: Hooks) {
        let _ = self.hooks.set(hooks);
    }

    /// Which node of a cluster it is.
    pub(crate) fn node(&self) -> NodeId {
        self.cluster.get().map(Joined::node).unwrap_or_default()
    }

    pub(crate) fn hooks(&self) -> &Hooks {
        self.hooks.get_or_init(Hooks::default)
    }

    /// Counts a socket in, which `make` makes, unless the server is stopping: how it is closed then.
    pub(crate) fn enter(
        &self,
        make: impl FnOnce(SocketId) -> Arc<Peer>,
    ) -> (Arc<Peer>, Option<Disconnect>) {
        let mut members = lock(&self.members);
        members.count += 1;
        let count = members.count;
        if let Some(disconnect) = self.refusal() {
            return (make(SocketId::nowhere(self.node(), count)), Some(disconnect));
        }
        let entry = members.sockets.vacant_entry();
        let Some(id) = SocketId::new(self.node(), count, entry.key()) else {
            return (make(SocketId::nowhere(self.node(), count)), Some(CloseCode::FULL.into()));
        };
        let peer = make(id);
        entry.insert(Member { peer: peer.clone(), leaving: false, away: false });
        drop(members);
        self.has_changed();
        (peer, None)
    }

    /// An id for a socket that is not counted in.
    pub(crate) fn id(&self) -> SocketId {
        let mut members = lock(&self.members);
        members.count += 1;
        SocketId::nowhere(self.node(), members.count)
    }

    /// Counts a socket out; it stays in its rooms.
    pub(crate) fn leaving(&self, id: SocketId) {
        let mut members = lock(&self.members);
        if let Some(member) = members.member(id).filter(|member| !member.leaving) {
            member.leaving = true;
            let was_away = std::mem::take(&mut member.away);
            members.leaving += 1;
            members.away -= usize::from(was_away);
        }
        drop(members);
        self.has_changed();
    }

    /// Notes whether a socket has a connection.
    pub(crate) fn connected(&self, id: SocketId, is_connected: bool) {
        let mut members = lock(&self.members);
        if let Some(member) = members.member(id).filter(|member| !member.leaving) {
            let was_away = std::mem::replace(&mut member.away, !is_connected);
            members.away = members.away - usize::from(was_away) + usize::from(!is_connected);
        }
        drop(members);
        self.has_changed();
    }

    /// Whether a socket has no connection; `None` for one that has ended.
    pub(crate) fn is_away(&self, id: SocketId) -> Option<bool> {
        let mut members = lock(&self.members);
        members.member(id).filter(|member| !member.leaving).map(|member| member.away)
    }

    /// How many sockets have a connection.
    pub(crate) fn connected_len(&self) -> usize {
        let members = lock(&self.members);
        members.len() - members.away
    }

    /// Forgets a socket and takes it out of its rooms.
    pub(crate) fn exit(&self, id: SocketId) {
        let mut members = lock(&self.members);
        let Some((member, rooms)) = members.remove(id) else { return };
        let emptied = members.sockets.is_empty();
        drop(members);
        self.left_rooms(rooms.iter().map(|(room, _)| room));
        self.socket_left(id);
        self.session_ended(id);
        // Only now: what a room does when it is dropped is its own, and what a waker does.
        drop((member, rooms));
        if emptied {
            self.emptied.notify_waiters();
        }
    }

    /// Waits until no socket is left.
    pub(crate) async fn emptied(&self) {
        loop {
            let mut emptied = pin!(self.emptied.notified());
            emptied.as_mut().enable();
            if lock(&self.members).sockets.is_empty() {
                return;
            }
            emptied.await;
        }
    }

    pub(crate) fn len(&self) -> usize {
        lock(&self.members).len()
    }

    pub(crate) fn room_count(&self) -> usize {
        lock(&self.members).rooms.len()
    }

    pub(crate) fn peer(&self, id: SocketId) -> Option<Arc<Peer>> {
        let mut members = lock(&self.members);
        members.member(id).filter(|member| !member.leaving).map(|member| member.peer.clone())
    }

    /// A peer, or the one in its place, where its socket has come back from another node.
    pub(crate) fn current(&self, peer: &Arc<Peer>) -> Arc<Peer> {
        let back = if peer.is_elsewhere() { self.peer(peer.id) } else { None };
        back.unwrap_or_else(|| peer.clone())
    }

    pub(crate) fn rooms(&self, id: SocketId) -> Vec<P::Room> {
        let members = lock(&self.members);
        let slot = members.slot(id).into_iter();
        slot.flat_map(|slot| members.rooms.of(slot)).cloned().collect()
    }

    /// Puts a socket into a room, if it is connected.
    pub(crate) fn join(&self, id: SocketId, room: &P::Room) {
        let channel = self.channel(room);
        let mut members = lock(&self.members);
        let is_first = members.join(id, room);
        if let Some(member) = members.member(id) {
            self.joined_room(channel, is_first, &member.peer);
        }
    }

    /// Takes a socket out of a room.
    pub(crate) fn leave(&self, id: SocketId, room: &P::Room) {
        let left = lock(&self.members).leave(id, room);
        self.left_room(id, room);
        self.left_rooms(left.iter().map(|(room, _)| room));
        drop(left);
    }

    /// Everybody who is there, those that are leaving included.
    pub(crate) fn everybody(&self) -> Vec<Arc<Peer>> {
        lock(&self.members).sockets.iter().map(|(_, member)| member.peer.clone()).collect()
    }

    /// What was added at run time to run when a socket opens.
    pub(crate) fn listeners(&self) -> Vec<Opened<P>> {
        self.listeners.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Adds to what runs when a socket opens.
    pub(crate) fn listen(&self, listener: Opened<P>) {
        self.listeners.write().unwrap_or_else(PoisonError::into_inner).push(listener);
    }
}

impl<P: Protocol> Drop for Hub<P> {
    fn drop(&mut self) {
        self.flusher.stop();
        self.leave_cluster();
    }
}

impl<P: Protocol> fmt::Debug for Hub<P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Hub").field("sockets", &self.len()).finish_non_exhaustive()
    }
}
