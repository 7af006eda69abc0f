//! What a hub does when other nodes say so.

use super::{
    channel::Channel,
    forward::{Forward, Joined},
    message::{Emit, Kept, Record},
    selected::Selected,
};
use crate::{
    CloseCode, Disconnect, Events, NodeId, Policy, Protocol, SocketId,
    frame::{self, FrameBytes},
    hub::{Hub, Of, Selection},
    latest::Key,
    stagger::Stagger,
    treatment::Treatment,
};
use serde_json::value::RawValue;
use std::sync::Arc;

/// Of those whom another node means: one that has just come here, or all but those that came and know of it.
#[derive(Debug, Default)]
pub(crate) struct Whom<'a> {
    pub(crate) only: Option<SocketId>,
    pub(crate) except: &'a [SocketId],
}

impl<P: Protocol> Hub<P> {
    /// Does for the sockets that are here what another node means for all.
    pub(crate) fn apply(
        self: &Arc<Self>,
        from: NodeId,
        record: &Record,
        bytes: &[u8],
        whom: &Whom<'_>,
    ) {
        match record {
            Record::Emit(Emit { to, policy, .. }) => {
                let Some(selection) = self.meant(to, whom) else { return };
                let index = frame::event_name(bytes).and_then(P::Server::index_of);
                let treatment = Treatment::of_other(*policy, index, from);
                let (frame, none) = (FrameBytes::from(bytes), Forward::none());
                let delivery = self.deliver(&selection, &frame, treatment, none);
                if let Some(index) = index {
                    self.counters.emitted(index, delivery);
                }
            }
            Record::Join { to, room } => {
                if let (Some(selection), Some(room)) = (self.meant(to, whom), self.room(room)) {
                    self.join_all(&selection, &room, Forward::none());
                }
            }
            Record::Leave { to, room } => {
                if let (Some(selection), Some(room)) = (self.meant(to, whom), self.room(room)) {
                    self.leave_all(&selection, &room, Forward::none());
                }
            }
            Record::Close { to, code, reason } => {
                if let Some(selection) = self.meant(to, whom) {
                    let disconnect = Disconnect::new(CloseCode(*code), reason.clone());
                    self.close_all(&selection, &disconnect, Forward::none());
                }
            }
            Record::Revoke { identity } => {
                self.revoke(|peer| {
                    let owner = peer.seat().owner();
                    whom.only.is_none_or(|only| peer.id == only) && owner.is_named(Some(identity))
                });
            }
            record => self.answer(from, record, bytes, whom),
        }
    }

    /// Which sockets another node means; `None` while this one stops and all end.
    pub(super) fn meant(&self, to: &Selected, whom: &Whom<'_>) -> Option<Selection<P::Room>> {
        let codec = self.cluster.get().map(|Joined { codec, .. }| codec)?;
        let mut selection = codec.read_selection(to)?;
        selection.only = whom.only;
        selection.except_sockets.extend(whom.except);
        (!self.stopping.is_silent()).then_some(selection)
    }

    pub(crate) fn room(&self, name: &RawValue) -> Option<P::Room> {
        self.cluster.get()?.codec.read(name)
    }

    /// What other nodes said on a channel has not come, and will not: the sessions that it was for end, so that
    /// their clients know of the gap when they come back, each at a time of its own; or these find it in the log.
    pub(crate) fn gap(self: &Arc<Self>, channel: Channel, spread: &Stagger) {
        let peers = match channel {
            Channel::All => self.everybody(),
            Channel::Room(_) => self.members_of(channel),
            Channel::Socket(id) => self.peer(id).into_iter().collect(),
            Channel::Control | Channel::Node(_) => Vec::new(),
        };
        for peer in peers {
            self.reset(&peer, spread);
        }
    }

    fn members_of(&self, channel: Channel) -> Vec<Arc<crate::peer::Peer>> {
        let rooms = self.all_rooms().into_iter();
        let rooms = rooms.filter(|room| self.channel(room) == Some(channel)).collect();
        self.select(&Selection::of(Of::Rooms(rooms)))
    }
}

impl Treatment {
    /// That of an event of another node.
    fn of_other(kept: Option<Kept>, index: Option<usize>, node: NodeId) -> Self {
        match (kept, index) {
            (Some(Kept::Volatile), _) => Policy::Volatile.into(),
            (Some(Kept::Latest(None)), Some(index)) => Self::latest(Key::of_name(index)),
            (Some(Kept::Latest(Some(key))), Some(_)) => Self::latest(Key::of_other(key, node)),
            _ => Self::default(),
        }
    }
}
