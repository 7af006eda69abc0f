//! Events that wait for their handler, in the order in which they came.

use crate::Limits;
use std::{
    collections::{HashSet, VecDeque},
    ops::Range,
};
use tokio_tungstenite::tungstenite::Utf8Bytes;

/// An event that waits for its handler.
#[derive(Debug)]
pub(crate) struct Waiting {
    pub(crate) text: Utf8Bytes,
    /// Where the payload is in the text; outside of it for one that is absent.
    pub(crate) data: Range<usize>,
    pub(crate) index: usize,
    pub(crate) id: Option<u32>,
    /// Its number among the frames that count.
    pub(crate) number: u64,
}

/// See the module. An idle socket owns no memory for it.
#[derive(Debug, Default)]
pub(crate) struct Backlog(Option<Box<Events>>);

#[derive(Debug, Default)]
struct Events {
    waiting: VecDeque<Waiting>,
    /// Ids of those that are calls.
    calls: HashSet<u32>,
    /// Bytes of the events beyond the first [`Limits::waiting`].
    excess: usize,
}

/// Why a call is not taken.
#[derive(Debug, PartialEq)]
pub(crate) enum Refused {
    /// Its id is that of another call in flight: a fault of the protocol.
    InUse,
    /// Too many are in flight.
    Busy,
}

impl Backlog {
    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_none()
    }

    /// Whether no more is to be read. It takes more all the same: one read may bring many.
    pub(crate) fn is_full(&self, limits: &Limits) -> bool {
        // With no room at all nothing would ever be read.
        self.0.as_ref().is_some_and(|events| events.waiting.len() >= limits.waiting.max(1))
    }

    /// Bytes of the events that came when it was full.
    pub(crate) fn excess(&self) -> usize {
        self.0.as_ref().map_or(0, |events| events.excess)
    }

    /// Whether a call may be taken beside those that wait and the one at work.
    pub(crate) fn admit(
        &self,
        id: u32,
        at_work: Option<u32>,
        limits: &Limits,
    ) -> Result<(), Refused> {
        let waiting = self.0.as_ref().map(|events| &events.calls);
        if at_work == Some(id) || waiting.is_some_and(|calls| calls.contains(&id)) {
            return Err(Refused::InUse);
        }
        let in_flight = waiting.map_or(0, HashSet::len) + usize::from(at_work.is_some());
        if in_flight < limits.calls { Ok(()) } else { Err(Refused::Busy) }
    }

    pub(crate) fn push(&mut self, event: Waiting, limits: &Limits) {
        let excess = if self.is_full(limits) { event.text.len() } else { 0 };
        let events = self.0.get_or_insert_default();
        events.excess += excess;
        events.calls.extend(event.id);
        events.waiting.push_back(event);
    }

    /// The event that came first.
    pub(crate) fn pop(&mut self, limits: &Limits) -> Option<Waiting> {
        let events = self.0.as_mut()?;
        if let Some(next) = events.waiting.get(limits.waiting.max(1)) {
            events.excess -= next.text.len();
        }
        let first = events.waiting.pop_front()?;
        if let Some(id) = first.id {
            events.calls.remove(&id);
        }
        if events.waiting.is_empty() {
            self.0 = None;
        }
        Some(first)
    }

    /// Takes a call out, if its event `may` be: nobody waits for its answer.
    pub(crate) fn cancel(&mut self, id: u32, limits: &Limits, may: impl FnOnce(usize) -> bool) {
        let Some(events) = &mut self.0 else { return };
        let Some(at) = events.waiting.iter().position(|event| event.id == Some(id)) else { return };
        if events.waiting.get(at).is_some_and(|event| may(event.index)) {
            // It is beyond the limit itself, or one that is moves up.
            let beyond = events.waiting.get(at.max(limits.waiting.max(1)));
            events.excess -= beyond.map_or(0, |event| event.text.len());
            events.waiting.remove(at);
            events.calls.remove(&id);
        }
        if events.waiting.is_empty() {
            self.0 = None;
        }
    }

    /// The number of the event that came first.
    pub(crate) fn first(&self) -> Option<u64> {
        self.0.as_ref().and_then(|events| events.waiting.front()).map(|first| first.number)
    }

    /// Another session has begun: nobody waits for answers any more, and their numbers are over.
    pub(crate) fn forget_session(&mut self) {
        if let Some(events) = &mut self.0 {
            events.calls.clear();
            events.waiting.iter_mut().for_each(|event| (event.id, event.number) = (None, 1));
        }
    }

    pub(crate) fn clear(&mut self) {
        self.0 = None;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(text: &'static str, id: Option<u32>) -> Waiting {
        Waiting { text: Utf8Bytes::from_static(text), data: 0..0, index: 0, id, number: 1 }
    }

    #[test]
    fn excess_is_what_came_beyond_the_limit_and_has_not_moved_up() {
        let (mut backlog, limits) = (Backlog::default(), Limits::default().waiting(2));
        for (text, excess) in [("a", 0), ("bb", 0), ("ccc", 3), ("dddd", 7)] {
            backlog.push(event(text, None), &limits);
            assert_eq!(backlog.excess(), excess);
        }
        for (text, excess) in [("a", 4), ("bb", 0), ("ccc", 0), ("dddd", 0)] {
            assert_eq!(backlog.pop(&limits).unwrap().text.as_str(), text);
            assert_eq!(backlog.excess(), excess);
        }
        assert!(backlog.pop(&limits).is_none() && backlog.is_empty());
    }

    #[test]
    fn a_call_that_is_cancelled_leaves_its_place_and_its_id() {
        let limits = Limits::default().waiting(1);
        for (id, excess) in [(1, 3), (2, 3), (3, 2)] {
            let mut backlog = Backlog::default();
            for (text, id) in [("a", 1), ("bb", 2), ("ccc", 3)] {
                backlog.push(event(text, Some(id)), &limits);
            }
            backlog.cancel(id, &limits, |_| false);
            backlog.cancel(9, &limits, |_| true);
            assert_eq!(backlog.excess(), 5);
            backlog.cancel(id, &limits, |_| true);
            assert_eq!(backlog.excess(), excess, "{id}");
            assert_eq!(backlog.admit(id, None, &limits.clone().calls(3)), Ok(()));
            while backlog.pop(&limits).is_some() {}
            assert!(backlog.is_empty());
        }
    }

    #[test]
    fn a_call_keeps_its_id_until_it_is_answered() {
        let (mut backlog, limits) = (Backlog::default(), Limits::default().calls(2));
        assert_eq!(backlog.admit(7, Some(7), &limits), Err(Refused::InUse));
        assert_eq!(backlog.admit(8, Some(7), &limits), Ok(()));
        backlog.push(event("", Some(8)), &limits);
        assert_eq!(backlog.admit(8, Some(7), &limits), Err(Refused::InUse));
        assert_eq!(backlog.admit(9, Some(7), &limits), Err(Refused::Busy));
        assert_eq!(backlog.admit(9, None, &limits), Ok(()));
        assert_eq!(backlog.pop(&limits).unwrap().id, Some(8));
        assert_eq!(backlog.admit(9, Some(8), &limits), Ok(()));
    }
}
