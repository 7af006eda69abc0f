//! Sessions that leave this node and that come to it, from one message to the next.

use super::{Talk, Underway, hearing::each_record};
use crate::{
    CloseCode, NodeId, Protocol,
    cluster::{
        apply::Whom,
        arrivals::{Arrived, Expected},
        channel::Channel,
        departure,
        message::Message,
        moving::SessionState,
        outbound::Item,
    },
    hub::Hub,
};
use bytes::Bytes;
use std::{
    sync::Arc,
    time::{Duration, Instant},
};

impl<P: Protocol> Talk<P> {
    /// Lets those go that are to: no message is half done now.
    pub(super) fn part(&mut self, now: Instant) {
        if self.heard.is_waiting() || self.healing.is_reading() {
            // What waits has come here, and may have come to the next node before that listened for the session.
            return;
        }
        if self.nodes.is_behind() {
            // The session may have missed something: here it would learn of that, elsewhere it would not.
            return;
        }
        let departures = self.shared.departures.leaving();
        let Some(hub) = self.hub.upgrade() else { return };
        for departure in departures {
            let is_written =
                |underway: &Underway| underway.due.changed.contains(&departure.peer.id);
            if self.underway.as_ref().is_some_and(is_written) {
                // It takes along what is written down of it.
                self.shared.departures.wait(departure);
                continue;
            }
            let id = departure.peer.id;
            hub.depart(departure, |channels| {
                // Here, or before it came.
                let mut heard = self.heard.far(channels);
                heard.extend(self.shared.arrivals.heard(id));
                let listened = |channel: &Channel| {
                    let since = self.shared.since(*channel, self.begun)?;
                    let listened = now.saturating_duration_since(since);
                    Some((*channel, super::millis(listened)))
                };
                (heard, channels.iter().filter_map(listened).collect())
            });
        }
    }

    /// Takes a session in that another node has let go, if somebody still waits for it.
    pub(super) fn take_in(
        &mut self,
        (from, ask, said): (NodeId, u64, u64),
        state: &SessionState,
        bytes: Bytes,
        now: Instant,
    ) {
        let id = state.id;
        let Some(hub) = self.hub.upgrade() else { return };
        let Some(expected) = self.shared.arrivals.take(id, ask) else { return };
        let Expected { channels, kept, has_gap, make, come, .. } = expected;
        let Some(peer) = make(state, bytes) else {
            return self.shared.arrivals.settled(id);
        };
        let names = state.rooms.iter();
        let is_heard = |name: &str| channels.contains(&Channel::of_room(name));
        let hears_all = names.clone().all(|name| is_heard(name.get()));
        let rooms: Vec<_> = names.filter_map(|name| hub.room(name)).collect();
        let mut heard = state.heard();
        // All that its last node had said itself by then.
        heard.extend(channels.iter().map(|channel| ((from, *channel), said)));
        let own = self.shared.node;
        hub.presence_comes(id, &state.presences);
        // What was said here goes the way of what is emitted here: those that are not said yet as well.
        let (said, waiting, lacks) = hub.take_in(&peer, &rooms, || {
            let since = |channel: Channel| match heard.get(&(own, channel)) {
                Some(last) => (Some(*last), now),
                None => (None, ago(now, state.listened(channel))),
            };
            let is_lacking = |channel: &Channel| self.said.lacks(*channel, since(*channel));
            let lacks =
                channels.iter().any(is_lacking) || self.shared.outbound.has_refused(&channels);
            (self.said.after(&channels, since), self.shared.outbound.look(&channels), lacks)
        });
        self.shared.arrivals.settled(id);
        let said = said.into_iter().filter_map(|bytes| Message::read(bytes).ok());
        let is_new = |message: &Message| {
            let known = heard.get(&(message.head.from, message.head.on));
            known.is_none_or(|known| message.head.last() > *known)
        };
        let whom = Whom { only: Some(id), except: &[] };
        for message in kept.into_iter().filter(is_new).chain(said) {
            each_record(&message, |_, record, bytes| {
                hub.apply(message.head.from, record, &bytes, &whom);
            });
        }
        for Item { record, bytes, .. } in waiting {
            hub.apply(own, &record, bytes.as_deref().unwrap_or_default(), &whom);
        }
        hub.presence_came(&peer, &state.presences, &rooms);
        peer.queue().release();
        self.heard.come(id, &heard, now);
        self.shared.arrivals.came(id, heard, now);
        if let (Some(durable), Some(kept)) = (&self.shared.durable, &state.kept) {
            durable.keep(id, kept.0.session(kept.1));
        }
        self.shared.departures.returned(id);
        self.counters.cluster.came.add(1);
        // Nobody knows what it missed in a room into which it came when it was about to go.
        if !hears_all || has_gap || lacks {
            hub.reset(&peer, &self.spread);
        }
        let (hub, given_up) = (hub.clone(), peer.clone());
        let give_up = Some(Box::new(move || give_up(&hub, &given_up)) as _);
        // Whoever has waited may be gone by now.
        drop(come.send(Arrived { peer, received: state.received, from, give_up }));
    }
}

/// Nobody waits any more: its client was given another session, or will find this one where it is written down.
pub(super) fn give_up<P: Protocol>(hub: &Arc<Hub<P>>, peer: &Arc<crate::peer::Peer>) {
    if hub.is_kept(peer) {
        return hub.abandon(peer, CloseCode::LOST.into());
    }
    hub.exit(peer.id);
    peer.seat().close().into_iter().for_each(departure::turn_away);
    peer.queue().fail();
    peer.lose_calls();
    hub.presence_ended(peer, &CloseCode::LOST.into());
}

fn ago(now: Instant, time: Duration) -> Instant {
    now.checked_sub(time).unwrap_or(now)
}
