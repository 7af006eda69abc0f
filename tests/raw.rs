//! Clients that are not ours: plain tungstenite, and bytes on a TCP socket.

mod bytes;

pub use bytes::{BINARY, Bytes, CLOSE, PING, PONG, TEXT, announce, code, frame, upgrade};

use crate::chat::soon;
use futures_util::{SinkExt, StreamExt};
use serde_json::Value;
use std::net::SocketAddr;
use tokio::net::TcpStream;
use tokio_tungstenite::{
    WebSocketStream, client_async,
    tungstenite::{Message, Utf8Bytes, client::IntoClientRequest, protocol::CloseFrame},
};

/// The subprotocol, as `wire.md` writes it.
pub const SUBPROTOCOL: &str = "socketkit.v1.json";

/// A WebSocket client that knows nothing of socketkit.
#[derive(Debug)]
pub struct Plain {
    socket: WebSocketStream<TcpStream>,
}

impl Plain {
    /// Connects to `/ws`, and offers the subprotocol if `ours`.
    ///
    /// # Panics
    ///
    /// When the server does not upgrade.
    pub async fn open(addr: SocketAddr, ours: bool) -> Self {
        Self::offering(addr, if ours { SUBPROTOCOL } else { "" }).await
    }

    /// Connects to `/ws` and offers to go on with a session.
    ///
    /// # Panics
    ///
    /// When the server does not upgrade.
    pub async fn resuming(addr: SocketAddr, token: &str, seen: u64, attempt: u64) -> Self {
        Self::offering(addr, &format!("{SUBPROTOCOL}, resume.{token}.{seen}.{attempt}")).await
    }

    /// Connects to `/ws` and offers these subprotocols, if there are any.
    ///
    /// # Panics
    ///
    /// When the server does not upgrade.
    pub async fn offering(addr: SocketAddr, protocols: &str) -> Self {
        Self::at(addr, "/ws", protocols).await
    }

    /// Connects to a path and offers these subprotocols, if there are any.
    ///
    /// # Panics
    ///
    /// When the server does not upgrade.
    pub async fn at(addr: SocketAddr, path: &str, protocols: &str) -> Self {
        let mut request = format!("ws://{addr}{path}").into_client_request().expect("a url");
        if !protocols.is_empty() {
            let value = protocols.parse().expect("a header");
            request.headers_mut().insert("sec-websocket-protocol", value);
        }
        let stream = soon(TcpStream::connect(addr)).await.expect("it listens");
        let (socket, _) = soon(client_async(request, stream)).await.expect("it upgrades");
        Self { socket }
    }

    /// The same, after its `hello`.
    pub async fn greeted(addr: SocketAddr) -> Self {
        let mut plain = Self::open(addr, true).await;
        let hello = plain.line().await;
        assert!(hello.starts_with(r#"{"hello":{"session":""#), "{hello}");
        plain
    }

    /// Sends a text.
    ///
    /// # Panics
    ///
    /// When the connection is gone.
    pub async fn send(&mut self, text: impl Into<Utf8Bytes>) {
        self.message(Message::Text(text.into())).await;
    }

    /// Sends any message.
    ///
    /// # Panics
    ///
    /// When the connection is gone.
    pub async fn message(&mut self, message: Message) {
        soon(self.socket.send(message)).await.expect("it is open");
    }

    /// The next message, whatever it is; `None` at the end.
    pub async fn any(&mut self) -> Option<Message> {
        soon(self.socket.next()).await.and_then(Result::ok)
    }

    /// The next text but for heartbeats and what was seen.
    ///
    /// # Panics
    ///
    /// When the server closes instead.
    pub async fn line(&mut self) -> String {
        loop {
            match self.any().await {
                Some(Message::Text(text)) if is_control(&text) => {}
                Some(Message::Text(text)) => return text.as_str().to_owned(),
                Some(Message::Ping(_) | Message::Pong(_)) => {}
                other => panic!("instead of a text: {other:?}"),
            }
        }
    }

    /// The same, parsed.
    ///
    /// # Panics
    ///
    /// When the server closes instead, or does not send JSON.
    pub async fn next(&mut self) -> Value {
        let line = self.line().await;
        serde_json::from_str(&line).unwrap_or_else(|error| panic!("{error}: {line}"))
    }

    /// The next text but for heartbeats and what was seen, parsed; the code if the server closes instead.
    ///
    /// # Panics
    ///
    /// When it does not send JSON.
    pub async fn first(&mut self) -> Result<Value, u16> {
        loop {
            match self.any().await {
                Some(Message::Text(text)) if is_control(&text) => {}
                Some(Message::Text(text)) => return Ok(serde_json::from_str(&text).expect("JSON")),
                Some(Message::Close(Some(close))) => return Err(close.code.into()),
                Some(Message::Close(None)) => return Err(1005),
                Some(_) => {}
                None => return Err(1006),
            }
        }
    }

    /// Closes with a code, and waits until the server has as well.
    pub async fn leave(&mut self, code: u16) {
        let close = CloseFrame { code: code.into(), reason: "".into() };
        self.message(Message::Close(Some(close))).await;
        self.closed().await;
    }

    /// Reads on until the server closes: the code and the reason, 1005 for none, 1006 if it does not
    /// say farewell.
    pub async fn closed(&mut self) -> (u16, String) {
        loop {
            match self.any().await {
                Some(Message::Close(Some(close))) => {
                    return (close.code.into(), close.reason.as_str().to_owned());
                }
                Some(Message::Close(None)) => return (1005, String::new()),
                Some(_) => {}
                None => return (1006, String::new()),
            }
        }
    }
}

/// Whether a text is a heartbeat, or says what was seen.
fn is_control(text: &str) -> bool {
    text == "{}" || text.starts_with(r#"{"seen":"#)
}
