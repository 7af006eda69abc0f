//! What this node says again and again: that it is there. When that comes back, so has all that was said before.

use crate::cluster::nodes::BEAT;
use std::{
    collections::VecDeque,
    time::{Duration, Instant},
};

/// Those that are told apart until they come back.
const BEATS: usize = 64;

/// An engine may tell of one channel a little before another.
const LATE: Duration = BEAT;

/// See the module.
#[derive(Debug, Default)]
pub(super) struct Beats {
    underway: VecDeque<Beat>,
    /// When the last was said that has come back.
    come: Option<Instant>,
    /// How far the log had come when one was said, and when that came back.
    log: Option<(u64, Instant)>,
}

#[derive(Debug)]
struct Beat {
    at: Instant,
    /// How far the log had come at least.
    log: u64,
    /// With those that are not told apart from it.
    count: usize,
}

impl Beats {
    /// It is said now.
    pub(super) fn say(&mut self, log: u64, now: Instant) {
        let is_full = self.underway.len() >= BEATS;
        match self.underway.back_mut().filter(|_| is_full) {
            Some(last) => last.count += 1,
            None => self.underway.push_back(Beat { at: now, log, count: 1 }),
        }
    }

    /// It has come back. How far the log had come, if all of that has come for sure by now.
    pub(super) fn hear(&mut self, now: Instant) -> Option<u64> {
        let first = self.underway.front_mut()?;
        first.count -= 1;
        if first.count > 0 {
            return None;
        }
        let Beat { at, log, .. } = self.underway.pop_front()?;
        self.come = Some(at);
        let (passed, since) = *self.log.get_or_insert((log, now));
        let is_sure = now.saturating_duration_since(since) >= LATE;
        is_sure.then(|| {
            self.log = Some((log, now));
            passed
        })
    }

    /// Since then something may not have come.
    pub(super) fn come(&self) -> Option<Instant> {
        self.come
    }

    /// None comes back of those that were said.
    pub(super) fn lose(&mut self) {
        self.underway.clear();
        self.log = None;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_log_has_come_when_a_beat_has_been_back_for_a_while() {
        let (mut beats, start) = (Beats::default(), Instant::now());
        let after = |tenths: u32| start + BEAT * tenths / 10;
        for (log, tenths) in [(7, 0), (8, 1), (9, 2), (10, 3)] {
            beats.say(log, after(tenths));
        }
        let heard = [4, 5, 13, 14].map(|tenths| beats.hear(after(tenths)));
        assert_eq!(heard, [None, None, None, Some(7)]);
        assert_eq!(beats.come(), Some(after(3)));
        beats.say(11, after(20));
        assert_eq!(beats.hear(after(24)), Some(10));
        // What was said over a connection that is lost does not count.
        beats.say(12, after(30));
        beats.lose();
        assert_eq!(beats.hear(after(40)), None);
        beats.say(13, after(50));
        assert_eq!(beats.hear(after(51)), None);
        assert_eq!(beats.come(), Some(after(50)));
    }

    #[test]
    fn of_more_than_are_told_apart_all_have_to_come_back() {
        let (mut beats, start) = (Beats::default(), Instant::now());
        let count = BEATS as u32 + 10;
        let at = |number| start + Duration::from_millis(1) * number;
        (0..count).for_each(|number| beats.say(number.into(), at(number)));
        (1..count).for_each(|_| assert_eq!(beats.hear(start), None));
        assert_eq!(beats.come(), Some(at(BEATS as u32 - 2)));
        beats.hear(start);
        assert_eq!(beats.come(), Some(at(BEATS as u32 - 1)));
    }
}
