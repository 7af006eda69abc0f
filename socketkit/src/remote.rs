//! The server as a client sees it: a handle that outlives connections.

use crate::{
    Call, CallError, CloseCode, Delivery, Disconnect, Event, Events, Limits, Policy, Protocol,
    Reject,
    call::{InFlight, Question},
    delivery::{Kind, Pushed},
    flusher::Flusher,
    frame::Draft,
    peer::{Peer, lock},
    unsent::{Item, Unsent},
    wire,
};
use std::{
    borrow::Cow,
    fmt,
    marker::PhantomData,
    sync::{
        Arc, Mutex,
        atomic::{AtomicU64, AtomicUsize, Ordering},
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
    /// only the newest waits. An event that was on its way when a connection broke may be lost. One
    /// that is longer than the server reads is logged and counted as dropped.
    pub fn emit(&self, event: impl Into<P::Client>) -> Delivery {
        let event = event.into();
        let (name, index) = (event.name(), event.index());
        let policy = P::Client::policy(index);
        let mut draft = Draft::new(128);
        if let Err(error) = wire::write_event(draft.out(), name, None, |out| event.encode(out)) {
            tracing::error!(event = name, %error, "an event does not serialise");
            return Delivery::default();
        }
        self.shared.emit(name, draft, (policy, index))
    }

    /// Sends an event and waits for its typed reply.
    ///
    /// While there is no connection it is kept for the next, as with [`emit`](Self::emit); its
    /// deadline goes on running.
    ///
    /// # Errors
    ///
    /// See [`CallError`]; the deadline is [`Limits::call`](crate::Limits::call). `Rejected` with the
    /// code `too_large` if it is longer than the server reads, `busy` when
    /// [`Limits::calls`](crate::Limits::calls) are in flight.
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

    /// Closes with 1000, after what was emitted before, and waits until the connection is over. What
    /// waits for a connection is dropped.
    ///
    /// What was received before can still be read with [`Client::recv`](crate::Client::recv), and
    /// handlers at work can finish, for [`Limits::grace`](crate::Limits::grace); it waits for neither.
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
    /// Bytes of the longest frame that the server reads, as far as it has said so.
    limit: AtomicUsize,
    skipped: AtomicU64,
    link: Mutex<Link>,
}

/// The connection, or what waits for one.
#[derive(Debug)]
enum Link {
    Up(Arc<Peer>),
    Down(Unsent),
    Closed,
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
            limit: AtomicUsize::new(usize::MAX),
            skipped: AtomicU64::new(0),
            link: Mutex::new(Link::Down(Unsent::default())),
        }
    }

    fn emit(&self, name: &str, draft: Draft, policy: (Policy, usize)) -> Delivery {
        if let Err(reject) = self.fits(&draft) {
            tracing::error!(event = name, "{}", reject.message);
            return Delivery::of(Pushed::Dropped);
        }
        let mut link = lock(&self.link);
        match &mut *link {
            Link::Up(peer) => {
                let (pushed, flush) = peer.push(draft.finish(Role::Client), policy, Kind::Emit);
                let peer = peer.clone();
                drop(link);
                self.flusher.flush(&peer, flush);
                Delivery::of(pushed)
            }
            Link::Down(unsent) => Delivery::of(unsent.push_event(draft, policy, &self.limits)),
            Link::Closed => Delivery::of(Pushed::Closed),
        }
    }

    fn ask(&self, question: Question) -> Asked {
        match &mut *lock(&self.link) {
            Link::Up(peer) => Asked::Now(self.ask_now(&question, peer)),
            Link::Down(unsent) => match unsent.push_call(question, &self.limits) {
                Some(later) => Asked::Later(later),
                None => Asked::Now(Err(CallError::Closed)),
            },
            Link::Closed => Asked::Now(Err(CallError::Closed)),
        }
    }

    fn ask_now(&self, question: &Question, peer: &Arc<Peer>) -> Result<InFlight, CallError> {
        question.ask(peer.clone(), &self.flusher, |draft| self.fits(draft))
    }

    /// Whether the server reads a frame of this length; it would close on a longer one.
    fn fits(&self, draft: &Draft) -> Result<(), Reject> {
        let limit = self.limit.load(Ordering::Relaxed);
        if draft.text().len() <= limit {
            return Ok(());
        }
        Err(Reject::new("too_large", format!("a frame of over {limit} bytes")))
    }

    /// The server said hello, and how long a frame it reads: it gets all that waited, in order.
    pub(crate) fn up(&self, peer: &Arc<Peer>, limit: u64) {
        self.limit.store(usize::try_from(limit).unwrap_or(usize::MAX), Ordering::Relaxed);
        let mut link = lock(&self.link);
        let unsent = match &mut *link {
            Link::Down(unsent) => unsent.take(),
            Link::Up(_) => return,
            Link::Closed => return peer.close(CloseCode::DONE.into()),
        };
        let mut told = Vec::new();
        for item in unsent {
            match item {
                Item::Event(draft, policy) if self.fits(&draft).is_ok() => {
                    let frame = draft.finish(Role::Client);
                    let (_, flush) = peer.push(frame, policy, Kind::Emit);
                    self.flusher.flush(peer, flush);
                }
                Item::Event(..) => {
                    tracing::error!(limit, "an event that waited is too large for the server");
                }
                Item::Call(question, turn) => told.push((turn, self.ask_now(&question, peer))),
            }
        }
        *link = Link::Up(peer.clone());
        drop(link);
        for (turn, asked) in told {
            // Whoever asked may have stopped to wait.
            let _ = turn.send(asked);
        }
        self.status.send_replace(Status::Open);
    }

    /// The connection is gone.
    pub(crate) fn down(&self) {
        let mut link = lock(&self.link);
        if matches!(*link, Link::Up(_)) {
            *link = Link::Down(Unsent::default());
        }
    }

    /// Over, and how is said once: nothing is taken any more, and what waited is dropped.
    pub(crate) fn end(&self, Disconnect { code, reason }: Disconnect) {
        self.set_link(Link::Closed);
        self.flusher.stop();
        self.status.send_if_modified(|status| {
            let is_first = !matches!(status, Status::Closed { .. });
            if is_first {
                *status = Status::Closed { code, reason };
            }
            is_first
        });
    }

    /// Asks for the end.
    pub(crate) fn close(&self) {
        if let Link::Up(peer) = self.set_link(Link::Closed) {
            peer.close(CloseCode::DONE.into());
        }
        self.closing.notify_one();
    }

    /// What it was before; it is dropped without the lock, since whoever waits is then told.
    fn set_link(&self, link: Link) -> Link {
        std::mem::replace(&mut *lock(&self.link), link)
    }

    pub(crate) fn is_closing(&self) -> bool {
        matches!(*lock(&self.link), Link::Closed)
    }

    pub(crate) fn skip(&self, name: &str) {
        self.skipped.fetch_add(1, Ordering::Relaxed);
        tracing::debug!(event = name, "an event of the server is not known here");
    }
}
