//! The head of a request as it came: whoever looks at it takes it apart.

use crate::PeerAddr;
use http::{Request, request::Parts};
use std::net::SocketAddr;

/// The head of a valid HTTP/1.1 request whose target begins with a slash.
#[derive(Debug)]
pub(crate) struct Head(Box<[u8]>);

/// What bytes begin with.
#[derive(Debug)]
#[cfg(feature = "http")]
pub(crate) enum First {
    /// A part of a head.
    Unfinished,
    /// A request to upgrade, and how many bytes it takes.
    Upgrade(Head, usize),
    /// Something else, for an HTTP server to answer.
    Other,
}

impl Head {
    /// Looks at the first bytes of a connection.
    #[cfg(feature = "http")]
    pub(crate) fn read(bytes: &[u8]) -> First {
        let mut headers = [httparse::EMPTY_HEADER; 64];
        let mut request = httparse::Request::new(&mut headers);
        let length = match request.parse(bytes) {
            Ok(httparse::Status::Complete(length)) => length,
            Ok(httparse::Status::Partial) => return First::Unfinished,
            Err(_) => return First::Other,
        };
        // Of a target that is anything unusual an HTTP server decides whether it is one.
        let is_plain = |byte| matches!(byte, b'!' | b'%'..=b';' | b'=' | b'?'..=b'Z' | b'_' | b'a'..=b'z' | b'~');
        let is_target = |target: &str| target.starts_with('/') && target.bytes().all(is_plain);
        let is_upgrade = request.method == Some("GET")
            && request.version == Some(1)
            && request.path.is_some_and(is_target)
            && request.headers.iter().any(|header| header.name.eq_ignore_ascii_case("upgrade"));
        match bytes.get(..length) {
            Some(head) if is_upgrade => First::Upgrade(Self(head.into()), length),
            _ => First::Other,
        }
    }

    #[cfg(feature = "http")]
    pub(crate) fn bytes(&self) -> &[u8] {
        &self.0
    }

    /// Path and query.
    pub(crate) fn target(&self) -> &str {
        let line = self.lines().next().unwrap_or_default();
        let target = line.split(|byte| *byte == b' ').nth(1).unwrap_or_default();
        std::str::from_utf8(target).unwrap_or_default()
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
            Some((line.get(..colon)?, line.get(colon + 1..)?.trim_ascii()))
        })
    }

    fn lines(&self) -> impl Iterator<Item = &[u8]> {
        self.0.split(|byte| *byte == b'\n').map(|line| line.strip_suffix(b"\r").unwrap_or(line))
    }

    /// The same as the `http` crate has it.
    pub(crate) fn parts(&self, peer: SocketAddr) -> Parts {
        let mut request = Request::builder().uri(self.target());
        for (name, value) in self.headers() {
            request = request.header(name, value);
        }
        // The head is valid.
        let mut parts = request.body(()).unwrap_or_default().into_parts().0;
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

    fn upgrade(head: &str) -> Option<Head> {
        match Head::read(head.as_bytes()) {
            First::Upgrade(head, _) => Some(head),
            First::Unfinished | First::Other => None,
        }
    }

    #[test]
    fn a_request_to_upgrade_is_read_as_an_http_server_reads_it() {
        let text = "GET /ws?a=%20b HTTP/1.1\r\nHost: a.example\r\nUPGRADE: websocket\r\n\
                    X-A:  1 \r\nx-a: \u{e4}\r\nCookie: a=b\r\n\r\nrest";
        let First::Upgrade(head, length) = Head::read(text.as_bytes()) else { panic!() };
        assert_eq!(&text[length..], "rest");
        assert_eq!(head.target(), "/ws?a=%20b");
        assert_eq!(head.values("x-A").collect::<Vec<_>>(), [Some("1"), None]);
        assert_eq!(head.values("none").count(), 0);
        let parts = head.parts(([127, 0, 0, 1], 7).into());
        assert_eq!((parts.uri.path(), parts.uri.query()), ("/ws", Some("a=%20b")));
        assert_eq!(parts.headers["host"], "a.example");
        assert_eq!(parts.headers.get_all("x-a").iter().count(), 2);
        assert_eq!(parts.headers.len(), 5);
    }

    #[test]
    fn what_is_unusual_is_left_to_an_http_server() {
        let head = |line: &str, rest: &str| upgrade(&format!("{line}\r\n{rest}\r\n"));
        let websocket = "Upgrade: websocket\r\n";
        assert!(head("GET /ws HTTP/1.1", websocket).is_some());
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
            assert!(head(line, websocket).is_none(), "{line}");
        }
        for rest in ["", "Host: a\r\n", "Upgrade : websocket\r\n", " Upgrade: websocket\r\n"] {
            assert!(head("GET /ws HTTP/1.1", rest).is_none(), "{rest}");
        }
        for text in ["", "G", "GET /ws HTTP/1.1\r\nUpgrade: websocket\r\n"] {
            assert!(matches!(Head::read(text.as_bytes()), First::Unfinished), "{text}");
        }
    }
}
