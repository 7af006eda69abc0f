//! What a node says and hears while it has a connection to its engine, and what it remembers from one to the next.

mod hearing;
mod moving;

use super::{
    channel::{Channel, Interest},
    engine::{Boxed, Change, EngineError, Line, Outgoing, Publish},
    heard::{Act, Heard, Moment, WAITING},
    message::{Here, Mark, Record},
    nodes::{BEAT, Behind, Nodes},
    outbound::Item,
    said::{Room, Said},
    shared::{Role, Shared},
    status::ClusterStatus,
};
use crate::{
    Protocol,
    counters::Counters,
    hub::Hub,
    peer::{Peer, lock},
    stagger::Stagger,
};
use bytes::Bytes;
use std::{
    collections::VecDeque,
    future::pending,
    mem,
    sync::{Arc, Weak, atomic::Ordering},
    time::{Duration, Instant},
};
use tokio::time::{sleep_until, timeout};

/// Bytes of one message, unless a single record is longer.
const BATCH: usize = 256 * 1024;

/// Bytes that are handed to the engine at once.
const TURN: usize = 1024 * 1024;

/// An engine that takes nothing for so long is lost.
const STALLED: Duration = Duration::from_secs(5);

/// What was lost with a connection was said no earlier than so long before that was noticed.
const LATELY: Duration = Duration::from_secs(10);

/// How long a socket waits at most for the engine to take what its handler has emitted.
const PATIENCE: Duration = Duration::from_millis(250);

/// Marks in one record.
const MARKS: usize = 1_024;

/// See the module.
pub(super) struct Talk<P: Protocol> {
    hub: Weak<Hub<P>>,
    counters: Arc<Counters>,
    shared: Arc<Shared>,
    said: Said,
    heard: Heard,
    nodes: Nodes,
    /// Items that do not count, before all that do.
    asides: VecDeque<Item>,
    /// When whoever has missed something comes back.
    spread: Stagger,
    /// What was last said of the own sockets, and when.
    told: Option<(Here, Instant)>,
    /// Sockets whose handlers emitted what is being said, and since when.
    committing: Option<(Vec<Arc<Peer>>, Instant)>,
    /// When there was the first connection, when the last was lost, and when something was heard.
    begun: Option<Instant>,
    lost: Option<Instant>,
    heard_at: Instant,
}

/// The half of a connection that says something: free, or at it.
enum Mouth {
    Free(Box<dyn Publish>),
    Busy(Saying),
}

type Saying = Boxed<'static, Result<Box<dyn Publish>, EngineError>>;

/// What comes next.
enum Turn {
    Heard(Vec<Bytes>),
    Said(Box<dyn Publish>),
    Asked,
}

impl<P: Protocol> Talk<P> {
    pub(super) fn new(hub: &Arc<Hub<P>>, shared: Arc<Shared>) -> Self {
        let limits = &shared.limits;
        let room = Room { messages: limits.repeated, bytes: limits.repeated_bytes };
        Self {
            counters: hub.counters.clone(),
            hub: Arc::downgrade(hub),
            said: Said::new(shared.node, room),
            spread: Stagger::new(limits),
            shared,
            heard: Heard::new(WAITING),
            nodes: Nodes::default(),
            asides: VecDeque::new(),
            told: None,
            committing: None,
            begun: None,
            lost: None,
            heard_at: Instant::now(),
        }
    }

    /// Goes on over a connection until it is lost or the server is over: why, and whether it was one.
    pub(super) async fn hold(&mut self, line: Line) -> (EngineError, bool) {
        let Line { mut publisher, mut receiver } = line;
        let now = Instant::now();
        let node = self.shared.node;
        let own = [Interest::In(Channel::Control), Interest::In(Channel::Node(node))];
        let of_sockets = [Interest::In(Channel::All), Interest::SocketsOf(node)];
        let has_sockets = self.shared.role == Role::Server;
        let own = own.into_iter().chain(of_sockets.into_iter().filter(|_| has_sockets));
        let mut changes: Vec<_> = own.map(Change::Begin).collect();
        let (all, left) = lock(&self.shared.interests).all(now);
        changes.extend(all);
        self.listen(left, now);
        match timeout(STALLED, publisher.subscribe(changes)).await {
            Ok(Ok(())) => {}
            Ok(Err(why)) => return (why, false),
            Err(_) => return (stalled(), false),
        }
        self.begin(now);
        let shared = self.shared.clone();
        let mut mouth = Mouth::Free(publisher);
        loop {
            mouth = match self.speak(mouth) {
                Ok(mouth) => mouth,
                Err(last_words) => {
                    // Whoever does not hear them will notice the silence.
                    let _ = last_words.await;
                    return ("the server is over".into(), true);
                }
            };
            let turn = tokio::select! {
                heard = receiver.receive() => heard.map(Turn::Heard),
                said = said(&mut mouth) => said.map(Turn::Said),
                () = shared.outbound.wake.notified() => Ok(Turn::Asked),
                () = sleep_until(self.deadline().into()) => Ok(Turn::Asked),
            };
            match turn {
                Ok(Turn::Heard(messages)) => self.hear(messages),
                Ok(Turn::Said(publisher)) => {
                    mouth = Mouth::Free(publisher);
                    self.committed();
                }
                Ok(Turn::Asked) => {}
                Err(why) => return (why, true),
            }
            self.look(Instant::now());
        }
    }

    /// There is a connection, and everything that was asked for holds.
    fn begin(&mut self, now: Instant) {
        let (engine, node) = (self.shared.engine.name(), self.shared.node);
        let was = self.shared.turn(ClusterStatus::Connected);
        self.shared.failed.send_replace(None);
        let again = was == ClusterStatus::Degraded;
        tracing::info!(engine, %node, again, "connected to the engine of the cluster");
        self.told = None;
        self.begun.get_or_insert(now);
        self.nodes.excuse(now);
        if let Some(lost) = self.lost.take() {
            // Nobody knows which of the last words arrived, here and elsewhere.
            let since = lost.min(self.heard_at);
            let since = since.checked_sub(LATELY).unwrap_or(since);
            self.mark(Channel::Control, &self.said.marks(since, now));
            let behind = self.nodes.fall_behind(since);
            self.ask(Channel::Control, behind, now);
        }
    }

    /// What was being said is with the engine, or it is not known when it will be.
    fn committed(&mut self) {
        if let Some((peers, _)) = self.committing.take() {
            self.shared.waiting.committed(peers);
        }
    }

    /// The connection was lost, or could not be made.
    pub(super) fn lose(&mut self) {
        if self.begun.is_some() && self.lost.is_none() {
            self.lost = Some(Instant::now());
            self.counters.cluster.lost.add(1);
        }
        lock(&self.shared.interests).lose();
        self.asides.clear();
        self.committed();
        self.shared.waiting.release_all();
    }

    /// When there is something to do at the latest.
    fn deadline(&self) -> Instant {
        let beat = self.told.as_ref().map(|(_, at)| *at + self.pause());
        let commit = self.committing.as_ref().map(|(_, since)| *since + PATIENCE);
        let deadlines = [beat, self.heard.deadline(), self.shared.waiting.deadline(), commit];
        deadlines.into_iter().flatten().min().unwrap_or_else(Instant::now)
    }

    /// How long this node has waited, when it says again that it is there.
    fn pause(&self) -> Duration {
        if self.shared.has_changed.load(Ordering::Acquire) { self.nodes.pause() } else { BEAT }
    }

    /// Does what it is time for.
    fn look(&mut self, now: Instant) {
        let mut acts = Vec::new();
        let (shared, begun) = (&self.shared, self.begun);
        let since = |channel| shared.since(channel, begun);
        self.heard.expire(Moment { now, since: &since }, &mut acts);
        for (node, is_owing) in self.nodes.expire(now) {
            tracing::warn!(%node, "a node of the cluster is silent");
            acts.extend(is_owing.then_some(Act::Gap(node, Channel::All)));
            self.without(node);
        }
        self.perform(acts, now);
        self.shared.waiting.expire(now);
        if self.committing.as_ref().is_some_and(|(_, since)| now >= *since + PATIENCE) {
            self.committed();
        }
        self.part(now);
        let is_due = |(_, at): &(Here, Instant)| now.saturating_duration_since(*at) >= self.pause();
        if self.told.as_ref().is_none_or(is_due)
            && let Some(hub) = self.hub.upgrade()
        {
            self.shared.has_changed.store(false, Ordering::Release);
            let stops = hub.stopping.is_refusing();
            let here = Here { sockets: hub.len(), connected: hub.connected_len(), stops };
            if self.shared.role == Role::Server {
                self.aside(Channel::Control, Record::Here(here.clone()));
            }
            self.told = Some((here, now));
            let marks = self.said.forget(now);
            self.mark(Channel::Control, &marks);
            let awaited = lock(&self.shared.interests).awaited();
            if let Some(ticket) = awaited {
                // That it did not come back may be a loss.
                self.aside(Channel::Node(self.shared.node), Record::Echo(ticket));
            }
        }
    }

    /// Begins to say what waits, unless something is being said; `Err` with the last words when the server is
    /// over.
    fn speak(&mut self, mouth: Mouth) -> Result<Mouth, Saying> {
        let Mouth::Free(mut publisher) = mouth else { return Ok(mouth) };
        let now = Instant::now();
        let is_closed = self.shared.is_closed.load(Ordering::Acquire);
        let emitted = self.shared.waiting.emitted();
        // Before what is to be listened to: who asks on a channel listens to it when that is said.
        let items = self.shared.outbound.take(TURN);
        let ticket = self.shared.waiting.ticket();
        let (changes, left) = lock(&self.shared.interests).change(now, ticket);
        self.listen(left, now);
        let mut messages = Vec::new();
        for Item { channel, record, bytes, .. } in mem::take(&mut self.asides) {
            messages.push(self.said.mention(channel, vec![record], bytes.as_deref().into_iter()));
        }
        self.compose(items, now, &mut messages);
        if let Some(ticket) = ticket {
            // Behind all that was asked for and said.
            let echo = vec![Record::Echo(ticket)];
            let own = Channel::Node(self.shared.node);
            messages.push(self.said.mention(own, echo, [].into_iter()));
        }
        let is_over = is_closed && self.shared.outbound.is_empty();
        if is_over {
            messages.push(self.said.mention(Channel::Control, vec![Record::Gone], [].into_iter()));
        } else if changes.is_empty() && messages.is_empty() {
            self.shared.waiting.committed(emitted);
            return Ok(Mouth::Free(publisher));
        }
        self.committing = (!emitted.is_empty()).then_some((emitted, now));
        self.counters.cluster.said.add(messages.len() as u64);
        let saying = async move {
            if !changes.is_empty() {
                publisher.subscribe(changes).await?;
            }
            if !messages.is_empty() {
                publisher.publish(messages).await?;
            }
            Ok(publisher)
        };
        let saying: Saying =
            Box::pin(async { timeout(STALLED, saying).await.unwrap_or_else(|_| Err(stalled())) });
        if is_over { Err(saying) } else { Ok(Mouth::Busy(saying)) }
    }

    /// Makes messages of what waits: what follows on one channel shares one.
    fn compose(&mut self, items: Vec<Item>, now: Instant, messages: &mut Vec<Outgoing>) {
        let mut items = items.into_iter().peekable();
        while let Some(first) = items.next() {
            let (channel, counts) = (first.channel, first.counts);
            let mut size = first.len();
            let (mut records, mut bytes) = (vec![first.record], vec![first.bytes]);
            let is_next = |item: &Item| item.channel == channel && item.counts == counts;
            while let Some(next) = items.next_if(|item| is_next(item) && size + item.len() <= BATCH)
            {
                size += next.len();
                records.push(next.record);
                bytes.push(next.bytes);
            }
            let bytes = bytes.iter().flatten().map(|bytes| &**bytes);
            messages.push(match counts {
                true => self.said.say(channel, records, bytes, now),
                false => self.said.mention(channel, records, bytes),
            });
        }
        let refused = match self.shared.outbound.refused() {
            Ok(refused) => refused,
            // Among them may be channels on which nothing was said until then.
            Err(()) => self.said.channels().chain([Channel::All]).collect(),
        };
        for channel in refused {
            // Whoever listens learns that there is something that it will not hear.
            self.said.skip(channel, now);
            let mark = Mark { on: channel, last: self.said.last(), age: 0 };
            let marks = vec![Record::Marks(vec![mark])];
            messages.push(self.said.mention(Channel::Control, marks, [].into_iter()));
        }
    }

    /// Some channels are not listened to any more, and others are.
    fn listen(&mut self, left: Vec<Channel>, now: Instant) {
        left.into_iter().for_each(|channel| self.heard.leave(channel, now));
        let begun = lock(&self.shared.interests).begun();
        begun.into_iter().for_each(|channel| self.heard.begin(channel));
    }

    /// Something that does not count, to be said next.
    fn aside(&mut self, channel: Channel, record: Record) {
        self.asides.push_back(Item { channel, counts: false, record, bytes: None });
    }

    /// Asks what was said while it may not have been heard.
    fn ask(&mut self, to: Channel, Behind { ask, since, .. }: Behind, now: Instant) {
        let within = millis(now.saturating_duration_since(since));
        self.aside(to, Record::Sync { ask, within });
    }

    /// Says how far it came on some channels.
    fn mark(&mut self, to: Channel, marks: &[Mark]) {
        for marks in marks.chunks(MARKS) {
            self.aside(to, Record::Marks(marks.to_vec()));
        }
    }
}

async fn said(mouth: &mut Mouth) -> Result<Box<dyn Publish>, EngineError> {
    match mouth {
        Mouth::Free(_) => pending().await,
        Mouth::Busy(saying) => saying.await,
    }
}

fn stalled() -> EngineError {
    format!("it took nothing for {} s", STALLED.as_secs()).into()
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
