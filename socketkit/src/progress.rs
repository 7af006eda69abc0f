//! What a handler tells of a call before its reply is there.

use crate::{
    Delivery,
    delivery::{Kind, Pushed},
    flusher::Flusher,
    frame::Draft,
    peer::Peer,
    treatment::Treatment,
    wire,
};
use serde::Serialize;
use std::{fmt, marker::PhantomData, sync::Arc};

/// Reports the progress of a call to whoever waits for its reply: an argument of the handler of an event
/// with `#[event(progress = T)]`.
///
/// The handler can be cancelled: its future is dropped at the `await` that it is at, once the other side
/// gives the call up. What has to be done all the same belongs into a task of its own, or into `Drop`.
/// A cancel is read in its turn: not while [`Limits::waiting`](crate::Limits::waiting) events wait behind
/// the handler.
///
/// ```
/// use serde::{Deserialize, Serialize};
/// use socketkit::{Events, Progress};
/// # fn main() {
///
/// #[derive(Events)]
/// pub enum ClientEvent {
///     /// Import posts; answered with how many there were.
///     #[event(reply = usize, progress = usize)]
///     Import { posts: Vec<String> },
/// }
///
/// async fn import(event: client_event::Import, progress: Progress<usize>) -> usize {
///     for (done, post) in event.posts.iter().enumerate() {
///         store(post).await;
///         progress.report(done + 1);
///     }
///     event.posts.len()
/// }
/// # async fn store(_: &str) {}
/// # }
/// ```
pub struct Progress<T> {
    /// Nobody waits for a reply to an event that was emitted.
    call: Option<Call>,
    report: PhantomData<fn(T)>,
}

/// Where reports go.
#[derive(Debug, Clone)]
struct Call {
    path: ReplyPath,
    id: u32,
    /// See [`Calls::handled`](crate::calls::Calls::handled).
    handled: u32,
}

/// A way to the peer whose event is handled; no part of the public API.
#[derive(Debug, Clone)]
pub struct ReplyPath {
    pub(crate) peer: Arc<Peer>,
    pub(crate) flusher: Arc<Flusher>,
    /// Bytes of the longest frame that the peer reads.
    pub(crate) limit: usize,
}

/// What handlers draw their arguments from while they handle an event: it leads back to who sent that. No
/// part of the public API.
pub trait Handles {
    /// The way back.
    fn reply_path(&self) -> ReplyPath;
}

impl<T: Serialize> Progress<T> {
    /// Sends a report, without waiting: in order, before the reply, and over another connection if this
    /// one is lost, as with the reply.
    ///
    /// It is queued as a reliable event is, with the same bounds. It comes to nothing if the event was
    /// emitted and not called; after the reply or a cancel, and when the session is over, which is a
    /// [`closed`](Delivery::closed) delivery; and if `report` does not serialise or is longer than the other
    /// side reads, which is logged.
    pub fn report(&self, report: T) -> Delivery {
        let Some(Call { path, id, handled }) = &self.call else { return Delivery::default() };
        let mut draft = Draft::new(64);
        let write = |out: &mut Vec<u8>| serde_json::to_writer(out, &report);
        if let Err(error) = wire::write_progress(draft.out(), *id, write) {
            tracing::error!(%error, "a report does not serialise");
            return Delivery::default();
        }
        if draft.text().len() > path.limit {
            tracing::error!(limit = path.limit, "a report is longer than the other side reads");
            return Delivery::of(Pushed::Dropped);
        }
        let frame = draft.finish(path.peer.role);
        let mut queue = path.peer.queue();
        if path.peer.calls().handled() != *handled {
            return Delivery::of(Pushed::Closed);
        }
        let (pushed, flush) =
            queue.push(frame, Treatment::default(), Kind::Emit, &path.peer.limits);
        drop(queue);
        path.flusher.flush(&path.peer, flush);
        Delivery::of(pushed)
    }
}

impl<T> Progress<T> {
    pub(crate) fn new(context: &impl Handles, id: Option<u32>) -> Self {
        let call = id.map(|id| {
            let path = context.reply_path();
            let handled = path.peer.calls().handled();
            Call { path, id, handled }
        });
        Self { call, report: PhantomData }
    }
}

impl<T> Clone for Progress<T> {
    fn clone(&self) -> Self {
        Self { call: self.call.clone(), report: PhantomData }
    }
}

impl<T> fmt::Debug for Progress<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let id = self.call.as_ref().map(|call| call.id);
        f.debug_struct("Progress").field("call", &id).finish_non_exhaustive()
    }
}
