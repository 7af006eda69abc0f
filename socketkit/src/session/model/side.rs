//! One side: what it sends, and what it has processed.

use super::{Broken, Mutant};
use crate::session::{Room, Tally, Window};
use std::{collections::VecDeque, time::Instant};

/// A frame on its way.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Frame {
    Event(Event),
    Seen(u64),
    Hello { session: u64, seen: Option<u64> },
}

/// The how-many-th event of a side.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Event(pub(super) u64);

impl AsRef<[u8]> for Event {
    fn as_ref(&self) -> &[u8] {
        &[0; 10]
    }
}

/// What both sides are made of.
pub(super) struct Side {
    pub(super) window: Window<Event>,
    pub(super) tally: Tally,
    /// What was emitted and not sent.
    pub(super) queue: VecDeque<Event>,
    /// What waits for its handler, with its number.
    pub(super) backlog: VecDeque<(u64, Event)>,
    /// The last that came in this session, and the last that a handler was given.
    pub(super) received: Option<Event>,
    pub(super) handled: Option<Event>,
    pub(super) emitted: u64,
}

impl Side {
    pub(super) fn new() -> Self {
        Self {
            window: Window::new(true),
            tally: Tally::default(),
            queue: VecDeque::new(),
            backlog: VecDeque::new(),
            received: None,
            handled: None,
            emitted: 0,
        }
    }

    pub(super) fn emit(&mut self) {
        self.emitted += 1;
        self.queue.push_back(Event(self.emitted));
    }

    /// Sends what waits, as far as there is room.
    pub(super) fn send(&mut self, pipe: &mut VecDeque<Frame>, room: Room, is_client: bool) {
        while let Some(event) = self.queue.front().copied() {
            if is_client && !self.window.has_room((1, 10), room) {
                break;
            }
            self.queue.pop_front();
            pipe.push_back(Frame::Event(event));
            self.window.push(event, room);
        }
    }

    pub(super) fn again(&mut self, seen: u64, mutant: Mutant) -> bool {
        let Some(mut again) = self.window.rewind(seen) else { return false };
        if mutant == Mutant::WrongNumber {
            again.pop_front();
        }
        again.extend(self.queue.drain(..));
        self.queue = again;
        true
    }

    /// Within a session events come once and in order, without a hole.
    pub(super) fn receive(&mut self, event: Event, is_counted: bool) -> Broken {
        let last = self.received.replace(event);
        if last.is_some_and(|last| last.0 + 1 != event.0) {
            return Err(format!("{event:?} after {last:?}"));
        }
        let number = if is_counted { 0 } else { self.tally.count() };
        self.backlog.push_back((number, event));
        Ok(())
    }

    pub(super) fn handle(&mut self) {
        self.handled = self.backlog.pop_front().map(|(_, event)| event).or(self.handled);
    }

    pub(super) fn report(&mut self, now: Instant, mutant: Mutant) -> Option<Frame> {
        self.tally.note(now);
        let pending = self.backlog.front().map(|(number, _)| *number);
        let pending = pending.filter(|_| mutant != Mutant::ReportEarly);
        self.tally.report(pending, now).map(Frame::Seen)
    }
}
