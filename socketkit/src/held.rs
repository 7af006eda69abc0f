//! Broadcasts that one receiver gets when its `on_connect` has run, so that its snapshot comes first.

use crate::queued::{Queued, Sort};

/// See the module.
#[derive(Debug, Default)]
pub(crate) struct Held {
    frames: Vec<Queued>,
    bytes: usize,
}

impl Held {
    pub(crate) fn push(&mut self, frame: Queued) {
        self.bytes += frame.bytes.len();
        self.frames.push(frame);
    }

    /// Removes the frame of a `latest` event.
    pub(crate) fn remove(&mut self, sort: Sort) -> bool {
        let found = self.frames.iter().position(|frame| frame.sort == sort);
        if let Some(at) = found {
            self.bytes -= self.frames.remove(at).bytes.len();
        }
        found.is_some()
    }

    /// Takes out those that are dropped when the connection is lost.
    pub(crate) fn take_volatile(&mut self) -> Vec<Queued> {
        let is_volatile = |frame: &mut Queued| frame.sort == Sort::Volatile;
        let taken: Vec<_> = self.frames.extract_if(.., is_volatile).collect();
        self.bytes -= taken.iter().map(|frame| frame.bytes.len()).sum::<usize>();
        taken
    }

    pub(crate) fn len(&self) -> usize {
        self.frames.len()
    }

    pub(crate) fn bytes(&self) -> usize {
        self.bytes
    }
}

impl IntoIterator for Held {
    type Item = Queued;
    type IntoIter = std::vec::IntoIter<Queued>;

    fn into_iter(self) -> Self::IntoIter {
        self.frames.into_iter()
    }
}
