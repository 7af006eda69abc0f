//! What a queue drops. It is counted when the lock is free, by the names in the frames.

use super::Queue;
use crate::{
    CloseCode,
    counters::Reason,
    frame::FrameBytes,
    queued::{Frames, Queued, Sort},
    turn::Written,
};
use std::mem;

/// Frames that are not delivered, and why. A client's are not counted.
#[derive(Debug, Default)]
pub(crate) struct Lost {
    pub(crate) frames: Vec<(FrameBytes, Reason)>,
    /// Frames that were written and never seen, and are not here.
    pub(crate) forgotten: u64,
}

impl Lost {
    pub(super) fn note(lost: &mut Option<Box<Self>>, bytes: FrameBytes, reason: Reason) {
        lost.get_or_insert_default().frames.push((bytes, reason));
    }
}

impl Queue {
    /// Drops frames of which those that are the connection's own are nobody's loss.
    pub(super) fn lose_all(&mut self, frames: impl IntoIterator<Item = Queued>, reason: Reason) {
        for Queued { bytes, sort } in frames {
            match sort {
                Sort::Control => {}
                // It was written before.
                Sort::Again => Lost::note(&mut self.lost, bytes, Reason::Unconfirmed),
                _ => Lost::note(&mut self.lost, bytes, reason),
            }
        }
    }

    /// Drops frames, but for one that has begun to go out.
    pub(super) fn drop_from(&mut self, frames: &mut Frames, reason: Reason) {
        let begun = self.begun().min(frames.len());
        self.count -= frames.len() - begun;
        self.bytes -= frames.iter().skip(begun).map(|frame| frame.bytes.len()).sum::<usize>();
        self.lose_all(frames.drain(begun..), reason);
    }

    /// Drops the broadcasts that are held.
    pub(super) fn drop_held(&mut self, reason: Reason) {
        let held = self.held.take();
        self.lose_all(held.into_iter().flat_map(|held| *held), reason);
    }

    /// The session has ended: what waits is not sent, and what was sent is not seen any more.
    pub(super) fn drop_all(&mut self) {
        let reason = self.reason();
        let frames = mem::take(&mut self.frames);
        self.lose_all(frames, reason);
        self.drop_held(reason);
        self.drop_window();
    }

    /// What a writer brings back when the session has ended.
    pub(super) fn drop_written(&mut self, written: Written, limits: &crate::Limits) {
        self.keep(written.done, limits);
        self.lose_all(written.rest, self.reason());
        self.drop_window();
    }

    fn drop_window(&mut self) {
        let (forgotten, kept) = self.window.end();
        if forgotten > 0 {
            self.lost.get_or_insert_default().forgotten += forgotten;
        }
        for bytes in kept {
            Lost::note(&mut self.lost, bytes, Reason::Unconfirmed);
        }
    }

    fn reason(&self) -> Reason {
        if self.is_too_slow() { Reason::TooSlow } else { Reason::Ended }
    }

    /// Whether it ends since its peer is too slow.
    pub(super) fn is_too_slow(&self) -> bool {
        self.end.as_deref().is_some_and(|end| end.code == CloseCode::TOO_SLOW)
    }
}
