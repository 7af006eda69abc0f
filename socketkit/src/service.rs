//! A built server as a tower service: the upgrade, its refusal, and the files under the mount.

use crate::{
    CloseCode, Disconnect, Handshake, Io, Limits, Protocol, Reject,
    admission::{Admission, Permit},
    application::{Admitted, Authorizer, Refused},
    browser,
    connection::Connection,
    conversation::Conversation,
    end::refusal,
    frame::Draft,
    handler::Application,
    hub::Hub,
    peer::Peer,
    transport::{Stream, Transport},
    wire::{self, Hello},
};
use bytes::Bytes;
use http::{HeaderValue, Method, Request, Response, StatusCode, Version, header, request::Parts};
use http_body_util::Full;
use hyper::upgrade::{OnUpgrade, Upgraded};
use hyper_util::rt::TokioIo;
use std::{
    borrow::Cow,
    convert::Infallible,
    fmt,
    future::Future,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};
use tokio::{net::TcpStream, time::timeout};
use tokio_tungstenite::tungstenite::{handshake::derive_accept_key, protocol::Role};

type Reply = Response<Full<Bytes>>;

/// A built [`Server`](crate::Server): a cheap clone to embed in a web framework, to listen with, to
/// hand streams to, or to test with.
///
/// It is a [`tower_service::Service`] of HTTP requests that never fails. Mounted at `/ws` it answers
/// the WebSocket upgrade there, and serves the browser client below: `/ws/client.js` (bound to its
/// endpoint), `/ws/socketkit.js`, `/ws/socketkit.global.js` and `/ws/socketkit.d.ts`. It looks at the
/// last segment of the path alone, so a host may take its mount off or not.
///
/// Over a bare hyper connection the upgrade needs `with_upgrades()`.
pub struct Service<P: Protocol> {
    inner: Arc<Inner<P>>,
}

struct Inner<P: Protocol> {
    app: Arc<dyn Authorizer>,
    hub: Arc<Hub<P>>,
    limits: Arc<Limits>,
    origins: Option<Vec<String>>,
    admission: Arc<Admission>,
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
        let files = browser::Files::new::<P>(&limits);
        Self { inner: Arc::new(Inner { app, hub, limits, origins, admission, files }) }
    }

    /// All sockets.
    pub fn io(&self) -> Io<P> {
        Io { hub: self.inner.hub.clone() }
    }

    /// Serves a socket over any stream on which a WebSocket handshake was made elsewhere.
    ///
    /// `authorize` runs on the handshake; a refusal is sent as a close frame. The future ends with
    /// the socket and says how it ended.
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
        let task = tokio::spawn(async move {
            match service.open(&handshake).await {
                Ok((admitted, permit)) => {
                    service.serve(stream, Vec::new(), handshake, admitted, permit).await
                }
                Err(reject) => {
                    service.refuse(stream, Vec::new(), handshake, refusal(&reject)).await
                }
            }
        });
        task.await.unwrap_or(CloseCode::INTERNAL.into())
    }

    /// Closes every socket with 1001, after what was emitted to it, and takes no more; ready when all
    /// handlers are done and all sockets gone, after twice [`Limits::grace`] at the latest.
    ///
    /// For hosts that stop by themselves; a listener of this crate does it: see `Serve::until`.
    ///
    /// # Cancel safety
    ///
    /// Dropped after its first poll, the sockets are closed all the same.
    pub async fn shutdown(&self) {
        self.inner.hub.close_all(&CloseCode::AWAY.into());
        self.inner.hub.emptied().await;
    }

    #[cfg(feature = "http")]
    pub(crate) fn limits(&self) -> &Arc<Limits> {
        &self.inner.limits
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
        let key = match upgrade_key(&parts) {
            Ok(key) => key,
            Err(reply) => return *reply,
        };
        let Some(upgrade) = upgrade else {
            tracing::warn!(
                "a request to upgrade came over a connection that cannot: http1 `with_upgrades()` is missing"
            );
            return plain(StatusCode::UPGRADE_REQUIRED, "this connection cannot be upgraded");
        };
        let handshake = Handshake::from(parts);
        if !self.is_welcome(&handshake) {
            return plain(StatusCode::FORBIDDEN, "this origin may not connect");
        }
        let ours = handshake.offers_subprotocol();
        let opened = self.open(&handshake).await;
        if let (Err(reject), false) = (&opened, ours) {
            return refused(reject);
        }
        tokio::spawn(async move {
            let Some(upgraded) = self.upgraded_in_time(upgrade).await else {
                return;
            };
            let (disconnect, opened) = match opened {
                Ok(opened) => (None, Some(opened)),
                Err(reject) => (Some(refusal(&reject)), None),
            };
            match downcast(upgraded) {
                Ok((stream, bytes)) => self.run(stream, bytes, handshake, opened, disconnect).await,
                Err(upgraded) => {
                    let stream = TokioIo::new(upgraded);
                    self.run(stream, Vec::new(), handshake, opened, disconnect).await;
                }
            }
        });
        switching(&key, ours)
    }

    async fn run<S: Stream + 'static>(
        &self,
        stream: S,
        bytes: Vec<u8>,
        handshake: Handshake,
        opened: Option<(Admitted, Permit)>,
        disconnect: Option<Disconnect>,
    ) {
        match opened {
            Some((admitted, permit)) => {
                self.serve(stream, bytes, handshake, admitted, permit).await
            }
            None => {
                self.refuse(
                    stream,
                    bytes,
                    handshake,
                    disconnect.unwrap_or(CloseCode::INTERNAL.into()),
                )
                .await
            }
        };
    }

    /// Decides whether a socket may open, in time.
    async fn open(&self, handshake: &Handshake) -> Result<(Admitted, Permit), Reject> {
        let inner = &self.inner;
        let permit = inner.admission.enter(handshake.peer().map(|peer| peer.ip()));
        let permit = permit.ok_or_else(|| Reject::new("busy", "too many sockets"))?;
        match timeout(inner.limits.handshake, inner.app.clone().authorize(handshake.clone())).await
        {
            Ok(admitted) => Ok((admitted?, permit)),
            Err(_) => Err(Reject::new("timeout", "the handshake took too long")),
        }
    }

    /// Serves a socket that was let in.
    async fn serve<S: Stream + 'static>(
        &self,
        stream: S,
        bytes: Vec<u8>,
        handshake: Handshake,
        admitted: Admitted,
        permit: Permit,
    ) -> Disconnect {
        let hub = &self.inner.hub;
        let (transport, write) = Transport::split(stream);
        let peer =
            Peer::new(hub.next_id(), Role::Server, self.inner.limits.clone(), handshake, write);
        let peer = Arc::new(peer);
        hub.flusher.start(&peer.runtime);
        let mut hello = Draft::new(128);
        wire::write_hello(
            hello.out(),
            &Hello {
                session: Cow::Owned(peer.id.to_string()),
                heartbeat: u64::try_from(peer.limits.heartbeat.as_millis()).unwrap_or(u64::MAX),
                limit: peer.limits.frame as u64,
            },
        );
        peer.queue().push_control(hello.finish(Role::Server));
        if let Err(disconnect) = hub.enter(&peer) {
            peer.close(disconnect);
        }
        let disconnect = pump(transport, bytes, peer.clone(), admitted(peer)).await;
        drop(permit);
        disconnect
    }

    /// Tells a socket that was not let in, and closes it.
    async fn refuse<S: Stream + 'static>(
        &self,
        stream: S,
        bytes: Vec<u8>,
        handshake: Handshake,
        disconnect: Disconnect,
    ) -> Disconnect {
        let (transport, write) = Transport::split(stream);
        let id = self.inner.hub.next_id();
        let peer =
            Arc::new(Peer::new(id, Role::Server, self.inner.limits.clone(), handshake, write));
        peer.close(disconnect);
        pump(transport, bytes, peer, Box::new(Refused)).await
    }

    fn is_welcome(&self, handshake: &Handshake) -> bool {
        match (&self.inner.origins, handshake.origin()) {
            (Some(origins), Some(origin)) => {
                origins.iter().any(|known| known == "*" || known.eq_ignore_ascii_case(origin))
            }
            (None, _) => handshake.is_same_origin(),
            (_, None) => true,
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

async fn pump(
    transport: Transport,
    bytes: Vec<u8>,
    peer: Arc<Peer>,
    app: Box<dyn Application>,
) -> Disconnect {
    Connection::new(transport, Conversation::new(peer, app), bytes).run().await
}

/// The TCP socket below an upgraded connection, with what was already read from it.
fn downcast(upgraded: Upgraded) -> Result<(TcpStream, Vec<u8>), Upgraded> {
    let parts = upgraded.downcast::<TokioIo<TcpStream>>()?;
    Ok((parts.io.into_inner(), parts.read_buf.into()))
}

/// The key of a request to upgrade, or what to answer to any other (RFC 6455 section 4.2.1).
fn upgrade_key(parts: &Parts) -> Result<HeaderValue, Box<Reply>> {
    let has = |name, token: &str| {
        let lines = parts.headers.get_all(name).iter().filter_map(|line| line.to_str().ok());
        lines
            .flat_map(|line| line.split(','))
            .any(|word| word.trim_ascii().eq_ignore_ascii_case(token))
    };
    if parts.method != Method::GET {
        let mut reply = plain(StatusCode::METHOD_NOT_ALLOWED, "GET alone is answered here");
        reply.headers_mut().insert(header::ALLOW, HeaderValue::from_static("GET"));
        return Err(Box::new(reply));
    }
    if !has(header::UPGRADE, "websocket") || !has(header::CONNECTION, "upgrade") {
        let mut reply = plain(StatusCode::UPGRADE_REQUIRED, "this is a WebSocket endpoint");
        reply.headers_mut().insert(header::UPGRADE, HeaderValue::from_static("websocket"));
        return Err(Box::new(reply));
    }
    if parts.version != Version::HTTP_11 || !has(header::SEC_WEBSOCKET_VERSION, "13") {
        let mut reply = plain(
            StatusCode::UPGRADE_REQUIRED,
            "WebSocket version 13 over HTTP/1.1 is spoken here",
        );
        reply.headers_mut().insert(header::SEC_WEBSOCKET_VERSION, HeaderValue::from_static("13"));
        return Err(Box::new(reply));
    }
    match parts.headers.get(header::SEC_WEBSOCKET_KEY) {
        Some(key) if key.len() == 24 => Ok(key.clone()),
        _ => Err(Box::new(plain(StatusCode::BAD_REQUEST, "no valid Sec-WebSocket-Key"))),
    }
}

fn switching(key: &HeaderValue, ours: bool) -> Reply {
    let mut reply = Response::new(Full::default());
    *reply.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
    let headers = reply.headers_mut();
    headers.insert(header::CONNECTION, HeaderValue::from_static("Upgrade"));
    headers.insert(header::UPGRADE, HeaderValue::from_static("websocket"));
    if let Ok(accept) = derive_accept_key(key.as_bytes()).try_into() {
        headers.insert(header::SEC_WEBSOCKET_ACCEPT, accept);
    }
    if ours {
        headers.insert(header::SEC_WEBSOCKET_PROTOCOL, HeaderValue::from_static(wire::SUBPROTOCOL));
    }
    reply
}

fn refused(reject: &Reject) -> Reply {
    let status = match &*reject.code {
        "unauthorized" => StatusCode::UNAUTHORIZED,
        "internal" => StatusCode::INTERNAL_SERVER_ERROR,
        "busy" | "timeout" => StatusCode::SERVICE_UNAVAILABLE,
        _ => StatusCode::FORBIDDEN,
    };
    let mut reply = plain(status, reject.message.clone().into_owned());
    if status == StatusCode::SERVICE_UNAVAILABLE {
        reply.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from_static("5"));
    }
    reply
}

/// A short answer as text.
pub(crate) fn plain(status: StatusCode, text: impl Into<Bytes>) -> Reply {
    let mut reply = Response::new(Full::new(text.into()));
    *reply.status_mut() = status;
    let headers = reply.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8"));
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    reply
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
