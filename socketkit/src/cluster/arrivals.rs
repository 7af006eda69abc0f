//! Sessions that are on their way to this node: what it hears meanwhile on their channels is kept for them.

use super::{
    channel::Channel,
    message::{Message, Record},
    moving::{NoSession, Pass, SessionState},
    outbound::Item,
    shared::Shared,
};
use crate::{
    NodeId, SocketId,
    peer::{Peer, lock},
};
use bytes::Bytes;
use std::{
    collections::{BTreeMap, HashMap, HashSet, VecDeque},
    fmt,
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};
use tokio::sync::oneshot;

/// Messages that are kept for one session. With more it does not come.
const KEPT: usize = 16_384;

/// For how long a message may be under way of which a session was told on its last node.
const LATE: Duration = Duration::from_secs(30);

/// See the module.
#[derive(Debug, Default)]
pub(crate) struct Arrivals(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    expected: HashMap<SocketId, Expected>,
    /// Who of them hears each channel, but for that of all.
    hears: HashMap<Channel, HashSet<SocketId>>,
    /// Those that are being taken in.
    coming: HashSet<SocketId>,
    /// Those that have come, the oldest first; and how far each had heard somebody on a channel, by that: with how often they came so.
    come: VecDeque<Come>,
    heard: HashMap<(NodeId, Channel), BTreeMap<u64, HashMap<SocketId, u32>>>,
}

/// Makes the peer of a session that has come, of what its last node sent.
pub(crate) type MakePeer = Box<dyn FnOnce(&SessionState, Bytes) -> Option<Arc<Peer>> + Send>;

/// A session that is to come.
pub(crate) struct Expected {
    /// Tells two attempts apart.
    ask: u64,
    pub(crate) channels: Vec<Channel>,
    pub(crate) kept: Vec<Message>,
    /// Something on one of the channels did not come, and will not.
    pub(crate) has_gap: bool,
    pub(crate) make: MakePeer,
    pub(crate) come: oneshot::Sender<Arrived>,
}

/// A session that has come, for whoever waits for it. Dropped, it is given up: its client was given another.
pub(crate) struct Arrived {
    pub(crate) peer: Arc<Peer>,
    /// How many frames of its client were processed.
    pub(crate) received: u64,
    /// From where.
    pub(crate) from: NodeId,
    pub(crate) give_up: Option<Box<dyn FnOnce() + Send>>,
}

/// A session that has come: what it was told before is not for it.
#[derive(Debug)]
struct Come {
    id: SocketId,
    heard: HashMap<(NodeId, Channel), u64>,
    until: Instant,
}

/// Waits for a session; dropped, it is not taken in any more.
pub(crate) struct Arriving {
    shared: Arc<Shared>,
    id: SocketId,
    ask: u64,
    channels: Vec<Channel>,
    /// Those of them that are listened to for it.
    listened: Vec<Channel>,
    pub(crate) come: oneshot::Receiver<Arrived>,
}

impl Shared {
    /// Listens for a session in rooms on these channels, unless somebody else does: it comes to them.
    pub(crate) fn expect(
        self: &Arc<Self>,
        (id, ask): (SocketId, u64),
        rooms: Vec<Channel>,
        make: MakePeer,
    ) -> Result<Arriving, NoSession> {
        let mut channels = rooms;
        channels.extend([Channel::Socket(id), Channel::All]);
        let (sender, come) = oneshot::channel();
        let (kept, on) = (Vec::new(), channels.clone());
        let expected = Expected { ask, channels: on, kept, has_gap: false, make, come: sender };
        let mut state = lock(&self.arrivals.0);
        if state.coming.contains(&id) || state.expected.contains_key(&id) {
            drop(state);
            return Err(NoSession::Coming);
        }
        state.expect(id, expected);
        drop(state);
        // That of all is listened to anyway, and so are those of sockets that began here.
        let is_extra = |channel: &Channel| match channel {
            Channel::Socket(_) => id.node() != self.node,
            channel => *channel != Channel::All,
        };
        let listened: Vec<_> = channels.iter().copied().filter(is_extra).collect();
        self.listen_to(&listened);
        Ok(Arriving { shared: self.clone(), id, ask, channels, listened, come })
    }
}

impl Arrived {
    /// Goes on with it: its last node is told.
    pub(crate) fn keep(mut self, shared: &Shared) -> (Arc<Peer>, u64) {
        self.give_up = None;
        shared.insist(Channel::Node(self.from), Record::Kept { id: self.peer.id });
        (self.peer.clone(), self.received)
    }
}

impl Drop for Arrived {
    fn drop(&mut self) {
        self.give_up.take().into_iter().for_each(|give_up| give_up());
    }
}

impl Arriving {
    /// All that its session hears.
    pub(crate) fn channels(&self) -> Vec<Channel> {
        self.channels.clone()
    }

    /// Waits until nothing on those channels is missed any more, and all that was said before has come: whether that is
    /// so. Those who wait too long go on as well.
    pub(crate) async fn listens(&self) -> bool {
        let (sender, listens) = oneshot::channel();
        self.shared.waiting.probe(sender);
        self.shared.outbound.wake.notify_one();
        listens.await.unwrap_or(false)
    }

    /// What did not come until now is read.
    pub(crate) fn reads(&self) {
        lock(&self.shared.arrivals.0).expected.entry(self.id).and_modify(|expected| {
            expected.has_gap = false;
        });
    }
}

impl Drop for Arriving {
    fn drop(&mut self) {
        let mut state = lock(&self.shared.arrivals.0);
        let dropped = state.remove(self.id, self.ask);
        drop(state);
        drop(dropped);
        self.shared.listen_no_more(&self.listened);
    }
}

impl State {
    fn expect(&mut self, id: SocketId, expected: Expected) {
        for channel in expected.channels.iter().filter(|channel| **channel != Channel::All) {
            self.hears.entry(*channel).or_default().insert(id);
        }
        self.expected.insert(id, expected);
    }

    /// Whoever is expected by this attempt, not by another.
    fn remove(&mut self, id: SocketId, ask: u64) -> Option<Expected> {
        self.expected.get(&id).filter(|expected| expected.ask == ask)?;
        let expected = self.expected.remove(&id)?;
        for channel in &expected.channels {
            let Some(ids) = self.hears.get_mut(channel) else { continue };
            ids.remove(&id);
            if ids.is_empty() {
                self.hears.remove(channel);
            }
        }
        Some(expected)
    }

    /// Does something with each that hears a channel.
    fn each(&mut self, channel: Channel, mut and: impl FnMut(&mut Expected)) {
        if channel == Channel::All {
            return self.expected.values_mut().for_each(and);
        }
        for id in self.hears.get(&channel).into_iter().flatten() {
            self.expected.get_mut(id).into_iter().for_each(&mut and);
        }
    }

    /// Messages that a session has heard elsewhere do not come any more.
    fn forget(&mut self, come: &Come) {
        for (key, last) in &come.heard {
            let Some(of) = self.heard.get_mut(key) else { continue };
            if let Some(ids) = of.get_mut(last) {
                match ids.get_mut(&come.id) {
                    Some(count) if *count > 1 => *count -= 1,
                    _ => drop(ids.remove(&come.id)),
                }
                if ids.is_empty() {
                    of.remove(last);
                }
            }
            if of.is_empty() {
                self.heard.remove(key);
            }
        }
    }
}

impl Arrivals {
    /// Keeps a message for those that are to come, if it is on a channel of theirs.
    pub(crate) fn keep(&self, message: &Message) {
        lock(&self.0).each(message.head.on, |expected| {
            if expected.kept.len() <= KEPT {
                expected.kept.push(message.clone());
            }
        });
    }

    /// What was said on a channel has not come, and will not: nobody knows what of it they hear on their last nodes.
    pub(crate) fn gap(&self, channel: Channel) {
        lock(&self.0).each(channel, |expected| expected.has_gap = true);
    }

    /// A session has come: what waits for it, unless nobody does or too much was to be kept.
    pub(crate) fn take(&self, id: SocketId, ask: u64) -> Option<Expected> {
        let mut state = lock(&self.0);
        let expected = state.remove(id, ask).filter(|expected| expected.kept.len() <= KEPT);
        state.coming.extend(expected.is_some().then_some(id));
        expected
    }

    /// Whether a session is to come.
    pub(crate) fn expects(&self, id: SocketId) -> bool {
        let state = lock(&self.0);
        state.expected.contains_key(&id) || state.coming.contains(&id)
    }

    /// All channels on which something is kept.
    pub(crate) fn channels(&self) -> Vec<Channel> {
        let state = lock(&self.0);
        state.hears.keys().copied().collect()
    }

    /// It is here, or does not come after all.
    pub(crate) fn settled(&self, id: SocketId) {
        lock(&self.0).coming.remove(&id);
    }

    /// It is here, and has heard so much.
    pub(crate) fn came(&self, id: SocketId, heard: HashMap<(NodeId, Channel), u64>, now: Instant) {
        let mut state = lock(&self.0);
        for (key, last) in &heard {
            let of = state.heard.entry(*key).or_default();
            *of.entry(*last).or_default().entry(id).or_default() += 1;
        }
        state.come.push_back(Come { id, heard, until: now + LATE });
    }

    /// How far one that has come lately had heard everybody.
    pub(crate) fn heard(&self, id: SocketId) -> Vec<(NodeId, Channel, u64)> {
        let state = lock(&self.0);
        let come = state.come.iter().filter(|come| come.id == id);
        come.flat_map(|come| &come.heard).map(|((node, on), last)| (*node, *on, *last)).collect()
    }

    /// Who has heard some of a message before they came, and up to which number.
    pub(crate) fn knowing(&self, message: &Message, now: Instant) -> Vec<(SocketId, u64)> {
        let mut state = lock(&self.0);
        while let Some(come) = state.come.pop_front_if(|come| come.until <= now) {
            state.forget(&come);
        }
        let of = state.heard.get(&(message.head.from, message.head.on)).into_iter();
        let knowing = of.flat_map(|of| of.range(message.head.first..));
        knowing.flat_map(|(last, ids)| ids.keys().map(|id| (*id, *last))).collect()
    }
}

impl fmt::Debug for Arrived {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Arrived").field("peer", &self.peer).finish_non_exhaustive()
    }
}

impl fmt::Debug for Expected {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Expected").field("ask", &self.ask).finish_non_exhaustive()
    }
}

/// Says to the node of a session that its client has come here. Whether that is on its way.
pub(crate) fn ask_for(shared: &Shared, owner: NodeId, ask: u64, pass: &Pass, goes: bool) -> bool {
    let pass = pass.clone();
    let record = if goes { Record::Go { ask, pass } } else { Record::Take { ask, pass } };
    let channel = Channel::Node(owner);
    shared.forward(vec![Item { channel, counts: false, record, bytes: None }])
}

impl NoSession {
    /// What the client is told.
    pub(crate) fn gap(self) -> crate::Gap {
        match self {
            Self::Overflow => crate::Gap::Overflow,
            Self::Unknown | Self::Superseded | Self::Moved(_) | Self::Coming => crate::Gap::Unknown,
        }
    }
}
