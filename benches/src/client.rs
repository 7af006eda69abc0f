//! A socket of a load generator: it speaks either protocol, and checks all that it is sent.

use crate::{client_frame, server_frame, upgrade_request, upgraded};
use std::{
    io::{self, ErrorKind},
    net::SocketAddr,
    ops::Range,
    time::Duration,
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    task::JoinSet,
    time::timeout,
};

/// Long enough for anything that happens at all.
const PATIENCE: Duration = Duration::from_secs(60);

/// Handshakes on their way at a time.
const OPENING: usize = 64;

/// What a server speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Dialect {
    /// `socketkit.v1.json`
    Socketkit,
    /// Socket.IO 5 over a WebSocket
    SocketIo,
}

/// See the module.
#[derive(Debug)]
pub struct Client {
    stream: TcpStream,
    dialect: Dialect,
    input: Vec<u8>,
    /// Bytes of the input that were looked at.
    taken: usize,
    /// How many updates it got.
    updates: u64,
}

impl Client {
    /// Connects, and makes the handshakes.
    ///
    /// # Errors
    ///
    /// When the server refuses, or says something else.
    pub async fn open(addr: SocketAddr, dialect: Dialect) -> io::Result<Self> {
        let stream = TcpStream::connect(addr).await?;
        stream.set_nodelay(true)?;
        let mut client = Self { stream, dialect, input: Vec::new(), taken: 0, updates: 0 };
        let (path, protocol) = match dialect {
            Dialect::Socketkit => ("/ws", "Sec-WebSocket-Protocol: socketkit.v1.json\r\n"),
            Dialect::SocketIo => ("/socket.io/?EIO=4&transport=websocket", ""),
        };
        client.stream.write_all(upgrade_request(addr, path, protocol).as_bytes()).await?;
        client.taken = loop {
            match upgraded(&client.input)? {
                Some(head) => break head,
                None => client.read().await?,
            }
        };
        if dialect == Dialect::SocketIo {
            client.expect(b"0{").await?;
            client.send("40").await?;
            client.expect(b"40").await?;
        }
        Ok(client)
    }

    /// Opens so many, some at a time.
    ///
    /// # Errors
    ///
    /// As [`open`](Self::open), or when one takes a minute.
    pub async fn open_many(
        addr: SocketAddr,
        dialect: Dialect,
        count: usize,
    ) -> io::Result<Vec<Self>> {
        let (mut opening, mut open) = (JoinSet::new(), Vec::with_capacity(count));
        for _ in 0..count {
            if opening.len() == OPENING
                && let Some(opened) = opening.join_next().await
            {
                open.push(opened??);
            }
            opening.spawn(async move { timeout(PATIENCE, Self::open(addr, dialect)).await? });
        }
        while let Some(opened) = opening.join_next().await {
            open.push(opened??);
        }
        Ok(open)
    }

    async fn send(&mut self, text: &str) -> io::Result<()> {
        self.stream.write_all(&client_frame(text)).await
    }

    /// Sends an event with a text, by an author.
    ///
    /// # Errors
    ///
    /// When the socket has ended.
    pub async fn say(&mut self, event: &str, body: &str) -> io::Result<()> {
        let text = self.event(event, &format!(r#"{{"author":"ada","body":"{body}"}}"#));
        self.send(&text).await
    }

    /// Sends an event to several rooms, each with its text, in one write.
    ///
    /// # Errors
    ///
    /// As [`say`](Self::say).
    pub async fn say_to(&mut self, event: &str, texts: &[(usize, String)]) -> io::Result<()> {
        let frames = texts.iter().flat_map(|(room, body)| {
            let data = format!(r#"{{"author":"ada","body":"{body}","room":{room}}}"#);
            client_frame(&self.event(event, &data))
        });
        let frames: Vec<u8> = frames.collect();
        self.stream.write_all(&frames).await
    }

    /// Enters a room, and waits until it is in it.
    ///
    /// # Errors
    ///
    /// When the server says something else than `entered`.
    pub async fn enter(&mut self, room: usize) -> io::Result<()> {
        let text = self.event("enter", &format!(r#"{{"room":{room}}}"#));
        self.send(&text).await?;
        let entered: &[u8] = match self.dialect {
            Dialect::Socketkit => br#"{"event":"entered""#,
            Dialect::SocketIo => br#"42["entered""#,
        };
        self.expect(entered).await.map(drop)
    }

    fn event(&self, name: &str, data: &str) -> String {
        match self.dialect {
            Dialect::Socketkit => format!(r#"{{"event":"{name}","data":{data}}}"#),
            Dialect::SocketIo => format!(r#"42["{name}",{data}]"#),
        }
    }

    /// Waits for the next update, which has to be the next in order: its text begins with its number, of ten digits,
    /// from 0 on.
    ///
    /// # Errors
    ///
    /// When it is another one, or something else.
    pub async fn update(&mut self) -> io::Result<()> {
        let start: &[u8] = match self.dialect {
            Dialect::Socketkit => br#"{"event":"post_update""#,
            Dialect::SocketIo => br#"42["post_update""#,
        };
        let text = self.expect(start).await?;
        let body = br#""body":""#;
        let text = &self.input[text];
        let at = text.windows(body.len()).position(|part| part == body);
        let digits = at.and_then(|at| text.get(at + body.len()..at + body.len() + 10));
        if digits != Some(format!("{:010}", self.updates).as_bytes()) {
            return Err(wrong("lost, doubled or out of order", text));
        }
        self.updates += 1;
        Ok(())
    }

    /// Waits for a text that begins like this, and answers signs of life meanwhile.
    async fn expect(&mut self, start: &[u8]) -> io::Result<Range<usize>> {
        loop {
            let text = self.text().await?;
            match &self.input[text.clone()] {
                found if found.starts_with(start) => return Ok(text),
                // Socket.IO's ping.
                b"2" if self.dialect == Dialect::SocketIo => self.send("3").await?,
                found if self.dialect == Dialect::Socketkit && is_aside(found) => {}
                b"{}" => self.send("{}").await?,
                found => return Err(wrong("unexpected", found)),
            }
        }
    }

    /// Waits for the next text; where it lies in the input until the next call.
    async fn text(&mut self) -> io::Result<Range<usize>> {
        loop {
            if let Some((opcode, payload)) = server_frame(&self.input[self.taken..]) {
                let text = self.taken + payload.start..self.taken + payload.end;
                self.taken = text.end;
                match opcode {
                    1 => return Ok(text),
                    8 => return Err(wrong("closed", &self.input[text])),
                    9 => self.pong(text).await?,
                    _ => {}
                }
                continue;
            }
            self.read().await?;
        }
    }

    async fn pong(&mut self, payload: Range<usize>) -> io::Result<()> {
        let mut frame = client_frame(&String::from_utf8_lossy(&self.input[payload]));
        if let Some(opcode) = frame.first_mut() {
            *opcode = 0x8a;
        }
        self.stream.write_all(&frame).await
    }

    /// Reads some more, in place of what was looked at.
    async fn read(&mut self) -> io::Result<()> {
        self.input.drain(..self.taken);
        self.taken = 0;
        if self.stream.read_buf(&mut self.input).await? == 0 {
            return Err(ErrorKind::UnexpectedEof.into());
        }
        Ok(())
    }
}

/// What says nothing that is waited for: a greeting, or what has arrived.
fn is_aside(text: &[u8]) -> bool {
    [&b"{\"hello\""[..], b"{\"seen\""].into_iter().any(|start| text.starts_with(start))
}

fn wrong(what: &str, bytes: &[u8]) -> io::Error {
    io::Error::other(format!("{what}: {}", String::from_utf8_lossy(bytes)))
}
