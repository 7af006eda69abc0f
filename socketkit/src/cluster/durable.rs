//! Sessions that outlive their node: what the log of the engine has to know of each, so that another node can go
//! on with it.

mod floor;
mod kept;
mod log;
pub(crate) mod places;
mod reading;
mod record;
mod replay;

pub(crate) use floor::{Floor, Heads};
pub(crate) use kept::Kept;
pub(crate) use places::Places;
pub(crate) use reading::Reading;
pub(crate) use record::{SessionRecord, Whose};
pub(crate) use replay::Replay;

use self::log::LogPlace;
use super::{
    channel::Channel,
    engine::{Log, Recall},
    waiting::Emitted,
};
use crate::{Limits, NodeId, SocketId, peer::lock};
use bytes::Bytes;
use std::{
    collections::{HashMap, HashSet, VecDeque},
    mem,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

/// How often one that does not change is written down again: sooner than an engine forgets it.
const AGAIN: Duration = Duration::from_secs(20 * 60);

/// How far behind its node a client may be that hears it still.
pub(crate) const LAG: Duration = Duration::from_secs(20);

/// How much longer a log is kept than may be asked of it: that takes its time.
const MORE: Duration = Duration::from_secs(40);

/// How much longer the last number of a node is known than a log may have what it said.
const LATE: Duration = Duration::from_secs(60);

/// For how long an engine knows a session that nobody writes down any more.
pub(crate) const FORGOTTEN: Duration = Duration::from_secs(60 * 60);

/// Sessions of other nodes that were taken over, of which these are to be told, and own ones that were abandoned: more
/// of these stay written down until the engine forgets them.
const TAKEN: usize = 65_536;

/// See the module.
#[derive(Default)]
pub(crate) struct Durable {
    state: Mutex<State>,
    heard: Mutex<Heard>,
    recall: Mutex<Option<Arc<dyn Recall>>>,
    pub(crate) reading: Reading,
    returning: Mutex<VecDeque<Returning>>,
    taken: Mutex<HashMap<NodeId, Vec<SocketId>>>,
    doubted: Mutex<Vec<Doubted>>,
    /// Something that others said has not come, and is to be read.
    is_behind: AtomicBool,
}

#[derive(Default)]
struct State {
    sessions: HashMap<SocketId, Session>,
    due: Due,
    /// Sessions that go on elsewhere, or end then, with the number of what is written down.
    abandoned: HashMap<SocketId, (u64, Instant)>,
}

/// What is to be written down.
#[derive(Debug, Default)]
pub(crate) struct Due {
    /// Sessions that have changed, and those that are to be forgotten.
    pub(crate) changed: HashSet<SocketId>,
    pub(crate) ended: HashMap<SocketId, u64>,
    /// That this node is there.
    pub(crate) is_here: bool,
}

/// How far other nodes were heard, up to the last that was delivered here.
#[derive(Debug, Default)]
struct Heard {
    heads: Heads,
    /// When each was heard last.
    at: HashMap<NodeId, Instant>,
    /// The heads, as long as they are.
    shared: Option<Arc<Heads>>,
    log: LogPlace,
}

/// What of a session is known here alone.
#[derive(Debug, Clone)]
pub(crate) struct Session {
    /// How many frames a client has to have seen, so that its places say what it has seen.
    pub(crate) ready: u64,
    /// What was said before is not for it.
    pub(crate) since: Floor,
    pub(crate) rooms: HashMap<Channel, Floor>,
    /// The number of what is written down; 0 if nothing is.
    pub(crate) number: u64,
    written: Instant,
}

/// A session of a lost node, with what was said to it lately.
pub(crate) struct Returning {
    pub(crate) id: SocketId,
    pub(crate) ask: u64,
    pub(crate) record: SessionRecord,
    /// Of what is written down.
    pub(crate) number: u64,
    /// The node that had it.
    pub(crate) former: NodeId,
    pub(crate) places: Places,
    /// What was kept, for other sessions as well.
    pub(crate) kept: Arc<Kept>,
    /// Since when that was read.
    pub(crate) since: Instant,
    /// What was said before has come to its client, if that is known.
    pub(crate) done: Option<Instant>,
}

/// A session that another node has written down, or nobody knows who.
#[derive(Debug)]
pub(crate) struct Doubted {
    pub(crate) id: SocketId,
    /// What is written down, and its number.
    pub(crate) kept: Option<(Bytes, u64)>,
    /// It hears nothing meanwhile.
    pub(crate) waits: Vec<Emitted>,
}

impl Session {
    pub(crate) fn new(ready: u64, since: Floor, rooms: HashMap<Channel, Floor>) -> Self {
        Self { ready, since, rooms, number: 0, written: Instant::now() }
    }

    pub(super) fn floors(&mut self) -> impl Iterator<Item = &mut Floor> {
        self.rooms.values_mut().chain([&mut self.since])
    }

    /// From where on something that is said on a channel is for it.
    pub(crate) fn floor(&self, channel: Channel) -> &Floor {
        self.rooms.get(&channel).unwrap_or(&self.since)
    }
}

/// How far back at most goes what a client may not have seen: it was away, its node was lost, neither was noticed at once,
/// and it was behind its node.
pub(crate) fn longest(limits: &Limits) -> Duration {
    (limits.resume + limits.heartbeat) * 2 + LAG
}

/// What an engine is to keep, by these limits.
pub(crate) fn log(limits: &Limits) -> Log {
    Log { time: longest(limits) + MORE, bytes: limits.logged_bytes }
}

impl Durable {
    /// How far everybody was heard by now; `own` is how far this node has come.
    pub(crate) fn floor(&self, own: (NodeId, u64)) -> Floor {
        let Heard { heads, shared, log, .. } = &mut *lock(&self.heard);
        let heard = shared.get_or_insert_with(|| Arc::new(heads.clone()));
        Floor::new(own, heard.clone(), log.passed)
    }

    /// Everything that a node has said up to a number has been delivered.
    pub(crate) fn has_heard(&self, node: NodeId, number: u64, now: Instant) {
        let mut heard = lock(&self.heard);
        heard.shared = None;
        heard.at.insert(node, now);
        let known = heard.heads.entry(node).or_default();
        // What was said again is older.
        *known = number.max(*known);
    }

    /// Forgets how far nodes were heard of which a log of this time has nothing any more.
    pub(crate) fn forget(&self, time: Duration, now: Instant) {
        let Heard { heads, at, shared, .. } = &mut *lock(&self.heard);
        at.retain(|_, at| now.saturating_duration_since(*at) <= time + LATE);
        heads.retain(|node, _| at.contains_key(node));
        *shared = None;
    }

    /// A session is to outlive its node from now on.
    pub(crate) fn keep(&self, id: SocketId, session: Session) {
        let mut state = lock(&self.state);
        state.sessions.insert(id, session);
        state.due.changed.insert(id);
    }

    pub(crate) fn keeps(&self, id: SocketId) -> bool {
        lock(&self.state).sessions.contains_key(&id)
    }

    /// A session came into a room. Whether it is kept.
    pub(crate) fn joined(
        &self,
        id: SocketId,
        channel: Channel,
        floor: impl FnOnce() -> Floor,
    ) -> bool {
        let mut state = lock(&self.state);
        let State { sessions, due, .. } = &mut *state;
        let Some(session) = sessions.get_mut(&id) else { return false };
        session.rooms.entry(channel).or_insert_with(floor);
        due.changed.insert(id);
        true
    }

    /// It left a room, or is present otherwise. Whether it is kept.
    pub(crate) fn changed(&self, id: SocketId, left: Option<Channel>) -> bool {
        let mut state = lock(&self.state);
        let State { sessions, due, .. } = &mut *state;
        let Some(session) = sessions.get_mut(&id) else { return false };
        left.map(|channel| session.rooms.remove(&channel));
        due.changed.insert(id);
        true
    }

    pub(crate) fn session(&self, id: SocketId) -> Option<Session> {
        lock(&self.state).sessions.get(&id).cloned()
    }

    /// It has ended.
    pub(crate) fn ended(&self, id: SocketId) {
        let mut state = lock(&self.state);
        if let Some(session) = state.sessions.remove(&id) {
            state.due.changed.remove(&id);
            state.due.ended.insert(id, session.number);
        }
    }

    /// It is not this node's any more, and goes on elsewhere.
    pub(crate) fn has_left(&self, id: SocketId) {
        let mut state = lock(&self.state);
        state.due.changed.remove(&id);
        state.sessions.remove(&id);
    }

    /// It is not this node's any more, and goes on wherever its client comes, if that is before it would have ended.
    pub(crate) fn abandon(&self, id: SocketId, until: Instant) {
        let mut state = lock(&self.state);
        state.due.changed.remove(&id);
        let session = state.sessions.remove(&id);
        if let Some(session) = session.filter(|_| state.abandoned.len() < TAKEN) {
            state.abandoned.insert(id, (session.number, until));
        }
    }

    /// This node is there; sessions that were not written down for long are again.
    pub(crate) fn is_here(&self, now: Instant) {
        self.reading.forget(now);
        let mut state = lock(&self.state);
        let State { sessions, due, abandoned } = &mut *state;
        due.is_here = true;
        for (id, (number, _)) in abandoned.extract_if(|_, (_, until)| *until <= now) {
            // Another number is that of somebody who goes on with it.
            due.ended.entry(id).or_insert(number);
        }
        for (id, session) in sessions {
            if now.saturating_duration_since(session.written) > AGAIN {
                session.written = now;
                due.changed.insert(*id);
            }
        }
    }

    /// What is written down of a session has this number.
    pub(crate) fn stored(&self, id: SocketId, number: u64) {
        let mut state = lock(&self.state);
        let State { sessions, due, abandoned } = &mut *state;
        let of_session = sessions.get_mut(&id).map(|session| &mut session.number);
        if let Some(known) = of_session.or_else(|| due.ended.get_mut(&id)) {
            *known = number;
        } else if let Some((known, _)) = abandoned.get_mut(&id) {
            *known = number;
        }
    }

    /// What is written down of those.
    pub(crate) fn doubted(&self) -> Vec<Doubted> {
        mem::take(&mut lock(&self.doubted))
    }

    pub(crate) fn doubts(&self, doubted: Doubted) {
        lock(&self.doubted).push(doubted);
    }

    /// What is to be written down now.
    pub(crate) fn due(&self) -> Due {
        mem::take(&mut lock(&self.state).due)
    }

    /// It could not be.
    pub(crate) fn undo(&self, Due { changed, ended, is_here }: Due) {
        let mut state = lock(&self.state);
        let State { sessions, due, .. } = &mut *state;
        due.changed.extend(changed.into_iter().filter(|id| sessions.contains_key(id)));
        for (id, number) in ended {
            due.ended.entry(id).or_insert(number);
        }
        due.is_here |= is_here;
    }

    /// What was kept can be read, or not any more.
    pub(crate) fn reads(&self, recall: Option<Arc<dyn Recall>>) {
        self.reading.forget_all();
        *lock(&self.recall) = recall;
    }

    pub(crate) fn recall(&self) -> Option<Arc<dyn Recall>> {
        lock(&self.recall).clone()
    }

    /// A session is ready to go on here.
    pub(crate) fn returns(&self, returning: Returning) {
        lock(&self.returning).push_back(returning);
    }

    /// The next of those.
    pub(crate) fn returning(&self) -> Option<Returning> {
        lock(&self.returning).pop_front()
    }

    /// Whether all that others said has come, as far as is known.
    pub(crate) fn is_up_to_date(&self) -> bool {
        !self.is_behind.load(Ordering::Acquire)
    }

    pub(crate) fn falls_behind(&self, is_behind: bool) {
        self.is_behind.store(is_behind, Ordering::Release);
    }

    /// A session was taken over from a node that may come back.
    pub(crate) fn took(&self, from: NodeId, id: SocketId) {
        let mut taken = lock(&self.taken);
        if taken.values().map(Vec::len).sum::<usize>() >= TAKEN {
            taken.clear();
        }
        taken.entry(from).or_default().push(id);
    }

    /// Sessions that were taken over from a node, which is there again.
    pub(crate) fn taken(&self, from: NodeId) -> Vec<SocketId> {
        lock(&self.taken).remove(&from).unwrap_or_default()
    }
}

impl std::fmt::Debug for Durable {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Durable").finish_non_exhaustive()
    }
}
