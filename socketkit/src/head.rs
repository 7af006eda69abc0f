//! The head of a request as it came: whoever looks at it takes it apart.

use crate::PeerAddr;
#[cfg(feature = "http")]
use crate::{handshake::has_token, upgrade::is_key};
use http::{HeaderName, HeaderValue, Request, request::Parts};
use std::net::SocketAddr;

/// The head of a valid request: its target and a line `name:value` for each header.
#[derive(Debug)]
pub(crate) struct Head(Box<[u8]>);

/// What bytes begin with.
#[derive(Debug)]
#[cfg(feature = "http")]
pub(crate) enum First {
    /// A part of a head.
    Unfinished,
    /// A valid request to upgrade.
    Upgrade(Upgrade),
    /// Something else, for an HTTP server to answer.
    Other,
}

/// A valid request to upgrade (RFC 6455 section 4.2.1).
#[derive(Debug)]
#[cfg(feature = "http")]
pub(crate) struct Upgrade {
    /// Without the headers of the upgrade itself.
    pub(crate) head: Head,
    pub(crate) key: String,
    /// Bytes that the whole head took.
    pub(crate) length: usize,
}

#[cfg(feature = "http")]
impl First {
    /// Looks at the first bytes of a connection.
    pub(crate) fn read(bytes: &[u8]) -> Self {
        let mut headers = [httparse::EMPTY_HEADER; 64];
        let mut request = httparse::Request::new(&mut headers);
        match request.parse(bytes) {
            Ok(httparse::Status::Complete(length)) => {
                upgrade(&request, length).map_or(Self::Other, Self::Upgrade)
            }
            Ok(httparse::Status::Partial) => Self::Unfinished,
            Err(_) => Self::Other,
        }
    }
}

/// Bytes of a target or of a name: HTTP servers take no more than 65,534.
#[cfg(feature = "http")]
const LONGEST: usize = 8192;

/// Of a request that is anything unusual an HTTP server decides what it is.
#[cfg(feature = "http")]
fn upgrade(request: &httparse::Request<'_, '_>, length: usize) -> Option<Upgrade> {
    let is_plain =
        |byte| matches!(byte, b'!' | b'%'..=b';' | b'=' | b'?'..=b'Z' | b'_' | b'a'..=b'z' | b'~');
    let is_target = |target: &&str| {
        target.starts_with('/') && target.len() <= LONGEST && target.bytes().all(is_plain)
    };
    let target = request.path.filter(is_target)?;
    let (mut upgrade, mut connection, mut version, mut key) = (false, false, false, None);
    let mut head = Vec::with_capacity(length);
    head.extend_from_slice(target.as_bytes());
    for httparse::Header { name, value } in &*request.headers {
        let has = |token| has_token(visible(value).into_iter(), token);
        if name.eq_ignore_ascii_case("upgrade") {
            upgrade |= has("websocket");
        } else if name.eq_ignore_ascii_case("connection") {
            connection |= has("upgrade");
        } else if name.eq_ignore_ascii_case("sec-websocket-version") {
            version |= has("13");
        } else if name.eq_ignore_ascii_case("content-length")
            || name.eq_ignore_ascii_case("transfer-encoding")
            || name.len() > LONGEST
        {
            return None;
        } else if name.eq_ignore_ascii_case("sec-websocket-key") {
            let more = key.replace(visible(value).filter(|key| is_key(key))?);
            if more.is_some() {
                return None;
            }
        } else {
            for part in [b"\n", name.as_bytes(), b":", value] {
                head.extend_from_slice(part);
            }
        }
    }
    let is_get = request.method == Some("GET") && request.version == Some(1);
    let is_upgrade = is_get && upgrade && connection && version;
    let key = key.filter(|_| is_upgrade)?.to_owned();
    Some(Upgrade { head: Head(head.into()), key, length })
}

impl Head {
    /// Path and query.
    pub(crate) fn target(&self) -> &str {
        std::str::from_utf8(self.lines().next().unwrap_or_default()).unwrap_or_default()
    }

    /// The values of a header, as they came; `None` for one that is not visible ASCII.
    pub(crate) fn values<'a, 'n>(
        &'a self,
        name: &'n str,
    ) -> impl Iterator<Item = Option<&'a str>> + use<'a, 'n> {
        self.headers()
            .filter(move |(key, _)| key.eq_ignore_ascii_case(name.as_bytes()))
            .map(|(_, value)| visible(value))
    }

    fn headers(&self) -> impl Iterator<Item = (&[u8], &[u8])> {
        self.lines().skip(1).filter_map(|line| {
            let colon = line.iter().position(|byte| *byte == b':')?;
            Some((line.get(..colon)?, line.get(colon + 1..)?))
        })
    }

    fn lines(&self) -> impl Iterator<Item = &[u8]> {
        self.0.split(|byte| *byte == b'\n')
    }

    /// The same as the `http` crate has it.
    pub(crate) fn parts(&self, peer: SocketAddr) -> Parts {
        let (mut parts, ()) = Request::new(()).into_parts();
        // All of it is valid.
        parts.uri = self.target().parse().unwrap_or_default();
        for (name, value) in self.headers() {
            if let (Ok(name), Ok(value)) = (name.try_into(), HeaderValue::from_bytes(value)) {
                parts.headers.append::<HeaderName>(name, value);
            }
        }
        parts.extensions.insert(PeerAddr(peer));
        parts
    }
}

fn visible(value: &[u8]) -> Option<&str> {
    let is_visible = |byte: &u8| matches!(byte, b'\t' | b' '..=b'~');
    value.iter().all(is_visible).then(|| std::str::from_utf8(value).ok()).flatten()
}

#[cfg(all(test, feature = "http"))]
mod tests {
    use super::*;

    const UPGRADE: &str = "Connection: keep-alive, Upgrade\r\nUPGRADE: websocket\r\n\
        Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n";

    fn upgrade(line: &str, headers: &str) -> Option<Upgrade> {
        match First::read(format!("{line}\r\n{headers}\r\nrest").as_bytes()) {
            First::Upgrade(upgrade) => Some(upgrade),
            First::Unfinished | First::Other => None,
        }
    }

    #[test]
    fn a_request_to_upgrade_is_read_as_an_http_server_reads_it() {
        let headers =
            format!("Host: a.example\r\n{UPGRADE}X-A:  1 \r\nx-a: \u{e4}\r\nCookie: a=b:c\r\n");
        let Upgrade { head, key, length } = upgrade("GET /ws?a=%20b HTTP/1.1", &headers).unwrap();
        assert_eq!(length, "GET /ws?a=%20b HTTP/1.1\r\n\r\n".len() + headers.len());
        assert_eq!((head.target(), &*key), ("/ws?a=%20b", "dGhlIHNhbXBsZSBub25jZQ=="));
        assert_eq!(head.values("x-A").collect::<Vec<_>>(), [Some("1"), None]);
        assert_eq!(head.values("cookie").collect::<Vec<_>>(), [Some("a=b:c")]);
        assert_eq!(head.values("upgrade").count(), 0);
        let parts = head.parts(([127, 0, 0, 1], 7).into());
        assert_eq!((parts.uri.path(), parts.uri.query()), ("/ws", Some("a=%20b")));
        assert_eq!(parts.headers["host"], "a.example");
        assert_eq!(parts.headers.get_all("x-a").iter().count(), 2);
        assert_eq!(parts.headers.len(), 4);
    }

    #[test]
    fn what_is_unusual_is_left_to_an_http_server() {
        assert!(upgrade("GET /ws HTTP/1.1", UPGRADE).is_some());
        for line in [
            "POST /ws HTTP/1.1",
            "GET /ws HTTP/1.0",
            "GET http://a.example/ws HTTP/1.1",
            "GET * HTTP/1.1",
            "GET /a\\b HTTP/1.1",
            "GET /a\"b HTTP/1.1",
            "GET /a#b HTTP/1.1",
            "GET /\u{e4} HTTP/1.1",
            "GET  /ws HTTP/1.1",
        ] {
            assert!(upgrade(line, UPGRADE).is_none(), "{line}");
        }
        let long = format!("GET /{} HTTP/1.1", "a".repeat(LONGEST));
        assert!(upgrade(&long, UPGRADE).is_none());
        for (part, other) in [
            ("UPGRADE: websocket\r\n", ""),
            ("UPGRADE: websocket\r\n", "Upgrade : websocket\r\n"),
            ("websocket", "h2c"),
            ("keep-alive, Upgrade", "keep-alive"),
            (": 13", ": 12"),
            ("==", "="),
            ("Connection", "sec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\nConnection"),
            ("Connection", " Connection"),
            ("Connection", "Content-Length: 5\r\nConnection"),
            ("Connection", "Transfer-Encoding: chunked\r\nConnection"),
        ] {
            let headers = UPGRADE.replacen(part, other, 1);
            assert!(upgrade("GET /ws HTTP/1.1", &headers).is_none(), "{headers}");
        }
        for text in ["", "G", "GET /ws HTTP/1.1\r\nUpgrade: websocket\r\n"] {
            assert!(matches!(First::read(text.as_bytes()), First::Unfinished), "{text}");
        }
    }
}
