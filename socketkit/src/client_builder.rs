//! Preparing a Rust client: handlers, headers, limits.

use crate::{
    Client, ConnectError, Event, Events, Handler, IntoReply, Limits, Protocol, Remote,
    arguments::Arguments,
    client_app::{ClientApp, ClientContext},
    conversation::Places,
    dial::{Dialer, To},
    handler::{Ignored, Typed},
    presence_store::PresenceStore,
    reconnect::Reconnect,
    remote::Shared,
    slots::{Fill, FreeFor},
    table::{self, Table},
};
use http::{HeaderMap, HeaderName, HeaderValue, Uri};
use std::{fmt, future::Future, marker::PhantomData, mem, sync::Arc, time::Instant};
use tokio::sync::{Semaphore, mpsc, oneshot};

/// Prepares a [`Client`]: see [`Client::builder`].
///
/// The parameters after `P` are inferred and never written.
#[must_use = "a client does nothing until `.connect()`"]
pub struct ClientBuilder<P: Protocol, St = (), Slots = <<P as Protocol>::Server as Events>::Slots> {
    to: Result<To, ConnectError>,
    headers: Result<HeaderMap, ConnectError>,
    query: String,
    limits: Limits,
    table: Table<ClientContext<P, St>>,
    /// The state. (A field called like a method turns up in errors about that.)
    shared: Arc<St>,
    #[cfg(feature = "tls")]
    tls: Option<Arc<tokio_rustls::rustls::ClientConfig>>,
    slots: PhantomData<fn() -> Slots>,
}

impl<P: Protocol> ClientBuilder<P> {
    pub(crate) fn new(to: Result<To, ConnectError>) -> Self {
        Self {
            to,
            headers: Ok(HeaderMap::new()),
            query: String::new(),
            // What a server sends in one frame, such as a history, is its own decision.
            limits: Limits::default().frame(16 * 1024 * 1024),
            table: P::Server::NAMES.iter().map(|_| None).collect(),
            shared: Arc::new(()),
            #[cfg(feature = "tls")]
            tls: None,
            slots: PhantomData,
        }
    }
}

impl<P: Protocol, Slots> ClientBuilder<P, (), Slots> {
    /// Shares `state` with every handler from here on, as [`State<St>`](crate::State).
    pub fn state<St: Send + Sync + 'static>(self, state: St) -> ClientBuilder<P, St, Slots> {
        let unit = self.shared;
        let without = move |context: &ClientContext<P, St>| ClientContext {
            remote: context.remote.clone(),
            state: unit.clone(),
        };
        ClientBuilder {
            to: self.to,
            headers: self.headers,
            query: self.query,
            limits: self.limits,
            table: table::adapt(self.table, &without),
            shared: Arc::new(state),
            #[cfg(feature = "tls")]
            tls: self.tls,
            slots: PhantomData,
        }
    }
}

impl<P: Protocol, St: Send + Sync + 'static, Slots> ClientBuilder<P, St, Slots> {
    /// Handles the event that is the first argument of `handler`: it does not reach
    /// [`Client::recv`], and a call of the server is answered with what the handler returns.
    ///
    /// Further arguments are any of [`Remote`] and [`State`](crate::State). Events without a handler are received;
    /// calls without one are answered `unknown_event`.
    pub fn on<E, Args, Via, H>(mut self, handler: H) -> ClientBuilder<P, St, Slots::Filled>
    where
        H: Handler<E, Args>,
        E: Event,
        Args: Arguments<ClientContext<P, St>, E, Via> + 'static,
        Via: 'static,
        H::Future: Future<Output: IntoReply<E::Reply>> + Send + 'static,
        Slots: Fill<E, Slot: FreeFor<E>>,
    {
        if let Some(slot) = self.table.get_mut(E::INDEX) {
            *slot = Some(Box::new(Typed::<_, E, (Args, Via)>(handler, PhantomData)));
        }
        self.refill()
    }

    /// Drops the event `E`, whose reply is `()`, when it comes; a call of it is answered.
    pub fn ignore<E>(mut self) -> ClientBuilder<P, St, Slots::Filled>
    where
        E: Event,
        (): IntoReply<E::Reply>,
        Slots: Fill<E, Slot: FreeFor<E>>,
    {
        if let Some(slot) = self.table.get_mut(E::INDEX) {
            *slot = Some(Box::new(Ignored));
        }
        self.refill()
    }

    /// Adds a header to the request that opens the connection.
    ///
    /// An invalid one fails [`connect`](Self::connect).
    pub fn header(mut self, name: impl AsRef<str>, value: impl AsRef<str>) -> Self {
        if let Ok(headers) = &mut self.headers {
            match (HeaderName::try_from(name.as_ref()), HeaderValue::try_from(value.as_ref())) {
                (Ok(name), Ok(value)) => drop(headers.append(name, value)),
                _ => self.headers = Err(ConnectError::Url("a header is not valid")),
            }
        }
        self
    }

    /// Adds a parameter to the query of the URL, percent-encoded.
    pub fn query(mut self, key: impl AsRef<str>, value: impl AsRef<str>) -> Self {
        self.query.push('&');
        let mut pair = form_urlencoded::Serializer::new(String::new());
        self.query += &pair.append_pair(key.as_ref(), value.as_ref()).finish();
        self
    }

    /// Sends a token as `Authorization: Bearer`: see [`Handshake::token`](crate::Handshake::token).
    pub fn token(self, token: impl AsRef<str>) -> Self {
        self.header("authorization", format!("Bearer {}", token.as_ref()))
    }

    /// Sets the limits. The default is that of a server but for
    /// [`Limits::frame`](crate::Limits::frame), which is 16 MiB.
    pub fn limits(mut self, limits: Limits) -> Self {
        self.limits = limits;
        self
    }

    /// Sets what certificates of `wss://` are checked with: by default the roots of Mozilla.
    #[cfg(feature = "tls")]
    pub fn tls(mut self, config: impl Into<Arc<tokio_rustls::rustls::ClientConfig>>) -> Self {
        self.tls = Some(config.into());
        self
    }

    /// Connects, and is ready when the server has said hello.
    ///
    /// # Errors
    ///
    /// When the connection cannot be made, or is refused.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future gives the connection up.
    ///
    /// # Panics
    ///
    /// Outside of a tokio runtime.
    pub async fn connect(mut self) -> Result<Client<P>, ConnectError> {
        let (opened, is_open) = oneshot::channel();
        let dialer = self.dialer()?;
        let client = self.start(dialer, Some(opened));
        is_open.await.unwrap_or(Err(ConnectError::Timeout))?;
        Ok(client)
    }

    fn dialer(&mut self) -> Result<Dialer, ConnectError> {
        // The builder is used up: what stays behind is not looked at.
        let to = mem::replace(&mut self.to, Err(ConnectError::Timeout));
        let headers = mem::replace(&mut self.headers, Err(ConnectError::Timeout));
        Ok(Dialer {
            to: with_query(to?, &self.query)?,
            headers: headers?,
            #[cfg(feature = "tls")]
            tls: self.tls.take(),
        })
    }

    /// Begins to connect; `opened` is told how the first connection went.
    pub(crate) fn start(
        self,
        dialer: Dialer,
        opened: Option<oneshot::Sender<Result<(), ConnectError>>>,
    ) -> Client<P> {
        let limits = self.limits.bounded();
        // No channel holds more than this.
        let received = limits.received.clamp(1, Semaphore::MAX_PERMITS);
        let (sender, events) = mpsc::channel(received);
        let presence = Arc::new(PresenceStore::<P::Member>::default());
        let remote = Remote::new(Arc::new(Shared::new(limits, opened, presence.clone())));
        let context = ClientContext { remote: remote.clone(), state: self.shared };
        let app = Box::new(ClientApp {
            table: self.table,
            context,
            sender,
            presence,
            places: Places::new(Instant::now()),
            #[cfg(feature = "schema")]
            skew: crate::skew::Watch::new(dialer.clone()),
        });
        tokio::spawn(Reconnect::new(dialer, remote.shared.clone(), app).run());
        Client { remote, events }
    }

    fn refill<Filled>(self) -> ClientBuilder<P, St, Filled> {
        ClientBuilder {
            to: self.to,
            headers: self.headers,
            query: self.query,
            limits: self.limits,
            table: self.table,
            shared: self.shared,
            #[cfg(feature = "tls")]
            tls: self.tls,
            slots: PhantomData,
        }
    }
}

impl<P: Protocol, St, Slots> fmt::Debug for ClientBuilder<P, St, Slots> {
    // Headers and query may hold secrets.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ClientBuilder").finish_non_exhaustive()
    }
}

/// Appends `&a=b&c=d` to the query of a URL.
fn with_query(to: To, query: &str) -> Result<To, ConnectError> {
    if query.is_empty() {
        return Ok(to);
    }
    let append = |uri: Uri| {
        let path = uri.path();
        let query = match uri.query() {
            Some(first) => format!("{path}?{first}{query}"),
            None => format!("{path}?{}", query.trim_start_matches('&')),
        };
        let mut parts = uri.into_parts();
        parts.path_and_query =
            Some(query.parse().map_err(|_| ConnectError::Url("its query is not valid"))?);
        Uri::from_parts(parts).map_err(|_| ConnectError::Url("its query is not valid"))
    };
    Ok(match to {
        To::Url(uri) => To::Url(append(uri)?),
        To::Pipe(pipe, uri) => To::Pipe(pipe, append(uri)?),
    })
}
