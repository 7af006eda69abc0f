//! What passed every link, as text, with the times of the test's clock.

use crate::peer::lock;
use std::{
    fmt::{self, Write},
    io::Cursor,
    sync::Mutex,
};
use tokio::time::Instant;
use tokio_tungstenite::tungstenite::protocol::frame::{
    FrameHeader,
    coding::{Control, Data, OpCode},
};

/// Lines that are kept.
const LINES: usize = 100_000;

/// Bytes of a text that are shown.
const SHOWN: usize = 4096;

/// See the module.
#[derive(Debug)]
pub(super) struct Trace {
    start: Instant,
    lines: Mutex<Lines>,
}

#[derive(Debug, Default)]
struct Lines {
    text: String,
    count: usize,
    /// Secrets of sessions, each of which is shown as its place here.
    tokens: Vec<String>,
}

impl Trace {
    /// One whose clock begins now.
    pub(super) fn new() -> Self {
        Self { start: Instant::now(), lines: Mutex::default() }
    }

    /// Adds a line about the `number`th link.
    pub(super) fn note(&self, number: u64, what: fmt::Arguments<'_>) {
        let now = self.start.elapsed();
        let mut lines = lock(&self.lines);
        lines.count += 1;
        if lines.count <= LINES {
            let (seconds, millis) = (now.as_secs(), now.subsec_millis());
            // Writing to a string cannot fail.
            let _ = writeln!(lines.text, "{seconds}.{millis:03} #{number} {what}");
        }
    }

    /// The same text each time: secrets in it have a number.
    pub(super) fn masked<'a>(&self, text: &'a str, token: &str) -> std::borrow::Cow<'a, str> {
        if token.is_empty() {
            return text.into();
        }
        let tokens = &mut lock(&self.lines).tokens;
        let at = tokens.iter().position(|known| known == token).unwrap_or_else(|| {
            tokens.push(token.to_owned());
            tokens.len() - 1
        });
        text.replacen(token, &format!("TOKEN{}", at + 1), 1).into()
    }

    pub(super) fn text(&self) -> String {
        let lines = lock(&self.lines);
        let mut text = lines.text.clone();
        if lines.count > LINES {
            let _ = writeln!(text, "and {} more lines", lines.count - LINES);
        }
        text
    }

    /// The last lines.
    pub(super) fn end(&self, count: usize) -> String {
        let lines = lock(&self.lines);
        let mut last: Vec<_> = lines.text.lines().rev().take(count).collect();
        last.reverse();
        last.join("\n  ")
    }
}

/// Reads the frames of one direction as their receiver does.
#[derive(Debug, Default)]
pub(super) struct Tap {
    unread: Vec<u8>,
    frame: Option<Partial>,
    /// What comes is no frame.
    is_lost: bool,
}

/// A frame that is being received.
#[derive(Debug)]
struct Partial {
    header: FrameHeader,
    length: u64,
    at: u64,
    shown: Vec<u8>,
}

impl Tap {
    /// Reads what was received, and has each whole frame told.
    pub(super) fn read(&mut self, mut bytes: &[u8], mut tell: impl FnMut(&str)) {
        while !self.is_lost {
            if let Some(frame) = &mut self.frame {
                let unread = std::mem::take(&mut self.unread);
                let unread = if unread.is_empty() { bytes } else { &[&unread, bytes].concat() };
                let taken = frame.read(unread);
                let is_whole = frame.at == frame.length;
                let rest = unread.get(taken..).unwrap_or_default();
                if !is_whole {
                    return;
                }
                self.unread = rest.to_vec();
                bytes = &[];
                tell(&frame.describe());
                self.frame = None;
                continue;
            }
            self.unread.extend_from_slice(bytes);
            bytes = &[];
            let mut cursor = Cursor::new(&self.unread);
            match FrameHeader::parse(&mut cursor) {
                Ok(Some((header, length))) => {
                    let at = usize::try_from(cursor.position()).unwrap_or_default();
                    self.unread.drain(..at);
                    self.frame = Some(Partial { header, length, at: 0, shown: Vec::new() });
                }
                Ok(None) => return,
                Err(_) => {
                    self.is_lost = true;
                    self.unread = Vec::new();
                    tell("bytes that are no frame");
                }
            }
        }
    }
}

impl Partial {
    /// How many of these bytes are its own.
    fn read(&mut self, bytes: &[u8]) -> usize {
        let left = usize::try_from(self.length - self.at).unwrap_or(usize::MAX);
        let own = bytes.get(..left).unwrap_or(bytes);
        let mask = self.header.mask.unwrap_or_default();
        let start = (self.at % 4) as usize;
        let unmasked =
            own.iter().zip(mask.iter().cycle().skip(start)).map(|(byte, key)| byte ^ key);
        self.shown.extend(unmasked.take(SHOWN - self.shown.len()));
        self.at += own.len() as u64;
        own.len()
    }

    fn describe(&self) -> String {
        let text = String::from_utf8_lossy(&self.shown);
        match self.header.opcode {
            OpCode::Data(Data::Text) if self.length > SHOWN as u64 => {
                format!("{text}.. of {} bytes", self.length)
            }
            OpCode::Data(Data::Text) => text.into_owned(),
            OpCode::Control(Control::Ping) => "ping".to_owned(),
            OpCode::Control(Control::Pong) => "pong".to_owned(),
            OpCode::Control(Control::Close) => match self.shown.split_first_chunk() {
                Some((code, reason)) => {
                    let reason = String::from_utf8_lossy(reason);
                    format!("close {} {reason}", u16::from_be_bytes(*code)).trim_end().to_owned()
                }
                None => "close".to_owned(),
            },
            OpCode::Data(_) | OpCode::Control(_) => {
                format!("{} with {} bytes", self.header.opcode, self.length)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{CloseCode, Disconnect, frame};
    use tokio_tungstenite::tungstenite::protocol::Role;

    #[test]
    fn frames_are_read_however_they_are_cut_up() {
        let long = "x".repeat(SHOWN + 1);
        let close = Disconnect::new(CloseCode::DONE, "bye");
        for role in [Role::Client, Role::Server] {
            let frames = [
                frame::text(b"{}", role),
                frame::text(long.as_bytes(), role),
                frame::ping(role),
                frame::close(&close, role),
            ];
            let bytes = frames.iter().flat_map(|frame| frame.iter().copied()).collect::<Vec<_>>();
            for size in [1, 2, 7, 1000, bytes.len()] {
                let (mut tap, mut told) = (Tap::default(), Vec::new());
                for piece in bytes.chunks(size) {
                    tap.read(piece, |what| told.push(what.to_owned()));
                }
                let long = format!("{}.. of {} bytes", &long[..SHOWN], long.len());
                assert_eq!(told, ["{}", &long, "ping", "close 1000 bye"]);
            }
        }
    }

    #[test]
    fn what_is_no_frame_is_said_once() {
        let (mut tap, mut told) = (Tap::default(), Vec::new());
        for _ in 0..3 {
            tap.read(&[0x8f; 20], |what| told.push(what.to_owned()));
        }
        assert_eq!(told, ["bytes that are no frame"]);
    }
}
