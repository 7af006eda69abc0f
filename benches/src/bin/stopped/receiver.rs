//! One receiver: it checks every number, and says what it has seen.

use benches::{client_frame, server_frame, upgrade_request, upgraded};
use std::{
    io,
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, SystemTime, UNIX_EPOCH},
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpSocket, TcpStream},
    time::timeout,
};

/// Frames after which it says what it has seen.
const REPORT: u64 = 64;

/// Bytes that its kernel takes while it does not read: it shares it with the server.
const KERNEL: u32 = 256 * 1024;

/// How it went for one that had stopped.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Outcome {
    /// It went on where it had stopped.
    Whole,
    /// It was told that something is missing.
    Told,
}

pub(crate) struct Receiver {
    stream: TcpStream,
    unread: Vec<u8>,
    token: String,
    /// What a session that could not go on was told instead.
    gap: Option<String>,
    /// Frames that came, and of how many the server knows.
    seen: u64,
    reported: u64,
    last: Option<u64>,
    /// What is recorded now, and for each of these phases how long frames took.
    phase: Phase,
    times: Times,
}

/// What is recorded, of everybody alike: one of [`PHASES`], or nothing until [`OVER`].
pub(crate) type Phase = Arc<AtomicUsize>;

/// Whoever has read everything may go.
pub(crate) const OVER: usize = usize::MAX;

pub(crate) const PHASES: usize = 4;

pub(crate) type Times = [Vec<Duration>; PHASES];

fn broken(what: impl Into<String>) -> io::Error {
    io::Error::other(what.into())
}

/// The digits behind a name.
fn number(text: &[u8], name: &[u8]) -> Option<u64> {
    let at = text.windows(name.len()).position(|part| part == name)? + name.len();
    let digits = text[at..].iter().take_while(|byte| byte.is_ascii_digit());
    Some(digits.fold(0, |number, digit| number * 10 + u64::from(digit - b'0')))
}

/// The text behind a name, if it is there.
fn text(text: &str, name: &str) -> Option<String> {
    let (_, rest) = text.split_once(name)?;
    rest.split('"').next().map(str::to_owned)
}

impl Receiver {
    /// Connects, and goes on with a session if it has one: its token, and how much was seen.
    pub(crate) async fn open(
        addr: SocketAddr,
        phase: &Phase,
        resume: Option<(&str, u64)>,
    ) -> io::Result<Self> {
        let socket = TcpSocket::new_v4()?;
        socket.set_recv_buffer_size(KERNEL)?;
        let mut stream = socket.connect(addr).await?;
        let resume =
            resume.map(|(token, seen)| format!(", resume.{token}.{seen}.1")).unwrap_or_default();
        let offer = format!("Sec-WebSocket-Protocol: socketkit.v1.json{resume}\r\n");
        stream.write_all(upgrade_request(addr, "/ws", &offer).as_bytes()).await?;
        let mut unread = Vec::with_capacity(64 * 1024);
        loop {
            if stream.read_buf(&mut unread).await? == 0 {
                return Err(broken("closed before hello"));
            }
            let Some(start) = upgraded(&unread)? else { continue };
            let Some((_, payload)) = server_frame(&unread[start..]) else { continue };
            let hello = String::from_utf8_lossy(&unread[start..][payload.clone()]).into_owned();
            unread.drain(..start + payload.end);
            let token = text(&hello, "\"token\":\"").ok_or_else(|| broken("no token"))?;
            let gap = text(&hello, "\"gap\":\"");
            let (phase, times) = (phase.clone(), Times::default());
            let (seen, reported, last) = (0, 0, None);
            return Ok(Self { stream, unread, token, gap, seen, reported, last, phase, times });
        }
    }

    /// Reads once, and looks at every frame: how old the last event was, or `None` at the end.
    async fn read(&mut self) -> io::Result<Option<Duration>> {
        let mut age = Duration::MAX;
        if self.stream.read_buf(&mut self.unread).await? == 0 {
            return Ok(None);
        }
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let mut at = 0;
        while let Some((opcode, payload)) = server_frame(&self.unread[at..]) {
            let frame = &self.unread[at..][payload.clone()];
            if opcode == 8 {
                return Ok(None);
            }
            if opcode == 1 && frame.starts_with(b"{\"event\"") {
                let head = &frame[..frame.len().min(100)];
                let (Some(number), Some(sent)) =
                    (number(head, b"\"number\":"), number(head, b"\"at\":"))
                else {
                    return Err(broken("an event that is none of ours"));
                };
                if self.last.is_some_and(|last| last + 1 != number) {
                    return Err(broken(format!("{number} after {:?}", self.last)));
                }
                self.last = Some(number);
                age = now.saturating_sub(Duration::from_micros(sent));
                if let Some(times) = self.times.get_mut(self.phase.load(Ordering::Relaxed)) {
                    times.push(age);
                }
                self.seen += 1;
            }
            at += payload.end;
        }
        self.unread.drain(..at);
        if self.seen >= self.reported + REPORT {
            self.reported = self.seen;
            let seen = client_frame(&format!("{{\"seen\":{}}}", self.seen));
            self.stream.write_all(&seen).await?;
        }
        Ok(Some(age))
    }

    /// Reads on until it is over and nothing has come for a second: how long it all took.
    pub(crate) async fn read_all(mut self) -> io::Result<Times> {
        loop {
            match timeout(Duration::from_secs(1), self.read()).await {
                Ok(Ok(Some(_))) => {}
                Ok(Ok(None)) => return Err(broken("closed though it reads")),
                Ok(Err(error)) => return Err(error),
                Err(_) if self.phase.load(Ordering::Relaxed) == OVER => break,
                Err(_) => {}
            }
        }
        self.leave().await?;
        Ok(self.times)
    }

    /// Reads what there is until it has caught up, or else connects anew and is told so.
    pub(crate) async fn come_back(mut self, addr: SocketAddr) -> io::Result<Outcome> {
        loop {
            match self.read().await {
                Ok(Some(age)) => {
                    if age < Duration::from_millis(100) {
                        self.leave().await?;
                        return Ok(Outcome::Whole);
                    }
                }
                Ok(None) => break,
                Err(error) if error.kind() == io::ErrorKind::Other => return Err(error),
                // The server has given it up.
                Err(_) => break,
            }
        }
        let resume = Some((self.token.as_str(), self.seen));
        let mut again = Self::open(addr, &self.phase, resume).await?;
        again.leave().await?;
        match again.gap {
            Some(_) => Ok(Outcome::Told),
            None => Err(broken("a session that was given up goes on, with a hole in it")),
        }
    }

    /// Says farewell: nobody keeps anything for it.
    async fn leave(&mut self) -> io::Result<()> {
        self.stream.write_all(&[0x88, 0x82, 0, 0, 0, 0, 0x03, 0xe8]).await
    }
}
