//! What a connection does with the frames of its peer: hands events to their handlers, one after
//! the other, replies to whoever called, and answers each call once.

mod greeting;
mod places;
mod reading;

pub(crate) use places::Places;

use crate::{
    Disconnect, Reject,
    allowance::Allowance,
    backlog::{Backlog, Waiting},
    delivery::Kind,
    end::{By, End, refusal},
    frame::{self, Draft},
    handler::{Application, Handling, Listening},
    notices::{Notice, Notices},
    peer::Peer,
    pulse::Pulse,
    rate::Rate,
    reply::guarded,
    session::Tally,
    treatment::Treatment,
    turn::Flush,
    wire::{self, Frame},
};
use std::{
    mem,
    sync::Arc,
    task::{Context, Poll, ready},
};
use tokio::time::Instant;
use tokio_tungstenite::tungstenite::protocol::Role;

/// See the module. It outlives connections, as its session does.
pub(crate) struct Conversation {
    pub(crate) peer: Arc<Peer>,
    pub(crate) app: Box<dyn Application>,
    pub(crate) pulse: Pulse,
    rate: Rate,
    pub(crate) tally: Tally,
    /// The session can resume: the peer is told what was processed.
    resumes: bool,
    /// A client has not heard the server's `hello` on this connection.
    strange: bool,
    /// It has on an earlier one.
    is_known: bool,
    /// It has heard it just now, and with it the interval of heartbeats.
    pub(crate) is_retimed: bool,
    work: Work,
    backlog: Backlog,
    allowance: Allowance,
    notices: Notices,
    /// The server stops: what comes from now on is not handled.
    is_leaving: bool,
    /// An event was not handled, and none will be: nothing that came since counts.
    is_deaf: bool,
}

/// An event as it came.
struct Received<'a> {
    text: &'a str,
    /// A part of the text, or `null` for a payload that is absent.
    data: &'a str,
    index: usize,
    id: Option<u32>,
    /// Its number among the frames that count.
    number: u64,
}

/// What the application is at.
enum Work {
    /// The listeners that run before the first event.
    Opening(Listening),
    /// Those that run when a connection was lost, or is there again.
    Noticing(Listening),
    Handling(Handled),
    Idle,
}

/// A handler at work.
struct Handled {
    handling: Handling,
    index: u32,
    id: Option<u32>,
    number: u64,
    /// Its session is over, and another has begun: nobody waits for its answer.
    is_stale: bool,
}

impl Conversation {
    /// That of a session that begins; a server's can resume if it `resumes`.
    pub(crate) fn new(peer: Arc<Peer>, app: Box<dyn Application>, resumes: bool) -> Self {
        let (is_server, now) = (peer.role == Role::Server, Instant::now().into_std());
        Self {
            work: Work::Opening(app.opened()),
            pulse: Pulse::new(peer.limits.heartbeat, is_server, now),
            rate: Rate::new(is_server, now),
            tally: Tally::default(),
            resumes,
            strange: !is_server,
            is_known: false,
            is_retimed: false,
            backlog: Backlog::default(),
            allowance: Allowance::default(),
            notices: Notices::default(),
            is_leaving: false,
            is_deaf: false,
            peer,
            app,
        }
    }

    /// That of a session which another node has had.
    #[cfg(feature = "cluster")]
    pub(crate) fn moved(peer: Arc<Peer>, app: Box<dyn Application>, tally: Tally) -> Self {
        let mut conversation = Self::new(peer, app, true);
        // `on_connect` has run.
        (conversation.work, conversation.tally) = (Work::Idle, tally);
        conversation
    }

    /// Handles nothing any more but what is at work, since the session goes on elsewhere: its client sends the rest
    /// again. Whether `on_connect` is over.
    #[cfg(feature = "cluster")]
    pub(crate) fn let_go(&mut self) -> bool {
        self.forgo(self.backlog.first());
        self.backlog.clear();
        !matches!(self.work, Work::Opening(_))
    }

    /// Another connection begins.
    pub(crate) fn begin_connection(&mut self) {
        self.pulse.begin(Instant::now().into_std());
        self.strange = self.peer.role == Role::Client;
    }

    /// Whether the server is yet to say `hello`.
    pub(crate) fn is_strange(&self) -> bool {
        self.strange
    }

    /// The connection was lost, and the session goes on without.
    pub(crate) fn suspend(&mut self, why: Disconnect) {
        self.notices.suspended(why);
    }

    /// Another takes its place: so many frames go out again or have waited.
    pub(crate) fn resume(&mut self, replayed: u64) {
        self.notices.resumed(replayed);
    }

    /// Whether nothing is at work, or waits to be.
    fn is_idle(&self) -> bool {
        let is_at_work = !matches!(self.work, Work::Idle);
        !is_at_work && self.backlog.is_empty() && self.notices.is_empty()
    }

    /// Where the server stops, ends the session or has it wait for another node when nothing is left to do; until when
    /// the rest has time. What had come in by now counts.
    pub(crate) fn leave(&mut self, now: Instant) -> Result<Option<Instant>, End> {
        let Some(deadline) = self.app.leaves_by() else { return Ok(None) };
        let kept_until = self.app.kept_until();
        if kept_until.is_some() && !self.peer.queue().is_connected() {
            return Ok(kept_until);
        }
        if !self.is_idle() {
            if now < deadline {
                self.is_leaving = true;
                return Ok(Some(deadline));
            }
            tracing::warn!(socket = %self.peer.id, "a handler did not finish before its server");
            self.abandon();
            return Err(self.app.farewell(false).into());
        }
        match kept_until {
            Some(_) => Err(End { disconnect: self.app.farewell(true), by: By::Drain }),
            None => Err(self.app.farewell(false).into()),
        }
    }

    /// The event whose turn it is. The application may have sent the peer away meanwhile.
    fn next(&mut self) -> Option<Waiting> {
        if self.peer.is_dismissed() {
            self.forgo(self.pending());
            self.backlog.clear();
        }
        self.backlog.pop(&self.peer.limits)
    }

    /// Starts the handler of an event.
    fn begin(&mut self, event: Received<'_>) {
        let Received { text, data, index, id, number } = event;
        let app = &self.app;
        let start = |data: &str, id| guarded(|| app.handle(index, data, id));
        let (id, handling) = match start(data, id) {
            Ok(handling) => (id, Ok(handling)),
            Err(reject) => match wire::read_any(text) {
                // `data` was not the last member.
                Ok(Frame::Event { id: late, data: exact, .. }) if exact != data => {
                    match late.filter(|_| id.is_none()).map(|late| self.admit(index, late)) {
                        None | Some(Ok(true)) => {}
                        Some(Ok(false)) => return,
                        Some(Err(disconnect)) => return self.peer.close(disconnect),
                    }
                    (late, start(exact, late))
                }
                _ => (id, Err(reject)),
            },
        };
        match handling {
            Ok(handling) => {
                self.work = {
                    let index = index as u32;
                    Work::Handling(Handled { handling, index, id, number, is_stale: false })
                };
            }
            Err(reject) => self.answer(index, id, Err(reject)),
        }
    }

    /// Goes on with what the application is at and with what waits; ready when nothing is left to
    /// do.
    pub(crate) fn poll_work(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Disconnect>> {
        loop {
            match &mut self.work {
                Work::Opening(opening) => {
                    let opened = ready!(opening.as_mut().poll(cx));
                    self.work = Work::Idle;
                    if let Err(reject) = opened {
                        let refusal = refusal(&reject);
                        self.log("on_connect", reject);
                        self.forgo(self.pending());
                        self.backlog.clear();
                        return Poll::Ready(Err(refusal));
                    }
                    #[cfg(feature = "cluster")]
                    self.app.ready();
                    self.peer.queue().release();
                }
                Work::Noticing(noticing) => {
                    let noticed = ready!(noticing.as_mut().poll(cx));
                    self.work = Work::Idle;
                    if let Err(reject) = noticed {
                        self.log("on_suspend or on_resume", reject);
                    }
                }
                Work::Handling(handled) => {
                    let answer = ready!(handled.handling.as_mut().poll(cx));
                    let Handled { index, id, is_stale, .. } = *handled;
                    self.work = Work::Idle;
                    self.end_reports(index as usize, id);
                    if !is_stale {
                        self.answer(index as usize, id, answer);
                    }
                }
                Work::Idle => {
                    if let Some(notice) = self.notices.next() {
                        let noticing = match notice {
                            Notice::Suspended(why) => self.app.suspended(why),
                            Notice::Resumed(replayed) => self.app.resumed(replayed),
                        };
                        self.work = noticing.map_or(Work::Idle, Work::Noticing);
                    } else if let Some(next) = self.next() {
                        let Waiting { text, data, index, id, number } = next;
                        let data = text.get(data).unwrap_or("null");
                        self.begin(Received { text: &text, data, index, id, number });
                    } else {
                        return Poll::Ready(Ok(()));
                    }
                }
            }
        }
    }

    /// A call is over: what reports its progress still comes to nothing, as its id may be used again.
    fn end_reports(&self, index: usize, id: Option<u32>) {
        if id.is_some() && self.app.is_cancellable(index) {
            self.peer.calls().end_handled();
        }
    }

    /// Answers a call, or tells of the failure of an event.
    fn answer(&self, index: usize, id: Option<u32>, answer: Result<Option<Draft>, Reject>) {
        match answer {
            Ok(Some(draft)) => self.push(draft),
            Ok(None) => {}
            Err(reject) => {
                self.fail(index, id, &reject);
                self.log(self.app.name(index), reject);
            }
        }
    }

    fn fail(&self, index: usize, id: Option<u32>, reject: &Reject) {
        let mut draft = Draft::new(128);
        wire::write_failure(draft.out(), id, Some(self.app.name(index)), reject);
        self.push(draft);
    }

    fn push(&self, draft: Draft) {
        let bytes = draft.finish(self.peer.role);
        #[cfg(feature = "cluster")]
        if self.peer.is_elsewhere() {
            return self.app.follow(&bytes);
        }
        let (_, flush) = self.peer.push(bytes, Treatment::default(), Kind::Answer);
        if flush == Flush::Now {
            self.peer.flush(false, Instant::now());
        }
    }

    /// Drops the work that did not finish in time, and what waits for it.
    pub(crate) fn abandon(&mut self) {
        self.forgo(self.pending());
        self.backlog.clear();
        self.drop_work();
    }

    /// Drops the work, which is code of users as well.
    fn drop_work(&mut self) {
        let work = mem::replace(&mut self.work, Work::Idle);
        let dropped = guarded(|| {
            drop(work);
            Ok(())
        });
        if let Err(reject) = dropped {
            self.log("drop", reject);
        }
    }

    /// Logs the error behind a refusal, which the peer does not get to see.
    pub(crate) fn log(&self, what: &str, reject: Reject) {
        // An error is code of users as well, when it is shown and when it is dropped.
        let logged = guarded(|| {
            if let Some(error) = reject.source() {
                tracing::error!(socket = %self.peer.id, event = what, %error, "a handler failed");
            }
            drop(reject);
            Ok(())
        });
        if logged.is_err() {
            tracing::error!(socket = %self.peer.id, event = what, "an error panicked");
        }
    }

    /// Queues a heartbeat and a ping, as far as they are due and nothing else is on its way.
    pub(crate) fn beat(&self, beat: bool, ping: bool) {
        let mut queue = self.peer.queue();
        if beat && queue.is_empty() {
            queue.push_control(frame::text(wire::HEARTBEAT, self.peer.role));
        }
        if ping {
            queue.push_control(frame::ping(self.peer.role));
        }
    }
}

/// However a session ended, by a panic or with its runtime perhaps: nobody waits for it, nobody takes it
/// over, and whoever keeps a handle keeps no socket open.
impl Drop for Conversation {
    fn drop(&mut self) {
        let newcomer = self.peer.seat().close();
        drop(newcomer);
        self.peer.queue().fail();
        self.peer.lose_calls();
        self.peer.end_tasks();
    }
}
