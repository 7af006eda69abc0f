//! The server as a client sees it: a handle that outlives connections.

use crate::{
    Call, CallError, CloseCode, ConnectError, Delivery, Disconnect, Event, Events, Gap, Handshake,
    Limits, NodeId, Present, Protocol, Reject, SocketId,
    counters::Terms,
    delivery::{Kind, Pushed},
    flusher::Flusher,
    frame::Draft,
    handler::Greeted,
    payload,
    peer::{Peer, lock},
    presence_store::PresenceStore,
    progress::ReplyPath,
    question::{InFlight, Question, too_large},
    reports::Reports,
    treatment::Treatment,
    wire::{self, Hello},
};
use serde::Serialize;
use std::{
    any::Any,
    borrow::Cow,
    fmt,
    marker::PhantomData,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering},
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
    /// Connected again, and the session goes on: nothing was lost and nothing is repeated.
    Resumed {
        /// How many messages of the server come again, or have waited.
        replayed: u64,
    },
    /// Connected again, to a new session: what the server sent meanwhile was missed, unless the reason is
    /// [`Gap::Recovered`]. What was emitted and never sent goes out now.
    Reset {
        /// Why the old session does not go on.
        reason: Gap,
        /// How many events of ours were sent and may or may not have arrived: they are not sent again, and
        /// calls among them end with [`CallError::Lost`].
        unconfirmed: u64,
    },
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

impl Status {
    /// Whether there is a connection, and the server has said hello: `Open`, `Resumed`, `Reset`.
    pub fn is_connected(&self) -> bool {
        matches!(self, Self::Open | Self::Resumed { .. } | Self::Reset { .. })
    }
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
    /// only the newest waits. An event that was on its way when a connection broke is sent again, and
    /// handled once, if the session goes on; what if not says [`Status::Reset`]. One that is longer than
    /// the server reads, or than its `max`, is logged and counted as dropped.
    pub fn emit(&self, event: impl Into<P::Client>) -> Delivery {
        let event = event.into();
        let (name, treatment) = (event.name(), Treatment::of(&event));
        let mut draft = Draft::new(128);
        let encode = |out: &mut Vec<u8>| payload::encode(event, out);
        if let Err(unfit) = wire::write_event(draft.out(), name, None, encode) {
            tracing::error!(event = name, error = %unfit, "an event was not emitted");
            return unfit.delivery();
        }
        self.shared.emit(name, draft, treatment)
    }

    /// Sends an event and waits for its typed reply.
    ///
    /// While there is no connection it is kept for the next, as with [`emit`](Self::emit), and so is its
    /// reply; its deadline goes on running.
    ///
    /// # Errors
    ///
    /// See [`CallError`]; the deadline is [`Limits::call`](crate::Limits::call). `Rejected` with the
    /// code `too_large` if it is longer than the server reads or than its `max`, `busy` when
    /// [`Limits::calls`](crate::Limits::calls) are in flight.
    pub fn call<E: Event<Enum = P::Client>>(&self, event: E) -> Call<E::Reply, E::Progress> {
        let shared = self.shared.clone();
        let terms = (&**self.shared.limits, self.shared.runtime.clone());
        Call::new(Question::new(event), terms, async move |question, reports| {
            shared.ask(&question, reports)?.answer().await
        })
    }

    /// How the client stands to its server, now and whenever it changes.
    pub fn status(&self) -> watch::Receiver<Status> {
        self.shared.status.subscribe()
    }

    /// How the server's contract differs from that of this program, now and whenever it changes; `None`
    /// while it is the same, and for a server without the feature `schema`.
    ///
    /// A server says the hash of its contract with each connection. Where it is another, its
    /// `contract.json` is fetched and compared, once, and what differs is logged: a file of at most
    /// [`Limits::frame`](crate::Limits::frame) bytes, within [`Limits::handshake`](crate::Limits::handshake).
    /// An event that this program does not know is [skipped](Self::skipped); data that does not
    /// fit is logged as an error with the path of its field, and so is what the server makes of ours.
    #[cfg(feature = "schema")]
    pub fn skew(&self) -> watch::Receiver<Option<crate::Skew>> {
        self.shared.skew.subscribe()
    }

    /// Who is present in a room, in the order of their keys, now and whenever it changes: as far as the
    /// server tells, by `Socket::present` or `Socket::watch_presence`. Nobody in a new session, until it is
    /// told anew; a room that does not serialise has nobody. Of a room that the socket has left it is told no
    /// more: what it knew last stays.
    pub fn presence(&self, room: impl Into<P::Room>) -> watch::Receiver<Vec<Present<P::Member>>>
    where
        P::Room: Serialize,
    {
        let name = serde_json::to_string(&room.into()).unwrap_or_default();
        let known = self.shared.presence.downcast_ref::<PresenceStore<P::Member>>();
        // There is always one, of this type.
        known.map_or_else(|| watch::channel(Vec::new()).1, |known| known.room(&name))
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
    pub(crate) peer: Arc<Peer>,
    pub(crate) limits: Arc<Terms>,
    pub(crate) flusher: Arc<Flusher>,
    pub(crate) status: watch::Sender<Status>,
    /// Wakes the task when the client was closed.
    pub(crate) closing: Notify,
    is_closing: AtomicBool,
    pub(crate) runtime: Handle,
    /// Bytes of the longest frame that the server reads, as far as it has said so.
    limit: AtomicUsize,
    skipped: AtomicU64,
    greeting: Mutex<Greeting>,
    /// The [`PresenceStore`] of the protocol.
    presence: Arc<dyn Any + Send + Sync>,
    /// How the server's contract is another than ours.
    #[cfg(feature = "schema")]
    pub(crate) skew: watch::Sender<Option<crate::Skew>>,
}

/// What the server said last, and who waits for it to say so first.
#[derive(Debug)]
struct Greeting {
    token: Option<String>,
    opened: Option<oneshot::Sender<Result<(), ConnectError>>>,
}

impl Shared {
    /// For a client on the present runtime; `opened` is told how the first connection went.
    pub(crate) fn new(
        limits: Limits,
        opened: Option<oneshot::Sender<Result<(), ConnectError>>>,
        presence: Arc<dyn Any + Send + Sync>,
    ) -> Self {
        let limits = Arc::new(Terms::from(limits));
        let (id, handshake) = (SocketId::nowhere(NodeId::default(), 0), Handshake::default());
        Self {
            peer: Arc::new(Peer::new(id, Role::Client, limits.clone(), handshake, None, None)),
            limits,
            flusher: Arc::default(),
            status: watch::Sender::new(Status::Connecting),
            closing: Notify::new(),
            is_closing: AtomicBool::new(false),
            runtime: Handle::current(),
            limit: AtomicUsize::new(usize::MAX),
            skipped: AtomicU64::new(0),
            greeting: Mutex::new(Greeting { token: None, opened }),
            presence,
            #[cfg(feature = "schema")]
            skew: watch::Sender::new(None),
        }
    }

    fn emit(&self, name: &str, draft: Draft, treatment: Treatment) -> Delivery {
        if let Err(reject) = self.fits(&draft) {
            tracing::error!(event = name, "{}", reject.message);
            return Delivery::of(Pushed::Dropped);
        }
        let (pushed, flush) = self.peer.push(draft.finish(Role::Client), treatment, Kind::Emit);
        self.flusher.flush(&self.peer, flush);
        Delivery::of(pushed)
    }

    fn ask(
        &self,
        question: &Question,
        reports: Option<Arc<Reports>>,
    ) -> Result<InFlight, CallError> {
        question.ask(self.peer.clone(), (&self.flusher, reports), |draft| self.fits(draft))
    }

    /// The way to the server, for a handler.
    pub(crate) fn reply_path(&self) -> ReplyPath {
        let limit = self.limit.load(Ordering::Relaxed);
        ReplyPath { peer: self.peer.clone(), flusher: self.flusher.clone(), limit }
    }

    /// Whether the server reads a frame of this length; it would close on a longer one.
    fn fits(&self, draft: &Draft) -> Result<(), Reject> {
        let limit = self.limit.load(Ordering::Relaxed);
        if draft.text().len() <= limit { Ok(()) } else { Err(too_large(limit)) }
    }

    /// The server said hello.
    pub(crate) fn up(&self, hello: &Hello<'_>, how: Greeted) {
        let limit = usize::try_from(hello.limit).unwrap_or(usize::MAX);
        self.limit.store(limit, Ordering::Relaxed);
        lock(&self.greeting).token = hello.token.as_deref().map(str::to_owned);
        self.status.send_replace(match how {
            Greeted::New => Status::Open,
            Greeted::Resumed(replayed) => Status::Resumed { replayed },
            Greeted::Reset(reason, unconfirmed) => Status::Reset { reason, unconfirmed },
        });
        self.tell(Ok(()));
    }

    /// What proves that the session is ours.
    pub(crate) fn token(&self) -> Option<String> {
        lock(&self.greeting).token.clone().filter(|_| !self.limits.resume.is_zero())
    }

    /// Tells whoever connected how that went.
    pub(crate) fn tell(&self, result: Result<(), ConnectError>) {
        let opened = lock(&self.greeting).opened.take();
        if let Some(opened) = opened {
            // Whoever connected may have given up; the client was then dropped, and closes.
            let _ = opened.send(result);
        }
    }

    /// Whether the first connection is still to be made, and somebody waits for it.
    pub(crate) fn is_awaited(&self) -> bool {
        lock(&self.greeting).opened.is_some()
    }

    /// Over, and how is said once: nothing is taken any more, and what waited is dropped.
    pub(crate) fn end(&self, Disconnect { code, reason }: Disconnect) {
        self.is_closing.store(true, Ordering::Release);
        self.peer.queue().fail();
        self.peer.lose_calls();
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
        self.is_closing.store(true, Ordering::Release);
        self.peer.close(CloseCode::DONE.into());
        self.closing.notify_one();
    }

    pub(crate) fn is_closing(&self) -> bool {
        self.is_closing.load(Ordering::Acquire)
    }

    pub(crate) fn skip(&self, name: &str) {
        self.skipped.fetch_add(1, Ordering::Relaxed);
        tracing::debug!(event = name, "an event of the server is not known here");
    }
}
