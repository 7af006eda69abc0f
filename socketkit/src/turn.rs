//! One turn of writing: all that waits for one receiver, in as few system calls as the transport
//! allows.

use crate::outbox::{Frames, Sort};
use bytes::Buf;
use std::io::{self, IoSlice};
use tokio::net::tcp::OwnedWriteHalf;

/// Who has to write what was pushed.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Flush {
    /// Somebody who was asked before will.
    Pending,
    /// The flusher is to be asked.
    Ask,
    /// There is much: whoever pushed, at once.
    Now,
}

/// What one turn of writing writes, and where to.
#[derive(Debug)]
pub(crate) struct Turn {
    pub(crate) frames: Frames,
    pub(crate) stream: Option<OwnedWriteHalf>,
}

/// What one turn of writing did.
#[derive(Debug, Default)]
pub(crate) struct Written {
    /// What did not go out.
    pub(crate) rest: Frames,
    /// Whole frames that went out.
    pub(crate) frames: usize,
    /// Bytes that went out.
    pub(crate) bytes: usize,
    /// Some of them were of a text.
    pub(crate) text: bool,
    /// The first of the rest went out in part.
    pub(crate) partial: bool,
    /// The transport takes no more for now.
    pub(crate) blocked: bool,
}

/// Frames that one vectored write carries at most.
const SLICES: usize = 64;

/// Writes frames until all are gone or `sink` takes no more, which it says by `WouldBlock`.
pub(crate) fn write(
    mut frames: Frames,
    mut sink: impl FnMut(&[IoSlice<'_>]) -> io::Result<usize>,
) -> io::Result<Written> {
    let mut written = Written::default();
    while let Some(waiting) = frames.get_mut(written.frames..).filter(|rest| !rest.is_empty()) {
        let mut slices = [IoSlice::new(&[]); SLICES];
        let count = waiting.len().min(SLICES);
        for (slice, frame) in slices.iter_mut().zip(waiting.iter()) {
            *slice = IoSlice::new(&frame.bytes);
        }
        let mut taken = match sink(slices.get(..count).unwrap_or_default()) {
            Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
            Ok(taken) => taken,
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                written.blocked = true;
                break;
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(error),
        };
        written.bytes += taken;
        for frame in waiting {
            written.text |= frame.sort != Sort::Control && taken > 0;
            if taken < frame.bytes.len() {
                written.partial |= taken > 0;
                frame.bytes.advance(taken);
                break;
            }
            taken -= frame.bytes.len();
            written.partial = false;
            written.frames += 1;
        }
    }
    frames.drain(..written.frames);
    written.rest = frames;
    Ok(written)
}
