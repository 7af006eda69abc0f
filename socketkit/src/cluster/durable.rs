//! Sessions that outlive their node: what the log of the engine has to know of each, so that another node can go
//! on with it.

mod floor;
mod kept;
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

/// For how long an engine knows a session that nobody writes down any more.
pub(crate) const FORGOTTEN: Duration = Duration::from_secs(60 * 60);

/// Sessions of other nodes that were taken over, of which these are to be told.
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
    /// The same, as long as it is.
    shared: Option<Arc<Heads>>,
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

    /// From where on something that is said on a channel is for it.
    pub(crate) fn floor(&self, channel: Channel) -> &Floor {
        self.rooms.get(&channel).unwrap_or(&self.since)
    }
}

/// What an engine is to keep, by these limits.
pub(crate) fn log(limits: &Limits) -> Log {
    let time = limits.resume * 2 + Duration::from_secs(60);
    Log { time, bytes: limits.logged_bytes }
}

impl Durable {
    /// How far everybody was heard by now; `own` is how far this node has come.
    pub(crate) fn floor(&self, own: (NodeId, u64)) -> Floor {
        let Heard { heads, shared } = &mut *lock(&self.heard);
        let heard = shared.get_or_insert_with(|| Arc::new(heads.clone()));
        Floor::new(own, heard.clone())
    }

    /// Everything that a node has said up to a number has been delivered.
    pub(crate) fn has_heard(&self, node: NodeId, number: u64) {
        let mut heard = lock(&self.heard);
        heard.shared = None;
        let known = heard.heads.entry(node).or_default();
        // What was said again is older.
        *known = number.max(*known);
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
        let State { sessions, due } = &mut *state;
        let Some(session) = sessions.get_mut(&id) else { return false };
        session.rooms.entry(channel).or_insert_with(floor);
        due.changed.insert(id);
        true
    }

    /// It left a room, or is present otherwise. Whether it is kept.
    pub(crate) fn changed(&self, id: SocketId, left: Option<Channel>) -> bool {
        let mut state = lock(&self.state);
        let State { sessions, due } = &mut *state;
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

    /// It is not this node's any more, and goes on elsewhere, or may.
    pub(crate) fn abandon(&self, id: SocketId) {
        let mut state = lock(&self.state);
        state.due.changed.remove(&id);
        state.sessions.remove(&id);
    }

    /// This node is there; sessions that were not written down for long are again.
    pub(crate) fn is_here(&self, now: Instant) {
        self.reading.forget(now);
        let mut state = lock(&self.state);
        let State { sessions, due } = &mut *state;
        due.is_here = true;
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
        let State { sessions, due } = &mut *state;
        let of_session = sessions.get_mut(&id).map(|session| &mut session.number);
        if let Some(known) = of_session.or_else(|| due.ended.get_mut(&id)) {
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
        let State { sessions, due } = &mut *state;
        due.changed.extend(changed.into_iter().filter(|id| sessions.contains_key(id)));
        due.ended.extend(ended);
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
