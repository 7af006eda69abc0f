//! Who is connected and in which rooms, and the fan-out of one frame to many.

use crate::{
    CloseCode, Delivery, Disconnect, EmitError, Events, Policy, Protocol, Reject, SocketId,
    delivery::Kind,
    flusher::{Flusher, write},
    frame::{Draft, FrameBytes},
    inspect::{Hooks, Inspected},
    peer::{GROUP, Peer, lock},
    rooms::Rooms,
    turn::Flush,
    wire,
};
use slab::Slab;
use smallvec::SmallVec;
use std::{
    fmt,
    future::Future,
    pin::{Pin, pin},
    sync::{Arc, Mutex, OnceLock, PoisonError, RwLock},
};
use tokio::sync::Notify;
use tokio_tungstenite::tungstenite::protocol::Role;

/// What was added at run time to run when a socket opens, and its future.
pub(crate) type Opened<P> =
    Arc<dyn Fn(Arc<Hub<P>>, Arc<Peer>) -> Result<Opening, Reject> + Send + Sync>;
type Opening = Pin<Box<dyn Future<Output = Result<(), Reject>> + Send>>;

/// All sockets of one server.
pub(crate) struct Hub<P: Protocol> {
    members: Mutex<Members<P::Room>>,
    emptied: Notify,
    pub(crate) flusher: Arc<Flusher>,
    listeners: RwLock<Vec<Opened<P>>>,
    /// Fixed when the server is built, before the first socket.
    hooks: OnceLock<Hooks>,
}

/// Who is connected, and in which rooms.
#[derive(Debug)]
struct Members<R> {
    /// By their slots: see [`SocketId`].
    sockets: Slab<Member>,
    rooms: Rooms<R>,
    /// How many sockets there were.
    count: u64,
    /// Sockets of `sockets` that have ended and are in their rooms until `on_disconnect` has run.
    leaving: usize,
    /// Sockets that have no connection, and are waited for.
    away: usize,
    /// How sockets are closed that are yet to open.
    stopping: Option<Disconnect>,
}

#[derive(Debug)]
struct Member {
    peer: Arc<Peer>,
    leaving: bool,
    away: bool,
}

/// Which sockets are meant.
#[derive(Debug)]
pub(crate) struct Selection<R> {
    pub(crate) of: Of<R>,
    pub(crate) except_sockets: Vec<SocketId>,
    pub(crate) except_rooms: Vec<R>,
}

/// What a selection is taken from.
#[derive(Debug)]
pub(crate) enum Of<R> {
    All,
    Rooms(Vec<R>),
}

impl<P: Protocol> Hub<P> {
    pub(crate) fn new() -> Self {
        let members = Members {
            sockets: Slab::new(),
            rooms: Rooms::new(),
            count: 0,
            leaving: 0,
            away: 0,
            stopping: None,
        };
        Self {
            members: Mutex::new(members),
            emptied: Notify::new(),
            flusher: Arc::default(),
            listeners: RwLock::default(),
            hooks: OnceLock::new(),
        }
    }

    /// Fixes the hooks; a server is built once.
    pub(crate) fn set_hooks(&self, hooks: Hooks) {
        let _ = self.hooks.set(hooks);
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
        if let Some(disconnect) = members.stopping.clone() {
            return (make(SocketId::nowhere(count)), Some(disconnect));
        }
        let entry = members.sockets.vacant_entry();
        let Some(id) = SocketId::new(count, entry.key()) else {
            return (make(SocketId::nowhere(count)), Some(CloseCode::FULL.into()));
        };
        let peer = make(id);
        entry.insert(Member { peer: peer.clone(), leaving: false, away: false });
        (peer, None)
    }

    /// An id for a socket that is not counted in.
    pub(crate) fn id(&self) -> SocketId {
        let mut members = lock(&self.members);
        members.count += 1;
        SocketId::nowhere(members.count)
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
    }

    /// Notes whether a socket has a connection.
    pub(crate) fn connected(&self, id: SocketId, is_connected: bool) {
        let mut members = lock(&self.members);
        if let Some(member) = members.member(id).filter(|member| !member.leaving) {
            let was_away = std::mem::replace(&mut member.away, !is_connected);
            members.away = members.away - usize::from(was_away) + usize::from(!is_connected);
        }
    }

    /// How many sockets have a connection.
    pub(crate) fn connected_len(&self) -> usize {
        let members = lock(&self.members);
        members.len() - members.away
    }

    /// Forgets a socket and takes it out of its rooms.
    pub(crate) fn exit(&self, id: SocketId) {
        let mut members = lock(&self.members);
        if members.member(id).is_none() {
            return;
        }
        let member = members.sockets.remove(id.slot() as usize);
        members.leaving -= usize::from(member.leaving);
        members.away -= usize::from(member.away);
        let rooms = members.rooms.exit(id.slot());
        let emptied = members.sockets.is_empty();
        drop(members);
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

    pub(crate) fn rooms(&self, id: SocketId) -> Vec<P::Room> {
        let mut members = lock(&self.members);
        match members.member(id) {
            Some(_) => members.rooms.of(id.slot()).cloned().collect(),
            None => Vec::new(),
        }
    }

    /// Puts a socket into a room, if it is connected.
    pub(crate) fn join(&self, id: SocketId, room: &P::Room) {
        lock(&self.members).join(id, room);
    }

    /// Takes a socket out of a room.
    pub(crate) fn leave(&self, id: SocketId, room: &P::Room) {
        let left = lock(&self.members).leave(id, room);
        drop(left);
    }

    /// Puts every socket of a selection into a room.
    pub(crate) fn join_all(&self, selection: &Selection<P::Room>, room: &P::Room) {
        let mut members = lock(&self.members);
        for peer in members.select(selection) {
            members.join(peer.id, room);
        }
    }

    /// Takes every socket of a selection out of a room.
    pub(crate) fn leave_all(&self, selection: &Selection<P::Room>, room: &P::Room) {
        let mut members = lock(&self.members);
        let peers = members.select(selection);
        let left: Vec<_> = peers.iter().map(|peer| members.leave(peer.id, room)).collect();
        drop(members);
        drop(left);
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

    /// Encodes an event once and queues it for every socket of a selection. Queues are filled under
    /// one lock, so two emits reach all receivers that they share in the same order.
    pub(crate) fn emit(&self, selection: &Selection<P::Room>, event: P::Server) -> Delivery {
        let Some((frame, policy)) = self.encode(None, event) else {
            return Delivery::default();
        };
        let mut delivery = Delivery::default();
        let (mut ask, mut now, mut wake) = (Vec::new(), Vec::new(), Vec::new());
        lock(&self.members).each(selection, |peer| {
            let (pushed, flush, signals) =
                peer.push_quietly(frame.clone(), policy, Kind::Broadcast);
            delivery.count(pushed);
            if !signals.is_empty() {
                wake.push(signals);
            }
            match flush {
                Flush::Pending => {}
                Flush::Ask => ask.push(peer.clone()),
                Flush::Now => now.push(peer.clone()),
            }
        });
        drop(wake);
        self.flusher.ask_all(ask);
        write(&now);
        delivery
    }

    /// Queues an event for one socket.
    pub(crate) fn emit_to(&self, peer: &Arc<Peer>, event: P::Server) -> Delivery {
        let Some((frame, policy)) = self.encode(Some(peer.id), event) else {
            return Delivery::default();
        };
        let (pushed, flush) = peer.push(frame, policy, Kind::Emit);
        self.flusher.flush(peer, flush);
        Delivery::of(pushed)
    }

    /// Closes every socket, and those that are yet to open.
    pub(crate) fn close_all(&self, disconnect: &Disconnect) {
        let mut members = lock(&self.members);
        members.stopping = Some(disconnect.clone());
        let peers: Vec<_> = members.sockets.iter().map(|(_, member)| member.peer.clone()).collect();
        drop(members);
        for peer in peers {
            peer.close(disconnect.clone());
        }
    }

    /// What was added at run time to run when a socket opens.
    pub(crate) fn listeners(&self) -> Vec<Opened<P>> {
        self.listeners.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Adds to what runs when a socket opens.
    pub(crate) fn listen(&self, listener: Opened<P>) {
        self.listeners.write().unwrap_or_else(PoisonError::into_inner).push(listener);
    }

    /// The frame of an event, made once; `None` if it does not serialise.
    fn encode(
        &self,
        socket: Option<SocketId>,
        event: P::Server,
    ) -> Option<(FrameBytes, (Policy, usize))> {
        let (name, index) = (event.name(), event.index());
        let hooks = self.hooks();
        let mut draft = Draft::new(128);
        match wire::write_event(draft.out(), name, None, |out| event.encode(out)) {
            Ok(()) => {
                hooks.inspect(|| Inspected::sent(socket, name, &draft));
                Some((draft.finish(Role::Server), (P::Server::policy(index), index)))
            }
            Err(source) => {
                hooks.error(&EmitError { event: name, source });
                None
            }
        }
    }
}

impl<R: Clone + Eq + std::hash::Hash> Members<R> {
    fn len(&self) -> usize {
        self.sockets.len() - self.leaving
    }

    /// The socket of an id.
    fn member(&mut self, id: SocketId) -> Option<&mut Member> {
        // Its slot may be that of another meanwhile.
        self.sockets.get_mut(id.slot() as usize).filter(|member| member.peer.id == id)
    }

    fn join(&mut self, id: SocketId, room: &R) {
        if self.member(id).is_some_and(|member| !member.leaving) {
            self.rooms.join(id.slot(), room);
        }
    }

    /// Takes a socket out of a room. What is returned is to be dropped without the lock.
    fn leave(&mut self, id: SocketId, room: &R) -> Option<(R, R)> {
        self.member(id)?;
        self.rooms.leave(id.slot(), room)
    }

    fn select(&self, selection: &Selection<R>) -> Vec<Arc<Peer>> {
        let mut peers = Vec::new();
        self.each(selection, |peer| peers.push(peer.clone()));
        peers
    }

    /// Visits each socket of a selection once.
    fn each(&self, selection: &Selection<R>, mut visit: impl FnMut(&Arc<Peer>)) {
        let Selection { of, except_sockets, except_rooms } = selection;
        let keys = |rooms: &[R]| -> Vec<u32> {
            rooms.iter().filter_map(|room| self.rooms.key(room)).collect()
        };
        let except = keys(except_rooms);
        let is_in = |keys: &[u32], slot| keys.iter().any(|key| self.rooms.contains(*key, slot));
        let mut visit = |(slot, member): (u32, &Member)| {
            let is_excepted = !except_sockets.is_empty()
                && except_sockets.contains(&member.peer.id)
                || is_in(&except, slot);
            if !is_excepted {
                visit(&member.peer);
            }
        };
        match of {
            Of::All => {
                let sockets = self.sockets.iter().filter(|(_, member)| !member.leaving);
                fetched(sockets.map(|(slot, member)| (slot as u32, member)), &mut visit);
            }
            Of::Rooms(rooms) => {
                let rooms = keys(rooms);
                for (at, room) in rooms.iter().enumerate() {
                    let before = rooms.get(..at).unwrap_or_default();
                    let slots =
                        self.rooms.slots(*room).iter().filter(|slot| !is_in(before, **slot));
                    let sockets =
                        slots.filter_map(|slot| Some((*slot, self.sockets.get(*slot as usize)?)));
                    fetched(sockets, &mut visit);
                }
            }
        }
    }
}

/// Visits sockets, each [`GROUP`] of which is fetched before.
fn fetched<'a>(
    mut sockets: impl Iterator<Item = (u32, &'a Member)>,
    mut visit: impl FnMut((u32, &'a Member)),
) {
    loop {
        let group: SmallVec<[_; GROUP]> = sockets.by_ref().take(GROUP).collect();
        if group.is_empty() {
            return;
        }
        group.iter().for_each(|(_, member)| member.peer.fetch());
        group.into_iter().for_each(&mut visit);
    }
}

impl<P: Protocol> Drop for Hub<P> {
    fn drop(&mut self) {
        self.flusher.stop();
    }
}

impl<P: Protocol> fmt::Debug for Hub<P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Hub").field("sockets", &self.len()).finish_non_exhaustive()
    }
}
