//! How often a flush of many receivers lets other tasks have their turn.

use std::{
    sync::atomic::{AtomicU8, Ordering},
    time::{Duration, Instant},
};
use tokio::task;

/// Occasions in a row that are passed over at most.
const RAREST: u8 = 127;

/// The longest time without a turn: what else waits on this worker, others may be too busy to take.
const LONGEST: Duration = Duration::from_millis(20);

/// What else happened since somebody last asked: nothing, one event, or more.
#[derive(Debug, Default)]
pub(crate) struct Activity(AtomicU8);

impl Activity {
    /// Notes an event that came in.
    pub(crate) fn note(&self) {
        // Most often there are many, and other workers keep what they have of this in their caches.
        let noted = self.0.load(Ordering::Relaxed);
        if noted < 2 {
            self.0.store(noted + 1, Ordering::Relaxed);
        }
    }

    fn take(&self) -> u8 {
        self.0.swap(0, Ordering::Relaxed)
    }
}

/// Gives way at every occasion while events come in, and ever more rarely while none does: a turn of the
/// runtime wakes another worker, which costs as much as writing to ten receivers, and may take the core
/// of one. Where there is no other, nobody would read meanwhile: then it always does.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Pace {
    is_alone: bool,
    /// Occasions to pass over between two turns.
    rare: u8,
    /// How many were since the last.
    passed: u8,
    /// When the last was.
    last: Instant,
}

impl Pace {
    pub(crate) fn new(workers: usize) -> Self {
        Self { is_alone: workers <= 1, rare: 0, passed: 0, last: Instant::now() }
    }

    /// The first occasion of a flush. One event is what it is for.
    pub(crate) async fn begin(&mut self, activity: &Activity) {
        self.occasion(activity, activity.take() > 1).await;
    }

    /// Another occasion.
    pub(crate) async fn give_way(&mut self, activity: &Activity) {
        self.occasion(activity, activity.take() > 0).await;
    }

    async fn occasion(&mut self, activity: &Activity, is_busy: bool) {
        if is_busy {
            self.rare = 0;
        }
        if self.passed < self.rare && !self.is_alone && self.last.elapsed() < LONGEST {
            self.passed += 1;
            return;
        }
        self.passed = 0;
        task::yield_now().await;
        self.last = self.last.max(Instant::now());
        self.rare = if activity.take() > 0 { 0 } else { (2 * self.rare + 1).min(RAREST) };
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::{
        pin::{Pin, pin},
        task::{Context, Waker},
    };

    /// Whether an occasion gives way.
    fn waits(occasion: Pin<&mut impl Future<Output = ()>>) -> bool {
        occasion.poll(&mut Context::from_waker(Waker::noop())).is_pending()
    }

    /// One that no time makes give way, however slowly a test runs.
    fn patient(workers: usize) -> Pace {
        let never = Instant::now() + Duration::from_secs(3600);
        Pace { last: never, ..Pace::new(workers) }
    }

    #[test]
    fn a_worker_without_others_gives_way_each_time_and_any_after_a_while() {
        let activity = Activity::default();
        let alone = Pace { rare: RAREST, ..patient(1) };
        assert!(waits(pin!(alone.clone().give_way(&activity))));
        let long_ago = Instant::now().checked_sub(LONGEST).unwrap();
        let late = Pace { rare: RAREST, last: long_ago, ..patient(2) };
        assert!(waits(pin!(late.clone().give_way(&activity))));
    }

    #[test]
    fn giving_way_grows_rare_while_no_event_comes() {
        let (mut pace, activity) = (patient(2), Activity::default());
        let turns = (0..40).filter(|_| {
            let mut occasion = pin!(pace.give_way(&activity));
            let waits = waits(occasion.as_mut());
            assert!(!waits || occasion.poll(&mut Context::from_waker(Waker::noop())).is_ready());
            waits
        });
        assert_eq!(turns.collect::<Vec<_>>(), [0, 2, 6, 14, 30]);
    }

    #[test]
    fn an_event_brings_a_turn_unless_it_is_what_the_flush_is_for() {
        let activity = Activity::default();
        let rare = Pace { rare: RAREST, ..patient(2) };
        for (events, at_first, later) in [(0, false, false), (1, false, true), (9, true, true)] {
            (0..events).for_each(|_| activity.note());
            assert_eq!(waits(pin!(rare.clone().begin(&activity))), at_first, "{events}");
            (0..events).for_each(|_| activity.note());
            assert_eq!(waits(pin!(rare.clone().give_way(&activity))), later, "{events}");
        }
    }
}
