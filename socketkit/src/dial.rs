//! Making a connection to a server: TCP, perhaps TLS, and the WebSocket handshake.

#[cfg(feature = "schema")]
mod fetch;

use crate::{
    Disconnect,
    handshake::has_token,
    transport::{Stream, Transport},
    wire,
};
use bytes::Bytes;
use futures_util::FutureExt;
use http::{HeaderMap, HeaderValue, Request, StatusCode, Uri, header};
use http_body_util::Empty;
use hyper_util::rt::TokioIo;
use std::{
    error::Error,
    fmt,
    future::Future,
    io,
    pin::{Pin, pin},
    sync::Arc,
};
use tokio::net::{TcpStream, tcp::OwnedWriteHalf};
use tokio_tungstenite::tungstenite::handshake::{client::generate_key, derive_accept_key};

/// Why a client could not connect.
#[derive(Debug)]
#[non_exhaustive]
pub enum ConnectError {
    /// The URL cannot be used: `ws://` (or `wss://`, with the feature `tls`), a host, perhaps a path
    /// and a query. Nothing was sent.
    Url(&'static str),
    /// The connection could not be made, or broke during the handshake. It may work later.
    Io(io::Error),
    /// The server answered with another HTTP status than 101.
    Refused(StatusCode),
    /// The socket was closed before the server's hello: its `authorize` refused, it is full, it does
    /// not speak this protocol, or it said nothing in time (4408).
    Closed(Box<Disconnect>),
    /// The handshake took longer than [`Limits::handshake`](crate::Limits::handshake).
    Timeout,
}

impl fmt::Display for ConnectError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Url(problem) => write!(f, "unusable url: {problem}"),
            Self::Io(_) => f.write_str("the connection could not be made"),
            Self::Refused(status) => write!(f, "refused with status {status}"),
            Self::Closed(disconnect) => write!(f, "closed: {disconnect}"),
            Self::Timeout => f.write_str("the handshake took too long"),
        }
    }
}

impl Error for ConnectError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::Io(error) => Some(error),
            _ => None,
        }
    }
}

impl From<io::Error> for ConnectError {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

impl From<hyper::Error> for ConnectError {
    fn from(error: hyper::Error) -> Self {
        Self::Io(io::Error::other(error))
    }
}

/// An open stream: the connection's end, the half that emitters write to, and bytes that were read
/// with the handshake.
pub(crate) type Line = (Transport, Option<OwnedWriteHalf>, Vec<u8>);

/// Makes streams without a network, to a service of this process.
pub(crate) trait Pipe: Send + Sync {
    /// A stream on which no handshake has to be made.
    fn open(&self, request: Request<()>) -> io::Result<Box<dyn Stream>>;

    /// Where between nothing and the whole of its bound the next pause is.
    fn jitter(&self) -> f64 {
        rand::random()
    }

    /// Whether no other thread is to write in place of a task that is late.
    fn is_alone(&self) -> bool {
        false
    }
}

/// How a server is reached.
#[derive(Clone)]
pub(crate) struct Dialer {
    pub(crate) to: To,
    pub(crate) headers: HeaderMap,
    #[cfg(feature = "tls")]
    pub(crate) tls: Option<Arc<tokio_rustls::rustls::ClientConfig>>,
}

/// Where the server is.
#[derive(Clone)]
pub(crate) enum To {
    Url(Uri),
    #[cfg_attr(not(feature = "server"), allow(dead_code))]
    Pipe(Arc<dyn Pipe>, Uri),
}

impl Dialer {
    /// Reaches a server without headers of one's own.
    #[cfg(feature = "server")]
    pub(crate) fn new(to: To) -> Self {
        Self {
            to,
            headers: HeaderMap::new(),
            #[cfg(feature = "tls")]
            tls: None,
        }
    }

    /// See [`Pipe::jitter`].
    pub(crate) fn jitter(&self) -> f64 {
        match &self.to {
            To::Pipe(pipe, _) => pipe.jitter(),
            To::Url(_) => rand::random(),
        }
    }

    /// See [`Pipe::is_alone`].
    pub(crate) fn is_alone(&self) -> bool {
        matches!(&self.to, To::Pipe(pipe, _) if pipe.is_alone())
    }

    /// Opens a stream and makes the handshake, with `ticket` for the session to go on with.
    pub(crate) fn dial(
        &self,
        ticket: Option<String>,
    ) -> Pin<Box<dyn Future<Output = Result<Line, ConnectError>> + Send>> {
        let mut dialer = self.clone();
        // Without it where the server's token is one that no header can hold: a new session begins.
        let offer = ticket.map(|ticket| format!("{}, {ticket}", wire::SUBPROTOCOL));
        let offer = offer.and_then(|offer| HeaderValue::try_from(offer).ok());
        let protocols = offer.unwrap_or(HeaderValue::from_static(wire::SUBPROTOCOL));
        Box::pin(async move {
            dialer.headers.insert(header::SEC_WEBSOCKET_PROTOCOL, protocols);
            match &dialer.to {
                To::Pipe(pipe, uri) => {
                    let mut request = Request::new(());
                    *request.uri_mut() = uri.clone();
                    *request.headers_mut() = dialer.headers.clone();
                    let (transport, write) = Transport::split(pipe.open(request)?);
                    Ok((transport, write, Vec::new()))
                }
                To::Url(uri) => dialer.open(uri).await,
            }
        })
    }

    async fn open(&self, uri: &Uri) -> Result<Line, ConnectError> {
        match self.reach(uri).await? {
            Reached::Tcp(stream) => self.upgrade(uri, stream).await,
            #[cfg(feature = "tls")]
            Reached::Tls(stream) => self.upgrade(uri, *stream).await,
        }
    }

    async fn reach(&self, uri: &Uri) -> Result<Reached, ConnectError> {
        let host = uri.host().ok_or(ConnectError::Url("it names no host"))?;
        let bare = host.trim_start_matches('[').trim_end_matches(']');
        match uri.scheme_str() {
            Some("ws") => {
                let stream = TcpStream::connect((bare, uri.port_u16().unwrap_or(80))).await?;
                Ok(Reached::Tcp(stream))
            }
            #[cfg(feature = "tls")]
            Some("wss") => {
                let stream = TcpStream::connect((bare, uri.port_u16().unwrap_or(443))).await?;
                stream.set_nodelay(true)?;
                let name = tokio_rustls::rustls::pki_types::ServerName::try_from(bare.to_owned())
                    .map_err(|_| ConnectError::Url("its host is not valid for TLS"))?;
                let connector = tokio_rustls::TlsConnector::from(self.tls_config());
                Ok(Reached::Tls(Box::new(connector.connect(name, stream).await?)))
            }
            #[cfg(not(feature = "tls"))]
            Some("wss") => Err(ConnectError::Url("`wss` needs the feature `tls`")),
            _ => Err(ConnectError::Url("its scheme is neither `ws` nor `wss`")),
        }
    }

    /// What certificates are checked with: by default the roots of Mozilla.
    #[cfg(feature = "tls")]
    fn tls_config(&self) -> Arc<tokio_rustls::rustls::ClientConfig> {
        use tokio_rustls::rustls::{ClientConfig, RootCertStore};
        self.tls.clone().unwrap_or_else(|| {
            let roots = RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.into() };
            Arc::new(ClientConfig::builder().with_root_certificates(roots).with_no_client_auth())
        })
    }

    /// Makes the handshake (RFC 6455 section 4.1).
    async fn upgrade<S: Stream + 'static>(
        &self,
        uri: &Uri,
        stream: S,
    ) -> Result<Line, ConnectError> {
        let key = generate_key();
        let target = uri.path_and_query().map_or("/", |path| path.as_str());
        let mut request = Request::builder()
            .uri(target)
            .header(header::HOST, host(uri))
            .header(header::CONNECTION, "Upgrade")
            .header(header::UPGRADE, "websocket")
            .header(header::SEC_WEBSOCKET_VERSION, "13")
            .header(header::SEC_WEBSOCKET_KEY, &key)
            .body(Empty::<Bytes>::new())
            .map_err(|_| ConnectError::Url("it does not make a valid request"))?;
        request.headers_mut().extend(self.headers.clone());
        let (mut sender, connection) =
            hyper::client::conn::http1::handshake(TokioIo::new(stream)).await?;
        // It ends with the upgrade, perhaps before the response is looked at.
        let mut connection = pin!(connection.with_upgrades().fuse());
        let mut response = pin!(sender.send_request(request));
        let response = tokio::select! {
            response = &mut response => response?,
            _ = &mut connection => response.await?,
        };
        if response.status() != StatusCode::SWITCHING_PROTOCOLS {
            return Err(ConnectError::Refused(response.status()));
        }
        if !is_accepted(response.headers(), &key) {
            return Err(ConnectError::Io(io::Error::new(
                io::ErrorKind::InvalidData,
                "not a WebSocket server",
            )));
        }
        let mut upgrade = pin!(hyper::upgrade::on(response));
        let upgraded = tokio::select! {
            upgraded = &mut upgrade => upgraded?,
            _ = &mut connection => upgrade.await?,
        };
        let parts = upgraded.downcast::<TokioIo<S>>();
        let parts = parts.map_err(|_| io::Error::other("the stream is of another type"))?;
        let (transport, write) = Transport::split(parts.io.into_inner());
        Ok((transport, write, parts.read_buf.into()))
    }
}

/// A stream on which a request can be made.
enum Reached {
    Tcp(TcpStream),
    #[cfg(feature = "tls")]
    Tls(Box<tokio_rustls::client::TlsStream<TcpStream>>),
}

/// What a request says of where it goes.
pub(crate) fn host(uri: &Uri) -> String {
    let host = uri.host().unwrap_or_default();
    uri.port_u16().map_or_else(|| host.to_owned(), |port| format!("{host}:{port}"))
}

/// Whether a 101 answers our request (RFC 6455 section 4.1, at the end).
fn is_accepted(headers: &HeaderMap, key: &str) -> bool {
    let accept = headers.get(header::SEC_WEBSOCKET_ACCEPT);
    let protocol = headers.get(header::SEC_WEBSOCKET_PROTOCOL);
    let lines = |name| headers.get_all(name).iter().filter_map(|line| line.to_str().ok());
    accept.is_some_and(|accept| accept == derive_accept_key(key.as_bytes()).as_str())
        && has_token(lines(header::UPGRADE), "websocket")
        && has_token(lines(header::CONNECTION), "upgrade")
        && protocol.is_none_or(|protocol| protocol == wire::SUBPROTOCOL)
        && !headers.contains_key(header::SEC_WEBSOCKET_EXTENSIONS)
}

impl fmt::Debug for Dialer {
    // Headers and query may hold secrets.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Dialer").finish_non_exhaustive()
    }
}
