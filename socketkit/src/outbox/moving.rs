//! A queue whose session goes on on another node.

use super::{Gate, Queue};
use crate::{
    frame::FrameBytes,
    queued::{Queued, Sort},
    session::{Room, Window},
};
use std::mem;
use tokio::time::Instant;
use tokio_tungstenite::tungstenite::protocol::Role;

/// What of a queue is the session's.
#[derive(Debug)]
pub(crate) struct Packed {
    /// How many frames were sent before these.
    pub(crate) before: u64,
    /// How many of these were sent.
    pub(crate) sent: usize,
    pub(crate) frames: Vec<FrameBytes>,
}

impl Queue {
    /// Takes out what the session needs elsewhere, of a queue that was [detached](Self::detach). Nothing is taken
    /// from now on, and nothing of it is lost.
    pub(crate) fn pack(&mut self) -> Packed {
        let (before, sent) = self.window.pack();
        let count = sent.len();
        let held = self.held.take().into_iter().flat_map(|held| *held);
        let waiting = mem::take(&mut self.frames).into_iter().chain(held);
        let waiting = waiting.filter(|frame| matches!(frame.sort, Sort::Text | Sort::Latest(_)));
        let frames = sent.into_iter().chain(waiting.map(|frame| frame.bytes)).collect();
        self.window = Window::new(false);
        self.fail();
        Packed { before, sent: count, frames }
    }

    /// How many frames were sent by now, or are to be.
    pub(crate) fn counted(&self) -> u64 {
        let controls = self.frames.iter().filter(|frame| frame.sort == Sort::Control).count();
        self.window.sent() + self.count.saturating_sub(controls) as u64
    }

    /// Drops what waits and has been seen, over a connection of which nothing is numbered yet.
    pub(crate) fn drop_seen(&mut self, is_seen: impl Fn(&FrameBytes) -> bool) {
        self.drop_unless(|frame| !is_seen(frame), None);
    }

    /// Whether its session is about to end: nothing is taken any more.
    pub(crate) fn is_ending(&self) -> bool {
        self.end.is_some() || self.closed
    }

    /// That of a session which comes from elsewhere and has no connection here yet. Broadcasts are held until it is
    /// [released](Self::release).
    pub(crate) fn unpack(packed: Packed, now: Instant) -> Self {
        let Packed { before, sent, frames } = packed;
        let mut queue = Self::new(Role::Server, true, None, now);
        (queue.gate, queue.window) = (Gate::Away, Window::after(before));
        let room = Room { frames: usize::MAX, bytes: usize::MAX };
        for (at, bytes) in frames.into_iter().enumerate() {
            if at < sent {
                queue.window.push(bytes, room);
            } else {
                queue.insert(queue.frames.len(), Queued { bytes, sort: Sort::Text });
            }
        }
        queue
    }
}
