//! One who sends a server whatever he is told to, and remembers all that it ever said.

use super::server::Fuzzed;
use crate::{
    Disconnect, Events, Limits, Protocol, Service,
    close::CloseCode,
    decoder::{Decoder, Incoming},
    frame,
    wire::{self, Frame, Hello, Problem},
};
use futures_util::FutureExt;
use std::collections::{BTreeMap, HashMap};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex},
    task::{JoinHandle, unconstrained},
};
use tokio_tungstenite::tungstenite::protocol::Role;

/// Bytes that one direction holds.
const PIPE: usize = 4096;

/// Everything that is known of a server.
#[derive(Default)]
pub(super) struct Known {
    sessions: HashMap<String, Remembered>,
    /// The session that was spoken of last, but for the witness.
    last: Option<String>,
    attempts: u32,
    connections: Vec<JoinHandle<Disconnect>>,
}

/// What one session was.
#[derive(Debug, Default)]
struct Remembered {
    token: String,
    /// What counts, by number.
    frames: BTreeMap<u64, String>,
    /// The number of the last that came, over whatever connection came last.
    received: u64,
    /// How many that count were sent at most, and how many the server says it has seen.
    sent: u64,
    seen: u64,
    /// How often each call was sent, and answered.
    calls: HashMap<u32, (usize, usize)>,
    events: usize,
    failures: usize,
    tick: u64,
    /// Which of its connections is the last.
    connection: usize,
    /// It was sent bytes of which nobody knows what they are.
    is_wild: bool,
}

/// One connection.
#[derive(Debug)]
pub(super) struct Client {
    stream: DuplexStream,
    decoder: Decoder,
    /// The how-many-th of all.
    number: usize,
    /// What it offered to go on with: the session, and how much of that was seen.
    offered: Option<(String, u64)>,
    session: Option<String>,
    is_witness: bool,
    /// The number of the frame that came last.
    received: u64,
    unsent: Vec<u8>,
    /// What counts among that which was sent before the server said hello.
    early: Vec<String>,
    /// How it was closed by the server.
    closed: Option<CloseCode>,
    is_gone: bool,
    /// Neither reads nor answers.
    pub(super) is_deaf: bool,
    /// It has sent what is no text of JSON, or a close frame.
    is_wild: bool,
}

impl Known {
    /// Whether an honest one may say that he comes for the last session.
    pub(super) fn may_come_back(&self) -> bool {
        self.last.is_some() && self.attempts < u32::MAX
    }

    pub(super) fn is_answered(&self, client: &Client, id: u32) -> bool {
        let session = client.session.as_ref().and_then(|session| self.sessions.get(session));
        session.and_then(|session| session.calls.get(&id)).is_some_and(|call| call.1 == 1)
    }

    /// Every connection is over.
    pub(super) async fn ended(self) {
        for connection in self.connections {
            assert!(connection.is_finished(), "a connection that never ends");
            let Ok(disconnect) = connection.await else { panic!("a connection panicked") };
            assert_ne!(disconnect.code, CloseCode::INTERNAL);
        }
    }

    /// What somebody says to come back, with all that is known in its place.
    fn ticket(&mut self, said: &str) -> (String, Option<(String, u64)>) {
        let session = self.last.as_ref().and_then(|last| self.sessions.get(last));
        let (token, received) = session.map_or(("", 0), |it| (&*it.token, it.received));
        let attempt = self.attempts.saturating_add(1).to_string();
        let ticket = said.replace('@', token).replace('$', &received.to_string());
        let ticket = ticket.replace('%', &attempt);
        // The first word of the header that is a ticket.
        let word = ticket.split(',').next().unwrap_or_default().trim_ascii();
        let mut numbers = word.rsplit('.');
        if let Some(attempt) = numbers.next().and_then(|attempt| attempt.parse().ok()) {
            self.attempts = self.attempts.max(attempt);
        }
        let seen = numbers.next().and_then(|seen| seen.parse().ok());
        (ticket, self.last.clone().zip(seen))
    }
}

impl Client {
    /// `USER TICKET`, or `/USER` of one who does not name the subprotocol.
    pub(super) fn connect(service: &Service<Fuzzed>, known: &mut Known, how: &[u8]) -> Self {
        let how = String::from_utf8_lossy(how);
        let (user, said) = how.split_once(' ').unwrap_or((&how, ""));
        let is_plain = user.starts_with('/');
        let user: String = user.chars().filter(char::is_ascii_alphanumeric).collect();
        let (ticket, offered) = known.ticket(said);
        let mut request = http::Request::builder().uri(format!("/?user={user}"));
        let offer = match said {
            "" => wire::SUBPROTOCOL.to_owned(),
            _ => format!("{}, resume.{ticket}", wire::SUBPROTOCOL),
        };
        if let Ok(offer) = http::HeaderValue::from_bytes(offer.as_bytes())
            && !is_plain
        {
            request = request.header("sec-websocket-protocol", offer);
        }
        let Ok(request) = request.body(()) else { panic!("{user:?} is no query") };
        let (near, far) = duplex(PIPE);
        let service = service.clone();
        let connection = tokio::spawn(async move { service.upgraded(far, request).await });
        known.connections.push(connection);
        Self {
            stream: near,
            decoder: Decoder::default(),
            number: known.connections.len(),
            offered,
            session: None,
            is_witness: user == "witness" && known.connections.len() == 1,
            received: 0,
            unsent: Vec::new(),
            early: Vec::new(),
            closed: None,
            is_gone: false,
            is_deaf: false,
            is_wild: false,
        }
    }

    pub(super) fn text(&mut self, known: &mut Known, text: &[u8]) {
        self.unsent.extend_from_slice(&frame::text(text, Role::Client));
        let Ok(text) = std::str::from_utf8(text) else {
            self.is_wild = true;
            return;
        };
        let is_counted = matches!(
            wire::read(text),
            Ok(Frame::Event { .. } | Frame::Reply { .. } | Frame::Failure { .. })
        );
        match self.session(known) {
            _ if !is_counted => {}
            Some((session, number)) if session.connection == number => session.sends(text),
            Some(_) => {}
            None => self.early.push(text.to_owned()),
        }
    }

    /// Says how much was seen: so many more than were, or fewer.
    pub(super) fn see(&mut self, known: &mut Known, more: &[u8]) {
        let more = std::str::from_utf8(more).ok().and_then(|more| more.parse::<i64>().ok());
        let seen = self.received.saturating_add_signed(more.unwrap_or_default());
        self.text(known, format!("{{\"seen\":{seen}}}").as_bytes());
    }

    /// Calls what answers every call. Its number.
    pub(super) fn call(&mut self, known: &mut Known) -> u32 {
        let calls = self.session(known).map(|(session, _)| &session.calls);
        let is_free = |id: &u32| calls.is_none_or(|calls| !calls.contains_key(id));
        let id = (0..).find(is_free).unwrap_or_default();
        self.text(known, format!(r#"{{"event":"echo","id":{id},"data":[]}}"#).as_bytes());
        id
    }

    pub(super) fn close(&mut self, code: u16) {
        let close = Disconnect::new(CloseCode(code), "");
        self.unsent.extend_from_slice(&frame::close(&close, Role::Client));
        self.is_wild = true;
    }

    pub(super) fn raw(&mut self, bytes: &[u8]) {
        self.unsent.extend_from_slice(bytes);
        self.is_wild = true;
    }

    fn session<'a>(&self, known: &'a mut Known) -> Option<(&'a mut Remembered, usize)> {
        let session = known.sessions.get_mut(self.session.as_ref()?)?;
        session.is_wild |= self.is_wild;
        Some((session, self.number))
    }

    /// Sends what the pipe has room for. Whether it took any.
    pub(super) fn send_now(&mut self) -> bool {
        let sent = unconstrained(self.stream.write(&self.unsent)).now_or_never();
        let Some(Ok(sent)) = sent else {
            // A server that has gone takes nothing.
            if sent.is_some() {
                self.unsent.clear();
            }
            return false;
        };
        self.unsent.drain(..sent);
        sent > 0
    }

    /// Writes and reads. Whether there was anything to.
    pub(super) fn pump(&mut self, known: &mut Known) -> bool {
        let mut is_at_work = self.send_now();
        if self.is_deaf || self.is_gone {
            return is_at_work;
        }
        let mut batch = [0; PIPE];
        let read = unconstrained(self.stream.read(&mut batch)).now_or_never();
        match read {
            Some(Ok(0) | Err(_)) => self.is_gone = true,
            Some(Ok(read)) => {
                self.read(known, &mut batch[..read]);
                is_at_work = true;
            }
            None => {}
        }
        is_at_work
    }

    fn read(&mut self, known: &mut Known, bytes: &mut [u8]) {
        assert_eq!(self.closed, None, "{bytes:?} after the close frame");
        let (limits, mut answers) = (Limits::default(), Vec::new());
        let mut decoder = std::mem::take(&mut self.decoder);
        let form = (Role::Client, &limits);
        let decoded = decoder.decode(bytes, form, &mut answers, |incoming, _| {
            match incoming {
                Incoming::Text(text) => self.hear(known, text),
                Incoming::Sign => {}
                Incoming::Binary => panic!("a binary frame of the server"),
                Incoming::Close(close) => {
                    let code =
                        close.map_or(CloseCode::NO_CODE, |close| CloseCode(close.code.into()));
                    self.is_closed(code);
                }
            }
            Ok::<_, ()>(())
        });
        assert!(decoded.is_ok(), "the server sent what is no frame: {decoded:?}");
        self.decoder = decoder;
        self.unsent.extend_from_slice(&answers);
    }

    /// The codes of the wire format, but for those of servers that end or are at fault.
    fn is_closed(&mut self, code: CloseCode) {
        let is_known =
            matches!(code.0, 1000 | 1003 | 1009 | 1013 | 4400 | 4401 | 4403 | 4408 | 4409 | 4429);
        // And those of the WebSocket layer, or the client's own.
        assert!(is_known || (self.is_wild && code != CloseCode::INTERNAL), "{code}");
        assert!(!self.is_witness, "the witness is closed with {code}");
        self.closed = Some(code);
    }

    /// A text of the server.
    fn hear(&mut self, known: &mut Known, text: &str) {
        assert_eq!(self.closed, None, "{text} after the close frame");
        let frame = wire::read(text);
        let Ok(frame) = frame else { panic!("{text} is no frame") };
        assert_eq!(Some(&frame), wire::read_any(text).ok().as_ref(), "{text}");
        if self.session.is_none() {
            let Frame::Hello(hello) = frame else { panic!("{text} instead of hello") };
            return self.is_greeted(known, hello);
        }
        let received = self.received;
        let Some((session, number)) = self.session(known) else { return };
        match frame {
            Frame::Heartbeat => return,
            Frame::Hello(_) => panic!("another {text}"),
            Frame::Seen(seen) => {
                let range = session.seen..=session.sent;
                assert!(session.is_wild || range.contains(&seen), "{seen} of {range:?}");
                session.seen = seen;
                return;
            }
            Frame::Event { .. } | Frame::Reply { .. } | Frame::Failure { .. } => {}
        }
        self.received = received + 1;
        if session.connection == number {
            session.received = self.received;
        }
        session.hears(self.received, text, &frame);
    }

    fn is_greeted(&mut self, known: &mut Known, hello: &str) {
        let hello = serde_json::from_str::<Hello<'_>>(hello);
        let Ok(hello) = hello else { panic!("{hello:?}") };
        let id = hello.session.into_owned();
        self.session = Some(id.clone());
        if !self.is_witness {
            known.last = Some(id.clone());
        }
        let is_new = !known.sessions.contains_key(&id);
        let session = known.sessions.entry(id.clone()).or_default();
        session.connection = self.number;
        session.is_wild |= self.is_wild;
        assert_eq!(is_new, hello.seen.is_none(), "a session goes on, or begins: {id}");
        if let Some(seen) = hello.seen {
            let Some((_, offered)) = self.offered.take_if(|offered| offered.0 == id) else {
                panic!("{id} goes on, for which nobody came");
            };
            let range = session.seen..=session.sent;
            assert!(session.is_wild || range.contains(&seen), "{seen} of {range:?}");
            let missed = session.frames.last_key_value().map_or(0, |(last, _)| *last);
            let missed = missed.saturating_sub(offered);
            assert!(hello.replay.unwrap_or_default() >= missed, "{missed} are missed");
            assert_eq!(hello.gap, None);
            (session.seen, session.sent, self.received) = (seen, seen, offered);
            session.received = offered;
        }
        session.token = hello.token.map(Into::into).unwrap_or_default();
        self.early.drain(..).for_each(|text| session.sends(&text));
    }
}

impl Remembered {
    /// Something that counts is sent.
    fn sends(&mut self, text: &str) {
        self.sent += 1;
        let id = |frame| match frame {
            Ok(Frame::Event { id, .. }) => id,
            _ => None,
        };
        // One that stands behind the payload is found as well.
        if let Some(id) = id(wire::read(text)).or_else(|| id(wire::read_any(text))) {
            self.calls.entry(id).or_default().0 += 1;
        }
        self.events += 1;
    }

    /// What counts comes once, and the same again.
    fn hears(&mut self, number: u64, text: &str, frame: &Frame<'_>) {
        if let Some(before) = self.frames.get(&number) {
            assert_eq!(before, text, "the {number}th is another than it was");
            return;
        }
        self.frames.insert(number, text.to_owned());
        match frame {
            Frame::Event { name, data, .. } => {
                assert!(<Fuzzed as Protocol>::Server::index_of(name).is_some(), "{text}");
                if name == "tick" {
                    let Ok(tick) = data.parse::<u64>() else { panic!("{text}") };
                    let follows = tick == self.tick + 1;
                    let is_whole = self.frames.len() as u64 == number;
                    assert!(tick > self.tick && (follows || !is_whole), "{tick}, {}", self.tick);
                    self.tick = tick;
                }
            }
            Frame::Reply { id, .. } => self.is_answered(*id, text),
            Frame::Failure { id, error } => {
                let problem = serde_json::from_str::<Problem<'_>>(error);
                let Ok(problem) = problem else { panic!("{text}") };
                assert_ne!(problem.code, "internal", "{text}");
                match id {
                    Some(id) => self.is_answered(*id, text),
                    None => self.failures += 1,
                }
                assert!(self.is_wild || self.failures <= self.events, "{text}");
            }
            Frame::Heartbeat | Frame::Hello(_) | Frame::Seen(_) => {}
        }
    }

    fn is_answered(&mut self, id: u32, text: &str) {
        let call = self.calls.entry(id).or_default();
        call.1 += 1;
        assert!(self.is_wild || call.1 <= call.0, "nobody waits for {text}");
    }
}
