//! What a node has heard of others: every message once, those of one sender in their order, and what was missed
//! is asked for again, or known to be missed. Without I/O and without a clock.

mod recall;
mod sockets;
#[cfg(test)]
mod tests;

use super::{
    channel::Channel,
    message::{Mark, Message, Record},
    said::Room,
};
use crate::NodeId;
use std::{
    collections::{BTreeMap, HashMap, VecDeque},
    mem,
    time::{Duration, Instant},
};

/// How long a question may be under way, and how little is known of what was said long ago.
const PATIENCE: Duration = Duration::from_secs(1);

/// How long the next of what was missed is waited for: its sender may have missed much as well, and be busy with that.
const ANSWER: Duration = Duration::from_secs(5);

/// How long the numbers of a node that is silent are known: it may only be cut off.
pub(crate) const AWAY: Duration = Duration::from_secs(3_600);

/// What of one sender waits meanwhile.
pub(crate) const WAITING: Room = Room { messages: 8_192, bytes: 16 * 1024 * 1024 };

/// What is to be done now, in this order.
#[derive(Debug)]
pub(crate) enum Act {
    /// Everything in it happens here.
    Deliver(Message),
    /// A sender is to say something again.
    Ask(NodeId, Missed),
    /// It will not come: whoever is concerned is to know.
    Gap(NodeId, Channel),
}

/// What was missed on a channel: what came after one number and before another, in a time.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Missed {
    /// The number of the question.
    pub(crate) ask: u64,
    pub(crate) channel: Channel,
    pub(crate) after: Option<u64>,
    pub(crate) within: Duration,
    pub(crate) until: u64,
    /// How long ago the last of it was said.
    pub(crate) age: Duration,
}

/// A part of what is said again, or all of it.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) ask: u64,
    pub(crate) part: u64,
    pub(crate) messages: Vec<Message>,
    /// At the end: whether some of it is gone.
    pub(crate) ends: Option<bool>,
}

/// When something comes.
#[derive(Clone, Copy)]
pub(crate) struct Moment<'a> {
    pub(crate) now: Instant,
    /// Since when a channel is listened to, for sure.
    pub(crate) since: &'a dyn Fn(Channel) -> Option<Instant>,
}

/// See the module.
#[derive(Debug)]
pub(crate) struct Heard {
    room: Room,
    senders: BTreeMap<NodeId, Sender>,
}

#[derive(Debug)]
struct Sender {
    /// When it was last heard.
    at: Instant,
    /// The last number of each channel.
    channels: HashMap<Channel, u64>,
    /// Of channels on which nothing was heard yet: what was said by then was said before they were listened to.
    floors: HashMap<Channel, u64>,
    /// The highest number that was heard of.
    latest: u64,
    /// What is waited for, with how many parts of it have come; until then.
    missed: Vec<(Missed, u64)>,
    until: Option<Instant>,
    asks: u64,
    healed: Vec<Message>,
    /// How far those channels come with it.
    passed: HashMap<Channel, u64>,
    /// Channels of which something will not come.
    gone: Vec<Channel>,
    /// What came meanwhile.
    waiting: VecDeque<Message>,
    bytes: usize,
}

impl Heard {
    /// One that has so much room for what waits of each sender.
    pub(crate) fn new(room: Room) -> Self {
        Self { room, senders: BTreeMap::new() }
    }

    /// A message came. Those that came at once are sorted by [`sort`] before.
    pub(crate) fn hear(&mut self, message: Message, moment: Moment<'_>, acts: &mut Vec<Act>) {
        let node = message.head.from;
        let sender = self.senders.entry(node).or_insert_with(|| Sender::new(moment.now));
        sender.at = moment.now;
        sender.latest = sender.latest.max(message.head.last());
        // What does not count needs no turn, but where it says how far the sender came.
        let passes = !message.head.counts && !has_marks(&message);
        if sender.until.is_none() || passes {
            sender.take(node, message, moment, acts);
            return;
        }
        sender.bytes += message.bytes.len();
        sender.waiting.push_back(message);
        // The first that waits may have to wait for something else.
        while sender.waiting.len() > self.room.messages || sender.bytes > self.room.bytes {
            sender.give_up(node, moment, acts);
        }
    }

    /// A sender has said again what was missed.
    pub(crate) fn heal(
        &mut self,
        node: NodeId,
        answer: Answer,
        moment: Moment<'_>,
        acts: &mut Vec<Act>,
    ) {
        let Some(sender) = self.senders.get_mut(&node) else { return };
        let is_it = |(missed, _): &(Missed, u64)| missed.ask == answer.ask;
        let Some(place) = sender.missed.iter().position(is_it) else { return };
        let (Missed { channel, until, .. }, parts) = &mut sender.missed[place];
        let (channel, until, is_next) = (*channel, *until, *parts == answer.part);
        *parts += 1;
        let messages = answer.messages.into_iter();
        sender.healed.extend(messages.filter(|message| message.head.on == channel));
        // Where a part was lost, so is the whole.
        let ends = if is_next { answer.ends } else { Some(true) };
        // The rest is on its way.
        sender.until = Some(moment.now + ANSWER);
        if let Some(gone) = ends {
            sender.missed.swap_remove(place);
            sender.pass(channel, until, gone);
            sender.settle(node, moment, acts);
        }
    }

    /// The most that waits of one sender.
    #[cfg(test)]
    pub(crate) fn waiting(&self) -> usize {
        self.senders.values().map(|sender| sender.waiting.len()).max().unwrap_or(0)
    }

    /// When to [`expire`](Self::expire) at the latest.
    pub(crate) fn deadline(&self) -> Option<Instant> {
        self.senders.values().filter_map(|sender| sender.until).min()
    }

    /// Gives up what was waited for long enough.
    pub(crate) fn expire(&mut self, moment: Moment<'_>, acts: &mut Vec<Act>) {
        let now = moment.now;
        for (node, sender) in &mut self.senders {
            while sender.until.is_some_and(|until| until <= now) {
                sender.give_up(*node, moment, acts);
            }
        }
        self.senders.retain(|_, sender| now.saturating_duration_since(sender.at) < AWAY);
    }

    /// A node is gone: nothing more comes of it. How far it was heard is known for a while, as a log may tell of it.
    pub(crate) fn forget(&mut self, node: NodeId, moment: Moment<'_>, acts: &mut Vec<Act>) {
        let Some(sender) = self.senders.get_mut(&node) else { return };
        while sender.until.is_some() {
            sender.give_up(node, moment, acts);
        }
        // It cannot be asked any more.
        acts.retain(|act| !matches!(act, Act::Ask(asked, _) if *asked == node));
    }

    /// Whether something of somebody waits behind what was missed.
    pub(crate) fn is_waiting(&self) -> bool {
        self.senders.values().any(|sender| sender.until.is_some())
    }

    /// How far the senders were heard on some channels.
    pub(crate) fn far(&self, channels: &[Channel]) -> Vec<(NodeId, Channel, u64)> {
        let far = |(node, sender): (&NodeId, &Sender)| {
            let last = |channel: &Channel| sender.known(*channel);
            let node = *node;
            let far = channels.iter().filter_map(|on| Some((node, *on, last(on)?)));
            far.collect::<Vec<_>>()
        };
        self.senders.iter().flat_map(far).collect()
    }

    /// A channel is listened to, for sure.
    pub(crate) fn begin(&mut self, channel: Channel) {
        for sender in self.senders.values_mut() {
            sender.channels.remove(&channel);
            sender.floors.insert(channel, sender.latest);
        }
    }

    /// A channel is not listened to any more.
    pub(crate) fn leave(&mut self, channel: Channel, now: Instant) {
        for sender in self.senders.values_mut() {
            sender.leave(channel, now);
        }
    }
}

impl Sender {
    fn new(at: Instant) -> Self {
        Self {
            at,
            channels: HashMap::new(),
            floors: HashMap::new(),
            latest: 0,
            missed: Vec::new(),
            until: None,
            asks: 0,
            healed: Vec::new(),
            passed: HashMap::new(),
            gone: Vec::new(),
            waiting: VecDeque::new(),
            bytes: 0,
        }
    }

    fn take(&mut self, node: NodeId, message: Message, moment: Moment<'_>, acts: &mut Vec<Act>) {
        let head = &message.head;
        if !head.counts {
            for record in &head.records {
                if let Record::Marks(marks) = record {
                    for mark in marks {
                        self.miss(node, *mark, moment, acts);
                    }
                }
            }
            return acts.push(Act::Deliver(message));
        }
        let (on, last) = (head.on, head.last());
        if self.channels.get(&on).is_some_and(|known| *known >= last) {
            // It was said again, and had come.
            return;
        }
        let before = head.before.map(|before| Mark { on, last: before, age: head.ago });
        if before.is_some_and(|before| self.miss(node, before, moment, acts)) {
            self.bytes += message.bytes.len();
            return self.waiting.push_front(message);
        }
        self.channels.insert(on, last);
        acts.push(Act::Deliver(message));
    }

    /// Up to which number nothing is to come on a channel.
    fn known(&self, channel: Channel) -> Option<u64> {
        self.channels.get(&channel).or_else(|| self.floors.get(&channel)).copied()
    }

    fn has_come(&self, channel: Channel, number: u64) -> bool {
        self.known(channel).is_some_and(|known| known >= number)
    }

    /// A sender says how far it came on a channel. Whether something is missed there.
    fn miss(&mut self, node: NodeId, mark: Mark, moment: Moment<'_>, acts: &mut Vec<Act>) -> bool {
        let Mark { on: channel, last, age } = mark;
        let Some(since) = (moment.since)(channel) else { return false };
        let (age, within) =
            (Duration::from_millis(age), moment.now.saturating_duration_since(since));
        let after = self.channels.get(&channel).copied();
        let is_missed = match after {
            Some(known) => known < last,
            None if self.has_come(channel, last) => false,
            // The longer ago, the less it is known what came first.
            None => age + (age / 64).min(PATIENCE) < within,
        };
        if !is_missed || self.missed.iter().any(|(missed, _)| missed.channel == channel) {
            return is_missed;
        }
        self.asks += 1;
        // The question takes its time as well.
        let within = within + PATIENCE;
        let missed = Missed { ask: self.asks, channel, after, within, until: last + 1, age };
        self.missed.push((missed, 0));
        self.until.get_or_insert(moment.now + ANSWER);
        acts.push(Act::Ask(node, missed));
        true
    }

    fn pass(&mut self, channel: Channel, until: u64, gone: bool) {
        self.gone.extend(gone.then_some(channel));
        let passed = self.passed.entry(channel).or_default();
        *passed = (*passed).max(until - 1);
    }

    /// If nothing is waited for any more, everything that came goes on, in the order in which it was said.
    fn settle(&mut self, node: NodeId, moment: Moment<'_>, acts: &mut Vec<Act>) {
        if !self.missed.is_empty() {
            return;
        }
        self.until = None;
        let mut healed = mem::take(&mut self.healed);
        healed.sort_by_key(|message| message.head.first);
        for message in healed {
            let (channel, last) = (message.head.on, message.head.last());
            if !self.has_come(channel, last) {
                self.channels.insert(channel, last);
                acts.push(Act::Deliver(message));
            }
        }
        for (channel, passed) in mem::take(&mut self.passed) {
            let known = self.channels.entry(channel).or_default();
            *known = (*known).max(passed);
        }
        acts.extend(mem::take(&mut self.gone).into_iter().map(|channel| Act::Gap(node, channel)));
        while self.until.is_none()
            && let Some(message) = self.waiting.pop_front()
        {
            self.bytes -= message.bytes.len();
            self.take(node, message, moment, acts);
        }
    }

    /// Waits no longer for what was missed.
    fn give_up(&mut self, node: NodeId, moment: Moment<'_>, acts: &mut Vec<Act>) {
        for (Missed { channel, until, .. }, _) in mem::take(&mut self.missed) {
            self.pass(channel, until, true);
        }
        self.settle(node, moment, acts);
    }

    fn leave(&mut self, channel: Channel, now: Instant) {
        self.channels.remove(&channel);
        self.floors.remove(&channel);
        self.missed.retain(|(missed, _)| missed.channel != channel);
        self.healed.retain(|message| message.head.on != channel);
        self.passed.remove(&channel);
        self.gone.retain(|gone| *gone != channel);
        self.waiting.retain(|message| !message.head.counts || message.head.on != channel);
        self.bytes = self.waiting.iter().map(|message| message.bytes.len()).sum();
        if self.missed.is_empty() && self.until.is_some() {
            // What has waited goes on at once.
            self.until = Some(now);
        }
    }
}

/// Whether a message says how far its sender came.
pub(crate) fn has_marks(message: &Message) -> bool {
    message.head.records.iter().any(|record| matches!(record, Record::Marks(_)))
}

/// Sorts messages that came at once so that those of one sender are in its order. Each channel is in order, but
/// an engine may tell of one channel before another.
pub(crate) fn sort(messages: &mut Vec<Message>) {
    let mut places: HashMap<NodeId, Vec<usize>> = HashMap::new();
    for (place, message) in messages.iter().enumerate() {
        places.entry(message.head.from).or_default().push(place);
    }
    let mut slots: Vec<Option<Message>> = messages.drain(..).map(Some).collect();
    let mut order = vec![0; slots.len()];
    for places in places.values() {
        let mut sorted = places.clone();
        let number = |place: &usize| {
            let head = slots.get(*place).and_then(Option::as_ref).map(|message| &message.head);
            // What does not count comes after the last that did.
            head.map_or((0, true), |head| (head.first, !head.counts))
        };
        sorted.sort_by_key(number);
        for (slot, place) in places.iter().zip(sorted) {
            if let Some(slot) = order.get_mut(*slot) {
                *slot = place;
            }
        }
    }
    messages.extend(order.into_iter().filter_map(|place| slots.get_mut(place)?.take()));
}
