//! What a client makes of the server's `hello`: its session goes on, or another begins.

use super::{Conversation, Work};
use crate::{
    CallError, CloseCode, Gap, frame,
    handler::Greeted,
    question::too_large,
    session::Tally,
    wire::{self, Hello},
};
use std::{collections::HashSet, time::Duration};

impl Conversation {
    pub(super) fn hello(&mut self, hello: &str) -> Result<(), CloseCode> {
        let hello: Hello<'_> = wire::object(hello).map_err(|_| CloseCode::BAD_FRAME)?;
        self.pulse.set_interval(Duration::from_millis(hello.heartbeat));
        self.is_retimed = true;
        let how = match hello.seen {
            Some(seen) if self.resumes => {
                self.peer.queue().resume(seen).ok_or(CloseCode::BAD_FRAME)?;
                Greeted::Resumed(hello.replay.unwrap_or(0))
            }
            Some(_) => return Err(CloseCode::BAD_FRAME),
            None => self.start_over(&hello),
        };
        self.app.greeted(&hello, how);
        Ok(())
    }

    /// A connection is over. If its session is as well, what was called over it is lost.
    pub(crate) fn leave_connection(&self, is_over: bool) {
        if is_over || !self.resumes {
            let queue = self.peer.queue();
            let waiting = queue.waiting_calls();
            let lost = self.peer.calls().lose(|id| !waiting.contains(&id));
            drop(queue);
            // Whoever waits for a reply is told without a lock.
            drop(lost);
        }
    }

    /// Begins a new session. What was sent in an old one and not seen is not sent again: nobody knows what
    /// became of it. What was never sent is.
    fn start_over(&mut self, hello: &Hello<'_>) -> Greeted {
        self.resumes = hello.token.is_some() && !self.peer.limits.resume.is_zero();
        let limit = usize::try_from(hello.limit).unwrap_or(usize::MAX);
        let (mut waiting, mut refused) = (HashSet::new(), Vec::new());
        let peer = self.peer.clone();
        let mut queue = peer.queue();
        queue.retain(|frame| {
            let payload = frame::payload(frame);
            let Some(id) = frame::event(&payload) else {
                // An answer, for which nobody waits any more.
                return false;
            };
            let fits = payload.len() <= limit;
            if fits {
                waiting.extend(id);
            } else {
                refused.push(id);
            }
            fits
        });
        let (unseen, kept) = queue.restart(self.resumes);
        // Whoever waits for a reply is told without a lock.
        let mut calls = peer.calls();
        calls.end_handled();
        let lost = calls.lose(|id| !waiting.contains(&id) && !refused.contains(&Some(id)));
        drop(calls);
        drop(queue);
        drop(lost);
        for id in refused {
            tracing::error!(limit, "an event that waited is too large for the server");
            if let Some(caller) = id.and_then(|id| peer.settle(id)) {
                caller.tell(Err(CallError::rejected(too_large(limit)).into()));
            }
        }
        if let Work::Handling(handled) = &mut self.work {
            (handled.id, handled.number, handled.is_stale) = (None, 1, true);
        }
        self.backlog.forget_session();
        self.tally = Tally::default();
        if !std::mem::replace(&mut self.is_known, true) {
            return Greeted::New;
        }
        let answers = kept.iter().filter(|bytes| frame::event(&frame::payload(bytes)).is_none());
        Greeted::Reset(Gap::of(hello.gap.as_deref()), unseen - answers.count() as u64)
    }
}
