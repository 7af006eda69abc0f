//! What a node of a cluster shares between those who emit and the task that speaks with others.

use super::{
    acting::acting,
    answering::Errands,
    arrivals::Arrivals,
    asks::Asks,
    channel::Channel,
    departure::Departures,
    durable::Durable,
    engine::Engine,
    interests::Interests,
    message::{Here, Record},
    outbound::{Bounds, Item, Outbound},
    selected::Selected,
    settings::ClusterOptions,
    status::{ClusterError, ClusterStatus},
    waiting::Waiting,
};
use crate::{
    Limits, NodeId,
    counters::Terms,
    flusher::Flusher,
    frame::FrameBytes,
    peer::{Peer, lock},
};
use bytes::Bytes;
use serde_json::value::RawValue;
use std::{
    collections::{BTreeMap, HashMap},
    sync::{
        Arc, Mutex, OnceLock,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};
use tokio::{
    runtime::Handle,
    sync::{Notify, watch},
};

/// For how long after a room was joined from afar what is meant for it goes to all nodes: they may not listen to
/// its channel yet.
const WIDE: Duration = Duration::from_secs(2);

/// Rooms of which that is known; beyond, everything goes to all nodes.
const WIDELY: usize = 4_096;

/// See the module.
#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) node: NodeId,
    /// Of the cluster: what its channels begin with.
    pub(crate) name: String,
    pub(crate) engine: Box<dyn Engine>,
    /// Sockets are taken before there ever was a connection.
    pub(crate) is_standalone: bool,
    pub(crate) role: Role,
    pub(crate) limits: Limits,
    pub(crate) outbound: Outbound,
    pub(crate) waiting: Waiting,
    pub(crate) interests: Mutex<Interests>,
    pub(crate) others: Mutex<Others>,
    pub(crate) status: watch::Sender<ClusterStatus>,
    /// Why the last attempt to connect failed, as long as none did not.
    pub(crate) failed: watch::Sender<Option<String>>,
    /// The server is over.
    pub(crate) is_closed: AtomicBool,
    pub(crate) closed: Notify,
    /// The number of sockets has changed.
    pub(crate) has_changed: AtomicBool,
    wide: Mutex<HashMap<Channel, Instant>>,
    pub(crate) asks: Asks,
    /// That of the task.
    pub(crate) runtime: OnceLock<Handle>,
    /// Its sender is dropped with the task.
    pub(crate) over: OnceLock<watch::Receiver<()>>,
    /// The limits again, for sockets of other nodes.
    pub(crate) terms: Arc<Terms>,
    pub(crate) errands: Errands,
    pub(crate) departures: Departures,
    pub(crate) arrivals: Arrivals,
    /// For sessions that are to outlive their node, if they are.
    pub(crate) durable: Option<Arc<Durable>>,
}

/// What a process is for the others.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Role {
    /// A node.
    Server,
    /// It has no sockets, and only says something.
    Emitter,
}

/// What is known of other nodes.
#[derive(Debug, Default, Clone)]
pub(crate) struct Others {
    /// When each has said last that it is there.
    pub(crate) nodes: BTreeMap<NodeId, Instant>,
    pub(crate) total: Here,
    /// Some take sessions.
    pub(crate) are_open: bool,
}

impl Others {
    pub(crate) fn ids(&self) -> Vec<NodeId> {
        self.nodes.keys().copied().collect()
    }
}

impl Shared {
    pub(crate) fn new(
        options: ClusterOptions,
        name: String,
        role: Role,
        limits: Limits,
        flusher: Arc<Flusher>,
    ) -> Self {
        let ClusterOptions { engine, is_standalone, is_durable, .. } = options;
        let terms = Arc::new(Terms::from(limits.clone()));
        let interests = Mutex::new(Interests::new(limits.routed_rooms));
        Self {
            node: NodeId::new(),
            name,
            engine,
            is_standalone,
            role,
            limits,
            outbound: Outbound::default(),
            waiting: Waiting::new(flusher),
            interests,
            others: Mutex::default(),
            status: watch::Sender::new(ClusterStatus::Connecting),
            failed: watch::Sender::new(None),
            is_closed: AtomicBool::new(false),
            closed: Notify::new(),
            has_changed: AtomicBool::new(false),
            wide: Mutex::default(),
            asks: Asks::default(),
            runtime: OnceLock::new(),
            over: OnceLock::new(),
            terms,
            errands: Errands::default(),
            departures: Departures::default(),
            arrivals: Arrivals::default(),
            durable: is_durable.then(Arc::default),
        }
    }

    /// Whether it is for the caller to start the task, on this runtime.
    pub(crate) fn begins(&self, runtime: &Handle) -> bool {
        self.runtime.set(runtime.clone()).is_ok()
    }

    pub(crate) fn is_connected(&self) -> bool {
        *self.status.borrow() == ClusterStatus::Connected
    }

    /// A socket came or went, or its connection did.
    pub(crate) fn changed(&self) {
        if !self.has_changed.swap(true, Ordering::AcqRel) {
            self.outbound.wake.notify_one();
        }
    }

    /// A socket came into a room, in which nobody was before if it is the first.
    pub(crate) fn join(&self, channel: Channel, is_first: bool, peer: &Arc<Peer>) {
        let mut interests = lock(&self.interests);
        if is_first {
            interests.begin(channel, Instant::now());
        }
        if interests.is_sure(channel) {
            return;
        }
        if *self.status.borrow() == ClusterStatus::Connected {
            self.waiting.add(peer);
        }
        drop(interests);
        self.outbound.wake.notify_one();
    }

    /// The last has left it.
    pub(crate) fn end(&self, channel: Channel) {
        self.listen_no_more(&[channel]);
    }

    /// Listens to channels, for one more reason each.
    pub(crate) fn listen_to(&self, channels: &[Channel]) {
        let (mut interests, now) = (lock(&self.interests), Instant::now());
        channels.iter().for_each(|channel| interests.begin(*channel, now));
        drop(interests);
        self.outbound.wake.notify_one();
    }

    /// There is one reason less.
    pub(crate) fn listen_no_more(&self, channels: &[Channel]) {
        let mut interests = lock(&self.interests);
        channels.iter().for_each(|channel| interests.end(*channel));
        drop(interests);
        self.outbound.wake.notify_one();
    }

    /// Since when a channel is listened to, for sure, on a node that had its first connection then.
    pub(crate) fn since(&self, channel: Channel, begun: Option<Instant>) -> Option<Instant> {
        match channel {
            Channel::Room(_) => lock(&self.interests).since(channel),
            _ => begun,
        }
    }

    /// Whether what comes on a channel is heard: where all rooms are listened to, most are not.
    pub(crate) fn hears(&self, channel: Channel) -> bool {
        !matches!(channel, Channel::Room(_)) || lock(&self.interests).hears(channel)
    }

    /// Sockets on any node join a room: some nodes have nobody in it until then.
    pub(crate) fn widen(&self, room: &RawValue) {
        let mut wide = lock(&self.wide);
        let now = Instant::now();
        wide.retain(|_, since| now.duration_since(*since) < WIDE);
        if wide.len() <= WIDELY {
            wide.insert(Channel::of_room(room.get()), now);
        }
    }

    fn is_wide(&self, rooms: &[Box<RawValue>]) -> bool {
        let wide = lock(&self.wide);
        let is_wide = |room: &RawValue| {
            let since = wide.get(&Channel::of_room(room.get()));
            since.is_some_and(|since| since.elapsed() < WIDE)
        };
        wide.len() > WIDELY || rooms.iter().any(|room| is_wide(room))
    }

    /// The same for each channel that the selected sockets are reached by.
    pub(crate) fn route(
        &self,
        to: &Selected,
        counts: bool,
        bytes: Option<&FrameBytes>,
        record: impl Fn(Selected) -> Record,
    ) -> Vec<Item> {
        let item = |channel, at| {
            let record = record(Selected { at, ..to.clone() });
            Item { channel, counts, record, bytes: bytes.cloned() }
        };
        match (to.socket, &to.rooms[..]) {
            (Some(id), _) => vec![item(Channel::Socket(id), None)],
            (None, []) => vec![item(Channel::All, None)],
            (None, rooms) if self.is_wide(rooms) => vec![item(Channel::All, None)],
            (None, rooms) => {
                let each = rooms.iter().enumerate();
                each.map(|(at, room)| item(Channel::of_room(room.get()), Some(at))).collect()
            }
        }
    }

    /// Hands items over for other nodes, without waiting. Whether they were taken.
    pub(crate) fn forward(&self, items: Vec<Item>) -> bool {
        self.forward_numbered(items, |_, _| {})
    }

    /// The same; `with` is given the number of the last that counts before they are taken.
    pub(crate) fn forward_numbered(
        &self,
        items: Vec<Item>,
        with: impl FnOnce(u64, &mut [Item]),
    ) -> bool {
        match *self.status.borrow() {
            // Nobody has ever heard of this node, or expects to.
            ClusterStatus::Connecting => return false,
            // Nobody says it any more.
            ClusterStatus::Left => return false,
            ClusterStatus::Degraded if items.iter().all(|item| !item.counts) => return false,
            _ => {}
        }
        let counts = items.iter().any(|item| item.counts);
        let acting = acting().filter(|_| counts);
        let Limits { forwarded: items_most, forwarded_bytes: bytes, .. } = self.limits;
        let bounds = Bounds { items: items_most, bytes };
        self.outbound.push_numbered(items, bounds, |last, items| {
            with(last, items);
            // Before anybody can take them.
            if let Some(peer) = acting {
                self.hold(&peer, last);
            }
        })
    }

    /// Has a socket wait until everything up to a number is with the engine. Whether it waits.
    pub(crate) fn hold(&self, peer: &Arc<Peer>, number: u64) -> bool {
        let may_hold = self.may_hold();
        if may_hold {
            self.waiting.commit(peer, number);
            if !self.may_hold() {
                // It was lost in between, and with it whoever would have released them.
                self.waiting.give_up();
            }
        }
        may_hold
    }

    fn may_hold(&self) -> bool {
        let is_durable = self.durable.is_some();
        match *self.status.borrow() {
            ClusterStatus::Connected => true,
            ClusterStatus::Degraded => is_durable && !self.waiting.has_given_up(),
            _ => false,
        }
    }

    /// How it stands to its engine from now on, unless it has left: how it did.
    pub(crate) fn turn(&self, to: ClusterStatus) -> ClusterStatus {
        let mut was = to;
        self.status.send_if_modified(|status| {
            was = *status;
            let stays = was == ClusterStatus::Left || was == to;
            *status = if stays { was } else { to };
            !stays
        });
        was
    }

    pub(crate) fn unreachable(&self, why: impl Into<String>) -> ClusterError {
        ClusterError { engine: self.engine.name(), why: why.into() }
    }

    /// Says something that does not count.
    pub(crate) fn say(&self, channel: Channel, record: Record, bytes: Option<FrameBytes>) {
        self.forward(vec![Item { channel, counts: false, record, bytes }]);
    }

    /// Says something that does not count, once the engine is back if it is away.
    pub(crate) fn insist(&self, channel: Channel, record: Record) {
        self.outbound.push_always(Item { channel, counts: false, record, bytes: None });
    }

    /// Answers a node that has asked: this one perhaps, on behalf of a session that has come since.
    pub(crate) fn reply(&self, to: NodeId, record: Record, bytes: &[u8]) {
        if to == self.node {
            self.asks.hear(to, &record, &Bytes::copy_from_slice(bytes));
        } else {
            self.say(Channel::Node(to), record, Some(bytes.into()));
        }
    }

    /// The server is over, and with it the task.
    pub(crate) fn close(&self) {
        self.turn(ClusterStatus::Left);
        self.is_closed.store(true, Ordering::Release);
        self.closed.notify_one();
        self.outbound.wake.notify_one();
    }
}
