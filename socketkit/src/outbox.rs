//! What waits to be sent to one receiver: reliable, volatile and latest frames.
//!
//! Whoever writes takes all frames at once, and the socket with them ([`Queue::take`]), writes
//! without the lock ([`write`](crate::turn::write)), and gives back what the transport did not take
//! ([`Queue::put_back`]). So emitters never wait for a system
//! call, there is one writer at a time, and a frame that was handed to the transport is neither
//! dropped nor replaced.

use crate::{
    Disconnect, Limits, Policy,
    turn::{Turn, Written},
};
use bytes::Bytes;
use std::{sync::Arc, task::Waker};
use tokio::{net::tcp::OwnedWriteHalf, sync::Notify, time::Instant};

/// A frame that waits, and what may happen to it meanwhile.
#[derive(Debug)]
pub(crate) struct Queued {
    pub(crate) bytes: Bytes,
    /// The event's index, if a newer one of it may take its place.
    latest: Option<u32>,
}

/// How a frame is queued.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Kind {
    /// An event for this receiver.
    Emit,
    /// An event for many: held until [`Queue::release`].
    Broadcast,
    /// An answer: taken as long as the close frame is not queued, for a handler that closed its own
    /// socket.
    Answer,
}

/// What became of a frame.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Pushed {
    /// It waits to be sent.
    Queued,
    /// It waits, in the place of an older one of the same event.
    Replaced,
    /// The receiver lags: it was left out.
    Dropped,
    /// The socket is closed, or was closed just now for being too slow.
    Closed,
}

/// Who has to write what was pushed.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Flush {
    /// Somebody who was asked before will.
    Pending,
    /// The flusher is to be asked.
    Ask,
    /// There is much: whoever pushed, at once.
    Now,
}

/// The queue of one receiver.
#[derive(Debug)]
pub(crate) struct Queue {
    /// A TCP socket, unless a writer has it; any other stream is written by its connection.
    stream: Option<OwnedWriteHalf>,
    frames: Vec<Queued>,
    /// Broadcasts that wait until `on_connect` has run, so that its snapshot comes first.
    held: Option<Vec<Queued>>,
    /// Frames and bytes that wait, those in the hands of a writer and held ones included.
    count: usize,
    bytes: usize,
    /// The first frame went out in part: nothing may come before it.
    partial: bool,
    /// A writer is at work.
    writing: bool,
    /// Its connection writes at the end of its turn.
    pub(crate) corked: bool,
    /// The flusher was asked.
    asked: bool,
    /// The transport took no more; its task waits until it does. Since when not one byte.
    blocked: Option<Instant>,
    /// When bytes were last taken.
    sent: Instant,
    end: Option<Disconnect>,
    /// The close frame is queued, or never will be: nothing more is taken.
    closed: bool,
    /// The direction to the peer is over.
    shut: bool,
    /// The connection's task.
    waker: Option<Waker>,
    /// Senders that wait for room.
    room: Option<Arc<Notify>>,
}

impl Queue {
    pub(crate) fn new(stream: Option<OwnedWriteHalf>, now: Instant) -> Self {
        Self {
            stream,
            frames: Vec::new(),
            held: Some(Vec::new()),
            count: 0,
            bytes: 0,
            partial: false,
            writing: false,
            corked: false,
            asked: false,
            blocked: None,
            sent: now,
            end: None,
            closed: false,
            shut: false,
            waker: None,
            room: None,
        }
    }

    /// Queues a frame.
    pub(crate) fn push(
        &mut self,
        bytes: Bytes,
        (policy, index): (Policy, usize),
        kind: Kind,
        limits: &Limits,
    ) -> (Pushed, Flush) {
        if self.closed || (self.end.is_some() && kind != Kind::Answer) {
            return (Pushed::Closed, Flush::Pending);
        }
        let lags = self.blocked.is_some() || self.writing;
        let full = self.is_full(limits);
        if policy == Policy::Volatile && lags && self.is_quarter_full(limits) {
            return (Pushed::Dropped, Flush::Pending);
        }
        let latest = (policy == Policy::Latest).then_some(index as u32);
        let replaced = latest.is_some() && full && self.remove(latest);
        if full && !replaced && self.is_hopeless(limits) {
            self.end(crate::CloseCode::TOO_SLOW.into());
            return (Pushed::Closed, Flush::Pending);
        }
        self.count += 1;
        self.bytes += bytes.len();
        let queued = Queued { bytes, latest };
        match &mut self.held {
            Some(held) if kind == Kind::Broadcast => held.push(queued),
            _ => self.frames.push(queued),
        }
        if !full && self.blocked.is_some() && self.is_full(limits) {
            // From now on the connection counts the time.
            self.wake();
        }
        let pushed = if replaced { Pushed::Replaced } else { Pushed::Queued };
        (pushed, self.flush_by(full || self.is_quarter_full(limits)))
    }

    /// Queues a control frame, before all that has not begun to go out.
    pub(crate) fn push_control(&mut self, bytes: Bytes) {
        if self.closed {
            return;
        }
        self.count += 1;
        self.bytes += bytes.len();
        let at = usize::from(self.partial).min(self.frames.len());
        self.frames.insert(at, Queued { bytes, latest: None });
    }

    /// Queues the close frame, after all that waits; nothing is taken from now on.
    pub(crate) fn push_close(&mut self, bytes: Bytes) {
        if !self.closed {
            self.release();
            self.count += 1;
            self.bytes += bytes.len();
            self.frames.push(Queued { bytes, latest: None });
            self.seal();
        }
    }

    /// Takes nothing from now on.
    pub(crate) fn seal(&mut self) {
        self.closed = true;
        if let Some(room) = self.room.take() {
            room.notify_waiters();
        }
    }

    /// Drops what waits, but for a frame that has begun to go out.
    pub(crate) fn clear(&mut self) {
        self.held = None;
        let keep = usize::from(self.partial).min(self.frames.len());
        for frame in self.frames.drain(keep..) {
            self.count -= 1;
            self.bytes -= frame.bytes.len();
        }
    }

    /// Ends the time in which broadcasts are held.
    pub(crate) fn release(&mut self) {
        if let Some(mut held) = self.held.take() {
            self.frames.append(&mut held);
        }
    }

    /// Asks the connection to close; the first who asks decides how.
    pub(crate) fn end(&mut self, disconnect: Disconnect) {
        if self.end.is_none() && !self.closed {
            self.end = Some(disconnect);
            self.wake();
        }
    }

    /// How the connection was asked to close.
    pub(crate) fn ended(&self) -> Option<&Disconnect> {
        self.end.as_ref()
    }

    /// Takes all frames for writing; `None` if there are none, another writer is at work, or the
    /// transport took no more and is not known to be `writable` again.
    pub(crate) fn take(&mut self, writable: bool) -> Option<Turn> {
        self.asked = false;
        if self.writing || self.frames.is_empty() || (self.blocked.is_some() && !writable) {
            return None;
        }
        self.writing = true;
        Some(Turn { frames: std::mem::take(&mut self.frames), stream: self.stream.take() })
    }

    /// Ends a turn of writing. True if there is more to write.
    pub(crate) fn put_back(
        &mut self,
        stream: Option<OwnedWriteHalf>,
        written: Written,
        limits: &Limits,
        now: Instant,
    ) -> bool {
        self.writing = false;
        if self.shut {
            // It was given up meanwhile; the socket goes with this turn.
            return false;
        }
        let Written { mut rest, frames, bytes, partial, blocked } = written;
        let over_tcp = stream.is_some();
        self.stream = stream;
        if bytes > 0 {
            self.partial = partial;
        }
        self.count -= frames;
        self.bytes -= bytes;
        if bytes > 0 {
            self.sent = now;
            self.blocked = None;
        }
        self.blocked = blocked.then(|| self.blocked.unwrap_or(now));
        if blocked && over_tcp {
            // The connection waits for the socket; on any other stream it has written itself, and
            // would go round for ever.
            self.wake();
        }
        let is_full = self.is_full(limits);
        if !rest.is_empty() {
            rest.append(&mut self.frames);
            self.frames = rest;
        }
        if let Some(room) = self.room.take_if(|_| !is_full) {
            room.notify_waiters();
        }
        !blocked && !self.frames.is_empty()
    }

    pub(crate) fn is_blocked(&self) -> bool {
        self.blocked.is_some()
    }

    /// The transport is broken: nothing can be sent any more.
    pub(crate) fn fail(&mut self) {
        self.end(crate::CloseCode::LOST.into());
        self.seal();
        self.shut();
        self.frames = Vec::new();
        self.held = None;
        (self.count, self.bytes) = (0, 0);
    }

    /// Ends the direction to the peer, of a TCP socket.
    pub(crate) fn shut(&mut self) {
        self.shut = true;
        self.stream = None;
    }

    /// Whether the connection alone writes.
    pub(crate) fn is_written_by_connection(&self) -> bool {
        self.stream.is_none() && !self.writing
    }

    /// When bytes were last taken.
    pub(crate) fn sent(&self) -> Instant {
        self.sent
    }

    /// When a receiver that takes nothing is given up.
    pub(crate) fn stalled(&self, limits: &Limits) -> Option<Instant> {
        self.blocked.filter(|_| self.is_full(limits)).map(|since| since + limits.stall)
    }

    /// Waits for room: the notification to wait for, or `None` if there is some.
    pub(crate) fn wait_for_room(&mut self, limits: &Limits) -> Option<Arc<Notify>> {
        let wait = self.is_full(limits) && !self.closed && self.end.is_none();
        wait.then(|| self.room.get_or_insert_default().clone())
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// Remembers the connection's task.
    pub(crate) fn set_waker(&mut self, waker: &Waker) {
        match &mut self.waker {
            Some(known) => known.clone_from(waker),
            None => self.waker = Some(waker.clone()),
        }
    }

    /// Wakes the connection's task.
    pub(crate) fn wake(&self) {
        if let Some(waker) = &self.waker {
            waker.wake_by_ref();
        }
    }

    fn flush_by(&mut self, urgent: bool) -> Flush {
        if self.blocked.is_some() || self.writing {
            Flush::Pending
        } else if urgent {
            Flush::Now
        } else if self.corked || std::mem::replace(&mut self.asked, true) {
            Flush::Pending
        } else {
            Flush::Ask
        }
    }

    /// Whether more waits than a receiver that keeps up needs.
    pub(crate) fn is_full(&self, limits: &Limits) -> bool {
        // An empty queue has room, whatever the limits: else nobody could ever send.
        self.count > 0 && (self.count >= limits.queue || self.bytes >= limits.queue_bytes)
    }

    fn is_quarter_full(&self, limits: &Limits) -> bool {
        self.count > 0
            && (self.count >= limits.queue.div_ceil(4) || self.bytes >= limits.queue_bytes / 4)
    }

    fn is_hopeless(&self, limits: &Limits) -> bool {
        self.bytes >= limits.queue_hard_bytes
            || self.blocked.is_some_and(|since| since.elapsed() >= limits.stall)
    }

    /// Removes the unsent frame of a `latest` event. The newer one goes to the end, so that the
    /// order of what is delivered is the order in which it was emitted.
    fn remove(&mut self, latest: Option<u32>) -> bool {
        let begun = usize::from(self.partial);
        let held = self.held.as_mut().map(|held| (held, 0));
        for (frames, begun) in held.into_iter().chain([(&mut self.frames, begun)]) {
            let found = frames.iter().skip(begun).position(|frame| frame.latest == latest);
            if let Some(at) = found {
                let old = frames.remove(at + begun);
                self.count -= 1;
                self.bytes -= old.bytes.len();
                return true;
            }
        }
        false
    }
}

#[cfg(test)]
mod tests;
