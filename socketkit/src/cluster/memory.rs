//! An engine within the process, which fails on demand: for tests.

use super::{
    channel::{Channel, Interest},
    engine::{
        Boxed, Change, Engine, EngineError, Entry, Line, Log, Logged, Outgoing, Publish, Read,
        Recall, Receive, Stored,
    },
    settings::ClusterOptions,
};
use crate::{NodeId, SocketId, peer::lock};
use bytes::Bytes;
use std::{
    collections::{HashMap, HashSet},
    fmt,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};
use tokio::sync::{mpsc, watch};

/// See the module. Servers that are given clones of it are one cluster.
#[derive(Clone, Default)]
pub(crate) struct Memory {
    state: Arc<Mutex<State>>,
    /// Whether whoever has this one, or a clone of it, is cut off for ever.
    is_lost: Arc<AtomicBool>,
    /// Whether the next who reads the log waits, and those who do.
    reads_later: Arc<AtomicBool>,
    waits: Arc<watch::Sender<bool>>,
    /// How much earlier than it was it says that something was kept.
    lag: Arc<Mutex<Duration>>,
}

#[derive(Default)]
struct State {
    lines: Vec<Listening>,
    count: usize,
    is_down: bool,
    /// Which messages are lost, by who listens and what they say.
    loses: Option<Loses>,
    published: usize,
    kept: Kept,
}

/// What is kept of it for those with a log.
#[derive(Default)]
struct Kept {
    messages: Vec<(Channel, Instant, Bytes)>,
    sessions: HashMap<SocketId, (Bytes, u64)>,
    here: HashMap<NodeId, Instant>,
    changes: u64,
}

type Loses = Box<dyn FnMut(usize, Channel, &[u8]) -> bool + Send>;

struct Listening {
    id: usize,
    asks: HashSet<Interest>,
    is_lost: Arc<AtomicBool>,
    messages: mpsc::UnboundedSender<Bytes>,
}

impl Memory {
    /// For one node, which can be [cut off](Self::cut_off) alone.
    pub(crate) fn for_one(&self) -> Self {
        Self { is_lost: Arc::default(), ..self.clone() }
    }

    /// Cuts whoever has it off, until they are [back](Self::back), as if they were killed; no other is concerned.
    pub(crate) fn cut_off(&self) {
        self.is_lost.store(true, Ordering::Relaxed);
        let is_other = |line: &Listening| !Arc::ptr_eq(&line.is_lost, &self.is_lost);
        lock(&self.state).lines.retain(is_other);
    }

    pub(crate) fn back(&self) {
        self.is_lost.store(false, Ordering::Relaxed);
    }

    /// Ends every connection; no other is made until it is [up](Self::up) again.
    pub(crate) fn down(&self) {
        let mut state = lock(&self.state);
        state.is_down = true;
        state.lines.clear();
    }

    pub(crate) fn up(&self) {
        lock(&self.state).is_down = false;
    }

    /// Ends every connection.
    pub(crate) fn cut(&self) {
        lock(&self.state).lines.clear();
    }

    /// Loses messages, without that anybody notices.
    pub(crate) fn lose(&self, loses: impl FnMut(usize, Channel, &[u8]) -> bool + Send + 'static) {
        lock(&self.state).loses = Some(Box::new(loses));
    }

    /// The next who reads the log gets it when that is said.
    pub(crate) fn read_later(&self) {
        self.waits.send_replace(true);
        self.reads_later.store(true, Ordering::Relaxed);
    }

    pub(crate) fn read_now(&self) {
        self.waits.send_replace(false);
    }

    /// It answers so late when it is asked for its time.
    pub(crate) fn lag(&self, lag: Duration) {
        *lock(&self.lag) = lag;
    }

    /// Whether somebody waits for it.
    pub(crate) fn is_waited_for(&self) -> bool {
        self.waits.receiver_count() > 0
    }

    /// Whether a session is written down.
    pub(crate) fn has(&self, id: SocketId) -> bool {
        lock(&self.state).kept.sessions.contains_key(&id)
    }

    /// How many messages were published.
    pub(crate) fn published(&self) -> usize {
        lock(&self.state).published
    }
}

impl Engine for Memory {
    fn name(&self) -> &'static str {
        "memory"
    }

    fn connect<'a>(&'a self, _: &'a str, log: Option<Log>) -> Boxed<'a, Result<Line, EngineError>> {
        Box::pin(async move {
            let mut state = lock(&self.state);
            if state.is_down || self.is_lost.load(Ordering::Relaxed) {
                return Err("it is down".into());
            }
            state.count += 1;
            let (id, (messages, receiver)) = (state.count, mpsc::unbounded_channel());
            state.lines.push(Listening {
                id,
                asks: HashSet::new(),
                is_lost: self.is_lost.clone(),
                messages,
            });
            let publisher = Box::new(Speaker { memory: self.clone(), id, has_log: log.is_some() });
            let recall = log.map(|_| Arc::new(self.clone()) as Arc<dyn Recall>);
            Ok(Line { publisher, receiver: Box::new(Listener(receiver)), recall })
        })
    }
}

struct Speaker {
    memory: Memory,
    id: usize,
    has_log: bool,
}

impl Publish for Speaker {
    fn publish(&mut self, messages: Vec<Outgoing>) -> Boxed<'_, Result<(), EngineError>> {
        Box::pin(async move {
            let mut state = lock(&self.memory.state);
            let State { lines, loses, published, kept, .. } = &mut *state;
            if !lines.iter().any(|line| line.id == self.id) {
                return Err("it was cut".into());
            }
            for Outgoing { channel, payload, is_kept } in messages {
                *published += 1;
                if self.has_log && is_kept {
                    kept.messages.push((channel, Instant::now(), payload.clone()));
                }
                for line in lines.iter().filter(|line| line.asks_for(channel)) {
                    let is_lost =
                        loses.as_mut().is_some_and(|lose| lose(line.id, channel, &payload));
                    if !is_lost {
                        let _ = line.messages.send(payload.clone());
                    }
                }
            }
            Ok(())
        })
    }

    fn subscribe(&mut self, changes: Vec<Change>) -> Boxed<'_, Result<(), EngineError>> {
        Box::pin(async move {
            let mut state = lock(&self.memory.state);
            let line = state.lines.iter_mut().find(|line| line.id == self.id);
            let line = line.ok_or("it was cut")?;
            for change in changes {
                match change {
                    Change::Begin(interest) => line.asks.insert(interest),
                    Change::End(interest) => line.asks.remove(&interest),
                };
            }
            Ok(())
        })
    }

    fn store(&mut self, entries: Vec<Entry>) -> Boxed<'_, Result<Vec<Stored>, EngineError>> {
        Box::pin(async move {
            let mut state = lock(&self.memory.state);
            let State { lines, kept, .. } = &mut *state;
            if !lines.iter().any(|line| line.id == self.id) {
                return Err("it was cut".into());
            }
            let mut stored = Vec::new();
            for entry in entries {
                match entry {
                    Entry::Session { id, number, session } => {
                        stored.push((id, kept.replace(id, number, session)));
                    }
                    Entry::Ended { id, number } => {
                        if kept.sessions.get(&id).is_some_and(|(_, known)| *known == number) {
                            kept.sessions.remove(&id);
                        }
                    }
                    Entry::Here(node) => {
                        kept.here.insert(node, Instant::now());
                    }
                }
            }
            Ok(stored)
        })
    }
}

impl Kept {
    fn replace(&mut self, id: SocketId, number: u64, session: Bytes) -> Option<u64> {
        let known = self.sessions.get(&id).map_or(0, |(_, known)| *known);
        self.changes += 1;
        (known == number).then(|| {
            self.sessions.insert(id, (session, self.changes));
            self.changes
        })
    }
}

impl Recall for Memory {
    fn end(&self) -> Boxed<'_, Result<u64, EngineError>> {
        Box::pin(async move { Ok(lock(&self.state).kept.messages.len() as u64) })
    }

    fn session(&self, id: SocketId) -> Boxed<'_, Result<Option<(Bytes, u64)>, EngineError>> {
        Box::pin(async move { Ok(lock(&self.state).kept.sessions.get(&id).cloned()) })
    }

    fn claim(
        &self,
        id: SocketId,
        number: u64,
        session: Bytes,
    ) -> Boxed<'_, Result<Option<u64>, EngineError>> {
        Box::pin(async move { Ok(lock(&self.state).kept.replace(id, number, session)) })
    }

    fn silent(&self, node: NodeId) -> Boxed<'_, Result<Option<Duration>, EngineError>> {
        Box::pin(async move { Ok(lock(&self.state).kept.here.get(&node).map(Instant::elapsed)) })
    }

    fn read(
        &self,
        channels: Vec<Channel>,
        within: Duration,
    ) -> Boxed<'_, Result<Read, EngineError>> {
        let begun = Instant::now();
        Box::pin(async move {
            if self.reads_later.swap(false, Ordering::Relaxed) {
                let mut waits = self.waits.subscribe();
                waits.wait_for(|waits| !waits).await.map_err(|_| "nobody says so")?;
            }
            let kept = &lock(&self.state).kept.messages;
            let is_asked = |(channel, at, _): &(Channel, Instant, Bytes)| {
                channels.contains(channel) && *at + within >= begun
            };
            let asked = (1..).zip(kept).filter(|(_, message)| is_asked(message));
            let lag = *lock(&self.lag);
            let message = |(number, (_, at, payload)): (u64, &(Channel, Instant, Bytes))| Logged {
                number,
                at: *at - lag,
                payload: payload.clone(),
            };
            Ok(Read { messages: asked.map(message).collect(), is_whole: true })
        })
    }
}

impl Listening {
    fn asks_for(&self, channel: Channel) -> bool {
        let pattern = match channel {
            Channel::Room(_) => Interest::Rooms,
            Channel::Socket(id) => Interest::SocketsOf(id.node()),
            _ => return self.asks.contains(&Interest::In(channel)),
        };
        self.asks.contains(&Interest::In(channel)) || self.asks.contains(&pattern)
    }
}

struct Listener(mpsc::UnboundedReceiver<Bytes>);

impl Receive for Listener {
    fn receive(&mut self) -> Boxed<'_, Result<Vec<Bytes>, EngineError>> {
        Box::pin(async {
            let mut messages = vec![self.0.recv().await.ok_or("it was cut")?];
            while let Ok(message) = self.0.try_recv() {
                messages.push(message);
            }
            Ok(messages)
        })
    }
}

impl From<Memory> for ClusterOptions {
    fn from(memory: Memory) -> Self {
        Self { engine: Box::new(memory), name: None, is_standalone: false, is_durable: false }
    }
}

impl fmt::Debug for Memory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Memory")
    }
}
