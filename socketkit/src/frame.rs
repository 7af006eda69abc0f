//! WebSocket frames that are made once and shared: header and payload in one buffer.
//!
//! A server's frames are not masked (RFC 6455 section 5.1), so the bytes of a broadcast are the same
//! for every receiver. A client masks each of its own.

mod bytes;

pub(crate) use bytes::FrameBytes;

use crate::{Disconnect, wire};
use std::{cell::Cell, io::Cursor, str};
use tokio_tungstenite::tungstenite::{
    Bytes,
    protocol::{
        CloseFrame, Role,
        frame::{
            Frame, FrameHeader,
            coding::{Control, Data, OpCode},
        },
    },
};

/// Room for the longest unmasked header in front of a payload.
const HEADER: usize = 10;

/// In so many bytes of an event are its longest name and its place.
#[cfg(feature = "cluster")]
const HEAD: usize = 128;

/// Bytes of a buffer that a worker keeps for the next draft.
const KEPT: usize = 4096;

thread_local! {
    /// What the last draft of this worker was written into.
    static BUFFER: Cell<Vec<u8>> = const { Cell::new(Vec::new()) };
}

/// The payload of a text frame while it is written, with room for the header before it.
#[derive(Debug)]
pub(crate) struct Draft(Vec<u8>);

impl Draft {
    /// An empty payload, with `capacity` bytes set aside for it.
    pub(crate) fn new(capacity: usize) -> Self {
        // Whoever serialises may emit: then there is no buffer, and a new one is made.
        let mut out = BUFFER.take();
        out.reserve(HEADER + capacity);
        out.resize(HEADER, 0);
        Self(out)
    }

    /// Where the payload is appended.
    pub(crate) fn out(&mut self) -> &mut Vec<u8> {
        &mut self.0
    }

    /// The payload so far.
    pub(crate) fn text(&self) -> &[u8] {
        self.0.get(HEADER..).unwrap_or_default()
    }

    /// The whole frame, as `role` sends it.
    pub(crate) fn finish(mut self, role: Role) -> FrameBytes {
        let opcode = OpCode::Data(Data::Text);
        if role == Role::Client {
            return masked(Frame::message(self.0.split_off(HEADER), opcode, true));
        }
        let header = FrameHeader { opcode, ..FrameHeader::default() };
        let length = (self.0.len() - HEADER) as u64;
        let start = HEADER - header.len(length);
        if let Some(mut space) = self.0.get_mut(start..HEADER) {
            // The space is as long as the header.
            let _ = header.format(length, &mut space);
        }
        let frame = self.0.get(start..).unwrap_or_default().into();
        if self.0.capacity() <= KEPT {
            self.0.clear();
            BUFFER.set(self.0);
        }
        frame
    }
}

/// A text frame with a fixed payload.
pub(crate) fn text(payload: &[u8], role: Role) -> FrameBytes {
    let mut draft = Draft::new(payload.len());
    draft.out().extend_from_slice(payload);
    draft.finish(role)
}

/// A ping without payload.
pub(crate) fn ping(role: Role) -> FrameBytes {
    control(Frame::ping(Bytes::new()), role)
}

/// A close frame; empty for a code that must not be sent (1005, 1006).
pub(crate) fn close(disconnect: &Disconnect, role: Role) -> FrameBytes {
    let frame = disconnect.code.is_sendable().then(|| CloseFrame {
        code: disconnect.code.0.into(),
        reason: disconnect.reason.as_ref().into(),
    });
    control(Frame::close(frame), role)
}

/// The payload of a frame of ours.
pub(crate) fn payload(frame: &[u8]) -> Vec<u8> {
    let mut cursor = Cursor::new(frame);
    let Ok(Some((header, _))) = FrameHeader::parse(&mut cursor) else { return Vec::new() };
    let masked = frame.get(cursor.position() as usize..).unwrap_or_default();
    let mask = header.mask.unwrap_or_default();
    masked.iter().zip(mask.iter().cycle()).map(|(byte, mask)| byte ^ mask).collect()
}

/// The name of the event in a frame of a server, if it is one.
pub(crate) fn event_name(frame: &[u8]) -> Option<&str> {
    let mut cursor = Cursor::new(frame);
    FrameHeader::parse(&mut cursor).ok()??;
    let payload = frame.get(cursor.position() as usize..)?;
    let rest = payload.strip_prefix(b"{\"event\":\"")?;
    str::from_utf8(rest.split(|byte| *byte == b'"').next()?).ok()
}

/// The same event of a server, at this place among all of its node: one that has room for a place.
#[cfg(feature = "cluster")]
pub(crate) fn placed(frame: &[u8], place: &str) -> FrameBytes {
    let mut bytes = frame.to_vec();
    if let Some(room) = room(frame).and_then(|start| bytes.get_mut(start..start + place.len())) {
        room.copy_from_slice(place.as_bytes());
    }
    bytes.into()
}

/// The place of an event, if it has one.
#[cfg(feature = "cluster")]
pub(crate) fn place(frame: &[u8]) -> Option<&str> {
    let start = room(frame)?;
    str::from_utf8(frame.get(start..start + wire::PLACE)?).ok()
}

/// Where in the frame of an event its place is.
#[cfg(feature = "cluster")]
fn room(frame: &[u8]) -> Option<usize> {
    let mut cursor = Cursor::new(frame);
    FrameHeader::parse(&mut cursor).ok()??;
    let start = cursor.position() as usize;
    // The payload behind it may be long, and is not looked at.
    let text = frame.get(start..)?;
    let text = text.get(..HEAD).unwrap_or(text).utf8_chunks().next()?.valid();
    let place = wire::place(text)?;
    Some(start + place.as_ptr() as usize - text.as_ptr() as usize)
}

/// The id of a call, if this is one of ours.
pub(crate) fn call(frame: &[u8]) -> Option<u32> {
    event(&payload(frame)).flatten()
}

/// The id of an event, if it wants an answer; `None` if the payload is none of an event.
pub(crate) fn event(payload: &[u8]) -> Option<Option<u32>> {
    match wire::read(str::from_utf8(payload).ok()?) {
        Ok(wire::Frame::Event { id, .. }) => Some(id),
        _ => None,
    }
}

/// The same text of a client with another mask.
pub(crate) fn remask(frame: &[u8]) -> FrameBytes {
    masked(Frame::message(payload(frame), OpCode::Data(Data::Text), true))
}

fn control(frame: Frame, role: Role) -> FrameBytes {
    debug_assert!(matches!(frame.header().opcode, OpCode::Control(Control::Close | Control::Ping)));
    if role == Role::Client { masked(frame) } else { formatted(frame) }
}

fn masked(mut frame: Frame) -> FrameBytes {
    frame.header_mut().mask = Some(rand::random());
    formatted(frame)
}

fn formatted(frame: Frame) -> FrameBytes {
    let mut out = Vec::with_capacity(frame.len());
    // Writing to a vector cannot fail.
    let _ = frame.format(&mut out);
    out.into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::CloseCode;

    #[test]
    fn a_header_takes_as_many_bytes_as_the_length_needs() {
        for (length, header) in [
            (0, vec![0x81, 0]),
            (125, vec![0x81, 125]),
            (126, vec![0x81, 126, 0, 126]),
            (65_536, vec![0x81, 127, 0, 0, 0, 0, 0, 1, 0, 0]),
        ] {
            let frame = text(&vec![b'x'; length], Role::Server);
            assert_eq!(frame[..header.len()], header);
            assert_eq!(frame.len(), header.len() + length);
        }
    }

    #[test]
    fn a_text_is_the_same_under_another_mask() {
        for length in [0, 1, 5, 126, 70_000] {
            let body = vec![b'x'; length];
            let frame = text(&body, Role::Client);
            let again = remask(&frame);
            assert_eq!((payload(&frame), payload(&again)), (body.clone(), body));
            assert!(length == 0 || frame != again, "in 2^-32 of runs");
        }
        assert_eq!(payload(&text(b"{}", Role::Server)), b"{}");
    }

    #[test]
    fn an_event_is_known_by_the_name_in_its_frame() {
        for (payload, name) in [
            (&br#"{"event":"told","id":7,"data":"x"}"#[..], Some("told")),
            (br#"{"event":"blip"}"#, Some("blip")),
            (br#"{"reply":7,"data":{"event":"told"}}"#, None),
            (b"{}", None),
        ] {
            assert_eq!(event_name(&text(payload, Role::Server)), name);
        }
        assert_eq!(event(&ping(Role::Server)), None);
    }

    #[cfg(feature = "cluster")]
    #[test]
    fn an_event_is_put_at_a_place_whatever_its_length() {
        let (zeros, place) = ("0".repeat(28), "0123456789abcdef000000000001");
        let event = |name: &str, at: &str, data: &str| {
            let payload = format!(r#"{{"event":"{name}","at":"{at}","data":{data}}}"#);
            text(payload.as_bytes(), Role::Server)
        };
        let (longest, inner) = ("n".repeat(64), format!(r#"{{"event":"x","at":"{zeros}"}}"#));
        let long = |length| format!(r#""{}""#, "é".repeat(length));
        for data in ["7".to_owned(), inner, long(30), long(100), long(70_000)] {
            for name in ["n", &longest] {
                assert_eq!(placed(&event(name, &zeros, &data), place), event(name, place, &data));
            }
        }
    }

    #[cfg(feature = "cluster")]
    #[test]
    fn what_has_no_room_for_a_place_stays_as_it_is() {
        let place = "0123456789abcdef000000000001";
        for payload in [
            r#"{"event":"told","data":{"event":"x","at":"0000000000000000000000000000"}}"#,
            r#"{"reply":7,"data":"\",\"at\":\"0000000000000000000000000000\""}"#,
            "{}",
        ] {
            let frame = text(payload.as_bytes(), Role::Server);
            assert_eq!(placed(&frame, place), frame);
        }
        assert_eq!(placed(&ping(Role::Server), place), ping(Role::Server));
    }

    #[test]
    fn a_code_that_must_not_be_sent_makes_an_empty_close() {
        assert_eq!(close(&CloseCode::LOST.into(), Role::Server)[..], [0x88, 0]);
        assert_eq!(
            close(&Disconnect::new(CloseCode::DONE, "x"), Role::Server)[..],
            [0x88, 3, 3, 232, b'x']
        );
    }
}
