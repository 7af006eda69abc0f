//! The lock of a queue, which wakes whoever has to be woken only when it is free again: what a waker does
//! is its own.

use super::Queue;
use crate::peer::lock;
use std::{
    ops::{Deref, DerefMut},
    sync::{Arc, Mutex, MutexGuard},
    task::Waker,
};
use tokio::sync::Notify;

/// A queue, locked.
pub(crate) struct Locked<'a> {
    queue: MutexGuard<'a, Queue>,
    /// Fields are dropped in this order: first the lock, then this.
    signals: Signals,
}

/// Whom a change of a queue concerns; they are woken when it is dropped.
#[derive(Debug, Default)]
#[must_use = "dropped at once, it wakes under whatever lock is held"]
pub(crate) struct Signals {
    connection: Option<Waker>,
    senders: Option<Arc<Notify>>,
}

impl Signals {
    pub(crate) fn is_empty(&self) -> bool {
        self.connection.is_none() && self.senders.is_none()
    }
}

impl Drop for Signals {
    fn drop(&mut self) {
        if let Some(connection) = self.connection.take() {
            connection.wake();
        }
        if let Some(senders) = self.senders.take() {
            senders.notify_waiters();
        }
    }
}

impl<'a> Locked<'a> {
    pub(crate) fn new(queue: &'a Mutex<Queue>) -> Self {
        Self { queue: lock(queue), signals: Signals::default() }
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
