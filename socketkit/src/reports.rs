//! Reports of the progress of a call that wait for its caller.

use crate::peer::lock;
use futures_util::task::AtomicWaker;
use std::{
    collections::VecDeque,
    ops::Range,
    sync::{Mutex, atomic::AtomicU64, atomic::Ordering},
    task::Waker,
};
use tokio_tungstenite::tungstenite::Utf8Bytes;

/// A payload within its frame.
type Report = (Utf8Bytes, Range<usize>);

/// See the module.
#[derive(Debug)]
pub(crate) struct Reports {
    waiting: Mutex<VecDeque<Report>>,
    most: usize,
    /// How many have come.
    came: AtomicU64,
    missed: AtomicU64,
    waker: AtomicWaker,
}

impl Reports {
    /// None yet; at most `most` wait.
    pub(crate) fn new(most: usize) -> Self {
        Self {
            waiting: Mutex::default(),
            most: most.max(1),
            came: AtomicU64::new(0),
            missed: AtomicU64::new(0),
            waker: AtomicWaker::new(),
        }
    }

    /// Adds one, in place of the oldest if there is no room.
    pub(crate) fn push(&self, report: Report) {
        let mut waiting = lock(&self.waiting);
        let oldest = if waiting.len() >= self.most { waiting.pop_front() } else { None };
        waiting.push_back(report);
        drop(waiting);
        self.missed.fetch_add(oldest.is_some().into(), Ordering::Relaxed);
        self.came.fetch_add(1, Ordering::Release);
        self.waker.wake();
    }

    /// Has the caller woken when one comes from now on.
    pub(crate) fn register(&self, waker: &Waker) {
        self.waker.register(waker);
    }

    pub(crate) fn pop(&self) -> Option<Report> {
        lock(&self.waiting).pop_front()
    }

    pub(crate) fn came(&self) -> u64 {
        self.came.load(Ordering::Acquire)
    }

    pub(crate) fn missed(&self) -> u64 {
        self.missed.load(Ordering::Relaxed)
    }
}
