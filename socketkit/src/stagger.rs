//! When the clients of a server that stops come back: not all at once.

use crate::{CloseCode, Disconnect, Limits, close::RESUME, peer::lock};
use std::{
    sync::{Arc, Mutex, OnceLock},
    time::Duration,
};
use tokio::time::Instant;

/// What clients may add to the time that they are told: the first pause of a client that has just lost its
/// connection.
const JITTER: Duration = Duration::from_millis(500);

/// Gives each client a time of its own, and so leaves no bunch that a pause of the client itself could
/// pile up: those of any [`Limits::drain_interval`] were told times from no more than that and what
/// they may have added.
#[derive(Debug)]
pub(crate) struct Stagger {
    step: Duration,
    next: Mutex<Instant>,
}

impl Stagger {
    pub(crate) fn new(limits: &Limits) -> Self {
        let interval = limits.drain_interval;
        let spread =
            if interval.is_zero() { interval } else { interval + JITTER.max(interval / 4) };
        let step = spread.as_nanos().div_ceil(limits.drain_batch.max(1) as u128);
        let step = Duration::from_nanos(u64::try_from(step).unwrap_or(u64::MAX));
        Self { step, next: Mutex::new(Instant::now()) }
    }

    /// How to close a socket now: when its client may come back is counted from here.
    pub(crate) fn farewell(&self, now: Instant) -> Disconnect {
        Disconnect::new(CloseCode::RESTART, format!("retry {}", self.wait(now)))
    }

    /// The same for one whose session is kept.
    pub(crate) fn parting(&self, now: Instant) -> Disconnect {
        Disconnect::new(CloseCode::RESTART, format!("retry {}{RESUME}", self.wait(now)))
    }

    /// For how many milliseconds the next client is not to come back.
    fn wait(&self, now: Instant) -> u128 {
        let mut next = lock(&self.next);
        let due = (*next).max(now);
        // A time that no clock reaches is as late as can be told.
        *next = due.checked_add(self.step).unwrap_or(due);
        (due - now).as_millis()
    }
}

/// How far a server has come with stopping.
#[derive(Debug, Default)]
pub(crate) struct Stopping {
    /// Nobody is let in when it is there.
    stagger: OnceLock<Arc<Stagger>>,
    /// The sockets are closed when it is there.
    closing: OnceLock<Closing>,
}

/// How sockets are closed.
#[derive(Debug, Clone, Copy)]
struct Closing {
    /// Until when their handlers may go on.
    deadline: Instant,
    /// Until when their sessions wait for another node to ask for them, if there is one.
    kept_until: Option<Instant>,
}

impl Stopping {
    /// Lets nobody in from now on.
    pub(crate) fn refuse(&self, stagger: Arc<Stagger>) {
        let _ = self.stagger.set(stagger);
    }

    #[cfg(feature = "cluster")]
    pub(crate) fn is_refusing(&self) -> bool {
        self.stagger.get().is_some()
    }

    /// Closes the sockets; what is at work has `grace`, and sessions are `kept` so long for other nodes.
    pub(crate) fn begin(&self, grace: Duration, kept: Option<Duration>) {
        let now = Instant::now();
        let kept_until = kept.map(|kept| now + kept);
        let _ = self.closing.set(Closing { deadline: now + grace, kept_until });
    }

    pub(crate) fn deadline(&self) -> Option<Instant> {
        self.closing.get().map(|closing| closing.deadline)
    }

    /// Until when sessions are kept for other nodes, as long as they are.
    pub(crate) fn kept_until(&self) -> Option<Instant> {
        let kept_until = self.closing.get()?.kept_until?;
        Some(kept_until).filter(|until| Instant::now() < *until)
    }

    /// Whether nobody is told anything any more: all end.
    pub(crate) fn is_silent(&self) -> bool {
        self.closing.get().is_some() && self.kept_until().is_none()
    }

    /// How whoever is to go now is closed, if anybody is.
    pub(crate) fn farewell(&self) -> Option<Disconnect> {
        self.stagger.get().map(|stagger| stagger.farewell(Instant::now()))
    }

    /// The same where the session is kept.
    pub(crate) fn parting(&self) -> Option<Disconnect> {
        self.stagger.get().map(|stagger| stagger.parting(Instant::now()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wait(disconnect: &Disconnect) -> u64 {
        assert_eq!(disconnect.code, CloseCode::RESTART);
        disconnect.reason.strip_prefix("retry ").unwrap().parse().unwrap()
    }

    #[test]
    fn no_more_than_a_batch_comes_back_in_any_interval_with_what_clients_add() {
        for (batch, interval) in [(10_000, 2_000), (1_000, 2_000), (7, 300), (1, 10_000)] {
            let limits = Limits::default()
                .drain_batch(batch)
                .drain_interval(Duration::from_millis(interval));
            let stagger = Stagger::new(&limits);
            let now = Instant::now();
            let waits: Vec<_> = (0..3 * batch).map(|_| wait(&stagger.farewell(now))).collect();
            assert_eq!(waits[0], 0);
            assert!(waits.is_sorted());
            // The worst that pauses of up to half a second can do: the first of a window wait for it.
            let window = interval + JITTER.as_millis() as u64;
            let late = waits.iter().zip(waits.iter().skip(batch)).map(|(one, next)| next - one);
            assert!(late.min().unwrap() >= window, "{batch}");
        }
    }

    #[test]
    fn who_is_closed_late_takes_no_time_that_was_given_away() {
        let limits = Limits::default().drain_batch(10).drain_interval(Duration::from_secs(2));
        let stagger = Stagger::new(&limits);
        let mut returns = Vec::new();
        let start = Instant::now();
        let mut elapsed = Duration::ZERO;
        for pause in [0, 0, 0, 100, 0, 2_000, 0, 10_000, 0] {
            elapsed += Duration::from_millis(pause);
            returns.push(elapsed.as_millis() as u64 + wait(&stagger.farewell(start + elapsed)));
        }
        assert_eq!(returns, [0, 250, 500, 750, 1_000, 2_100, 2_350, 12_100, 12_350]);
    }

    #[test]
    fn any_limits_are_taken() {
        for (batch, interval) in
            [(0, Duration::ZERO), (usize::MAX, Duration::MAX), (0, Duration::MAX)]
        {
            let limits = Limits::default().drain_batch(batch).drain_interval(interval).bounded();
            let stagger = Stagger::new(&limits);
            (0..10).for_each(|_| drop(stagger.farewell(Instant::now())));
        }
    }
}
