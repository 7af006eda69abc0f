//! Where the engine keeps a log, what was missed is read from that, in the order in which it was kept, before anything
//! else goes on that came since: after a connection was lost, and when a message of anybody is found missing.

use super::{MOMENT, Talk, listened};
use crate::{
    NodeId, Protocol,
    cluster::{
        channel::Channel,
        engine::{Boxed, Logged, Read},
        heard::{Act, Heard, Moment, has_marks},
        message::{Head, Message, Record},
        said::Room,
    },
};
use std::{
    collections::HashSet,
    future::pending,
    mem,
    time::{Duration, Instant},
};
use tokio::time::sleep;

/// Before the log is asked again that could not be read, and for how long it is.
const PAUSE: Duration = Duration::from_millis(100);
const PATIENCE: Duration = Duration::from_secs(20);

/// How long what was missed is asked of its sender alone, when the log was just read: it was not there.
const LATE: Duration = Duration::from_secs(1);

/// What may come meanwhile. With more, whoever is here comes back by the log.
const HELD: Room = Room { messages: 65_536, bytes: 64 * 1024 * 1024 };

/// What is read, and since when.
pub(super) type Reading = Boxed<'static, (Instant, Read)>;

/// See the module.
#[derive(Debug, Default)]
pub(super) struct Healing {
    /// Since when something may be missed, which is being read or to be read.
    since: Option<Instant>,
    is_wanted: bool,
    /// What comes meanwhile, and when.
    held: Vec<(Message, Instant)>,
    bytes: usize,
    /// Nodes that have gone, and had not said again what may have been missed since a time.
    owing: Vec<(NodeId, Instant)>,
    /// When it was last read, and since when.
    read: Option<(Instant, Instant)>,
}

impl Healing {
    /// What was said since a time is to be read.
    pub(super) fn begin(&mut self, since: Instant) {
        self.is_wanted = true;
        self.since = self.since.into_iter().chain([since]).min();
    }

    /// Holds a message until everything before it has been read; gives it back where there is nothing to wait for.
    pub(super) fn hold(&mut self, message: Message, now: Instant) -> Option<Message> {
        // A session that comes goes on behind what was said before it came.
        let comes = |record: &Record| matches!(record, Record::Moved { .. });
        let has_turn =
            message.head.counts || has_marks(&message) || message.head.records.iter().any(comes);
        if !self.is_wanted || !has_turn {
            return Some(message);
        }
        self.push(message, now);
        None
    }

    fn push(&mut self, message: Message, now: Instant) {
        self.bytes += message.bytes.len();
        self.held.push((message, now));
    }

    /// Whether more is held than there is room for.
    fn is_full(&self) -> bool {
        self.held.len() > HELD.messages || self.bytes > HELD.bytes
    }

    pub(super) fn is_reading(&self) -> bool {
        self.is_wanted
    }

    /// The connection was lost: what is held comes again.
    pub(super) fn stop(&mut self) {
        (self.is_wanted, self.bytes) = (false, 0);
        self.held.clear();
    }

    /// Whether what was said at a time is not in the log, as far as is known.
    fn lacks(&self, said: Instant, now: Instant) -> bool {
        let lacks = |(read, since): (Instant, Instant)| {
            since <= said && now.saturating_duration_since(read) < LATE
        };
        self.read.is_some_and(lacks)
    }
}

impl<P: Protocol> Talk<P> {
    /// Begins to read what may have been missed, if something may, and there is a log.
    pub(super) fn heal(&mut self) -> Option<Reading> {
        let durable = self.shared.durable.as_ref();
        let recall = durable.filter(|_| self.healing.is_wanted)?.recall();
        let (Some(recall), Some(hub), Some(since)) =
            (recall, self.hub.upgrade(), self.healing.since)
        else {
            self.healing.stop();
            return None;
        };
        let rooms = hub.all_rooms();
        let rooms = rooms.iter().filter_map(|room| hub.channel(room));
        let sockets = hub.everybody();
        let sockets = sockets.iter().map(|peer| Channel::Socket(peer.id));
        let coming = self.shared.arrivals.channels();
        let channels = [Channel::All].into_iter().chain(rooms).chain(sockets).chain(coming);
        let channels: Vec<_> = channels.collect();
        let begun = Instant::now();
        Some(Box::pin(async move {
            loop {
                match recall.read(channels.clone(), since.elapsed()).await {
                    Ok(read) => return (since, read),
                    Err(error) => tracing::warn!(%error, "the log of the cluster cannot be read"),
                }
                if begun.elapsed() > PATIENCE {
                    // Others are asked for all of it.
                    return (since, Read::default());
                }
                sleep(PAUSE).await;
            }
        }))
    }

    /// A node has gone that may have said something since a time which did not come: the log tells, if there is one.
    pub(super) fn miss_all(&mut self, node: NodeId, since: Option<Instant>, acts: &mut Vec<Act>) {
        let Some(since) = since else { return };
        if self.reads_log() {
            self.healing.begin(since.checked_sub(MOMENT).unwrap_or(since));
            self.healing.owing.push((node, since));
        } else {
            acts.push(Act::Gap(node, Channel::All));
        }
    }

    /// It was read since a time, and is again if more is missed, from before.
    pub(super) fn has_read(&mut self, (asked, read): (Instant, Read), now: Instant) {
        if self.healing.since.is_none_or(|since| since >= asked) {
            self.healed(read, now);
        }
    }

    /// It was read: what it does not tell is asked of others.
    fn healed(&mut self, Read { messages, is_whole }: Read, now: Instant) {
        let Healing { held, owing, since, .. } = mem::take(&mut self.healing);
        let since = since.unwrap_or(now);
        // Farther back there is nothing.
        let reached = if is_whole { since } else { self.begun.unwrap_or(since) };
        self.healing.read = Some((now, reached));
        let mut acts = Vec::new();
        let known: HashSet<_> =
            held.iter().map(|(message, _)| (message.head.from, message.head.first)).collect();
        for Logged { at, payload, .. } in messages {
            let Ok(message) = Message::read(payload) else { continue };
            let Head { from, on, first, counts, .. } = message.head;
            if !counts || from == self.shared.node || !self.shared.hears(on) {
                continue;
            }
            let since = listened((&*self.shared, &self.hub, self.begun), on);
            let is_new = self.heard.floor(from, on).is_none_or(|floor| message.head.last() > floor);
            let is_lately = is_new && since.is_some_and(|since| at >= since);
            let is_meant = is_lately || known.contains(&(from, first));
            let mut more = Vec::new();
            self.hear_late(message, (at, now), &mut more, |heard, message, moment, acts| {
                heard.recall(message, is_meant, moment, acts);
            });
            self.heal_missed(&mut more, now);
            acts.extend(more);
            if self.healing.is_wanted {
                // More is missed, from before.
                self.healing.owing = owing;
                for (message, came) in held {
                    self.healing.push(message, came);
                }
                return self.perform(acts, now);
            }
        }
        if is_whole {
            self.nodes.healed(since);
        }
        let are_told = |missed: Instant| is_whole && missed >= since;
        let owing = owing.into_iter().filter(|(_, missed)| !are_told(*missed));
        acts.extend(owing.map(|(node, _)| Act::Gap(node, Channel::All)));
        for (message, came) in held {
            self.hear_late(message, (came, now), &mut acts, Heard::hear);
        }
        self.perform(acts, now);
    }

    /// Hears what came, or was kept, a while ago: what is missed with it is as long ago.
    fn hear_late(
        &mut self,
        message: Message,
        (came, now): (Instant, Instant),
        acts: &mut Vec<Act>,
        hear: impl FnOnce(&mut Heard, Message, Moment<'_>, &mut Vec<Act>),
    ) {
        let late = now.saturating_duration_since(came);
        let of = (&*self.shared, &self.hub, self.begun);
        let since = |channel| Some(listened(of, channel)? + late);
        let mut more = Vec::new();
        hear(&mut self.heard, message, Moment { now, since: &since }, &mut more);
        acts.extend(more.into_iter().map(|act| match act {
            Act::Ask(node, missed) => Act::Ask(node, missed.later(late)),
            act => act,
        }));
    }

    /// What is missed is read from the log instead of asking for it, unless that was just read: nothing else goes on before.
    /// `acts` are from what was just heard.
    pub(super) fn heal_missed(&mut self, acts: &mut Vec<Act>, now: Instant) {
        if !self.reads_log() {
            return;
        }
        let said = |act: &Act| match act {
            Act::Ask(_, missed) if missed.channel.is_kept() => now.checked_sub(missed.age),
            _ => None,
        };
        let is_read = |act: &Act| said(act).is_some_and(|said| !self.healing.lacks(said, now));
        let Some(oldest) = acts.iter().filter(|act| is_read(act)).filter_map(said).min() else {
            return;
        };
        acts.retain(|act| said(act).is_none());
        self.healing.begin(oldest.checked_sub(MOMENT).unwrap_or(oldest));
        let of = (&*self.shared, &self.hub, self.begun);
        let since = |channel| listened(of, channel);
        for message in self.heard.give_back(Moment { now, since: &since }, acts) {
            self.healing.push(message, now);
        }
        // What they say is to be looked at again when the log was read.
        for act in acts {
            if let Act::Deliver(message) = act
                && has_marks(message)
            {
                self.healing.push(message.clone(), now);
            }
        }
    }

    /// Does not wait for what is read when too much comes meanwhile: nobody knows what those who are here have missed.
    pub(super) fn heal_no_more(&mut self, now: Instant) {
        if !self.healing.is_full() {
            return;
        }
        tracing::warn!("more is said than there is room for until the log is read");
        if let Some(hub) = self.hub.upgrade() {
            hub.gap(Channel::All, &self.spread);
            self.shared.arrivals.gap(Channel::All);
        }
        self.healed(Read { messages: Vec::new(), is_whole: true }, now);
    }
}

/// What is read, if something is.
pub(super) async fn read(reading: &mut Option<Reading>) -> (Instant, Read) {
    match reading {
        Some(log) => {
            let log = log.await;
            *reading = None;
            log
        }
        None => pending().await,
    }
}
