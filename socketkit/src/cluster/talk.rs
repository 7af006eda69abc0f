//! What a node says and hears while it has a connection to its engine, and what it remembers from one to the next.

mod beats;
mod healing;
mod hearing;
mod keeping;
mod moving;
mod speaking;

use self::{
    beats::Beats,
    healing::Healing,
    speaking::{Mouth, Underway, said},
};
use super::{
    channel::{Channel, Interest},
    durable,
    engine::{Change, EngineError, Line, Publish, Read, Stored},
    heard::{Heard, Moment, WAITING},
    message::{Here, Mark, Record},
    nodes::{BEAT, Behind, Nodes},
    outbound::Item,
    said::{Room, Said},
    shared::{Role, Shared},
    status::ClusterStatus,
};
use crate::{Protocol, SocketId, counters::Counters, hub::Hub, peer::lock, stagger::Stagger};
use bytes::Bytes;
use std::{
    collections::VecDeque,
    convert::Infallible,
    future::pending,
    sync::{Arc, Weak, atomic::Ordering},
    time::{Duration, Instant},
};
use tokio::time::{sleep_until, timeout};

/// An engine that takes nothing for so long is lost.
const STALLED: Duration = Duration::from_secs(5);

/// What was lost with a connection was said no earlier than so long before that was noticed.
const LATELY: Duration = Duration::from_secs(10);

/// How much farther back a log is read.
const MOMENT: Duration = Duration::from_secs(2);

/// How long a socket waits at most for the engine to take what its handler has emitted; where the engine keeps that,
/// for as long as it takes while there is a connection, and else for a while.
const PATIENCE: Duration = Duration::from_millis(250);
const LONG_PATIENCE: Duration = Duration::from_secs(5);

/// How often it is looked which sockets have gone.
const TIDY: Duration = Duration::from_secs(60);

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
    underway: Option<Underway>,
    /// The number of the last that the engine is known to have, and whether what follows was said before.
    kept: u64,
    repeats: bool,
    /// When there was the first connection, when the last was lost, and when something was heard.
    begun: Option<Instant>,
    lost: Option<Instant>,
    healing: Healing,
    beats: Beats,
    tidied: Instant,
}

/// What comes next.
enum Turn {
    Heard(Vec<Bytes>),
    Said(Box<dyn Publish>, Vec<Stored>),
    /// What was said while there was no connection.
    Read((Instant, Read)),
    Asked,
}

impl<P: Protocol> Talk<P> {
    pub(super) fn new(hub: &Arc<Hub<P>>, shared: Arc<Shared>) -> Self {
        let limits = &shared.limits;
        let room = Room { messages: limits.repeated, bytes: limits.repeated_bytes };
        let kept = shared.durable.as_ref().map(|_| durable::log(limits).time).unwrap_or_default();
        Self {
            counters: hub.counters.clone(),
            hub: Arc::downgrade(hub),
            said: Said::new(shared.node, room).knowing(kept),
            spread: Stagger::new(limits),
            shared,
            heard: Heard::new(WAITING),
            nodes: Nodes::default(),
            asides: VecDeque::new(),
            told: None,
            underway: None,
            kept: 0,
            repeats: false,
            begun: None,
            lost: None,
            healing: Healing::default(),
            beats: Beats::default(),
            tidied: Instant::now(),
        }
    }

    /// Goes on over a connection until it is lost or the server is over: why, and whether it was one.
    pub(super) async fn hold(&mut self, line: Line) -> (EngineError, bool) {
        let Line { mut publisher, mut receiver, recall } = line;
        // Before anything is listened to.
        let end = match keeping::log_end(recall.as_deref()).await {
            Ok(end) => end,
            Err(why) => return (why, false),
        };
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
        self.reads(recall, end);
        let lost = self.begin(now);
        if let Some(since) = lost.filter(|_| self.reads_log()) {
            self.healing.begin(since);
        }
        let mut reading = self.heal();
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
                log = healing::read(&mut reading) => Ok(Turn::Read(log)),
                said = said(&mut mouth) => said.map(|(publisher, stored)| Turn::Said(publisher, stored)),
                () = shared.outbound.wake.notified() => Ok(Turn::Asked),
                () = sleep_until(self.deadline().into()) => Ok(Turn::Asked),
            };
            match turn {
                Ok(Turn::Heard(messages)) => self.hear(messages),
                Ok(Turn::Said(publisher, stored)) => {
                    mouth = Mouth::Free(publisher);
                    self.stored(stored);
                    self.committed();
                }
                Ok(Turn::Read(log)) => self.has_read(log, Instant::now()),
                Ok(Turn::Asked) => {}
                Err(why) => return (why, true),
            }
            self.look(Instant::now());
            if !self.healing.is_reading() {
                // It may have been given up.
                reading = None;
            } else if reading.is_none() {
                reading = self.heal();
            }
        }
    }

    /// There is a connection, and everything that was asked for holds. Since when the last was lost.
    fn begin(&mut self, now: Instant) -> Option<Instant> {
        let (engine, node) = (self.shared.engine.name(), self.shared.node);
        let was = self.shared.turn(ClusterStatus::Connected);
        self.shared.failed.send_replace(None);
        let again = was == ClusterStatus::Degraded;
        tracing::info!(engine, %node, again, "connected to the engine of the cluster");
        self.told = None;
        self.begun.get_or_insert(now);
        self.nodes.excuse(now);
        self.shared.waiting.resume();
        // Whoever emits only hears nothing, and says nothing of itself.
        let until = self.beats.come().or(self.begun).filter(|_| self.shared.role == Role::Server);
        // Clocks do not go alike.
        let lost = self.lost.take().and_then(|lost| {
            let heard = until.map_or(lost, |until| lost.min(until));
            heard.checked_sub(MOMENT)
        });
        if let Some(since) = lost {
            // Nobody knows which of the last words arrived, here and elsewhere.
            let lately = since.checked_sub(LATELY).unwrap_or(since);
            self.mark(Channel::Control, &self.said.marks(lately, now));
            let behind = self.nodes.fall_behind(if self.reads_log() { since } else { lately });
            self.ask(Channel::Control, behind, now);
            self.repeats = self.shared.durable.is_some();
        }
        lost
    }

    /// Whether there is a log of what it may miss.
    fn reads_log(&self) -> bool {
        self.shared.durable.is_some() && self.shared.role == Role::Server
    }

    /// While there is no connection: has those who wait for one go on when that takes too long.
    pub(super) async fn wait(&self) -> Infallible {
        if let Some(lost) = self.lost {
            sleep_until((lost + LONG_PATIENCE).into()).await;
            self.doubt_no_more();
            self.shared.waiting.give_up();
        }
        pending().await
    }

    /// The connection was lost, or could not be made.
    pub(super) fn lose(&mut self) {
        if self.begun.is_some() && self.lost.is_none() {
            self.lost = Some(Instant::now());
            self.counters.cluster.lost.add(1);
        }
        lock(&self.shared.interests).lose();
        self.doubt_no_more();
        self.asides.clear();
        self.beats.lose();
        self.healing.stop();
        if let Some(Underway { emitted, due, .. }) = self.underway.take() {
            self.shared.waiting.wait_on(emitted);
            self.undo(due);
        }
        match &self.shared.durable {
            // What they emitted is said again.
            Some(durable) => durable.reads(None),
            None => self.shared.waiting.give_up(),
        }
        self.shared.waiting.release_all();
    }

    /// When there is something to do at the latest.
    fn deadline(&self) -> Instant {
        let beat = self.told.as_ref().map(|(_, at)| *at + self.pause());
        let waiting = self.shared.waiting.deadline();
        let deadlines = [beat, self.heard.deadline(), waiting, self.patience()];
        deadlines.into_iter().flatten().min().unwrap_or_else(Instant::now)
    }

    /// How long this node has waited, when it says again that it is there.
    fn pause(&self) -> Duration {
        if self.shared.has_changed.load(Ordering::Acquire) { self.nodes.pause() } else { BEAT }
    }

    /// Does what it is time for.
    fn look(&mut self, now: Instant) {
        let mut acts = Vec::new();
        let of = (&*self.shared, &self.hub, self.begun);
        let since = |channel| listened(of, channel);
        self.heard.expire(Moment { now, since: &since }, &mut acts);
        self.heal_missed(&mut acts, now);
        for (node, owes) in self.nodes.expire(now) {
            tracing::warn!(%node, "a node of the cluster is silent");
            self.miss_all(node, owes, &mut acts);
            self.without(node);
        }
        self.perform(acts, now);
        self.shared.waiting.expire(now);
        self.give_up(now);
        self.part(now);
        self.recover(now);
        let is_due = |(_, at): &(Here, Instant)| now.saturating_duration_since(*at) >= self.pause();
        if self.told.as_ref().is_none_or(is_due)
            && let Some(hub) = self.hub.upgrade()
        {
            self.shared.has_changed.store(false, Ordering::Release);
            let stops = hub.stopping.is_refusing();
            let here = Here { sockets: hub.len(), connected: hub.connected_len(), stops };
            if self.shared.role == Role::Server {
                self.aside(Channel::Control, Record::Here(here.clone()));
                let log = self.shared.durable.as_ref().map_or(0, |durable| durable.log_end());
                self.beats.say(log, now);
                self.ask_log_end(now);
            }
            self.told = Some((here, now));
            if now.saturating_duration_since(self.tidied) >= TIDY {
                self.tidied = now;
                self.heard.forget_sockets(|id| is_here(&self.shared, &self.hub, id));
                if let Some(durable) = &self.shared.durable {
                    durable.forget(durable::log(&self.shared.limits).time, now);
                }
            }
            if let Some(durable) = &self.shared.durable {
                durable.is_here(now);
            }
            let marks = self.said.forget(now);
            self.mark(Channel::Control, &marks);
            let awaited = lock(&self.shared.interests).awaited();
            if let Some(ticket) = awaited {
                // That it did not come back may be a loss.
                self.aside(Channel::Node(self.shared.node), Record::Echo(ticket));
            }
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

/// Since when channels are listened to, for somebody: nobody misses what is said to a socket that is not here.
fn listened<P: Protocol>(
    (shared, hub, begun): (&Shared, &Weak<Hub<P>>, Option<Instant>),
    channel: Channel,
) -> Option<Instant> {
    match channel {
        Channel::Socket(id) => begun.filter(|_| is_here(shared, hub, id)),
        _ => shared.since(channel, begun),
    }
}

/// Whether a socket is here, or about to be.
fn is_here<P: Protocol>(shared: &Shared, hub: &Weak<Hub<P>>, id: SocketId) -> bool {
    hub.upgrade().is_some_and(|hub| hub.peer(id).is_some()) || shared.arrivals.expects(id)
}

fn stalled() -> EngineError {
    format!("it took nothing for {} s", STALLED.as_secs()).into()
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
