//! What handlers draw their arguments from.

use crate::{Disconnect, Handshake, Io, Protocol, Reject, Socket, SocketId};
use std::{fmt, marker::PhantomData, ops::Deref, sync::Arc};

/// An argument of a handler, after the event.
///
/// To write an own one, implement it for the context of handlers:
///
/// ```
/// use socketkit::{Context, FromContext, Protocol, Reject};
///
/// struct Language(String);
///
/// impl<P: Protocol, St, Se, Phase> FromContext<Context<P, St, Se, Phase>> for Language {
///     fn from_context(context: &Context<P, St, Se, Phase>) -> Result<Self, Reject> {
///         let wanted = context.socket().handshake().header("accept-language");
///         Ok(Self(wanted.unwrap_or("en").into()))
///     }
/// }
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be an argument of this handler",
    label = "not something that a handler can ask for here",
    note = "after the event a handler takes any of: `Socket<P>`, `Io<P>`, `SocketId`, `Handshake`, `State<T>` with the `T` given to `.state(..)`, `Session<T>` with the `T` that `.authorize(..)` returns, or your own `FromContext`"
)]
pub trait FromContext<C>: Sized {
    /// Draws the argument.
    ///
    /// # Errors
    ///
    /// A refusal is answered in place of the handler.
    fn from_context(context: &C) -> Result<Self, Reject>;
}

/// What a handler can draw its arguments from: the socket, the state, the session.
///
/// `Phase` is [`Live`], or [`Ended`] in `on_disconnect`, where [`Disconnect`] can be asked for.
pub struct Context<P: Protocol, St, Se, Phase = Live> {
    socket: Socket<P>,
    state: Arc<St>,
    session: Arc<Se>,
    disconnect: Option<Disconnect>,
    phase: PhantomData<fn() -> Phase>,
}

/// The phase of a socket that is connected.
#[derive(Debug)]
pub enum Live {}

/// The phase of a socket that has ended.
#[derive(Debug)]
pub enum Ended {}

impl<P: Protocol, St, Se> Context<P, St, Se> {
    pub(crate) fn new(socket: Socket<P>, state: Arc<St>, session: Arc<Se>) -> Self {
        Self { socket, state, session, disconnect: None, phase: PhantomData }
    }

    /// The same for a socket that has ended.
    pub(crate) fn ended(&self, disconnect: Disconnect) -> Context<P, St, Se, Ended> {
        let Self { socket, state, session, .. } = self.clone();
        Context { socket, state, session, disconnect: Some(disconnect), phase: PhantomData }
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

    /// The same socket with another state and session.
    pub(crate) fn with<St2, Se2>(&self, state: Arc<St2>, session: Arc<Se2>) -> Context<P, St2, Se2, Phase> {
        let (socket, disconnect) = (self.socket.clone(), self.disconnect.clone());
        Context { socket, state, session, disconnect, phase: PhantomData }
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

/// The value given to [`Server::state`](crate::Server::state), shared by all handlers.
pub struct State<T>(pub Arc<T>);

/// The value that [`Server::authorize`](crate::Server::authorize) made for this socket.
pub struct Session<T>(pub Arc<T>);

macro_rules! shared {
    ($($name:ident)*) => {
        $(
            impl<T> Deref for $name<T> {
                type Target = T;

                fn deref(&self) -> &T {
                    &self.0
                }
            }

            impl<T> Clone for $name<T> {
                fn clone(&self) -> Self {
                    Self(self.0.clone())
                }
            }

            impl<T: fmt::Debug> fmt::Debug for $name<T> {
                fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                    f.debug_tuple(stringify!($name)).field(&self.0).finish()
                }
            }
        )*
    };
}
shared!(State Session);

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
        context.disconnect.clone().ok_or_else(Reject::internal)
    }
}

impl<St> FromContext<Opening<St>> for State<St> {
    fn from_context(context: &Opening<St>) -> Result<Self, Reject> {
        Ok(State(context.state.clone()))
    }
}
