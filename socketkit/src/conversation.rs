//! What a connection does with the frames of its peer: hands events to their handlers, one after
//! the other, replies to whoever called, and answers each call once.

use crate::{
    CallError, CloseCode, Disconnect, Limits, Policy, Reject,
    backlog::{Backlog, Waiting},
    call,
    delivery::Kind,
    end::{By, End, fault, refusal},
    frame::{self, Draft},
    handler::{Application, Handling, Listening},
    peer::Peer,
    reply::guarded,
    session::{Heard, Refused},
    transport::Feed,
    turn::Flush,
    wire::{self, Frame, Hello},
};
use std::{
    io::ErrorKind,
    ops::Range,
    sync::Arc,
    task::{Context, Poll, ready},
    time::Duration,
};
use tokio::time::Instant;
use tokio_tungstenite::tungstenite::{
    self, Message, Utf8Bytes,
    protocol::{Role, WebSocketConfig, WebSocketContext},
};

/// See the module.
pub(crate) struct Conversation {
    pub(crate) peer: Arc<Peer>,
    pub(crate) app: Box<dyn Application>,
    websocket: WebSocketContext,
    /// A client has not heard the server's `hello`.
    strange: bool,
    /// It has heard it just now, and with it the interval of heartbeats.
    pub(crate) is_retimed: bool,
    work: Work,
    backlog: Backlog,
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
        let websocket = WebSocketContext::new(peer.role, Some(config(&peer.limits)));
        let strange = peer.role == Role::Client;
        let backlog = Backlog::new(peer.limits.waiting);
        Self { peer, app, websocket, strange, is_retimed: false, work, backlog }
    }

    /// Whether there is no room for more events.
    pub(crate) fn is_full(&self) -> bool {
        self.backlog.is_full()
    }

    /// Whether reading may go on: a handler may be waiting for a reply behind other events.
    pub(crate) fn may_read(&self) -> bool {
        !self.is_full() || self.peer.session().is_calling()
    }

    /// Takes in a batch of bytes; for how long to leave the next one unread.
    pub(crate) fn digest(
        &mut self,
        bytes: &[u8],
        cx: &mut Context<'_>,
    ) -> Result<Option<Duration>, End> {
        let mut feed = Feed { bytes, answers: Vec::new() };
        let mut heard = Heard { bytes: bytes.len(), ..Heard::default() };
        let result = loop {
            match self.websocket.read(&mut feed) {
                Ok(message) => {
                    heard.messages += 1;
                    heard.payload += message.len();
                    if let Err(end) = self.receive(message, cx) {
                        break Err(end);
                    }
                }
                Err(tungstenite::Error::Io(error)) if error.kind() == ErrorKind::WouldBlock => {
                    break Ok(());
                }
                Err(error) => break Err(fault(&error).into()),
            }
        };
        if !feed.answers.is_empty() && result.is_ok() {
            self.peer.queue().push_pong(feed.answers.into(), &self.peer.limits);
        }
        let pause = self.peer.session().hear(heard, Instant::now().into_std());
        result.map(|()| pause)
    }

    fn receive(&mut self, message: Message, cx: &mut Context<'_>) -> Result<(), End> {
        match message {
            Message::Text(text) => self.frame(text, cx),
            Message::Ping(_) | Message::Pong(_) | Message::Frame(_) => Ok(()),
            Message::Binary(_) => Err(CloseCode::BINARY.into()),
            Message::Close(close) => {
                let disconnect = close.map_or(CloseCode::NO_CODE.into(), |close| {
                    Disconnect::new(CloseCode(close.code.into()), close.reason.as_str().to_owned())
                });
                Err(End { disconnect, by: By::Peer })
            }
        }
    }

    fn frame(&mut self, text: Utf8Bytes, cx: &mut Context<'_>) -> Result<(), End> {
        let frame = wire::read(&text).map_err(|_| CloseCode::BAD_FRAME)?;
        if std::mem::take(&mut self.strange) {
            let Frame::Hello(hello) = frame else {
                return Err(CloseCode::BAD_FRAME.into());
            };
            let hello: Hello<'_> = serde_json::from_str(hello).map_err(|_| CloseCode::BAD_FRAME)?;
            self.peer.session().set_heartbeat(Duration::from_millis(hello.heartbeat));
            self.is_retimed = true;
            self.app.greeted(&hello);
            return Ok(());
        }
        match frame {
            Frame::Heartbeat => {}
            Frame::Event { ref name, id, data } => match self.app.index_of(name) {
                Some(index) => {
                    let data = span(&text, data);
                    self.event(Waiting { text, data, index, id }, cx)?;
                }
                None if !self.app.is_name(name) => return Err(CloseCode::BAD_FRAME.into()),
                None => self.unknown(name, id, &text),
            },
            Frame::Reply { id, data } => {
                if let Some(caller) = self.peer.settle(id) {
                    // Whoever called may have stopped to wait.
                    let data = span(&text, data);
                    let _ = caller.send(Ok((text, data)));
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
    fn event(&mut self, event: Waiting, cx: &mut Context<'_>) -> Result<(), End> {
        if self.peer.is_dismissed() {
            return Ok(());
        }
        if let Some(id) = event.id
            && !self.admit(event.index, id)?
        {
            return Ok(());
        }
        self.app.received(event.index, &event.text);
        if matches!(self.work, Work::Idle) && self.backlog.is_empty() {
            self.begin(event);
            // What `on_connect` refuses ends the connection; no other work does.
            let _ = self.poll_work(cx);
            return Ok(());
        }
        self.backlog.push(event);
        let too_much = self.backlog.excess() > self.peer.limits.backlog;
        if too_much && self.peer.session().is_calling() {
            return Err(CloseCode::TOO_SLOW.into());
        }
        Ok(())
    }

    /// Takes a call, or answers that there are too many.
    fn admit(&self, index: usize, id: u32) -> Result<bool, Disconnect> {
        match self.peer.session().admit(id) {
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
        self.backlog.pop()
    }

    /// Starts the handler of an event.
    fn begin(&mut self, event: Waiting) {
        let Waiting { text, data, index, id } = event;
        let app = &self.app;
        let start = |data: &str, id| guarded(|| app.handle(index, data, id));
        let data = text.get(data).unwrap_or("null");
        let (id, handling) = match start(data, id) {
            Ok(handling) => (id, Ok(handling)),
            Err(reject) => match wire::read_any(&text) {
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
                    Some(event) => self.begin(event),
                    None => return Poll::Ready(Ok(())),
                },
            }
        }
    }

    /// Answers a call, or tells of the failure of an event.
    fn answer(&self, index: usize, id: Option<u32>, answer: Result<Option<Draft>, Reject>) {
        if let Some(id) = id {
            self.peer.session().answer(id);
        }
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
            self.peer.flush(false);
        }
    }

    /// Drops the work that did not finish in time, and what waits for it.
    pub(crate) fn abandon(&mut self) {
        let work = std::mem::replace(&mut self.work, Work::Idle);
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

fn config(limits: &Limits) -> WebSocketConfig {
    WebSocketConfig::default()
        .read_buffer_size(128)
        .write_buffer_size(0)
        .max_write_buffer_size(usize::MAX)
        .max_message_size(Some(limits.frame))
        .max_frame_size(Some(limits.frame))
}

/// Where a part of a text is.
fn span(text: &str, part: &str) -> Range<usize> {
    // An absent payload is a constant elsewhere: the range is then outside of the text.
    let start = (part.as_ptr() as usize).wrapping_sub(text.as_ptr() as usize);
    start..start.wrapping_add(part.len())
}
