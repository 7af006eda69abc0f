//! Who is present where, as nodes tell each other: each what its own sockets do in a room, on the channel of that.

use super::{channel::Channel, forward::Joined, message::Record, outbound::Item, shared::Shared};
use crate::{
    NodeId, Present, Protocol, SocketId,
    cluster::Scope,
    hub::Hub,
    peer::lock,
    presence::{Part, Stay, Telling, What, merged},
};
use serde_json::value::RawValue;
use std::sync::Arc;

/// Rooms in one question.
const ROOMS: usize = 256;

/// The way to other nodes, if there may be some.
pub(crate) struct Replication<'a>(Option<&'a Shared>);

impl<P: Protocol> Hub<P> {
    pub(crate) fn replication(&self) -> Replication<'_> {
        Replication(self.cluster.get().map(|Joined { shared, .. }| &**shared))
    }

    /// Questions to a node about rooms in which this one has somebody. Where it was heard, it is to say as well that it
    /// has nobody.
    pub(super) fn ask_presence(
        &self,
        node: NodeId,
        back: bool,
        are_meant: impl Fn(&RawValue) -> bool,
    ) -> Vec<Record> {
        let names = self.presence_names(node, are_meant);
        let (heard, not_heard): (Vec<_>, Vec<_>) =
            names.into_iter().partition(|(_, is_heard)| *is_heard);
        let ask = |always, some: &[(Box<RawValue>, bool)]| {
            let rooms = some.iter().map(|(room, _)| room.clone()).collect();
            Record::PresenceAsk { rooms, always, begins: None, back }
        };
        let heard = heard.chunks(ROOMS).map(|some| ask(true, some));
        heard.chain(not_heard.chunks(ROOMS).map(|some| ask(false, some))).collect()
    }

    /// Answers another node that asks who is present in some rooms.
    pub(super) fn answer_presence(
        self: &Arc<Self>,
        from: NodeId,
        rooms: &[Box<RawValue>],
        always: bool,
        begins: Option<u64>,
    ) {
        let Some(Joined { shared, .. }) = self.cluster.get() else { return };
        for room in rooms {
            if let Some(at) = begins {
                self.presence_told(from, room, Part { at, after: None, until: None }, &[]);
            }
            self.presence_asked(room, always, |part, sockets| {
                let state = Record::PresenceState { room: room.clone(), part, sockets };
                shared.say(Channel::Node(from), state, None);
            });
        }
    }

    /// Who is present in a room on all nodes, and nodes that do not say.
    pub(crate) async fn fetch_present(
        &self,
        room: &P::Room,
        scope: Scope,
    ) -> (Vec<Present<P::Member>>, Vec<NodeId>) {
        let Some(name) = self.reach(scope).and_then(|joined| joined.codec.write(room)) else {
            return (self.all_present(room, scope), Vec::new());
        };
        let mut stands = Vec::new();
        self.presence_asked(&name, false, |_, some| stands.extend(some));
        let (there, missing) = self.fetch_presence_elsewhere(room, scope).await;
        stands.extend(there);
        (merged(stands), missing)
    }
}

impl Replication<'_> {
    /// Which node this is.
    pub(crate) fn node(&self) -> NodeId {
        self.0.map(|shared| shared.node).unwrap_or_default()
    }

    /// Somebody is in a room here, the first: listens to it, and asks who is there elsewhere. Whether somebody may
    /// answer. So many changes were told before.
    pub(crate) fn begin(&self, room: &RawValue, told: u64) -> bool {
        let Some(shared) = self.0 else { return false };
        let channel = Channel::of_room(room.get());
        shared.listen_to(&[channel]);
        let (rooms, begins) = (vec![room.to_owned()], Some(told));
        let ask = Record::PresenceAsk { rooms, always: false, begins, back: false };
        shared.say(channel, ask, None);
        shared.is_connected() && !lock(&shared.others).nodes.is_empty()
    }

    /// Nobody is there any more.
    pub(crate) fn end(&self, room: &RawValue) {
        if let Some(shared) = self.0 {
            shared.end(Channel::of_room(room.get()));
        }
    }

    /// Says what a socket did in a room.
    pub(crate) fn push(
        &self,
        Telling { room, last: (last, last_here) }: Telling<'_>,
        (socket, stay): (SocketId, Stay),
        what: impl FnOnce() -> What,
    ) {
        let Some(shared) = self.0 else { return };
        *last += 1;
        let (before, at) = (std::mem::replace(last_here, *last), *last);
        let (room_name, moves, what) = (room.to_owned(), stay.moves, what());
        let record = Record::Presence { room: room_name, before, at, socket, moves, what };
        let channel = Channel::of_room(room.get());
        if let Some(durable) = &shared.durable {
            durable.changed(socket, None);
        }
        shared.forward(vec![Item { channel, counts: true, record, bytes: None }]);
    }
}
