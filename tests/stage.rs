//! A server that does what a test tells it, frame by frame: files over HTTP, and bare WebSockets.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio::time::timeout;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;
use tokio_tungstenite::tungstenite::protocol::{CloseFrame, Message, Role};

/// How long a client may take for anything that a test waits for.
const DEADLINE: Duration = Duration::from_secs(20);

type Files = HashMap<String, String>;

/// The server; every WebSocket that is asked of it waits for [`Stage::knock`].
#[derive(Debug)]
pub struct Stage {
    address: SocketAddr,
    knocks: mpsc::Receiver<Knock>,
}

/// A request for a WebSocket that is not answered yet; dropped, the connection is.
#[derive(Debug)]
pub struct Knock {
    stream: TcpStream,
    head: String,
}

/// The server's end of a WebSocket; dropped, the TCP connection ends without a close frame.
#[derive(Debug)]
pub struct Peer {
    socket: WebSocketStream<TcpStream>,
}

impl Stage {
    /// Serves these pairs of path and text on a free port of the loopback.
    ///
    /// # Panics
    /// If there is no free port.
    pub async fn open<P: Into<String>, T: Into<String>>(
        files: impl IntoIterator<Item = (P, T)>,
    ) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = listener.local_addr().expect("an address");
        let files =
            Arc::new(files.into_iter().map(|(path, text)| (path.into(), text.into())).collect());
        let (sender, knocks) = mpsc::channel(16);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(connection(stream, Arc::clone(&files), sender.clone()));
            }
        });
        Self { address, knocks }
    }

    /// The URL of a path on this server.
    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    /// The next request for a WebSocket.
    ///
    /// # Panics
    /// If none comes in 20 s.
    pub async fn knock(&mut self) -> Knock {
        let knock = timeout(DEADLINE, self.knocks.recv()).await;
        knock.expect("a client that connects").expect("a listener")
    }

    /// Accepts the next WebSocket, without a `hello`.
    pub async fn accept(&mut self) -> Peer {
        self.knock().await.accept().await
    }

    /// Accepts the next WebSocket and says `hello` with a heartbeat of 25 s.
    pub async fn greet(&mut self) -> Peer {
        let mut peer = self.accept().await;
        peer.hello(25_000).await;
        peer
    }

    /// Whether a client has asked for a WebSocket that is not answered yet.
    pub fn is_wanted(&self) -> bool {
        !self.knocks.is_empty()
    }
}

impl Knock {
    /// A header of the request.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.head.lines().find_map(|line| {
            let (key, value) = line.split_once(": ")?;
            key.eq_ignore_ascii_case(name).then_some(value)
        })
    }

    /// The path of the request, with its query.
    pub fn path(&self) -> &str {
        self.head.split(' ').nth(1).unwrap_or_default()
    }

    /// Answers with 101 and the first subprotocol that was offered.
    ///
    /// # Panics
    /// If the request is none for a WebSocket, or the client is gone.
    pub async fn accept(mut self) -> Peer {
        let key = self.header("Sec-WebSocket-Key").expect("a WebSocket key");
        let accept = derive_accept_key(key.as_bytes());
        let offered = self.header("Sec-WebSocket-Protocol").and_then(|all| all.split(',').next());
        let protocol =
            offered.map(|name| format!("Sec-WebSocket-Protocol: {name}\r\n")).unwrap_or_default();
        let answer = format!(
            "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
             Sec-WebSocket-Accept: {accept}\r\n{protocol}\r\n"
        );
        self.stream.write_all(answer.as_bytes()).await.expect("a client that waits");
        Peer { socket: WebSocketStream::from_raw_socket(self.stream, Role::Server, None).await }
    }
}

impl Peer {
    /// Sends a text frame.
    ///
    /// # Panics
    /// If the connection is gone.
    pub async fn send(&mut self, frame: &str) {
        self.socket.send(Message::text(frame)).await.expect("an open connection");
    }

    /// Sends `hello` with this heartbeat, in milliseconds.
    pub async fn hello(&mut self, heartbeat: u32) {
        self.send(&format!(
            r#"{{"hello":{{"session":"s1","heartbeat":{heartbeat},"limit":65536}}}}"#
        ))
        .await;
    }

    /// Sends `hello` of a session that can resume: with a heartbeat of 25 s, and these members.
    pub async fn welcome(&mut self, members: &str) {
        self.send(&format!(
            r#"{{"hello":{{"session":"s1","heartbeat":25000,"limit":65536,{members}}}}}"#
        ))
        .await;
    }

    /// The next text frame.
    ///
    /// # Panics
    /// If none comes in 20 s.
    pub async fn frame(&mut self) -> String {
        match self.next().await {
            Some(Message::Text(text)) => text.to_string(),
            other => panic!("no text frame but {other:?}"),
        }
    }

    /// The next text frame, as JSON.
    pub async fn json(&mut self) -> Value {
        let frame = self.frame().await;
        serde_json::from_str(&frame).unwrap_or_else(|error| panic!("{frame}: {error}"))
    }

    /// Waits until the client closes: its code and reason, or `None` if the connection just ended.
    ///
    /// # Panics
    /// If another frame comes first, or nothing in 20 s.
    pub async fn closed(&mut self) -> Option<(u16, String)> {
        match self.next().await {
            Some(Message::Close(Some(CloseFrame { code, reason }))) => {
                Some((code.into(), reason.to_string()))
            }
            Some(Message::Close(None)) => Some((1005, String::new())),
            None => None,
            Some(other) => panic!("not closed but {other:?}"),
        }
    }

    /// Closes with this code and reason, and waits until the client has done so too.
    pub async fn close(mut self, code: u16, reason: &'static str) {
        let frame = CloseFrame { code: code.into(), reason: reason.into() };
        // The client may be gone already.
        let _ = self.socket.close(Some(frame)).await;
        while let Some(Message::Text(_) | Message::Ping(_) | Message::Pong(_)) = self.next().await {
        }
    }

    async fn next(&mut self) -> Option<Message> {
        let message =
            timeout(DEADLINE, self.socket.next()).await.expect("a client that does something");
        message.and_then(Result::ok)
    }
}

async fn connection(mut stream: TcpStream, files: Arc<Files>, knocks: mpsc::Sender<Knock>) {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        match stream.read_u8().await {
            Ok(byte) => head.push(byte),
            Err(_) => return,
        }
    }
    let knock = Knock { stream, head: String::from_utf8_lossy(&head).into_owned() };
    if knock.header("Upgrade").is_some() {
        // Fails when the test is over.
        let _ = knocks.send(knock).await;
        return;
    }
    let path = knock.path().split('?').next().unwrap_or_default();
    let (status, body) = match files.get(path) {
        Some(body) => ("200 OK", body.as_str()),
        None => ("404 Not Found", ""),
    };
    let kind = match path.rsplit_once('.') {
        Some((_, "js")) => "text/javascript",
        Some((_, "css")) => "text/css",
        Some((_, "svg")) => "image/svg+xml",
        _ => "text/html",
    };
    let answer = format!(
        "HTTP/1.1 {status}\r\nContent-Type: {kind}; charset=utf-8\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}",
        body.len()
    );
    let mut stream = knock.stream;
    // The browser may have gone on to another page.
    let _ = stream.write_all(answer.as_bytes()).await;
    let _ = stream.shutdown().await;
}
