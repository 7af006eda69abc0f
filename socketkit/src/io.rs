//! All sockets of a server: a handle on the hub.

use crate::{
    Call, CallError, Delivery, Protocol, Socket, SocketId, Target,
    cluster::Scope,
    delivery::Pushed,
    hub::{Hub, Of, Selection},
    inspect::Inspected,
    peer::Peer,
    question::Question,
};
use serde::de::DeserializeOwned;
use std::{fmt, sync::Arc};

/// All sockets of a server: a cheap handle for handlers, HTTP routes, timers and plain threads.
pub struct Io<P: Protocol> {
    pub(crate) hub: Arc<Hub<P>>,
    pub(crate) scope: Scope,
}

impl<P: Protocol> Io<P> {
    /// That of all nodes.
    pub(crate) fn new(hub: Arc<Hub<P>>) -> Self {
        Self { hub, scope: Scope::Everywhere }
    }

    /// The same of this node only: what it emits, selects and counts is not forwarded to others.
    pub fn local(&self) -> Self {
        Self { hub: self.hub.clone(), scope: Scope::Here }
    }

    /// How many sockets there are, with those whose client may come back.
    ///
    /// Those of other nodes of a cluster are counted as these said last: a second ago at most.
    pub fn len(&self) -> usize {
        self.hub.len() + self.hub.elsewhere(self.scope).0
    }

    /// How many of them have a connection, counted in the same way.
    pub fn connected(&self) -> usize {
        self.hub.connected_len() + self.hub.elsewhere(self.scope).1
    }

    /// Whether there is no socket.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Sends an event to every socket: encoded once, and waiting for none of them.
    ///
    /// Two broadcasts arrive in the same order everywhere; of several nodes, those of one node do. A socket whose `on_connect` is still
    /// running gets it afterwards, so that its snapshot comes before what is live; and one that
    /// `on_connect` refuses never does.
    pub fn broadcast(&self, event: impl Into<P::Server>) -> Delivery {
        self.all().emit(event)
    }

    /// Selects every socket.
    pub fn all(&self) -> Target<P> {
        self.target(Of::All)
    }

    /// Selects the sockets of a room.
    pub fn to(&self, room: impl Into<P::Room>) -> Target<P> {
        self.target(Of::Rooms(vec![room.into()]))
    }

    /// The socket of an id, unless it has ended.
    ///
    /// One of another node takes events, calls, joins, leaves and closes, wherever it is by now; whether it has ended
    /// is not known before. What only its own node knows is as of a closed socket: the handshake, the rooms.
    pub fn socket(&self, id: SocketId) -> Option<Socket<P>> {
        let here = self.hub.peer(id).map(|peer| Socket::new(peer, self.clone()));
        here.or_else(|| self.hub.socket_elsewhere(id, self.scope))
    }

    /// Every socket of this node, in no order.
    pub fn sockets(&self) -> Vec<Socket<P>> {
        self.all().sockets()
    }

    /// How many rooms have somebody in them.
    pub fn room_count(&self) -> usize {
        self.hub.room_count()
    }

    pub(crate) fn target(&self, of: Of<P::Room>) -> Target<P> {
        Target { io: self.clone(), selection: Selection::of(of) }
    }

    pub(crate) fn ask<R, T>(
        &self,
        peer: Arc<Peer>,
        question: Result<Question, CallError>,
    ) -> Call<R, T>
    where
        R: DeserializeOwned + Send + 'static,
    {
        let (limits, runtime) = (peer.limits.clone(), peer.runtime.clone());
        let (hub, within) = (self.hub.clone(), limits.call);
        Call::new(question, (&limits, runtime), async move |question, reports| {
            let (id, peer) = (peer.id, hub.current(&peer));
            if peer.is_elsewhere() {
                return hub.ask_elsewhere(id, &question, reports, within).await;
            }
            let asked = question.ask(peer.clone(), (&hub.flusher, reports.clone()), |draft| {
                hub.hooks().inspect(|| Inspected::sent(Some(id), question.name, draft));
                Ok(())
            });
            if matches!(asked, Err(CallError::Closed)) && peer.is_elsewhere() {
                // Since just now.
                return hub.ask_elsewhere(id, &question, reports, within).await;
            }
            let delivery = match &asked {
                Ok(_) => Delivery::of(Pushed::Queued),
                Err(CallError::Closed) => Delivery::of(Pushed::Closed),
                Err(_) => Delivery::default(),
            };
            hub.counters.emitted(question.index, delivery);
            asked?.answer().await
        })
    }
}

impl<P: Protocol> Clone for Io<P> {
    fn clone(&self) -> Self {
        Self { hub: self.hub.clone(), scope: self.scope }
    }
}

impl<P: Protocol> fmt::Debug for Io<P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Io").field("len", &self.len()).finish_non_exhaustive()
    }
}
