//! What a conversation makes of the bytes of its peer: messages, frames, and events that are handled at
//! once or wait.

use super::{Conversation, Received, Work};
use crate::{
    CallError, CloseCode, Disconnect, Reject,
    backlog::{Refused, Waiting},
    decoder::{Decoder, Incoming, Stopped},
    end::{By, End, fault},
    failure::Failure,
    frame::Draft,
    rate::Heard,
    wire::{self, Frame},
};
use std::{ops::Range, task::Context};
use tokio::time::Instant;
use tokio_tungstenite::tungstenite::protocol::Role;

impl Conversation {
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
        decoder: &mut Decoder,
        cx: &mut Context<'_>,
    ) -> Result<(Instant, Option<Instant>), End> {
        let peer = self.peer.clone();
        let mut answers = Vec::new();
        let mut heard = Heard { bytes: bytes.len(), ..Heard::default() };
        let form = (peer.role, &**peer.limits);
        let decoded = decoder.decode(bytes, form, &mut answers, |incoming, length| {
            heard.messages += 1;
            heard.payload += length;
            self.receive(incoming, cx)
        });
        // Not before: handlers may have taken their time.
        let now = Instant::now();
        self.pulse.hear(now.into_std());
        if peer.role == Role::Client
            && let Some(places) = self.app.places()
        {
            places.hear(now.into_std());
        }
        let pause = self.rate.take(heard, &peer.limits, now.into_std());
        match decoded {
            Ok(()) => {}
            Err(Stopped::By(end)) => return Err(end),
            Err(Stopped::Fault(error)) => return Err(fault(&error).into()),
        }
        if !answers.is_empty() {
            peer.queue().push_pong(answers.into(), &peer.limits);
        }
        self.report(now);
        Ok((now, pause.map(|pause| now + pause)))
    }

    /// Tells the peer how much was processed, if it is time to.
    pub(crate) fn report(&mut self, now: Instant) {
        if !self.resumes {
            return;
        }
        self.tally.note(now.into_std());
        if let Some(seen) = self.tally.report(self.pending(), now.into_std()) {
            self.say_seen(seen);
        }
    }

    /// Tells the peer how much was processed, for there is no later.
    pub(crate) fn conclude(&mut self) {
        if !self.resumes {
            return;
        }
        if let Some(seen) = self.tally.conclude(self.pending()) {
            self.say_seen(seen);
        }
    }

    /// The first frame of which nobody knows yet whether it will be processed.
    pub(super) fn pending(&self) -> Option<u64> {
        match &self.work {
            Work::Handling(handled) => Some(handled.number),
            Work::Opening(_) | Work::Noticing(_) | Work::Idle => self.backlog.first(),
        }
    }

    /// Handles no event any more, from this one on if there is one: the peer is not told that it was.
    pub(super) fn forgo(&mut self, first: Option<u64>) {
        if let Some(first) = first {
            self.is_deaf = true;
            self.tally.forgo(first);
        }
    }

    fn say_seen(&self, seen: u64) {
        let mut draft = Draft::new(32);
        wire::write_seen(draft.out(), seen);
        self.peer.queue().push_control(draft.finish(self.peer.role));
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
        if self.strange {
            let Frame::Hello(hello) = frame else {
                return Err(CloseCode::BAD_FRAME.into());
            };
            self.hello(hello)?;
            self.strange = false;
            return Ok(());
        }
        match frame {
            Frame::Heartbeat => return Ok(()),
            Frame::Seen(seen) => {
                return self.peer.queue().see(seen).map_err(|_| CloseCode::BAD_FRAME.into());
            }
            Frame::Hello(_) => return Err(CloseCode::BAD_FRAME.into()),
            Frame::Event { .. }
            | Frame::Reply { .. }
            | Frame::Progress { .. }
            | Frame::Cancel(_)
            | Frame::Failure { .. } => {}
        }
        let number = self.count(text);
        match frame {
            Frame::Event { ref name, id, data } => match self.app.index_of(name) {
                Some(index) => self.event(Received { text, data, index, id, number }, cx)?,
                None if name == wire::PRESENCE && self.app.presence(data) => {}
                None if !self.app.is_name(name) => return Err(CloseCode::BAD_FRAME.into()),
                None => self.unknown(name, id, text),
            },
            Frame::Reply { id, data } => {
                if let Some(caller) = self.peer.settle(id) {
                    caller.tell(Ok((text.into(), span(text, data))));
                }
            }
            Frame::Progress { id, data } => {
                let reports = self.peer.calls().find(id).and_then(|caller| caller.reports.clone());
                // Whoever waits for it is woken without a lock.
                if let Some(reports) = reports {
                    reports.push((text.into(), span(text, data)));
                }
            }
            Frame::Cancel(id) => self.cancel(id, cx),
            Frame::Failure { id: Some(id), error } => {
                if let Some(caller) = self.peer.settle(id) {
                    caller.tell(Err(Failure::read(error)));
                }
            }
            Frame::Failure { id: None, error } => match Failure::read(error).into() {
                CallError::Rejected { code, message } => {
                    tracing::warn!(socket = %self.peer.id, code, message, "an event was refused");
                }
                _ => return Err(CloseCode::BAD_FRAME.into()),
            },
            Frame::Heartbeat | Frame::Seen(_) | Frame::Hello(_) => {}
        }
        Ok(())
    }

    /// Numbers a frame that counts.
    fn count(&mut self, text: &str) -> u64 {
        if self.is_deaf {
            return u64::MAX;
        }
        if self.peer.role == Role::Client
            && let Some(place) = wire::place(text)
            && let Some(places) = self.app.places()
        {
            places.note(place);
        }
        self.tally.count()
    }

    /// Handles an event, at once or when those before it are done.
    fn event(&mut self, event: Received<'_>, cx: &mut Context<'_>) -> Result<(), End> {
        if self.peer.is_dismissed() || self.is_leaving {
            self.forgo(Some(event.number));
            return Ok(());
        }
        if let Some(id) = event.id
            && !self.admit(event.index, id)?
        {
            return Ok(());
        }
        let Received { text, data, index, .. } = event;
        if let Err(reject) = self.allowance.take(&*self.app, index, data, text) {
            return self.refuse(&event, &reject);
        }
        self.app.received(index, text);
        if self.is_idle() {
            self.begin(event);
            // What `on_connect` refuses ends the connection; no other work does.
            let _ = self.poll_work(cx);
            return Ok(());
        }
        let Received { text, data, index, id, number } = event;
        let waiting = Waiting { text: text.into(), data: span(text, data), index, id, number };
        self.backlog.push(waiting, &self.peer.limits);
        let too_much = self.backlog.excess() > self.peer.limits.backlog;
        if too_much && self.is_calling() {
            return Err(CloseCode::TOO_SLOW.into());
        }
        Ok(())
    }

    /// Drops the handler of a call for whose answer nobody waits, if its event says that it can be.
    fn cancel(&mut self, id: u32, cx: &mut Context<'_>) {
        match &self.work {
            Work::Handling(handled) if handled.id == Some(id) => {
                if self.app.is_cancellable(handled.index as usize) {
                    self.peer.calls().end_handled();
                    self.drop_work();
                    // What `on_connect` refuses ends the connection; no other work does.
                    let _ = self.poll_work(cx);
                }
            }
            _ => {
                let may = |index| self.app.is_cancellable(index);
                self.backlog.cancel(id, &self.peer.limits, may);
            }
        }
    }

    /// Takes a call, or answers that there are too many.
    pub(super) fn admit(&self, index: usize, id: u32) -> Result<bool, Disconnect> {
        let at_work = match &self.work {
            Work::Handling(handled) => handled.id,
            Work::Opening(_) | Work::Noticing(_) | Work::Idle => None,
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

    /// Answers an event of which the contract allows no more.
    fn refuse(&self, event: &Received<'_>, reject: &Reject) -> Result<(), End> {
        let late = if event.id.is_none() { late_id(event.text) } else { None };
        if let Some(late) = late
            && !self.admit(event.index, late)?
        {
            return Ok(());
        }
        self.fail(event.index, event.id.or(late), reject);
        Ok(())
    }

    /// Answers an event that nobody has heard of. Its payload is not decoded; but a frame of another
    /// order may have its `id` behind it.
    fn unknown(&self, name: &str, id: Option<u32>, text: &str) {
        let id = id.or_else(|| late_id(text));
        self.app.skipped(name);
        if self.peer.role == Role::Client && id.is_none() {
            return;
        }
        let mut draft = Draft::new(128);
        let reject = Reject::new("unknown_event", "unknown event");
        wire::write_failure(draft.out(), id, Some(name), &reject);
        self.push(draft);
    }
}

/// The id of an event, if it stands behind the payload.
fn late_id(text: &str) -> Option<u32> {
    match wire::read_any(text) {
        Ok(Frame::Event { id, .. }) => id,
        _ => None,
    }
}

/// Where a part of a text is.
fn span(text: &str, part: &str) -> Range<usize> {
    // An absent payload is a constant elsewhere: the range is then outside of the text.
    let start = (part.as_ptr() as usize).wrapping_sub(text.as_ptr() as usize);
    start..start.wrapping_add(part.len())
}
