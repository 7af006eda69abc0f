//! How often a flush of many receivers lets other tasks have their turn.

use std::sync::atomic::{AtomicBool, Ordering};
use tokio::task;

/// Occasions in a row that are passed over at most: about 2,000 receivers.
const RAREST: u8 = 7;

/// Gives way at every occasion while that brings something, and at every eighth while it does not: a
/// turn of the runtime wakes another worker, which costs as much as writing to ten receivers.
#[derive(Debug, Default)]
pub(crate) struct Pace {
    /// Occasions to pass over between two turns.
    rare: u8,
    /// How many were since the last.
    passed: u8,
}

impl Pace {
    /// An occasion. `busy` says that something has happened since the last one.
    pub(crate) async fn give_way(&mut self, busy: &AtomicBool) {
        if busy.swap(false, Ordering::Relaxed) {
            self.rare = 0;
        }
        if self.passed < self.rare {
            self.passed += 1;
            return;
        }
        self.passed = 0;
        task::yield_now().await;
        let is_fruitful = busy.swap(false, Ordering::Relaxed);
        self.rare = if is_fruitful { 0 } else { (2 * self.rare + 1).min(RAREST) };
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::{
        pin::pin,
        task::{Context, Waker},
    };

    /// Which of 24 occasions give way, if something happens at each or at none.
    fn turns(pace: &mut Pace, happens: bool) -> Vec<u8> {
        let (busy, mut cx) = (AtomicBool::new(false), Context::from_waker(Waker::noop()));
        let gives_way = |_: &u8| {
            busy.store(happens, Ordering::Relaxed);
            let mut turn = pin!(pace.give_way(&busy));
            let waits = turn.as_mut().poll(&mut cx).is_pending();
            busy.store(happens, Ordering::Relaxed);
            assert!(!waits || turn.poll(&mut cx).is_ready());
            waits
        };
        (0..24).filter(gives_way).collect()
    }

    #[test]
    fn giving_way_grows_rare_while_it_brings_nothing() {
        let mut pace = Pace::default();
        assert_eq!(turns(&mut pace, false), [0, 2, 6, 14, 22]);
        assert_eq!(turns(&mut pace, true), (0..24).collect::<Vec<_>>());
    }
}
