//! Which channels a node listens to: those of rooms in which it has somebody.

use super::{
    channel::{Channel, Interest},
    engine::Change,
};
use std::{
    collections::{HashMap, HashSet},
    time::Instant,
};

/// See the module.
#[derive(Debug)]
pub(crate) struct Interests {
    /// How often each is wanted: two rooms may share one.
    wanted: HashMap<Channel, u32>,
    /// Those that may have to be begun or ended.
    changed: HashSet<Channel>,
    /// Those that were begun, and when.
    held: HashMap<Channel, Instant>,
    /// Those that were asked for, and until which echo that may not hold yet.
    unsure: HashMap<Channel, u64>,
    /// All rooms were begun, in place of each.
    all_rooms: bool,
    most: usize,
}

impl Interests {
    /// With no more than `most` rooms one by one.
    pub(crate) fn new(most: usize) -> Self {
        let (wanted, changed, held) = (HashMap::new(), HashSet::new(), HashMap::new());
        Self { wanted, changed, held, unsure: HashMap::new(), all_rooms: false, most }
    }

    /// A channel is wanted, once more perhaps.
    pub(crate) fn begin(&mut self, channel: Channel) {
        *self.wanted.entry(channel).or_default() += 1;
        if !self.held.contains_key(&channel) {
            self.changed.insert(channel);
        }
    }

    /// Whether it is listened to, as far as the engine has said.
    pub(crate) fn is_sure(&self, channel: Channel) -> bool {
        self.held.contains_key(&channel) && !self.unsure.contains_key(&channel)
    }

    /// What was asked for before this echo holds.
    pub(crate) fn confirm(&mut self, echo: u64) {
        self.unsure.retain(|_, until| *until > echo);
    }

    /// It is wanted once less.
    pub(crate) fn end(&mut self, channel: Channel) {
        if let Some(count) = self.wanted.get_mut(&channel) {
            *count = count.saturating_sub(1);
            if *count == 0 {
                self.wanted.remove(&channel);
                self.changed.insert(channel);
            }
        }
    }

    /// Whether what comes on it is for somebody here.
    pub(crate) fn wants(&self, channel: Channel) -> bool {
        self.wanted.contains_key(&channel)
    }

    /// Since when it is listened to.
    pub(crate) fn since(&self, channel: Channel) -> Option<Instant> {
        self.held.get(&channel).copied()
    }

    /// What is to be asked of the engine now, and channels that are left. After it comes an echo, if somebody
    /// waits for that.
    pub(crate) fn change(
        &mut self,
        now: Instant,
        echo: Option<u64>,
    ) -> (Vec<Change>, Vec<Channel>) {
        let (mut changes, mut left) = (Vec::new(), Vec::new());
        for channel in std::mem::take(&mut self.changed) {
            let is_apart = !matches!(channel, Channel::Room(_)) || !self.all_rooms;
            if self.wanted.contains_key(&channel) {
                let is_new = self.held.insert(channel, now).is_none() && is_apart;
                if is_new {
                    self.unsure.extend(echo.map(|echo| (channel, echo)));
                    changes.push(Change::Begin(Interest::In(channel)));
                }
            } else if self.held.remove(&channel).is_some() {
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

    /// All that is wanted, for a new connection.
    pub(crate) fn all(&mut self, now: Instant) -> Vec<Change> {
        self.changed.clear();
        self.unsure.clear();
        let held = self
            .wanted
            .keys()
            .map(|channel| (*channel, self.held.get(channel).copied().unwrap_or(now)));
        self.held = held.collect();
        let is_room = |channel: &&Channel| matches!(channel, Channel::Room(_));
        self.all_rooms = self.held.keys().filter(is_room).count() > self.most;
        let each = self.held.keys().filter(|channel| !self.all_rooms || !is_room(channel));
        let each = each.map(|channel| Change::Begin(Interest::In(*channel)));
        each.chain(self.all_rooms.then_some(Change::Begin(Interest::Rooms))).collect()
    }
}
