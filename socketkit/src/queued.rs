//! A frame that waits to be sent.

use crate::{frame::FrameBytes, latest::Key};
use smallvec::SmallVec;
use std::ops::Range;

/// A frame that waits, and what may happen to it meanwhile.
#[derive(Debug)]
pub(crate) struct Queued {
    pub(crate) bytes: FrameBytes,
    pub(crate) sort: Sort,
}

impl Queued {
    /// Whether it is the answer to a ping, or to several.
    pub(crate) fn is_pong(&self) -> bool {
        self.sort == Sort::Control && self.bytes.first() == Some(&PONG)
    }
}

/// How such a frame begins.
const PONG: u8 = 0x8a;

/// What may happen to a frame that waits.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Sort {
    /// It waits its turn, and a page sees it.
    Text,
    /// It is dropped when the connection is lost.
    Volatile,
    /// A newer one of the same key may take its place.
    Latest(Key),
    /// It was sent before over a connection that is lost: it has its number.
    Again,
    /// It is the connection's own, a page does not see it, and it does not count.
    Control,
}

/// Frames that wait for one receiver: mostly one at a time, which costs no allocation.
pub(crate) type Frames = SmallVec<[Queued; 1]>;

/// Frames that there is room for as soon as a second one waits: more are on their way then.
const ROOM: usize = 16;

/// Adds a frame before the one at this place.
pub(crate) fn insert(frames: &mut Frames, at: usize, frame: Queued) {
    if frames.len() == 1 {
        frames.reserve(ROOM - 1);
    }
    frames.insert(at, frame);
}

/// Where the control frames are that go out first, after those frames that have `begun` to: of the same
/// kind, none may overtake another.
pub(crate) fn controls(frames: &Frames, begun: usize) -> Range<usize> {
    let begun = begun.min(frames.len());
    let waiting = frames.iter().skip(begun);
    begun..begun + waiting.take_while(|frame| frame.sort == Sort::Control).count()
}

/// Takes out the control frames before all others, but for the last if that is the close frame: it comes
/// after all.
pub(crate) fn take_controls(frames: &mut Frames, is_closed: bool) -> Frames {
    let ends = frames.len().saturating_sub(is_closed.into());
    let controls = frames.iter().take(ends).take_while(|frame| frame.sort == Sort::Control).count();
    frames.drain(..controls).collect()
}
