//! Nodes and an engine between them, at random: whatever is lost, cut off or late, each record comes once, in
//! order and to whoever surely listens, or that node knows that there is a gap.

mod node;
mod place;

use super::{
    channel::Channel,
    engine::{Change, Outgoing},
    message::Message,
    said::KNOWN,
};
use crate::NodeId;
use node::{Node, Op, Sizes};
use place::{Due, Place};
use std::{
    collections::{HashMap, HashSet, VecDeque},
    time::{Duration, Instant},
};

#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Network {
    /// Messages are lost, and connections.
    Bad,
    /// Nothing is, and nothing is late.
    Good,
}

/// Random numbers that a seed repeats: splitmix64.
struct Dice(u64);

impl Dice {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ (z >> 31)) % bound
    }
}

pub(crate) struct Model {
    dice: Dice,
    network: Network,
    sizes: Sizes,
    now: Instant,
    nodes: u64,
    names: u64,
    /// When each record was said.
    said: HashMap<u64, Instant>,
    places: Vec<Place>,
}

pub(crate) type Broken = Result<(), String>;

const CHANNELS: [Channel; 5] =
    [Channel::All, Channel::Room(1), Channel::Room(2), Channel::Room(3), Channel::Room(4)];

impl Model {
    pub(crate) fn new(seed: u64, network: Network) -> Self {
        let mut dice = Dice(seed);
        let is_bad = network == Network::Bad;
        let mut size = |least: u64, range| (least + dice.below(range)) as usize;
        let sizes = Sizes {
            kept: size(1, 20),
            waiting: size(1, 20),
            outbound: if is_bad { size(2, 30) } else { 1_000 },
            rooms: size(1, 5),
            again: size(1, 3),
        };
        // Far enough from the earliest time that there is.
        let now = Instant::now() + Duration::from_secs(86_400);
        let (said, places) = (HashMap::new(), Vec::new());
        let mut model = Self { dice, network, sizes, now, nodes: 0, names: 0, said, places };
        model.places = (0..3).map(|_| model.place()).collect();
        model
    }

    fn place(&mut self) -> Place {
        self.nodes += 1;
        let id = NodeId::from_bytes(self.nodes.to_be_bytes());
        Place::new(Node::new(id, self.sizes, self.now))
    }

    /// What is broken, if anything is.
    pub(crate) fn run(&mut self) -> Broken {
        for _ in 0..150 {
            self.step()?;
        }
        self.settle()?;
        // Whatever was lost last is found by what comes after it.
        for place in 0..self.places.len() {
            for channel in CHANNELS {
                self.say(place, channel, true);
                self.speak(place);
            }
        }
        self.settle()?;
        let living: HashSet<_> = self.places.iter().map(|place| place.node.id).collect();
        for Place { node, due, got, .. } in &self.places {
            for due in due {
                let after = got.get(&(due.from, due.channel));
                if living.contains(&due.from) || due.number.is_some_and(|it| after > Some(&it)) {
                    return Err(format!("{} was not told of {due:?}", node.id));
                }
            }
        }
        Ok(())
    }

    /// The network is good from now on.
    fn settle(&mut self) -> Broken {
        for place in 0..self.places.len() {
            if !self.places[place].node.is_connected {
                self.places[place].node.connect(self.now);
            }
        }
        for _ in 0..12 {
            self.drain(0)?;
            self.now += Duration::from_millis(500);
        }
        self.drain(0)
    }

    /// Everything that is on its way arrives, but for one of so many messages.
    fn drain(&mut self, loss: u64) -> Broken {
        for _ in 0..1_000 {
            let mut is_still = true;
            for place in 0..self.places.len() {
                self.speak(place);
                while self.carry(place, loss) {
                    is_still = false;
                }
            }
            for place in 0..self.places.len() {
                let count = self.places[place].node.inbox.len();
                is_still &= count == 0;
                self.hear(place, count)?;
            }
            if is_still {
                return Ok(());
            }
        }
        Err("it never ends".into())
    }

    fn step(&mut self) -> Broken {
        let place = self.dice.below(self.places.len() as u64) as usize;
        let is_bad = self.network == Network::Bad;
        let channel = CHANNELS[self.dice.below(5) as usize];
        match self.dice.below(36) {
            0..8 => {
                for _ in 0..=self.dice.below(3) {
                    self.say(place, channel, !self.names.is_multiple_of(8));
                }
            }
            8..13 => self.speak(place),
            13..18 => {
                let loss = if is_bad { 12 } else { 0 };
                for _ in 0..=self.dice.below(4) {
                    self.carry(place, loss);
                }
            }
            18..23 => {
                let count = 1 + self.dice.below(8) as usize;
                self.hear(place, count)?;
            }
            23..27 => self.join(place, channel),
            27..29 => self.leave(place, channel),
            29 => {
                if !self.places[place].node.is_connected {
                    self.places[place].node.connect(self.now);
                }
            }
            30 if is_bad && self.dice.below(2) == 0 => self.cut(place),
            31 if self.dice.below(4) == 0 => self.restart(place)?,
            32..34 if is_bad => self.now += Duration::from_millis(1 + self.dice.below(300)),
            _ => {
                // As time goes by, everything that is on its way arrives.
                let loss = if is_bad && self.dice.below(2) == 0 { 12 } else { 0 };
                self.drain(loss)?;
                let millis = [1, 20, 300, 1_000, 3_000, 4_000, 61_000];
                let millis = millis[self.dice.below(7) as usize];
                self.wait(millis, loss)?;
            }
        }
        Ok(())
    }

    /// Time goes by, in which each node says that it is there, unless all stand still.
    fn wait(&mut self, mut millis: u64, loss: u64) -> Broken {
        let is_still = self.network == Network::Bad && self.dice.below(4) == 0;
        while millis > 0 {
            let step = if is_still { millis } else { millis.min(1_000) };
            self.now += Duration::from_millis(step);
            millis -= step;
            for place in 0..self.places.len() {
                self.look(place)?;
            }
            self.drain(loss)?;
        }
        Ok(())
    }

    fn say(&mut self, place: usize, channel: Channel, counts: bool) {
        self.names += 1;
        let (name, Place { node, .. }) = (self.names, &self.places[place]);
        let is_taken = node.push(channel, counts, name, self.sizes.outbound);
        if !is_taken && counts {
            let from = node.id;
            self.owe(from, &[(channel, None, name)]);
        }
    }

    /// Whoever surely listens is to hear of it.
    fn owe(&mut self, from: NodeId, said: &[(Channel, Option<u64>, u64)]) {
        let now = self.now;
        for &(channel, number, name) in said {
            for place in self.places.iter_mut().filter(|place| place.node.id != from) {
                if place.is_sure(from, channel, now) {
                    place.due.push(Due { from, channel, number, name, at: now });
                }
            }
        }
    }

    fn speak(&mut self, place: usize) {
        let Place { node, .. } = &mut self.places[place];
        if !node.is_connected {
            return;
        }
        let from = node.id;
        let said = node.speak(self.now, 8);
        let said: Vec<_> = said.into_iter().map(|(on, at, name)| (on, Some(at), name)).collect();
        self.said.extend(said.iter().map(|(.., name)| (*name, self.now)));
        self.owe(from, &said);
    }

    /// The engine does the next that a node has said; one of so many messages is lost on its way to each.
    fn carry(&mut self, place: usize, loss: u64) -> bool {
        let (now, from) = (self.now, self.places[place].node.id);
        let message = match self.places[place].node.pipe.pop_front() {
            None => return false,
            Some(Op::Publish(message)) => message,
            Some(Op::Subscribe(changes)) => {
                let Place { node, open, .. } = &mut self.places[place];
                for change in changes {
                    match change {
                        Change::Begin(interest) => node.asks.insert(interest),
                        Change::End(interest) => node.asks.remove(&interest),
                    };
                }
                open.get_or_insert(now);
                return true;
            }
        };
        for place in 0..self.places.len() {
            let node = &mut self.places[place].node;
            if node.is_connected && node.asks_for(message.channel) {
                if loss > 0 && self.dice.below(loss) == 0 {
                    self.lost(place, from, &message);
                } else {
                    node.inbox.push_back(message.clone());
                }
            } else {
                // It asks when it is back, though not for what was long before.
                let place = &mut self.places[place];
                let synced = place.synced;
                let is_meant =
                    message.channel == Channel::All || place.rooms.contains(&message.channel);
                place.hurt.extend(is_meant.then_some(from));
                place.waive(from, &message, |due| synced.is_some_and(|synced| due.at < synced));
            }
        }
        true
    }

    /// A message of a node is lost on its way to a place.
    fn lost(&mut self, place: usize, from: NodeId, message: &Outgoing) {
        self.places[place].hurt.insert(from);
        self.places[place].waive(from, message, |_| true);
    }

    /// A node hears what has come, in some order of its channels.
    fn hear(&mut self, place: usize, count: usize) -> Broken {
        let node = &mut self.places[place].node;
        if !node.is_connected {
            return Ok(());
        }
        let count = count.min(node.inbox.len());
        let mut channels: Vec<(Channel, VecDeque<_>)> = Vec::new();
        for message in node.inbox.drain(..count) {
            match channels.iter_mut().find(|(channel, _)| *channel == message.channel) {
                Some((_, messages)) => messages.push_back(message.payload),
                None => channels.push((message.channel, [message.payload].into())),
            }
        }
        let mut batch = Vec::new();
        while !channels.is_empty() {
            let next = self.dice.below(channels.len() as u64) as usize;
            batch.extend(channels[next].1.pop_front());
            channels.retain(|(_, messages)| !messages.is_empty());
        }
        if !batch.is_empty() {
            node.hear(batch, self.now);
        }
        self.look(place)
    }

    fn look(&mut self, place: usize) -> Broken {
        let place = &mut self.places[place];
        if place.node.is_connected {
            place.node.look(self.now);
        }
        if place.node.heard.waiting() > self.sizes.waiting {
            return Err(format!("{} messages wait", place.node.heard.waiting()));
        }
        for seen in std::mem::take(&mut place.node.seen) {
            place.is_early(&seen, &self.said)?;
            place
                .see(&seen, self.network, self.now)
                .map_err(|why| format!("{why} at {}", place.node.id))?;
        }
        Ok(())
    }

    fn join(&mut self, place: usize, channel: Channel) {
        let Place { node, rooms, joined, .. } = &mut self.places[place];
        if channel == Channel::All || !rooms.insert(channel) {
            return;
        }
        if !node.interests.hears(channel) {
            joined.insert(channel, self.now);
        }
        node.interests.begin(channel, self.now);
        if !node.interests.is_sure(channel) && node.is_connected {
            node.is_awaited = true;
        }
    }

    fn leave(&mut self, place: usize, channel: Channel) {
        let Place { node, rooms, due, known, .. } = &mut self.places[place];
        if rooms.remove(&channel) {
            node.interests.end(channel);
            due.retain(|due| due.channel != channel);
            known.retain(|(_, on), _| *on != channel);
        }
    }

    /// A connection is lost, with all that is on its way over it.
    fn cut(&mut self, place: usize) {
        if !self.places[place].node.is_connected {
            return;
        }
        let (now, id) = (self.now, self.places[place].node.id);
        let synced = self.places[place].node.synced(now);
        let node = &mut self.places[place].node;
        let (inbox, pipe) = (std::mem::take(&mut node.inbox), std::mem::take(&mut node.pipe));
        self.places[place].synced = Some(synced);
        for message in inbox {
            let from = Message::read(message.payload.clone()).expect("a message").head.from;
            self.places[place].waive(from, &message, |due| due.at < synced);
        }
        for op in pipe {
            if let Op::Publish(message) = op {
                let others = (0..self.places.len()).filter(|other| *other != place);
                others.for_each(|other| self.lost(other, id, &message));
            }
        }
        for other in 0..self.places.len() {
            let other_id = self.places[other].node.id;
            self.places[other].hurt.insert(id);
            self.places[place].hurt.insert(other_id);
        }
        self.places[place].node.lose(now);
    }

    /// A node is gone, with or without a word, and another comes.
    fn restart(&mut self, place: usize) -> Broken {
        if self.network == Network::Good || self.dice.below(2) == 0 {
            self.speak(place);
            self.places[place].node.go();
            while self.carry(place, 0) {}
        }
        let (id, now) = (self.places[place].node.id, self.now);
        self.places[place] = self.place();
        for Place { due, .. } in &mut self.places {
            // Whoever has not asked yet cannot ask for what it has forgotten.
            due.retain(|due| due.from != id || now.duration_since(due.at) < KNOWN);
        }
        Ok(())
    }
}
