//! Calls: an event and its typed reply, from one peer or from many.

use crate::{
    CallError, Event, Reject, SocketId,
    delivery::{Kind, Pushed},
    failure::Failure,
    flusher::Flusher,
    frame::Draft,
    payload,
    peer::{Answer, Peer},
    treatment::Treatment,
    wire::{self, Frame},
};
use futures_core::Stream;
use futures_util::stream::FuturesUnordered;
use serde::de::DeserializeOwned;
use std::{
    convert::Infallible,
    fmt,
    future::{Future, poll_fn},
    mem,
    ops::Range,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};
use tokio::{
    runtime::Handle,
    sync::oneshot,
    time::{Sleep, sleep},
};
use tokio_tungstenite::tungstenite::Utf8Bytes;

type Boxed<T> = Pin<Box<dyn Future<Output = T> + Send>>;

/// A call on its way: a future of its typed reply.
///
/// The event is sent when the future is first polled.
///
/// # Cancel safety
///
/// Dropping it before it was polled sends nothing. Dropped later, the call is forgotten: the other
/// side still runs it, and its reply is ignored.
#[must_use = "a call is sent when it is awaited"]
pub struct Call<R> {
    reply: Boxed<Result<R, Failure>>,
    deadline: Deadline,
}

impl<R: DeserializeOwned + Send + 'static> Call<R> {
    pub(crate) fn new(
        answer: impl Future<Output = Answer> + Send + 'static,
        timeout: Duration,
        runtime: Handle,
    ) -> Self {
        let reply = Box::pin(async move { Ok(decode(&answer.await?)?) });
        Self { reply, deadline: Deadline { timeout, sleep: None, runtime } }
    }
}

impl<R> Call<R> {
    /// Waits for at most `timeout` instead of [`Limits::call`](crate::Limits::call), counted from
    /// the first poll.
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.deadline.timeout = timeout;
        self
    }

    /// Waits for the reply, and keeps a refusal as it is: [`CallError::Rejected`] leaves out its data.
    ///
    /// ```
    /// # use socketkit::{CallError, Event, Protocol, Remote};
    /// # use std::time::Duration;
    /// #[derive(serde::Deserialize)]
    /// struct TooFast {
    ///     /// Milliseconds.
    ///     retry_in: u64,
    /// }
    ///
    /// # async fn ask<P: Protocol, E: Event<Enum = P::Client> + Clone>(
    /// #     remote: &Remote<P>, event: E,
    /// # ) -> Result<Option<E::Reply>, CallError> {
    /// Ok(match remote.call(event.clone()).or_reject().await? {
    ///     Ok(reply) => Some(reply),
    ///     Err(reject) => match reject.data() {
    ///         Some(TooFast { retry_in }) => {
    ///             tokio::time::sleep(Duration::from_millis(retry_in)).await;
    ///             Some(remote.call(event).await?)
    ///         }
    ///         None => None,
    ///     },
    /// })
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// Those of the call itself, but for [`CallError::Rejected`], which is the inner error.
    ///
    /// # Cancel safety
    ///
    /// As for the call.
    pub async fn or_reject(mut self) -> Result<Result<R, Reject>, CallError> {
        match poll_fn(|cx| self.poll_reply(cx)).await {
            Ok(reply) => Ok(Ok(reply)),
            Err(failure) => failure.into_reject().map(Err),
        }
    }

    fn poll_reply(&mut self, cx: &mut Context<'_>) -> Poll<Result<R, Failure>> {
        if let Poll::Ready(reply) = self.reply.as_mut().poll(cx) {
            return Poll::Ready(reply);
        }
        self.deadline.poll(cx).map(|()| Err(CallError::Timeout.into()))
    }
}

impl<R> Future for Call<R> {
    type Output = Result<R, CallError>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        self.poll_reply(cx).map_err(CallError::from)
    }
}

impl<R> fmt::Debug for Call<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Call").field("timeout", &self.deadline.timeout).finish_non_exhaustive()
    }
}

/// The replies of many sockets to one call, as they come: a stream of `(SocketId, Result)`.
///
/// It ends when every socket has replied or failed, at the latest at the deadline, when each that
/// has not is a [`CallError::Timeout`]. It is a [`Stream`]; [`next`](Self::next) reads it as well.
#[must_use = "a call is sent when its replies are read"]
pub struct Replies<R> {
    unsent: Vec<(SocketId, Call<R>)>,
    waiting: FuturesUnordered<Tagged<R>>,
}

impl<R> Replies<R> {
    pub(crate) fn new(calls: Vec<(SocketId, Call<R>)>) -> Self {
        Self { unsent: calls, waiting: FuturesUnordered::new() }
    }

    /// Waits for at most `timeout` instead of [`Limits::call`](crate::Limits::call), counted from
    /// the first poll.
    pub fn timeout(mut self, timeout: Duration) -> Self {
        for (_, call) in &mut self.unsent {
            call.deadline.timeout = timeout;
        }
        self
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
        Pin::new(&mut self.waiting).poll_next(cx)
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        let left = self.unsent.len() + self.waiting.len();
        (left, Some(left))
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

/// A timer that begins when it is first polled, on the runtime of the sockets.
struct Deadline {
    timeout: Duration,
    sleep: Option<Pin<Box<Sleep>>>,
    runtime: Handle,
}

impl Deadline {
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let (runtime, timeout) = (&self.runtime, self.timeout);
        let sleep = self.sleep.get_or_insert_with(|| {
            let _context = runtime.enter();
            Box::pin(sleep(timeout))
        });
        sleep.as_mut().poll(cx)
    }
}

/// An event that wants an answer, encoded once for all who are asked.
#[derive(Debug, Clone)]
pub(crate) struct Question {
    pub(crate) index: usize,
    pub(crate) name: &'static str,
    pub(crate) payload: Arc<[u8]>,
}

impl Question {
    /// Encodes an event, unless it is longer than it may be.
    pub(crate) fn new<E: Event>(event: E) -> Result<Self, CallError> {
        let mut out = Vec::new();
        payload::encode(event.into(), &mut out)?;
        Ok(Self { index: E::INDEX, name: E::NAME, payload: out.into() })
    }

    /// Sends it to a peer, if `check` does not refuse the frame.
    pub(crate) fn ask(
        &self,
        peer: Arc<Peer>,
        flusher: &Flusher,
        check: impl FnOnce(&Draft) -> Result<(), Reject>,
    ) -> Result<InFlight, CallError> {
        let (sender, answer) = oneshot::channel();
        let Ok(id) = peer.calls().begin(sender, peer.limits.calls) else {
            return Err(CallError::rejected(Reject::busy()));
        };
        let call = InFlight { peer, id, answer };
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
            Pushed::Queued | Pushed::Replaced => Ok(call),
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
        if self.peer.settle(self.id).is_some() {
            self.peer.queue().withdraw(self.id);
        }
    }
}

fn decode<R: DeserializeOwned>((text, data): &(Utf8Bytes, Range<usize>)) -> Result<R, CallError> {
    let data = text.get(data.clone()).unwrap_or("null");
    serde_json::from_str(data).or_else(|error| match wire::read_any(text) {
        // `data` was not the last member.
        Ok(Frame::Reply { data: exact, .. }) if exact != data => {
            serde_json::from_str(exact).map_err(CallError::Decode)
        }
        _ => Err(CallError::Decode(error)),
    })
}
