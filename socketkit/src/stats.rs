//! What a server has done since it was made, in numbers.

use crate::{
    Io, Protocol,
    counters::{ClusterCounters, Counters},
};
use serde::Serialize;
use std::iter;

/// What became of everything that a server emitted: see [`Io::stats`](crate::Io::stats).
///
/// Nothing is lost in silence: what was not delivered is counted by event and reason. For each event
///
/// ```text
/// emitted = volatile + replaced + closed + too_slow + ended + withdrawn + unconfirmed
///         + what was delivered + what is on its way
/// ```
///
/// and the first four are the sums of what the calls that emitted returned as a
/// [`Delivery`](crate::Delivery), with what was lost later. The counters only go up; while somebody emits
/// they are a moment apart.
///
/// "Delivered" is what the other side has said to have seen. A socket that cannot resume says nothing: one
/// whose client offers no subprotocol, and one of a server with a
/// [`Limits::resume`](crate::Limits::resume) of zero. There, what the transport took counts as delivered.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Stats {
    /// One for each event that the server sends, in the order in which they are declared.
    pub events: Vec<EventStats>,
    /// Frames that were written and never seen, as `unconfirmed` ones, but for which the
    /// [window](crate::Limits::window) had no more room: how many they were is known when their session has
    /// ended, and not which events; some may have been replies.
    pub forgotten: u64,
    /// Sessions that began, those that `on_connect` refused included.
    pub sessions: u64,
    /// How often a session lost its connection and went on without.
    pub suspended: u64,
    /// How often another connection went on with a session, whether or not the server had noticed that the
    /// old one was lost.
    pub resumed: u64,
    /// Sessions that ended since nobody came back within [`Limits::resume`](crate::Limits::resume).
    pub expired: u64,
    /// Sessions that began in place of one that somebody wanted to go on with, and could not: see
    /// [`Gap`](crate::Gap).
    pub gaps: u64,
    /// What it has said to other nodes of its cluster, and heard of them: zero without one.
    pub cluster: ClusterStats,
}

/// What a node has done for its cluster: see [`Stats`].
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct ClusterStats {
    /// Messages that it handed to the engine, each of one event or of several; those by which nodes know of each
    /// other included, one a second at least.
    pub said: u64,
    /// Messages of other nodes that came.
    pub heard: u64,
    /// Events that were not forwarded, since more waited than [`Limits::forwarded`](crate::Limits::forwarded).
    pub refused: u64,
    /// How often it missed something, and asked for it.
    pub asked: u64,
    /// Messages that it said again to nodes that had missed them.
    pub repeated: u64,
    /// Sessions that ended since something for them did not come, and will not: their clients know of a gap.
    pub gaps: u64,
    /// How often it lost the engine.
    pub lost: u64,
    /// Sessions that came from other nodes.
    pub came: u64,
    /// Sessions that went to other nodes.
    pub left: u64,
    /// Sessions of nodes that were lost with which it went on: see [`Gap::Recovered`](crate::Gap::Recovered).
    pub recovered: u64,
}

/// What became of one event, counted over its receivers: see [`Stats`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct EventStats {
    /// Its name on the wire.
    pub name: &'static str,
    /// Receivers that it was meant for, calls included.
    pub emitted: u64,
    /// A `volatile` one was left out since its receiver lagged or was away, or was dropped with a
    /// connection that was lost.
    pub volatile: u64,
    /// A newer one took its place.
    pub replaced: u64,
    /// The socket was closed, or was closed just now for being too slow; or the server stops.
    pub closed: u64,
    /// It waited for a socket that was given up for being too slow (4429).
    pub too_slow: u64,
    /// It waited when its session ended: the client left, stayed away, or could not go on.
    pub ended: u64,
    /// A call that waited for a client to come back until nobody waited for its reply.
    pub withdrawn: u64,
    /// It was written, and the session ended before its client had said that it has seen it: it may or may
    /// not have arrived. Clients say so after 64 frames or a second, and before they leave.
    pub unconfirmed: u64,
    /// Times, not receivers, that it was not emitted, since it did not serialise or was longer than its
    /// `max`: see [`on_error`](crate::Server::on_error). They are not in `emitted`.
    pub failed: u64,
}

impl<P: Protocol> Io<P> {
    /// What became of everything that was emitted so far, by event and reason.
    ///
    /// ```
    /// # #[cfg(all(feature = "macros", feature = "client", feature = "server"))]
    /// # mod example {
    /// # use socketkit::{Events, NoEvents, Protocol, Server};
    /// #[derive(Debug, Events)]
    /// pub enum ServerEvent {
    ///     News(String),
    /// }
    /// # #[derive(Protocol)]
    /// # #[protocol(client = NoEvents, server = ServerEvent)]
    /// # pub struct Feed;
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # pub async fn main() {
    /// let service = Server::<Feed>::new().build();
    /// let mut client = service.local().await;
    /// service.io().broadcast(ServerEvent::News("one".into()));
    /// client.recv().await;
    /// let stats = service.io().stats();
    /// let news = stats.event("news").expect("an event of the server");
    /// assert_eq!((news.emitted, news.undelivered()), (1, 0));
    /// assert_eq!(stats.sessions, 1);
    /// # }
    /// # }
    /// # #[cfg(all(feature = "macros", feature = "client", feature = "server"))]
    /// # example::main();
    /// ```
    pub fn stats(&self) -> Stats {
        Stats::of(&self.hub.counters)
    }
}

impl Stats {
    pub(crate) fn of(counters: &Counters) -> Self {
        let events = iter::zip(counters.names, &counters.events).map(|(name, event)| EventStats {
            name,
            emitted: event.emitted.get(),
            volatile: event.volatile.get(),
            replaced: event.replaced.get(),
            closed: event.closed.get(),
            too_slow: event.too_slow.get(),
            ended: event.ended.get(),
            withdrawn: event.withdrawn.get(),
            unconfirmed: event.unconfirmed.get(),
            failed: event.failed.get(),
        });
        Self {
            events: events.collect(),
            forgotten: counters.forgotten.get(),
            sessions: counters.sessions.get(),
            suspended: counters.suspended.get(),
            resumed: counters.resumed.get(),
            expired: counters.expired.get(),
            gaps: counters.gaps.get(),
            cluster: ClusterStats::of(&counters.cluster),
        }
    }

    /// What became of the event of this name on the wire.
    pub fn event(&self, name: &str) -> Option<&EventStats> {
        self.events.iter().find(|event| event.name == name)
    }
}

impl ClusterStats {
    fn of(counters: &ClusterCounters) -> Self {
        Self {
            said: counters.said.get(),
            heard: counters.heard.get(),
            refused: counters.refused.get(),
            asked: counters.asked.get(),
            repeated: counters.repeated.get(),
            gaps: counters.gaps.get(),
            lost: counters.lost.get(),
            came: counters.came.get(),
            left: counters.left.get(),
            recovered: counters.recovered.get(),
        }
    }
}

impl EventStats {
    /// How many were not delivered, or are not known to be: the sum over all reasons.
    pub fn undelivered(&self) -> u64 {
        let Self { volatile, replaced, closed, too_slow, ended, withdrawn, unconfirmed, .. } = self;
        volatile + replaced + closed + too_slow + ended + withdrawn + unconfirmed
    }
}
