//! What waits to be said to other nodes: bounded, and nobody waits for it.

use super::{channel::Channel, message::Record};
use crate::{frame::FrameBytes, peer::lock};
use std::{
    collections::{HashSet, VecDeque},
    sync::Mutex,
};
use tokio::sync::Notify;

/// Channels of which it is known that something on them was not taken; beyond, all are taken for such.
const REFUSED: usize = 1_024;

/// See the module.
#[derive(Debug, Default)]
pub(crate) struct Outbound {
    waiting: Mutex<Waiting>,
    /// Wakes the one who says it.
    pub(crate) wake: Notify,
}

#[derive(Debug, Default)]
struct Waiting {
    items: VecDeque<Item>,
    bytes: usize,
    refused: HashSet<Channel>,
    /// The number of the last item that counts.
    last: u64,
}

/// Channels on which something was not taken, and the number that stands for all of it.
#[derive(Debug, PartialEq)]
pub(crate) struct Refused {
    /// `Err` if they are too many to name.
    pub(crate) channels: Result<HashSet<Channel>, ()>,
    pub(crate) number: u64,
}

/// One record for one channel, with its bytes.
#[derive(Debug, Clone)]
pub(crate) struct Item {
    pub(crate) channel: Channel,
    /// Whoever does not hear of it is to know that.
    pub(crate) counts: bool,
    pub(crate) record: Record,
    pub(crate) bytes: Option<FrameBytes>,
}

/// How much may wait.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Bounds {
    pub(crate) items: usize,
    pub(crate) bytes: usize,
}

impl Item {
    pub(crate) fn len(&self) -> usize {
        self.record.weight() + self.bytes.as_ref().map_or(0, |bytes| bytes.len())
    }
}

impl Outbound {
    /// Takes items, all or none: whether there was room.
    #[cfg(test)]
    pub(crate) fn push(&self, items: impl IntoIterator<Item = Item>, bounds: Bounds) -> bool {
        self.push_numbered(items, bounds, |_, _| {})
    }

    /// Takes items, all or none: whether there was room. Those that count get their numbers, in their order, and `with`
    /// is given the last of these before anybody can take them.
    pub(crate) fn push_numbered(
        &self,
        items: impl IntoIterator<Item = Item>,
        bounds: Bounds,
        with: impl FnOnce(u64, &mut [Item]),
    ) -> bool {
        let mut waiting = lock(&self.waiting);
        let mut items: Vec<_> = items.into_iter().collect();
        let bytes: usize = items.iter().map(Item::len).sum();
        let is_empty = waiting.items.is_empty();
        let has_room = is_empty
            || (waiting.items.len() + items.len() <= bounds.items
                && waiting.bytes + bytes <= bounds.bytes);
        if has_room {
            waiting.last += items.iter().filter(|item| item.counts).count() as u64;
            with(waiting.last, &mut items);
            waiting.bytes += bytes;
            waiting.items.extend(items);
        } else if waiting.refused.len() <= REFUSED {
            let counting = items.iter().filter(|item| item.counts);
            waiting.refused.extend(counting.map(|item| item.channel));
        }
        drop(waiting);
        if is_empty {
            self.wake.notify_one();
        }
        has_room
    }

    /// Takes an item for which there is always room, as there are few.
    pub(crate) fn push_always(&self, item: Item) {
        let mut waiting = lock(&self.waiting);
        waiting.bytes += item.len();
        waiting.items.push_back(item);
        drop(waiting);
        self.wake.notify_one();
    }

    /// What waits on some channels, without taking it.
    pub(crate) fn look(&self, channels: &[Channel]) -> Vec<Item> {
        let waiting = lock(&self.waiting);
        waiting.items.iter().filter(|item| channels.contains(&item.channel)).cloned().collect()
    }

    /// Takes what waits, up to so many bytes.
    pub(crate) fn take(&self, most: usize) -> Vec<Item> {
        let mut waiting = lock(&self.waiting);
        let mut bytes = 0;
        let fits = |item: &&Item| {
            let fits = bytes < most;
            bytes += item.len();
            fits
        };
        let count = waiting.items.iter().take_while(fits).count();
        let taken: Vec<_> = waiting.items.drain(..count).collect();
        waiting.bytes -= taken.iter().map(Item::len).sum::<usize>();
        taken
    }

    /// Channels on which something was not taken, after all that waits.
    pub(crate) fn refused(&self) -> Option<Refused> {
        let mut waiting = lock(&self.waiting);
        if !waiting.items.is_empty() || waiting.refused.is_empty() {
            return None;
        }
        waiting.last += 1;
        let (refused, number) = (std::mem::take(&mut waiting.refused), waiting.last);
        let channels = if refused.len() > REFUSED { Err(()) } else { Ok(refused) };
        Some(Refused { channels, number })
    }

    /// The number of the last item that counts.
    pub(crate) fn last(&self) -> u64 {
        lock(&self.waiting).last
    }

    /// Whether something on one of these was not taken, of which nobody was told yet.
    pub(crate) fn has_refused(&self, channels: &[Channel]) -> bool {
        let refused = &lock(&self.waiting).refused;
        refused.len() > REFUSED || channels.iter().any(|channel| refused.contains(channel))
    }

    pub(crate) fn is_empty(&self) -> bool {
        lock(&self.waiting).items.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cluster::message::Here;

    const BOUNDS: Bounds = Bounds { items: 3, bytes: 10 };

    fn item(room: u64, len: usize) -> Item {
        let bytes = Some(FrameBytes::from(&vec![b'a'; len][..]));
        let record = Record::Here(Here::default());
        Item { channel: Channel::Room(room), counts: true, record, bytes }
    }

    #[test]
    fn items_are_taken_all_or_none_while_there_is_room() {
        let outbound = Outbound::default();
        assert!(outbound.push([item(1, 4)], BOUNDS));
        assert!(!outbound.push([item(1, 4), item(2, 4)], BOUNDS), "too many bytes");
        assert!(outbound.push([item(3, 2), item(4, 2)], BOUNDS));
        assert!(!outbound.push([Item { counts: false, ..item(5, 0) }], BOUNDS), "too many items");
        let rooms = |items: Vec<Item>| items.iter().map(|item| item.channel).collect::<Vec<_>>();
        // Those that do not fit are known after those that do.
        assert_eq!(outbound.refused(), None);
        assert_eq!(rooms(outbound.take(5)), [1, 3].map(Channel::Room));
        assert_eq!(rooms(outbound.take(1)), [4].map(Channel::Room));
        assert!(outbound.is_empty() && outbound.take(1).is_empty());
        let refused = Refused { channels: Ok([1, 2].map(Channel::Room).into()), number: 4 };
        assert_eq!(outbound.refused(), Some(refused), "three were taken");
        assert_eq!(outbound.refused(), None, "once");
        assert!(outbound.push([item(1, 3), item(1, 3), item(1, 3)], BOUNDS), "there is room again");
    }

    #[test]
    fn what_is_longer_than_all_the_room_is_taken_alone() {
        let outbound = Outbound::default();
        assert!(outbound.push([item(1, 100)], BOUNDS));
        assert!(!outbound.push([item(2, 0)], Bounds { items: 3, bytes: 99 }));
        assert_eq!(outbound.take(1).len(), 1);
        assert!(outbound.push([item(2, 0)], BOUNDS));
    }

    #[test]
    fn too_many_channels_are_not_named() {
        let outbound = Outbound::default();
        assert!(outbound.push([item(0, 0)], BOUNDS));
        for room in 0..REFUSED as u64 + 10 {
            assert!(!outbound.push([item(room, 11)], BOUNDS));
        }
        outbound.take(1);
        assert_eq!(outbound.refused().map(|refused| refused.channels), Some(Err(())));
        assert_eq!(outbound.refused(), None);
    }

    #[tokio::test]
    async fn whoever_says_it_is_woken_by_the_first() {
        let outbound = Outbound::default();
        outbound.push([item(1, 0)], BOUNDS);
        outbound.wake.notified().await;
        outbound.push([item(1, 0)], BOUNDS);
        outbound.take(1);
        outbound.take(1);
        outbound.push([item(1, 0)], BOUNDS);
        outbound.wake.notified().await;
    }
}
