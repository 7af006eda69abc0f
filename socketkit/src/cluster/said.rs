//! What a node has said to others: each record has its number, and messages are kept for a while, to be said again
//! to whoever has missed some.

use super::{
    channel::Channel,
    engine::Outgoing,
    message::{Head, Mark, Record},
};
use crate::NodeId;
use bytes::Bytes;
use std::{
    collections::{HashMap, VecDeque},
    time::{Duration, Instant},
};

/// How long the last number of a channel is known.
pub(crate) const KNOWN: Duration = Duration::from_secs(60);

/// See the module.
#[derive(Debug)]
pub(crate) struct Said {
    node: NodeId,
    last: u64,
    channels: HashMap<Channel, (u64, Instant)>,
    kept: VecDeque<Kept>,
    room: Room,
    bytes: usize,
    /// When the newest of those was said that are not kept any more.
    dropped: Option<Instant>,
}

/// How much is kept.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Room {
    pub(crate) messages: usize,
    pub(crate) bytes: usize,
}

#[derive(Debug)]
struct Kept {
    channel: Channel,
    before: Option<u64>,
    last: u64,
    at: Instant,
    message: Bytes,
}

/// What is said again of a channel.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct Again {
    pub(crate) messages: Vec<Bytes>,
    /// Some of it is not kept any more, or was never said.
    pub(crate) gone: bool,
}

impl Said {
    pub(crate) fn new(node: NodeId, room: Room) -> Self {
        let (channels, kept) = (HashMap::new(), VecDeque::new());
        Self { node, last: 0, channels, kept, room, bytes: 0, dropped: None }
    }

    /// The number of the last record that counts.
    pub(crate) fn last(&self) -> u64 {
        self.last
    }

    /// Makes a message of records that count, with their bytes.
    pub(crate) fn say<'a>(
        &mut self,
        channel: Channel,
        records: Vec<Record>,
        bytes: impl Iterator<Item = &'a [u8]>,
        now: Instant,
    ) -> Outgoing {
        let first = self.last + 1;
        let before = self.channels.get(&channel).map(|(last, _)| *last);
        let head = Head { from: self.node, on: channel, first, before, counts: true, records };
        self.last = head.last();
        let payload = head.write(bytes);
        self.channels.insert(channel, (self.last, now));
        self.keep(Kept { channel, before, last: self.last, at: now, message: payload.clone() });
        Outgoing { channel, payload }
    }

    /// Makes a message of records that do not count.
    pub(crate) fn mention<'a>(
        &self,
        channel: Channel,
        records: Vec<Record>,
        bytes: impl Iterator<Item = &'a [u8]>,
    ) -> Outgoing {
        let (from, first) = (self.node, self.last);
        let head = Head { from, on: channel, first, before: None, counts: false, records };
        Outgoing { channel, payload: head.write(bytes) }
    }

    /// Something of a channel will not be said: whoever hears the channel finds that it misses a number.
    pub(crate) fn skip(&mut self, channel: Channel, now: Instant) {
        self.last += 1;
        self.channels.insert(channel, (self.last, now));
    }

    fn keep(&mut self, kept: Kept) {
        self.bytes += kept.message.len();
        self.kept.push_back(kept);
        while self.kept.len() > self.room.messages || self.bytes > self.room.bytes {
            let Some(oldest) = self.kept.pop_front() else { return };
            self.bytes -= oldest.message.len();
            self.dropped = Some(oldest.at);
        }
    }

    /// The last numbers of channels on which something was said since.
    pub(crate) fn marks(&self, since: Instant, now: Instant) -> Vec<Mark> {
        let recent = self.channels.iter().filter(|(_, (_, at))| *at >= since);
        let mark = |(on, (last, at)): (&Channel, &(u64, Instant))| {
            let age = now.saturating_duration_since(*at).as_millis();
            Mark { on: *on, last: *last, age: u64::try_from(age).unwrap_or(u64::MAX) }
        };
        recent.map(mark).collect()
    }

    /// What was said on a channel after one number and before another; without a number, since a time.
    pub(crate) fn again(
        &self,
        channel: Channel,
        after: Option<u64>,
        since: Instant,
        until: u64,
    ) -> Again {
        let mut again = Again::default();
        let mut known = after;
        let is_meant = |kept: &&Kept| match after {
            Some(after) => kept.last > after,
            None => kept.at >= since,
        };
        let of_channel =
            self.kept.iter().filter(|kept| kept.channel == channel && kept.last < until);
        for kept in of_channel.filter(is_meant) {
            // A number between them that is not here was of something else that was said, or not.
            again.gone |= known.is_some() && kept.before.is_some() && kept.before > known;
            known = Some(kept.last);
            again.messages.push(kept.message.clone());
        }
        if after.is_none() {
            again.gone |= self.dropped.is_some_and(|dropped| dropped >= since);
        }
        // The one that was asked about comes right after these.
        let before = match self.channels.get(&channel) {
            Some((last, _)) if *last < until => Some(*last),
            _ => self.before(channel, until),
        };
        again.gone |= match (before, known) {
            (Some(before), Some(known)) => known < before,
            (None, Some(_)) => true,
            (_, None) => false,
        };
        again
    }

    /// The number before one on its channel, if that is kept.
    fn before(&self, channel: Channel, number: u64) -> Option<u64> {
        let next = self.kept.iter().find(|kept| kept.channel == channel && kept.last >= number);
        next.and_then(|kept| kept.before)
    }

    /// What is kept of some channels: of each what was said after a number, or else since a time.
    pub(crate) fn after(
        &self,
        channels: &[Channel],
        since: impl Fn(Channel) -> (Option<u64>, Instant),
    ) -> Vec<Bytes> {
        let is_after = |kept: &&Kept| {
            let (after, at) = since(kept.channel);
            let is_after = after.map_or(kept.at >= at, |after| kept.last > after);
            channels.contains(&kept.channel) && is_after
        };
        self.kept.iter().filter(is_after).map(|kept| kept.message.clone()).collect()
    }

    /// The channels on which something was said lately.
    pub(crate) fn channels(&self) -> impl Iterator<Item = Channel> {
        self.channels.keys().copied()
    }

    /// Forgets the numbers of channels on which nothing was said for long.
    pub(crate) fn forget(&mut self, now: Instant) {
        self.channels.retain(|_, (_, at)| now.saturating_duration_since(*at) < KNOWN);
    }
}
