//! What was sent over a session and not seen by the other side.

use crate::Limits;
use std::collections::VecDeque;

/// What a window has room for.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Room {
    pub(crate) frames: usize,
    pub(crate) bytes: usize,
}

impl Room {
    pub(crate) fn of(limits: &Limits) -> Self {
        Self { frames: limits.window, bytes: limits.window_bytes }
    }

    /// Whether so many frames of so many bytes are too much.
    fn is_exceeded(&self, frames: usize, bytes: usize) -> bool {
        frames > self.frames || bytes > self.bytes
    }
}

/// A number that the other side cannot have come to.
#[derive(Debug, PartialEq)]
pub(crate) struct OutOfRange;

/// Frames that the window itself holds. Of very many sockets whatever else it has is far away in memory:
/// it goes there once for so many.
const RECENT: usize = 4;

/// What was sent and not seen by the other side, to be sent again if a connection is lost.
#[derive(Debug)]
pub(crate) struct Window<F> {
    /// The newest frames that were sent.
    recent: [Option<F>; RECENT],
    /// Those before them, as far as there is room; an idle session owns no memory for such.
    #[expect(clippy::box_collection, reason = "one word in each of very many windows")]
    older: Option<Box<VecDeque<F>>>,
    /// How many there are of the older.
    older_len: u32,
    /// Frames are kept. They are not for a peer that has not said what it has seen when the window would
    /// have been full of frames: it is not one that resumes.
    keeps: bool,
    /// Whether it could say what it has seen.
    can_say: bool,
    /// Bytes of all that are kept.
    bytes: usize,
    /// How many frames were sent.
    sent: u64,
    /// How many of them were seen, as far as the other side said.
    seen: u64,
}

impl<F: AsRef<[u8]>> Window<F> {
    /// One of a session that begins; without `keeps` it counts and keeps nothing.
    pub(crate) fn new(keeps: bool) -> Self {
        let recent = [const { None }; RECENT];
        Self {
            recent,
            older: None,
            older_len: 0,
            keeps,
            can_say: keeps,
            bytes: 0,
            sent: 0,
            seen: 0,
        }
    }

    /// That of a session of which another node has sent so many frames before the first that is kept.
    #[cfg(feature = "cluster")]
    pub(crate) fn after(sent: u64) -> Self {
        Self { sent, seen: sent, ..Self::new(true) }
    }

    /// How many frames were sent before those that are kept, and these.
    #[cfg(feature = "cluster")]
    pub(crate) fn pack(&mut self) -> (u64, VecDeque<F>) {
        (self.oldest(), self.take())
    }

    /// How many frames were sent.
    #[cfg(feature = "cluster")]
    pub(crate) fn sent(&self) -> u64 {
        self.sent
    }

    /// Numbers a frame that was sent. The oldest make room for it.
    pub(crate) fn push(&mut self, frame: F, room: Room) {
        self.sent += 1;
        if !self.keeps || self.sent <= self.seen {
            return;
        }
        self.bytes += frame.as_ref().len();
        if self.recent.iter().all(Option::is_some) {
            let older = self.older.get_or_insert_default();
            older.reserve(RECENT);
            for frame in &mut self.recent {
                older.extend(frame.take());
            }
            self.older_len = u32::try_from(older.len()).unwrap_or(u32::MAX);
        }
        if let Some(free) = self.recent.iter_mut().find(|slot| slot.is_none()) {
            *free = Some(frame);
        }
        while room.is_exceeded(self.len(), self.bytes) {
            if self.seen == 0 && self.sent > room.frames as u64 {
                self.keeps = false;
                self.clear();
                return;
            }
            self.pop();
        }
    }

    /// Whether a frame of so many bytes can be sent without that an older one is forgotten. There is
    /// always room for one.
    pub(crate) fn has_room(&self, more: (usize, usize), room: Room) -> bool {
        let (frames, bytes) = (self.len() + more.0, self.bytes + more.1);
        !self.keeps || frames <= 1 || !room.is_exceeded(frames, bytes)
    }

    /// The other side has seen so many frames, of those that were sent and of `writing` that are being
    /// written.
    pub(crate) fn see(&mut self, seen: u64, writing: usize) -> Result<(), OutOfRange> {
        if seen < self.seen || seen > self.sent + writing as u64 {
            return Err(OutOfRange);
        }
        self.seen = seen;
        // From now on it is one that says so.
        (self.keeps, self.can_say) = (true, true);
        self.drop_until(seen);
        Ok(())
    }

    /// Whether everything after the `seen`th frame can be sent again.
    pub(crate) fn reaches(&self, seen: u64) -> bool {
        (self.seen.max(self.oldest())..=self.sent).contains(&seen)
    }

    /// Takes what the other side has not seen, to be sent again: it is numbered anew, with the numbers
    /// that it had. `None` unless the window [`reaches`](Self::reaches) there.
    pub(crate) fn rewind(&mut self, seen: u64) -> Option<VecDeque<F>> {
        if !self.reaches(seen) {
            return None;
        }
        self.drop_until(seen);
        (self.sent, self.seen) = (seen, seen);
        (self.keeps, self.can_say) = (true, true);
        Some(self.take())
    }

    /// How many frames were sent that nobody knows to be seen, in all and as far as they are kept.
    pub(crate) fn unseen(&self) -> (u64, impl Iterator<Item = &F>) {
        let kept = self.older.iter().flat_map(|older| &**older).chain(self.recent.iter().flatten());
        (self.sent.saturating_sub(self.seen), kept)
    }

    /// The session has ended: the frames that nobody knows to be seen, those that are kept and how many
    /// others. None of a peer that cannot say what it has seen.
    pub(crate) fn end(&mut self) -> (u64, VecDeque<F>) {
        let kept = self.take();
        let unseen = if self.can_say { self.sent.saturating_sub(self.seen) } else { 0 };
        self.seen = self.seen.max(self.sent);
        (unseen.saturating_sub(kept.len() as u64), kept)
    }

    /// How many frames are kept.
    fn len(&self) -> usize {
        self.older_len as usize + self.recent.iter().flatten().count()
    }

    /// How many frames precede the oldest that is kept.
    fn oldest(&self) -> u64 {
        self.sent - self.len() as u64
    }

    /// Keeps only what comes after the `seen`th frame.
    fn drop_until(&mut self, seen: u64) {
        let count = seen.saturating_sub(self.oldest());
        if count >= self.len() as u64 {
            return self.clear();
        }
        (0..count).for_each(|_| self.pop());
    }

    /// Forgets the oldest that is kept.
    fn pop(&mut self) {
        let older = self.older.as_mut().and_then(|older| older.pop_front());
        self.older_len -= u32::from(older.is_some());
        let oldest = older.or_else(|| {
            self.older = None;
            let oldest = self.recent.first_mut().and_then(Option::take);
            self.recent.rotate_left(1);
            oldest
        });
        self.bytes -= oldest.map_or(0, |oldest| oldest.as_ref().len());
    }

    fn take(&mut self) -> VecDeque<F> {
        let mut kept = self.older.take().map(|older| *older).unwrap_or_default();
        kept.extend(self.recent.iter_mut().filter_map(Option::take));
        (self.older_len, self.bytes) = (0, 0);
        kept
    }

    fn clear(&mut self) {
        (self.older, self.recent) = (None, [const { None }; RECENT]);
        (self.older_len, self.bytes) = (0, 0);
    }
}
