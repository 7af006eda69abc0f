//! Which channels a node listens to: those of rooms in which it has somebody.

#[cfg(test)]
mod tests;

use super::{
    channel::{Channel, Interest},
    engine::Change,
};
use std::{
    collections::{HashMap, HashSet, hash_map::Entry},
    mem,
    time::Instant,
};

/// See the module.
#[derive(Debug)]
pub(crate) struct Interests {
    /// How often each is wanted, as two rooms may share one, and since when.
    wanted: HashMap<Channel, (u32, Instant)>,
    /// Those that may have to be begun or ended.
    changed: HashSet<Channel>,
    /// Those that were begun, and when.
    held: HashMap<Channel, Instant>,
    /// Those that were asked for, and until which echo that may not hold yet.
    unsure: HashMap<Channel, u64>,
    /// Those that hold since lately.
    begun: HashSet<Channel>,
    /// All rooms were begun, in place of each.
    all_rooms: bool,
    most: usize,
    link: Link,
    /// What was left since the last connection was lost.
    left: Vec<Channel>,
}

/// The connection to the engine.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Link {
    /// There was none yet.
    New,
    Up,
    Cut,
}

impl Interests {
    /// With no more than `most` rooms one by one.
    pub(crate) fn new(most: usize) -> Self {
        Self {
            wanted: HashMap::new(),
            changed: HashSet::new(),
            held: HashMap::new(),
            unsure: HashMap::new(),
            begun: HashSet::new(),
            all_rooms: false,
            most,
            link: Link::New,
            left: Vec::new(),
        }
    }

    /// A channel is wanted, once more perhaps. Where the connection is lost, what is said from now on is missed, as on
    /// those that were begun before.
    pub(crate) fn begin(&mut self, channel: Channel, now: Instant) {
        self.wanted.entry(channel).or_insert((0, now)).0 += 1;
        match self.held.entry(channel) {
            // It was not left yet.
            Entry::Occupied(_) => drop(self.changed.remove(&channel)),
            Entry::Vacant(new) if self.link == Link::Cut => {
                new.insert(now);
                self.begun.insert(channel);
            }
            Entry::Vacant(_) => drop(self.changed.insert(channel)),
        }
    }

    /// Whether it is listened to, as far as the engine has said.
    pub(crate) fn is_sure(&self, channel: Channel) -> bool {
        self.held.contains_key(&channel) && !self.unsure.contains_key(&channel)
    }

    /// What was asked for before this echo holds.
    pub(crate) fn confirm(&mut self, echo: u64, now: Instant) {
        for (channel, _) in self.unsure.extract_if(|_, until| *until <= echo) {
            self.held.entry(channel).and_modify(|since| *since = now);
            self.begun.insert(channel);
        }
    }

    /// Those that hold, each once.
    pub(crate) fn begun(&mut self) -> HashSet<Channel> {
        mem::take(&mut self.begun)
    }

    /// The last echo that is waited for.
    pub(crate) fn awaited(&self) -> Option<u64> {
        self.unsure.values().copied().max()
    }

    /// It is wanted once less.
    pub(crate) fn end(&mut self, channel: Channel) {
        if let Some((count, _)) = self.wanted.get_mut(&channel) {
            *count = count.saturating_sub(1);
            if *count == 0 {
                self.wanted.remove(&channel);
                if self.link == Link::Up {
                    self.changed.insert(channel);
                } else if self.held.remove(&channel).is_some() && !self.begun.remove(&channel) {
                    self.left.push(channel);
                }
            }
        }
    }

    /// The connection was lost, or none was made: whatever is not wanted any more is left.
    pub(crate) fn lose(&mut self) {
        if self.link == Link::New {
            return;
        }
        self.link = Link::Cut;
        self.unsure.clear();
        for channel in self.changed.drain() {
            match (self.wanted.get(&channel), self.held.entry(channel)) {
                (Some((_, since)), Entry::Vacant(new)) => {
                    new.insert(*since);
                    self.begun.insert(channel);
                }
                (None, Entry::Occupied(held)) => {
                    held.remove();
                    self.left.push(channel);
                }
                _ => {}
            }
        }
    }

    /// Whether what comes on it is for somebody here.
    pub(crate) fn wants(&self, channel: Channel) -> bool {
        self.wanted.contains_key(&channel)
    }

    /// Whether what comes on it is heard: it may be wanted again before it was left.
    pub(crate) fn hears(&self, channel: Channel) -> bool {
        self.wants(channel) || self.held.contains_key(&channel)
    }

    /// Since when it is listened to, for sure.
    pub(crate) fn since(&self, channel: Channel) -> Option<Instant> {
        if self.unsure.contains_key(&channel) { None } else { self.held.get(&channel).copied() }
    }

    /// What is to be asked of the engine now, and channels that are left. After it comes an echo, if somebody
    /// waits for that.
    pub(crate) fn change(
        &mut self,
        now: Instant,
        echo: Option<u64>,
    ) -> (Vec<Change>, Vec<Channel>) {
        let (mut changes, mut left) = (Vec::new(), Vec::new());
        for channel in mem::take(&mut self.changed) {
            let is_apart = !matches!(channel, Channel::Room(_)) || !self.all_rooms;
            if let Some((_, since)) = self.wanted.get(&channel) {
                if let Entry::Vacant(new) = self.held.entry(channel) {
                    // The pattern may have been asked for just now. Where nobody waits, it counts from the beginning.
                    match echo {
                        Some(echo) => {
                            new.insert(now);
                            self.unsure.insert(channel, echo);
                        }
                        None => {
                            new.insert(*since);
                            self.begun.insert(channel);
                        }
                    }
                    if is_apart {
                        changes.push(Change::Begin(Interest::In(channel)));
                    }
                }
            } else if self.held.remove(&channel).is_some() {
                self.unsure.remove(&channel);
                left.push(channel);
                if is_apart {
                    changes.push(Change::End(Interest::In(channel)));
                }
            }
        }
        let is_room = |channel: &&Channel| matches!(channel, Channel::Room(_));
        let rooms = self.held.keys().filter(is_room).count();
        if !self.all_rooms && rooms > self.most {
            self.all_rooms = true;
            changes
                .retain(|change| !matches!(change, Change::Begin(Interest::In(Channel::Room(_)))));
            changes.insert(0, Change::Begin(Interest::Rooms));
            let each = self.held.keys().filter(is_room);
            changes.extend(each.map(|room| Change::End(Interest::In(*room))));
        } else if self.all_rooms && rooms < self.most / 2 {
            self.all_rooms = false;
            let each = self.held.keys().filter(is_room);
            changes.extend(each.map(|room| Change::Begin(Interest::In(*room))));
            changes.push(Change::End(Interest::Rooms));
        }
        (changes, left)
    }

    /// All that is wanted, for a new connection, and channels that were left since the last.
    pub(crate) fn all(&mut self, now: Instant) -> (Vec<Change>, Vec<Channel>) {
        self.changed.clear();
        self.link = Link::Up;
        for channel in self.wanted.keys() {
            if let Entry::Vacant(new) = self.held.entry(*channel) {
                new.insert(now);
                self.begun.insert(*channel);
            }
        }
        let is_room = |channel: &&Channel| matches!(channel, Channel::Room(_));
        self.all_rooms = self.held.keys().filter(is_room).count() > self.most;
        let each = self.held.keys().filter(|channel| !self.all_rooms || !is_room(channel));
        let each = each.map(|channel| Change::Begin(Interest::In(*channel)));
        let all = each.chain(self.all_rooms.then_some(Change::Begin(Interest::Rooms)));
        (all.collect(), mem::take(&mut self.left))
    }
}
