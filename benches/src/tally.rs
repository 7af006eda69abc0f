//! Counts, and times until they are reached.

use std::{
    sync::atomic::{AtomicUsize, Ordering},
    time::{Duration, Instant},
};
use tokio::{runtime::Runtime, sync::Notify};

/// A count that can be waited for.
#[derive(Debug, Default)]
pub struct Tally {
    count: AtomicUsize,
    awaited: AtomicUsize,
    reached: Notify,
}

impl Tally {
    /// What was counted so far.
    pub fn count(&self) -> usize {
        self.count.load(Ordering::SeqCst)
    }

    /// Counts some more.
    pub fn add(&self, more: usize) {
        let before = self.count.fetch_add(more, Ordering::SeqCst);
        let awaited = self.awaited.load(Ordering::SeqCst);
        if before < awaited && awaited <= before + more {
            self.reached.notify_one();
        }
    }

    /// Waits until so much was counted in all. One may wait at a time.
    pub async fn until(&self, count: usize) {
        self.awaited.store(count, Ordering::SeqCst);
        while self.count() < count {
            self.reached.notified().await;
        }
    }

    /// The time that something takes so often, each time until it has counted so much more.
    pub fn time(
        &self,
        runtime: &Runtime,
        times: u64,
        more: usize,
        mut act: impl FnMut(),
    ) -> Duration {
        runtime.block_on(async {
            let start = Instant::now();
            for _ in 0..times {
                let before = self.count();
                act();
                self.until(before + more).await;
            }
            start.elapsed()
        })
    }
}

/// Of sorted times the one that so great a share is below, in milliseconds.
pub fn percentile(sorted: &[Duration], share: f64) -> f64 {
    let at = (sorted.len().saturating_sub(1) as f64 * share) as usize;
    sorted.get(at).map_or(f64::NAN, |time| time.as_secs_f64() * 1e3)
}
