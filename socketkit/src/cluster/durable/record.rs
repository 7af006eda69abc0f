//! A session as it is written down for other nodes.

use super::{Floor, Heads, Session};
use crate::{
    NodeId, SocketId,
    cluster::{
        channel::Channel,
        moving::{Former, SessionState},
    },
    presence::Presences,
};
use bytes::Bytes;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use std::sync::Arc;

/// See the module.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct SessionRecord {
    /// The node that has it.
    pub(crate) owner: NodeId,
    pub(crate) secret: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) former: Option<Former>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) identity: Option<Box<RawValue>>,
    ready: u64,
    #[serde(default)]
    pub(crate) presences: Presences,
    /// What floors are made of, each once.
    heads: Vec<Heads>,
    since: At,
    /// What was said by then of the session itself is done.
    as_of: At,
    rooms: Vec<(Box<RawValue>, At)>,
}

/// A floor.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
struct At {
    own: (NodeId, u64),
    heads: usize,
    #[serde(default)]
    log: u64,
}

/// Who a session is of.
#[derive(Debug, Clone)]
pub(crate) struct Whose {
    pub(crate) owner: NodeId,
    pub(crate) secret: String,
    pub(crate) former: Option<Former>,
    pub(crate) identity: Option<Box<RawValue>>,
}

impl SessionRecord {
    pub(crate) fn new(
        Whose { owner, secret, former, identity }: Whose,
        session: &Session,
        as_of: &Floor,
        rooms: Vec<Box<RawValue>>,
        presences: Presences,
    ) -> Self {
        let mut heads: Vec<Arc<Heads>> = Vec::new();
        let mut at = |floor: &Floor| {
            let known = heads.iter().position(|known| Arc::ptr_eq(known, &floor.heard));
            let heads = known.unwrap_or_else(|| {
                heads.push(floor.heard.clone());
                heads.len() - 1
            });
            At { own: floor.own, heads, log: floor.log }
        };
        let (since, as_of) = (at(&session.since), at(as_of));
        let place = |room: Box<RawValue>| {
            let at = at(session.floor(Channel::of_room(room.get())));
            (room, at)
        };
        let rooms = rooms.into_iter().map(place).collect();
        let heads = heads.iter().map(|heads| Heads::clone(heads)).collect();
        let ready = session.ready;
        Self { owner, secret, former, identity, ready, presences, heads, since, as_of, rooms }
    }

    pub(crate) fn read(record: &[u8]) -> Option<Self> {
        serde_json::from_slice(record).ok()
    }

    pub(crate) fn write(&self) -> Bytes {
        // Nothing in it can fail to serialise.
        serde_json::to_vec(self).unwrap_or_default().into()
    }

    pub(crate) fn rooms(&self) -> impl Iterator<Item = &RawValue> {
        self.rooms.iter().map(|(room, _)| &**room)
    }

    /// Up to where everything that was said of the session itself is done.
    pub(crate) fn as_of(&self) -> Floor {
        let heard = self.heads.get(self.as_of.heads).cloned().unwrap_or_default();
        Floor::new(self.as_of.own, Arc::new(heard), self.as_of.log)
    }

    /// What is known of it here from now on, with the number of what is written down.
    pub(crate) fn session(&self, number: u64) -> Session {
        let heads: Vec<_> = self.heads.iter().cloned().map(Arc::new).collect();
        let floor = |at: &At| {
            let heard = heads.get(at.heads).cloned().unwrap_or_default();
            Floor::new(at.own, heard, at.log)
        };
        let rooms = self.rooms.iter();
        let rooms = rooms.map(|(room, at)| (Channel::of_room(room.get()), floor(at))).collect();
        Session { number, ..Session::new(self.ready, floor(&self.since), rooms) }
    }

    /// What its new node makes a session of: nothing was sent yet.
    pub(crate) fn state(&self, id: SocketId) -> SessionState {
        SessionState {
            id,
            secret: self.secret.clone(),
            former: self.former.clone().map(Former::yet_to_come),
            identity: self.identity.clone(),
            received: 0,
            before: 0,
            sent: 0,
            lens: Vec::new(),
            call: 0,
            rooms: self.rooms().map(ToOwned::to_owned).collect(),
            heard: Vec::new(),
            listened: Vec::new(),
            presences: self.presences.clone(),
            kept: None,
        }
    }

    /// The same session with another node, whose client has seen nothing of it yet.
    pub(crate) fn claimed(self, owner: NodeId, secret: String, former: Former) -> Self {
        Self { owner, secret, former: Some(former), ready: 0, ..self }
    }

    /// The same, for a log that ends there: what it says of another is not so.
    pub(crate) fn of_log(mut self, end: u64) -> Self {
        let of_rooms = self.rooms.iter_mut().map(|(_, at)| at);
        let all = of_rooms.chain([&mut self.since, &mut self.as_of]);
        all.filter(|at| at.log > end).for_each(|at| at.log = 0);
        self
    }

    /// How many frames its client has to have seen to go on with it.
    pub(crate) fn ready(&self) -> u64 {
        self.ready
    }
}
