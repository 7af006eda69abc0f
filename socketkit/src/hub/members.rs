//! The sockets of a hub, and those that are meant.

use crate::{
    SocketId,
    delivery::Kind,
    peer::{GROUP, Peer},
    rooms::Rooms,
};
use slab::Slab;
use smallvec::SmallVec;
use std::{collections::HashMap, hash::Hash, sync::Arc};

/// Who is connected, and in which rooms.
#[derive(Debug)]
pub(super) struct Members<R> {
    /// By their slots: see [`SocketId`].
    pub(super) sockets: Slab<Member>,
    pub(super) rooms: Rooms<R>,
    /// How many sockets there were.
    pub(super) count: u64,
    /// Sockets of `sockets` that have ended and are in their rooms until `on_disconnect` has run.
    pub(super) leaving: usize,
    /// Sockets that have no connection, and are waited for.
    pub(super) away: usize,
    /// The slots of sockets that came from other nodes, in which others of this node have been.
    moved: HashMap<SocketId, u32>,
}

#[derive(Debug)]
pub(super) struct Member {
    pub(super) peer: Arc<Peer>,
    pub(super) leaving: bool,
    pub(super) away: bool,
}

/// Which sockets are meant.
#[derive(Debug)]
pub(crate) struct Selection<R> {
    pub(crate) of: Of<R>,
    pub(crate) except_sockets: Vec<SocketId>,
    pub(crate) except_rooms: Vec<R>,
    /// Of all these, one alone, if it is among them.
    pub(crate) only: Option<SocketId>,
}

impl<R> Selection<R> {
    /// Without exceptions.
    pub(crate) fn of(of: Of<R>) -> Self {
        Self { of, except_sockets: Vec::new(), except_rooms: Vec::new(), only: None }
    }

    /// How what is meant for it is queued.
    pub(crate) fn kind(&self) -> Kind {
        if self.only.is_some() { Kind::Missed } else { Kind::Broadcast }
    }
}

/// What a selection is taken from.
#[derive(Debug)]
pub(crate) enum Of<R> {
    All,
    Rooms(Vec<R>),
    /// One of several rooms, and of its members those who are in none before it.
    #[cfg(feature = "cluster")]
    Within(Vec<R>, usize),
    Socket(SocketId),
}

impl<R: Clone + Eq + Hash> Members<R> {
    pub(super) fn new() -> Self {
        let (sockets, rooms, moved) = (Slab::new(), Rooms::new(), HashMap::new());
        Self { sockets, rooms, count: 0, leaving: 0, away: 0, moved }
    }

    pub(super) fn len(&self) -> usize {
        self.sockets.len() - self.leaving
    }

    /// Where the socket of an id is.
    pub(super) fn slot(&self, id: SocketId) -> Option<u32> {
        let slot = match self.moved.is_empty() {
            true => id.slot(),
            false => self.moved.get(&id).copied().unwrap_or(id.slot()),
        };
        // It may be that of another meanwhile.
        let member = self.sockets.get(slot as usize);
        member.filter(|member| member.peer.id == id).map(|_| slot)
    }

    /// The socket of an id.
    pub(super) fn member(&mut self, id: SocketId) -> Option<&mut Member> {
        let slot = self.slot(id)?;
        self.sockets.get_mut(slot as usize)
    }

    /// The same with its slot, to be looked at.
    fn find(&self, id: SocketId) -> Option<(u32, &Member)> {
        let slot = self.slot(id)?;
        Some((slot, self.sockets.get(slot as usize)?))
    }

    /// Takes in a socket of another node, or one that comes back from there.
    #[cfg(feature = "cluster")]
    pub(super) fn admit(&mut self, peer: Arc<Peer>) {
        let id = peer.id;
        let slot = self.sockets.insert(Member { peer, leaving: false, away: true });
        self.away += 1;
        self.moved.insert(id, u32::try_from(slot).unwrap_or(u32::MAX));
    }

    /// Forgets a socket. What is returned is to be dropped without the lock.
    pub(super) fn remove(&mut self, id: SocketId) -> Option<(Member, Vec<(R, R)>)> {
        let slot = self.slot(id)?;
        let member = self.sockets.remove(slot as usize);
        self.moved.remove(&id);
        self.leaving -= usize::from(member.leaving);
        self.away -= usize::from(member.away);
        Some((member, self.rooms.exit(slot)))
    }

    /// Puts a socket into a room. Whether nobody was in it before.
    pub(super) fn join(&mut self, id: SocketId, room: &R) -> bool {
        let Some((slot, member)) = self.find(id) else { return false };
        !member.leaving && self.rooms.join(slot, room)
    }

    /// Takes a socket out of a room. What is returned is to be dropped without the lock.
    pub(super) fn leave(&mut self, id: SocketId, room: &R) -> Option<(R, R)> {
        let slot = self.slot(id)?;
        self.rooms.leave(slot, room)
    }

    pub(super) fn select(&self, selection: &Selection<R>) -> Vec<Arc<Peer>> {
        let mut peers = Vec::new();
        self.each(selection, |peer| peers.push(peer.clone()));
        peers
    }

    /// Visits each socket of a selection once.
    pub(super) fn each(&self, selection: &Selection<R>, mut visit: impl FnMut(&Arc<Peer>)) {
        let Selection { of, except_sockets, except_rooms, only } = selection;
        let keys = |rooms: &[R]| -> Vec<u32> {
            rooms.iter().filter_map(|room| self.rooms.key(room)).collect()
        };
        let except = keys(except_rooms);
        let is_in = |keys: &[u32], slot| keys.iter().any(|key| self.rooms.contains(*key, slot));
        let mut visit = |(slot, member): (u32, &Member)| {
            let is_excepted = !except_sockets.is_empty()
                && except_sockets.contains(&member.peer.id)
                || is_in(&except, slot);
            let is_another = only.is_some_and(|only| only != member.peer.id);
            if !is_excepted && !is_another {
                visit(&member.peer);
            }
        };
        let mut within = |room, before: &[u32]| {
            let slots = self.rooms.slots(room).iter().filter(|slot| !is_in(before, **slot));
            let sockets = slots.filter_map(|slot| Some((*slot, self.sockets.get(*slot as usize)?)));
            fetched(sockets, &mut visit);
        };
        match of {
            Of::All => {
                let sockets = self.sockets.iter().filter(|(_, member)| !member.leaving);
                fetched(sockets.map(|(slot, member)| (slot as u32, member)), &mut visit);
            }
            Of::Rooms(rooms) => {
                let rooms = keys(rooms);
                for (at, room) in rooms.iter().enumerate() {
                    within(*room, rooms.get(..at).unwrap_or_default());
                }
            }
            #[cfg(feature = "cluster")]
            Of::Within(rooms, at) => {
                if let Some(room) = rooms.get(*at).and_then(|room| self.rooms.key(room)) {
                    within(room, &keys(rooms.get(..*at).unwrap_or_default()));
                }
            }
            Of::Socket(id) => {
                let found = self.find(*id).filter(|(_, member)| !member.leaving);
                found.into_iter().for_each(visit);
            }
        }
    }
}

/// Visits sockets, each [`GROUP`] of which is fetched before.
fn fetched<'a>(
    mut sockets: impl Iterator<Item = (u32, &'a Member)>,
    mut visit: impl FnMut((u32, &'a Member)),
) {
    loop {
        let group: SmallVec<[_; GROUP]> = sockets.by_ref().take(GROUP).collect();
        if group.is_empty() {
            return;
        }
        group.iter().for_each(|(_, member)| member.peer.fetch());
        group.into_iter().for_each(&mut visit);
    }
}
