//! After a connection to an engine with a log was lost: what was said meanwhile is read from that, in the order in which
//! it was kept, before anything else goes on that came since.

use super::{LATELY, Talk, listened};
use crate::{
    Protocol,
    cluster::{
        channel::Channel,
        engine::{Boxed, EngineError, Read},
        heard::Moment,
        message::{Message, Record},
        said::Room,
    },
};
use std::{
    future::pending,
    mem,
    time::{Duration, Instant},
};
use tokio::time::timeout;

/// How long that may take.
const PATIENCE: Duration = Duration::from_secs(20);

/// What may come meanwhile. Beyond it whoever may have missed something is asked for it, and those who are gone do not
/// answer.
const HELD: Room = Room { messages: 65_536, bytes: 64 * 1024 * 1024 };

/// What is read.
pub(super) type Reading = Boxed<'static, Result<Read, EngineError>>;

/// See the module.
#[derive(Debug, Default)]
pub(super) struct Healing {
    /// Since when something may be missed; it is being read.
    since: Option<Instant>,
    is_reading: bool,
    /// What comes meanwhile.
    held: Vec<Message>,
    bytes: usize,
}

impl Healing {
    /// Holds a message until everything before it has been read; gives it back where there is nothing to wait for.
    pub(super) fn hold(&mut self, message: Message) -> Option<Message> {
        let is_mark = |record: &Record| matches!(record, Record::Marks(_));
        let has_turn = message.head.counts || message.head.records.iter().any(is_mark);
        if !self.is_reading || !has_turn {
            return Some(message);
        }
        self.bytes += message.bytes.len();
        self.held.push(message);
        None
    }

    /// Whether more is held than there is room for.
    fn is_full(&self) -> bool {
        self.held.len() > HELD.messages || self.bytes > HELD.bytes
    }

    pub(super) fn is_reading(&self) -> bool {
        self.is_reading
    }

    /// The connection was lost: what is held comes again.
    pub(super) fn stop(&mut self) {
        (self.is_reading, self.bytes) = (false, 0);
        self.held.clear();
    }
}

impl<P: Protocol> Talk<P> {
    /// Begins to read what was said since a time, if there is a log.
    pub(super) fn heal(&mut self, lost: Option<Instant>, now: Instant) -> Option<Reading> {
        let recall = self.shared.durable.as_ref()?.recall()?;
        let hub = self.hub.upgrade()?;
        // A time that was not read to its end is read again.
        let since = self.healing.since.into_iter().chain(lost).min()?;
        self.healing = Healing { since: Some(since), is_reading: true, ..Healing::default() };
        let rooms = hub.all_rooms();
        let rooms = rooms.iter().filter_map(|room| hub.channel(room));
        let sockets = hub.everybody();
        let sockets = sockets.iter().map(|peer| Channel::Socket(peer.id));
        let channels = [Channel::All].into_iter().chain(rooms).chain(sockets).collect();
        let within = now.saturating_duration_since(since) + LATELY;
        Some(Box::pin(async move {
            timeout(PATIENCE, recall.read(channels, within))
                .await
                .unwrap_or_else(|_| Err("reading takes too long".into()))
        }))
    }

    /// It was read, or cannot be: then others are asked what they have said.
    pub(super) fn healed(&mut self, log: Result<Read, EngineError>, now: Instant) {
        let Healing { held, .. } = mem::take(&mut self.healing);
        let (node, mut acts) = (self.shared.node, Vec::new());
        let shared = &self.shared;
        let of = (&**shared, &self.hub, self.begun);
        let since = |channel| listened(of, channel);
        let moment = Moment { now, since: &since };
        match log {
            Ok(Read { messages, is_whole }) => {
                let read = messages.into_iter().flat_map(|(_, message)| Message::read(message));
                let of_others = |message: &Message| {
                    message.head.from != node
                        && message.head.counts
                        && shared.hears(message.head.on)
                };
                for message in read.filter(of_others) {
                    self.heard.recall(message, moment, &mut acts);
                }
                if is_whole {
                    self.nodes.healed();
                }
            }
            Err(error) => tracing::warn!(%error, "the log of the cluster cannot be read"),
        }
        for message in held {
            self.heard.hear(message, moment, &mut acts);
        }
        self.perform(acts, now);
    }

    /// Does not wait for what is read when too much comes meanwhile.
    pub(super) fn heal_no_more(&mut self, now: Instant) {
        if self.healing.is_full() {
            self.healed(Err("more came meanwhile than there is room for".into()), now);
        }
    }
}

/// What is read, if something is.
pub(super) async fn read(reading: &mut Option<Reading>) -> Result<Read, EngineError> {
    match reading {
        Some(log) => {
            let log = log.await;
            *reading = None;
            log
        }
        None => pending().await,
    }
}
