//! Bytes after a handshake, read by us and by tungstenite alone.

use super::{Input, text::text};
use crate::{
    Limits,
    decoder::{Decoder, Incoming, Stopped},
    end::fault,
};
use std::io::{self, Cursor, ErrorKind, Read, Write};
use tokio_tungstenite::tungstenite::{
    Error, Message,
    protocol::{Role, WebSocketConfig, WebSocketContext, frame::FrameHeader},
};

/// Reads bytes as frames and as text.
///
/// # Panics
///
/// When messages, answers or faults depend on how the bytes are cut, or are other than those of
/// tungstenite; when a message is longer than the limit; and for its texts as [`text`].
pub(crate) fn frame(data: &[u8]) {
    let Some(input) = Input::read(data) else { return };
    let role = if input.flags & 1 == 0 { Role::Server } else { Role::Client };
    let longest = [100, 125, 1000, 65_536][usize::from(input.flags >> 1 & 3)];
    let read = by_tungstenite(input.bytes, role, longest);
    let bytes = input.bytes.chunks(1).collect();
    for parts in [input.parts(input.bytes), frames(input.bytes), bytes, vec![input.bytes]] {
        assert_eq!(by_us(&parts, role, longest), read, "cut as {parts:?}");
    }
    for message in read.messages {
        if let Seen::Text(message) = message {
            assert!(message.len() <= longest);
            text(&message);
        }
    }
    if let Ok(whole) = std::str::from_utf8(input.bytes) {
        text(whole);
    }
}

/// Frame by frame.
fn frames(mut bytes: &[u8]) -> Vec<&[u8]> {
    let mut frames = Vec::new();
    while !bytes.is_empty() {
        let mut cursor = Cursor::new(bytes);
        let payload = match FrameHeader::parse(&mut cursor) {
            Ok(Some((_, length))) => usize::try_from(length).unwrap_or(usize::MAX),
            Ok(None) | Err(_) => usize::MAX,
        };
        let length = payload.saturating_add(cursor.position() as usize).min(bytes.len());
        let (frame, rest) = bytes.split_at(length);
        frames.push(frame);
        bytes = rest;
    }
    frames
}

/// What bytes are read as.
#[derive(Debug, PartialEq)]
struct Outcome {
    messages: Vec<Seen>,
    /// What pings were answered with.
    answers: Vec<Seen>,
    /// Code and reason of the fault that ended it.
    fault: Option<String>,
}

#[derive(Debug, PartialEq)]
enum Seen {
    Text(String),
    Binary(usize),
    Sign(usize),
    /// Nothing is read behind it.
    Close(Option<(u16, String)>),
    /// An answer.
    Pong(Vec<u8>),
}

fn by_us(parts: &[&[u8]], role: Role, longest: usize) -> Outcome {
    let limits = Limits::default().frame(longest);
    let (mut decoder, mut messages, mut answers) = (Decoder::default(), Vec::new(), Vec::new());
    let mut fault_seen = None;
    for part in parts {
        let mut batch = part.to_vec();
        let decoded = decoder.decode(&mut batch, (role, &limits), &mut answers, |it, length| {
            let seen = match it {
                Incoming::Text(text) => {
                    assert_eq!(text.len(), length);
                    Seen::Text(text.to_owned())
                }
                Incoming::Binary => Seen::Binary(length),
                Incoming::Sign => Seen::Sign(length),
                Incoming::Close(close) => Seen::Close(
                    close.map(|close| (close.code.into(), close.reason.as_str().to_owned())),
                ),
            };
            let ends = matches!(seen, Seen::Close(_));
            messages.push(seen);
            if ends { Err(()) } else { Ok(()) }
        });
        match decoded {
            Ok(()) => continue,
            Err(Stopped::By(())) => {}
            Err(Stopped::Fault(error)) => fault_seen = Some(fault(&error).to_string()),
        }
        break;
    }
    Outcome { messages, answers: pongs(&answers, role), fault: fault_seen }
}

fn by_tungstenite(bytes: &[u8], role: Role, longest: usize) -> Outcome {
    let mut wire = Wire { unread: bytes, written: Vec::new() };
    let (messages, fault) = read(&mut wire, role, longest);
    Outcome { messages, answers: pongs(&wire.written, role), fault }
}

fn read(wire: &mut Wire<'_>, role: Role, longest: usize) -> (Vec<Seen>, Option<String>) {
    let config =
        WebSocketConfig::default().max_message_size(Some(longest)).max_frame_size(Some(longest));
    let mut websocket = WebSocketContext::new(role, Some(config));
    let mut messages = Vec::new();
    loop {
        let message = match websocket.read(wire) {
            Ok(message) => message,
            Err(Error::Io(error)) if error.kind() == ErrorKind::WouldBlock => {
                return (messages, None);
            }
            Err(error) => return (messages, Some(fault(&error).to_string())),
        };
        let length = message.len();
        messages.push(match message {
            Message::Text(text) => Seen::Text(text.as_str().to_owned()),
            Message::Binary(_) => Seen::Binary(length),
            Message::Ping(_) | Message::Pong(_) | Message::Frame(_) => Seen::Sign(length),
            Message::Close(close) => {
                let close = close.map(|close| (close.code.into(), close.reason.as_str().into()));
                messages.push(Seen::Close(close));
                return (messages, None);
            }
        });
    }
}

/// The pongs among what `role` has written: a client masks them at random.
fn pongs(bytes: &[u8], role: Role) -> Vec<Seen> {
    let role = if role == Role::Server { Role::Client } else { Role::Server };
    let mut wire = Wire { unread: bytes, written: Vec::new() };
    let config = WebSocketConfig::default().read_buffer_size(128);
    let mut websocket = WebSocketContext::new(role, Some(config));
    let mut pongs = Vec::new();
    loop {
        match websocket.read(&mut wire) {
            Ok(Message::Pong(payload)) => pongs.push(Seen::Pong(payload.to_vec())),
            Err(Error::Io(error)) if error.kind() == ErrorKind::WouldBlock => return pongs,
            other => panic!("a ping is answered with {other:?}"),
        }
    }
}

/// What tungstenite alone reads from and writes to.
struct Wire<'a> {
    unread: &'a [u8],
    written: Vec<u8>,
}

impl Read for Wire<'_> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        if self.unread.is_empty() {
            return Err(ErrorKind::WouldBlock.into());
        }
        self.unread.read(out)
    }
}

impl Write for Wire<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.written.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
