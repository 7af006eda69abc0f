//! Keeps sockets served while a handler computes.
//!
//! The worker of tokio that waits for I/O runs what came of it before it waits again, and when that is
//! one task, no other worker takes its place meanwhile: were the task to compute, nobody would be read
//! until it is done. So a thread looks for a turn that takes long, and has the runtime wake another
//! worker.

use crate::peer::lock;
use std::{
    sync::{
        Arc, Mutex, OnceLock,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    thread::{self, Thread},
    time::Duration,
};
use tokio::runtime::{Handle, RuntimeFlavor};

/// How often it looks: a turn that is seen twice takes long.
const INTERVAL: Duration = Duration::from_millis(2);

/// One worker.
#[derive(Debug)]
struct Worker {
    /// Odd during a turn.
    turns: AtomicU64,
    /// The last turn for which another worker was woken.
    helped: AtomicU64,
    runtime: Handle,
}

impl Worker {
    /// A turn begins. Whoever falls asleep sees it, or is seen to sleep after it.
    fn begin(&self) {
        self.turns.fetch_add(1, Ordering::SeqCst);
    }

    /// The turn ends. No other thread counts here.
    fn end(&self) {
        self.turns.store(self.turns.load(Ordering::Relaxed).wrapping_add(1), Ordering::Relaxed);
    }

    /// Its turn; `None` between two.
    fn turn(&self) -> Option<u64> {
        Some(self.turns.load(Ordering::SeqCst)).filter(|turn| turn % 2 == 1)
    }

    /// Whether it is in the turn that was seen before, and nobody was woken for that.
    fn needs_help(&self, seen: Option<u64>) -> bool {
        let turn = self.turn();
        let seen = seen.filter(|_| turn == seen);
        seen.is_some_and(|turn| self.helped.swap(turn, Ordering::Relaxed) != turn)
    }
}

thread_local! {
    /// This worker; `None` where there is no other to wake.
    static WORKER: Option<Arc<Worker>> = Watchdog::get().add();
}

/// See the module.
#[derive(Debug)]
struct Watchdog {
    workers: Mutex<Vec<Arc<Worker>>>,
    thread: OnceLock<Thread>,
    sleeps: AtomicBool,
}

/// A turn of a connection, until it is dropped.
#[derive(Debug)]
pub(crate) struct Watched(());

impl Watched {
    pub(crate) fn begin() -> Self {
        if watched(Worker::begin) {
            Watchdog::get().rouse();
        }
        Self(())
    }
}

impl Drop for Watched {
    fn drop(&mut self) {
        watched(Worker::end);
    }
}

/// Counts in this thread. Whether it is watched; one that is about to end is not.
fn watched(count: impl FnOnce(&Worker)) -> bool {
    let counted = WORKER.try_with(|worker| worker.as_deref().map(count));
    counted.is_ok_and(|counted| counted.is_some())
}

impl Watchdog {
    fn get() -> &'static Self {
        static WATCHDOG: Watchdog = Watchdog {
            workers: Mutex::new(Vec::new()),
            thread: OnceLock::new(),
            sleeps: AtomicBool::new(false),
        };
        &WATCHDOG
    }

    /// Watches this thread as well, if its runtime has others.
    fn add(&'static self) -> Option<Arc<Worker>> {
        let runtime = Handle::try_current().ok()?;
        if runtime.runtime_flavor() == RuntimeFlavor::CurrentThread {
            return None;
        }
        let (turns, helped) = (AtomicU64::new(0), AtomicU64::new(0));
        let worker = Arc::new(Worker { turns, helped, runtime });
        let mut workers = lock(&self.workers);
        workers.push(worker.clone());
        if self.thread.get().is_none() {
            let name = "socketkit-watchdog".to_owned();
            // Without it handlers that compute keep others waiting, and nothing else is amiss.
            let started = thread::Builder::new().name(name).spawn(|| self.watch()).ok()?;
            let _ = self.thread.set(started.thread().clone());
        }
        Some(worker)
    }

    /// Has it look, if it sleeps.
    fn rouse(&self) {
        if self.sleeps.load(Ordering::SeqCst)
            && self.sleeps.swap(false, Ordering::AcqRel)
            && let Some(thread) = self.thread.get()
        {
            thread.unpark();
        }
    }

    fn watch(&self) {
        let mut seen = Vec::new();
        loop {
            seen = self.look(&seen);
            if seen.iter().all(Option::is_none) {
                self.sleep();
            }
            thread::sleep(INTERVAL);
        }
    }

    /// Sleeps until the next turn.
    fn sleep(&self) {
        self.sleeps.store(true, Ordering::SeqCst);
        if lock(&self.workers).iter().any(|worker| worker.turn().is_some()) {
            // It began just now, and roused nobody.
            self.sleeps.store(false, Ordering::Relaxed);
        }
        while self.sleeps.load(Ordering::Acquire) {
            thread::park();
        }
    }

    /// The turns of all workers. Has another worker woken for each that is in the same one as before.
    fn look(&self, seen: &[Option<u64>]) -> Vec<Option<u64>> {
        let mut workers = lock(&self.workers);
        // Threads that have ended keep no runtime.
        workers.retain(|worker| Arc::strong_count(worker) > 1);
        for (worker, seen) in workers.iter().zip(seen) {
            if worker.needs_help(*seen) {
                // Whoever runs this waits for I/O afterwards.
                worker.runtime.spawn(std::future::ready(()));
            }
        }
        workers.iter().map(|worker| worker.turn()).collect()
    }
}
