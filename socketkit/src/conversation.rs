//! What a connection does with the frames of its peer: hands events to their handlers, one after
//! the other, replies to whoever called, and answers each call once.

use crate::{
    CallError, CloseCode, Disconnect, Policy, Reject,
    backlog::{Backlog, Refused, Waiting},
    call,
    decoder::{Decoder, Incoming, Stopped},
    delivery::Kind,
    end::{By, End, fault, refusal},
    frame::{self, Draft},
    handler::{Application, Handling, Listening},
    peer::Peer,
    reply::guarded,
    session::{Heard, Session},
    turn::Flush,
    wire::{self, Frame, Hello},
};
use std::{
    mem,
    ops::Range,
    sync::Arc,
    task::{Context, Poll, ready},
    time::Duration,
};
use tokio::time::Instant;
use tokio_tungstenite::tungstenite::protocol::Role;

/// See the module.
pub(crate) struct Conversation {
    pub(crate) peer: Arc<Peer>,
    pub(crate) app: Box<dyn Application>,
    pub(crate) session: Session,
    decoder: Decoder,
    /// A client has not heard the server's `hello`.
    strange: bool,
    /// It has heard it just now, and with it the interval of heartbeats.
    pub(crate) is_retimed: bool,
    work: Work,
    backlog: Backlog,
}

/// An event as it came.
struct Received<'a> {
    text: &'a str,
    /// A part of the text, or `null` for a payload that is absent.
    data: &'a str,
    index: usize,
    id: Option<u32>,
}

/// What the application is at.
enum Work {
    /// The listeners that run before the first event.
    Opening(Listening),
    /// A handler.
    Handling(Handling, usize, Option<u32>),
    Idle,
}

impl Conversation {
    pub(crate) fn new(peer: Arc<Peer>, app: Box<dyn Application>) -> Self {
        let work = Work::Opening(app.opened());
        let strange = peer.role == Role::Client;
        let session = Session::new(&peer.limits, !strange, Instant::now().into_std());
        let backlog = Backlog::default();
        let decoder = Decoder::default();
        Self { peer, app, session, decoder, strange, is_retimed: false, work, backlog }
    }

    /// Whether there is no room for more events.
    pub(crate) fn is_full(&self) -> bool {
        self.backlog.is_full(&self.peer.limits)
    }

    /// Whether reading may go on: a handler may be waiting for a reply behind other events.
    pub(crate) fn may_read(&self) -> bool {
        !self.is_full() || self.is_calling()
    }

    /// Whether a reply of the peer is waited for.
    fn is_calling(&self) -> bool {
        !self.peer.calls().is_empty()
    }

    /// Takes in a batch of bytes; when that was done, and until when to leave the next one unread.
    pub(crate) fn digest(
        &mut self,
        bytes: &mut [u8],
        cx: &mut Context<'_>,
    ) -> Result<(Instant, Option<Instant>), End> {
        let peer = self.peer.clone();
        let mut answers = Vec::new();
        let mut heard = Heard { bytes: bytes.len(), ..Heard::default() };
        let mut decoder = mem::take(&mut self.decoder);
        let form = (peer.role, &*peer.limits);
        let decoded = decoder.decode(bytes, form, &mut answers, |incoming, length| {
            heard.messages += 1;
            heard.payload += length;
            self.receive(incoming, cx)
        });
        self.decoder = decoder;
        // Not before: handlers may have taken their time.
        let now = Instant::now();
        let pause = self.session.hear(heard, &peer.limits, now.into_std());
        match decoded {
            Ok(()) => {}
            Err(Stopped::By(end)) => return Err(end),
            Err(Stopped::Fault(error)) => return Err(fault(&error).into()),
        }
        if !answers.is_empty() {
            peer.queue().push_pong(answers.into(), &peer.limits);
        }
        Ok((now, pause.map(|pause| now + pause)))
    }

    fn receive(&mut self, incoming: Incoming<'_>, cx: &mut Context<'_>) -> Result<(), End> {
        match incoming {
            Incoming::Text(text) => self.frame(text, cx),
            Incoming::Sign => Ok(()),
            Incoming::Binary => Err(CloseCode::BINARY.into()),
            Incoming::Close(close) => {
                let disconnect = close.map_or(CloseCode::NO_CODE.into(), |close| {
                    Disconnect::new(CloseCode(close.code.into()), close.reason.as_str().to_owned())
                });
                Err(End { disconnect, by: By::Peer })
            }
        }
    }

    fn frame(&mut self, text: &str, cx: &mut Context<'_>) -> Result<(), End> {
        let frame = wire::read(text).map_err(|_| CloseCode::BAD_FRAME)?;
        if mem::take(&mut self.strange) {
            let Frame::Hello(hello) = frame else {
                return Err(CloseCode::BAD_FRAME.into());
            };
            let hello: Hello<'_> = serde_json::from_str(hello).map_err(|_| CloseCode::BAD_FRAME)?;
            self.session.set_heartbeat(Duration::from_millis(hello.heartbeat));
            self.is_retimed = true;
            self.app.greeted(&hello);
            return Ok(());
        }
        match frame {
            Frame::Heartbeat => {}
            Frame::Event { ref name, id, data } => match self.app.index_of(name) {
                Some(index) => self.event(Received { text, data, index, id }, cx)?,
                None if !self.app.is_name(name) => return Err(CloseCode::BAD_FRAME.into()),
                None => self.unknown(name, id, text),
            },
            Frame::Reply { id, data } => {
                if let Some(caller) = self.peer.settle(id) {
                    // Whoever called may have stopped to wait.
                    let _ = caller.send(Ok((text.into(), span(text, data))));
                }
            }
            Frame::Failure { id: Some(id), error } => {
                if let Some(caller) = self.peer.settle(id) {
                    let _ = caller.send(Err(call::refused(error)));
                }
            }
            Frame::Failure { id: None, error } => match call::refused(error) {
                CallError::Rejected { code, message } => {
                    tracing::warn!(socket = %self.peer.id, code, message, "an event was refused");
                }
                _ => return Err(CloseCode::BAD_FRAME.into()),
            },
            Frame::Hello(_) => return Err(CloseCode::BAD_FRAME.into()),
        }
        Ok(())
    }

    /// Handles an event, at once or when those before it are done.
    fn event(&mut self, event: Received<'_>, cx: &mut Context<'_>) -> Result<(), End> {
        if self.peer.is_dismissed() {
            return Ok(());
        }
        if let Some(id) = event.id
            && !self.admit(event.index, id)?
        {
            return Ok(());
        }
        self.app.received(event.index, event.text);
        if matches!(self.work, Work::Idle) && self.backlog.is_empty() {
            self.begin(event);
            // What `on_connect` refuses ends the connection; no other work does.
            let _ = self.poll_work(cx);
            return Ok(());
        }
        let Received { text, data, index, id } = event;
        let waiting = Waiting { text: text.into(), data: span(text, data), index, id };
        self.backlog.push(waiting, &self.peer.limits);
        let too_much = self.backlog.excess() > self.peer.limits.backlog;
        if too_much && self.is_calling() {
            return Err(CloseCode::TOO_SLOW.into());
        }
        Ok(())
    }

    /// Takes a call, or answers that there are too many.
    fn admit(&self, index: usize, id: u32) -> Result<bool, Disconnect> {
        let at_work = match self.work {
            Work::Handling(_, _, id) => id,
            Work::Opening(_) | Work::Idle => None,
        };
        match self.backlog.admit(id, at_work, &self.peer.limits) {
            Ok(()) => Ok(true),
            Err(Refused::InUse) => Err(Disconnect::new(CloseCode::BAD_FRAME, "call id in use")),
            Err(Refused::Busy) => {
                self.fail(index, Some(id), &Reject::busy());
                Ok(false)
            }
        }
    }

    /// Answers an event that nobody has heard of. Its payload is not decoded; but a frame of another
    /// order may have its `id` behind it.
    fn unknown(&self, name: &str, id: Option<u32>, text: &str) {
        let id = id.or_else(|| match wire::read_any(text) {
            Ok(Frame::Event { id, .. }) => id,
            _ => None,
        });
        self.app.skipped(name);
        if self.peer.role == Role::Client && id.is_none() {
            return;
        }
        let mut draft = Draft::new(128);
        let reject = Reject::new("unknown_event", "unknown event");
        wire::write_failure(draft.out(), id, Some(name), &reject);
        self.push(draft);
    }

    /// The event whose turn it is. The application may have sent the peer away meanwhile.
    fn next(&mut self) -> Option<Waiting> {
        if self.peer.is_dismissed() {
            self.backlog.clear();
        }
        self.backlog.pop(&self.peer.limits)
    }

    /// Starts the handler of an event.
    fn begin(&mut self, event: Received<'_>) {
        let Received { text, data, index, id } = event;
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
            Ok(handling) => self.work = Work::Handling(handling, index, id),
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
                        self.backlog.clear();
                        return Poll::Ready(Err(refusal));
                    }
                    self.peer.queue().release();
                }
                Work::Handling(handling, index, id) => {
                    let answer = ready!(handling.as_mut().poll(cx));
                    let (index, id) = (*index, *id);
                    self.work = Work::Idle;
                    self.answer(index, id, answer);
                }
                Work::Idle => match self.next() {
                    Some(Waiting { text, data, index, id }) => {
                        let data = text.get(data).unwrap_or("null");
                        self.begin(Received { text: &text, data, index, id });
                    }
                    None => return Poll::Ready(Ok(())),
                },
            }
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
        let (_, flush) = self.peer.push(bytes, (Policy::Reliable, 0), Kind::Answer);
        if flush == Flush::Now {
            self.peer.flush(false, Instant::now());
        }
    }

    /// Drops the work that did not finish in time, and what waits for it.
    pub(crate) fn abandon(&mut self) {
        let work = mem::replace(&mut self.work, Work::Idle);
        self.backlog.clear();
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

/// Where a part of a text is.
fn span(text: &str, part: &str) -> Range<usize> {
    // An absent payload is a constant elsewhere: the range is then outside of the text.
    let start = (part.as_ptr() as usize).wrapping_sub(text.as_ptr() as usize);
    start..start.wrapping_add(part.len())
}
