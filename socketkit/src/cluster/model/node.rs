//! A node of the model: what the task of a node does, without a hub and without an engine.

use crate::{
    NodeId,
    cluster::{
        channel::{Channel, Interest},
        engine::{Change, Outgoing},
        heard::{self, Act, Answer, Heard, Missed, Moment},
        interests::Interests,
        message::{Emit, Here, Mark, Message, Record},
        nodes::{BEAT, Behind, Nodes},
        outbound::{Bounds, Item, Outbound},
        said::{Room, Said},
        selected::Selected,
    },
    frame::FrameBytes,
};
use bytes::Bytes;
use std::{
    collections::{HashSet, VecDeque},
    mem,
    time::{Duration, Instant},
};

/// As the task of a node has it.
const LATELY: Duration = Duration::from_secs(10);

/// What is on its way to the engine, one after another.
pub(super) enum Op {
    Subscribe(Vec<Change>),
    Publish(Outgoing),
}

/// What is seen of a node.
#[derive(Debug)]
pub(super) enum Seen {
    /// A record came: its sender, channel, number and name.
    Record(NodeId, Channel, u64, u64),
    Gap(NodeId, Channel),
    Ask(NodeId),
}

pub(super) struct Node {
    pub(super) id: NodeId,
    pub(super) said: Said,
    pub(super) heard: Heard,
    pub(super) interests: Interests,
    outbound: Outbound,
    nodes: Nodes,
    asides: VecDeque<Item>,
    told: Option<Instant>,
    pub(super) begun: Option<Instant>,
    pub(super) lost: Option<Instant>,
    heard_at: Instant,
    /// Somebody waits for a room, and the last ticket.
    pub(super) is_awaited: bool,
    ticket: u64,
    pub(super) is_connected: bool,
    pub(super) pipe: VecDeque<Op>,
    pub(super) asks: HashSet<Interest>,
    pub(super) inbox: VecDeque<Outgoing>,
    /// Messages said again that go into one.
    again: usize,
    pub(super) seen: Vec<Seen>,
}

/// How much a node has room for.
#[derive(Debug, Clone, Copy)]
pub(super) struct Sizes {
    pub(super) kept: usize,
    pub(super) waiting: usize,
    pub(super) outbound: usize,
    pub(super) rooms: usize,
    pub(super) again: usize,
}

impl Node {
    pub(super) fn new(id: NodeId, sizes: Sizes, now: Instant) -> Self {
        let room = |messages| Room { messages, bytes: 1 << 20 };
        Self {
            id,
            said: Said::new(id, room(sizes.kept)),
            heard: Heard::new(room(sizes.waiting)),
            interests: Interests::new(sizes.rooms),
            outbound: Outbound::default(),
            nodes: Nodes::default(),
            asides: VecDeque::new(),
            told: None,
            begun: None,
            lost: None,
            heard_at: now,
            is_awaited: false,
            ticket: 0,
            is_connected: false,
            pipe: VecDeque::new(),
            asks: HashSet::new(),
            inbox: VecDeque::new(),
            again: sizes.again,
            seen: Vec::new(),
        }
    }

    pub(super) fn connect(&mut self, now: Instant) {
        self.is_connected = true;
        let own = [Channel::Control, Channel::All, Channel::Node(self.id)];
        let own = own.into_iter().map(|channel| Change::Begin(Interest::In(channel)));
        let (all, left) = self.interests.all(now);
        self.listen(left, now);
        self.pipe.push_back(Op::Subscribe(own.chain(all).collect()));
        self.told = None;
        self.begun.get_or_insert(now);
        self.nodes.excuse(now);
        if let Some(lost) = self.lost.take() {
            let since = lost.min(self.heard_at) - LATELY;
            self.mark(Channel::Control, self.said.marks(since, now));
            let behind = self.nodes.fall_behind(since);
            self.ask(Channel::Control, behind, now);
        }
    }

    pub(super) fn lose(&mut self, now: Instant) {
        self.is_connected = false;
        self.lost.get_or_insert(now);
        self.is_awaited = false;
        self.interests.lose();
        self.asides.clear();
        self.pipe.clear();
        self.asks.clear();
        self.inbox.clear();
    }

    /// From when on it asks what was said, if it comes back.
    pub(super) fn synced(&self, now: Instant) -> Instant {
        self.lost.unwrap_or(now).min(self.heard_at) - LATELY
    }

    /// Whether it was taken.
    pub(super) fn push(&self, channel: Channel, counts: bool, name: u64, most: usize) -> bool {
        let bytes = FrameBytes::from(name.to_string().as_bytes());
        let emit = Emit { to: Selected::default(), policy: None, len: bytes.len() };
        let item = Item { channel, counts, record: Record::Emit(emit), bytes: Some(bytes) };
        self.outbound.push([item], Bounds { items: most, bytes: 1 << 20 })
    }

    /// What is said now that counts: channel, number and name of each record.
    pub(super) fn speak(&mut self, now: Instant, most: usize) -> Vec<(Channel, u64, u64)> {
        let ticket = mem::take(&mut self.is_awaited).then(|| {
            self.ticket += 1;
            self.ticket
        });
        let (changes, left) = self.interests.change(now, ticket);
        self.listen(left, now);
        if !changes.is_empty() {
            self.pipe.push_back(Op::Subscribe(changes));
        }
        for Item { channel, record, bytes, .. } in mem::take(&mut self.asides) {
            let message = self.said.mention(channel, vec![record], bytes.as_deref().into_iter());
            self.pipe.push_back(Op::Publish(message));
        }
        let mut said = Vec::new();
        let mut items = self.outbound.take(most).into_iter().peekable();
        while let Some(first) = items.next() {
            let (channel, counts) = (first.channel, first.counts);
            let (mut records, mut bytes) = (vec![first.record], vec![first.bytes]);
            while let Some(next) =
                items.next_if(|item| item.channel == channel && item.counts == counts)
            {
                records.push(next.record);
                bytes.push(next.bytes);
            }
            let names: Vec<u64> = bytes.iter().flatten().map(|bytes| name(bytes)).collect();
            let bytes = bytes.iter().flatten().map(|bytes| &**bytes);
            let message = match counts {
                true => {
                    let first = self.said.last() + 1;
                    said.extend(
                        names.into_iter().zip(first..).map(|(name, at)| (channel, at, name)),
                    );
                    self.said.say(channel, records, bytes, now)
                }
                false => self.said.mention(channel, records, bytes),
            };
            self.pipe.push_back(Op::Publish(message));
        }
        let refused = self.outbound.refused();
        let number = refused.as_ref().map_or(0, |refused| refused.number);
        let mut refused: Vec<_> = refused
            .into_iter()
            .flat_map(|refused| refused.channels.expect("few channels"))
            .collect();
        refused.sort_by_key(Channel::to_string);
        for channel in refused {
            self.said.skip(channel, number, now);
            let mark = Mark { on: channel, last: self.said.last(), age: 0 };
            let marks = vec![Record::Marks(vec![mark])];
            self.pipe.push_back(Op::Publish(self.said.mention(
                Channel::Control,
                marks,
                [].into_iter(),
            )));
        }
        if let Some(ticket) = ticket {
            let (own, echo) = (Channel::Node(self.id), vec![Record::Echo(ticket)]);
            self.pipe.push_back(Op::Publish(self.said.mention(own, echo, [].into_iter())));
        }
        said
    }

    /// The last words.
    pub(super) fn go(&mut self) {
        let message = self.said.mention(Channel::Control, vec![Record::Gone], [].into_iter());
        self.pipe.push_back(Op::Publish(message));
    }

    pub(super) fn hear(&mut self, batch: Vec<Bytes>, now: Instant) {
        self.heard_at = now;
        let mut read: Vec<_> =
            batch.into_iter().map(|bytes| Message::read(bytes).expect("a message")).collect();
        heard::sort(&mut read);
        let mut acts = Vec::new();
        for message in read {
            let on = message.head.on;
            if message.head.from == self.id {
                for record in &message.head.records {
                    if let Record::Echo(ticket) = record {
                        self.interests.confirm(*ticket, now);
                        self.listen(Vec::new(), now);
                    }
                }
            } else if !matches!(on, Channel::Room(_)) || self.interests.hears(on) {
                let since = since(&self.interests, self.begun);
                self.heard.hear(message, Moment { now, since: &since }, &mut acts);
            }
        }
        self.perform(acts, now);
    }

    fn perform(&mut self, acts: Vec<Act>, now: Instant) {
        let mut acts = VecDeque::from(acts);
        while let Some(act) = acts.pop_front() {
            let mut more = Vec::new();
            match act {
                Act::Deliver(message) => self.deliver(&message, now, &mut more),
                Act::Ask(node, Missed { ask, channel, after, within, until, .. }) => {
                    self.seen.push(Seen::Ask(node));
                    let within = within.as_millis() as u64;
                    let resend = Record::Resend { ask, on: channel, after, within, until };
                    self.aside(Channel::Node(node), resend);
                }
                Act::Gap(node, channel) => self.seen.push(Seen::Gap(node, channel)),
            }
            more.into_iter().rev().for_each(|act| acts.push_front(act));
        }
    }

    fn deliver(&mut self, message: &Message, now: Instant, acts: &mut Vec<Act>) {
        let Message { head, bytes } = message;
        let (mut rest, from, to) = (bytes.clone(), head.from, Channel::Node(head.from));
        for (record, number) in head.records.iter().zip(head.first..) {
            let own = rest.split_to(record.len());
            match record {
                Record::Here(here) => self.meet(from, here.clone(), now),
                Record::Gone => {
                    acts.extend(self.nodes.leave(from).map(|_| Act::Gap(from, Channel::All)));
                    let since = since(&self.interests, self.begun);
                    self.heard.forget(from, Moment { now, since: &since }, acts);
                }
                Record::Sync { ask, within } => {
                    let (ask, since) = (*ask, ago(now, *within));
                    self.mark(to, self.said.marks(since, now));
                    let forgotten = self.said.has_forgotten(since);
                    self.aside(to, Record::Synced { ask, forgotten });
                }
                Record::Synced { ask, forgotten } => {
                    self.nodes.sync(from, *ask);
                    acts.extend(forgotten.then_some(Act::Gap(from, Channel::All)));
                }
                Record::Resend { ask, on, after, within, until } => {
                    let again = self.said.again(*on, *after, ago(now, *within), *until);
                    let mut parts: Vec<_> = again.messages.chunks(self.again).collect();
                    if parts.is_empty() {
                        parts.push(&[]);
                    }
                    let last = parts.len() - 1;
                    for (part, messages) in parts.into_iter().enumerate() {
                        let lens = messages.iter().map(Bytes::len).collect();
                        let (is_last, part) = (part == last, part as u64);
                        let gone = again.gone;
                        let record = Record::Resent { ask: *ask, part, is_last, gone, lens };
                        let bytes = Some(FrameBytes::from(messages.concat()));
                        self.asides.push_back(Item { channel: to, counts: false, record, bytes });
                    }
                }
                Record::Resent { ask, part, is_last, gone, lens } => {
                    let (mut own, mut messages) = (own, Vec::new());
                    for len in lens {
                        messages.push(Message::read(own.split_to(*len)).expect("a message"));
                    }
                    let ends = is_last.then_some(*gone);
                    let answer = Answer { ask: *ask, part: *part, messages, ends };
                    let since = since(&self.interests, self.begun);
                    self.heard.heal(from, answer, Moment { now, since: &since }, acts);
                }
                Record::Emit(_) if head.counts => {
                    self.seen.push(Seen::Record(from, head.on, number, name(&own)));
                }
                _ => {}
            }
        }
    }

    fn meet(&mut self, node: NodeId, here: Here, now: Instant) {
        self.nodes.hear(node, here, self.begun.unwrap_or(now), now);
        if let Some(behind) = self.nodes.behind(node) {
            self.ask(Channel::Node(node), behind, now);
        }
    }

    fn ask(&mut self, to: Channel, Behind { ask, since, .. }: Behind, now: Instant) {
        let within = now.duration_since(since).as_millis() as u64;
        self.aside(to, Record::Sync { ask, within });
    }

    pub(super) fn look(&mut self, now: Instant) {
        let mut acts = Vec::new();
        {
            let since = since(&self.interests, self.begun);
            self.heard.expire(Moment { now, since: &since }, &mut acts);
        }
        for (node, owes) in self.nodes.expire(now) {
            acts.extend(owes.map(|_| Act::Gap(node, Channel::All)));
        }
        self.perform(acts, now);
        if self.told.is_none_or(|at| now.duration_since(at) >= BEAT) {
            self.aside(
                Channel::Control,
                Record::Here(Here { sockets: 1, connected: 1, stops: false }),
            );
            self.told = Some(now);
            let marks = self.said.forget(now);
            self.mark(Channel::Control, marks);
            if let Some(ticket) = self.interests.awaited() {
                self.aside(Channel::Node(self.id), Record::Echo(ticket));
            }
        }
    }

    fn listen(&mut self, left: Vec<Channel>, now: Instant) {
        left.into_iter().for_each(|channel| self.heard.leave(channel, now));
        self.interests.begun().into_iter().for_each(|channel| self.heard.begin(channel));
    }

    fn aside(&mut self, channel: Channel, record: Record) {
        self.asides.push_back(Item { channel, counts: false, record, bytes: None });
    }

    fn mark(&mut self, to: Channel, mut marks: Vec<Mark>) {
        marks.sort_by_key(|mark| mark.on.to_string());
        if !marks.is_empty() {
            self.aside(to, Record::Marks(marks));
        }
    }

    /// Whether the engine sends it what is published on a channel.
    pub(super) fn asks_for(&self, channel: Channel) -> bool {
        let is_room = matches!(channel, Channel::Room(_));
        self.asks.contains(&Interest::In(channel))
            || is_room && self.asks.contains(&Interest::Rooms)
    }
}

/// Since when a channel is listened to.
fn since(interests: &Interests, begun: Option<Instant>) -> impl Fn(Channel) -> Option<Instant> {
    move |channel| match channel {
        Channel::Room(_) => interests.since(channel),
        _ => begun,
    }
}

fn name(bytes: &[u8]) -> u64 {
    std::str::from_utf8(bytes).ok().and_then(|name| name.parse().ok()).expect("a name")
}

fn ago(now: Instant, millis: u64) -> Instant {
    now.checked_sub(Duration::from_millis(millis)).unwrap_or(now)
}
