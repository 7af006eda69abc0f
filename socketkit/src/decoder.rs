//! Messages out of the bytes that one read brought.
//!
//! A text in one frame that is there as a whole is unmasked where it lies and handed on: nearly all
//! are. Anything else is read by tungstenite, whose state stays with the connection only until the
//! message is complete: an idle socket owns no buffer.

use crate::Limits;
use std::{
    io::{self, Cursor, ErrorKind, Read, Write},
    ops::Range,
};
use tokio_tungstenite::tungstenite::{
    self, Message,
    protocol::{
        CloseFrame, Role, WebSocketConfig, WebSocketContext,
        frame::{
            FrameHeader,
            coding::{Data, OpCode},
        },
    },
};

/// What a peer sent.
#[derive(Debug)]
pub(crate) enum Incoming<'a> {
    Text(&'a str),
    Binary,
    /// A ping, which is answered already, or a pong.
    Sign,
    Close(Option<CloseFrame>),
}

/// Why bytes are not read on.
#[derive(Debug)]
pub(crate) enum Stopped<E> {
    /// They are no messages.
    Fault(tungstenite::Error),
    /// Whoever takes the messages wants no more.
    By(E),
}

/// See the module.
#[derive(Debug, Default)]
pub(crate) struct Decoder(Option<Box<Unfinished>>);

/// A message of which a part is there.
#[derive(Debug)]
struct Unfinished {
    websocket: WebSocketContext,
    boundary: Boundary,
}

impl Decoder {
    /// Hands each message of `bytes` to `take`, with the length of its payload, and appends what
    /// pings are answered with to `answers`. The bytes are overwritten.
    pub(crate) fn decode<E>(
        &mut self,
        mut bytes: &mut [u8],
        (role, limits): (Role, &Limits),
        answers: &mut Vec<u8>,
        mut take: impl FnMut(Incoming<'_>, usize) -> Result<(), E>,
    ) -> Result<(), Stopped<E>> {
        if self.0.is_none() {
            while let Some((mask, payload)) = whole(bytes, role, limits) {
                let (frame, rest) = bytes.split_at_mut(payload.end);
                bytes = rest;
                let payload = frame.get_mut(payload.start..).unwrap_or_default();
                if let Some(mask) = mask {
                    unmask(payload, mask);
                }
                let text = std::str::from_utf8(payload)
                    .map_err(|error| Stopped::Fault(tungstenite::Error::Utf8(error.to_string())))?;
                take(Incoming::Text(text), text.len()).map_err(Stopped::By)?;
            }
            if bytes.is_empty() {
                return Ok(());
            }
        }
        let unfinished = self.0.get_or_insert_with(|| {
            let websocket = WebSocketContext::new(role, Some(config(limits)));
            Box::new(Unfinished { websocket, boundary: Boundary::default() })
        });
        unfinished.boundary.pass(bytes);
        let mut feed = Feed { bytes, answers };
        loop {
            let message = match unfinished.websocket.read(&mut feed) {
                Ok(message) => message,
                Err(tungstenite::Error::Io(error)) if error.kind() == ErrorKind::WouldBlock => {
                    break;
                }
                Err(error) => return Err(Stopped::Fault(error)),
            };
            let length = message.len();
            let incoming = match message {
                Message::Text(ref text) => Incoming::Text(text),
                Message::Binary(_) => Incoming::Binary,
                Message::Ping(_) | Message::Pong(_) | Message::Frame(_) => Incoming::Sign,
                Message::Close(close) => Incoming::Close(close),
            };
            take(incoming, length).map_err(Stopped::By)?;
        }
        if unfinished.boundary.is_between_messages() {
            self.0 = None;
        }
        Ok(())
    }
}

/// Where the payload of the first frame is and what masks it, if it is a text that is there as a
/// whole and breaks no rule.
fn whole(bytes: &[u8], role: Role, limits: &Limits) -> Option<(Option<[u8; 4]>, Range<usize>)> {
    let mut cursor = Cursor::new(bytes);
    let (header, length) = FrameHeader::parse(&mut cursor).ok().flatten()?;
    let FrameHeader { is_final, rsv1, rsv2, rsv3, opcode, mask } = header;
    let start = cursor.position() as usize;
    let length = usize::try_from(length).ok().filter(|length| *length <= limits.frame)?;
    let is_text = is_final && opcode == OpCode::Data(Data::Text) && !(rsv1 || rsv2 || rsv3);
    let is_there = bytes.len() - start >= length;
    let is_masked = mask.is_some() == (role == Role::Server);
    (is_text && is_there && is_masked).then(|| (mask, start..start + length))
}

/// RFC 6455 section 5.3.
fn unmask(payload: &mut [u8], mask: [u8; 4]) {
    let mut chunks = payload.chunks_exact_mut(4);
    for chunk in &mut chunks {
        for (byte, mask) in chunk.iter_mut().zip(mask) {
            *byte ^= mask;
        }
    }
    for (byte, mask) in chunks.into_remainder().iter_mut().zip(mask) {
        *byte ^= mask;
    }
}

fn config(limits: &Limits) -> WebSocketConfig {
    WebSocketConfig::default()
        .read_buffer_size(128)
        .write_buffer_size(0)
        .max_write_buffer_size(usize::MAX)
        .max_message_size(Some(limits.frame))
        .max_frame_size(Some(limits.frame))
}

/// How far a stream of frames has come.
#[derive(Debug, Default)]
struct Boundary {
    /// What is there of a header.
    header: Vec<u8>,
    /// Bytes of the payload that are to come.
    left: u64,
    /// A message was begun in a frame that is not its last.
    fragmented: bool,
}

impl Boundary {
    /// Goes on by these bytes. What breaks the framing is found by whoever reads them.
    fn pass(&mut self, mut bytes: &[u8]) {
        while !bytes.is_empty() {
            let payload = bytes.len().min(usize::try_from(self.left).unwrap_or(usize::MAX));
            self.left -= payload as u64;
            bytes = bytes.get(payload..).unwrap_or_default();
            let Some((first, rest)) = bytes.split_first() else { return };
            self.header.push(*first);
            bytes = rest;
            match FrameHeader::parse(&mut Cursor::new(&self.header)) {
                Ok(None) => {}
                Ok(Some((header, length))) => {
                    self.header.clear();
                    self.left = length;
                    if matches!(header.opcode, OpCode::Data(_)) {
                        self.fragmented = !header.is_final;
                    }
                }
                Err(_) => return,
            }
        }
    }

    fn is_between_messages(&self) -> bool {
        self.left == 0 && self.header.is_empty() && !self.fragmented
    }
}

/// What tungstenite reads from and writes to: the rest of a batch, and the control frames that it
/// answers with.
struct Feed<'a> {
    bytes: &'a [u8],
    answers: &'a mut Vec<u8>,
}

impl Read for Feed<'_> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        if self.bytes.is_empty() {
            return Err(ErrorKind::WouldBlock.into());
        }
        self.bytes.read(out)
    }
}

impl Write for Feed<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.answers.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use tungstenite::protocol::frame::coding::Control;

    /// What a stream of frames is read as, cut anywhere; whether nothing is kept at its end.
    fn read(frames: &[u8], cuts: &[usize]) -> (Vec<String>, bool) {
        let (mut decoder, mut answers, mut seen) = (Decoder::default(), Vec::new(), Vec::new());
        let limits = Limits::default().frame(100);
        let mut left = frames;
        for cut in cuts.iter().copied().chain([usize::MAX]) {
            let (batch, rest) = left.split_at(cut.min(left.len()));
            left = rest;
            let mut batch = batch.to_vec();
            let decoded =
                decoder.decode(&mut batch, (Role::Server, &limits), &mut answers, |incoming, _| {
                    seen.push(format!("{incoming:?}"));
                    Ok::<_, ()>(())
                });
            if let Err(stopped) = decoded {
                seen.push(format!("{stopped:?}"));
                break;
            }
        }
        seen.push(format!("{answers:?}"));
        (seen, decoder.0.is_none())
    }

    fn bytes(payload: &[u8], opcode: OpCode, is_final: bool, mask: [u8; 4]) -> Vec<u8> {
        let header = FrameHeader { opcode, is_final, mask: Some(mask), ..FrameHeader::default() };
        let mut out = Vec::new();
        header.format(payload.len() as u64, &mut out).unwrap();
        let start = out.len();
        out.extend_from_slice(payload);
        unmask(&mut out[start..], mask);
        out
    }

    fn frame() -> impl Strategy<Value = Vec<u8>> {
        let opcode = prop_oneof![
            6 => Just(OpCode::Data(Data::Text)),
            2 => Just(OpCode::Data(Data::Continue)),
            1 => Just(OpCode::Data(Data::Binary)),
            1 => Just(OpCode::Control(Control::Ping)),
            1 => Just(OpCode::Control(Control::Pong)),
        ];
        let payload = prop_oneof![
            8 => "[a-zä{}\"]{0,40}".prop_map(String::into_bytes),
            1 => prop::collection::vec(any::<u8>(), 0..8),
            1 => Just(vec![b'x'; 101]),
        ];
        let frame = (opcode, payload, prop::bool::weighted(0.8), any::<[u8; 4]>());
        frame.prop_map(|(opcode, payload, is_final, mask)| bytes(&payload, opcode, is_final, mask))
    }

    proptest! {
        #[test]
        fn however_a_stream_is_cut_it_is_read_as_tungstenite_reads_it(
            frames in prop::collection::vec(frame(), 1..8),
            cuts in prop::collection::vec(0usize..60, 0..8),
        ) {
            // One byte in front keeps every frame from being whole: tungstenite reads all of them.
            let stream = frames.concat();
            let (by_tungstenite, _) = read(&stream, &[1]);
            prop_assert_eq!(&read(&stream, &cuts).0, &by_tungstenite);
            prop_assert_eq!(&read(&stream, &[]).0, &by_tungstenite);
        }
    }

    #[test]
    fn nothing_is_kept_between_messages() {
        let text = bytes(b"{}", OpCode::Data(Data::Text), true, [1, 2, 3, 4]);
        let begun = bytes(b"{", OpCode::Data(Data::Text), false, [1, 2, 3, 4]);
        let ended = bytes(b"}", OpCode::Data(Data::Continue), true, [1, 2, 3, 4]);
        let ping = bytes(b"p", OpCode::Control(Control::Ping), true, [1, 2, 3, 4]);
        for (stream, idle) in [
            (text.clone(), true),
            ([text.clone(), ping.clone()].concat(), true),
            (begun.clone(), false),
            ([begun.clone(), ping].concat(), false),
            ([begun, ended].concat(), true),
            (text[..3].to_vec(), false),
            (text[..7].to_vec(), false),
        ] {
            assert_eq!(read(&stream, &[]).1, idle, "{stream:?}");
        }
    }
}
