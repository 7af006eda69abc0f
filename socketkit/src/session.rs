//! The protocol of a session that outlives its connections, without I/O and without a clock.
//!
//! Each side numbers the frames that count, in its head: what it sends ([`Window`]) and what it processes
//! ([`Tally`]). When a connection is lost, each learns from the other how far it came, and sends the rest
//! of its window again. Which connection is the session's is decided by [`Claims`]: what arrives on any
//! other comes too late.

use crate::{Limits, moment::Moment};
use std::{
    collections::VecDeque,
    time::{Duration, Instant},
};

/// Counted frames after which a receiver says how far it is.
pub(crate) const REPORT: u64 = 64;

/// Time after which it says so of fewer.
pub(crate) const REPORT_WITHIN: Duration = Duration::from_secs(1);

/// What a window has room for.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Room {
    pub(crate) frames: usize,
    pub(crate) bytes: usize,
}

impl Room {
    pub(crate) fn of(limits: &Limits) -> Self {
        Self { frames: limits.window, bytes: limits.window_bytes }
    }
}

/// A number that the other side cannot have come to.
#[derive(Debug, PartialEq)]
pub(crate) struct OutOfRange;

/// What was sent and not seen by the other side, to be sent again if a connection is lost.
#[derive(Debug)]
pub(crate) struct Window<F> {
    /// The newest frames that were sent; an idle session owns no memory for them.
    kept: Option<Box<Kept<F>>>,
    /// How many frames were sent.
    sent: u64,
    /// How many of them were seen, as far as the other side said.
    seen: u64,
    /// Frames are kept. They are not for a peer that has not said what it has seen when the window would
    /// have been full of frames: it is not one that resumes.
    keeps: bool,
    /// Whether it could say what it has seen.
    can_say: bool,
}

#[derive(Debug)]
struct Kept<F> {
    frames: VecDeque<F>,
    bytes: usize,
}

impl<F: AsRef<[u8]>> Window<F> {
    /// One of a session that begins; without `keeps` it counts and keeps nothing.
    pub(crate) fn new(keeps: bool) -> Self {
        Self { kept: None, sent: 0, seen: 0, keeps, can_say: keeps }
    }

    /// Numbers a frame that was sent. The oldest make room for it.
    pub(crate) fn push(&mut self, frame: F, room: Room) {
        self.sent += 1;
        if !self.keeps || self.sent <= self.seen {
            return;
        }
        let kept = self.kept.get_or_insert_default();
        kept.bytes += frame.as_ref().len();
        kept.frames.push_back(frame);
        while kept.frames.len() > room.frames || kept.bytes > room.bytes {
            if self.seen == 0 && self.sent > room.frames as u64 {
                (self.keeps, self.kept) = (false, None);
                return;
            }
            kept.pop();
        }
    }

    /// Whether a frame of so many bytes can be sent without that an older one is forgotten. There is
    /// always room for one.
    pub(crate) fn has_room(&self, more: (usize, usize), room: Room) -> bool {
        let (frames, bytes) =
            self.kept.as_ref().map_or((0, 0), |kept| (kept.frames.len(), kept.bytes));
        let (frames, bytes) = (frames + more.0, bytes + more.1);
        !self.keeps || frames <= 1 || (frames <= room.frames && bytes <= room.bytes)
    }

    /// The other side has seen so many frames, of those that were sent and of `writing` that are being
    /// written.
    pub(crate) fn see(&mut self, seen: u64, writing: usize) -> Result<(), OutOfRange> {
        if seen < self.seen || seen > self.sent + writing as u64 {
            return Err(OutOfRange);
        }
        self.seen = seen;
        // From now on it is one that says so.
        (self.keeps, self.can_say) = (true, true);
        self.drop_until(seen);
        Ok(())
    }

    /// Whether everything after the `seen`th frame can be sent again.
    pub(crate) fn reaches(&self, seen: u64) -> bool {
        (self.seen.max(self.oldest())..=self.sent).contains(&seen)
    }

    /// Takes what the other side has not seen, to be sent again: it is numbered anew, with the numbers
    /// that it had. `None` unless the window [`reaches`](Self::reaches) there.
    pub(crate) fn rewind(&mut self, seen: u64) -> Option<VecDeque<F>> {
        if !self.reaches(seen) {
            return None;
        }
        self.drop_until(seen);
        (self.sent, self.seen) = (seen, seen);
        (self.keeps, self.can_say) = (true, true);
        Some(self.kept.take().map(|kept| kept.frames).unwrap_or_default())
    }

    /// How many frames were sent that nobody knows to be seen, in all and as far as they are kept.
    pub(crate) fn unseen(&self) -> (u64, impl Iterator<Item = &F>) {
        let kept = self.kept.iter().flat_map(|kept| &kept.frames);
        (self.sent.saturating_sub(self.seen), kept)
    }

    /// The session has ended: the frames that nobody knows to be seen, those that are kept and how many
    /// others. None of a peer that cannot say what it has seen.
    pub(crate) fn end(&mut self) -> (u64, VecDeque<F>) {
        let kept = self.kept.take().map(|kept| kept.frames).unwrap_or_default();
        let unseen = if self.can_say { self.sent.saturating_sub(self.seen) } else { 0 };
        self.seen = self.seen.max(self.sent);
        (unseen.saturating_sub(kept.len() as u64), kept)
    }

    /// How many frames precede the oldest that is kept.
    fn oldest(&self) -> u64 {
        self.sent - self.kept.as_ref().map_or(0, |kept| kept.frames.len() as u64)
    }

    /// Keeps only what comes after the `seen`th frame.
    fn drop_until(&mut self, seen: u64) {
        let count = seen.saturating_sub(self.oldest());
        let Some(kept) = &mut self.kept else { return };
        if count >= kept.frames.len() as u64 {
            self.kept = None;
            return;
        }
        (0..count).for_each(|_| kept.pop());
    }
}

impl<F: AsRef<[u8]>> Kept<F> {
    fn pop(&mut self) {
        let frame = self.frames.pop_front();
        self.bytes -= frame.map_or(0, |frame| frame.as_ref().len());
    }
}

impl<F> Default for Kept<F> {
    fn default() -> Self {
        Self { frames: VecDeque::new(), bytes: 0 }
    }
}

/// What came from the other side.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    received: u64,
    /// How much of it the other side was told of.
    reported: u64,
    /// When the first came that it was not told of.
    since: Option<Moment>,
}

impl Tally {
    /// Numbers a frame that came.
    pub(crate) fn count(&mut self) -> u64 {
        self.received += 1;
        self.received
    }

    /// What came from this frame on is not processed: it is as if it had not come, unless the other side
    /// was told.
    pub(crate) fn forgo(&mut self, number: u64) {
        self.received = self.received.min(self.reported.max(number - 1));
    }

    /// Notes when frames came; when to [`report`](Self::report) at the latest, if that is new.
    pub(crate) fn note(&mut self, now: Instant) -> Option<Instant> {
        if self.received == self.reported || self.since.is_some() {
            return None;
        }
        self.since = Some(now.into());
        self.deadline()
    }

    /// When to report at the latest.
    pub(crate) fn deadline(&self) -> Option<Instant> {
        self.since.map(|since| Instant::from(since) + REPORT_WITHIN)
    }

    /// How many frames to say are seen, if it is time to: those before the first that is `pending`, of
    /// which nobody knows yet whether it will be processed.
    pub(crate) fn report(&mut self, pending: Option<u64>, now: Instant) -> Option<u64> {
        let done = pending.map_or(self.received, |pending| pending - 1);
        let is_late = self.deadline().is_some_and(|deadline| now >= deadline);
        if done < self.reported + REPORT && !is_late {
            return None;
        }
        self.since = (done < self.received).then(|| now.into());
        self.conclude(pending)
    }

    /// How many frames to say are seen before a farewell, if they are more than was said: as for
    /// [`report`](Self::report), but now.
    pub(crate) fn conclude(&mut self, pending: Option<u64>) -> Option<u64> {
        let done = pending.map_or(self.received, |pending| pending - 1);
        let is_more = done > self.reported;
        self.reported = self.reported.max(done);
        is_more.then_some(done)
    }

    /// How many frames came, for the other side to send those after them again.
    pub(crate) fn resume(&mut self) -> u64 {
        (self.reported, self.since) = (self.received, None);
        self.received
    }
}

/// Which of its connections is a session's: of those that its client tried, the last that came. What
/// arrives over any other comes too late, and nobody reads it.
#[derive(Debug, Default)]
pub(crate) struct Claims(u32);

impl Claims {
    /// Whether a connection may take the session over, as the `attempt`th that its client tried: not if a
    /// later one has.
    pub(crate) fn claim(&mut self, attempt: u32) -> bool {
        let is_later = attempt > self.0;
        self.0 = self.0.max(attempt);
        is_later
    }
}

#[cfg(any(test, fuzzing))]
pub(crate) mod model;
#[cfg(test)]
mod properties;
