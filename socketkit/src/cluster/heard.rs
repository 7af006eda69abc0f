//! What a node has heard of others: every message once, those of one sender in their order, and what was missed
//! is asked for again, or known to be missed. Without I/O and without a clock.

use super::{
    channel::Channel,
    message::{Mark, Message, Record},
};
use crate::NodeId;
use std::{
    collections::{HashMap, VecDeque},
    mem,
    time::{Duration, Instant},
};

/// How long what was missed is waited for.
const PATIENCE: Duration = Duration::from_secs(1);

/// Messages of one sender that wait meanwhile, and bytes of them.
const WAITING: usize = 8_192;
const WAITING_BYTES: usize = 16 * 1024 * 1024;

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

/// What was missed on a channel: what came after one number, and before another. Without the first, what came
/// in a time.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Missed {
    pub(crate) channel: Channel,
    pub(crate) after: Option<u64>,
    pub(crate) within: Duration,
    pub(crate) until: u64,
}

/// See the module.
#[derive(Debug, Default)]
pub(crate) struct Heard {
    senders: HashMap<NodeId, Sender>,
}

#[derive(Debug, Default)]
struct Sender {
    /// The last number of each channel.
    channels: HashMap<Channel, u64>,
    /// What is waited for, until then, and what has come of it.
    missed: Vec<Missed>,
    until: Option<Instant>,
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
    /// A message came. Those that came at once are sorted by [`sort`] before.
    pub(crate) fn hear(&mut self, message: Message, now: Instant, acts: &mut Vec<Act>) {
        let node = message.head.from;
        let sender = self.senders.entry(node).or_default();
        // What does not count needs no turn, but where it says how far the sender came.
        let is_mark = |record: &Record| matches!(record, Record::Marks(_));
        let passes = !message.head.counts && !message.head.records.iter().any(is_mark);
        if sender.until.is_none() || passes {
            sender.take(node, message, now, acts);
            return;
        }
        sender.bytes += message.bytes.len();
        sender.waiting.push_back(message);
        if sender.waiting.len() > WAITING || sender.bytes > WAITING_BYTES {
            sender.give_up(node, now, acts);
        }
    }

    /// A sender says how far it came on some channels, of which `begun` says for how long they have been
    /// listened to.
    pub(crate) fn mark(
        &mut self,
        node: NodeId,
        marks: &[Mark],
        begun: impl Fn(Channel) -> Option<Duration>,
        now: Instant,
        acts: &mut Vec<Act>,
    ) {
        let sender = self.senders.entry(node).or_default();
        for Mark { on: channel, last, age } in marks {
            let Some(within) = begun(*channel) else { continue };
            let after = sender.channels.get(channel).copied();
            let is_missed = match after {
                Some(known) => known < *last,
                None => Duration::from_millis(*age) < within,
            };
            if is_missed && !sender.missed.iter().any(|missed| missed.channel == *channel) {
                let missed = Missed { channel: *channel, after, within, until: last + 1 };
                sender.miss(node, missed, now, acts);
            }
        }
    }

    /// A sender has said again what was missed; at the end, whether some of it is gone.
    pub(crate) fn heal(
        &mut self,
        node: NodeId,
        (channel, until): (Channel, u64),
        messages: Vec<Message>,
        ends: Option<bool>,
        now: Instant,
        acts: &mut Vec<Act>,
    ) {
        let Some(sender) = self.senders.get_mut(&node) else { return };
        let is_it = |missed: &Missed| missed.channel == channel && missed.until == until;
        if !sender.missed.iter().any(is_it) {
            return;
        }
        sender.healed.extend(messages.into_iter().filter(|message| message.head.on == channel));
        if let Some(gone) = ends {
            sender.missed.retain(|missed| !is_it(missed));
            sender.gone.extend(gone.then_some(channel));
            let known = sender.passed.entry(channel).or_default();
            *known = (*known).max(until - 1);
            sender.settle(node, now, acts);
        }
    }

    /// When to [`expire`](Self::expire) at the latest.
    pub(crate) fn deadline(&self) -> Option<Instant> {
        self.senders.values().filter_map(|sender| sender.until).min()
    }

    /// Gives up what was waited for long enough.
    pub(crate) fn expire(&mut self, now: Instant, acts: &mut Vec<Act>) {
        for (node, sender) in &mut self.senders {
            while sender.until.is_some_and(|until| until <= now) {
                sender.give_up(*node, now, acts);
            }
        }
    }

    /// A node is gone: nothing more comes of it.
    pub(crate) fn forget(&mut self, node: NodeId, now: Instant, acts: &mut Vec<Act>) {
        let Some(mut sender) = self.senders.remove(&node) else { return };
        while !sender.missed.is_empty() {
            sender.give_up(node, now, acts);
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
            let last = |channel: &Channel| sender.channels.get(channel).copied();
            let node = *node;
            let far = channels.iter().filter_map(|on| Some((node, *on, last(on)?)));
            far.collect::<Vec<_>>()
        };
        self.senders.iter().flat_map(far).collect()
    }

    /// A channel is not listened to any more.
    pub(crate) fn leave(&mut self, channel: Channel) {
        for sender in self.senders.values_mut() {
            sender.channels.remove(&channel);
            sender.missed.retain(|missed| missed.channel != channel);
            sender.healed.retain(|message| message.head.on != channel);
            sender.passed.remove(&channel);
            sender.gone.retain(|gone| *gone != channel);
        }
    }
}

impl Sender {
    fn take(&mut self, node: NodeId, message: Message, now: Instant, acts: &mut Vec<Act>) {
        let head = &message.head;
        if !head.counts {
            return acts.push(Act::Deliver(message));
        }
        let (channel, first, last) = (head.on, head.first, head.last());
        let known = self.channels.get(&channel).copied();
        if known.is_some_and(|known| known >= last) {
            // It was said again, and had come.
            return;
        }
        if let (Some(known), Some(before)) = (known, head.before)
            && before > known
        {
            self.bytes += message.bytes.len();
            self.waiting.push_front(message);
            let missed =
                Missed { channel, after: Some(known), within: Duration::ZERO, until: first };
            return self.miss(node, missed, now, acts);
        }
        self.channels.insert(channel, last);
        acts.push(Act::Deliver(message));
    }

    fn miss(&mut self, node: NodeId, missed: Missed, now: Instant, acts: &mut Vec<Act>) {
        self.missed.push(missed);
        self.until.get_or_insert(now + PATIENCE);
        acts.push(Act::Ask(node, missed));
    }

    /// If nothing is waited for any more, everything that came goes on, in the order in which it was said.
    fn settle(&mut self, node: NodeId, now: Instant, acts: &mut Vec<Act>) {
        if !self.missed.is_empty() {
            return;
        }
        self.until = None;
        let mut healed = mem::take(&mut self.healed);
        healed.sort_by_key(|message| message.head.first);
        for message in healed {
            let (channel, last) = (message.head.on, message.head.last());
            if self.channels.get(&channel).is_none_or(|known| *known < last) {
                self.channels.insert(channel, last);
                acts.push(Act::Deliver(message));
            }
        }
        for (channel, passed) in mem::take(&mut self.passed) {
            let known = self.channels.entry(channel).or_default();
            *known = (*known).max(passed);
        }
        acts.extend(mem::take(&mut self.gone).into_iter().map(|channel| Act::Gap(node, channel)));
        while self.missed.is_empty()
            && let Some(message) = self.waiting.pop_front()
        {
            self.bytes -= message.bytes.len();
            self.take(node, message, now, acts);
        }
    }

    /// Waits no longer for what was missed.
    fn give_up(&mut self, node: NodeId, now: Instant, acts: &mut Vec<Act>) {
        for Missed { channel, until, .. } in mem::take(&mut self.missed) {
            self.gone.push(channel);
            let passed = self.passed.entry(channel).or_default();
            *passed = (*passed).max(until - 1);
        }
        self.settle(node, now, acts);
    }
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
