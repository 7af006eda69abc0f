//! How often a peer may send an event: the generic cell rate algorithm, as for all frames together.

use crate::limits::FOREVER;
use std::time::Duration;
use tokio::time::Instant;

/// How often one socket may send an event: `#[event(rate = "5/s", burst = 10)]`.
///
/// What comes faster is refused with the code `too_fast`, and costs nothing: after the pause that the
/// refusal names the event is taken again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct EventRate {
    /// How many in each [`per`](Self::per), in the long run; 0 is taken as 1.
    pub count: u32,
    /// The time in which as many may come: a second, a minute or an hour, as the derive writes it.
    pub per: Duration,
    /// How many may come at once after a pause; 0 is taken as 1.
    pub burst: u32,
}

impl EventRate {
    /// A rate of `count` in each `per`, of which `burst` may come at once.
    #[must_use]
    pub const fn new(count: u32, per: Duration, burst: u32) -> Self {
        Self { count, per, burst }
    }

    /// Takes one more event. `due` is when all that were taken would be over if they had come at the
    /// exact rate: the whole state of one event of one socket.
    ///
    /// # Errors
    ///
    /// How long to wait, if it comes too soon; `due` is then as it was.
    pub(crate) fn take(self, due: &mut Instant, now: Instant) -> Result<(), Duration> {
        let interval = self.per.min(FOREVER) / self.count.max(1);
        let ahead = due.saturating_duration_since(now) + interval;
        let wait = ahead.saturating_sub(interval.saturating_mul(self.burst.max(1)));
        if !wait.is_zero() {
            return Err(wait);
        }
        // Out of the clock's reach only for a rate that nobody would notice.
        *due = now.checked_add(ahead).unwrap_or(now);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn after_its_burst_an_event_is_taken_at_the_rate() {
        let rate = EventRate::new(5, SECOND, 3);
        let start = Instant::now();
        let mut due = start;
        for _ in 0..3 {
            assert_eq!(rate.take(&mut due, start), Ok(()));
        }
        assert_eq!(rate.take(&mut due, start), Err(SECOND / 5));
        assert_eq!(rate.take(&mut due, start + SECOND / 10), Err(SECOND / 10), "it cost nothing");
        assert_eq!(rate.take(&mut due, start + SECOND / 5), Ok(()));
        assert_eq!(rate.take(&mut due, start + SECOND / 5), Err(SECOND / 5));
    }

    #[test]
    fn a_pause_gives_the_burst_back_and_no_more() {
        let rate = EventRate::new(1, SECOND, 2);
        let start = Instant::now();
        let mut due = start;
        for pause in [0, 100, 200] {
            let now = start + pause * SECOND;
            let taken = (0..5).filter(|_| rate.take(&mut due, now).is_ok()).count();
            assert_eq!(taken, 2);
        }
    }

    #[test]
    fn rates_that_make_no_sense_refuse_no_first_event() {
        for rate in [
            EventRate::new(0, Duration::ZERO, 0),
            EventRate::new(0, Duration::MAX, 0),
            EventRate::new(1, Duration::MAX, u32::MAX),
            EventRate::new(u32::MAX, Duration::from_nanos(1), 1),
        ] {
            let now = Instant::now();
            assert_eq!(rate.take(&mut { now }, now), Ok(()), "{rate:?}");
        }
    }
}
