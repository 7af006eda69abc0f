//! What became of a server's events, counted by event: see [`Stats`](crate::Stats).

use crate::{Delivery, Events, Limits, NodeId, frame, outbox::Lost};
use std::{
    ops::Deref,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

/// Why an event that was queued is not delivered, or not known to be.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Reason {
    /// A `volatile` one waited when the connection was lost.
    Volatile,
    /// Its receiver was given up.
    TooSlow,
    /// The session ended before it was written.
    Ended,
    /// A call for whose reply nobody waits any more.
    Withdrawn,
    /// The session ended after it was written, and before it was seen.
    Unconfirmed,
}

/// Counts up; what it is read with may be a moment apart from others.
#[derive(Debug, Default)]
pub(crate) struct Counter(AtomicU64);

impl Counter {
    pub(crate) fn add(&self, count: u64) {
        // An atomic that others count with is not free.
        if count > 0 {
            self.0.fetch_add(count, Ordering::Relaxed);
        }
    }

    pub(crate) fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// The counters of one event, on cache lines of their own.
#[derive(Debug, Default)]
#[repr(align(128))]
pub(crate) struct Tallied {
    pub(crate) emitted: Counter,
    pub(crate) volatile: Counter,
    pub(crate) replaced: Counter,
    pub(crate) closed: Counter,
    pub(crate) too_slow: Counter,
    pub(crate) ended: Counter,
    pub(crate) withdrawn: Counter,
    pub(crate) unconfirmed: Counter,
    pub(crate) failed: Counter,
}

/// What a node of a cluster counts: see [`ClusterStats`](crate::ClusterStats).
#[derive(Debug, Default)]
pub(crate) struct ClusterCounters {
    pub(crate) said: Counter,
    pub(crate) heard: Counter,
    pub(crate) refused: Counter,
    pub(crate) asked: Counter,
    pub(crate) repeated: Counter,
    pub(crate) gaps: Counter,
    pub(crate) lost: Counter,
    pub(crate) came: Counter,
    pub(crate) left: Counter,
    pub(crate) recovered: Counter,
}

/// See the module.
#[derive(Debug)]
pub(crate) struct Counters {
    pub(crate) names: &'static [&'static str],
    index_of: fn(&str) -> Option<usize>,
    pub(crate) events: Box<[Tallied]>,
    pub(crate) forgotten: Counter,
    pub(crate) sessions: Counter,
    pub(crate) suspended: Counter,
    pub(crate) resumed: Counter,
    pub(crate) expired: Counter,
    pub(crate) gaps: Counter,
    pub(crate) cluster: ClusterCounters,
}

impl Counters {
    /// Those of a set of events.
    pub(crate) fn of<E: Events>() -> Self {
        Self {
            names: E::NAMES,
            index_of: E::index_of,
            events: E::NAMES.iter().map(|_| Tallied::default()).collect(),
            forgotten: Counter::default(),
            sessions: Counter::default(),
            suspended: Counter::default(),
            resumed: Counter::default(),
            expired: Counter::default(),
            gaps: Counter::default(),
            cluster: ClusterCounters::default(),
        }
    }

    /// An event was emitted: once for all of its receivers.
    pub(crate) fn emitted(&self, index: usize, delivery: Delivery) {
        let Delivery { queued, replaced, dropped, closed, .. } = delivery;
        let Some(event) = self.events.get(index) else { return };
        event.emitted.add((queued + dropped + closed) as u64);
        event.replaced.add(replaced as u64);
        event.volatile.add(dropped as u64);
        event.closed.add(closed as u64);
    }

    /// An event was not emitted.
    pub(crate) fn failed(&self, index: usize) {
        if let Some(event) = self.events.get(index) {
            event.failed.add(1);
        }
    }

    /// Frames were dropped: those that are events are counted, by the names in them.
    pub(crate) fn lost(&self, lost: &Lost) {
        self.forgotten.add(lost.forgotten);
        for (bytes, reason) in &lost.frames {
            let index = frame::event_name(bytes).and_then(self.index_of);
            let Some(event) = index.and_then(|index| self.events.get(index)) else { continue };
            let counter = match reason {
                Reason::Volatile => &event.volatile,
                Reason::TooSlow => &event.too_slow,
                Reason::Ended => &event.ended,
                Reason::Withdrawn => &event.withdrawn,
                Reason::Unconfirmed => &event.unconfirmed,
            };
            counter.add(1);
        }
    }
}

/// What all sockets of one server have in common: its limits, and where it counts. A client counts
/// nothing.
#[derive(Debug)]
pub(crate) struct Terms {
    limits: Limits,
    counters: Option<Arc<Counters>>,
    /// Which node of a cluster it is.
    pub(crate) node: NodeId,
    /// The hash of the contract, where a server says it to its clients.
    pub(crate) schema: Option<Box<str>>,
}

impl Terms {
    pub(crate) fn new(
        limits: Limits,
        counters: Arc<Counters>,
        node: NodeId,
        schema: Option<&str>,
    ) -> Self {
        Self { limits, counters: Some(counters), node, schema: schema.map(Into::into) }
    }

    pub(crate) fn counters(&self) -> Option<&Arc<Counters>> {
        self.counters.as_ref()
    }

    /// Counts one, if there is where.
    pub(crate) fn count(&self, which: impl FnOnce(&Counters) -> &Counter) {
        if let Some(counters) = &self.counters {
            which(counters).add(1);
        }
    }
}

impl From<Limits> for Terms {
    fn from(limits: Limits) -> Self {
        Self { limits, counters: None, node: NodeId::default(), schema: None }
    }
}

impl Deref for Terms {
    type Target = Limits;

    fn deref(&self) -> &Limits {
        &self.limits
    }
}
