//! Who is present where, and telling of it: each change is one frame, made once and queued for everybody
//! who is told of the room, in one order for all.

mod handles;
mod later;
#[cfg(feature = "cluster")]
mod moving;
#[cfg(feature = "cluster")]
mod replica;
mod room;
mod roster;
mod said;
mod shown;
#[cfg(test)]
mod tests;
mod told;

pub use handles::FetchedPresence;
#[cfg(feature = "cluster")]
pub(crate) use replica::{Part, merged};
#[cfg(feature = "cluster")]
pub(crate) use said::{Presences, Saying, Stands};
pub(crate) use said::{Stay, What};

use crate::{
    CloseCode, Disconnect, NodeId, Present, Protocol, SocketId,
    cluster::{Replication, Scope},
    delivery::Kind,
    flusher::write,
    frame::FrameBytes,
    hub::Hub,
    outbox::Signals,
    peer::{Peer, lock},
    treatment::Treatment,
    turn::Flush,
};
use later::{Gathering, Look};
use room::Room;
use said::{Said, Stamp};
use serde_json::value::RawValue;
use shown::Shown;
use smallvec::{SmallVec, smallvec};
use std::{
    collections::HashMap,
    fmt,
    sync::{Arc, Mutex},
    time::{Duration, Instant, SystemTime},
};
use tokio::{
    runtime::Handle,
    time::{sleep, sleep_until},
};

/// Entries in one frame.
const LISTED: usize = 256;

/// After a change others are gathered for so long, and told together: many may come at once.
const GATHERED: Duration = Duration::from_millis(50);

/// See the module.
pub(crate) struct Presence<P: Protocol>(Mutex<Rooms<P>>);

struct Rooms<P: Protocol> {
    rooms: HashMap<P::Room, Room<Shown<P::Member>>>,
    /// Rooms in which a socket of this node is present or which it is told of.
    of: HashMap<SocketId, Vec<P::Room>>,
    /// How often sockets have moved that came from other nodes.
    moves: HashMap<SocketId, u32>,
    /// The last stamp that is known.
    clock: u64,
    /// How many changes other nodes were told.
    told: u64,
}

/// The next change of a room that other nodes are told.
#[cfg_attr(not(feature = "cluster"), allow(dead_code))]
pub(crate) struct Telling<'a> {
    pub(crate) room: &'a RawValue,
    /// The number of the last of all rooms, and of this one.
    pub(crate) last: (&'a mut u64, &'a mut u64),
}

/// What was queued under the lock, and is seen to without it.
#[derive(Default)]
struct Queued {
    ask: Vec<Arc<Peer>>,
    now: Vec<Arc<Peer>>,
    wake: Vec<Signals>,
}

impl<P: Protocol> Presence<P> {
    pub(crate) fn new() -> Self {
        let (rooms, of, moves) = (HashMap::new(), HashMap::new(), HashMap::new());
        Self(Mutex::new(Rooms { rooms, of, moves, clock: 0, told: 0 }))
    }
}

impl<P: Protocol> Hub<P> {
    /// Everybody in a room, as far as this node is told.
    pub(crate) fn all_present(&self, room: &P::Room, scope: Scope) -> Vec<Present<P::Member>> {
        let rooms = lock(&self.presence.0);
        let all: Vec<_> = match (rooms.rooms.get(room), scope) {
            (None, _) => Vec::new(),
            (Some(room), Scope::Everywhere) => room.roster.each().collect(),
            (Some(room), Scope::Here) => room.roster.each_of(self.node()).collect(),
        };
        drop(rooms);
        all.into_iter().map(Shown::member).collect()
    }

    /// How many people are in a room, likewise.
    pub(crate) fn count_present(&self, room: &P::Room, scope: Scope) -> usize {
        let rooms = lock(&self.presence.0);
        let room = rooms.rooms.get(room);
        room.map_or(0, |room| match scope {
            Scope::Everywhere => room.roster.len(),
            Scope::Here => room.roster.each_of(self.node()).count(),
        })
    }

    /// Shows a socket in a room, or somebody else in its place, and tells it of the room.
    pub(crate) fn present(
        self: &Arc<Self>,
        peer: &Arc<Peer>,
        room: &P::Room,
        name: Box<RawValue>,
        shown: Option<(String, Shown<P::Member>)>,
    ) {
        let mut queued = Queued::default();
        let (mut rooms, others) = (lock(&self.presence.0), self.replication());
        // What ends a socket looks here afterwards.
        let Some(is_away) = self.is_away(peer.id) else { return };
        let (is_new, stay) =
            (rooms.enter(peer.id, room, name, &others), rooms.stay(peer.id, self.node()));
        let shown = shown.map(|(key, member)| (key, Said { member, stamp: rooms.stamp(peer.id) }));
        let Rooms { rooms: entries, told, .. } = &mut *rooms;
        let Some(entry) = entries.get_mut(room) else { return };
        if let Some((key, said)) = &shown {
            others.push(entry.telling(told), (peer.id, stay), || What::Present(said.saying(key)));
        }
        let changes = shown.map(|(key, said)| entry.roster.present(peer.id, key, said, stay));
        let gathers = entry.changes(changes.into_iter().flatten(), &mut queued);
        let until = is_away.then(|| entry.roster.lose(peer.id, now())).flatten();
        if until.is_some() {
            others.push(entry.telling(told), (peer.id, stay), || What::Lost);
        }
        entry.welcome(peer, gathers && !is_new, &mut queued);
        drop(rooms);
        self.see_to(queued);
        self.look_at(&peer.runtime, smallvec![peer.id], room, until);
        self.gather(&peer.runtime, room, gathers);
    }

    /// Takes a socket out of the presence of a room.
    pub(crate) fn absent(self: &Arc<Self>, peer: &Peer, room: &P::Room) {
        let mut queued = Queued::default();
        let (mut all, others) = (lock(&self.presence.0), self.replication());
        let stay = all.stay(peer.id, self.node());
        let gathers = all.leave((peer.id, stay), room, &mut queued, &others);
        drop(all);
        self.see_to(queued);
        self.gather(&peer.runtime, room, gathers);
    }

    /// A socket has lost its connection, or has one again.
    pub(crate) fn presence_connected(self: &Arc<Self>, peer: &Arc<Peer>, is_connected: bool) {
        let mut queued = Queued::default();
        let (mut all, others) = (lock(&self.presence.0), self.replication());
        let stay = all.stay(peer.id, self.node());
        let Rooms { rooms, of, told, .. } = &mut *all;
        let mut timers = Vec::new();
        for room in of.get(&peer.id).into_iter().flatten() {
            let Some(entry) = rooms.get_mut(room) else { continue };
            if entry.roster.has(peer.id) {
                let what = || if is_connected { What::Found } else { What::Lost };
                others.push(entry.telling(told), (peer.id, stay), what);
            }
            if is_connected {
                let changes = entry.roster.find_again(peer.id);
                timers.push((None, entry.changes(changes, &mut queued), room.clone()));
            } else {
                timers.push((entry.roster.lose(peer.id, now()), false, room.clone()));
            }
        }
        drop(all);
        self.see_to(queued);
        self.set(&peer.runtime, peer.id, timers);
    }

    /// A socket has ended.
    pub(crate) fn presence_ended(self: &Arc<Self>, peer: &Arc<Peer>, why: &Disconnect) {
        let mut queued = Queued::default();
        let (mut all, others) = (lock(&self.presence.0), self.replication());
        let stay = all.stay(peer.id, self.node());
        all.moves.remove(&peer.id);
        let was_lost = matches!(why.code, CloseCode::LOST | CloseCode::TIMEOUT);
        let mut timers = Vec::new();
        for room in all.of.remove(&peer.id).unwrap_or_default() {
            let Rooms { rooms, told, .. } = &mut *all;
            let Some(entry) = rooms.get_mut(&room) else { continue };
            if entry.roster.has(peer.id) {
                others.push(entry.telling(told), (peer.id, stay), || What::Ended(was_lost));
            }
            entry.forget(peer.id);
            let (change, until) = entry.roster.end(peer.id, was_lost, now());
            let gathers = entry.changes(change, &mut queued);
            all.drop_if_empty(&room, &others);
            timers.push((until, gathers, room));
        }
        drop(all);
        self.see_to(queued);
        self.set(&peer.runtime, peer.id, timers);
    }

    /// Looks at sockets again when their time is over.
    fn look_at(
        self: &Arc<Self>,
        runtime: &Handle,
        ids: SmallVec<[SocketId; 1]>,
        room: &P::Room,
        until: Option<Instant>,
    ) {
        let Some(until) = until else { return };
        let (hub, room) = (Arc::downgrade(self), room.clone());
        let look = Look { hub, ids, room, until, runtime: runtime.clone() };
        runtime.spawn(async move {
            sleep_until(until.into()).await;
            drop(look);
        });
    }

    fn set(
        self: &Arc<Self>,
        runtime: &Handle,
        id: SocketId,
        timers: Vec<(Option<Instant>, bool, P::Room)>,
    ) {
        for (until, gathers, room) in timers {
            self.look_at(runtime, smallvec![id], &room, until);
            self.gather(runtime, &room, gathers);
        }
    }

    /// Tells of what is gathered from now on, until there is nothing any more.
    fn gather(self: &Arc<Self>, runtime: &Handle, room: &P::Room, gathers: bool) {
        if !gathers {
            return;
        }
        let (hub, room) = (Arc::downgrade(self), room.clone());
        let mut gathering = Gathering { hub, room, is_over: false };
        runtime.spawn(async move {
            while !gathering.is_over {
                sleep(GATHERED).await;
                gathering.flush();
            }
        });
    }

    fn see_to(&self, Queued { ask, now, wake }: Queued) {
        drop(wake);
        self.flusher.ask_all(ask);
        write(&now);
    }
}

/// By the clock of timers, which tests turn.
fn now() -> Instant {
    tokio::time::Instant::now().into_std()
}

impl<P: Protocol> Rooms<P> {
    /// Notes that a socket is in a room. Whether that is new, and other nodes are asked who is there.
    fn enter(
        &mut self,
        id: SocketId,
        room: &P::Room,
        name: Box<RawValue>,
        others: &Replication<'_>,
    ) -> bool {
        let of = self.of.entry(id).or_default();
        if !of.contains(room) {
            of.push(room.clone());
        }
        if self.rooms.contains_key(room) {
            return false;
        }
        let waits = others.begin(&name, self.told);
        self.rooms.insert(room.clone(), Room::new(name, waits));
        waits
    }

    fn leave(
        &mut self,
        (id, stay): (SocketId, Stay),
        room: &P::Room,
        queued: &mut Queued,
        others: &Replication<'_>,
    ) -> bool {
        if let Some(of) = self.of.get_mut(&id) {
            of.retain(|known| known != room);
            if of.is_empty() {
                self.of.remove(&id);
            }
        }
        let Some(entry) = self.rooms.get_mut(room) else { return false };
        entry.forget(id);
        if entry.roster.has(id) {
            others.push(entry.telling(&mut self.told), (id, stay), || What::Left);
        }
        let change = entry.roster.leave(id);
        let gathers = entry.changes(change, queued);
        self.drop_if_empty(room, others);
        gathers
    }

    fn drop_if_empty(&mut self, room: &P::Room, others: &Replication<'_>) {
        let is_empty =
            |room: &&mut Room<_>| room.is_told_to_nobody() && room.roster.is_without(others.node());
        if let Some(entry) = self.rooms.get_mut(room).filter(is_empty) {
            others.end(&entry.name);
            self.rooms.remove(room);
        }
    }

    /// Where a socket of this node is.
    fn stay(&self, id: SocketId, node: NodeId) -> Stay {
        Stay { node, moves: self.moves.get(&id).copied().unwrap_or_default() }
    }

    /// That of what a socket says now.
    fn stamp(&mut self, by: SocketId) -> Stamp {
        let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        let now = u64::try_from(now.as_micros()).unwrap_or(u64::MAX);
        self.clock = now.max(self.clock.saturating_add(1));
        Stamp { at: self.clock, by }
    }
}

impl Queued {
    fn push(&mut self, peer: &Arc<Peer>, frame: FrameBytes, kind: Kind) {
        let (_, flush, signals) = peer.push_quietly(frame, Treatment::default(), kind);
        if !signals.is_empty() {
            self.wake.push(signals);
        }
        match flush {
            Flush::Pending => {}
            Flush::Ask => self.ask.push(peer.clone()),
            Flush::Now => self.now.push(peer.clone()),
        }
    }
}

impl<P: Protocol> fmt::Debug for Presence<P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Presence")
            .field("rooms", &lock(&self.0).rooms.len())
            .finish_non_exhaustive()
    }
}
