//! One connection over a link: two directions of bounded bytes that arrive as the link's terms say.

use super::{link::Wire, trace::Tap};
use crate::peer::lock;
use bytes::Bytes;
use std::{
    collections::VecDeque,
    fmt,
    future::Future,
    io::{self, ErrorKind},
    pin::Pin,
    sync::{Arc, Mutex},
    task::{Context, Poll, Waker},
};
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    time::{Instant, Sleep, sleep_until},
};

/// Bytes of one direction that were written and not read, on their way or not.
const HELD: usize = 64 * 1024;

/// Which end of a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Side {
    Client,
    Server,
}

/// One end.
pub(super) struct End {
    side: Side,
    pair: Arc<Pair>,
    wire: Arc<Wire>,
    /// When the next bytes arrive.
    alarm: Option<Pin<Box<Sleep>>>,
}

/// What both ends share.
#[derive(Debug, Default)]
pub(super) struct Pair(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    is_cut: bool,
    up: Lane,
    down: Lane,
}

/// What one end writes and the other reads.
#[derive(Debug, Default)]
struct Lane {
    /// Bytes with the time of their arrival, in that order; none are the end.
    flying: VecDeque<(Instant, Bytes)>,
    /// Bytes that count: those that have vanished as well, which nobody ever takes.
    held: usize,
    /// The line is busy until then, and what was sent last arrives then.
    free: Option<Instant>,
    last: Option<Instant>,
    /// Nothing arrives any more.
    is_mute: bool,
    /// Nothing is written any more.
    is_shut: bool,
    /// The reader has come to the end.
    is_over: bool,
    /// There is no reader any more, and the writer has heard of it.
    is_unread: bool,
    reader: Option<Waker>,
    writer: Option<Waker>,
    tap: Tap,
}

impl Pair {
    /// Breaks it: how many bytes were lost on the way.
    pub(super) fn cut(&self) -> usize {
        let mut guard = lock(&self.0);
        let state = &mut *guard;
        state.is_cut = true;
        let lost = state.up.lose() + state.down.lose();
        let wakers =
            [&mut state.up, &mut state.down].map(|lane| [lane.reader.take(), lane.writer.take()]);
        drop(guard);
        wakers.into_iter().flatten().flatten().for_each(Waker::wake);
        lost
    }

    /// Lets nothing through any more that goes up, or down. How many bytes were lost on the way.
    pub(super) fn mute(&self, up: bool, down: bool) -> usize {
        let state = &mut *lock(&self.0);
        let lanes = [(up, &mut state.up), (down, &mut state.down)];
        let muted = lanes.into_iter().filter(|(mutes, lane)| *mutes && !lane.is_mute);
        muted
            .map(|(_, lane)| {
                lane.is_mute = true;
                lane.lose()
            })
            .sum()
    }
}

impl State {
    /// What this end writes, and what it reads.
    fn lanes(&mut self, side: Side) -> (&mut Lane, &mut Lane) {
        match side {
            Side::Client => (&mut self.up, &mut self.down),
            Side::Server => (&mut self.down, &mut self.up),
        }
    }
}

impl Lane {
    fn lose(&mut self) -> usize {
        self.flying.drain(..).map(|(_, bytes)| bytes.len()).sum()
    }

    /// Sends bytes, or the end, on their way.
    fn send(&mut self, bytes: Bytes, wire: &Wire, now: Instant) {
        if self.is_mute {
            return;
        }
        let terms = wire.terms();
        let sent = self.free.unwrap_or(now).max(now) + terms.takes(bytes.len());
        // A shorter delay lets nothing overtake.
        let arrives = self.last.unwrap_or(now).max(sent + terms.delay);
        (self.free, self.last) = (Some(sent), Some(arrives));
        self.flying.push_back((arrives, bytes));
    }

    /// Ends it.
    fn shut(&mut self, wire: &Wire, now: Instant) -> Option<Waker> {
        if std::mem::replace(&mut self.is_shut, true) {
            return None;
        }
        self.send(Bytes::new(), wire, now);
        self.reader.take()
    }
}

impl End {
    /// Both ends of a new connection.
    pub(super) fn pair(wire: &Arc<Wire>) -> (Self, Self, Arc<Pair>) {
        let pair = Arc::<Pair>::default();
        let end = |side| Self { side, pair: pair.clone(), wire: wire.clone(), alarm: None };
        (end(Side::Client), end(Side::Server), pair)
    }

    /// Whether the link was cut.
    pub(super) fn is_cut(&self) -> bool {
        lock(&self.pair.0).is_cut
    }

    /// Takes what has arrived: whether that is anything, or when something does.
    fn take(
        &self,
        buffer: &mut ReadBuf<'_>,
        waker: &Waker,
    ) -> io::Result<Result<(), Option<Instant>>> {
        let now = Instant::now();
        let mut state = lock(&self.pair.0);
        if state.is_cut {
            return Err(ErrorKind::ConnectionReset.into());
        }
        let (_, lane) = state.lanes(self.side);
        let before = buffer.filled().len();
        while buffer.remaining() > 0
            && let Some((arrives, bytes)) = lane.flying.front_mut()
            && *arrives <= now
        {
            if bytes.is_empty() {
                lane.is_over = true;
                lane.flying.pop_front();
                break;
            }
            let taken = bytes.split_to(bytes.len().min(buffer.remaining()));
            buffer.put_slice(&taken);
            lane.held -= taken.len();
            if bytes.is_empty() {
                lane.flying.pop_front();
            }
        }
        let read = buffer.filled().get(before..).unwrap_or_default();
        if read.is_empty() && !lane.is_over {
            let next = lane.flying.front().map(|(arrives, _)| *arrives);
            if !lane.reader.as_ref().is_some_and(|known| known.will_wake(waker)) {
                lane.reader = Some(waker.clone());
            }
            return Ok(Err(next));
        }
        let arrow = if self.side == Side::Server { '>' } else { '<' };
        lane.tap.read(read, |what| self.wire.frame(arrow, what));
        let writer = lane.writer.take();
        drop(state);
        writer.into_iter().for_each(Waker::wake);
        Ok(Ok(()))
    }
}

impl AsyncRead for End {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let end = self.get_mut();
        loop {
            let Err(next) = end.take(buffer, cx.waker())? else { return Poll::Ready(Ok(())) };
            let Some(next) = next else { return Poll::Pending };
            let alarm = end.alarm.get_or_insert_with(|| Box::pin(sleep_until(next)));
            if alarm.deadline() != next {
                alarm.as_mut().reset(next);
            }
            if alarm.as_mut().poll(cx).is_pending() {
                return Poll::Pending;
            }
        }
    }
}

impl AsyncWrite for End {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let mut state = lock(&self.pair.0);
        if state.is_cut {
            return Poll::Ready(Err(ErrorKind::ConnectionReset.into()));
        }
        let (lane, _) = state.lanes(self.side);
        if lane.is_shut || lane.is_unread {
            return Poll::Ready(Err(ErrorKind::BrokenPipe.into()));
        }
        let taken = bytes.get(..HELD - lane.held).unwrap_or(bytes);
        if taken.is_empty() && !bytes.is_empty() {
            lane.writer = Some(cx.waker().clone());
            return Poll::Pending;
        }
        lane.held += taken.len();
        let now = Instant::now();
        for piece in taken.chunks(self.wire.terms().piece()) {
            lane.send(Bytes::copy_from_slice(piece), &self.wire, now);
        }
        let (taken, reader) = (taken.len(), lane.reader.take());
        drop(state);
        reader.into_iter().for_each(Waker::wake);
        Poll::Ready(Ok(taken))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        let mut state = lock(&self.pair.0);
        let reader = state.lanes(self.side).0.shut(&self.wire, Instant::now());
        drop(state);
        reader.into_iter().for_each(Waker::wake);
        Poll::Ready(Ok(()))
    }
}

impl Drop for End {
    fn drop(&mut self) {
        let mut state = lock(&self.pair.0);
        let (ours, theirs) = state.lanes(self.side);
        let reader = ours.shut(&self.wire, Instant::now());
        // That nobody reads is said the way that we write.
        theirs.is_unread |= !ours.is_mute;
        let writer = if theirs.is_unread { theirs.writer.take() } else { None };
        drop(state);
        reader.into_iter().chain(writer).for_each(Waker::wake);
    }
}

impl fmt::Debug for End {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("End").field("side", &self.side).finish_non_exhaustive()
    }
}
