//! The load generator: sockets that speak either protocol, and check all that they are sent.

use benches::{Server, Tally, client_frame, server_frame, upgrade_request, upgraded};
use std::{
    error::Error,
    io::{self, ErrorKind},
    net::SocketAddr,
    ops::Range,
    sync::Arc,
    time::{Duration, Instant},
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
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Dialect {
    /// `socketkit.v1.json`
    Socketkit,
    /// Socket.IO 5 over a WebSocket
    SocketIo,
}

/// The open sockets; all but the one that publishes are read by a task each.
pub(crate) struct Load {
    publisher: Client,
    idle: Vec<Client>,
}

impl Load {
    /// Opens so many sockets.
    pub(crate) async fn open(
        server: &Server,
        dialect: Dialect,
        count: usize,
    ) -> Result<Self, Box<dyn Error>> {
        let (mut opening, mut open) = (JoinSet::new(), Vec::with_capacity(count));
        for _ in 0..count {
            if opening.len() == OPENING
                && let Some(opened) = opening.join_next().await
            {
                open.push(opened??);
            }
            let addr = server.addr;
            opening.spawn(async move { timeout(PATIENCE, Client::open(addr, dialect)).await? });
        }
        while let Some(opened) = opening.join_next().await {
            open.push(opened??);
        }
        Ok(Self { publisher: open.pop().ok_or("no sockets")?, idle: open })
    }

    /// Publishes as fast as all get it, one after the other. Microseconds of the server's CPU time for
    /// each delivery.
    pub(crate) async fn broadcast(
        &mut self,
        server: &Server,
        payload: usize,
        time: Duration,
    ) -> Result<f64, Box<dyn Error>> {
        let (got, mut receivers) = (Arc::new(Tally::default()), JoinSet::new());
        for mut client in self.idle.drain(..) {
            let got = got.clone();
            receivers.spawn(async move {
                let failed: io::Error = loop {
                    match client.update().await {
                        Ok(()) => got.add(1),
                        Err(error) => break error,
                    }
                };
                failed
            });
        }
        let count = receivers.len();
        let filler = "x".repeat(payload.saturating_sub(11));
        let measure = async {
            let mut published = 0;
            let mut begun = None;
            loop {
                let (cpu, now) = (server.cpu()?, Instant::now());
                match begun {
                    // The first broadcasts fill caches, and compile what is compiled late.
                    None if published == 200 => begun = Some((cpu, now)),
                    Some((before, start)) if now.duration_since(start) >= time => {
                        let deliveries = (published - 200) * (count + 1);
                        return Ok((cpu - before).as_secs_f64() * 1e6 / deliveries as f64);
                    }
                    _ => {}
                }
                self.publisher.publish(&format!("{published:010} {filler}")).await?;
                self.publisher.update().await?;
                published += 1;
                timeout(PATIENCE, got.until(published * count)).await?;
            }
        };
        tokio::select! {
            cpu = measure => cpu,
            // A receiver only ends where something is wrong.
            Some(failed) = receivers.join_next() => Err(failed?.into()),
        }
    }
}

/// One socket.
struct Client {
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
    async fn open(addr: SocketAddr, dialect: Dialect) -> io::Result<Self> {
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

    async fn send(&mut self, text: &str) -> io::Result<()> {
        self.stream.write_all(&client_frame(text)).await
    }

    async fn publish(&mut self, body: &str) -> io::Result<()> {
        let data = format!(r#"{{"author":"ada","body":"{body}"}}"#);
        let text = match self.dialect {
            Dialect::Socketkit => format!(r#"{{"event":"publish","data":{data}}}"#),
            Dialect::SocketIo => format!(r#"42["publish",{data}]"#),
        };
        self.send(&text).await
    }

    /// Waits for the next update, which has to be the next in order.
    async fn update(&mut self) -> io::Result<()> {
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
                found if self.dialect == Dialect::Socketkit && found.starts_with(b"{\"hello\"") => {
                }
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
                    // Nobody is silent for so long that an unanswered ping would matter.
                    _ => continue,
                }
            }
            self.read().await?;
        }
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

fn wrong(what: &str, bytes: &[u8]) -> io::Error {
    io::Error::other(format!("{what}: {}", String::from_utf8_lossy(bytes)))
}
