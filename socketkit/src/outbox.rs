//! What waits to be sent to one receiver: reliable, volatile and latest frames.
//!
//! Whoever writes takes all frames at once, and the socket with them ([`Queue::take`]), writes
//! without the lock ([`write`](crate::turn::write)), and gives back what the transport did not take
//! ([`Queue::put_back`]). So emitters never wait for a system call, there is one writer at a time, and
//! a frame that was handed to the transport is neither dropped nor replaced: it has its number and
//! stays in the window until the receiver has seen it.

mod line;
mod locked;
mod loss;
#[cfg(feature = "cluster")]
mod moving;
mod pressure;

pub(crate) use line::{Gate, Last, Summons};
pub(crate) use locked::{Locked, Signals};
pub(crate) use loss::Lost;
#[cfg(feature = "cluster")]
pub(crate) use moving::Packed;

use crate::{
    Disconnect, Limits, Policy,
    counters::Reason,
    delivery::{Kind, Pushed},
    frame::FrameBytes,
    held::Held,
    moment::Moment,
    queued::{self, Frames, Queued, Sort},
    session::Window,
    treatment::Treatment,
    turn::{Flush, Turn, Written},
};
use std::{sync::Arc, task::Waker};
use tokio::{net::tcp::OwnedWriteHalf, sync::Notify, time::Instant};
use tokio_tungstenite::tungstenite::protocol::Role;

/// The queue of one receiver. It outlives connections: see [`Gate`]. What an emit needs stands together.
#[derive(Debug)]
#[repr(C)]
pub(crate) struct Queue {
    frames: Frames,
    /// Frames and bytes that wait, those in the hands of a writer included, held ones not.
    count: usize,
    bytes: usize,
    /// Broadcasts that wait until `on_connect` has run, so that its snapshot comes first.
    held: Option<Box<Held>>,
    end: Option<Box<Disconnect>>,
    /// What was dropped, until the lock is free.
    lost: Option<Box<Lost>>,
    /// The transport took no more; its task waits until it does. Since when not one byte.
    blocked: Option<Moment>,
    role: Role,
    gate: Gate,
    /// A writer is at work.
    writing: bool,
    /// Its connection writes at the end of its turn.
    corked: bool,
    /// The flusher was asked.
    asked: bool,
    /// The close frame is queued, or never will be: nothing more is taken.
    closed: bool,
    /// Who is to be woken when the lock is free: the connection, senders.
    wakes: bool,
    notifies: bool,
    /// What the writer at work brings back is dropped.
    discards: bool,
    /// The direction to the peer is over.
    shut: bool,
    /// Nothing goes out until other nodes know of something: see `hold_back`.
    waits: u16,
    /// A TCP socket, unless a writer has it; any other stream is written by its connection.
    stream: Option<OwnedWriteHalf>,
    /// Bytes of the first frame that went out: nothing may come before it.
    sent: usize,
    /// Bytes that are left of what comes before all else: no limit counts them.
    ahead: usize,
    /// When a text was last taken: a page sees no control frames.
    spoke: Moment,
    window: Window<FrameBytes>,
    /// The connection's task.
    waker: Option<Waker>,
    /// Senders that wait for room; made for the first of them.
    room: Option<Arc<Notify>>,
}

impl Queue {
    /// That of a session that begins: a server's with its first connection, a client's before it.
    /// Without `keeps` it cannot resume.
    pub(crate) fn new(
        role: Role,
        keeps: bool,
        stream: Option<OwnedWriteHalf>,
        now: Instant,
    ) -> Self {
        Self {
            stream,
            frames: Frames::new(),
            window: Window::new(keeps),
            held: Some(Box::default()),
            count: 0,
            bytes: 0,
            sent: 0,
            ahead: 0,
            role,
            gate: if role == Role::Server { Gate::Open } else { Gate::Away },
            writing: false,
            corked: false,
            asked: false,
            blocked: None,
            spoke: now.into(),
            lost: None,
            end: None,
            discards: false,
            closed: false,
            shut: false,
            waits: 0,
            wakes: false,
            notifies: false,
            waker: None,
            room: None,
        }
    }

    /// Queues a frame.
    pub(crate) fn push(
        &mut self,
        bytes: FrameBytes,
        treatment: Treatment,
        kind: Kind,
        limits: &Limits,
    ) -> (Pushed, Flush) {
        // Where something was dropped, nothing may come behind it.
        let is_last = kind == Kind::Answer && !self.is_too_slow();
        if self.closed || (self.end.is_some() && !is_last) {
            return (Pushed::Closed, Flush::Pending);
        }
        let is_away = self.gate != Gate::Open;
        let is_held = kind == Kind::Broadcast && self.held.is_some();
        let lags = is_held || self.blocked.is_some() || self.writing;
        let (count, size) = self.all();
        let full = self.fills(count, size, bytes.len(), limits);
        if treatment.policy == Policy::Volatile
            && (is_away || (lags && limits.quarter_fills(count, size)))
        {
            return (Pushed::Dropped, Flush::Pending);
        }
        let sort = treatment.sort();
        let replaces = treatment.policy == Policy::Latest && (full || is_away);
        let replaced =
            replaces && self.can_replace(sort, bytes.len(), limits) && self.remove(sort, kind);
        if full && !replaced && self.is_hopeless(limits) {
            if self.role == Role::Client {
                return (Pushed::Dropped, Flush::Pending);
            }
            self.give_up();
            return (Pushed::Closed, Flush::Pending);
        }
        let pushed = if replaced { Pushed::Replaced } else { Pushed::Queued };
        if let Some(held) = self.held.as_mut().filter(|_| is_held) {
            held.push(Queued { bytes, sort });
            return (pushed, Flush::Pending);
        }
        let full = self.is_full(limits);
        self.insert(self.frames.len(), Queued { bytes, sort });
        if !full && self.blocked.is_some() && self.is_full(limits) {
            // From now on the connection counts the time.
            self.wake();
        }
        (pushed, self.flush_by(limits.quarter_fills(self.count, self.bytes)))
    }

    /// Queues a control frame, before all others that have not begun to go out.
    pub(crate) fn push_control(&mut self, bytes: FrameBytes) {
        if !self.closed {
            let at = queued::controls(&self.frames, self.begun()).end;
            self.insert(at, Queued { bytes, sort: Sort::Control });
        }
    }

    /// Queues what comes before all else on a connection, and is not dropped.
    pub(crate) fn push_first(&mut self, bytes: FrameBytes) {
        self.ahead = bytes.len();
        queued::insert(&mut self.frames, 0, Queued { bytes, sort: Sort::Control });
    }

    /// Queues the answer to pings. Who reads nothing but pings gets the newest alone.
    pub(crate) fn push_pong(&mut self, bytes: FrameBytes, limits: &Limits) {
        self.push_control(bytes);
        if self.is_full(limits) {
            self.keep_newest_pong();
        }
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
            self.drop_held(Reason::Ended);
            if self.role == Role::Client && self.gate != Gate::Open {
                // The server has not said how far it is.
                let mut frames = std::mem::take(&mut self.frames);
                self.drop_from(&mut frames, Reason::Ended);
            }
            self.gate = Gate::Open;
            self.insert(self.frames.len(), Queued { bytes, sort: Sort::Control });
            self.seal();
        }
    }

    /// Takes nothing from now on.
    fn seal(&mut self) {
        self.closed = true;
        self.notifies = true;
    }

    /// Ends the time in which broadcasts are held.
    pub(crate) fn release(&mut self) {
        for frame in self.held.take().into_iter().flat_map(|held| *held) {
            self.insert(self.frames.len(), frame);
        }
    }

    /// Asks the connection to close; the first who asks decides how.
    pub(crate) fn end(&mut self, disconnect: Disconnect) {
        if self.end.is_none() && !self.closed {
            self.end = Some(Box::new(disconnect));
            self.wake();
            self.notifies = true;
        }
    }

    /// Takes all frames for writing; `None` if there are none, another writer is at work, or the
    /// transport took no more and is not known to be `writable` again.
    pub(crate) fn take(&mut self, writable: bool, limits: &Limits) -> Option<Turn> {
        self.asked = false;
        if self.gate != Gate::Open || self.writing || self.waits > 0 || self.frames.is_empty() {
            return None;
        }
        if self.blocked.is_some() && !writable {
            return None;
        }
        let frames = match self.role {
            Role::Server => std::mem::take(&mut self.frames),
            Role::Client => self.take_for_window(limits)?,
        };
        self.writing = true;
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
            self.drop_written(written, limits);
            self.wake();
            return false;
        }
        let Written { done, mut rest, sent, mut bytes, text, blocked, broken } = written;
        let (over_tcp, mut count) = (stream.is_some(), done.len());
        self.stream = stream.filter(|_| self.gate != Gate::Away);
        self.sent = sent;
        let since = self.blocked.filter(|_| bytes == 0);
        if self.ahead > 0 {
            let ahead = bytes.min(self.ahead);
            (self.ahead, bytes) = (self.ahead - ahead, bytes - ahead);
            count -= usize::from(self.ahead == 0);
        }
        self.count -= count;
        self.bytes -= bytes;
        self.keep(done, limits);
        if text {
            self.spoke = now.into();
        }
        if self.gate == Gate::Open {
            self.blocked = blocked.then(|| since.unwrap_or(now.into()));
        }
        if blocked && over_tcp {
            // The connection waits for the socket; on any other stream it has written itself, and
            // would go round for ever.
            self.wake();
        }
        if std::mem::take(&mut self.discards) {
            self.drop_from(&mut rest, Reason::TooSlow);
        }
        if !rest.is_empty() {
            let controls = queued::take_controls(&mut self.frames, self.closed);
            rest.insert_many(queued::controls(&rest, self.begun()).end, controls);
            rest.append(&mut self.frames);
            self.frames = rest;
        }
        if broken || self.gate != Gate::Open {
            self.left_by_writer(broken, now);
            return false;
        }
        if self.is_full(limits) {
            self.keep_newest_pong();
        } else {
            self.notifies = true;
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

    /// Nothing can be sent any more, over whatever connection.
    pub(crate) fn fail(&mut self) {
        self.end(crate::CloseCode::LOST.into());
        self.seal();
        self.shut();
        self.drop_all();
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
        self.spoke.into()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.count == 0 && self.ahead == 0
    }

    /// Wakes the connection's task, when the lock is free.
    pub(crate) fn wake(&mut self) {
        self.wakes = true;
    }

    /// Removes the unsent frame of a `latest` event. The newer one goes to the end, so that the
    /// order of what is delivered is the order in which it was emitted.
    fn remove(&mut self, sort: Sort, newer: Kind) -> bool {
        let held = self.held.as_mut().filter(|_| newer != Kind::Missed);
        if held.is_some_and(|held| held.remove(sort)) {
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
