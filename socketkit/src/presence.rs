//! Who is present where, and telling of it: each change is one frame, made once and queued for everybody
//! who is told of the room, in one order for all.

mod handles;
mod later;
mod roster;
mod shown;
#[cfg(test)]
mod tests;
mod told;

use crate::{
    CloseCode, Disconnect, Present, Protocol, SocketId,
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
use roster::{Change, Roster};
use serde::Serialize;
use serde_json::value::RawValue;
use shown::Shown;
use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    fmt,
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};
use tokio::{
    runtime::Handle,
    time::{sleep, sleep_until},
};
use told::{Entry, Told, frame};

/// Entries in one frame.
const LISTED: usize = 256;

/// After a change others are gathered for so long, and told together: many may come at once.
const GATHERED: Duration = Duration::from_millis(50);

/// See the module.
pub(crate) struct Presence<P: Protocol>(Mutex<Rooms<P>>);

struct Rooms<P: Protocol> {
    rooms: HashMap<P::Room, Room<Shown<P::Member>>>,
    /// Rooms in which a socket is present or which it is told of.
    of: HashMap<SocketId, Vec<P::Room>>,
}

struct Room<M> {
    /// Its name on the wire.
    name: Box<RawValue>,
    roster: Roster<M>,
    /// Who is told.
    told: BTreeMap<SocketId, Arc<Peer>>,
    /// Who is to be told the list when others have been gathered: it is made once for all of them.
    newcomers: BTreeMap<SocketId, Arc<Peer>>,
    /// Whose entries have changed since the last that was told, while others are gathered.
    gathered: Option<BTreeSet<String>>,
    /// Who was to tell of those has gone with its runtime: whoever comes next does.
    is_abandoned: bool,
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
        Self(Mutex::new(Rooms { rooms: HashMap::new(), of: HashMap::new() }))
    }

    /// Everybody in a room.
    pub(crate) fn all(&self, room: &P::Room) -> Vec<Present<P::Member>> {
        let rooms = lock(&self.0);
        let all: Vec<_> =
            rooms.rooms.get(room).into_iter().flat_map(|it| it.roster.each()).collect();
        drop(rooms);
        all.into_iter().map(Shown::member).collect()
    }

    /// How many people are in a room.
    pub(crate) fn count(&self, room: &P::Room) -> usize {
        lock(&self.0).rooms.get(room).map_or(0, |room| room.roster.len())
    }
}

impl<P: Protocol> Hub<P> {
    /// Shows a socket in a room, or somebody else in its place, and tells it of the room.
    pub(crate) fn present(
        self: &Arc<Self>,
        peer: &Arc<Peer>,
        room: &P::Room,
        name: Box<RawValue>,
        shown: Option<(String, Shown<P::Member>)>,
    ) {
        let mut queued = Queued::default();
        let mut rooms = lock(&self.presence.0);
        // What ends a socket looks here afterwards.
        let Some(is_away) = self.is_away(peer.id) else { return };
        let of = rooms.of.entry(peer.id).or_default();
        if !of.contains(room) {
            of.push(room.clone());
        }
        let entry = rooms.rooms.entry(room.clone()).or_insert_with(|| Room {
            name,
            roster: Roster::new(),
            told: BTreeMap::new(),
            newcomers: BTreeMap::new(),
            gathered: None,
            is_abandoned: false,
        });
        let changes = shown.map(|(key, shown)| entry.roster.present(peer.id, key, shown));
        let gathers = entry.changes(changes.into_iter().flatten(), &mut queued);
        let until = is_away.then(|| entry.roster.lose(peer.id, now())).flatten();
        entry.welcome(peer, gathers, &mut queued);
        drop(rooms);
        self.see_to(queued);
        self.look_at(peer, room, until);
        self.gather(&peer.runtime, room, gathers);
    }

    /// Takes a socket out of the presence of a room.
    pub(crate) fn absent(self: &Arc<Self>, peer: &Peer, room: &P::Room) {
        let mut queued = Queued::default();
        let gathers = lock(&self.presence.0).leave(peer.id, room, &mut queued);
        self.see_to(queued);
        self.gather(&peer.runtime, room, gathers);
    }

    /// A socket has lost its connection, or has one again.
    pub(crate) fn presence_connected(self: &Arc<Self>, peer: &Arc<Peer>, is_connected: bool) {
        let mut queued = Queued::default();
        let mut all = lock(&self.presence.0);
        let rooms = all.of.get(&peer.id).cloned().unwrap_or_default();
        let mut timers = Vec::new();
        for room in rooms {
            let Some(entry) = all.rooms.get_mut(&room) else { continue };
            if is_connected {
                let changes = entry.roster.find_again(peer.id);
                timers.push((None, entry.changes(changes, &mut queued), room));
            } else {
                timers.push((entry.roster.lose(peer.id, now()), false, room));
            }
        }
        drop(all);
        self.see_to(queued);
        self.set(peer, timers);
    }

    /// A socket has ended.
    pub(crate) fn presence_ended(self: &Arc<Self>, peer: &Arc<Peer>, why: &Disconnect) {
        let mut queued = Queued::default();
        let mut all = lock(&self.presence.0);
        let was_lost = matches!(why.code, CloseCode::LOST | CloseCode::TIMEOUT);
        let mut timers = Vec::new();
        for room in all.of.remove(&peer.id).unwrap_or_default() {
            let Some(entry) = all.rooms.get_mut(&room) else { continue };
            entry.forget(peer.id);
            let (change, until) = entry.roster.end(peer.id, was_lost, now());
            let gathers = entry.changes(change, &mut queued);
            all.drop_if_empty(&room);
            timers.push((until, gathers, room));
        }
        drop(all);
        self.see_to(queued);
        self.set(peer, timers);
    }

    /// Looks at a socket again when its time is over.
    fn look_at(self: &Arc<Self>, peer: &Arc<Peer>, room: &P::Room, until: Option<Instant>) {
        let Some(until) = until else { return };
        let (hub, room, runtime) = (Arc::downgrade(self), room.clone(), peer.runtime.clone());
        let look = Look { hub, id: peer.id, room, until, runtime };
        peer.runtime.spawn(async move {
            sleep_until(until.into()).await;
            drop(look);
        });
    }

    fn set(self: &Arc<Self>, peer: &Arc<Peer>, timers: Vec<(Option<Instant>, bool, P::Room)>) {
        for (until, gathers, room) in timers {
            self.look_at(peer, &room, until);
            self.gather(&peer.runtime, &room, gathers);
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
    fn leave(&mut self, id: SocketId, room: &P::Room, queued: &mut Queued) -> bool {
        if let Some(of) = self.of.get_mut(&id) {
            of.retain(|known| known != room);
            if of.is_empty() {
                self.of.remove(&id);
            }
        }
        let Some(entry) = self.rooms.get_mut(room) else { return false };
        entry.forget(id);
        let change = entry.roster.leave(id);
        let gathers = entry.changes(change, queued);
        self.drop_if_empty(room);
        gathers
    }

    fn drop_if_empty(&mut self, room: &P::Room) {
        let is_empty = |room: &Room<_>| {
            // One for which changes are gathered is looked at after that.
            let is_settled = room.gathered.is_none() || room.is_abandoned;
            room.roster.is_empty() && room.told.is_empty() && is_settled
        };
        if self.rooms.get(room).is_some_and(is_empty) {
            self.rooms.remove(room);
        }
    }
}

impl<M: Clone + PartialEq + Serialize> Room<M> {
    /// Tells of changes. Whether others are to be gathered from now on, by who asks.
    fn changes(&mut self, changes: impl IntoIterator<Item = Change>, queued: &mut Queued) -> bool {
        let mut begins = std::mem::take(&mut self.is_abandoned);
        for change in changes {
            begins |= self.change(change, queued);
        }
        begins
    }

    /// Tells everybody of a change, now or with others. Whether the others begin to be gathered.
    fn change(&mut self, Change(key): Change, queued: &mut Queued) -> bool {
        match &mut self.gathered {
            Some(gathered) => {
                gathered.insert(key);
                false
            }
            None => {
                self.tell(&[key], queued);
                self.gathered = Some(BTreeSet::new());
                true
            }
        }
    }

    /// The time is over for which changes are gathered. Whether it begins anew.
    fn flush(&mut self, queued: &mut Queued) -> bool {
        let gathered: Vec<_> = self.gathered.take().into_iter().flatten().collect();
        gathered.chunks(LISTED).for_each(|keys| self.tell(keys, queued));
        let newcomers = std::mem::take(&mut self.newcomers);
        let goes_on = !gathered.is_empty() || !newcomers.is_empty();
        self.list(&newcomers, queued);
        self.told.extend(newcomers);
        self.gathered = goes_on.then(BTreeSet::new);
        goes_on
    }

    fn tell(&self, keys: &[String], queued: &mut Queued) {
        let entry = |key: &String| match self.roster.find(key) {
            Some(present) => Entry::Present(present),
            None => Entry::Gone { key: key.clone() },
        };
        let members: Vec<_> = keys.iter().map(entry).collect();
        let told = Told { room: &self.name, from: None, members: &members };
        if let Some(frame) = frame(&told) {
            self.told.values().for_each(|peer| queued.push(peer, frame.clone(), Kind::Broadcast));
        }
    }

    /// Has a socket told who everybody is, unless it knows: at once if nothing is gathered but what it has
    /// begun itself.
    fn welcome(&mut self, peer: &Arc<Peer>, has_begun: bool, queued: &mut Queued) {
        if self.told.contains_key(&peer.id) {
            return;
        }
        let newcomer = (peer.id, peer.clone());
        if self.gathered.is_none() || has_begun {
            self.list(&BTreeMap::from([newcomer.clone()]), queued);
            self.told.extend([newcomer]);
        } else {
            self.newcomers.extend([newcomer]);
        }
    }

    fn forget(&mut self, id: SocketId) {
        self.told.remove(&id);
        self.newcomers.remove(&id);
    }

    /// Tells some who everybody is.
    fn list(&self, newcomers: &BTreeMap<SocketId, Arc<Peer>>, queued: &mut Queued) {
        let all: Vec<_> = self.roster.each().collect();
        let mut from = 0;
        while !newcomers.is_empty() {
            let members = all.get(from..(from + LISTED).min(all.len())).unwrap_or_default();
            let told = Told { room: &self.name, from: Some(from), members };
            if let Some(frame) = frame(&told) {
                newcomers.values().for_each(|peer| queued.push(peer, frame.clone(), Kind::Emit));
            }
            from += LISTED;
            if from >= all.len() {
                return;
            }
        }
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
