//! Handles on the hub: one socket, all sockets, a selection.

use crate::{
    Call, CallError, CloseCode, Delivery, Disconnect, Event, Handshake, Protocol, Replies,
    SocketId,
    delivery::Pushed,
    hub::{Hub, Of, Selection},
    inspect::Inspected,
    peer::Peer,
    progress::ReplyPath,
    question::Question,
};
use serde::de::DeserializeOwned;
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

    /// Whether there is a connection. Without one the socket waits for its client to come back, or has
    /// ended.
    pub fn is_connected(&self) -> bool {
        self.peer.queue().is_connected()
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
        if !self.peer.queue().has_room(&self.peer.limits) {
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
        self.io.hub.join(self.id(), &room.into());
    }

    /// Takes this socket out of a room, and of its presence.
    pub fn leave(&self, room: impl Into<P::Room>) {
        let room = room.into();
        self.io.hub.leave(self.id(), &room);
        self.io.hub.absent(&self.peer, &room);
    }

    /// The rooms that this socket is in, in no order.
    pub fn rooms(&self) -> Vec<P::Room> {
        self.io.hub.rooms(self.id())
    }

    /// Runs a future beside the handlers; it is dropped when the socket ends.
    ///
    /// For long work: the events of one socket are handled one after the other.
    pub fn spawn(&self, future: impl Future<Output = ()> + Send + 'static) {
        self.peer.spawn(future);
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
        self.peer.dismiss(Disconnect::new(code, reason));
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

/// All sockets of a server: a cheap handle for handlers, HTTP routes, timers and plain threads.
pub struct Io<P: Protocol> {
    pub(crate) hub: Arc<Hub<P>>,
}

impl<P: Protocol> Io<P> {
    /// How many sockets there are, with those whose client may come back.
    pub fn len(&self) -> usize {
        self.hub.len()
    }

    /// How many of them have a connection.
    pub fn connected(&self) -> usize {
        self.hub.connected_len()
    }

    /// Whether there is no socket.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Sends an event to every socket: encoded once, and waiting for none of them.
    ///
    /// Two broadcasts arrive in the same order everywhere. A socket whose `on_connect` is still
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
    pub fn socket(&self, id: SocketId) -> Option<Socket<P>> {
        self.hub.peer(id).map(|peer| Socket::new(peer, self.clone()))
    }

    /// Every socket, in no order.
    pub fn sockets(&self) -> Vec<Socket<P>> {
        self.all().sockets()
    }

    /// How many rooms have somebody in them.
    pub fn room_count(&self) -> usize {
        self.hub.room_count()
    }

    fn target(&self, of: Of<P::Room>) -> Target<P> {
        let selection = Selection { of, except_sockets: Vec::new(), except_rooms: Vec::new() };
        Target { io: self.clone(), selection }
    }

    fn ask<R, T>(&self, peer: Arc<Peer>, question: Result<Question, CallError>) -> Call<R, T>
    where
        R: DeserializeOwned + Send + 'static,
    {
        let (limits, runtime) = (peer.limits.clone(), peer.runtime.clone());
        let hub = self.hub.clone();
        Call::new(question, (&limits, runtime), async move |question, reports| {
            let id = peer.id;
            let asked = question.ask(peer, (&hub.flusher, reports), |draft| {
                hub.hooks().inspect(|| Inspected::sent(Some(id), question.name, draft));
                Ok(())
            });
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
        Self { hub: self.hub.clone() }
    }
}

impl<P: Protocol> fmt::Debug for Io<P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Io").field("len", &self.len()).finish_non_exhaustive()
    }
}

/// A selection of sockets, made by [`Io::all`] and [`Io::to`].
///
/// It is resolved when it is used: a socket that is meant twice is reached once.
#[must_use = "a selection does nothing until `.emit(..)`"]
pub struct Target<P: Protocol> {
    io: Io<P>,
    selection: Selection<P::Room>,
}

impl<P: Protocol> Target<P> {
    /// Adds the sockets of a room.
    pub fn to(mut self, room: impl Into<P::Room>) -> Self {
        if let Of::Rooms(rooms) = &mut self.selection.of {
            rooms.push(room.into());
        }
        self
    }

    /// Removes a socket (by its [`SocketId`]) or the sockets of a room.
    ///
    /// Where a room can be made of a [`SocketId`], say which is meant: `.except::<OneSocket>(id)` or
    /// `.except::<OneRoom>(id)`.
    pub fn except<Kind>(mut self, excluded: impl Exclude<P, Kind>) -> Self {
        excluded.exclude_from(&mut self);
        self
    }

    /// Sends an event to the selection: see [`Io::broadcast`].
    pub fn emit(self, event: impl Into<P::Server>) -> Delivery {
        self.io.hub.emit(&self.selection, event.into())
    }

    /// Sends an event to every socket of the selection and reads their typed replies as they come.
    ///
    /// The payload is encoded once. The deadline is [`Limits::call`](crate::Limits::call) or
    /// [`Replies::timeout`]; failures are items of the stream. Of an event with progress nothing is
    /// heard but the replies; dropping the stream cancels its handlers.
    pub fn call<E: Event<Enum = P::Server>>(self, event: E) -> Replies<E::Reply> {
        let question = Question::new(event).map(Question::unheard);
        let ask = |peer: Arc<Peer>| {
            let question = question.as_ref().map(Question::clone).map_err(|error| match error {
                CallError::Encode(error) => CallError::Encode(serde::ser::Error::custom(error)),
                CallError::Rejected { code, message } => {
                    CallError::Rejected { code: code.clone(), message: message.clone() }
                }
                _ => CallError::Closed,
            });
            (peer.id, self.io.ask(peer, question))
        };
        Replies::new(self.io.hub.select(&self.selection).into_iter().map(ask).collect())
    }

    /// How many sockets are selected.
    pub fn len(&self) -> usize {
        self.io.hub.count(&self.selection)
    }

    /// Whether no socket is selected.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The selected sockets, in no order.
    pub fn sockets(&self) -> Vec<Socket<P>> {
        let peers = self.io.hub.select(&self.selection).into_iter();
        peers.map(|peer| Socket::new(peer, self.io.clone())).collect()
    }

    /// Puts the selected sockets into a room.
    pub fn join(self, room: impl Into<P::Room>) {
        self.io.hub.join_all(&self.selection, &room.into());
    }

    /// Takes the selected sockets out of a room.
    pub fn leave(self, room: impl Into<P::Room>) {
        self.io.hub.leave_all(&self.selection, &room.into());
    }

    /// Closes the selected sockets: see [`Socket::close`].
    pub fn close(self) {
        self.close_with(CloseCode::DONE, "");
    }

    /// Closes the selected sockets: see [`Socket::close_with`].
    pub fn close_with(self, code: CloseCode, reason: impl Into<Cow<'static, str>>) {
        let disconnect = Disconnect::new(code, reason);
        for peer in self.io.hub.select(&self.selection) {
            peer.dismiss(disconnect.clone());
        }
    }
}

impl<P: Protocol> fmt::Debug for Target<P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Target").field("selection", &self.selection).finish_non_exhaustive()
    }
}

/// What [`Target::except`] removes: a [`SocketId`], or anything that is a room.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is neither a `SocketId` nor a room of this protocol",
    label = "expected a `SocketId` or a room"
)]
pub trait Exclude<P: Protocol, Kind> {
    #[doc(hidden)]
    fn exclude_from(self, target: &mut Target<P>);
}

/// [`Exclude`] of one socket.
#[derive(Debug)]
pub enum OneSocket {}

/// [`Exclude`] of the sockets of a room.
#[derive(Debug)]
pub enum OneRoom {}

impl<P: Protocol> Exclude<P, OneSocket> for SocketId {
    fn exclude_from(self, target: &mut Target<P>) {
        target.selection.except_sockets.push(self);
    }
}

impl<P: Protocol, R: Into<P::Room>> Exclude<P, OneRoom> for R {
    fn exclude_from(self, target: &mut Target<P>) {
        target.selection.except_rooms.push(self.into());
    }
}
