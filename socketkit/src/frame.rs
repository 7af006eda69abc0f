//! WebSocket frames that are made once and shared: header and payload in one buffer.
//!
//! A server's frames are not masked (RFC 6455 section 5.1), so the bytes of a broadcast are the same
//! for every receiver. A client masks each of its own.

use crate::Disconnect;
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

/// The payload of a text frame while it is written, with room for the header before it.
#[derive(Debug)]
pub(crate) struct Draft(Vec<u8>);

impl Draft {
    /// An empty payload, with `capacity` bytes set aside for it.
    pub(crate) fn new(capacity: usize) -> Self {
        let mut out = Vec::with_capacity(HEADER + capacity);
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
    pub(crate) fn finish(mut self, role: Role) -> Bytes {
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
        Bytes::from(self.0).slice(start..)
    }
}

/// A text frame with a fixed payload.
pub(crate) fn text(payload: &[u8], role: Role) -> Bytes {
    let mut draft = Draft::new(payload.len());
    draft.out().extend_from_slice(payload);
    draft.finish(role)
}

/// A ping without payload.
pub(crate) fn ping(role: Role) -> Bytes {
    control(Frame::ping(Bytes::new()), role)
}

/// A close frame; empty for a code that must not be sent (1005, 1006).
pub(crate) fn close(disconnect: &Disconnect, role: Role) -> Bytes {
    let frame = disconnect.code.is_sendable().then(|| CloseFrame {
        code: disconnect.code.0.into(),
        reason: disconnect.reason.as_ref().into(),
    });
    control(Frame::close(frame), role)
}

fn control(frame: Frame, role: Role) -> Bytes {
    debug_assert!(matches!(frame.header().opcode, OpCode::Control(Control::Close | Control::Ping)));
    if role == Role::Client { masked(frame) } else { formatted(frame) }
}

fn masked(mut frame: Frame) -> Bytes {
    frame.header_mut().mask = Some(rand::random());
    formatted(frame)
}

fn formatted(frame: Frame) -> Bytes {
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
    fn a_code_that_must_not_be_sent_makes_an_empty_close() {
        assert_eq!(close(&CloseCode::LOST.into(), Role::Server)[..], [0x88, 0]);
        assert_eq!(
            close(&Disconnect::new(CloseCode::DONE, "x"), Role::Server)[..],
            [0x88, 3, 3, 232, b'x']
        );
    }
}
