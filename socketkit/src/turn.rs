//! One turn of writing: all that waits for one receiver, in as few system calls as the transport
//! allows.

use crate::queued::{Frames, Sort};
use socket2::SockRef;
use std::{
    hint,
    io::{self, IoSlice},
};
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
    /// Bytes of the first that went out before.
    pub(crate) sent: usize,
    pub(crate) stream: Option<OwnedWriteHalf>,
}

impl Turn {
    /// Has the processor fetch the socket.
    pub(crate) fn fetch(&self) {
        hint::black_box(self.stream.as_ref().map(|stream| SockRef::from(stream.as_ref())));
    }
}

/// What one turn of writing did.
#[derive(Debug, Default)]
pub(crate) struct Written {
    /// The frames that went out as a whole.
    pub(crate) done: Frames,
    /// What did not go out.
    pub(crate) rest: Frames,
    /// Bytes of the first of these that did.
    pub(crate) sent: usize,
    /// Bytes that went out.
    pub(crate) bytes: usize,
    /// Some of them were of a text.
    pub(crate) text: bool,
    /// The transport takes no more for now.
    pub(crate) blocked: bool,
    /// It takes nothing any more.
    pub(crate) broken: bool,
}

/// Frames that one vectored write carries at most.
const SLICES: usize = 64;

/// Writes to a TCP socket what it takes at once. The socket itself is asked first: what the runtime
/// knows of it matters only when it takes nothing, and is one more place in memory.
pub(crate) fn send(stream: &OwnedWriteHalf, slices: &[IoSlice<'_>]) -> io::Result<usize> {
    let socket = SockRef::from(stream.as_ref());
    let sent = match slices {
        [one] => socket.send_with_flags(one, NO_SIGNAL),
        many => socket.send_vectored_with_flags(many, NO_SIGNAL),
    };
    match sent {
        // Now the runtime learns of it, and tells when it takes more.
        Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
            stream.try_write_vectored(slices)
        }
        sent => sent,
    }
}

/// A peer that has gone is an error, not a signal to the process.
#[cfg(any(target_os = "linux", target_os = "android"))]
const NO_SIGNAL: i32 = libc::MSG_NOSIGNAL;
#[cfg(not(any(target_os = "linux", target_os = "android")))]
const NO_SIGNAL: i32 = 0;

/// Writes frames, but for the bytes of the first that were `sent`, until all are gone or `sink` takes
/// no more, which it says by `WouldBlock`, or fails.
pub(crate) fn write(
    mut frames: Frames,
    sent: usize,
    mut sink: impl FnMut(&[IoSlice<'_>]) -> io::Result<usize>,
) -> Written {
    let mut written = Written { sent, ..Written::default() };
    let mut done = 0;
    while let Some(waiting) = frames.get(done..).filter(|rest| !rest.is_empty()) {
        let first = waiting.first().and_then(|frame| frame.bytes.get(written.sent..));
        let mut many;
        let mut slices = &[IoSlice::new(first.unwrap_or_default())][..];
        if let [_, others @ ..] = waiting
            && !others.is_empty()
        {
            many = [IoSlice::new(first.unwrap_or_default()); SLICES];
            for (slice, frame) in many.iter_mut().skip(1).zip(others) {
                *slice = IoSlice::new(&frame.bytes);
            }
            slices = many.get(..waiting.len().min(SLICES)).unwrap_or_default();
        }
        let taken = match sink(slices) {
            Ok(taken @ 1..) => taken,
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                written.blocked = true;
                break;
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Ok(0) | Err(_) => {
                written.broken = true;
                break;
            }
        };
        written.bytes += taken;
        written.sent += taken;
        for frame in waiting {
            written.text |= frame.sort != Sort::Control && written.sent > 0;
            if written.sent < frame.bytes.len() {
                break;
            }
            written.sent -= frame.bytes.len();
            done += 1;
        }
    }
    if done < frames.len() {
        written.rest = frames.drain(done..).collect();
    }
    written.done = frames;
    written
}
