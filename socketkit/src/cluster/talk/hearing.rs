//! What a node does about what it hears.

use super::{Talk, listened, millis};
use crate::{
    NodeId, Protocol, SocketId,
    cluster::{
        apply::Whom,
        channel::Channel,
        heard::{self, Act, Answer, Missed, Moment},
        message::{Here, Message, Record},
        outbound::Item,
        said::Again,
        shared::Others,
    },
    frame::FrameBytes,
    peer::lock,
};
use bytes::Bytes;
use serde_json::value::RawValue;
use std::{
    collections::{HashSet, VecDeque},
    mem,
    time::{Duration, Instant},
};

/// Bytes of messages that are said again in one.
const AGAIN: usize = 512 * 1024;

impl<P: Protocol> Talk<P> {
    pub(super) fn hear(&mut self, messages: Vec<Bytes>) {
        let now = Instant::now();
        let read = messages.into_iter().filter_map(|bytes| match Message::read(bytes) {
            Ok(message) => Some(message),
            Err(malformed) => {
                tracing::warn!(?malformed, "a message of another node cannot be read");
                None
            }
        });
        let mut read: Vec<_> = read.collect();
        self.counters.cluster.heard.add(read.len() as u64);
        heard::sort(&mut read);
        let (mut acts, mut beats) = (Vec::new(), 0);
        for message in read {
            if message.head.from == self.shared.node {
                beats += self.hear_self(&message, now);
            } else if self.shared.hears(message.head.on)
                && let Some(message) = self.healing.hold(message, now)
            {
                let of = (&*self.shared, &self.hub, self.begun);
                let since = |channel| listened(of, channel);
                let known = acts.len();
                self.heard.hear(message, Moment { now, since: &since }, &mut acts);
                if acts[known..].iter().any(|act| matches!(act, Act::Ask(..))) {
                    // What came with it waits as well for what was missed.
                    let mut more = acts.split_off(known);
                    self.heal_missed(&mut more, now);
                    acts.extend(more);
                }
            }
        }
        self.perform(acts, now);
        self.heal_no_more(now);
        (0..beats).for_each(|_| self.hear_beat(now));
    }

    /// Hears what this node has said, and how often that it is there.
    fn hear_self(&mut self, message: &Message, now: Instant) -> usize {
        let mut beats = 0;
        for record in &message.head.records {
            match record {
                Record::Echo(ticket) => {
                    lock(&self.shared.interests).confirm(*ticket, now);
                    self.listen(Vec::new(), now);
                    self.shared.waiting.release(*ticket);
                }
                Record::Here(_) => beats += 1,
                _ => {}
            }
        }
        beats
    }

    pub(super) fn perform(&mut self, acts: Vec<Act>, now: Instant) {
        let mut acts = VecDeque::from(acts);
        while let Some(act) = acts.pop_front() {
            let mut more = Vec::new();
            match act {
                Act::Deliver(message) => self.deliver(&message, now, &mut more),
                Act::Ask(node, Missed { ask, channel, after, within, until, .. }) => {
                    let within = millis(within);
                    self.counters.cluster.asked.add(1);
                    let resend = Record::Resend { ask, on: channel, after, within, until };
                    self.aside(Channel::Node(node), resend);
                }
                Act::Gap(node, channel) => {
                    tracing::warn!(%node, %channel, "events of another node were lost");
                    if let Some(hub) = self.hub.upgrade() {
                        let is_on = |room: &RawValue| Channel::of_room(room.get()) == channel;
                        self.ask_presence(node, false, is_on);
                        hub.gap(channel, &self.spread);
                        self.shared.arrivals.gap(channel);
                    }
                }
            }
            self.heal_missed(&mut more, now);
            // What follows from it comes before what came after it.
            more.into_iter().rev().for_each(|act| acts.push_front(act));
        }
    }

    fn deliver(&mut self, message: &Message, now: Instant, acts: &mut Vec<Act>) {
        let from = message.head.from;
        let Some(hub) = self.hub.upgrade() else { return };
        let mut knowing = Vec::new();
        if message.head.counts {
            knowing = self.shared.arrivals.knowing(message, now);
            self.shared.arrivals.keep(message);
        }
        each_record(message, |number, record, own| match record {
            Record::Here(here) => self.meet(from, here.clone(), now),
            Record::Gone => self.forget(from, now, acts),
            Record::Sync { ask, within } => {
                let since = ago(now, *within);
                self.mark(Channel::Node(from), &self.said.marks(since, now));
                let forgotten = self.said.has_forgotten(since);
                self.aside(Channel::Node(from), Record::Synced { ask: *ask, forgotten });
            }
            Record::Synced { ask, forgotten } => {
                if self.nodes.behind(from).is_some_and(|behind| behind.ask == *ask) {
                    self.ask_presence(from, true, |_| true);
                }
                self.nodes.sync(from, *ask);
                // Whoever is here may have missed something.
                acts.extend(forgotten.then_some(Act::Gap(from, Channel::All)));
            }
            Record::Resend { ask, on, after, within, until } => {
                let again = self.said.again(*on, *after, ago(now, *within), *until);
                self.repeat(from, *ask, again);
            }
            Record::Resent { ask, part, is_last, gone, lens } => {
                let (ask, part, messages) = (*ask, *part, pieces(own, lens));
                let answer = Answer { ask, part, messages, ends: is_last.then_some(*gone) };
                let of = (&*self.shared, &self.hub, self.begun);
                let since = |channel| listened(of, channel);
                self.heard.heal(from, answer, Moment { now, since: &since }, acts);
            }
            Record::Moved { ask, state, .. } => {
                let said = message.head.first;
                self.take_in((from, *ask, said), state, own, now);
            }
            // One that is not known yet is asked when it is.
            Record::Presence { .. } | Record::PresenceState { .. }
                if !self.nodes.contains(from) => {}
            Record::Presence { room, before, at, socket, moves, what } => {
                let (change, whose) = ((*before, *at), (*socket, *moves));
                if hub.presence_heard(from, room, change, whose, what) {
                    self.aside(Channel::Node(from), ask_again(room));
                }
            }
            Record::PresenceState { room, part, sockets } => {
                if hub.presence_told(from, room, *part, sockets) {
                    self.aside(Channel::Node(from), ask_again(room));
                }
            }
            Record::PresenceAsk { rooms, always, begins, back } => {
                hub.answer_presence(from, rooms, *always, *begins);
                if *back {
                    let names: HashSet<_> = rooms.iter().map(|room| room.get()).collect();
                    self.ask_presence(from, false, |room| names.contains(room.get()));
                }
            }
            Record::Taken { sockets } => hub.taken(sockets, &self.spread),
            record => {
                self.shared.asks.hear(from, record, &own);
                let knows = |(id, last): &(SocketId, u64)| (*last >= number).then_some(*id);
                let except: Vec<_> = knowing.iter().filter_map(knows).collect();
                hub.apply(from, record, &own, &Whom { only: None, except: &except });
            }
        });
        if let Some(durable) = self.shared.durable.as_ref().filter(|_| message.head.counts) {
            durable.has_heard(from, message.head.last(), now);
        }
    }

    /// A node says that it is there.
    fn meet(&mut self, node: NodeId, here: Here, now: Instant) {
        if self.nodes.hear(node, here, self.begun.unwrap_or(now), now) {
            tracing::info!(%node, "a node of the cluster is there");
            self.tell_taken(node);
            // So that it soon knows of this one.
            self.shared.changed();
        }
        if let Some(behind) = self.nodes.behind(node) {
            self.ask(Channel::Node(node), behind, now);
        }
        self.view();
    }

    /// A node goes, and never comes back.
    fn forget(&mut self, node: NodeId, now: Instant, acts: &mut Vec<Act>) {
        tracing::info!(%node, "a node of the cluster has gone");
        // What it said while nobody listened here, it says no more.
        let owes = self.nodes.leave(node);
        self.miss_all(node, owes, acts);
        let of = (&*self.shared, &self.hub, self.begun);
        let since = |channel| listened(of, channel);
        self.heard.forget(node, Moment { now, since: &since }, acts);
        self.without(node);
    }

    /// A node is not there, as far as is known.
    pub(super) fn without(&self, node: NodeId) {
        if let Some(hub) = self.hub.upgrade() {
            hub.presence_gone(node);
        }
        self.shared.asks.gone(node);
        self.shared.errands.gone(node);
        self.view();
    }

    /// Asks a node who is present in rooms in which this one has somebody.
    fn ask_presence(&mut self, node: NodeId, back: bool, are_meant: impl Fn(&RawValue) -> bool) {
        if let Some(hub) = self.hub.upgrade() {
            let asks = hub.ask_presence(node, back, are_meant);
            asks.into_iter().for_each(|ask| self.aside(Channel::Node(node), ask));
        }
    }

    fn view(&self) {
        let (nodes, total) = (self.nodes.heard().collect(), self.nodes.total());
        let are_open = self.nodes.are_open();
        let before =
            mem::replace(&mut *lock(&self.shared.others), Others { nodes, total, are_open });
        if before.are_open && !are_open {
            // Whoever waits for another node waits in vain.
            self.hub.upgrade().into_iter().for_each(|hub| hub.wake_all());
        }
    }

    /// Says something again to a node that missed it.
    fn repeat(&mut self, node: NodeId, ask: u64, again: Again) {
        let Again { messages, gone } = again;
        self.counters.cluster.repeated.add(messages.len() as u64);
        let (mut left, mut part) = (&messages[..], 0);
        loop {
            let mut size = 0;
            let fits = |message: &&Bytes| {
                size += message.len();
                size <= AGAIN
            };
            let count = left.iter().take_while(fits).count().max(1).min(left.len());
            let (some, rest) = left.split_at(count);
            left = rest;
            let lens = some.iter().map(Bytes::len).collect();
            let record = Record::Resent { ask, part, is_last: left.is_empty(), gone, lens };
            let bytes = Some(FrameBytes::from(some.concat()));
            let channel = Channel::Node(node);
            self.asides.push_back(Item { channel, counts: false, record, bytes });
            if left.is_empty() {
                return;
            }
            part += 1;
        }
    }
}

/// Each record of a message, with its number and its bytes.
pub(super) fn each_record(message: &Message, mut each: impl FnMut(u64, &Record, Bytes)) {
    let mut rest = message.bytes.clone();
    for (number, record) in (message.head.first..).zip(&message.head.records) {
        if record.len() > rest.len() {
            tracing::warn!(node = %message.head.from, "a message of another node is cut off");
            return;
        }
        each(number, record, rest.split_to(record.len()));
    }
}

/// The messages of these lengths.
fn pieces(mut bytes: Bytes, lens: &[usize]) -> Vec<Message> {
    let mut messages = Vec::new();
    for len in lens {
        if *len > bytes.len() {
            break;
        }
        messages.extend(Message::read(bytes.split_to(*len)));
    }
    messages
}

fn ask_again(room: &RawValue) -> Record {
    Record::PresenceAsk { rooms: vec![room.to_owned()], always: true, begins: None, back: false }
}

fn ago(now: Instant, millis: u64) -> Instant {
    now.checked_sub(Duration::from_millis(millis)).unwrap_or(now)
}
