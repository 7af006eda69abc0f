//! The lock of a queue, which wakes whoever has to be woken, and counts what was dropped, only when it is
//! free again: what a waker does is its own.

use super::{Lost, Queue};
use crate::{
    counters::{Counters, Terms},
    peer::lock,
};
use std::{
    ops::{Deref, DerefMut},
    sync::{Arc, Mutex, MutexGuard},
    task::Waker,
};
use tokio::sync::Notify;

/// A queue, locked.
pub(crate) struct Locked<'a> {
    queue: MutexGuard<'a, Queue>,
    terms: &'a Terms,
    /// Fields are dropped in this order: first the lock, then this.
    signals: Signals,
}

/// Whom a change of a queue concerns, and what was lost by it; they are woken when it is dropped.
#[derive(Debug, Default)]
#[must_use = "dropped at once, it wakes under whatever lock is held"]
pub(crate) struct Signals {
    connection: Option<Waker>,
    senders: Option<Arc<Notify>>,
    lost: Option<(Box<Lost>, Arc<Counters>)>,
}

impl Signals {
    pub(crate) fn is_empty(&self) -> bool {
        self.connection.is_none() && self.senders.is_none() && self.lost.is_none()
    }
}

impl Drop for Signals {
    fn drop(&mut self) {
        // First: whoever is woken may look.
        if let Some((lost, counters)) = self.lost.take() {
            counters.lost(&lost);
        }
        if let Some(connection) = self.connection.take() {
            connection.wake();
        }
        if let Some(senders) = self.senders.take() {
            senders.notify_waiters();
        }
    }
}

impl<'a> Locked<'a> {
    pub(crate) fn new(queue: &'a Mutex<Queue>, terms: &'a Terms) -> Self {
        Self { queue: lock(queue), terms, signals: Signals::default() }
    }

    /// Lets go of the queue, and gives whom to wake.
    pub(crate) fn unlock(mut self) -> Signals {
        self.collect();
        std::mem::take(&mut self.signals)
    }

    fn collect(&mut self) {
        if std::mem::take(&mut self.queue.wakes) {
            self.signals.connection = self.queue.waker.clone();
        }
        if std::mem::take(&mut self.queue.notifies) {
            self.signals.senders = self.queue.room.clone();
        }
        if let Some(lost) = self.queue.lost.take() {
            self.signals.lost = self.terms.counters().map(|counters| (lost, counters.clone()));
        }
    }
}

impl Drop for Locked<'_> {
    fn drop(&mut self) {
        self.collect();
    }
}

impl Deref for Locked<'_> {
    type Target = Queue;

    fn deref(&self) -> &Queue {
        &self.queue
    }
}

impl DerefMut for Locked<'_> {
    fn deref_mut(&mut self) -> &mut Queue {
        &mut self.queue
    }
}
