//! Sessions that outlive their node, as the log is told of them, and those that come back from it.

use super::{STALLED, Talk, hearing::each_record, moving::give_up, stalled};
use crate::{
    NodeId, Protocol, SocketId,
    cluster::{
        apply::Whom,
        arrivals::{Arrived, Expected},
        channel::Channel,
        durable::{Doubted, Due, Durable, Replay, Returning, SessionRecord},
        engine::{EngineError, Entry, Outgoing, Recall, Stored},
        message::{Message, Record},
        outbound::Item,
        shared::Shared,
        waiting::Emitted,
    },
};
use bytes::Bytes;
use std::{
    mem,
    sync::Arc,
    time::{Duration, Instant},
};
use tokio::time::timeout;

/// For how long sessions are brought back before something else is done.
const SLICE: Duration = Duration::from_millis(20);

impl<P: Protocol> Talk<P> {
    /// After a connection was lost: what the engine is not known to have is said again, before all else.
    pub(super) fn again(&mut self) -> Vec<Outgoing> {
        match mem::take(&mut self.repeats) {
            true => self.said.since(self.kept),
            false => Vec::new(),
        }
    }

    /// What is to be written down of sessions.
    pub(super) fn due(&self) -> (Vec<Entry>, Due) {
        let (Some(durable), Some(hub)) = (&self.shared.durable, self.hub.upgrade()) else {
            return Default::default();
        };
        let due = durable.due();
        let changed = due.changed.iter().filter_map(|id| {
            let (record, number) = hub.session_record(*id)?;
            Some(Entry::Session { id: *id, number, session: record.write() })
        });
        let ended = due.ended.iter().map(|(id, number)| Entry::Ended { id: *id, number: *number });
        let here = due.is_here.then_some(Entry::Here(self.shared.node));
        (changed.chain(ended).chain(here).collect(), due)
    }

    /// It was not, perhaps.
    pub(super) fn undo(&self, due: Due) {
        if let Some(durable) = &self.shared.durable {
            durable.undo(due);
        }
    }

    /// There is a log, which ends there.
    pub(super) fn reads(&self, recall: Option<Arc<dyn Recall>>, end: u64) {
        if let Some(durable) = &self.shared.durable {
            durable.reads(recall);
            durable.log_begins(end, self.begun.is_none());
        }
    }

    /// Asks how far the log has come, if it was not asked just now.
    pub(super) fn ask_log_end(&self, now: Instant) {
        let Some(durable) = self.shared.durable.as_ref().filter(|durable| durable.asks(now)) else {
            return;
        };
        let (durable, Some(recall)) = (durable.clone(), durable.recall()) else { return };
        tokio::spawn(async move {
            // Else it is asked again.
            if let Ok(end) = recall.end().await {
                durable.log_ends(&recall, end);
            }
        });
    }

    /// What this node says of itself has come back.
    pub(super) fn hear_beat(&mut self, now: Instant) {
        let passed = self.beats.hear(now);
        let is_behind =
            self.healing.is_reading() || self.heard.is_waiting() || self.nodes.is_behind();
        if let (Some(durable), Some(passed), false) = (&self.shared.durable, passed, is_behind) {
            durable.has_come(passed);
        }
    }

    /// A node is there whose sessions were taken over: it may have been cut off only.
    pub(super) fn tell_taken(&mut self, node: NodeId) {
        let taken = self.shared.durable.as_ref().map(|durable| durable.taken(node));
        if let Some(sockets) = taken.filter(|taken| !taken.is_empty()) {
            self.aside(Channel::Node(node), Record::Taken { sockets });
        }
    }

    /// Sessions were written down, but for those that somebody else has.
    pub(super) fn stored(&self, sessions: Vec<Stored>) {
        let Some(durable) = &self.shared.durable else { return };
        for (id, number) in sessions {
            match number {
                Some(number) => durable.stored(id, number),
                None => self.doubt(id),
            }
        }
    }

    /// Looks who has written a session down. Until that is known, it hears nothing: of another secret than that perhaps.
    fn doubt(&self, id: SocketId) {
        let (Some(hub), Some(durable)) = (self.hub.upgrade(), &self.shared.durable) else { return };
        let (shared, recall) = (self.shared.clone(), durable.recall());
        let waits: Vec<_> = hub.peer(id).iter().map(Emitted::nothing).collect();
        tokio::spawn(async move {
            let kept = match recall {
                Some(recall) => recall.session(id).await.ok(),
                None => None,
            };
            let Some(durable) = &shared.durable else { return };
            match kept {
                Some(kept) => durable.doubts(Doubted { id, kept, waits }),
                None => believe(&shared, durable, (id, waits)),
            }
            shared.outbound.wake.notify_one();
        });
    }

    /// Looks no longer: there is nobody to ask.
    pub(super) fn doubt_no_more(&self) {
        let Some(durable) = &self.shared.durable else { return };
        for Doubted { id, waits, .. } in durable.doubted() {
            believe(&self.shared, durable, (id, waits));
        }
    }

    /// Goes on with sessions of nodes that were lost, and without those that others went on with.
    pub(super) fn recover(&mut self, now: Instant) {
        let (Some(hub), Some(durable)) = (self.hub.upgrade(), self.shared.durable.clone()) else {
            return;
        };
        for Doubted { id, kept, waits } in durable.doubted() {
            let record =
                kept.as_ref().map(|(record, number)| (SessionRecord::read(record), number));
            match record {
                // Not one that has come here by another attempt, and is about to take its place.
                Some((Some(record), number)) if hub.has_written(id, &record) => {
                    durable.stored(id, *number);
                }
                // It is not known why, or not yet.
                None if durable.session(id).is_some_and(|session| session.number > 0) => {
                    durable.stored(id, 0);
                }
                // Elsewhere, or it has ended there.
                None | Some(_) => hub.taken(&[id], &self.spread),
            }
            believe(&self.shared, &durable, (id, waits));
        }
        // Its client may have said something where it was that has not come to others who are here.
        let is_behind = self.healing.is_reading() || self.heard.is_waiting();
        durable.falls_behind(is_behind);
        while !is_behind && let Some(returning) = durable.returning() {
            self.bring_back(returning, now);
            if now.elapsed() > SLICE {
                // Others wait for an answer.
                return self.shared.outbound.wake.notify_one();
            }
        }
    }

    /// Takes in a session of which another node is lost, with all that its client has not seen.
    fn bring_back(&mut self, returning: Returning, now: Instant) {
        let Returning { id, ask, record, number, former, places, kept: log, since, done } =
            returning;
        let (Some(hub), Some(durable)) = (self.hub.upgrade(), &self.shared.durable) else { return };
        let Some(expected) = self.shared.arrivals.take(id, ask) else { return };
        let Expected { channels, kept, has_gap, make, come, .. } = expected;
        let Some(peer) = make(&record.state(id), Bytes::new()) else {
            return self.shared.arrivals.settled(id);
        };
        if let Some(stale) = hub.peer(id) {
            // It was taken over while this node was cut off, and comes back.
            hub.abandon(&stale, self.spread.parting(now.into()));
        }
        let rooms: Vec<_> = record.rooms().filter_map(|name| hub.room(name)).collect();
        hub.presence_comes(id, &record.presences);
        let (said, waiting, is_refused) = hub.take_in(&peer, &rooms, || {
            let said = self.said.after(&channels, |_| (None, since));
            let is_refused = self.shared.outbound.has_refused(&channels);
            (said, self.shared.outbound.look(&channels), is_refused)
        });
        self.shared.arrivals.settled(id);
        let said: Vec<_> = said.into_iter().flat_map(Message::read).collect();
        let mut replay = Replay::new(&record, &places, &channels, (&log, done));
        replay.add(&kept, done);
        // All that this node has said since is among it.
        replay.add(&said, Some(since));
        let whom = Whom { only: Some(id), except: &[] };
        replay.each(|message, is_new| {
            each_record(message, |number, record, bytes| {
                if is_new(number, record) {
                    hub.apply(message.head.from, record, &bytes, &whom);
                }
            });
        });
        let heard = replay.heard();
        for Item { record, bytes, counts, .. } in waiting {
            if counts {
                hub.apply(self.shared.node, &record, bytes.as_deref().unwrap_or_default(), &whom);
            }
        }
        hub.presence_came(&peer, &record.presences, &rooms);
        peer.queue().release();
        self.heard.come(id, &heard, now);
        self.shared.arrivals.came(id, heard, now);
        self.shared.departures.returned(id);
        durable.keep(id, record.session(number));
        // More than it may ever be sent at once.
        let overflows = peer.queue().is_ending();
        let is_whole = replay.is_whole() && log.is_whole(&channels);
        if overflows || has_gap || is_refused || !is_whole {
            durable.ended(id);
            return give_up(&hub, &peer);
        }
        self.counters.cluster.recovered.add(1);
        if former != self.shared.node {
            durable.took(former, id);
            self.aside(Channel::Node(former), Record::Taken { sockets: vec![id] });
        }
        let (hub, given_up) = (hub.clone(), peer.clone());
        let give_up = Some(Box::new(move || give_up(&hub, &given_up)) as _);
        // Whoever has waited may be gone by now.
        drop(come.send(Arrived { peer, received: 0, from: former, give_up }));
    }
}

/// How far a log has come.
pub(super) async fn log_end(recall: Option<&dyn Recall>) -> Result<u64, EngineError> {
    match recall {
        Some(recall) => timeout(STALLED, recall.end()).await.unwrap_or_else(|_| Err(stalled())),
        None => Ok(0),
    }
}

/// Writes a session down again. Who waits for that goes on when it is done.
fn believe(shared: &Shared, durable: &Durable, (id, waits): (SocketId, Vec<Emitted>)) {
    durable.changed(id, None);
    shared.waiting.wait_on(waits);
}
