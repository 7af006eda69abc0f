//! A selection of sockets: a handle on the hub.

use crate::{
    CallError, CloseCode, Delivery, Disconnect, Event, Io, NodeId, Protocol, Replies, Socket,
    SocketId,
    hub::{Of, Selection},
    peer::Peer,
    question::Question,
};
use std::{borrow::Cow, fmt, sync::Arc};

/// A selection of sockets, made by [`Io::all`] and [`Io::to`].
///
/// It is resolved when it is used: a socket that is meant twice is reached once.
#[must_use = "a selection does nothing until `.emit(..)`"]
pub struct Target<P: Protocol> {
    pub(crate) io: Io<P>,
    pub(crate) selection: Selection<P::Room>,
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
        self.io.hub.emit(&self.selection, event.into(), self.io.scope)
    }

    /// Sends an event to every socket of the selection and reads their typed replies as they come.
    ///
    /// The payload is encoded once. The deadline is [`Limits::call`](crate::Limits::call) or
    /// [`Replies::timeout`]; failures are items of the stream. Of an event with progress nothing is
    /// heard but the replies; dropping the stream cancels its handlers.
    pub fn call<E: Event<Enum = P::Server>>(self, event: E) -> Replies<E::Reply> {
        let question = Question::new(event).map(Question::unheard);
        let Self { io: Io { hub, scope }, selection } = &self;
        let others = question.as_ref().ok();
        let others = others.and_then(|question| hub.ask_others(selection, question, *scope));
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
        Replies::new(hub.select(selection).into_iter().map(ask).collect(), others)
    }

    /// How many sockets are selected, on all nodes of a cluster.
    ///
    /// Ready at once without one; else when every node has said so, or did not within
    /// [`Limits::call`](crate::Limits::call).
    ///
    /// # Cancel safety
    ///
    /// Dropping the future has no effect.
    pub async fn count(&self) -> Counted {
        let Io { hub, scope } = &self.io;
        let here = hub.count(&self.selection);
        let (there, missing) = hub.count_elsewhere(&self.selection, *scope).await;
        Counted { sockets: here + there, missing }
    }

    /// The selected sockets, on all nodes of a cluster, in no order: see [`count`](Self::count).
    ///
    /// Of those of other nodes see [`Io::socket`].
    ///
    /// # Cancel safety
    ///
    /// Dropping the future has no effect.
    pub async fn fetch_sockets(&self) -> Fetched<P> {
        let Io { hub, scope } = &self.io;
        let mut sockets = self.sockets();
        let (there, missing) = hub.fetch_elsewhere(&self.selection, *scope).await;
        sockets.extend(there);
        Fetched { sockets, missing }
    }

    /// How many sockets of this node are selected; [`count`](Self::count) asks the others.
    pub fn len(&self) -> usize {
        self.io.hub.count(&self.selection)
    }

    /// Whether no socket of this node is selected.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The selected sockets of this node, in no order; [`fetch_sockets`](Self::fetch_sockets) asks the others.
    pub fn sockets(&self) -> Vec<Socket<P>> {
        let peers = self.io.hub.select(&self.selection).into_iter();
        peers.map(|peer| Socket::new(peer, self.io.clone())).collect()
    }

    /// Puts the selected sockets into a room.
    pub fn join(self, room: impl Into<P::Room>) {
        let Self { io: Io { hub, scope }, selection } = self;
        let room = room.into();
        let forward = hub.forward_join(&selection, &room, scope);
        hub.join_all(&selection, &room, forward);
    }

    /// Takes the selected sockets out of a room.
    pub fn leave(self, room: impl Into<P::Room>) {
        let Self { io: Io { hub, scope }, selection } = self;
        let room = room.into();
        let forward = hub.forward_leave(&selection, &room, scope);
        hub.leave_all(&selection, &room, forward);
    }

    /// Closes the selected sockets: see [`Socket::close`].
    pub fn close(self) {
        self.close_with(CloseCode::DONE, "");
    }

    /// Closes the selected sockets: see [`Socket::close_with`].
    pub fn close_with(self, code: CloseCode, reason: impl Into<Cow<'static, str>>) {
        let Self { io: Io { hub, scope }, selection } = self;
        let disconnect = Disconnect::new(code, reason);
        let forward = hub.forward_close(&selection, &disconnect, scope);
        hub.close_all(&selection, &disconnect, forward);
    }
}

impl<P: Protocol> fmt::Debug for Target<P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Target").field("selection", &self.selection).finish_non_exhaustive()
    }
}

/// How many sockets were meant: see [`Target::count`].
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Counted {
    /// As far as nodes have said.
    pub sockets: usize,
    /// Nodes that have not.
    pub missing: Vec<NodeId>,
}

/// Which sockets were meant: see [`Target::fetch_sockets`].
#[non_exhaustive]
pub struct Fetched<P: Protocol> {
    /// As far as nodes have said.
    pub sockets: Vec<Socket<P>>,
    /// Nodes that have not.
    pub missing: Vec<NodeId>,
}

impl<P: Protocol> fmt::Debug for Fetched<P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { sockets, missing } = self;
        f.debug_struct("Fetched").field("sockets", sockets).field("missing", missing).finish()
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
