//! The Rust client: the same two enums, sides swapped.

use crate::{
    Call, ClientBuilder, ConnectError, Delivery, Event, Protocol, Remote, Status, dial::To,
};
use std::fmt;
use tokio::sync::{mpsc, watch};

/// The other end of a [`Server`](crate::Server) of the same protocol.
///
/// It connects again by itself when the connection breaks, and says so ([`status`](Self::status)).
/// Calls that were in flight then end with [`CallError::Lost`](crate::CallError::Lost). Dropping the client closes it.
///
/// What the server emits waits for [`recv`](Self::recv), at most
/// [`Limits::received`](crate::Limits::received) events; then the client stops reading, and the
/// server treats it as slow. A program that only sends should give its events to
/// [`ignore`](ClientBuilder::ignore).
pub struct Client<P: Protocol> {
    pub(crate) remote: Remote<P>,
    pub(crate) events: mpsc::Receiver<P::Server>,
}

impl<P: Protocol> Client<P> {
    /// Connects to `ws://host[:port]/path`, or `wss://` with the feature `tls`.
    ///
    /// # Errors
    ///
    /// When the first connection cannot be made; later ones are tried until they are.
    pub async fn connect(url: impl AsRef<str>) -> Result<Self, ConnectError> {
        Self::builder(url).connect().await
    }

    /// Prepares to connect, with handlers for calls of the server, headers, a token, limits.
    pub fn builder(url: impl AsRef<str>) -> ClientBuilder<P> {
        let uri = url.as_ref().parse().map_err(|_| ConnectError::Url("it does not parse"));
        ClientBuilder::new(uri.map(To::Url))
    }

    /// The next event of the server that has no handler of its own; `None` when the client is closed.
    ///
    /// # Cancel safety
    ///
    /// No event is lost when the future is dropped.
    pub async fn recv(&mut self) -> Option<P::Server> {
        self.events.recv().await
    }

    /// A handle to send with, for other tasks.
    pub fn remote(&self) -> &Remote<P> {
        &self.remote
    }

    /// Sends an event: see [`Remote::emit`].
    pub fn emit(&self, event: impl Into<P::Client>) -> Delivery {
        self.remote.emit(event)
    }

    /// Sends an event and waits for its typed reply: see [`Remote::call`].
    ///
    /// # Errors
    ///
    /// See [`CallError`](crate::CallError).
    pub fn call<E: Event<Enum = P::Client>>(&self, event: E) -> Call<E::Reply, E::Progress> {
        self.remote.call(event)
    }

    /// How the client stands to its server: see [`Remote::status`].
    pub fn status(&self) -> watch::Receiver<Status> {
        self.remote.status()
    }

    /// Closes, and waits until the connection is over: see [`Remote::close`].
    pub async fn close(&self) {
        self.remote.close().await;
    }
}

impl<P: Protocol> Drop for Client<P> {
    fn drop(&mut self) {
        self.remote.shared.close();
    }
}

impl<P: Protocol> fmt::Debug for Client<P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client").field("remote", &self.remote).finish_non_exhaustive()
    }
}
