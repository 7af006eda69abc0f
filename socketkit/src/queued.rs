//! A frame that waits to be sent.

use crate::frame::FrameBytes;
use smallvec::SmallVec;

/// A frame that waits, and what may happen to it meanwhile.
#[derive(Debug)]
pub(crate) struct Queued {
    pub(crate) bytes: FrameBytes,
    pub(crate) sort: Sort,
}

/// What may happen to a frame that waits.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Sort {
    /// A page sees it.
    Text,
    /// A newer one of the same event, by its index, may take its place.
    Latest(u32),
    /// A page does not see it.
    Control,
}

/// Frames that wait for one receiver: mostly one at a time, which costs no allocation.
pub(crate) type Frames = SmallVec<[Queued; 1]>;
