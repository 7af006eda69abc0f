//! What the log has to know of the sessions of a hub, so that they outlive their node, and how one leaves its node
//! when that is so.

use super::{
    acting::acting,
    channel::Channel,
    durable::{Durable, Floor, Session, SessionRecord, Whose},
    forward::Joined,
    moving::Former,
    redirect,
    shared::Shared,
};
use crate::{CloseCode, Disconnect, Protocol, SocketId, hub::Hub, peer::Peer, stagger::Stagger};
use std::{collections::HashMap, sync::Arc};
use tokio::time::Instant;

impl Shared {
    /// How far everybody was heard by now, this node included.
    pub(crate) fn floor(&self, durable: &Durable) -> Floor {
        durable.floor((self.node, self.outbound.last()))
    }

    /// A socket came into a room: what it is sent waits until that is written down.
    pub(super) fn is_in(&self, channel: Channel, peer: &Arc<Peer>) {
        let Some(durable) = &self.durable else { return };
        if durable.joined(peer.id, channel, || self.floor(durable)) {
            self.hold(peer, 0);
            self.has_changed_sessions();
        }
    }

    /// It left it.
    pub(super) fn is_out(&self, channel: Channel, id: SocketId) {
        let Some(durable) = &self.durable else { return };
        if durable.changed(id, Some(channel)) {
            self.has_changed_sessions();
        }
    }

    /// Whoever has changed something is answered when that is written down.
    fn has_changed_sessions(&self) {
        if let Some(peer) = acting() {
            self.hold(&peer, 0);
        }
        self.outbound.wake.notify_one();
    }
}

impl<P: Protocol> Hub<P> {
    fn durable(&self) -> Option<(&Arc<Shared>, &Durable)> {
        let Joined { shared, .. } = self.cluster.get()?;
        Some((shared, shared.durable.as_deref()?))
    }

    /// The session of a socket outlives this node from now on, if it can resume: `on_connect` is over.
    pub(crate) fn keep(&self, peer: &Arc<Peer>) {
        let Some((shared, durable)) = self.durable() else { return };
        if !peer.seat().is_open() {
            return;
        }
        self.undisturbed(peer, || {
            let ready = {
                let mut queue = peer.queue();
                queue.release();
                queue.counted()
            };
            durable.keep(peer.id, Session::new(ready, shared.floor(durable), HashMap::new()));
            // It promises nothing before that is known.
            shared.hold(peer, 0);
        });
        shared.outbound.wake.notify_one();
    }

    /// A session as it is written down, and the number of what is by now.
    pub(super) fn session_record(&self, id: SocketId) -> Option<(SessionRecord, u64)> {
        let (shared, durable) = self.durable()?;
        // Before all that it is to say how far that goes.
        let as_of = shared.floor(durable);
        let (session, peer) = (durable.session(id)?, self.peer(id)?);
        let identity = peer.seat().owner().name();
        let (secret, former) = peer.seat().secrets();
        let (secret, former) = (secret.write(), former.map(Former::new));
        let whose = Whose { owner: shared.node, secret, former, identity };
        let (rooms, presences) = (self.room_names(id), self.presences_of(id));
        let record = SessionRecord::new(whose, &session, &as_of, rooms, presences);
        Some((record, session.number))
    }

    /// Whether what is written down of a session is of this node, and of the session that is here.
    pub(super) fn has_written(&self, id: SocketId, record: &SessionRecord) -> bool {
        let is_own = self.cluster.get().is_some_and(|joined| joined.node() == record.owner);
        let is_it = |peer: Arc<Peer>| peer.seat().secrets().0.write() == record.secret;
        is_own && self.peer(id).is_some_and(is_it)
    }

    /// Whether a session is written down.
    pub(super) fn is_kept(&self, peer: &Peer) -> bool {
        self.durable().is_some_and(|(_, durable)| durable.keeps(peer.id))
    }

    /// A session has missed something: its client comes back for it, or is told of the gap.
    pub(super) fn reset(self: &Arc<Self>, peer: &Arc<Peer>, spread: &Stagger) {
        if self.is_kept(peer) && !peer.is_dismissed() {
            self.abandon(peer, spread.parting(Instant::now()));
        } else {
            self.counters.cluster.gaps.add(1);
            peer.close(spread.farewell(Instant::now()));
        }
    }

    /// A session cannot stay, as more waits for it or was missed than there is room for, nor go to the node that asked for
    /// it: where it is written down, it goes on wherever its client comes next. Whether that is so.
    pub(crate) fn leave_to_others(self: &Arc<Self>, peer: &Arc<Peer>) -> bool {
        let is_left = self.is_kept(peer) && !peer.is_dismissed();
        if is_left {
            self.abandon(peer, CloseCode::LOST.into());
        }
        is_left
    }

    /// Another node has taken sessions over since it could not know that they are here.
    pub(super) fn taken(self: &Arc<Self>, sockets: &[SocketId], spread: &Stagger) {
        for peer in sockets.iter().filter_map(|id| self.peer(*id)) {
            // Its client may not have heard of that.
            self.abandon(&peer, spread.parting(Instant::now()));
        }
    }

    /// A session is not this node's any more, and has not ended: another has it, or whichever its client comes to.
    pub(super) fn abandon(self: &Arc<Self>, peer: &Arc<Peer>, why: Disconnect) {
        let Some((shared, durable)) = self.durable() else { return };
        // It would have ended then, but for one who comes at this moment.
        let (now, limits) = (Instant::now(), &shared.limits);
        let lost = peer.queue().lost_at().unwrap_or(now);
        let until = (lost + limits.resume).max(now + limits.handshake * 2);
        let (_, present) = self.presence_leaves(peer.id);
        let is_gone = self.take_out(peer, || {
            peer.abandon();
            durable.abandon(peer.id, until.into());
        });
        self.presence_left(peer, present, is_gone);
        if is_gone {
            let newcomer = peer.seat().close();
            newcomer.into_iter().for_each(|newcomer| redirect(newcomer, shared.node));
            // What it would hear of its secret is not so any more.
            peer.lose_unheard();
            peer.close(why);
        }
    }
}
