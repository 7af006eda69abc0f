//! What waits to be sent to one receiver: reliable, volatile and latest frames.
//!
//! Whoever writes takes all frames at once, and the socket with them ([`Queue::take`]), writes
//! without the lock ([`write`](crate::turn::write)), and gives back what the transport did not take
//! ([`Queue::put_back`]). So emitters never wait for a system call, there is one writer at a time, and
//! a frame that was handed to the transport is neither dropped nor replaced.

use crate::{
    Disconnect, Limits, Policy,
    delivery::{Kind, Pushed},
    frame::FrameBytes,
    held::Held,
    queued::{self, Frames, Queued, Sort},
    turn::{Flush, Turn, Written},
};
use std::{sync::Arc, task::Waker};
use tokio::{net::tcp::OwnedWriteHalf, sync::Notify, time::Instant};

/// The queue of one receiver.
#[derive(Debug)]
pub(crate) struct Queue {
    /// A TCP socket, unless a writer has it; any other stream is written by its connection.
    stream: Option<OwnedWriteHalf>,
    frames: Frames,
    /// Broadcasts that wait until `on_connect` has run, so that its snapshot comes first.
    held: Option<Box<Held>>,
    /// Frames and bytes that wait, those in the hands of a writer included, held ones not.
    count: usize,
    bytes: usize,
    /// Bytes of the first frame that went out: nothing may come before it.
    sent: usize,
    /// Bytes that are left of what comes before all else: no limit counts them.
    ahead: usize,
    /// A writer is at work.
    writing: bool,
    /// Its connection writes at the end of its turn.
    corked: bool,
    /// The flusher was asked.
    asked: bool,
    /// The transport took no more; its task waits until it does. Since when not one byte.
    blocked: Option<Instant>,
    /// When a text was last taken: a page sees no control frames.
    spoke: Instant,
    /// The newest answer to pings, while the queue is full (RFC 6455 section 5.5.3).
    pong: Option<FrameBytes>,
    end: Option<Box<Disconnect>>,
    /// What the writer at work brings back is dropped.
    discards: bool,
    /// The close frame is queued, or never will be: nothing more is taken.
    closed: bool,
    /// The direction to the peer is over.
    shut: bool,
    /// The connection's task.
    waker: Option<Waker>,
    /// Senders that wait for room; made for the first of them.
    room: Option<Arc<Notify>>,
}

impl Queue {
    pub(crate) fn new(stream: Option<OwnedWriteHalf>, now: Instant) -> Self {
        Self {
            stream,
            frames: Frames::new(),
            held: Some(Box::default()),
            count: 0,
            bytes: 0,
            sent: 0,
            ahead: 0,
            writing: false,
            corked: false,
            asked: false,
            blocked: None,
            spoke: now,
            pong: None,
            end: None,
            discards: false,
            closed: false,
            shut: false,
            waker: None,
            room: None,
        }
    }

    /// Queues a frame.
    pub(crate) fn push(
        &mut self,
        bytes: FrameBytes,
        (policy, index): (Policy, usize),
        kind: Kind,
        limits: &Limits,
    ) -> (Pushed, Flush) {
        if self.closed || (self.end.is_some() && kind != Kind::Answer) {
            return (Pushed::Closed, Flush::Pending);
        }
        let is_held = kind == Kind::Broadcast && self.held.is_some();
        let lags = is_held || self.blocked.is_some() || self.writing;
        let (count, size) = self.all();
        let full = limits.fills(count, size);
        if policy == Policy::Volatile && lags && limits.quarter_fills(count, size) {
            return (Pushed::Dropped, Flush::Pending);
        }
        let sort = if policy == Policy::Latest { Sort::Latest(index as u32) } else { Sort::Text };
        let replaced = policy == Policy::Latest && full && self.remove(sort);
        if full && !replaced && self.is_hopeless(limits) {
            self.give_up();
            return (Pushed::Closed, Flush::Pending);
        }
        let pushed = if replaced { Pushed::Replaced } else { Pushed::Queued };
        let queued = Queued { bytes, sort };
        if let Some(held) = self.held.as_mut().filter(|_| is_held) {
            held.push(queued);
            return (pushed, Flush::Pending);
        }
        let full = self.is_full(limits);
        self.insert(self.frames.len(), queued);
        if !full && self.blocked.is_some() && self.is_full(limits) {
            // From now on the connection counts the time.
            self.wake();
        }
        (pushed, self.flush_by(limits.quarter_fills(self.count, self.bytes)))
    }

    /// Queues a control frame, before all that has not begun to go out.
    pub(crate) fn push_control(&mut self, bytes: FrameBytes) {
        if !self.closed {
            let at = self.begun().min(self.frames.len());
            self.insert(at, Queued { bytes, sort: Sort::Control });
        }
    }

    /// Queues what comes before all else, and is not dropped.
    pub(crate) fn push_first(&mut self, bytes: FrameBytes) {
        self.ahead = bytes.len();
        self.frames.push(Queued { bytes, sort: Sort::Control });
    }

    /// Queues the answer to pings. Who reads nothing but pings gets the newest alone, when there is
    /// room for it.
    pub(crate) fn push_pong(&mut self, bytes: FrameBytes, limits: &Limits) {
        if self.is_full(limits) { self.pong = Some(bytes) } else { self.push_control(bytes) }
    }

    /// How many of the first frames went out in part or come before all else, and are here.
    fn begun(&self) -> usize {
        usize::from(self.sent.max(self.ahead) > 0 && !self.writing)
    }

    fn insert(&mut self, at: usize, frame: Queued) {
        self.count += 1;
        self.bytes += frame.bytes.len();
        queued::insert(&mut self.frames, at, frame);
    }

    /// Queues the close frame, after all that waits; nothing is taken from now on. Broadcasts that are
    /// still held are not for this peer.
    pub(crate) fn push_close(&mut self, bytes: FrameBytes) {
        if !self.closed {
            self.held = None;
            self.insert(self.frames.len(), Queued { bytes, sort: Sort::Control });
            self.seal();
        }
    }

    /// Takes nothing from now on.
    pub(crate) fn seal(&mut self) {
        self.closed = true;
        self.notify_senders();
    }

    fn notify_senders(&self) {
        self.room.iter().for_each(|room| room.notify_waiters());
    }

    /// Drops frames, but for one that has begun to go out.
    fn drop_from(&mut self, frames: &mut Frames) {
        for frame in frames.drain(self.begun().min(frames.len())..) {
            self.count -= 1;
            self.bytes -= frame.bytes.len();
        }
    }

    /// Ends the time in which broadcasts are held.
    pub(crate) fn release(&mut self) {
        if let Some(held) = self.held.take() {
            self.count += held.len();
            self.bytes += held.bytes();
            self.frames.extend(*held);
        }
    }

    /// Ends it since its peer is too slow: what waits is dropped.
    pub(crate) fn give_up(&mut self) {
        self.end(crate::CloseCode::TOO_SLOW.into());
        self.discards = self.writing;
        self.held = None;
        let mut frames = std::mem::take(&mut self.frames);
        self.drop_from(&mut frames);
        self.frames = frames;
    }

    /// Asks the connection to close; the first who asks decides how.
    pub(crate) fn end(&mut self, disconnect: Disconnect) {
        if self.end.is_none() && !self.closed {
            self.end = Some(Box::new(disconnect));
            self.wake();
            self.notify_senders();
        }
    }

    /// Takes all frames for writing; `None` if there are none, another writer is at work, or the
    /// transport took no more and is not known to be `writable` again.
    pub(crate) fn take(&mut self, writable: bool) -> Option<Turn> {
        self.asked = false;
        if self.writing || self.frames.is_empty() || (self.blocked.is_some() && !writable) {
            return None;
        }
        self.writing = true;
        let frames = std::mem::take(&mut self.frames);
        Some(Turn { frames, sent: self.sent, stream: self.stream.take() })
    }

    /// Ends a turn of writing. True if there is more to write, and nobody else is to write it: with what
    /// comes until then.
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
        let Written { mut rest, sent, mut frames, mut bytes, text, blocked } = written;
        let over_tcp = stream.is_some();
        self.stream = stream;
        self.sent = sent;
        let since = self.blocked.filter(|_| bytes == 0);
        if self.ahead > 0 {
            let ahead = bytes.min(self.ahead);
            (self.ahead, bytes) = (self.ahead - ahead, bytes - ahead);
            frames -= usize::from(self.ahead == 0);
        }
        self.count -= frames;
        self.bytes -= bytes;
        if text {
            self.spoke = now;
        }
        self.blocked = blocked.then(|| since.unwrap_or(now));
        if blocked && over_tcp {
            // The connection waits for the socket; on any other stream it has written itself, and
            // would go round for ever.
            self.wake();
        }
        if std::mem::take(&mut self.discards) {
            self.drop_from(&mut rest);
        }
        if !rest.is_empty() {
            let controls = queued::take_controls(&mut self.frames, self.closed);
            rest.insert_many(self.begun().min(rest.len()), controls);
            rest.append(&mut self.frames);
            self.frames = rest;
        }
        if !self.is_full(limits) {
            self.notify_senders();
            if let Some(pong) = self.pong.take() {
                self.push_control(pong);
            }
        }
        if self.closed && self.is_empty() {
            // The connection waits for the last frame.
            self.wake();
        }
        !(blocked || self.asked || self.corked || self.frames.is_empty())
    }

    pub(crate) fn is_blocked(&self) -> bool {
        self.blocked.is_some()
    }

    /// The transport is broken: nothing can be sent any more.
    pub(crate) fn fail(&mut self) {
        self.end(crate::CloseCode::LOST.into());
        self.seal();
        self.shut();
        self.frames = Frames::new();
        self.held = None;
        self.blocked = None;
        (self.count, self.bytes, self.ahead) = (0, 0, 0);
        self.wake();
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

    /// When texts were last taken.
    pub(crate) fn spoke(&self) -> Instant {
        self.spoke
    }

    /// When a receiver that takes nothing is given up.
    pub(crate) fn stalled(&self, limits: &Limits) -> Option<Instant> {
        self.blocked.filter(|_| self.is_full(limits)).map(|since| since + limits.stall)
    }

    /// Is notified when there may be room: always the same, so that nobody waits for one that was
    /// given up.
    pub(crate) fn room(&mut self) -> Arc<Notify> {
        self.room.get_or_insert_default().clone()
    }

    /// Whether a sender has to wait for room.
    pub(crate) fn has_room(&self, limits: &Limits) -> bool {
        !self.is_full(limits) || self.closed || self.end.is_some()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.count == 0 && self.ahead == 0
    }

    /// The connection begins a turn, and writes what is pushed when that ends. Whether its task is
    /// that of the last turn; and how it was asked to close, if it was.
    pub(crate) fn cork(&mut self, waker: &Waker) -> (bool, Option<Disconnect>) {
        let is_known = self.waker.as_ref().is_some_and(|known| known.will_wake(waker));
        self.set_waker(waker);
        self.corked = true;
        (is_known, self.end.as_deref().cloned())
    }

    /// The turn ends. Whether there is nothing to write.
    pub(crate) fn uncork(&mut self) -> bool {
        self.corked = false;
        self.frames.is_empty() && self.blocked.is_none()
    }

    /// Remembers the connection's task.
    pub(crate) fn set_waker(&mut self, waker: &Waker) {
        self.waker.get_or_insert_with(|| waker.clone()).clone_from(waker);
    }

    /// Wakes the connection's task.
    pub(crate) fn wake(&self) {
        self.waker.iter().for_each(Waker::wake_by_ref);
    }

    fn flush_by(&mut self, urgent: bool) -> Flush {
        if self.blocked.is_some() || (urgent && self.writing) {
            Flush::Pending
        } else if urgent {
            Flush::Now
        } else if self.corked || std::mem::replace(&mut self.asked, true) {
            Flush::Pending
        } else {
            Flush::Ask
        }
    }

    /// Whether more waits than a receiver that keeps up needs; what is held waits for us.
    pub(crate) fn is_full(&self, limits: &Limits) -> bool {
        limits.fills(self.count, self.bytes)
    }

    /// Frames and bytes that wait, with those that are held.
    fn all(&self) -> (usize, usize) {
        let (count, bytes) = self.held.as_ref().map_or((0, 0), |held| (held.len(), held.bytes()));
        (self.count + count, self.bytes + bytes)
    }

    fn is_hopeless(&self, limits: &Limits) -> bool {
        self.all().1 >= limits.queue_hard_bytes
            || self.blocked.is_some_and(|since| since.elapsed() >= limits.stall)
    }

    /// Removes the unsent frame of a `latest` event. The newer one goes to the end, so that the
    /// order of what is delivered is the order in which it was emitted.
    fn remove(&mut self, sort: Sort) -> bool {
        if self.held.as_mut().is_some_and(|held| held.remove(sort)) {
            return true;
        }
        let begun = self.begun();
        let found = self.frames.iter().skip(begun).position(|frame| frame.sort == sort);
        let Some(at) = found else { return false };
        self.count -= 1;
        self.bytes -= self.frames.remove(at + begun).bytes.len();
        true
    }
}

#[cfg(test)]
mod tests;
