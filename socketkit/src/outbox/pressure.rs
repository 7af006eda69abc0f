//! How much waits in a queue, and what becomes of a receiver for which that is too much.

use super::{Gate, Queue};
use crate::{
    Limits,
    counters::Reason,
    queued::{self, Queued, Sort},
};
use smallvec::SmallVec;
use std::sync::Arc;
use tokio::{sync::Notify, time::Instant};
use tokio_tungstenite::tungstenite::protocol::Role;

impl Queue {
    /// When a receiver that takes nothing is given up.
    pub(crate) fn stalled(&self, limits: &Limits) -> Option<Instant> {
        self.blocked
            .filter(|_| self.is_full(limits))
            .map(|since| Instant::from(since) + limits.stall)
    }

    /// Is notified when there may be room: always the same, so that nobody waits for one that was
    /// given up.
    pub(crate) fn room(&mut self) -> Arc<Notify> {
        self.room.get_or_insert_default().clone()
    }

    /// Whether a sender has to wait for room.
    pub(crate) fn has_room(&self, limits: &Limits) -> bool {
        !self.is_full(limits) || self.closed || self.end.is_some()
    }

    /// Ends it since its peer is too slow: what waits is dropped.
    pub(crate) fn give_up(&mut self) {
        self.end(crate::CloseCode::TOO_SLOW.into());
        self.discards = self.writing;
        self.drop_held(Reason::TooSlow);
        let mut frames = std::mem::take(&mut self.frames);
        self.drop_from(&mut frames, Reason::TooSlow);
        self.frames = frames;
    }

    /// Whether more waits than a receiver that keeps up needs; what is held waits for us.
    pub(crate) fn is_full(&self, limits: &Limits) -> bool {
        limits.fills(self.count, self.bytes)
    }

    /// Whether so much that waits leaves no room for a frame.
    pub(super) fn fills(&self, count: usize, bytes: usize, more: usize, limits: &Limits) -> bool {
        if self.role == Role::Client && self.gate != Gate::Open {
            let is_too_much = count > 0 && bytes + more > limits.queue_bytes;
            return is_too_much || count >= limits.unsent;
        }
        limits.fills(count, bytes)
    }

    /// Frames and bytes that wait, with those that are held.
    pub(super) fn all(&self) -> (usize, usize) {
        let (count, bytes) = self.held.as_ref().map_or((0, 0), |held| (held.len(), held.bytes()));
        (self.count + count, self.bytes + bytes)
    }

    pub(super) fn is_hopeless(&self, limits: &Limits) -> bool {
        let is_away_client = self.role == Role::Client && self.gate != Gate::Open;
        is_away_client
            || self.all().1 >= limits.queue_hard_bytes
            || (self.gate == Gate::Away && self.is_long_blocked(limits))
    }

    /// Whether it took nothing for too long. Of one that has a connection only that can tell: somebody
    /// may have read, and nobody has come to write.
    fn is_long_blocked(&self, limits: &Limits) -> bool {
        self.blocked.is_some_and(|since| Instant::from(since).elapsed() >= limits.stall)
    }

    /// Drops all pongs that have not begun to go out but for the newest, which answers all pings before it
    /// (RFC 6455 section 5.5.3).
    pub(super) fn keep_newest_pong(&mut self) {
        let controls = queued::controls(&self.frames, self.begun());
        let is_pong = |at: &usize| self.frames.get(*at).is_some_and(Queued::is_pong);
        let older: SmallVec<[usize; 4]> = controls.rev().filter(is_pong).skip(1).collect();
        for at in older {
            self.count -= 1;
            self.bytes -= self.frames.remove(at).bytes.len();
        }
    }

    /// Whether there is room for a frame in the place of the one that waits: a client without a connection
    /// drops the newer one otherwise.
    pub(super) fn can_replace(&self, sort: Sort, bytes: usize, limits: &Limits) -> bool {
        if self.role == Role::Server || self.gate == Gate::Open {
            return true;
        }
        let older = self.frames.iter().find(|frame| frame.sort == sort);
        older.is_some_and(|older| {
            self.count == 1 || self.bytes - older.bytes.len() + bytes <= limits.queue_bytes
        })
    }
}
