//! The request that opened a socket.

use crate::head::Head;
use http::{Extensions, HeaderMap, request::Parts};
use std::{
    fmt,
    net::{IpAddr, SocketAddr},
    sync::{Arc, OnceLock},
};

/// The request that opened a socket: what `authorize` decides on. A cheap clone.
///
/// It wraps [`http::request::Parts`] with their extensions, so that what the middleware of a host
/// framework put there (a user, a session, a trace) can be read.
#[derive(Clone)]
pub struct Handshake(Arc<Inner>);

struct Inner {
    request: Request,
    query: OnceLock<Box<Query>>,
}

enum Request {
    /// Of a host framework.
    Parts(Box<Parts>),
    /// Read by a listener of this crate, and taken apart when somebody asks for it: all of its
    /// headers in a map take as much memory as all the rest of an idle socket.
    #[cfg_attr(not(feature = "http"), allow(dead_code))]
    Head { head: Head, peer: SocketAddr, parts: OnceLock<Box<Parts>> },
}

/// The pairs of a query, decoded.
struct Query(Vec<(String, String)>);

/// The address of the client, as a request extension: [`listen`](crate::Service::listen) sets it,
/// and a host framework may. [`Handshake::peer`] reads it, and the limits by address count it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PeerAddr(pub SocketAddr);

impl Handshake {
    /// Path of the request, as it reached the service: a host may have taken off its mount.
    pub fn path(&self) -> &str {
        self.target().0
    }

    /// Path and query.
    fn target(&self) -> (&str, &str) {
        match &self.0.request {
            Request::Parts(parts) => (parts.uri.path(), parts.uri.query().unwrap_or_default()),
            Request::Head { head, .. } => {
                head.target().split_once('?').unwrap_or((head.target(), ""))
            }
        }
    }

    /// The first value of a query parameter, percent-decoded.
    pub fn query(&self, key: &str) -> Option<&str> {
        let pairs = self.0.query.get_or_init(|| {
            let pairs = form_urlencoded::parse(self.target().1.as_bytes());
            Box::new(Query(pairs.into_owned().collect()))
        });
        pairs.0.iter().find(|(name, _)| name == key).map(|(_, value)| value.as_str())
    }

    /// The first value of a header; `None` also if it is not visible ASCII.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.lines(name).next().flatten()
    }

    /// The values of a header; `None` for one that is not visible ASCII.
    fn lines<'a, 'n>(
        &'a self,
        name: &'n str,
    ) -> impl Iterator<Item = Option<&'a str>> + use<'a, 'n> {
        let (parts, head) = match &self.0.request {
            Request::Parts(parts) => (Some(parts), None),
            Request::Head { head, .. } => (None, Some(head)),
        };
        let values = parts.into_iter().flat_map(move |parts| parts.headers.get_all(name));
        let values = values.map(|value| value.to_str().ok());
        values.chain(head.into_iter().flat_map(move |head| head.values(name)))
    }

    /// The value of a cookie, as it was sent.
    pub fn cookie(&self, name: &str) -> Option<&str> {
        let mut pairs = self.lines("cookie").flatten().flat_map(|line| line.split(';'));
        pairs
            .find_map(|pair| pair.trim_ascii().split_once('=').filter(|(key, _)| *key == name))
            .map(|(_, value)| value)
    }

    /// The token of `Authorization: Bearer`, or else of the query parameter `token`: a page cannot
    /// set headers of a WebSocket.
    pub fn token(&self) -> Option<&str> {
        let bearer = self.header("authorization").and_then(|value| {
            let (scheme, token) = value.split_once(' ')?;
            scheme.eq_ignore_ascii_case("bearer").then(|| token.trim_ascii())
        });
        bearer.or_else(|| self.query("token"))
    }

    /// The page that opened the socket, as `scheme://host[:port]`; `None` if it was no browser.
    pub fn origin(&self) -> Option<&str> {
        self.header("origin")
    }

    /// The client's address, if the listener or the host framework said it: see [`PeerAddr`].
    ///
    /// Behind a proxy it is the proxy's.
    pub fn peer(&self) -> Option<SocketAddr> {
        match &self.0.request {
            Request::Parts(parts) => parts.extensions.get::<PeerAddr>().map(|peer| peer.0),
            Request::Head { peer, .. } => Some(*peer),
        }
    }

    /// All headers. A listener of this crate leaves out those of the upgrade itself: `Connection`,
    /// `Upgrade`, `Sec-WebSocket-Key` and `Sec-WebSocket-Version`.
    pub fn headers(&self) -> &HeaderMap {
        &self.parts().headers
    }

    /// What middleware attached to the request.
    pub fn extensions(&self) -> &Extensions {
        &self.parts().extensions
    }

    fn parts(&self) -> &Parts {
        match &self.0.request {
            Request::Parts(parts) => parts,
            Request::Head { head, peer, parts } => {
                parts.get_or_init(|| Box::new(head.parts(*peer)))
            }
        }
    }

    /// Whether the client speaks our subprotocol by name.
    pub(crate) fn offers_subprotocol(&self) -> bool {
        self.has_token("sec-websocket-protocol", crate::wire::SUBPROTOCOL)
    }

    /// The words of a header that is a list of them.
    pub(crate) fn words(&self, name: &str) -> impl Iterator<Item = &str> {
        self.lines(name).flatten().flat_map(|line| line.split(',')).map(str::trim_ascii)
    }

    /// Whether a header that is a list of words has one of them.
    pub(crate) fn has_token(&self, name: &str, token: &str) -> bool {
        has_token(self.lines(name).flatten(), token)
    }

    /// Whether a header came, of whatever value.
    pub(crate) fn has(&self, name: &str) -> bool {
        self.lines(name).next().is_some()
    }

    /// The value of a header that came once.
    pub(crate) fn only(&self, name: &str) -> Option<&str> {
        let mut lines = self.lines(name);
        lines.next().flatten().filter(|_| lines.next().is_none())
    }

    /// Whether the page that opened the socket is of the host it connects to.
    pub(crate) fn is_same_origin(&self) -> bool {
        let Some(origin) = self.origin() else {
            return !self.has("origin");
        };
        let authority = match &self.0.request {
            Request::Parts(parts) => parts.uri.authority().map(http::uri::Authority::as_str),
            Request::Head { .. } => None,
        };
        let host = self.header("host").or(authority);
        let Some((scheme, authority)) = origin.split_once("://") else {
            return false;
        };
        let default = match scheme {
            "http" => ":80",
            "https" => ":443",
            _ => return false,
        };
        let bare = |host: &str| host.strip_suffix(default).unwrap_or(host).to_ascii_lowercase();
        host.is_some_and(|host| bare(host) == bare(authority))
    }
}

impl From<Parts> for Handshake {
    fn from(parts: Parts) -> Self {
        Self(Arc::new(Inner { request: Request::Parts(Box::new(parts)), query: OnceLock::new() }))
    }
}

impl Handshake {
    /// A request that a listener of this crate read.
    #[cfg(feature = "http")]
    pub(crate) fn read(head: Head, peer: SocketAddr) -> Self {
        let request = Request::Head { head, peer, parts: OnceLock::new() };
        Self(Arc::new(Inner { request, query: OnceLock::new() }))
    }
}

impl<B> From<http::Request<B>> for Handshake {
    fn from(request: http::Request<B>) -> Self {
        request.into_parts().0.into()
    }
}

impl Default for Handshake {
    /// `GET /` without headers, for streams that no request opened.
    fn default() -> Self {
        http::Request::new(()).into()
    }
}

impl fmt::Debug for Handshake {
    // Headers and query may hold secrets.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Handshake")
            .field("path", &self.path())
            .field("peer", &self.peer())
            .finish_non_exhaustive()
    }
}

/// Whether the lines of a header that is a list of words have one of them, in capitals or not.
pub(crate) fn has_token<'a>(lines: impl Iterator<Item = &'a str>, token: &str) -> bool {
    let mut words = lines.flat_map(|line| line.split(','));
    words.any(|word| word.trim_ascii().eq_ignore_ascii_case(token))
}

/// What the limits by address count: an IPv4 address, an IPv6 /64, and no loopback address, which
/// may be a proxy of this machine.
pub(crate) fn counted(address: IpAddr) -> Option<IpAddr> {
    let address = address.to_canonical();
    match address {
        _ if address.is_loopback() => None,
        IpAddr::V4(_) => Some(address),
        IpAddr::V6(v6) => Some(IpAddr::from((v6.to_bits() & !u128::from(u64::MAX)).to_be_bytes())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn handshake(uri: &str, headers: &[(&str, &str)]) -> Handshake {
        let mut request = http::Request::builder().uri(uri);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        request.body(()).unwrap().into()
    }

    #[test]
    fn query_cookie_and_token_are_read() {
        let it =
            handshake("/ws?name=a%20b&token=q", &[("cookie", "x=1; id=a=b"), ("cookie", "y=2")]);
        assert_eq!((it.path(), it.query("name"), it.query("none")), ("/ws", Some("a b"), None));
        assert_eq!(
            (it.cookie("id"), it.cookie("y"), it.cookie("z")),
            (Some("a=b"), Some("2"), None)
        );
        assert_eq!(it.token(), Some("q"));
        assert_eq!(handshake("/?token=q", &[("authorization", "bearer h")]).token(), Some("h"));
    }

    #[test]
    fn an_origin_is_the_same_up_to_the_default_port() {
        for (origin, host, same) in [
            ("http://a.example", "a.example", true),
            ("http://a.example", "A.example:80", true),
            ("https://a.example", "a.example:443", true),
            ("https://a.example", "a.example:80", false),
            ("http://a.example:3000", "a.example:3000", true),
            ("http://a.example:3000", "a.example:3001", false),
            ("http://b.example", "a.example", false),
            ("null", "a.example", false),
            ("file://a.example", "a.example", false),
        ] {
            let it = handshake("/", &[("origin", origin), ("host", host)]);
            assert_eq!(it.is_same_origin(), same, "{origin} at {host}");
        }
        assert!(handshake("/", &[("host", "a.example")]).is_same_origin());
    }

    #[test]
    fn addresses_are_counted_by_network_and_loopback_not_at_all() {
        let counted =
            |text: &str| counted(text.parse().unwrap()).map(|address| address.to_string());
        assert_eq!(counted("127.1.2.3"), None);
        assert_eq!(counted("::1"), None);
        assert_eq!(counted("192.0.2.7").as_deref(), Some("192.0.2.7"));
        assert_eq!(counted("::ffff:192.0.2.7").as_deref(), Some("192.0.2.7"));
        assert_eq!(counted("2001:db8:1:2:3:4:5:6").as_deref(), Some("2001:db8:1:2::"));
    }
}
