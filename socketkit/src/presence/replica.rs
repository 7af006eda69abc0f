//! What other nodes say of presence: done here as if their sockets were of this one.

use super::{
    LISTED, Queued, Rooms, now,
    room::Room,
    roster::{Change, LOST, Roster},
    said::{Said, Saying, Stands, Stay, What},
    shown::Shown,
};
use crate::{Member, NodeId, Present, Protocol, SocketId, hub::Hub, peer::lock};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use smallvec::{SmallVec, smallvec};
use std::{
    sync::Arc,
    time::{Duration, Instant},
};
use tokio::runtime::Handle;

/// How long an answer is waited for before a node is asked again.
const PATIENCE: Duration = Duration::from_secs(1);

/// A part of what a node says when it is asked: of its sockets behind one and up to another this is all.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub(crate) struct Part {
    /// The number of the last change that is in it.
    pub(crate) at: u64,
    pub(crate) after: Option<SocketId>,
    pub(crate) until: Option<SocketId>,
}

/// When sockets are to be looked at.
type Timers = Vec<(SmallVec<[SocketId; 1]>, Instant)>;

impl<P: Protocol> Hub<P> {
    /// A socket of another node did something in a room: a change of this number, and the last before of another.
    /// Whether some before were missed, and the node is to be asked.
    pub(crate) fn presence_heard(
        self: &Arc<Self>,
        from: NodeId,
        name: &RawValue,
        (before, at): (u64, u64),
        (id, moves): (SocketId, u32),
        what: &What,
    ) -> bool {
        let said = match what {
            What::Present(saying) => match read(saying) {
                Some(said) => Some((saying.key.clone(), said)),
                None => return false,
            },
            _ => None,
        };
        let (stay, mut asks) = (Stay { node: from, moves }, false);
        self.replicate(name, |all, room| {
            all.clock = said.iter().map(|(_, said)| said.stamp.at).fold(all.clock, u64::max);
            let entry = all.rooms.get_mut(room)?;
            let heard = entry.heard.entry(from).or_default();
            if at <= heard.at {
                // It was in what the node said when it was asked.
                return None;
            }
            let (roster, now) = (&mut entry.roster, now());
            if before > heard.at || heard.asked.is_some() {
                asks = heard.asked.is_none_or(|asked| now >= asked + PATIENCE);
                heard.asked = heard.asked.filter(|_| !asks).or(Some(now));
            }
            heard.at = at;
            let known = roster.stay(id);
            let (changes, until): (Vec<Change>, _) = match (what, said) {
                (What::Present(_), Some((key, said))) if stay.is_news(known) => {
                    (roster.present(id, key, said, stay), None)
                }
                _ if known != Some(stay) => (Vec::new(), None),
                (What::Left, _) => (Vec::from_iter(roster.leave(id)), None),
                (What::Lost, _) => (Vec::new(), roster.lose(id, now)),
                (What::Found, _) => (roster.find_again(id), None),
                (What::Ended(was_lost), _) => {
                    let (change, until) = roster.end(id, *was_lost, now);
                    (Vec::from_iter(change), until)
                }
                (What::Moved, _) => (Vec::new(), roster.depart(id, now)),
                (What::Present(_), _) => (Vec::new(), None),
            };
            Some((changes, Vec::from_iter(until.map(|until| (smallvec![id], until)))))
        });
        asks
    }

    /// What another node says of its sockets in a room, as it was asked. Whether it said something else before that
    /// is not in it: then it is to be asked again.
    pub(crate) fn presence_told(
        self: &Arc<Self>,
        from: NodeId,
        name: &RawValue,
        part: Part,
        sockets: &[Stands],
    ) -> bool {
        let read = sockets.iter().filter_map(|stands| Some((stands, read(&stands.said)?)));
        let read: Vec<(_, Said<Shown<P::Member>>)> = read.collect();
        let mut is_late = false;
        self.replicate(name, |all, room| {
            let stamps = read.iter().map(|(_, said)| said.stamp.at);
            all.clock = stamps.fold(all.clock, u64::max);
            let entry = all.rooms.get_mut(room)?;
            let heard = entry.heard.entry(from).or_default();
            is_late = part.at < heard.at;
            if is_late {
                return None;
            }
            heard.at = part.at;
            heard.asked = heard.asked.filter(|_| part.until.is_some());
            let (roster, now) = (&mut entry.roster, now());
            let is_said = |id| sockets.binary_search_by_key(&id, |stands| stands.socket).is_ok();
            let is_meant = |id| {
                part.after.is_none_or(|after| id > after)
                    && part.until.is_none_or(|until| id <= until)
            };
            let gone = roster.standings().filter(|(id, standing)| {
                // One that has ended goes by itself.
                let is_there = standing.stay.node == from && !standing.has_ended;
                is_there && is_meant(*id) && !is_said(*id)
            });
            let gone: Vec<_> = gone.map(|(id, _)| id).collect();
            let mut changes: Vec<_> = gone.into_iter().filter_map(|id| roster.leave(id)).collect();
            let mut timers = Vec::new();
            for (stands, said) in read {
                let (id, stay) = (stands.socket, Stay { node: from, moves: stands.moves });
                if !stay.is_news(roster.stay(id)) {
                    continue;
                }
                let until = stands.left.map(|left| now + Duration::from_millis(left));
                let whose = (stands.said.key.clone(), said);
                changes.extend(roster.restore(id, whose, stay, (until, stands.has_ended), now));
                timers.extend(until.map(|until| (smallvec![id], until)));
            }
            Some((changes, timers))
        });
        is_late
    }

    /// A node is gone, and with it the connections of its sockets.
    pub(crate) fn presence_gone(self: &Arc<Self>, node: NodeId) {
        let names = self.presence_names(node, |_| true).into_iter();
        for (name, _) in names.filter(|(_, is_heard)| *is_heard) {
            self.replicate(&name, |all, room| {
                let entry = all.rooms.get_mut(room)?;
                entry.heard.remove(&node);
                let (roster, now) = (&mut entry.roster, now());
                let of_it = roster.standings().filter(|(_, standing)| standing.stay.node == node);
                let ids: SmallVec<[SocketId; 1]> = of_it.map(|(id, _)| id).collect();
                let end = |id: &SocketId| roster.end(*id, true, now).0;
                let changes = ids.iter().filter_map(end).collect();
                let timer = (!ids.is_empty()).then_some((ids, now + LOST));
                Some((changes, Vec::from_iter(timer)))
            });
        }
    }

    /// The names of the rooms in which this node has somebody, or some of them, each with whether a node was heard
    /// there.
    pub(crate) fn presence_names(
        &self,
        node: NodeId,
        are_meant: impl Fn(&RawValue) -> bool,
    ) -> Vec<(Box<RawValue>, bool)> {
        let all = lock(&self.presence.0);
        let rooms = all.rooms.values().map(|room| (&room.name, room.heard.contains_key(&node)));
        let meant = rooms.filter(|(name, _)| are_meant(name));
        meant.map(|(name, is_heard)| (name.clone(), is_heard)).collect()
    }

    /// What this node says of its own sockets in a room to one that asks, in parts; nothing if there is nobody, unless
    /// that is to be said as well.
    pub(crate) fn presence_asked(
        &self,
        name: &RawValue,
        always: bool,
        mut say: impl FnMut(Part, Vec<Stands>),
    ) {
        let Some(room) = self.room(name) else { return };
        let all = lock(&self.presence.0);
        let stands = all.rooms.get(&room).map(|room| room.stands(self.node()));
        let stands = stands.unwrap_or_default();
        let (at, mut after) = (all.told, None);
        let mut parts = stands.chunks(LISTED).peekable();
        if parts.peek().is_none() && always {
            say(Part { at, after, until: None }, Vec::new());
        }
        while let Some(some) = parts.next() {
            let last = some.last().map(|stands| stands.socket);
            say(Part { at, after, until: last.filter(|_| parts.peek().is_some()) }, some.to_vec());
            after = last;
        }
    }

    /// Does something in a room, if this node has somebody there, and what follows from it.
    fn replicate(
        self: &Arc<Self>,
        name: &RawValue,
        does: impl FnOnce(&mut Rooms<P>, &P::Room) -> Option<(Vec<Change>, Timers)>,
    ) {
        let (Some(room), Some(runtime)) = (self.room(name), self.presence_runtime()) else {
            return;
        };
        let mut queued = Queued::default();
        let mut all = lock(&self.presence.0);
        let Some((changes, timers)) = does(&mut all, &room) else { return };
        let gathers = all.rooms.get_mut(&room).map(|room| room.changes(changes, &mut queued));
        drop(all);
        self.see_to(queued);
        for (ids, until) in timers {
            self.look_at(&runtime, ids, &room, Some(until));
        }
        self.gather(&runtime, &room, gathers.unwrap_or_default());
    }

    fn presence_runtime(&self) -> Option<Handle> {
        self.cluster.get()?.shared.runtime.get().cloned()
    }
}

impl<M: Member> Room<Shown<M>> {
    /// How the sockets of a node stand, in their order.
    fn stands(&self, node: NodeId) -> Vec<Stands> {
        let (roster, now) = (&self.roster, now());
        let of_it = roster.standings().filter(|(_, standing)| standing.stay.node == node);
        let stands = of_it.filter_map(|(socket, standing)| {
            let (key, said) = roster.said(socket)?;
            let left = standing.until.map(|until| until.saturating_duration_since(now).as_millis());
            let left = left.map(|left| u64::try_from(left).unwrap_or(u64::MAX));
            let (moves, has_ended) = (standing.stay.moves, standing.has_ended);
            Some(Stands { socket, moves, said: said.saying(key), left, has_ended })
        });
        let mut stands: Vec<_> = stands.collect();
        stands.sort_unstable_by_key(|stands| stands.socket);
        stands
    }
}

impl Stay {
    /// Whether what is said of a socket there is not older than what is known of it.
    fn is_news(self, known: Option<Self>) -> bool {
        known.is_none_or(|known| known.moves < self.moves || known == self)
    }
}

/// Who is there by the sockets of several nodes.
pub(crate) fn merged<M: Member>(mut stands: Vec<Stands>) -> Vec<Present<M>> {
    let (mut roster, now) = (Roster::new(), now());
    // One that has ended does not count beside others.
    stands.sort_by_key(|stands| !stands.has_ended);
    for stands in stands {
        let stay = Stay { node: NodeId::default(), moves: stands.moves };
        if let Some(said) = read(&stands.said).filter(|_| stay.is_news(roster.stay(stands.socket)))
        {
            let until = stands.left.map(|left| now + Duration::from_millis(left));
            let whose = (stands.said.key, said);
            roster.restore(stands.socket, whose, stay, (until, stands.has_ended), now);
        }
    }
    roster.each().map(Shown::member).collect()
}

/// What somebody is shown as on another node.
pub(super) fn read<M: Member>(saying: &Saying) -> Option<Said<Shown<M>>> {
    Some(Said { member: Shown::read(&saying.member)?, stamp: saying.stamp })
}
