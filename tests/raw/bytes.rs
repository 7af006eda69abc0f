//! Bytes of WebSocket, read and written one by one.

use super::{SUBPROTOCOL, is_control};
use crate::chat::soon;
use std::net::SocketAddr;
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt},
    net::TcpStream,
};

/// First bytes of frames: a whole text, a whole binary message, and the control frames.
pub const TEXT: u8 = 0x81;
/// See [`TEXT`].
pub const BINARY: u8 = 0x82;
/// See [`TEXT`].
pub const CLOSE: u8 = 0x88;
/// See [`TEXT`].
pub const PING: u8 = 0x89;
/// See [`TEXT`].
pub const PONG: u8 = 0x8a;

/// Bytes on a TCP socket, or on any other stream.
#[derive(Debug)]
pub struct Bytes<S = TcpStream> {
    stream: S,
    unread: Vec<u8>,
}

impl Bytes {
    /// Opens a TCP connection and says nothing.
    ///
    /// # Panics
    ///
    /// When nobody listens.
    pub async fn connect(addr: SocketAddr) -> Self {
        let stream = soon(TcpStream::connect(addr)).await.expect("it listens");
        Self::over(stream)
    }

    /// Connects and upgrades at `/ws` with the subprotocol.
    ///
    /// # Panics
    ///
    /// When the server does not upgrade.
    pub async fn upgraded(addr: SocketAddr) -> Self {
        let mut bytes = Self::connect(addr).await;
        bytes.write(&upgrade(&[("sec-websocket-protocol", SUBPROTOCOL)])).await;
        assert_eq!(bytes.status().await, 101);
        bytes
    }

    /// The same, after its `hello`.
    ///
    /// # Panics
    ///
    /// When something else comes first.
    pub async fn greeted(addr: SocketAddr) -> Self {
        let mut bytes = Self::upgraded(addr).await;
        let (first, hello) = bytes.frame().await.expect("a hello");
        assert!(first == TEXT && hello.starts_with(br#"{"hello":{"#));
        bytes
    }

    /// Ends the connection with a reset instead of a farewell.
    ///
    /// # Panics
    ///
    /// When the socket has no such option.
    pub fn reset(self) {
        self.stream.set_zero_linger().expect("a TCP socket");
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> Bytes<S> {
    /// Takes over a stream on which nothing was read yet.
    pub fn over(stream: S) -> Self {
        Self { stream, unread: Vec::new() }
    }

    /// The stream itself.
    pub fn stream(&mut self) -> &mut S {
        &mut self.stream
    }

    /// Writes bytes, as far as the server takes them: it may have closed.
    pub async fn write(&mut self, bytes: &[u8]) {
        let _ = soon(self.stream.write_all(bytes)).await;
    }

    /// Ends the direction to the server.
    pub async fn half_close(&mut self) {
        let _ = soon(self.stream.shutdown()).await;
    }

    /// The head of an HTTP response; empty if the server closed instead.
    pub async fn head(&mut self) -> String {
        loop {
            if let Some(at) = self.unread.windows(4).position(|end| end == b"\r\n\r\n") {
                let head = self.unread.drain(..at + 4).collect();
                return String::from_utf8(head).expect("a head is text");
            }
            if !self.more().await {
                return String::new();
            }
        }
    }

    /// Everything until the server closes.
    pub async fn rest(&mut self) -> Vec<u8> {
        while self.more().await {}
        std::mem::take(&mut self.unread)
    }

    /// So many bytes; fewer if the server closes before.
    pub async fn take(&mut self, length: usize) -> Vec<u8> {
        while self.unread.len() < length && self.more().await {}
        self.unread.drain(..length.min(self.unread.len())).collect()
    }

    /// The status of an HTTP response; 0 if the server closed instead.
    pub async fn status(&mut self) -> u16 {
        let head = self.head().await;
        let status = head.split(' ').nth(1).and_then(|word| word.parse().ok());
        status.unwrap_or_default()
    }

    /// The next frame but for what was seen, its first byte and its payload; `None` at the end.
    ///
    /// # Panics
    ///
    /// When it is masked, which a server's frames must not be.
    pub async fn frame(&mut self) -> Option<(u8, Vec<u8>)> {
        loop {
            let frame = self.any().await;
            let is_seen = |(first, payload): &(u8, Vec<u8>)| {
                *first == TEXT && payload.starts_with(br#"{"seen":"#)
            };
            if !frame.as_ref().is_some_and(is_seen) {
                return frame;
            }
        }
    }

    /// The next frame, whatever it is.
    ///
    /// # Panics
    ///
    /// As [`frame`](Self::frame) does.
    pub async fn any(&mut self) -> Option<(u8, Vec<u8>)> {
        loop {
            if let Some((header, length)) = header(&self.unread)
                && self.unread.len() >= header + length
            {
                let payload = self.unread[header..header + length].to_vec();
                let first = self.unread[0];
                self.unread.drain(..header + length);
                return Some((first, payload));
            }
            if !self.more().await {
                return None;
            }
        }
    }

    /// The next text but for heartbeats and what was seen.
    ///
    /// # Panics
    ///
    /// When there is none.
    pub async fn line(&mut self) -> String {
        loop {
            match self.frame().await {
                Some((TEXT, text)) if is_control(std::str::from_utf8(&text).expect("text")) => {}
                Some((TEXT, text)) => return String::from_utf8(text).expect("text is UTF-8"),
                Some((PING | PONG, _)) => {}
                other => panic!("instead of a text: {other:?}"),
            }
        }
    }

    /// Reads on until the server closes: its code, 1005 for none, 1006 if it does not say farewell.
    ///
    /// # Panics
    ///
    /// When something follows a close frame.
    pub async fn closed(&mut self) -> u16 {
        while let Some((first, payload)) = self.frame().await {
            if first == CLOSE {
                assert!(self.frame().await.is_none(), "a close frame is the last");
                return code(&payload);
            }
        }
        1006
    }

    /// Reads what there is; false at the end.
    async fn more(&mut self) -> bool {
        soon(self.stream.read_buf(&mut self.unread)).await.is_ok_and(|read| read > 0)
    }
}

/// The code in a close frame, 1005 for none.
pub fn code(payload: &[u8]) -> u16 {
    match *payload {
        [high, low, ..] => u16::from_be_bytes([high, low]),
        _ => 1005,
    }
}

/// Length of a header and of the payload behind it.
fn header(bytes: &[u8]) -> Option<(usize, usize)> {
    match *bytes {
        [_, 128..=255, ..] => panic!("the frame of a server is masked"),
        [_, 126, high, low, ..] => Some((4, u16::from_be_bytes([high, low]).into())),
        [_, 127, _, _, _, _, a, b, c, d, ..] => {
            Some((10, u32::from_be_bytes([a, b, c, d]) as usize))
        }
        [_, length, ..] => Some((2, length.into())),
        _ => None,
    }
}

/// A request to upgrade at `/ws`, with further headers.
pub fn upgrade(headers: &[(&str, &str)]) -> Vec<u8> {
    let mut head = "GET /ws HTTP/1.1\r\nhost: here.example\r\nconnection: Upgrade\r\n\
        upgrade: websocket\r\nsec-websocket-version: 13\r\n\
        sec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
        .to_owned();
    for (name, value) in headers {
        head += &format!("{name}: {value}\r\n");
    }
    (head + "\r\n").into()
}

/// The header of a frame whose payload is announced as `length` bytes, with a mask of zeros if
/// `masked`: such a mask leaves the payload as it is.
pub fn announce(first: u8, masked: bool, length: u64) -> Vec<u8> {
    let mask = u8::from(masked) << 7;
    let mut out = vec![first];
    match length {
        ..126 => out.push(mask | length as u8),
        126..65_536 => {
            out.push(mask | 126);
            out.extend((length as u16).to_be_bytes());
        }
        _ => {
            out.push(mask | 127);
            out.extend(length.to_be_bytes());
        }
    }
    if masked {
        out.extend([0; 4]);
    }
    out
}

/// A masked frame.
pub fn frame(first: u8, payload: impl AsRef<[u8]>) -> Vec<u8> {
    let payload = payload.as_ref();
    let mut out = announce(first, true, payload.len() as u64);
    out.extend(payload);
    out
}
