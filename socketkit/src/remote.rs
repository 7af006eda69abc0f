//! The server as a client sees it: a handle that outlives connections.

use crate::{
    Call, CallError, CloseCode, Delivery, Disconnect, Event, Events, Limits, Policy, Protocol,
    call::{InFlight, Question},
    flusher::Flusher,
    frame::Draft,
    outbox::{Kind, Pushed},
    peer::{Peer, lock},
    wire,
};
use std::{
    borrow::Cow,
    collections::VecDeque,
    fmt,
    marker::PhantomData,
    sync::{
        Arc, Mutex,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};
use tokio::{
    runtime::Handle,
    sync::{Notify, oneshot, watch},
};
use tokio_tungstenite::tungstenite::protocol::Role;

/// How a client stands to its server: see [`Remote::status`].
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Status {
    /// A connection is being made. What is emitted waits for it.
    Connecting,
    /// Connected: the server has said hello.
    Open,
    /// The connection was lost, and the next attempt is made after a pause.
    Waiting {
        /// The pause.
        retry_in: Duration,
    },
    /// Over: closed by us, or by the server with a code on which clients do not come back.
    Closed {
        /// The close code.
        code: CloseCode,
        /// The reason that came with it, often empty.
        reason: Cow<'static, str>,
    },
}

/// The server of a [`Client`](crate::Client): a cheap handle to clone and to send to other tasks.
pub struct Remote<P: Protocol> {
    pub(crate) shared: Arc<Shared>,
    protocol: PhantomData<fn() -> P>,
}

impl<P: Protocol> Remote<P> {
    pub(crate) fn new(shared: Arc<Shared>) -> Self {
        Self { shared, protocol: PhantomData }
    }

    /// Sends an event, without waiting.
    ///
    /// While there is no connection it is kept for the next, up to
    /// [`Limits::unsent`](crate::Limits::unsent); a `volatile` one is dropped, and of a `latest` one
    /// only the newest waits. An event that was on its way when a connection broke may be lost.
    pub fn emit(&self, event: impl Into<P::Client>) -> Delivery {
        let event = event.into();
        let (name, index) = (event.name(), event.index());
        let policy = P::Client::policy(index);
        let mut draft = Draft::new(128);
        if let Err(error) = wire::write_event(draft.out(), name, None, |out| event.encode(out)) {
            tracing::error!(event = name, %error, "an event does not serialise");
            return Delivery::default();
        }
        self.shared.emit(draft, (policy, index))
    }

    /// Sends an event and waits for its typed reply.
    ///
    /// While there is no connection it is kept for the next, as with [`emit`](Self::emit); its
    /// deadline goes on running.
    ///
    /// # Errors
    ///
    /// See [`CallError`]; the deadline is [`Limits::call`](crate::Limits::call).
    pub fn call<E: Event<Enum = P::Client>>(&self, event: E) -> Call<E::Reply> {
        let question = Question::new(event);
        let (timeout, runtime) = (self.shared.limits.call, self.shared.runtime.clone());
        let shared = self.shared.clone();
        let answer = async move {
            let in_flight = match shared.ask(question?) {
                Asked::Now(in_flight) => in_flight?,
                Asked::Later(turn) => turn.await.unwrap_or(Err(CallError::Closed))?,
            };
            in_flight.answer().await
        };
        Call::new(answer, timeout, runtime)
    }

    /// How the client stands to its server, now and whenever it changes.
    pub fn status(&self) -> watch::Receiver<Status> {
        self.shared.status.subscribe()
    }

    /// How many events of the server were skipped because this client does not know them.
    pub fn skipped(&self) -> u64 {
        self.shared.skipped.load(Ordering::Relaxed)
    }

    /// Closes with 1000, after what was emitted before, and waits until the connection is over.
    ///
    /// # Cancel safety
    ///
    /// Dropped after its first poll, the client is closed all the same.
    pub async fn close(&self) {
        self.shared.close();
        let mut status = self.status();
        // The sender is gone only when the client is.
        let _ = status.wait_for(|status| matches!(status, Status::Closed { .. })).await;
    }
}

impl<P: Protocol> Clone for Remote<P> {
    fn clone(&self) -> Self {
        Self::new(self.shared.clone())
    }
}

impl<P: Protocol> fmt::Debug for Remote<P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Remote")
            .field("status", &*self.shared.status.borrow())
            .finish_non_exhaustive()
    }
}

/// What a client, its handles and its connections share.
#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) limits: Arc<Limits>,
    pub(crate) flusher: Arc<Flusher>,
    pub(crate) status: watch::Sender<Status>,
    /// Wakes the task when the client was closed.
    pub(crate) closing: Notify,
    pub(crate) runtime: Handle,
    skipped: AtomicU64,
    link: Mutex<Link>,
}

/// The connection, or what waits for one.
#[derive(Debug)]
enum Link {
    Up(Arc<Peer>),
    Down(VecDeque<Unsent>),
    Closed,
}

/// What waits for a connection.
#[derive(Debug)]
enum Unsent {
    Event(Draft, (Policy, usize)),
    Call(Question, oneshot::Sender<Result<InFlight, CallError>>),
}

/// What became of a question.
enum Asked {
    Now(Result<InFlight, CallError>),
    Later(oneshot::Receiver<Result<InFlight, CallError>>),
}

impl Shared {
    /// For a client on the present runtime.
    pub(crate) fn new(limits: Limits) -> Self {
        Self {
            limits: Arc::new(limits),
            flusher: Arc::default(),
            status: watch::Sender::new(Status::Connecting),
            closing: Notify::new(),
            runtime: Handle::current(),
            skipped: AtomicU64::new(0),
            link: Mutex::new(Link::Down(VecDeque::new())),
        }
    }

    fn emit(&self, draft: Draft, policy: (Policy, usize)) -> Delivery {
        let mut link = lock(&self.link);
        match &mut *link {
            Link::Up(peer) => {
                let (pushed, flush) = peer.push(draft.finish(Role::Client), policy, Kind::Emit);
                let peer = peer.clone();
                drop(link);
                self.flusher.flush(&peer, flush);
                Delivery::of(pushed)
            }
            Link::Down(_) if policy.0 == Policy::Volatile => Delivery::of(Pushed::Dropped),
            Link::Down(unsent) => {
                let older = |unsent: &Unsent| match unsent {
                    Unsent::Event(_, older) => policy.0 == Policy::Latest && *older == policy,
                    Unsent::Call(..) => false,
                };
                let replaced = unsent.iter().position(older).and_then(|at| unsent.remove(at));
                if unsent.len() >= self.limits.unsent {
                    return Delivery::of(Pushed::Dropped);
                }
                unsent.push_back(Unsent::Event(draft, policy));
                let replaced = replaced.map(|_| Pushed::Replaced);
                Delivery::of(replaced.unwrap_or(Pushed::Queued))
            }
            Link::Closed => Delivery::of(Pushed::Closed),
        }
    }

    fn ask(&self, question: Question) -> Asked {
        match &mut *lock(&self.link) {
            Link::Up(peer) => Asked::Now(question.ask(peer.clone(), &self.flusher, |_| ())),
            Link::Down(unsent) if unsent.len() < self.limits.unsent => {
                let (turn, later) = oneshot::channel();
                unsent.push_back(Unsent::Call(question, turn));
                Asked::Later(later)
            }
            Link::Down(_) | Link::Closed => Asked::Now(Err(CallError::Closed)),
        }
    }

    /// A connection is open: it gets all that waited, in order.
    pub(crate) fn up(&self, peer: &Arc<Peer>) {
        let mut link = lock(&self.link);
        let Link::Down(unsent) = &mut *link else {
            return;
        };
        for unsent in unsent.drain(..) {
            match unsent {
                Unsent::Event(draft, policy) => {
                    let (_, flush) = peer.push(draft.finish(Role::Client), policy, Kind::Emit);
                    self.flusher.flush(peer, flush);
                }
                // Whoever asked may have stopped to wait.
                Unsent::Call(question, turn) if !turn.is_closed() => {
                    let _ = turn.send(question.ask(peer.clone(), &self.flusher, |_| ()));
                }
                Unsent::Call(..) => {}
            }
        }
        *link = Link::Up(peer.clone());
        self.status.send_replace(Status::Open);
    }

    /// The connection is gone.
    pub(crate) fn down(&self) {
        let mut link = lock(&self.link);
        if matches!(*link, Link::Up(_)) {
            *link = Link::Down(VecDeque::new());
        }
    }

    /// Over: nothing is taken any more, and what waited is dropped.
    pub(crate) fn end(&self, Disconnect { code, reason }: Disconnect) {
        *lock(&self.link) = Link::Closed;
        self.flusher.stop();
        self.status.send_replace(Status::Closed { code, reason });
    }

    /// Asks for the end.
    pub(crate) fn close(&self) {
        let mut link = lock(&self.link);
        if let Link::Up(peer) = &*link {
            peer.close(CloseCode::DONE.into());
        }
        *link = Link::Closed;
        self.closing.notify_one();
    }

    pub(crate) fn is_closing(&self) -> bool {
        matches!(*lock(&self.link), Link::Closed)
    }

    pub(crate) fn skip(&self, name: &str) {
        self.skipped.fetch_add(1, Ordering::Relaxed);
        tracing::debug!(event = name, "an event of the server is not known here");
    }
}
