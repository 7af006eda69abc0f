//! Whether both sides of a connection are alive: heartbeats, pings, and how long a peer may be silent.
//!
//! No I/O and no clock: every method that depends on time is given it.

use crate::{limits::FOREVER, moment::Moment};
use std::time::{Duration, Instant};

/// The shortest interval of heartbeats.
const SHORTEST: Duration = Duration::from_millis(1);

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
pub(crate) struct Pulse {
    /// In nanoseconds.
    interval: u64,
    /// When something was heard, or a ping was sent that nothing was heard after.
    since: Moment,
    is_probed: bool,
    beat: Moment,
    speaks: bool,
}

impl Pulse {
    /// That of a connection that begins `now`; a server sends heartbeats.
    pub(crate) fn new(interval: Duration, server: bool, now: Instant) -> Self {
        let now = now.into();
        let mut pulse =
            Self { interval: 0, since: now, is_probed: false, beat: now, speaks: server };
        pulse.set_interval(interval);
        pulse
    }

    /// Another connection begins.
    pub(crate) fn begin(&mut self, now: Instant) {
        self.hear(now);
        self.beat = now.into();
    }

    /// Something was heard of the peer.
    pub(crate) fn hear(&mut self, now: Instant) {
        (self.since, self.is_probed) = (now.into(), false);
    }

    /// Uses the interval that the server named.
    pub(crate) fn set_interval(&mut self, interval: Duration) {
        let nanos = interval.clamp(SHORTEST, FOREVER).as_nanos();
        self.interval = u64::try_from(nanos).unwrap_or(u64::MAX);
    }

    fn interval(&self) -> Duration {
        Duration::from_nanos(self.interval)
    }

    /// What the clock asks for, given when a text was last sent: a page sees nothing else.
    pub(crate) fn tick(&mut self, spoke: Instant, now: Instant) -> Tick {
        let silent = now >= self.silence();
        let asks = self.speaks && !self.is_probed;
        let tick = Tick {
            dead: silent && !asks,
            beat: self.speaks && now >= self.next_beat(spoke),
            ping: silent && asks,
        };
        if tick.beat {
            self.beat = now.into();
        }
        if tick.ping {
            (self.since, self.is_probed) = (now.into(), true);
        }
        tick
    }

    /// When to [`tick`](Self::tick) next.
    pub(crate) fn deadline(&self, spoke: Instant) -> Instant {
        let silence = self.silence();
        if self.speaks { silence.min(self.next_beat(spoke)) } else { silence }
    }

    fn next_beat(&self, spoke: Instant) -> Instant {
        spoke.max(self.beat.into()) + self.interval()
    }

    /// When the peer has been silent for too long: who can ping does so after one interval, and
    /// gives it another, however late the ping was sent.
    fn silence(&self) -> Instant {
        let intervals = if self.speaks { 1 } else { 2 };
        Instant::from(self.since) + intervals * self.interval()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn silence_brings_a_heartbeat_a_ping_and_then_the_end() {
        let start = Instant::now();
        let mut pulse = Pulse::new(SECOND, true, start);
        assert_eq!(pulse.deadline(start), start + SECOND);
        assert_eq!(pulse.tick(start, start), Tick::default());
        let now = start + SECOND;
        assert_eq!(pulse.tick(start, now), Tick { beat: true, ping: true, dead: false });
        assert_eq!(pulse.tick(now, now), Tick::default());
        assert_eq!(pulse.deadline(now), now + SECOND);
        pulse.hear(now);
        assert_eq!(pulse.tick(now, now + SECOND), Tick { beat: true, ping: true, dead: false });
        assert!(pulse.tick(now + SECOND, now + 2 * SECOND).dead);
    }

    #[test]
    fn a_peer_is_asked_before_it_is_given_up_however_late_that_is() {
        let start = Instant::now();
        let mut pulse = Pulse::new(SECOND, true, start);
        let late = start + 9 * SECOND;
        assert_eq!(pulse.tick(start, late), Tick { beat: true, ping: true, dead: false });
        assert!(!pulse.tick(late, late + SECOND / 2).dead);
        assert!(pulse.tick(late, late + SECOND).dead);
    }
}
