//! What was read of a log: of each channel what was said in a time.

use crate::cluster::{
    channel::Channel,
    engine::{Logged, Read},
    message::Message,
};
use std::{
    collections::{BTreeMap, HashMap},
    sync::Arc,
    time::{Duration, Instant},
};

/// For how long what was read of a channel is worth going on with.
const REMEMBERED: Duration = Duration::from_secs(10);

/// See the module.
#[derive(Debug, Clone, Default)]
pub(crate) struct Kept(HashMap<Channel, Arc<Part>>);

#[derive(Debug, Clone)]
struct Part {
    /// When it was read first, and how far back.
    begun: Instant,
    within: Duration,
    /// When it was read last.
    until: Instant,
    /// None of it had gone.
    is_whole: bool,
    /// By their numbers.
    messages: BTreeMap<u64, Arc<KeptMessage>>,
}

/// A message of the log.
#[derive(Debug)]
pub(crate) struct KeptMessage {
    /// Its place there.
    pub(super) number: u64,
    /// When it was kept, or a little later.
    pub(super) at: Instant,
    pub(super) message: Message,
}

impl Part {
    /// Whether only the rest has to be read for what was said in a time. What was begun long ago is not gone on with: it
    /// would grow for ever.
    fn reaches(&self, within: Duration, now: Instant) -> bool {
        let age = now.saturating_duration_since(self.begun);
        age + self.within >= within && age <= self.within
    }
}

impl Kept {
    /// Since when all of a channel has to be read, for what was said on it in a time; `None` if it is not known at all.
    pub(super) fn known(
        &self,
        channel: Channel,
        within: Duration,
        now: Instant,
    ) -> Option<Instant> {
        let part = self.0.get(&channel).filter(|part| part.reaches(within, now))?;
        Some(part.until)
    }

    /// A channel is read anew.
    pub(super) fn begin(&mut self, channel: Channel, within: Duration, now: Instant) {
        let messages = BTreeMap::new();
        let part = Part { begun: now, within, until: now, is_whole: true, messages };
        self.0.insert(channel, Arc::new(part));
    }

    /// This was read on some channels by now.
    pub(super) fn add(&mut self, channels: &[Channel], read: Read, now: Instant) {
        for channel in channels {
            let Some(part) = self.part(*channel) else { continue };
            (part.until, part.is_whole) = (now, part.is_whole && read.is_whole);
        }
        for Logged { number, at, payload } in read.messages {
            let Ok(message) = Message::read(payload) else { continue };
            let part = self.part(message.head.on).filter(|_| message.head.counts);
            let Some(part) = part else { continue };
            part.messages.insert(number, Arc::new(KeptMessage { number, at, message }));
        }
    }

    fn part(&mut self, channel: Channel) -> Option<&mut Part> {
        self.0.get_mut(&channel).map(Arc::make_mut)
    }

    /// Drops what nobody has asked for lately. Whether something is left.
    pub(super) fn forget(&mut self, now: Instant) -> bool {
        self.0.retain(|_, part| now.saturating_duration_since(part.until) <= REMEMBERED);
        !self.0.is_empty()
    }

    /// What was said on some channels, in the order in which it was kept.
    pub(super) fn on(&self, channels: &[Channel]) -> impl Iterator<Item = &KeptMessage> {
        let parts = channels.iter().filter_map(|channel| self.0.get(channel));
        let mut messages: Vec<_> = parts.flat_map(|part| part.messages.values()).collect();
        messages.sort_unstable_by_key(|kept| kept.number);
        messages.into_iter().map(|kept| &**kept)
    }

    /// Whether that is all of it.
    pub(crate) fn is_whole(&self, channels: &[Channel]) -> bool {
        channels.iter().all(|channel| self.0.get(channel).is_some_and(|part| part.is_whole))
    }
}
