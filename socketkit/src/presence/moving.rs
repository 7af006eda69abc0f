//! Sockets that go to another node, and that come from one: those who are told of them see nothing of it.

use super::{
    Queued, Rooms, now,
    replica::read,
    said::{Presences, PresentIn, Said, What},
    shown::Shown,
};
use crate::{
    CloseCode, Protocol, SocketId,
    hub::Hub,
    peer::{Peer, lock},
};
use smallvec::smallvec;
use std::sync::Arc;

impl<P: Protocol> Hub<P> {
    /// A socket is about to go to another node: what it takes along, and in which rooms that is. From now on it is
    /// told of nothing here.
    pub(crate) fn presence_leaves(&self, id: SocketId) -> (Presences, Vec<P::Room>) {
        let mut queued = Queued::default();
        let mut all = lock(&self.presence.0);
        let Rooms { rooms, of, moves, .. } = &mut *all;
        let left = of.remove(&id).unwrap_or_default();
        let mut presences =
            Presences { moves: moves.get(&id).copied().unwrap_or_default(), rooms: Vec::new() };
        for room in &left {
            let Some(entry) = rooms.get_mut(room) else { continue };
            let knows = entry.dismiss(id, &mut queued);
            let said = entry.roster.said(id).map(|(key, said)| said.saying(key));
            presences.rooms.push(PresentIn { room: entry.name.clone(), said, knows });
        }
        drop(all);
        self.see_to(queued);
        (presences, left)
    }

    /// Where a socket is present, for a node that goes on with it when this one is lost.
    pub(crate) fn presences_of(&self, id: SocketId) -> Presences {
        let all = lock(&self.presence.0);
        let of = all.of.get(&id);
        let rooms = of.into_iter().flatten().filter_map(|room| {
            let entry = all.rooms.get(room)?;
            let said = entry.roster.said(id).map(|(key, said)| said.saying(key));
            Some(PresentIn { room: entry.name.clone(), said, knows: None })
        });
        let moves = all.moves.get(&id).copied().unwrap_or_default();
        Presences { moves, rooms: rooms.collect() }
    }

    /// It has gone, or has ended before.
    pub(crate) fn presence_left(
        self: &Arc<Self>,
        peer: &Arc<Peer>,
        left: Vec<P::Room>,
        goes: bool,
    ) {
        let (id, mut timers) = (peer.id, Vec::new());
        let (mut all, others) = (lock(&self.presence.0), self.replication());
        let of = all.of.entry(id).or_default();
        for room in left {
            if !of.contains(&room) {
                of.push(room);
            }
        }
        if !goes {
            drop(all);
            return self.presence_ended(peer, &CloseCode::LOST.into());
        }
        let stay = all.stay(id, self.node());
        all.moves.remove(&id);
        for room in all.of.remove(&id).unwrap_or_default() {
            let Rooms { rooms, told, .. } = &mut *all;
            let Some(entry) = rooms.get_mut(&room) else { continue };
            entry.forget(id);
            if entry.roster.stay(id) == Some(stay) {
                others.push(entry.telling(told), (id, stay), || What::Moved);
                timers.push((entry.roster.depart(id, now()), false, room.clone()));
            }
            all.drop_if_empty(&room, &others);
        }
        drop(all);
        self.set(&peer.runtime, id, timers);
    }

    /// A socket is about to come from another node.
    pub(crate) fn presence_comes(&self, id: SocketId, presences: &Presences) {
        lock(&self.presence.0).moves.insert(id, presences.moves + 1);
    }

    /// It has come, and is in these rooms: it is present there as it was.
    pub(crate) fn presence_came(
        self: &Arc<Self>,
        peer: &Arc<Peer>,
        presences: &Presences,
        rooms: &[P::Room],
    ) {
        let id = peer.id;
        for PresentIn { room: name, said: saying, knows } in &presences.rooms {
            let Some(room) = self.room(name).filter(|room| rooms.contains(room)) else { continue };
            let said = saying.as_ref().and_then(|saying| {
                let said: Said<Shown<P::Member>> = read(saying)?;
                Some((saying, said))
            });
            let mut queued = Queued::default();
            let (mut all, others) = (lock(&self.presence.0), self.replication());
            let stay = all.stay(id, self.node());
            all.enter(id, &room, name.clone(), &others);
            let Rooms { rooms, told, clock, .. } = &mut *all;
            let Some(entry) = rooms.get_mut(&room) else { continue };
            let mut gathers = false;
            let mut until = None;
            if let Some((saying, said)) = said {
                *clock = (*clock).max(said.stamp.at);
                others.push(entry.telling(told), (id, stay), || What::Present(saying.clone()));
                others.push(entry.telling(told), (id, stay), || What::Lost);
                let changes = entry.roster.present(id, saying.key.clone(), said, stay);
                gathers |= entry.changes(changes, &mut queued);
                // It has a connection when its client has been told that it goes on.
                until = entry.roster.lose(id, now());
            }
            gathers |= entry.changes([], &mut queued);
            gathers |= entry.admit(peer, *knows);
            drop(all);
            self.see_to(queued);
            self.look_at(&peer.runtime, smallvec![id], &room, until);
            self.gather(&peer.runtime, &room, gathers);
        }
    }
}
