//! Events that wait for their handler, in the order in which they came.

use std::{collections::VecDeque, ops::Range};
use tokio_tungstenite::tungstenite::Utf8Bytes;

/// An event that waits for its handler.
#[derive(Debug)]
pub(crate) struct Waiting {
    pub(crate) text: Utf8Bytes,
    /// Where the payload is in the text; outside of it for one that is absent.
    pub(crate) data: Range<usize>,
    pub(crate) index: usize,
    pub(crate) id: Option<u32>,
}

/// See the module.
#[derive(Debug)]
pub(crate) struct Backlog {
    limit: usize,
    events: VecDeque<Waiting>,
    /// Bytes of the events beyond the first `limit`.
    excess: usize,
}

impl Backlog {
    /// It is full at `limit` events, and takes more: one read may bring many.
    pub(crate) fn new(limit: usize) -> Self {
        // With no room at all nothing would ever be read.
        Self { limit: limit.max(1), events: VecDeque::new(), excess: 0 }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.events.is_empty()
    }

    pub(crate) fn is_full(&self) -> bool {
        self.events.len() >= self.limit
    }

    /// Bytes of the events that came when it was full.
    pub(crate) fn excess(&self) -> usize {
        self.excess
    }

    pub(crate) fn push(&mut self, event: Waiting) {
        if self.is_full() {
            self.excess += event.text.len();
        }
        self.events.push_back(event);
    }

    /// The event that came first.
    pub(crate) fn pop(&mut self) -> Option<Waiting> {
        if let Some(next) = self.events.get(self.limit) {
            self.excess -= next.text.len();
        }
        let first = self.events.pop_front();
        if self.events.is_empty() {
            // An idle socket owns no memory for it.
            self.events = VecDeque::new();
        }
        first
    }

    pub(crate) fn clear(&mut self) {
        *self = Self::new(self.limit);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn excess_is_what_came_beyond_the_limit_and_has_not_moved_up() {
        let mut backlog = Backlog::new(2);
        let event = |text: &'static str| Waiting {
            text: Utf8Bytes::from_static(text),
            data: 0..0,
            index: 0,
            id: None,
        };
        for (text, excess) in [("a", 0), ("bb", 0), ("ccc", 3), ("dddd", 7)] {
            backlog.push(event(text));
            assert_eq!(backlog.excess(), excess);
        }
        for (text, excess) in [("a", 4), ("bb", 0), ("ccc", 0), ("dddd", 0)] {
            assert_eq!(backlog.pop().unwrap().text.as_str(), text);
            assert_eq!(backlog.excess(), excess);
        }
        assert!(backlog.pop().is_none() && backlog.is_empty());
    }
}
