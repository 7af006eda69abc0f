//! One socket: a handle on the hub.

use crate::{
    Call, CloseCode, Delivery, Disconnect, Event, Handshake, Io, Protocol, SocketId, Target,
    hub::Of, peer::Peer, progress::ReplyPath, question::Question,
};
use std::{borrow::Cow, fmt, future::Future, sync::Arc};

/// One connected peer of a server: a cheap handle to clone, keep, and send to other tasks.
///
/// It stays valid when the socket has closed: emits are then counted as `closed`, calls fail.
pub struct Socket<P: Protocol> {
    peer: Arc<Peer>,
    io: Io<P>,
}

impl<P: Protocol> Socket<P> {
    pub(crate) fn new(peer: Arc<Peer>, io: Io<P>) -> Self {
        Self { peer, io }
    }

    pub(crate) fn peer(&self) -> &Arc<Peer> {
        &self.peer
    }

    /// Names this socket.
    pub fn id(&self) -> SocketId {
        self.peer.id
    }

    /// Whether it is on this node of a cluster.
    pub fn is_here(&self) -> bool {
        !self.io.hub.current(&self.peer).is_elsewhere()
    }

    /// Whether there is a connection. Without one the socket waits for its client to come back, or has
    /// ended.
    pub fn is_connected(&self) -> bool {
        self.io.hub.current(&self.peer).queue().is_connected()
    }

    /// All sockets of the server.
    pub fn io(&self) -> &Io<P> {
        &self.io
    }

    /// The request that opened this socket, not one that came back to it.
    pub fn handshake(&self) -> &Handshake {
        &self.peer.handshake
    }

    /// Sends an event to this socket, without waiting.
    ///
    /// What a handler emits is written when it waits or is done, in one go. A socket that does not
    /// take what it is sent is subject to [`Limits::queue`](crate::Limits::queue).
    pub fn emit(&self, event: impl Into<P::Server>) -> Delivery {
        self.io.hub.emit_to(&self.peer, event.into())
    }

    /// The way to it, for a handler.
    pub(crate) fn reply_path(&self) -> ReplyPath {
        let (peer, flusher) = (self.peer.clone(), self.io.hub.flusher.clone());
        ReplyPath { peer, flusher, limit: usize::MAX }
    }

    /// Sends an event to this socket, once its queue has room.
    ///
    /// For long series, such as the lines of a file: the sender goes as fast as the receiver.
    ///
    /// # Cancel safety
    ///
    /// An event whose future is dropped before it is ready is not sent.
    pub async fn send(&self, event: impl Into<P::Server>) -> Delivery {
        let event = event.into();
        let is_here = !self.peer.is_elsewhere();
        if is_here && !self.peer.queue().has_room(&self.peer.limits) {
            let room = self.peer.queue().room();
            loop {
                let mut notified = std::pin::pin!(room.notified());
                // Looked at only when what comes from now on is noticed.
                notified.as_mut().enable();
                if self.peer.queue().has_room(&self.peer.limits) {
                    break;
                }
                notified.await;
            }
        }
        self.io.hub.emit_to(&self.peer, event)
    }

    /// Sends an event to this socket and waits for its typed reply.
    ///
    /// # Errors
    ///
    /// See [`CallError`](crate::CallError); the deadline is [`Limits::call`](crate::Limits::call).
    /// `Rejected` with the code `busy` when [`Limits::calls`](crate::Limits::calls) are in flight,
    /// `too_large` for an event that is longer than its `max`.
    pub fn call<E: Event<Enum = P::Server>>(&self, event: E) -> Call<E::Reply, E::Progress> {
        self.io.ask(self.peer.clone(), Question::new(event))
    }

    /// Sends an event to every socket but this one.
    pub fn broadcast(&self, event: impl Into<P::Server>) -> Delivery {
        self.io.all().except(self.id()).emit(event)
    }

    /// Puts this socket into a room, unless it is closed. It leaves by itself when it closes.
    ///
    /// A room is given by anything that converts into one, such as `"lobby"` where rooms are
    /// `String`; so a bare number needs its type: `7_u64`.
    pub fn join(&self, room: impl Into<P::Room>) {
        let room = room.into();
        self.io.hub.join(self.id(), &room);
        // Asked afterwards: it may just have gone.
        if let Some(this) = self.elsewhere() {
            this.join(room);
        }
    }

    /// Takes this socket out of a room, and of its presence.
    pub fn leave(&self, room: impl Into<P::Room>) {
        let (hub, room) = (&self.io.hub, room.into());
        hub.leave(self.id(), &room);
        match self.elsewhere() {
            Some(this) => this.leave(room),
            None => hub.absent(&self.peer, &room),
        }
    }

    /// The rooms that this socket is in, in no order.
    pub fn rooms(&self) -> Vec<P::Room> {
        self.io.hub.rooms(self.id())
    }

    /// Runs a future beside the handlers; it is dropped when the socket ends.
    ///
    /// For long work: the events of one socket are handled one after the other.
    pub fn spawn(&self, future: impl Future<Output = ()> + Send + 'static) {
        self.io.hub.current(&self.peer).spawn(future);
    }

    /// Closes this socket with 1000, after what was emitted before. Clients do not come back.
    ///
    /// None of its events is handled any more, but for the one at work. A handler that closes its own
    /// socket still answers its call, unless it waits for something afterwards.
    pub fn close(&self) {
        self.close_with(CloseCode::DONE, "");
    }

    /// Closes this socket with a code and a reason of at most 123 bytes: see [`close`](Self::close).
    pub fn close_with(&self, code: CloseCode, reason: impl Into<Cow<'static, str>>) {
        let disconnect = Disconnect::new(code, reason);
        match self.elsewhere() {
            Some(this) => this.close_with(disconnect.code, disconnect.reason),
            None => self.io.hub.dismiss(&self.peer, &disconnect),
        }
    }

    /// This socket, wherever it is by now, if it has gone to another node.
    fn elsewhere(&self) -> Option<Target<P>> {
        self.peer.is_elsewhere().then(|| self.io.target(Of::Socket(self.id())))
    }
}

impl<P: Protocol> Clone for Socket<P> {
    fn clone(&self) -> Self {
        Self { peer: self.peer.clone(), io: self.io.clone() }
    }
}

impl<P: Protocol> fmt::Debug for Socket<P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Socket").field("id", &self.id()).finish_non_exhaustive()
    }
}
