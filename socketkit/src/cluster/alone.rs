//! A hub without a cluster: nothing is said to anybody.

use crate::{
    CallError, Disconnect, NodeId, Present, Protocol, Socket, SocketId,
    frame::FrameBytes,
    handler::Handling,
    hub::{Hub, Selection},
    peer::{Answer, Peer},
    presence::{Stay, Telling, What},
    question::Question,
    replies::AskOthers,
    reports::Reports,
    seat::Identity,
    treatment::Treatment,
};
use serde_json::value::RawValue;
use std::{marker::PhantomData, sync::Arc, time::Duration};

/// There is none.
#[derive(Debug)]
pub(crate) struct Joined<P>(PhantomData<fn() -> P>);

impl<P> Joined<P> {
    pub(crate) fn node(&self) -> NodeId {
        NodeId::default()
    }
}

/// Nobody listens to any.
#[derive(Clone, Copy)]
pub(crate) enum Channel {}

/// There is nobody else.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Scope {
    Everywhere,
    Here,
}

/// Nobody else hears of presence.
pub(crate) struct Replication<'a>(PhantomData<&'a ()>);

#[allow(clippy::unused_self)]
impl Replication<'_> {
    pub(crate) fn node(&self) -> NodeId {
        NodeId::default()
    }

    pub(crate) fn begin(&self, _: &RawValue, _: u64) -> bool {
        false
    }

    pub(crate) fn end(&self, _: &RawValue) {}

    pub(crate) fn push(&self, _: Telling<'_>, _: (SocketId, Stay), _: impl FnOnce() -> What) {}
}

/// Nothing.
pub(crate) struct Forward<'a>(PhantomData<&'a ()>);

impl Forward<'_> {
    pub(crate) fn if_kept(self, _: SocketId) -> Self {
        self
    }

    pub(crate) fn say(self) {}

    pub(crate) fn send(self, _: &mut FrameBytes) -> bool {
        false
    }
}

impl<P: Protocol> Hub<P> {
    pub(crate) fn is_alone(&self, _: Scope) -> bool {
        true
    }

    pub(crate) fn is_durable(&self, _: Scope) -> bool {
        false
    }

    pub(crate) fn forward_event(
        &self,
        _: &Selection<P::Room>,
        _: &FrameBytes,
        _: (Treatment, usize),
        _: Scope,
    ) -> Forward<'_> {
        Forward(PhantomData)
    }

    pub(crate) fn forward_join(
        &self,
        _: &Selection<P::Room>,
        _: &P::Room,
        _: Scope,
    ) -> Forward<'_> {
        Forward(PhantomData)
    }

    pub(crate) fn forward_leave(
        &self,
        _: &Selection<P::Room>,
        _: &P::Room,
        _: Scope,
    ) -> Forward<'_> {
        Forward(PhantomData)
    }

    pub(crate) fn forward_close(
        &self,
        _: &Selection<P::Room>,
        _: &Disconnect,
        _: Scope,
    ) -> Forward<'_> {
        Forward(PhantomData)
    }

    pub(crate) fn has_others(&self) -> bool {
        false
    }

    pub(crate) fn reaches_others(&self) -> bool {
        false
    }

    pub(crate) fn announce_stop(&self) {}

    pub(crate) async fn handed_over(&self) {}

    pub(crate) fn leave_cluster(&self) {}

    pub(crate) async fn left_cluster(&self) {}

    pub(crate) fn ask_others(
        &self,
        _: &Selection<P::Room>,
        _: &Question,
        _: Scope,
    ) -> Option<(AskOthers, Duration)> {
        None
    }

    pub(crate) async fn ask_elsewhere(
        &self,
        _: SocketId,
        _: &Question,
        _: Option<Arc<Reports>>,
        _: Duration,
    ) -> Answer {
        Err(CallError::Closed.into())
    }

    pub(crate) async fn count_elsewhere(
        &self,
        _: &Selection<P::Room>,
        _: Scope,
    ) -> (usize, Vec<NodeId>) {
        (0, Vec::new())
    }

    pub(crate) async fn fetch_elsewhere(
        &self,
        _: &Selection<P::Room>,
        _: Scope,
    ) -> (Vec<Socket<P>>, Vec<NodeId>) {
        (Vec::new(), Vec::new())
    }

    pub(crate) fn replication(&self) -> Replication<'_> {
        Replication(PhantomData)
    }

    pub(crate) async fn fetch_present(
        &self,
        room: &P::Room,
        scope: Scope,
    ) -> (Vec<Present<P::Member>>, Vec<NodeId>) {
        (self.all_present(room, scope), Vec::new())
    }

    pub(crate) fn socket_elsewhere(&self, _: SocketId, _: Scope) -> Option<Socket<P>> {
        None
    }

    pub(crate) fn forward_revoke(&self, _: &dyn Identity, _: Scope) {}

    pub(crate) fn elsewhere(&self, _: Scope) -> (usize, usize) {
        (0, 0)
    }

    pub(crate) fn channel(&self, _: &P::Room) -> Option<Channel> {
        None
    }

    pub(crate) fn joined_room(&self, _: Option<Channel>, _: bool, _: &Arc<Peer>) {}

    pub(crate) fn left_room(&self, _: SocketId, _: &P::Room) {}

    pub(crate) fn session_ended(&self, _: SocketId) {}

    pub(crate) fn session_renewed(&self, _: &Arc<Peer>, _: bool) {}

    pub(crate) fn left_rooms<'a>(&self, _: impl Iterator<Item = &'a P::Room>) {}

    pub(crate) fn socket_left(&self, _: SocketId) {}

    pub(crate) fn acts(&self, _: &Arc<Peer>, handling: Handling) -> Handling {
        handling
    }

    pub(crate) fn has_changed(&self) {}
}
