//! What a node has said to others: each record has its number, and messages are kept for a while, to be said again
//! to whoever has missed some.

#[cfg(test)]
mod tests;

use super::{
    channel::Channel,
    engine::Outgoing,
    message::{Head, Mark, Record},
};
use crate::NodeId;
use bytes::Bytes;
use std::{
    collections::{HashMap, HashSet, VecDeque},
    time::{Duration, Instant},
};

/// How long the last number of a channel is known.
pub(crate) const KNOWN: Duration = Duration::from_secs(60);

/// See the module.
#[derive(Debug)]
pub(crate) struct Said {
    node: NodeId,
    last: u64,
    channels: HashMap<Channel, Spoken>,
    kept: VecDeque<Kept>,
    room: Room,
    bytes: usize,
    /// The newest of those that are not kept, or not any more.
    dropped: Option<Spoken>,
    /// When the newest was said on a channel that is not known any more.
    forgotten: Option<Instant>,
    /// How long the last number of a channel is known.
    known: Duration,
}

/// The number of something that was said, and when.
#[derive(Debug, Clone, Copy)]
struct Spoken {
    last: u64,
    at: Instant,
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
    before: Option<Spoken>,
    spoken: Spoken,
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
        let (dropped, forgotten, known) = (None, None, KNOWN);
        Self { node, last: 0, channels, kept, room, bytes: 0, dropped, forgotten, known }
    }

    /// The same, that knows the last number of a channel for at least so long.
    pub(crate) fn knowing(self, least: Duration) -> Self {
        Self { known: self.known.max(least), ..self }
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
        let before = self.channels.get(&channel).copied();
        let ago = before.map_or(0, |before| millis_up(now.saturating_duration_since(before.at)));
        let (from, number) = (self.node, before.map(|before| before.last));
        let head = Head { from, on: channel, first, before: number, ago, counts: true, records };
        self.last = head.last();
        let payload = head.write(bytes);
        let spoken = Spoken { last: self.last, at: now };
        self.channels.insert(channel, spoken);
        self.keep(Kept { channel, before, spoken, message: payload.clone() });
        Outgoing { channel, payload, is_kept: channel.is_kept() }
    }

    /// Makes a message of records that do not count.
    pub(crate) fn mention<'a>(
        &self,
        channel: Channel,
        records: Vec<Record>,
        bytes: impl Iterator<Item = &'a [u8]>,
    ) -> Outgoing {
        let (from, first) = (self.node, self.last);
        let head = Head { from, on: channel, first, before: None, ago: 0, counts: false, records };
        Outgoing { channel, payload: head.write(bytes), is_kept: false }
    }

    /// Something of a channel will not be said: whoever hears the channel finds that it misses this number.
    pub(crate) fn skip(&mut self, channel: Channel, number: u64, now: Instant) {
        self.last = self.last.max(number);
        let skipped = Spoken { last: self.last, at: now };
        self.channels.insert(channel, skipped);
        self.drop(skipped);
    }

    fn drop(&mut self, spoken: Spoken) {
        if self.dropped.is_none_or(|dropped| dropped.last < spoken.last) {
            self.dropped = Some(spoken);
        }
    }

    fn keep(&mut self, kept: Kept) {
        self.bytes += kept.message.len();
        self.kept.push_back(kept);
        while self.kept.len() > self.room.messages || self.bytes > self.room.bytes {
            let Some(oldest) = self.kept.pop_front() else { return };
            self.bytes -= oldest.message.len();
            self.drop(oldest.spoken);
        }
    }

    /// The last numbers of channels on which something was said since.
    pub(crate) fn marks(&self, since: Instant, now: Instant) -> Vec<Mark> {
        let recent = self.channels.iter().filter(|(_, spoken)| spoken.at >= since);
        recent.map(|(on, spoken)| spoken.mark(*on, now)).collect()
    }

    /// Whether something was said since on channels that are not known any more.
    pub(crate) fn has_forgotten(&self, since: Instant) -> bool {
        self.forgotten.is_some_and(|forgotten| forgotten >= since)
    }

    /// What was said on a channel after one number and before another, and since a time.
    pub(crate) fn again(
        &self,
        channel: Channel,
        after: Option<u64>,
        since: Instant,
        until: u64,
    ) -> Again {
        let mut again = Again::default();
        let mut known = after.unwrap_or(0);
        // Without a number, whatever is not kept may have been it.
        let is_gone = |before: Option<Spoken>, known| {
            let before = before.or(self.dropped);
            before.is_some_and(|before| before.last > known && before.at >= since)
        };
        let of_channel = || self.kept.iter().filter(|kept| kept.channel == channel);
        for Kept { before, spoken, message, .. } in of_channel() {
            if spoken.last > known && spoken.last < until && spoken.at >= since {
                again.gone |= is_gone(*before, known);
                known = spoken.last;
                again.messages.push(message.clone());
            }
        }
        let is_end = |spoken: &Spoken| spoken.last + 1 == until;
        let mut ends = of_channel().flat_map(|kept| [Some(kept.spoken), kept.before]).flatten();
        let end = self.channels.get(&channel).copied().filter(is_end);
        // It was said in any case.
        again.gone |= match end.or_else(|| ends.find(is_end)) {
            Some(end) => is_gone(Some(end), known),
            None => known + 1 < until,
        };
        again
    }

    /// What is kept of some channels: of each what was said after a number, or else since a time.
    pub(crate) fn after(
        &self,
        channels: &[Channel],
        since: impl Fn(Channel) -> (Option<u64>, Instant),
    ) -> Vec<Bytes> {
        let is_after = |kept: &&Kept| {
            let (after, at) = since(kept.channel);
            let is_after = after.map_or(kept.spoken.at >= at, |after| kept.spoken.last > after);
            channels.contains(&kept.channel) && is_after
        };
        self.kept.iter().filter(is_after).map(|kept| kept.message.clone()).collect()
    }

    /// What is kept of all that was said after a number.
    pub(crate) fn since(&self, number: u64) -> Vec<Outgoing> {
        let since = self.kept.iter().filter(|kept| kept.spoken.last > number);
        let again = |kept: &Kept| Outgoing {
            channel: kept.channel,
            payload: kept.message.clone(),
            is_kept: kept.channel.is_kept(),
        };
        since.map(again).collect()
    }

    /// Whether something that was said on a channel after a number, or else since a time, is not kept.
    pub(crate) fn lacks(&self, channel: Channel, (after, since): (Option<u64>, Instant)) -> bool {
        let is_after =
            |spoken: &Spoken| after.map_or(spoken.at >= since, |after| spoken.last > after);
        let kept = self.kept.iter().filter(|kept| kept.channel == channel);
        let kept: Vec<_> = kept.filter(|kept| is_after(&kept.spoken)).collect();
        let last = self.channels.get(&channel).copied();
        let mut spoken = kept.iter().filter_map(|kept| kept.before).chain(last).filter(is_after);
        let numbers: HashSet<_> = kept.iter().map(|kept| kept.spoken.last).collect();
        spoken.any(|spoken| !numbers.contains(&spoken.last))
    }

    /// The channels on which something was said lately.
    pub(crate) fn channels(&self) -> impl Iterator<Item = Channel> {
        self.channels.keys().copied()
    }

    /// Forgets the numbers of channels on which nothing was said for long: the last that is said of them.
    pub(crate) fn forget(&mut self, now: Instant) -> Vec<Mark> {
        let known = self.known;
        let is_old = |spoken: &Spoken| now.saturating_duration_since(spoken.at) >= known;
        let old = self.channels.extract_if(|_, spoken| is_old(spoken));
        let mut marks = Vec::new();
        for (channel, spoken) in old {
            self.forgotten = self.forgotten.max(Some(spoken.at));
            marks.push(spoken.mark(channel, now));
        }
        marks
    }
}

impl Spoken {
    fn mark(self, on: Channel, now: Instant) -> Mark {
        let age = millis_up(now.saturating_duration_since(self.at));
        Mark { on, last: self.last, age }
    }
}

/// Rather more than less: what was said before others listened is not missed there.
fn millis_up(duration: Duration) -> u64 {
    u64::try_from(duration.as_micros().div_ceil(1_000)).unwrap_or(u64::MAX)
}
