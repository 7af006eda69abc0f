//! A built server as a tower service: the upgrade, its refusal, and the files under the mount.

use crate::{
    BrowserClient, CloseCode, Disconnect, Handshake, Io, Limits, Protocol, Reject,
    admission::{Admission, Permit},
    application::{Admitted, Authorizer},
    browser,
    counters::Terms,
    end::refusal,
    entry::Entry,
    hub::Hub,
    life::Life,
    peer::Peer,
    ticket::Ticket,
    upgrade::{Reply, downcast, plain, refusal_of, refused, restarting, switching},
};
use http::{Request, StatusCode, request::Parts};
use hyper::upgrade::{OnUpgrade, Upgraded};
use hyper_util::rt::TokioIo;
use std::{
    convert::Infallible,
    fmt,
    future::Future,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};
use tokio::{sync::oneshot, time::timeout};

/// Why a page of another host may not connect.
const FOREIGN: &str = "this origin may not connect";

/// A built [`Server`](crate::Server): a cheap clone to embed in a web framework, to listen with, to
/// hand streams to, or to test with.
///
/// It is a [`tower_service::Service`] of HTTP requests that never fails. Mounted at `/ws` it answers
/// the WebSocket upgrade there, and serves the browser client below: `/ws/client.js` (bound to its
/// endpoint), `/ws/socketkit.js` with its modules, `/ws/socketkit.global.js` and
/// `/ws/socketkit.d.ts`. It looks at the last segment of the path alone, so a host may take its
/// mount off or not.
///
/// Over a bare hyper connection the upgrade needs `with_upgrades()`.
pub struct Service<P: Protocol> {
    inner: Arc<Inner<P>>,
}

/// A socket that was let in, or how it is closed; and its place: one that comes back has it already.
pub(crate) type Opened = (Result<Admitted, Disconnect>, Option<Permit>);

struct Inner<P: Protocol> {
    app: Arc<dyn Authorizer>,
    hub: Arc<Hub<P>>,
    limits: Arc<Limits>,
    terms: Arc<Terms>,
    origins: Option<Vec<String>>,
    admission: Arc<Admission>,
    /// Bounds the sockets that are told why they were refused.
    refusals: Arc<Admission>,
    files: browser::Files,
}

impl<P: Protocol> Service<P> {
    pub(crate) fn new(
        app: Arc<dyn Authorizer>,
        hub: Arc<Hub<P>>,
        limits: Arc<Limits>,
        origins: Option<Vec<String>>,
    ) -> Self {
        let admission = Arc::new(Admission::new(limits.sockets, limits.sockets_per_address));
        let refusals = Arc::new(Admission::new(limits.handshakes, limits.handshakes_per_address));
        let files = browser::Files::new::<P>(&limits);
        let counters = hub.counters.clone();
        let terms = Terms::new((*limits).clone(), counters, hub.node(), files.schema());
        let terms = Arc::new(terms);
        let inner = Inner { app, hub, limits, terms, origins, admission, refusals, files };
        Self { inner: Arc::new(inner) }
    }

    /// All sockets.
    pub fn io(&self) -> Io<P> {
        Io::new(self.inner.hub.clone())
    }

    /// The client that it serves to pages, as files for editors and bundlers.
    pub fn browser_client(&self) -> BrowserClient {
        BrowserClient::new(self.inner.files.clone())
    }

    /// Serves a socket over any stream on which a WebSocket handshake was made elsewhere.
    ///
    /// The origin is checked and `authorize` runs on the handshake; a refusal is sent as a close frame.
    /// The future ends with the stream, whose session may go on without it, and says how it ended; where the
    /// session ends as well, when all that runs then has run.
    ///
    /// # Cancel safety
    ///
    /// The socket is served by a task of its own: dropping the future does not end it.
    ///
    /// # Panics
    ///
    /// Outside of a tokio runtime.
    pub async fn upgraded<S>(&self, stream: S, handshake: impl Into<Handshake>) -> Disconnect
    where
        S: tokio::io::AsyncRead + tokio::io::AsyncWrite + Send + Unpin + 'static,
    {
        let (service, handshake) = (self.clone(), handshake.into());
        let (told, over) = oneshot::channel();
        let arrival = async move {
            let opened = match service.is_welcome(&handshake) {
                true => service.open(&handshake, true).await,
                false => service.turn_away(&handshake, Reject::new("forbidden", FOREIGN), true),
            };
            let (admitted, permit) = match opened {
                Ok(opened) => opened,
                Err(reject) => {
                    // Whoever wanted to know may be gone.
                    let _ = told.send(refusal(&reject));
                    return None;
                }
            };
            let mut entry = Entry::new(stream, Box::default(), handshake, None);
            // Any other session ends with its stream, and its task says how.
            let may_go_on = entry.handshake.offers_subprotocol();
            entry.told = may_go_on.then(|| Box::new(told));
            service.enter(entry, admitted, permit)
        };
        let task = tokio::spawn(Life::run(Box::pin(arrival)));
        let over = match over.await {
            Ok(disconnect) => Some(disconnect),
            Err(_) => task.await.ok().flatten(),
        };
        over.unwrap_or(CloseCode::INTERNAL.into())
    }

    pub(crate) fn limits(&self) -> &Arc<Limits> {
        &self.inner.limits
    }

    pub(crate) fn terms(&self) -> &Arc<Terms> {
        &self.inner.terms
    }

    pub(crate) fn hub(&self) -> &Arc<Hub<P>> {
        &self.inner.hub
    }

    pub(crate) fn authorizer(&self) -> Arc<dyn Authorizer> {
        self.inner.app.clone()
    }

    /// Whether the last segment of a path is one of the files.
    #[cfg(feature = "http")]
    pub(crate) fn has_file(&self, name: &str) -> bool {
        self.inner.files.get(name).is_some()
    }

    /// Answers a request.
    async fn answer(self, upgrade: Option<OnUpgrade>, parts: Parts) -> Reply {
        let name = parts.uri.path().rsplit('/').next().unwrap_or_default();
        if let Some(file) = self.inner.files.get(name) {
            return file.answer(&parts);
        }
        let (method, version) = (parts.method.clone(), parts.version);
        let handshake = Handshake::from(parts);
        if let Some(reply) = refusal_of(&method, version, &handshake) {
            return reply;
        }
        let Some(upgrade) = upgrade else {
            tracing::warn!(
                "a request to upgrade came over a connection that cannot: http1 `with_upgrades()` is missing"
            );
            return plain(StatusCode::UPGRADE_REQUIRED, "this connection cannot be upgraded");
        };
        if !self.is_welcome(&handshake) {
            return plain(StatusCode::FORBIDDEN, FOREIGN);
        }
        let opened = match self.opened(&handshake).await {
            Ok(opened) => opened,
            Err(reply) => return *reply,
        };
        let reply = switching(&handshake);
        tokio::spawn(Life::run(Box::pin(async move {
            let upgraded = self.upgraded_in_time(upgrade).await?;
            let (admitted, permit) = opened;
            let entry = match downcast(upgraded) {
                Ok((stream, bytes)) => Entry::new(stream, bytes.into(), handshake, None),
                Err(upgraded) => {
                    Entry::new(TokioIo::new(upgraded), Box::default(), handshake, None)
                }
            };
            self.enter(entry, admitted, permit)
        })));
        reply
    }

    /// Decides on a socket that is welcome: whether it was let in or is to be told why not, or what
    /// HTTP answers.
    pub(crate) async fn opened(&self, handshake: &Handshake) -> Result<Opened, Box<Reply>> {
        if let Some(disconnect) = self.inner.hub.refusal() {
            let permit = self.may_refuse(handshake).filter(|_| handshake.offers_subprotocol());
            return match permit {
                Some(permit) => Ok((Err(disconnect), Some(permit))),
                None => Err(Box::new(restarting(&disconnect))),
            };
        }
        let opened = self.open(handshake, handshake.offers_subprotocol()).await;
        opened.map_err(|reject| Box::new(refused(&reject)))
    }

    /// Decides whether a socket is let in or, if it `listens`, to be told why not.
    async fn open(&self, handshake: &Handshake, listens: bool) -> Result<Opened, Reject> {
        match self.admit(handshake).await {
            Ok((admitted, permit)) => Ok((Ok(admitted), permit)),
            Err(reject) => self.turn_away(handshake, reject, listens),
        }
    }

    /// One that is not let in is told why if it `listens`, and not too many are told already.
    fn turn_away(
        &self,
        handshake: &Handshake,
        reject: Reject,
        listens: bool,
    ) -> Result<Opened, Reject> {
        match self.may_refuse(handshake).filter(|_| listens) {
            Some(permit) => Ok((Err(refusal(&reject)), Some(permit))),
            None => Err(reject),
        }
    }

    /// A place among the sockets that are told why they were refused.
    fn may_refuse(&self, handshake: &Handshake) -> Option<Permit> {
        self.inner.refusals.enter(handshake.peer().map(|peer| peer.ip()))
    }

    /// Decides whether a socket may open, in time.
    async fn admit(&self, handshake: &Handshake) -> Result<(Admitted, Option<Permit>), Reject> {
        let inner = &self.inner;
        let permit = self.place(handshake);
        if permit.is_none() && !self.has_place(handshake) {
            return Err(Reject::full());
        }
        let authorize = inner.app.clone().authorize(handshake.clone());
        #[cfg(feature = "cluster")]
        let authorize = async {
            self.joined().await.map_err(|_| Reject::full())?;
            authorize.await
        };
        match timeout(inner.limits.handshake, authorize).await {
            Ok(admitted) => Ok((admitted?, permit)),
            Err(_) => Err(Reject::new("timeout", "the handshake took too long")),
        }
    }

    /// A place among the sockets.
    pub(crate) fn place(&self, handshake: &Handshake) -> Option<Permit> {
        self.inner.admission.enter(handshake.peer().map(|peer| peer.ip()))
    }

    /// Whether somebody comes back to a session, which has its place.
    fn has_place(&self, handshake: &Handshake) -> bool {
        let ticket = Ticket::of(handshake).ok().flatten();
        let ticket = ticket.filter(|_| handshake.offers_subprotocol());
        ticket.is_some_and(|ticket| self.session_of(&ticket).is_some())
    }

    /// The session that a ticket is for.
    pub(crate) fn session_of(&self, ticket: &Ticket) -> Option<Arc<Peer>> {
        let peer = ticket.session().and_then(|id| self.inner.hub.peer(id));
        peer.filter(|peer| peer.seat().is_of(ticket))
    }

    pub(crate) fn is_welcome(&self, handshake: &Handshake) -> bool {
        match (&self.inner.origins, handshake.origin()) {
            (Some(origins), Some(origin)) => {
                origins.iter().any(|known| known == "*" || known.eq_ignore_ascii_case(origin))
            }
            (None, _) => handshake.is_same_origin(),
            // One that is no text is none that was named.
            (_, None) => !handshake.has("origin"),
        }
    }

    async fn upgraded_in_time(&self, upgrade: OnUpgrade) -> Option<Upgraded> {
        match timeout(self.inner.limits.handshake, upgrade).await {
            Ok(upgraded) => upgraded.ok(),
            Err(_) => {
                tracing::warn!(
                    "an upgrade did not finish in time: is the connection served `with_upgrades()`?"
                );
                None
            }
        }
    }
}

impl<P: Protocol, B> tower_service::Service<Request<B>> for Service<P> {
    type Response = Reply;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Reply, Infallible>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, mut request: Request<B>) -> Self::Future {
        let can_upgrade = request.extensions().get::<OnUpgrade>().is_some();
        let upgrade = can_upgrade.then(|| hyper::upgrade::on(&mut request));
        let answer = self.clone().answer(upgrade, request.into_parts().0);
        Box::pin(async move { Ok(answer.await) })
    }
}

impl<P: Protocol> Clone for Service<P> {
    fn clone(&self) -> Self {
        Self { inner: self.inner.clone() }
    }
}

impl<P: Protocol> fmt::Debug for Service<P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Service").field("sockets", &self.inner.hub.len()).finish_non_exhaustive()
    }
}
