//! A connection of a client, as its server sees it.

use crate::{
    Disconnect, Limits, Status,
    close::CloseCode,
    decoder::{Decoder, Incoming, Stopped},
    frame,
    wire::{self, Frame, Hello},
};
use futures_util::FutureExt;
use std::collections::BTreeMap;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt, DuplexStream},
    task::unconstrained,
};
use tokio_tungstenite::tungstenite::protocol::Role;

/// What is known of the client and its session.
#[derive(Debug, Default)]
pub(super) struct Heard {
    token: Option<String>,
    /// What counts, by number.
    frames: BTreeMap<u64, String>,
    /// How many that count were sent at most, and how many the client says it has seen.
    sent: u64,
    seen: u64,
    /// How many the client was told are seen.
    told: u64,
    attempt: u32,
    /// The newest event of all sessions.
    newest: u64,
    /// Calls of this session that nobody has answered.
    calls: Vec<u32>,
    /// A connection is given up before anybody could say anything.
    pub(super) is_hasty: bool,
    /// The client was sent bytes of which nobody knows what they are.
    is_wild: bool,
}

/// See the module.
#[derive(Debug)]
pub(super) struct Line {
    stream: DuplexStream,
    decoder: Decoder,
    /// How much the client says that it has seen.
    offered: Option<u64>,
    pub(super) is_greeted: bool,
    /// The number of the frame that came last.
    received: u64,
    pub(super) unsent: Vec<u8>,
    pub(super) is_deaf: bool,
    pub(super) is_over: bool,
    has_closed: bool,
}

/// A text as a server writes it.
pub(super) fn written(text: &[u8]) -> impl AsRef<[u8]> + std::ops::Deref<Target = [u8]> {
    frame::text(text, Role::Server)
}

impl Heard {
    /// How many frames of the session came.
    pub(super) fn came(&self) -> u64 {
        self.frames.last_key_value().map_or(0, |(last, _)| *last)
    }
}

impl Line {
    pub(super) fn new(stream: DuplexStream, offer: &str, heard: &mut Heard) -> Self {
        let ticket =
            offer.strip_prefix(wire::SUBPROTOCOL).and_then(|it| it.strip_prefix(", resume."));
        let mut offered = None;
        if let Some(ticket) = ticket {
            let token = heard.token.as_deref().unwrap_or_default();
            let numbers = ticket.strip_prefix(token).and_then(|rest| rest.strip_prefix('.'));
            let mut parts = numbers.unwrap_or_default().split('.');
            let seen = parts.next().and_then(|seen| seen.parse::<u64>().ok());
            let attempt = parts.next().and_then(|attempt| attempt.parse::<u32>().ok());
            let places: Vec<_> = parts.collect();
            assert!(places.len() <= wire::PLACES, "{ticket}");
            assert!(places.iter().all(|place| wire::is_place(place)), "{ticket}");
            let (Some(seen), Some(attempt)) = (seen, attempt) else {
                assert!(heard.is_wild, "{ticket} for {token:?}");
                return Self::of(stream, None);
            };
            let range = heard.seen..=heard.sent;
            assert!(heard.is_wild || range.contains(&seen), "{seen} of {range:?}");
            assert!(attempt > heard.attempt, "{attempt} after {}", heard.attempt);
            heard.attempt = attempt;
            offered = Some(seen);
        }
        Self::of(stream, offered)
    }

    fn of(stream: DuplexStream, offered: Option<u64>) -> Self {
        Self {
            stream,
            decoder: Decoder::default(),
            offered,
            is_greeted: false,
            received: 0,
            unsent: Vec::new(),
            is_deaf: false,
            is_over: false,
            has_closed: false,
        }
    }

    /// What came of a first text.
    pub(super) fn has_greeted(&mut self, heard: &mut Heard, text: &str, status: &Status) {
        self.is_greeted = true;
        let Ok(Frame::Hello(hello)) = wire::read(text) else {
            assert!(heard.is_wild || !status.is_connected(), "{text} is taken for hello");
            return;
        };
        let Ok(hello) = wire::object::<Hello<'_>>(hello) else {
            assert!(heard.is_wild || !status.is_connected(), "{hello} is taken for hello");
            return;
        };
        heard.is_hasty = hello.heartbeat < 2_000;
        match (status, hello.seen) {
            (Status::Resumed { replayed }, Some(seen)) => {
                assert_eq!(*replayed, hello.replay.unwrap_or_default());
                assert!(heard.token.is_some(), "it goes on in a session that cannot");
                assert!(heard.is_wild || seen >= heard.told, "{seen} after {}", heard.told);
                assert!(self.offered.is_some(), "it goes on, and has not said so");
                (heard.told, self.received) = (seen, seen);
                heard.sent = self.offered.unwrap_or_default();
                heard.seen = heard.sent;
                heard.token = hello.token.map(Into::into);
            }
            (Status::Open | Status::Reset { .. }, None) => {
                let Heard { attempt, newest, is_wild, is_hasty, .. } = *heard;
                let token = hello.token.map(Into::into);
                *heard = Heard { attempt, newest, is_wild, is_hasty, token, ..Heard::default() };
            }
            // One that waits for whoever receives does not read.
            (Status::Connecting, _) => heard.is_wild = true,
            (status, _) => {
                let is_refused = !status.is_connected() && hello.seen.is_some();
                assert!(heard.is_wild || self.is_over || is_refused, "{text}: {status:?}");
            }
        }
    }

    pub(super) fn text(&mut self, heard: &mut Heard, text: &[u8]) {
        self.unsent.extend_from_slice(&written(text));
        let Ok(text) = std::str::from_utf8(text) else { return };
        match wire::read(text) {
            Ok(
                Frame::Event { .. }
                | Frame::Reply { .. }
                | Frame::Progress { .. }
                | Frame::Cancel(_)
                | Frame::Failure { .. },
            ) => {
                heard.sent += 1;
            }
            Ok(Frame::Seen(seen)) => heard.told = heard.told.max(seen.min(heard.came())),
            Ok(Frame::Heartbeat | Frame::Hello(_)) | Err(_) => {}
        }
    }

    /// Says how much was seen: so many more than were, or fewer.
    pub(super) fn see(&mut self, heard: &mut Heard, more: &[u8]) {
        let more = std::str::from_utf8(more).ok().and_then(|more| more.parse::<i64>().ok());
        let seen = self.received.saturating_add_signed(more.unwrap_or_default());
        self.text(heard, format!("{{\"seen\":{seen}}}").as_bytes());
    }

    /// Answers every call.
    pub(super) fn answer(&mut self, heard: &mut Heard) {
        for id in std::mem::take(&mut heard.calls) {
            self.text(heard, format!("{{\"reply\":{id},\"data\":[]}}").as_bytes());
        }
        self.see(heard, b"0");
    }

    pub(super) fn close(&mut self, code: u16) {
        let close = Disconnect::new(CloseCode(code), "");
        self.unsent.extend_from_slice(&frame::close(&close, Role::Server));
        self.has_closed = true;
    }

    pub(super) fn raw(&mut self, heard: &mut Heard, bytes: &[u8]) {
        self.unsent.extend_from_slice(bytes);
        heard.is_wild = true;
    }

    /// Sends what the pipe has room for. Whether it took any.
    pub(super) fn send_now(&mut self) -> bool {
        let sent = unconstrained(self.stream.write(&self.unsent)).now_or_never();
        let Some(Ok(sent)) = sent else {
            if sent.is_some() {
                self.unsent.clear();
            }
            return false;
        };
        self.unsent.drain(..sent);
        sent > 0
    }

    /// Writes and reads. Whether there was anything to.
    pub(super) fn pump(&mut self, heard: &mut Heard) -> bool {
        let is_at_work = self.send_now();
        if self.is_deaf || self.is_over {
            return is_at_work;
        }
        let mut batch = [0; 4096];
        match unconstrained(self.stream.read(&mut batch)).now_or_never() {
            Some(Ok(0) | Err(_)) => self.is_over = true,
            Some(Ok(read)) => {
                self.read(heard, &mut batch[..read]);
                return true;
            }
            None => {}
        }
        is_at_work
    }

    fn read(&mut self, heard: &mut Heard, bytes: &mut [u8]) {
        let (limits, mut answers) = (Limits::default(), Vec::new());
        let mut decoder = std::mem::take(&mut self.decoder);
        let form = (Role::Server, &limits);
        let decoded = decoder.decode(bytes, form, &mut answers, |incoming, _| {
            match incoming {
                Incoming::Text(text) => self.hear(heard, text),
                Incoming::Sign => {}
                Incoming::Binary => panic!("a binary frame of the client"),
                Incoming::Close(close) => {
                    let code = close.map_or(1005, |close| close.code.into());
                    let codes = [1000, 1002, 1003, 1007, 1009, 4400, 4408, 4429];
                    assert!(self.has_closed || heard.is_wild || codes.contains(&code), "{code}");
                    self.is_over = true;
                    return Err(());
                }
            }
            Ok(())
        });
        let is_read = matches!(decoded, Ok(()) | Err(Stopped::By(())));
        assert!(is_read, "the client sent what is no frame: {decoded:?}");
        self.decoder = decoder;
        self.unsent.extend_from_slice(&answers);
    }

    /// A text of the client.
    fn hear(&mut self, heard: &mut Heard, text: &str) {
        let Ok(frame) = wire::read(text) else { panic!("{text} is no frame") };
        assert!(self.is_greeted || heard.is_wild, "{text} before hello");
        match &frame {
            Frame::Heartbeat => return,
            Frame::Hello(_) => panic!("{text} of a client"),
            Frame::Seen(seen) => {
                let range = heard.seen..=heard.sent;
                assert!(heard.is_wild || range.contains(seen), "{seen} of {range:?}");
                heard.seen = *seen;
                return;
            }
            Frame::Event { .. }
            | Frame::Reply { .. }
            | Frame::Progress { .. }
            | Frame::Cancel(_)
            | Frame::Failure { .. } => {}
        }
        self.received += 1;
        if let Some(before) = heard.frames.get(&self.received) {
            assert!(heard.is_wild || before == text, "{text} in place of {before}");
            // Else it is of another session, which began unnoticed.
            if before == text {
                return;
            }
        }
        heard.frames.insert(self.received, text.to_owned());
        if let Frame::Event { name, id, data } = &frame {
            heard.calls.extend(*id);
            if name == "wait" {
                let Ok(newest) = data.parse::<u64>() else { panic!("{text}") };
                assert!(newest > heard.newest || heard.is_wild, "{newest} again");
                heard.newest = newest;
            }
        }
    }
}
