//! The protocol of a session that outlives its connections, without I/O and without a clock.
//!
//! Each side numbers the frames that count, in its head: what it sends ([`Window`]) and what it processes
//! ([`Tally`]). When a connection is lost, each learns from the other how far it came, and sends the rest
//! of its window again. Which connection is the session's is decided by [`Claims`]: what arrives on any
//! other comes too late.

mod window;

pub(crate) use window::{OutOfRange, Room, Window};

use crate::moment::Moment;
use std::time::{Duration, Instant};

/// Counted frames after which a receiver says how far it is.
pub(crate) const REPORT: u64 = 64;

/// Time after which it says so of fewer.
pub(crate) const REPORT_WITHIN: Duration = Duration::from_secs(1);

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
    /// That of a session of which another node has had so many frames.
    #[cfg(feature = "cluster")]
    pub(crate) fn of(received: u64) -> Self {
        Self { received, reported: received, since: None }
    }

    /// How many frames came, and are processed or at work.
    #[cfg(feature = "cluster")]
    pub(crate) fn received(&self) -> u64 {
        self.received
    }

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
    /// Those of a session that a connection has taken over as this attempt.
    #[cfg(feature = "cluster")]
    pub(crate) fn of(attempt: u32) -> Self {
        Self(attempt)
    }

    /// The attempt as which the last did.
    #[cfg(feature = "cluster")]
    pub(crate) fn last(&self) -> u32 {
        self.0
    }

    /// Whether a later one, or this, has taken over.
    #[cfg(feature = "cluster")]
    pub(crate) fn is_late(&self, attempt: u32) -> bool {
        attempt <= self.0
    }

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
