//! What the handlers of a server draw their arguments from.

use crate::{
    Disconnect, FromContext, Handshake, Io, Protocol, Reject, Session, Socket, SocketId, State,
    progress::{Handles, ReplyPath},
};
use std::{fmt, marker::PhantomData, sync::Arc};

/// What a handler can draw its arguments from: the socket, the state, the session.
///
/// `Phase` is [`Live`]; [`Ended`] in `on_disconnect` and `on_suspend`, where [`Disconnect`] can be asked
/// for; or [`Resumed`] in `on_resume`, where [`Replayed`] can.
pub struct Context<P: Protocol, St, Se, Phase = Live> {
    socket: Socket<P>,
    state: Arc<St>,
    session: Arc<Se>,
    disconnect: Option<Box<Disconnect>>,
    replayed: u64,
    phase: PhantomData<fn() -> Phase>,
}

/// The phase of a socket that is connected.
#[derive(Debug)]
pub enum Live {}

/// The phase of a socket that has ended, or whose connection has.
#[derive(Debug)]
pub enum Ended {}

/// The phase of a socket that has a connection again.
#[derive(Debug)]
pub enum Resumed {}

/// How many messages go out again to a socket that came back, or have waited for it: an argument of
/// [`on_resume`](crate::Server::on_resume).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Replayed(pub u64);

impl<P: Protocol, St, Se> Context<P, St, Se> {
    pub(crate) fn new(socket: Socket<P>, state: Arc<St>, session: Arc<Se>) -> Self {
        Self { socket, state, session, disconnect: None, replayed: 0, phase: PhantomData }
    }

    /// The same for a socket that has ended, or whose connection has.
    pub(crate) fn ended(&self, disconnect: Disconnect) -> Context<P, St, Se, Ended> {
        let disconnect = Some(Box::new(disconnect));
        Context { disconnect, ..self.with(self.state.clone(), self.session.clone()) }
    }

    /// The same for a socket that came back.
    pub(crate) fn resumed(&self, replayed: u64) -> Context<P, St, Se, Resumed> {
        Context { replayed, ..self.with(self.state.clone(), self.session.clone()) }
    }

    /// Another connection was let in as this.
    pub(crate) fn set_session(&mut self, session: Arc<Se>) {
        self.session = session;
    }
}

impl<P: Protocol, St, Se, Phase> Context<P, St, Se, Phase> {
    /// The socket whose event is handled.
    pub fn socket(&self) -> &Socket<P> {
        &self.socket
    }

    /// The value given to [`Server::state`](crate::Server::state).
    pub fn state(&self) -> &Arc<St> {
        &self.state
    }

    /// The value that `authorize` made for this socket.
    pub fn session(&self) -> &Arc<Se> {
        &self.session
    }

    /// The same socket as it was before `authorize`.
    pub(crate) fn without_session(&self) -> Context<P, St, (), Phase> {
        self.with(self.state.clone(), Arc::new(()))
    }

    /// The same socket with another state and session.
    pub(crate) fn with<St2, Se2, Phase2>(
        &self,
        state: Arc<St2>,
        session: Arc<Se2>,
    ) -> Context<P, St2, Se2, Phase2> {
        let (socket, disconnect) = (self.socket.clone(), self.disconnect.clone());
        Context { socket, state, session, disconnect, replayed: self.replayed, phase: PhantomData }
    }
}

impl<P: Protocol, St, Se> Handles for Context<P, St, Se> {
    fn reply_path(&self) -> ReplyPath {
        self.socket.reply_path()
    }
}

impl<P: Protocol, St, Se, Phase> Clone for Context<P, St, Se, Phase> {
    fn clone(&self) -> Self {
        self.with(self.state.clone(), self.session.clone())
    }
}

impl<P: Protocol, St, Se, Phase> fmt::Debug for Context<P, St, Se, Phase> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Context").field("socket", &self.socket).finish_non_exhaustive()
    }
}

/// What is known while a socket opens: what `authorize` draws its arguments from.
#[derive(Debug)]
pub struct Opening<St> {
    pub(crate) state: Arc<St>,
}

macro_rules! extract {
    ($($(#[$doc:meta])* $type:ty = |$context:ident| $value:expr;)*) => {
        $(
            $(#[$doc])*
            impl<P: Protocol, St, Se, Phase> FromContext<Context<P, St, Se, Phase>> for $type {
                fn from_context($context: &Context<P, St, Se, Phase>) -> Result<Self, Reject> {
                    Ok($value)
                }
            }
        )*
    };
}
extract! {
    Socket<P> = |context| context.socket.clone();
    Io<P> = |context| context.socket.io().clone();
    SocketId = |context| context.socket.id();
    Handshake = |context| context.socket.handshake().clone();
    State<St> = |context| State(context.state.clone());
    Session<Se> = |context| Session(context.session.clone());
}

impl<P: Protocol, St, Se> FromContext<Context<P, St, Se, Ended>> for Disconnect {
    fn from_context(context: &Context<P, St, Se, Ended>) -> Result<Self, Reject> {
        context.disconnect.as_deref().cloned().ok_or_else(Reject::fault)
    }
}

impl<P: Protocol, St, Se> FromContext<Context<P, St, Se, Resumed>> for Replayed {
    fn from_context(context: &Context<P, St, Se, Resumed>) -> Result<Self, Reject> {
        Ok(Self(context.replayed))
    }
}

impl<St> Clone for Opening<St> {
    fn clone(&self) -> Self {
        Self { state: self.state.clone() }
    }
}

impl<St> FromContext<Opening<St>> for State<St> {
    fn from_context(context: &Opening<St>) -> Result<Self, Reject> {
        Ok(State(context.state.clone()))
    }
}
