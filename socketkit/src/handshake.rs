//! The request that opened a socket.

use http::{Extensions, HeaderMap, HeaderName, header, request::Parts};
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
    parts: Parts,
    query: OnceLock<Vec<(String, String)>>,
}

/// The address of the client, as a request extension: [`listen`](crate::Service::listen) sets it,
/// and a host framework may. [`Handshake::peer`] reads it, and the limits by address count it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PeerAddr(pub SocketAddr);

impl Handshake {
    /// Path of the request, as it reached the service: a host may have taken off its mount.
    pub fn path(&self) -> &str {
        self.0.parts.uri.path()
    }

    /// The first value of a query parameter, percent-decoded.
    pub fn query(&self, key: &str) -> Option<&str> {
        let pairs = self.0.query.get_or_init(|| {
            let query = self.0.parts.uri.query().unwrap_or_default();
            form_urlencoded::parse(query.as_bytes()).into_owned().collect()
        });
        pairs.iter().find(|(name, _)| name == key).map(|(_, value)| value.as_str())
    }

    /// The first value of a header; `None` also if it is not visible ASCII.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers().get(name)?.to_str().ok()
    }

    /// The value of a cookie, as it was sent.
    pub fn cookie(&self, name: &str) -> Option<&str> {
        let lines = self.headers().get_all(header::COOKIE).iter();
        let mut pairs =
            lines.filter_map(|line| line.to_str().ok()).flat_map(|line| line.split(';'));
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
        self.extensions().get::<PeerAddr>().map(|peer| peer.0)
    }

    /// All headers.
    pub fn headers(&self) -> &HeaderMap {
        &self.0.parts.headers
    }

    /// What middleware attached to the request.
    pub fn extensions(&self) -> &Extensions {
        &self.0.parts.extensions
    }

    /// Whether the client speaks our subprotocol by name.
    pub(crate) fn offers_subprotocol(&self) -> bool {
        has_token(self.headers(), header::SEC_WEBSOCKET_PROTOCOL, crate::wire::SUBPROTOCOL)
    }

    /// Whether the page that opened the socket is of the host it connects to.
    pub(crate) fn is_same_origin(&self) -> bool {
        let Some(origin) = self.origin() else {
            return !self.headers().contains_key(header::ORIGIN);
        };
        let host = self
            .header("host")
            .or_else(|| self.0.parts.uri.authority().map(http::uri::Authority::as_str));
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
        Self(Arc::new(Inner { parts, query: OnceLock::new() }))
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

/// Whether a header that is a list of words has one of them, in capitals or not.
pub(crate) fn has_token(headers: &HeaderMap, name: HeaderName, token: &str) -> bool {
    let lines = headers.get_all(name).iter().filter_map(|line| line.to_str().ok());
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
