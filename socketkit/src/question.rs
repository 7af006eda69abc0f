//! Events that want an answer, and their way to whoever gives it.

use crate::{
    CallError, Event, Events, Reject,
    delivery::{Kind, Pushed},
    flusher::Flusher,
    frame::Draft,
    payload,
    peer::{Answer, Caller, Peer},
    reports::Reports,
    treatment::Treatment,
    wire,
};
use std::{convert::Infallible, sync::Arc};
use tokio::sync::oneshot;

/// An event that wants an answer, encoded once for all who are asked.
#[derive(Debug, Clone)]
pub(crate) struct Question {
    pub(crate) index: usize,
    pub(crate) name: &'static str,
    pub(crate) payload: Arc<[u8]>,
    /// Its handler reports progress, and is cancelled with the call.
    pub(crate) has_progress: bool,
    /// Whoever asks hears of that.
    pub(crate) is_heard: bool,
}

impl Question {
    /// Encodes an event, unless it is longer than it may be.
    pub(crate) fn new<E: Event>(event: E) -> Result<Self, CallError> {
        let mut out = Vec::new();
        payload::encode(event.into(), &mut out)?;
        let has_progress = E::Enum::has_progress(E::INDEX);
        Ok(Self {
            index: E::INDEX,
            name: E::NAME,
            payload: out.into(),
            has_progress,
            is_heard: has_progress,
        })
    }

    /// The same for one who asks many, and hears of no progress.
    pub(crate) fn unheard(self) -> Self {
        Self { is_heard: false, ..self }
    }

    /// Sends it to a peer, if `check` does not refuse the frame.
    pub(crate) fn ask(
        &self,
        peer: Arc<Peer>,
        (flusher, reports): (&Arc<Flusher>, Option<Arc<Reports>>),
        check: impl FnOnce(&Draft) -> Result<(), Reject>,
    ) -> Result<InFlight, CallError> {
        let (sender, answer) = oneshot::channel();
        let caller = Caller { answer: sender, reports };
        let Ok(id) = peer.calls().begin(caller, peer.limits.calls) else {
            return Err(CallError::rejected(Reject::busy()));
        };
        let mut call = InFlight { peer, id, answer, cancels: None };
        let peer = &call.peer;
        // It may have stopped to read, and the reply has to be read.
        peer.queue().wake();
        let mut draft = Draft::new(self.name.len() + self.payload.len() + 40);
        let Ok(()) = wire::write_event(draft.out(), self.name, Some(id), |out| {
            out.extend_from_slice(&self.payload);
            Ok::<_, Infallible>(())
        });
        check(&draft).map_err(CallError::rejected)?;
        let frame = draft.finish(peer.role);
        let mut queue = peer.queue();
        let (pushed, flush) = queue.push(frame, Treatment::default(), Kind::Emit, &peer.limits);
        peer.calls().pushed(id);
        drop(queue);
        flusher.flush(peer, flush);
        match pushed {
            Pushed::Closed | Pushed::Dropped => Err(CallError::Closed),
            Pushed::Queued | Pushed::Replaced => {
                call.cancels = self.has_progress.then(|| flusher.clone());
                Ok(call)
            }
        }
    }
}

/// The refusal of an event that is longer than the server reads.
pub(crate) fn too_large(limit: usize) -> Reject {
    Reject::new("too_large", format!("a frame of over {limit} bytes"))
}

/// A call that was sent; it is forgotten when nobody waits for it any more.
#[derive(Debug)]
pub(crate) struct InFlight {
    peer: Arc<Peer>,
    id: u32,
    answer: oneshot::Receiver<Answer>,
    /// The other side is told, through it, when nobody waits any more.
    cancels: Option<Arc<Flusher>>,
}

impl InFlight {
    /// Waits for the answer as long as the connection lives.
    pub(crate) async fn answer(mut self) -> Answer {
        (&mut self.answer).await.unwrap_or_else(|_| Err(CallError::Lost.into()))
    }
}

impl Drop for InFlight {
    fn drop(&mut self) {
        // Whoever waits for it is woken, which is nobody's business under the lock.
        if self.peer.settle(self.id).is_none() {
            return;
        }
        let was_sent = !self.peer.queue().withdraw(self.id);
        if let Some(flusher) = self.cancels.as_ref().filter(|_| was_sent) {
            let mut draft = Draft::new(32);
            wire::write_cancel(draft.out(), self.id);
            let frame = draft.finish(self.peer.role);
            let (_, flush) = self.peer.push(frame, Treatment::default(), Kind::Answer);
            flusher.flush(&self.peer, flush);
        }
    }
}
