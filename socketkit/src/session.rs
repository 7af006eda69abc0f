//! One session as a state machine without I/O and without a clock: heartbeat and rate.
//!
//! Every method that depends on time is given it, so that all of it is tested by calling it.

use crate::{Limits, limits::FOREVER};
use std::time::{Duration, Instant};

/// The shortest interval of heartbeats.
const SHORTEST: Duration = Duration::from_millis(1);

/// What one side of a connection knows of its peer. Nobody else needs it: it has no lock.
#[derive(Debug)]
pub(crate) struct Session {
    pulse: Pulse,
    rate: Rate,
}

impl Session {
    /// A session that begins `now`; a server holds its peer to the rate and sends heartbeats.
    pub(crate) fn new(limits: &Limits, server: bool, now: Instant) -> Self {
        Self {
            pulse: Pulse {
                interval: limits.heartbeat.clamp(SHORTEST, FOREVER),
                speaks: server,
                heard: now,
                beat: now,
                probed: None,
            },
            rate: Rate { limited: server, due: now, open: 0 },
        }
    }

    /// Notes what came in of the peer; how long to leave the next of it unread.
    pub(crate) fn hear(&mut self, heard: Heard, limits: &Limits, now: Instant) -> Option<Duration> {
        self.pulse.heard = now;
        self.pulse.probed = None;
        self.rate.take(heard, limits, now)
    }

    /// Uses the interval that the server named.
    pub(crate) fn set_heartbeat(&mut self, interval: Duration) {
        self.pulse.interval = interval.clamp(SHORTEST, FOREVER);
    }

    /// What the clock asks for, given when a text was last sent: a page sees nothing else.
    pub(crate) fn tick(&mut self, spoke: Instant, now: Instant) -> Tick {
        self.pulse.tick(spoke, now)
    }

    /// When to [`tick`](Self::tick) next.
    pub(crate) fn deadline(&self, spoke: Instant) -> Instant {
        self.pulse.deadline(spoke)
    }
}

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

/// What is due.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct Tick {
    /// Nothing was heard for two intervals, nor for one after a ping.
    pub(crate) dead: bool,
    /// No text was sent for an interval: send a heartbeat.
    pub(crate) beat: bool,
    /// Nothing was heard for an interval: send a ping, once.
    pub(crate) ping: bool,
}

/// Liveness in both directions.
#[derive(Debug)]
struct Pulse {
    interval: Duration,
    speaks: bool,
    heard: Instant,
    beat: Instant,
    /// When a ping was sent that nothing was heard after.
    probed: Option<Instant>,
}

impl Pulse {
    fn tick(&mut self, spoke: Instant, now: Instant) -> Tick {
        let silent = now >= self.silence();
        let asks = self.speaks && self.probed.is_none();
        let tick = Tick {
            dead: silent && !asks,
            beat: self.speaks && now >= self.beat.max(spoke) + self.interval,
            ping: silent && asks,
        };
        if tick.beat {
            self.beat = now;
        }
        if tick.ping {
            self.probed = Some(now);
        }
        tick
    }

    fn deadline(&self, spoke: Instant) -> Instant {
        let silence = self.silence();
        if self.speaks { silence.min(self.beat.max(spoke) + self.interval) } else { silence }
    }

    /// When the peer has been silent for too long: who can ping does so after one interval, and
    /// gives it another, however late the ping was sent.
    fn silence(&self) -> Instant {
        match self.probed {
            Some(probed) => probed + self.interval,
            None if self.speaks => self.heard + self.interval,
            None => self.heard + 2 * self.interval,
        }
    }
}

/// How fast a peer may send: the generic cell rate algorithm (ITU-T I.371), one number of state.
#[derive(Debug)]
struct Rate {
    /// A client lets its server send as it likes.
    limited: bool,
    /// When all that came so far would be over if it had come at the exact rate.
    due: Instant,
    /// Bytes that no message has explained yet.
    open: usize,
}

/// Bytes of the smallest frame of a client, and of the largest header.
const FRAME: usize = 6;
const HEADER: usize = 14;

impl Rate {
    fn take(&mut self, heard: Heard, limits: &Limits, now: Instant) -> Option<Duration> {
        if !self.limited || limits.rate == 0 {
            return None;
        }
        let explained = heard.payload + HEADER * heard.messages as usize;
        self.open = (self.open + heard.bytes).saturating_sub(explained);
        // Fragments without end count as the messages that they could be.
        let longest = limits.frame.saturating_add(HEADER);
        let fragments = self.open.saturating_sub(longest) / FRAME;
        self.open -= fragments * FRAME;
        let frames = heard.messages.saturating_add(u32::try_from(fragments).unwrap_or(u32::MAX));
        let interval = Duration::from_secs(1) / limits.rate;
        self.due = self.due.max(now) + interval * frames;
        let burst = interval * limits.burst;
        Some((self.due - now).saturating_sub(burst)).filter(|pause| !pause.is_zero())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn messages(messages: u32) -> Heard {
        Heard { messages, ..Heard::default() }
    }

    fn session(limits: &Limits) -> (Session, Instant) {
        let now = Instant::now();
        (Session::new(limits, true, now), now)
    }

    #[test]
    fn silence_brings_a_heartbeat_a_ping_and_then_the_end() {
        let limits = Limits::default().heartbeat(SECOND);
        let (mut session, start) = session(&limits);
        assert_eq!(session.deadline(start), start + SECOND);
        assert_eq!(session.tick(start, start), Tick::default());
        let now = start + SECOND;
        assert_eq!(session.tick(start, now), Tick { beat: true, ping: true, dead: false });
        assert_eq!(session.tick(now, now), Tick::default());
        assert_eq!(session.deadline(now), now + SECOND);
        session.hear(messages(1), &limits, now);
        assert_eq!(session.tick(now, now + SECOND), Tick { beat: true, ping: true, dead: false });
        assert!(session.tick(now + SECOND, now + 2 * SECOND).dead);
    }

    #[test]
    fn a_peer_is_asked_before_it_is_given_up_however_late_that_is() {
        let limits = Limits::default().heartbeat(SECOND);
        let (mut session, start) = session(&limits);
        let late = start + 9 * SECOND;
        assert_eq!(session.tick(start, late), Tick { beat: true, ping: true, dead: false });
        assert!(!session.tick(late, late + SECOND / 2).dead);
        assert!(session.tick(late, late + SECOND).dead);
    }

    #[test]
    fn a_flood_is_slowed_to_the_rate_after_its_burst() {
        let limits = Limits::default().rate(10).burst(20);
        let (mut session, start) = session(&limits);
        assert_eq!(session.hear(messages(20), &limits, start), None);
        assert_eq!(session.hear(messages(1), &limits, start), Some(SECOND / 10));
        assert_eq!(session.hear(messages(1), &limits, start + SECOND), None);
    }

    #[test]
    fn fragments_without_end_are_slowed_as_messages_are() {
        let limits = Limits::default().rate(10).burst(20).frame(1_000);
        let (mut session, start) = session(&limits);
        let message = Heard { messages: 1, payload: 1_000, bytes: 1_008 };
        let begun = Heard { bytes: 1_000, ..Heard::default() };
        let ended = Heard { messages: 1, payload: 1_000, bytes: 8 };
        for (second, heard) in (1..).zip([message, begun, ended, message, begun, ended]) {
            assert_eq!(session.hear(heard, &limits, start + second * SECOND), None);
        }
        let empty = Heard { bytes: 1_014 + 22 * FRAME, ..Heard::default() };
        assert_eq!(session.hear(empty, &limits, start + 99 * SECOND), Some(SECOND / 5));
    }

    #[test]
    fn no_rate_is_no_limit() {
        let limits = Limits::default().rate(0);
        let (mut session, start) = session(&limits);
        assert_eq!(session.hear(messages(1_000_000), &limits, start), None);
    }
}
