//! The replies of many sockets to one call.

use crate::{Call, CallError, NodeId, SocketId, call::decode, peer::Answer};
use futures_core::Stream;
use futures_util::stream::FuturesUnordered;
use serde::de::DeserializeOwned;
use std::{
    fmt,
    future::{Future, poll_fn},
    mem,
    ops::Range,
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};
use tokio_tungstenite::tungstenite::Utf8Bytes;

/// The replies of many sockets to one call, as they come: a stream of `(SocketId, Result)`.
///
/// It ends when every socket has replied or failed, at the latest at the deadline, when each that
/// has not is a [`CallError::Timeout`]; of nodes that do not answer for theirs, [`missing`](Self::missing) are the
/// names. It is a [`Stream`]; [`next`](Self::next) reads it as well.
#[must_use = "a call is sent when its replies are read"]
pub struct Replies<R> {
    unsent: Vec<(SocketId, Call<R>)>,
    waiting: FuturesUnordered<Tagged<R>>,
    /// Asks the sockets of other nodes, and waits so long.
    ask_others: Option<(AskOthers, Duration)>,
    others: Option<Box<dyn Others>>,
    decode: fn(&Answered) -> Result<R, CallError>,
}

/// Asks the sockets of other nodes, which have so much time.
pub(crate) type AskOthers = Box<dyn FnOnce(Duration) -> Box<dyn Others> + Send>;

type Answered = (Utf8Bytes, Range<usize>);

/// What sockets of other nodes answer.
pub(crate) trait Others: Send {
    /// The next answer; `None` when there are no more.
    fn poll_reply(&mut self, cx: &mut Context<'_>) -> Poll<Option<(SocketId, Answer)>>;

    /// Nodes that have not answered, or not for all of their sockets.
    fn missing(&self) -> &[NodeId];
}

impl<R: DeserializeOwned> Replies<R> {
    pub(crate) fn new(
        calls: Vec<(SocketId, Call<R>)>,
        ask_others: Option<(AskOthers, Duration)>,
    ) -> Self {
        let (waiting, others) = (FuturesUnordered::new(), None);
        Self { unsent: calls, waiting, ask_others, others, decode: decode::<R> }
    }
}

impl<R> Replies<R> {
    /// Waits for at most `timeout` instead of [`Limits::call`](crate::Limits::call), counted from
    /// the first poll.
    pub fn timeout(mut self, timeout: Duration) -> Self {
        for (_, call) in &mut self.unsent {
            call.deadline.timeout = timeout;
        }
        if let Some((_, within)) = &mut self.ask_others {
            *within = timeout;
        }
        self
    }

    /// Nodes of a cluster that have not answered, or not for all of their sockets; what is known at the end.
    ///
    /// Each has one second more than the timeout. Without a cluster there are none.
    pub fn missing(&self) -> &[NodeId] {
        self.others.as_ref().map(|others| others.missing()).unwrap_or_default()
    }

    /// The next reply; `None` when there are no more. Cancel safe: no reply is lost.
    pub async fn next(&mut self) -> Option<(SocketId, Result<R, CallError>)> {
        poll_fn(|cx| Pin::new(&mut *self).poll_next(cx)).await
    }
}

impl<R> Stream for Replies<R> {
    type Item = (SocketId, Result<R, CallError>);

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let unsent = mem::take(&mut self.unsent);
        self.waiting.extend(unsent.into_iter().map(|(id, call)| Tagged(id, call)));
        if let Some((ask, within)) = self.ask_others.take() {
            self.others = Some(ask(within));
        }
        let here = Pin::new(&mut self.waiting).poll_next(cx);
        if let Poll::Ready(Some(_)) = here {
            return here;
        }
        let decode = self.decode;
        let there = self.others.as_mut().map(|others| others.poll_reply(cx));
        match (here, there) {
            (_, Some(Poll::Ready(Some((id, answer))))) => {
                let reply = answer.map_err(CallError::from).and_then(|answer| decode(&answer));
                Poll::Ready(Some((id, reply)))
            }
            (Poll::Pending, _) | (_, Some(Poll::Pending)) => Poll::Pending,
            _ => Poll::Ready(None),
        }
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        let left = self.unsent.len() + self.waiting.len();
        let is_all = self.ask_others.is_none() && self.others.is_none();
        (left, is_all.then_some(left))
    }
}

impl<R> fmt::Debug for Replies<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Replies").field("left", &self.size_hint().0).finish_non_exhaustive()
    }
}

/// A call that says whose reply it brings.
struct Tagged<R>(SocketId, Call<R>);

impl<R> Future for Tagged<R> {
    type Output = (SocketId, Result<R, CallError>);

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let id = self.0;
        Pin::new(&mut self.1).poll(cx).map(|reply| (id, reply))
    }
}
