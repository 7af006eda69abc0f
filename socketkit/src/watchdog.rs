//! Keeps sockets served while a handler computes.
//!
//! The worker of tokio that waits for I/O runs what came of it before it waits again, and when that is
//! one task, no other worker takes its place meanwhile: were the task to compute, nobody would be read
//! until it is done. And what a task wakes last runs on its worker when it is done, and nowhere else: were
//! it to emit and then to compute, nothing would be written. So a thread looks for what stands still, and
//! helps.

use crate::peer::lock;
use std::{
    mem,
    sync::{
        Arc, Mutex, OnceLock, Weak,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    thread::{self, Thread},
    time::Duration,
};
use tokio::runtime::{Handle, RuntimeFlavor};

/// How often it looks while something stands still, and ever more rarely while nothing does: each time it
/// takes a core from whoever is at work.
const SHORTEST: Duration = Duration::from_millis(2);
const LONGEST: Duration = Duration::from_millis(8);

/// What may stand still.
pub(crate) trait Watch: Send + Sync {
    /// What it is at, if it is at anything: a number that is another whenever it has gone on.
    fn at(&self) -> Option<u64>;

    /// So many looks in a row it has been at the same.
    fn help(&self, looks: u32);
}

/// One worker.
#[derive(Debug)]
struct Worker {
    /// Odd during a turn.
    turns: AtomicU64,
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
}

impl Watch for Worker {
    fn at(&self) -> Option<u64> {
        Some(self.turns.load(Ordering::SeqCst)).filter(|turn| turn % 2 == 1)
    }

    fn help(&self, looks: u32) {
        if looks == 1 {
            // Whoever runs this waits for I/O afterwards.
            self.runtime.spawn(std::future::ready(()));
        }
    }
}

thread_local! {
    /// This worker; `None` where there is no other to wake.
    static WORKER: Option<Arc<Worker>> = worker();
}

fn worker() -> Option<Arc<Worker>> {
    let runtime = Handle::try_current().ok()?;
    if runtime.runtime_flavor() == RuntimeFlavor::CurrentThread {
        return None;
    }
    let worker = Arc::new(Worker { turns: AtomicU64::new(0), runtime });
    Watchdog::get().watch(Arc::downgrade(&worker));
    Some(worker)
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

/// See the module: one for the process.
pub(crate) struct Watchdog {
    entries: Mutex<Vec<Entry>>,
    thread: OnceLock<Thread>,
    sleeps: AtomicBool,
}

/// What is watched. Nothing is kept for it: it may hold a whole runtime.
struct Entry {
    what: Weak<dyn Watch>,
    at: Option<u64>,
    looks: u32,
}

/// What a look finds, of all that is watched.
#[derive(Clone, Copy, PartialEq, PartialOrd, Eq, Ord)]
enum Found {
    /// Nobody is at anything.
    Nothing,
    /// Whatever somebody is at goes on.
    Work,
    Stillness,
}

impl Watchdog {
    pub(crate) fn get() -> &'static Self {
        static WATCHDOG: Watchdog = Watchdog {
            entries: Mutex::new(Vec::new()),
            thread: OnceLock::new(),
            sleeps: AtomicBool::new(false),
        };
        &WATCHDOG
    }

    /// Watches this as well, until it is dropped. It rouses when it begins something.
    pub(crate) fn watch(&'static self, what: Weak<impl Watch + 'static>) {
        let mut entries = lock(&self.entries);
        // Those that have ended go, however seldom anybody looks.
        entries.retain(|entry| entry.what.strong_count() > 0);
        entries.push(Entry { what, at: None, looks: 0 });
        if self.thread.get().is_none() {
            let name = "socketkit-watchdog".to_owned();
            // Without it handlers that compute keep others waiting, and nothing else is amiss.
            if let Ok(started) = thread::Builder::new().name(name).spawn(|| self.run()) {
                let _ = self.thread.set(started.thread().clone());
            }
        }
    }

    /// Has it look, if it sleeps.
    pub(crate) fn rouse(&self) {
        if self.sleeps.load(Ordering::SeqCst)
            && self.sleeps.swap(false, Ordering::AcqRel)
            && let Some(thread) = self.thread.get()
        {
            thread.unpark();
        }
    }

    fn run(&self) {
        let mut interval = SHORTEST;
        loop {
            match self.look() {
                Found::Nothing => {
                    self.sleep();
                    interval = SHORTEST;
                }
                Found::Work => interval = LONGEST.min(2 * interval),
                Found::Stillness => interval = SHORTEST,
            }
            thread::sleep(interval);
        }
    }

    /// Sleeps until something begins.
    fn sleep(&self) {
        self.sleeps.store(true, Ordering::SeqCst);
        if self.look() != Found::Nothing {
            // It began just now, and roused nobody.
            self.sleeps.store(false, Ordering::Relaxed);
        }
        while self.sleeps.load(Ordering::Acquire) {
            thread::park();
        }
    }

    /// Helps all that stands still.
    fn look(&self) -> Found {
        // Not under the lock: what helps, or is dropped, may come back here.
        let mut entries = mem::take(&mut *lock(&self.entries));
        let mut found = Found::Nothing;
        entries.retain_mut(|entry| {
            let Some(what) = entry.what.upgrade() else { return false };
            let at = what.at();
            entry.looks = if at.is_some() && at == entry.at { entry.looks + 1 } else { 0 };
            entry.at = at;
            if entry.looks > 0 {
                what.help(entry.looks);
                found = Found::Stillness;
            } else if at.is_some() {
                found = found.max(Found::Work);
            }
            true
        });
        let mut added = lock(&self.entries);
        entries.append(&mut added);
        *added = entries;
        found
    }
}
