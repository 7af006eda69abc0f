//! One session as a state machine without I/O and without a clock: calls, heartbeat, rate.
//!
//! Every method that depends on time is given it, so that all of it is tested by calling it.

use crate::{Limits, limits::FOREVER};
use std::{
    collections::{HashMap, HashSet},
    time::{Duration, Instant},
};

/// The shortest interval of heartbeats.
const SHORTEST: Duration = Duration::from_millis(1);

/// What one side of a connection knows of the conversation; `C` is what waits for a reply.
#[derive(Debug)]
pub(crate) struct Session<C> {
    limit: usize,
    next: u32,
    ours: HashMap<u32, C>,
    theirs: HashSet<u32>,
    pulse: Pulse,
    rate: Rate,
}

/// Why a call of the peer is not taken.
#[derive(Debug, PartialEq)]
pub(crate) enum Refused {
    /// Its id is that of another call in flight: a fault of the protocol.
    InUse,
    /// Too many are in flight.
    Busy,
}

impl<C> Session<C> {
    /// A session that begins `now`; a server holds its peer to the rate and sends heartbeats.
    pub(crate) fn new(limits: &Limits, server: bool, now: Instant) -> Self {
        Self {
            limit: limits.calls,
            next: 0,
            ours: HashMap::new(),
            theirs: HashSet::new(),
            pulse: Pulse {
                interval: limits.heartbeat.clamp(SHORTEST, FOREVER),
                speaks: server,
                heard: now,
                beat: now,
                probed: None,
            },
            rate: Rate::new(if server { limits.rate } else { 0 }, limits.burst, limits.frame, now),
        }
    }

    /// Takes a call of the peer.
    pub(crate) fn admit(&mut self, id: u32) -> Result<(), Refused> {
        if self.theirs.contains(&id) {
            return Err(Refused::InUse);
        }
        if self.theirs.len() >= self.limit {
            return Err(Refused::Busy);
        }
        self.theirs.insert(id);
        Ok(())
    }

    /// Frees the id of a call of the peer: it is being answered.
    pub(crate) fn answer(&mut self, id: u32) {
        self.theirs.remove(&id);
    }

    /// Begins a call of ours and gives its id, or `waiter` back if too many are in flight.
    pub(crate) fn call(&mut self, waiter: C) -> Result<u32, C> {
        if self.ours.len() >= self.limit {
            return Err(waiter);
        }
        loop {
            self.next = self.next.wrapping_add(1);
            // After 2^32 calls an old one may still be in flight.
            if !self.ours.contains_key(&self.next) {
                self.ours.insert(self.next, waiter);
                return Ok(self.next);
            }
        }
    }

    /// Ends a call of ours: who waits for it, unless it is not in flight.
    pub(crate) fn settle(&mut self, id: u32) -> Option<C> {
        self.ours.remove(&id)
    }

    /// Ends every call of ours.
    pub(crate) fn settle_all(&mut self) -> impl Iterator<Item = C> + use<C> {
        std::mem::take(&mut self.ours).into_values()
    }

    /// Whether a reply of the peer is waited for.
    pub(crate) fn is_calling(&self) -> bool {
        !self.ours.is_empty()
    }

    /// Notes what came in of the peer; how long to leave the next of it unread.
    pub(crate) fn hear(&mut self, heard: Heard, now: Instant) -> Option<Duration> {
        self.pulse.heard = now;
        self.pulse.probed = None;
        self.rate.take(heard, now)
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
    interval: Duration,
    burst: Duration,
    /// When all that came so far would be over if it had come at the exact rate.
    due: Instant,
    /// Bytes that no message has explained yet.
    open: usize,
    /// How many of them may be the beginning of one.
    longest: usize,
}

/// Bytes of the smallest frame of a client, and of the largest header.
const FRAME: usize = 6;
const HEADER: usize = 14;

impl Rate {
    fn new(rate: u32, burst: u32, longest: usize, now: Instant) -> Self {
        let interval = Duration::from_secs(1).checked_div(rate).unwrap_or_default();
        let longest = longest.saturating_add(HEADER);
        Self { interval, burst: interval * burst, due: now, open: 0, longest }
    }

    fn take(&mut self, heard: Heard, now: Instant) -> Option<Duration> {
        let explained = heard.payload + HEADER * heard.messages as usize;
        self.open = (self.open + heard.bytes).saturating_sub(explained);
        // Fragments without end count as the messages that they could be.
        let fragments = self.open.saturating_sub(self.longest) / FRAME;
        self.open -= fragments * FRAME;
        let frames = heard.messages.saturating_add(u32::try_from(fragments).unwrap_or(u32::MAX));
        self.due = self.due.max(now) + self.interval * frames;
        Some((self.due - now).saturating_sub(self.burst)).filter(|pause| !pause.is_zero())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn messages(messages: u32) -> Heard {
        Heard { messages, ..Heard::default() }
    }

    fn session(limits: Limits) -> (Session<&'static str>, Instant) {
        let now = Instant::now();
        (Session::new(&limits, true, now), now)
    }

    #[test]
    fn a_call_in_flight_keeps_its_id_until_it_is_answered() {
        let (mut session, _) = session(Limits::default().calls(2));
        assert_eq!(session.admit(7), Ok(()));
        assert_eq!(session.admit(7), Err(Refused::InUse));
        assert_eq!(session.admit(8), Ok(()));
        assert_eq!(session.admit(9), Err(Refused::Busy));
        session.answer(7);
        assert_eq!(session.admit(7), Ok(()));
    }

    #[test]
    fn each_call_of_ours_is_settled_once() {
        let (mut session, _) = session(Limits::default().calls(2));
        let first = session.call("a").unwrap();
        let second = session.call("b").unwrap();
        assert_eq!(session.call("c"), Err("c"));
        assert_eq!((session.settle(first), session.settle(first)), (Some("a"), None));
        session.next = second - 1;
        assert_ne!(session.call("d").unwrap(), second, "an id in flight is not given again");
        assert_eq!(session.settle_all().count(), 2);
        assert!(!session.is_calling());
    }

    #[test]
    fn silence_brings_a_heartbeat_a_ping_and_then_the_end() {
        let (mut session, start) = session(Limits::default().heartbeat(SECOND));
        assert_eq!(session.deadline(start), start + SECOND);
        assert_eq!(session.tick(start, start), Tick::default());
        let now = start + SECOND;
        assert_eq!(session.tick(start, now), Tick { beat: true, ping: true, dead: false });
        assert_eq!(session.tick(now, now), Tick::default());
        assert_eq!(session.deadline(now), now + SECOND);
        session.hear(messages(1), now);
        assert_eq!(session.tick(now, now + SECOND), Tick { beat: true, ping: true, dead: false });
        assert!(session.tick(now + SECOND, now + 2 * SECOND).dead);
    }

    #[test]
    fn a_peer_is_asked_before_it_is_given_up_however_late_that_is() {
        let (mut session, start) = session(Limits::default().heartbeat(SECOND));
        let late = start + 9 * SECOND;
        assert_eq!(session.tick(start, late), Tick { beat: true, ping: true, dead: false });
        assert!(!session.tick(late, late + SECOND / 2).dead);
        assert!(session.tick(late, late + SECOND).dead);
    }

    #[test]
    fn a_flood_is_slowed_to_the_rate_after_its_burst() {
        let (mut session, start) = session(Limits::default().rate(10).burst(20));
        assert_eq!(session.hear(messages(20), start), None);
        assert_eq!(session.hear(messages(1), start), Some(SECOND / 10));
        assert_eq!(session.hear(messages(1), start + SECOND), None);
    }

    #[test]
    fn fragments_without_end_are_slowed_as_messages_are() {
        let (mut session, start) = session(Limits::default().rate(10).burst(20).frame(1_000));
        let message = Heard { messages: 1, payload: 1_000, bytes: 1_008 };
        let begun = Heard { bytes: 1_000, ..Heard::default() };
        let ended = Heard { messages: 1, payload: 1_000, bytes: 8 };
        for (second, heard) in (1..).zip([message, begun, ended, message, begun, ended]) {
            assert_eq!(session.hear(heard, start + second * SECOND), None);
        }
        let empty = Heard { bytes: 1_014 + 22 * FRAME, ..Heard::default() };
        assert_eq!(session.hear(empty, start + 99 * SECOND), Some(SECOND / 5));
    }

    #[test]
    fn no_rate_is_no_limit() {
        let (mut session, start) = session(Limits::default().rate(0));
        assert_eq!(session.hear(messages(1_000_000), start), None);
    }
}
