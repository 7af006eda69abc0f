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
    is_closed: bool,
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
        self.bytes.as_ref().map_or(0, |bytes| bytes.len())
    }
}

impl Outbound {
    /// Takes items, all or none: whether there was room.
    pub(crate) fn push(&self, items: impl IntoIterator<Item = Item>, bounds: Bounds) -> bool {
        let mut waiting = lock(&self.waiting);
        let items: Vec<_> = items.into_iter().collect();
        let bytes: usize = items.iter().map(Item::len).sum();
        let is_empty = waiting.items.is_empty();
        let has_room = is_empty
            || (waiting.items.len() + items.len() <= bounds.items
                && waiting.bytes + bytes <= bounds.bytes);
        if has_room && !waiting.is_closed {
            waiting.bytes += bytes;
            waiting.items.extend(items);
        } else if waiting.refused.len() <= REFUSED {
            let counting = items.iter().filter(|item| item.counts);
            waiting.refused.extend(counting.map(|item| item.channel));
        }
        let is_taken = has_room && !waiting.is_closed;
        drop(waiting);
        if is_empty {
            self.wake.notify_one();
        }
        is_taken
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

    /// Channels on which something was not taken, after all that waits; `Err` if they are too many to name.
    pub(crate) fn refused(&self) -> Result<HashSet<Channel>, ()> {
        let mut waiting = lock(&self.waiting);
        if !waiting.items.is_empty() {
            return Ok(HashSet::new());
        }
        let refused = std::mem::take(&mut waiting.refused);
        if refused.len() > REFUSED { Err(()) } else { Ok(refused) }
    }

    pub(crate) fn is_empty(&self) -> bool {
        lock(&self.waiting).items.is_empty()
    }
}
