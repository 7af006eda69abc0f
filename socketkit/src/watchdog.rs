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

/// How often it looks in vain before it sleeps until the next turn.
const IDLE: u32 = 5;

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
    /// A turn begins or ends. No other thread counts here.
    fn pass(&self) {
        let turns = self.turns.load(Ordering::Relaxed);
        self.turns.store(turns.wrapping_add(1), Ordering::Relaxed);
    }

    /// Whether it is in the turn that was seen before, and nobody was woken for that.
    fn needs_help(&self, seen: u64) -> bool {
        let turn = self.turns.load(Ordering::Relaxed);
        turn == seen && turn % 2 == 1 && self.helped.swap(turn, Ordering::Relaxed) != turn
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
        if pass() {
            Watchdog::get().rouse();
        }
        Self(())
    }
}

impl Drop for Watched {
    fn drop(&mut self) {
        pass();
    }
}

/// A turn of this thread begins or ends. Whether it is watched; one that is about to end is not.
fn pass() -> bool {
    let passed = WORKER.try_with(|worker| worker.as_ref().map(|worker| worker.pass()));
    passed.is_ok_and(|passed| passed.is_some())
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
        if self.sleeps.load(Ordering::Relaxed)
            && self.sleeps.swap(false, Ordering::AcqRel)
            && let Some(thread) = self.thread.get()
        {
            thread.unpark();
        }
    }

    fn watch(&self) {
        let (mut seen, mut idle) = (Vec::new(), 0);
        loop {
            let turns = self.look(&seen);
            idle = if turns == seen { idle + 1 } else { 0 };
            seen = turns;
            if idle < IDLE {
                thread::sleep(INTERVAL);
                continue;
            }
            self.sleeps.store(true, Ordering::Release);
            while self.sleeps.load(Ordering::Acquire) {
                thread::park();
            }
            idle = 0;
        }
    }

    /// The turns of all workers. Has another worker woken for each that is in the same one as before.
    fn look(&self, seen: &[u64]) -> Vec<u64> {
        let mut workers = lock(&self.workers);
        // Threads that have ended keep no runtime.
        workers.retain(|worker| Arc::strong_count(worker) > 1);
        for (worker, seen) in workers.iter().zip(seen) {
            if worker.needs_help(*seen) {
                // Whoever runs this waits for I/O afterwards.
                worker.runtime.spawn(std::future::ready(()));
            }
        }
        workers.iter().map(|worker| worker.turns.load(Ordering::Relaxed)).collect()
    }
}
