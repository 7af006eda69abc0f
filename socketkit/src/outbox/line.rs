//! The connection below a queue: it is lost, and another takes its place.

use super::{Lost, Queue};
use crate::{
    Disconnect, Limits,
    counters::Reason,
    frame::{self, FrameBytes},
    queued::{Frames, Queued, Sort},
    session::{OutOfRange, Room, Window},
    turn::Flush,
};
use std::{
    collections::HashSet,
    mem,
    task::{Context, Poll, Waker},
};
use tokio::{net::tcp::OwnedWriteHalf, time::Instant};
use tokio_tungstenite::tungstenite::protocol::Role;

/// Whether frames go out.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Gate {
    /// They do.
    Open,
    /// There is a connection that is the session's no more, or not yet.
    Held,
    /// There is none.
    Away,
}

/// What a queue had of a connection that it has let go.
#[derive(Debug)]
pub(crate) struct Last {
    pub(crate) stream: Option<OwnedWriteHalf>,
    /// No frame went out in part: another may follow.
    pub(crate) is_whole: bool,
}

/// What the connection is asked for.
#[derive(Debug)]
pub(crate) enum Summons {
    None,
    /// To end the session.
    Close(Disconnect),
    /// To give way to a newer one, or to the time without any.
    Gate(Gate),
}

/// A client sends no more than its window has room for, so that nothing is ever forgotten.
const EVERYTHING: Room = Room { frames: usize::MAX, bytes: usize::MAX };

impl Queue {
    /// The connection begins a turn, and writes what is pushed when that ends. Whether its task is
    /// that of the last turn, and what it is asked for.
    pub(crate) fn cork(&mut self, waker: &Waker) -> (bool, Summons) {
        let is_known = self.waker.as_ref().is_some_and(|known| known.will_wake(waker));
        self.set_waker(waker);
        self.corked = true;
        (is_known, self.summons())
    }

    /// What the connection is asked for.
    pub(crate) fn summons(&self) -> Summons {
        match (&self.end, self.gate) {
            (Some(disconnect), _) => Summons::Close((**disconnect).clone()),
            (None, Gate::Open) => Summons::None,
            // The writer at work will wake it.
            (None, _) if self.writing => Summons::None,
            (None, gate) => Summons::Gate(gate),
        }
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

    /// The connection is gone, or is given up. Another may already wait to take over from a server's.
    pub(crate) fn lose(&mut self, now: Instant) -> Last {
        if self.role == Role::Client || self.gate == Gate::Open {
            self.gate = Gate::Away;
        }
        // Who is away takes nothing since then, however slow they were before.
        self.blocked = Some(now.into());
        if self.writing { Last { stream: None, is_whole: false } } else { self.detach() }
    }

    /// When the connection was lost, if there is none.
    #[cfg(feature = "cluster")]
    pub(crate) fn lost_at(&self) -> Option<Instant> {
        self.blocked.filter(|_| self.gate == Gate::Away).map(Instant::from)
    }

    /// Nothing goes out any more over the connection that there is.
    pub(crate) fn hold(&mut self) {
        self.gate = Gate::Held;
        self.wake();
    }

    /// Lets the connection that there was go.
    pub(crate) fn detach(&mut self) -> Last {
        let is_whole = self.sent == 0 && self.ahead == 0;
        let stream = self.stream.take();
        self.settle();
        Last { stream, is_whole }
    }

    /// Waits until no writer is at work over a connection that is lost: what it wrote, it numbers.
    pub(crate) fn poll_settled(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        self.set_waker(cx.waker());
        if self.writing { Poll::Pending } else { Poll::Ready(()) }
    }

    /// Whether there is a connection.
    pub(crate) fn is_connected(&self) -> bool {
        self.gate != Gate::Away && !self.shut
    }

    /// There is a connection, over which nothing goes out before [`resume`](Self::resume).
    pub(crate) fn attach(&mut self, stream: Option<OwnedWriteHalf>, now: Instant) {
        (self.stream, self.gate, self.spoke) = (stream, Gate::Held, now.into());
    }

    /// Whether everything after the `seen`th frame that counts can be sent again.
    pub(crate) fn reaches(&self, seen: u64) -> bool {
        self.window.reaches(seen)
    }

    /// Goes on with the frame after the `seen`th, over the connection that is attached. How many frames go out
    /// again, or have [waited](Self::waiting); `None` unless the window [`reaches`](Self::reaches) there.
    pub(crate) fn resume(&mut self, seen: u64) -> Option<u64> {
        let again = self.window.rewind(seen)?;
        let mut frames = Frames::with_capacity(again.len() + self.frames.len());
        for bytes in again {
            // A client masks each frame anew (RFC 6455 section 5.3).
            let bytes = if self.role == Role::Client { frame::remask(&bytes) } else { bytes };
            self.count += 1;
            self.bytes += bytes.len();
            frames.push(Queued { bytes, sort: Sort::Again });
        }
        frames.append(&mut self.frames);
        self.frames = frames;
        self.open();
        Some(self.waiting())
    }

    /// How many frames that count wait.
    pub(crate) fn waiting(&self) -> u64 {
        self.frames.iter().filter(|frame| frame.sort != Sort::Control).count() as u64
    }

    /// Begins a new session over the connection that is attached, with what was never sent. What was sent
    /// in the old one and not seen, as far as it was kept, and how many frames that are in all.
    pub(crate) fn restart(&mut self, keeps: bool) -> (u64, Vec<FrameBytes>) {
        let old = mem::replace(&mut self.window, Window::new(keeps));
        self.open();
        let (count, frames) = old.unseen();
        (count, frames.cloned().collect())
    }

    /// Keeps those frames that wait of which `keep` says so.
    pub(crate) fn retain(&mut self, keep: impl FnMut(&FrameBytes) -> bool) {
        self.drop_unless(keep, Some(Reason::Withdrawn));
    }

    /// Drops those that wait, unless `keep` says so; they are lost if there is a reason.
    pub(super) fn drop_unless(
        &mut self,
        mut keep: impl FnMut(&FrameBytes) -> bool,
        why: Option<Reason>,
    ) {
        let (mut count, mut bytes) = (0, 0);
        let lost = &mut self.lost;
        self.frames.retain(|frame| {
            let stays = frame.sort == Sort::Control || keep(&frame.bytes);
            if !stays {
                (count, bytes) = (count + 1, bytes + frame.bytes.len());
                why.into_iter().for_each(|why| Lost::note(lost, frame.bytes.clone(), why));
            }
            stays
        });
        (self.count, self.bytes) = (self.count - count, self.bytes - bytes);
    }

    /// The calls that wait for a connection.
    pub(crate) fn waiting_calls(&self) -> HashSet<u32> {
        self.frames.iter().filter_map(|frame| frame::call(&frame.bytes)).collect()
    }

    /// Drops a call that waits for a connection, and for whose reply nobody waits any more. Whether there was
    /// one.
    pub(crate) fn withdraw(&mut self, id: u32) -> bool {
        let before = self.frames.len();
        let is_settled = self.gate == Gate::Away || self.role == Role::Client;
        if self.gate != Gate::Open && is_settled {
            self.retain(|frame| frame::call(frame) != Some(id));
        }
        self.frames.len() < before
    }

    fn open(&mut self) {
        (self.gate, self.blocked) = (Gate::Open, None);
        self.notifies = true;
    }

    /// The peer has seen so many of the frames that count.
    pub(crate) fn see(&mut self, seen: u64) -> Result<(), OutOfRange> {
        let writing = if self.writing { self.count.saturating_sub(self.frames.len()) } else { 0 };
        self.window.see(seen, writing)
    }

    /// Takes what the window has room for. Without a session to resume, and when there is none any more,
    /// that is all.
    pub(super) fn take_for_window(&mut self, limits: &Limits) -> Option<Frames> {
        let room = Room::of(limits);
        let (mut frames, mut bytes) = (0, 0);
        let fits = |queued: &Queued| {
            if queued.sort != Sort::Control {
                (frames, bytes) = (frames + 1, bytes + queued.bytes.len());
            }
            self.closed || self.window.has_room((frames, bytes), room)
        };
        let most = self.frames.iter().map(fits).take_while(|fits| *fits).count();
        if most == self.frames.len() {
            return Some(mem::take(&mut self.frames));
        }
        (most > 0).then(|| self.frames.drain(..most).collect())
    }

    /// Numbers what went out, and keeps it until it was seen.
    pub(super) fn keep(&mut self, done: Frames, limits: &Limits) {
        let room = match self.role {
            Role::Server => Room::of(limits),
            Role::Client => EVERYTHING,
        };
        for frame in done {
            if frame.sort != Sort::Control {
                self.window.push(frame.bytes, room);
            }
        }
    }

    /// The writer at work has come back, and its connection is the session's no more.
    pub(super) fn left_by_writer(&mut self, broken: bool, now: Instant) {
        if broken && self.closed {
            return self.fail();
        }
        if broken && self.gate == Gate::Open {
            drop(self.lose(now));
        } else if self.gate == Gate::Away {
            self.settle();
        }
        self.wake();
    }

    /// Leaves what is the session's: what was sent before over another connection is what may have to be
    /// sent again, and a frame of which a part went out was not sent.
    fn settle(&mut self) {
        if mem::take(&mut self.ahead) > 0 {
            self.frames.drain(..self.frames.len().min(1));
        }
        self.sent = 0;
        let held = self.held.as_mut().map(|held| held.take_volatile());
        self.lose_all(held.into_iter().flatten(), Reason::Volatile);
        let (count, bytes) = (&mut self.count, &mut self.bytes);
        let (window, lost, is_closed) = (&mut self.window, &mut self.lost, self.closed);
        self.frames.retain(|frame| {
            if frame.sort == Sort::Again {
                window.push(frame.bytes.clone(), EVERYTHING);
            }
            let stays = matches!(frame.sort, Sort::Text | Sort::Latest(_))
                || (is_closed && frame.sort == Sort::Control);
            if !stays {
                (*count, *bytes) = (*count - 1, *bytes - frame.bytes.len());
            }
            if frame.sort == Sort::Volatile {
                Lost::note(lost, frame.bytes.clone(), Reason::Volatile);
            }
            stays
        });
    }

    /// Lets nothing go out until [`go_on`](Self::go_on), as often as this.
    #[cfg(feature = "cluster")]
    pub(crate) fn hold_back(&mut self) {
        self.waits = self.waits.saturating_add(1);
    }

    /// Whoever asks next writes what has waited.
    #[cfg(feature = "cluster")]
    pub(crate) fn go_on(&mut self) {
        self.waits = self.waits.saturating_sub(1);
        self.wake();
    }

    /// Lets a connection go that has heard nothing yet, and is to hear nothing.
    #[cfg(feature = "cluster")]
    pub(crate) fn lose_unheard(&mut self) {
        if self.waits > 0 && self.ahead > 0 && self.sent == 0 && !self.writing {
            self.gate = Gate::Away;
        }
    }

    pub(super) fn flush_by(&mut self, urgent: bool) -> Flush {
        if self.gate != Gate::Open
            || self.blocked.is_some()
            || self.waits > 0
            || (urgent && self.writing)
        {
            Flush::Pending
        } else if urgent {
            Flush::Now
        } else if self.corked || std::mem::replace(&mut self.asked, true) {
            Flush::Pending
        } else {
            Flush::Ask
        }
    }
}
