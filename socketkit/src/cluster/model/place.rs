//! A node of the model, and what is known of it that it does not know itself.

use super::{
    Broken, Network,
    node::{Node, Seen},
};
use crate::{
    NodeId,
    cluster::{
        channel::Channel,
        engine::Outgoing,
        message::{Message, Record},
        said::KNOWN,
    },
};
use std::{
    collections::{HashMap, HashSet},
    time::{Duration, Instant},
};

/// What a node is to hear of another, or to know that it does not.
#[derive(Debug)]
pub(super) struct Due {
    pub(super) from: NodeId,
    pub(super) channel: Channel,
    /// None of what was refused.
    pub(super) number: Option<u64>,
    pub(super) name: u64,
    pub(super) at: Instant,
}

/// See the module.
pub(super) struct Place {
    pub(super) node: Node,
    /// Rooms with somebody in them.
    pub(super) rooms: HashSet<Channel>,
    /// Since when they are wanted.
    pub(super) joined: HashMap<Channel, Instant>,
    /// When the engine knew first what it asks for.
    pub(super) open: Option<Instant>,
    /// When it was last cut off, less the time of which it asks then.
    pub(super) synced: Option<Instant>,
    pub(super) due: Vec<Due>,
    /// The last number of each sender and channel, and of each sender.
    pub(super) got: HashMap<(NodeId, Channel), u64>,
    pub(super) last: HashMap<NodeId, u64>,
    /// When something came last of a sender on a channel.
    pub(super) known: HashMap<(NodeId, Channel), Instant>,
    /// Nodes of which it missed something.
    pub(super) hurt: HashSet<NodeId>,
}

impl Place {
    pub(super) fn new(node: Node) -> Self {
        Self {
            node,
            rooms: HashSet::new(),
            joined: HashMap::new(),
            open: None,
            synced: None,
            due: Vec::new(),
            got: HashMap::new(),
            last: HashMap::new(),
            known: HashMap::new(),
            hurt: HashSet::new(),
        }
    }

    /// Whether it listens to a channel, as far as can be told, and would know what it misses of a node.
    pub(super) fn is_sure(&self, from: NodeId, channel: Channel, now: Instant) -> bool {
        let since = match channel {
            Channel::Room(_) if !self.rooms.contains(&channel) => None,
            Channel::Room(_) => self.node.interests.since(channel),
            _ => self.open,
        };
        let known = self.known.get(&(from, channel));
        since.is_some_and(|since| {
            let is_known = known.is_some_and(|known| *known > since);
            now > since && (is_known || now > since + Duration::from_secs(1))
        })
    }

    /// What a message says of channels that are forgotten by then is not heard here.
    pub(super) fn waive(&mut self, from: NodeId, message: &Outgoing, is: impl Fn(&Due) -> bool) {
        if message.channel != Channel::Control {
            return;
        }
        for record in Message::read(message.payload.clone()).expect("a message").head.records {
            let Record::Marks(marks) = record else { continue };
            for mark in marks.iter().filter(|mark| u128::from(mark.age) >= KNOWN.as_millis()) {
                self.due.retain(|due| {
                    let is_of = due.from == from && due.channel == mark.on;
                    !is_of || due.number.is_some_and(|number| number > mark.last) || !is(due)
                });
            }
        }
    }

    /// Whoever comes into a room does not hear what was said there long before.
    pub(super) fn is_early(&self, seen: &Seen, said: &HashMap<u64, Instant>) -> Broken {
        let Seen::Record(_, channel, _, name) = seen else { return Ok(()) };
        let joined = self.joined.get(channel).filter(|_| self.rooms.contains(channel));
        match joined {
            Some(joined) if said[name] + Duration::from_secs(5) < *joined => {
                Err(format!("{name} was said long before it is heard at {}", self.node.id))
            }
            _ => Ok(()),
        }
    }

    pub(super) fn see(&mut self, seen: &Seen, network: Network, now: Instant) -> Broken {
        match *seen {
            Seen::Record(from, channel, number, name) => {
                if self.got.insert((from, channel), number) >= Some(number) {
                    return Err(format!("{number} of {from} comes again, or too late"));
                }
                let is_late = self.last.insert(from, number) >= Some(number);
                if is_late && (network == Network::Good || !self.hurt.contains(&from)) {
                    return Err(format!("{number} of {from} comes after a later one"));
                }
                self.known.insert((from, channel), now);
                self.due.retain(|due| due.name != name);
            }
            Seen::Gap(..) | Seen::Ask(_) if network == Network::Good => {
                return Err(format!("{seen:?} without a loss"));
            }
            Seen::Gap(from, channel) => {
                let is_all = channel == Channel::All;
                self.due.retain(|due| due.from != from || due.channel != channel && !is_all);
            }
            // What is late may look like a loss.
            Seen::Ask(node) => {
                self.hurt.insert(node);
            }
        }
        Ok(())
    }
}
