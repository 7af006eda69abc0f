//! One who sends a server whatever he is told to.

use super::{
    known::{Known, Remembered},
    server::Fuzzed,
};
use crate::{
    Disconnect, Limits, Service,
    close::CloseCode,
    decoder::{Decoder, Incoming, Stopped},
    frame,
    wire::{self, Frame, Hello},
};
use futures_util::FutureExt;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex},
    task::unconstrained,
};
use tokio_tungstenite::tungstenite::protocol::Role;

/// Bytes that one direction holds.
const PIPE: usize = 4096;

/// One connection.
#[derive(Debug)]
pub(super) struct Client {
    stream: DuplexStream,
    decoder: Decoder,
    /// The how-many-th of all.
    number: usize,
    /// What it offered to go on with: the session, and how much of that was seen.
    offered: Option<(String, u64)>,
    pub(super) session: Option<String>,
    user: String,
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
    /// It has sent what nobody may.
    is_at_fault: bool,
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
            user,
            received: 0,
            unsent: Vec::new(),
            early: Vec::new(),
            closed: None,
            is_gone: false,
            is_deaf: false,
            is_wild: false,
            is_at_fault: false,
        }
    }

    /// Whether it has broken the rules, and nobody has told it so.
    pub(super) fn is_to_be_closed(&self) -> bool {
        self.is_at_fault && !self.is_wild && self.closed.is_none() && !self.is_gone
    }

    /// Whether more came for it than it could take.
    pub(super) fn is_too_slow(&self) -> bool {
        self.closed == Some(CloseCode::TOO_SLOW)
    }

    pub(super) fn text(&mut self, known: &mut Known, text: &[u8]) {
        self.unsent.extend_from_slice(&frame::text(text, Role::Client));
        let Ok(text) = std::str::from_utf8(text) else {
            self.is_wild = true;
            return;
        };
        let frame = wire::read(text);
        let is_counted = match frame {
            Ok(
                Frame::Event { .. }
                | Frame::Reply { .. }
                | Frame::Progress { .. }
                | Frame::Cancel(_)
                | Frame::Failure { .. },
            ) => true,
            Ok(Frame::Heartbeat | Frame::Seen(_)) => false,
            Ok(Frame::Hello(_)) | Err(_) => {
                self.is_at_fault = true;
                return;
            }
        };
        match self.session(known) {
            Some((session, number)) if session.connection == number => {
                if let Ok(Frame::Seen(seen)) = frame {
                    // It cannot have sent so many.
                    self.is_at_fault |= seen < session.said || seen > 1_000_000;
                    session.said = session.said.max(seen);
                } else if is_counted && !self.is_at_fault {
                    session.sends(text);
                }
            }
            None if is_counted => self.early.push(text.to_owned()),
            Some(_) | None => {}
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
                    return Err(());
                }
            }
            Ok(())
        });
        let is_read = matches!(decoded, Ok(()) | Err(Stopped::By(())));
        assert!(is_read, "the server sent what is no frame: {decoded:?}");
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
            // What comes late over a connection that is the session's no more, nobody goes by.
            Frame::Seen(_) if session.connection != number => return,
            Frame::Seen(seen) => {
                let range = session.seen..=session.sent;
                assert!(session.is_wild || range.contains(&seen), "{seen} of {range:?}");
                session.seen = seen;
                return;
            }
            Frame::Event { .. }
            | Frame::Reply { .. }
            | Frame::Progress { .. }
            | Frame::Cancel(_)
            | Frame::Failure { .. } => {}
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
            assert_eq!(session.user, self.user, "{id} goes on for somebody else");
            session.asked.retain(|number, _| *number <= seen);
            (session.seen, session.sent, self.received) = (seen, seen, offered);
            (session.received, session.said) = (offered, offered);
        } else {
            session.user.clone_from(&self.user);
        }
        session.token = hello.token.map(Into::into).unwrap_or_default();
        self.early.drain(..).for_each(|text| session.sends(&text));
    }
}
