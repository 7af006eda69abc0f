//! How fast a peer may send.

use crate::{Limits, moment::Moment};
use std::time::{Duration, Instant};

/// What one read brought.
#[derive(Debug, Default, Clone, Copy)]
pub(crate) struct Heard {
    /// Messages that it completed.
    pub(crate) messages: u32,
    /// Bytes of their payloads.
    pub(crate) payload: usize,
    /// Bytes in all.
    pub(crate) bytes: usize,
}

/// How fast a peer may send: the generic cell rate algorithm (ITU-T I.371), one number of state.
#[derive(Debug)]
pub(crate) struct Rate {
    /// A client lets its server send as it likes.
    limited: bool,
    /// When all that came so far would be over if it had come at the exact rate.
    due: Moment,
    /// Bytes that no message has explained yet.
    open: u32,
}

/// Bytes of the smallest frame of a client, and of the largest header.
const FRAME: usize = 6;
const HEADER: usize = 14;

impl Rate {
    /// That of a session that begins `now`; a server holds its peer to it.
    pub(crate) fn new(server: bool, now: Instant) -> Self {
        Self { limited: server, due: now.into(), open: 0 }
    }

    /// Counts what came; how long to leave the next of it unread.
    pub(crate) fn take(&mut self, heard: Heard, limits: &Limits, now: Instant) -> Option<Duration> {
        if !self.limited || limits.rate == 0 {
            return None;
        }
        let explained = heard.payload + HEADER * heard.messages as usize;
        let open = (self.open as usize + heard.bytes).saturating_sub(explained);
        // Fragments without end count as the messages that they could be.
        let longest = limits.frame.saturating_add(HEADER);
        let fragments = open.saturating_sub(longest) / FRAME;
        self.open = u32::try_from(open - fragments * FRAME).unwrap_or(u32::MAX);
        let frames = heard.messages.saturating_add(u32::try_from(fragments).unwrap_or(u32::MAX));
        let interval = Duration::from_secs(1) / limits.rate;
        let due = now.max(self.due.into()) + interval * frames;
        self.due = due.into();
        let burst = interval * limits.burst;
        Some((due - now).saturating_sub(burst)).filter(|pause| !pause.is_zero())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn messages(messages: u32) -> Heard {
        Heard { messages, ..Heard::default() }
    }

    fn rate() -> (Rate, Instant) {
        let now = Instant::now();
        (Rate::new(true, now), now)
    }

    #[test]
    fn a_flood_is_slowed_to_the_rate_after_its_burst() {
        let limits = Limits::default().rate(10).burst(20);
        let (mut rate, start) = rate();
        assert_eq!(rate.take(messages(20), &limits, start), None);
        assert_eq!(rate.take(messages(1), &limits, start), Some(SECOND / 10));
        assert_eq!(rate.take(messages(1), &limits, start + SECOND), None);
    }

    #[test]
    fn fragments_without_end_are_slowed_as_messages_are() {
        let limits = Limits::default().rate(10).burst(20).frame(1_000);
        let (mut rate, start) = rate();
        let message = Heard { messages: 1, payload: 1_000, bytes: 1_008 };
        let begun = Heard { bytes: 1_000, ..Heard::default() };
        let ended = Heard { messages: 1, payload: 1_000, bytes: 8 };
        for (second, heard) in (1..).zip([message, begun, ended, message, begun, ended]) {
            assert_eq!(rate.take(heard, &limits, start + second * SECOND), None);
        }
        let empty = Heard { bytes: 1_014 + 22 * FRAME, ..Heard::default() };
        assert_eq!(rate.take(empty, &limits, start + 99 * SECOND), Some(SECOND / 5));
    }

    #[test]
    fn no_rate_is_no_limit() {
        let limits = Limits::default().rate(0);
        let (mut rate, start) = rate();
        assert_eq!(rate.take(messages(1_000_000), &limits, start), None);
    }
}
