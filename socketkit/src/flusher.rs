//! Writes what was emitted, once for all that a turn of the runtime emitted.

use crate::{
    outbox::Flush,
    peer::{Peer, lock},
};
use std::{
    mem,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
};
use tokio::{runtime::Handle, sync::Notify, task};

/// Receivers that one piece of a large flush writes to: about a millisecond of system calls.
const PIECE: usize = 256;

/// The receivers that somebody emitted to, and the task that writes to them.
#[derive(Debug, Default)]
pub(crate) struct Flusher {
    asked: Mutex<Vec<Arc<Peer>>>,
    wake: Notify,
    running: AtomicBool,
    stopped: AtomicBool,
}

impl Flusher {
    /// Starts the task, unless it runs.
    pub(crate) fn start(self: &Arc<Self>, runtime: &Handle) {
        if !self.running.swap(true, Ordering::AcqRel) {
            runtime.spawn(Running(self.clone()).run());
        }
    }

    /// Ends the task when it has written what it was asked for.
    pub(crate) fn stop(&self) {
        self.stopped.store(true, Ordering::Release);
        self.wake.notify_one();
    }

    /// Whether the task is there. It goes with the runtime that it was started on; whoever emits
    /// then writes.
    fn is_running(&self) -> bool {
        self.running.load(Ordering::Acquire)
    }

    /// Asks to write to `peer`.
    fn ask(&self, peer: Arc<Peer>) {
        if !self.is_running() {
            return peer.flush(false);
        }
        lock(&self.asked).push(peer);
        self.wake.notify_one();
    }

    /// Has written what was pushed to a peer.
    pub(crate) fn flush(&self, peer: &Arc<Peer>, flush: Flush) {
        match flush {
            Flush::Pending => {}
            Flush::Ask => self.ask(peer.clone()),
            Flush::Now => peer.flush(false),
        }
    }

    /// Asks to write to all of `peers`.
    pub(crate) fn ask_all(&self, mut peers: Vec<Arc<Peer>>) {
        if peers.is_empty() {
            return;
        }
        if !self.is_running() {
            return write(peers);
        }
        let mut asked = lock(&self.asked);
        if asked.is_empty() {
            *asked = peers;
        } else {
            asked.append(&mut peers);
        }
        drop(asked);
        self.wake.notify_one();
    }
}

/// The task; another may be started when it is gone, with its runtime perhaps.
struct Running(Arc<Flusher>);

impl Running {
    async fn run(self) {
        loop {
            self.0.wake.notified().await;
            // Every task that is ready runs first: what they emit to the same receivers shares a write.
            task::yield_now().await;
            let asked = mem::take(&mut *lock(&self.0.asked));
            if asked.is_empty() && self.0.stopped.load(Ordering::Acquire) {
                return;
            }
            flush(asked);
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.0.running.store(false, Ordering::Release);
    }
}

/// Writes to every receiver: many of them in pieces that run on all workers.
fn flush(mut peers: Vec<Arc<Peer>>) {
    while peers.len() > PIECE {
        let piece = peers.split_off(peers.len() - PIECE);
        task::spawn(async move { write(piece) });
    }
    write(peers);
}

fn write(peers: Vec<Arc<Peer>>) {
    for peer in peers {
        peer.flush(false);
    }
}
