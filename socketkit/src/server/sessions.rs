//! What a server does when a session loses its connection, and when it comes back.

use super::Server;
use crate::{
    Context, Ended, FromContext, IntoReply, Listener, Protocol, Resumed, listener::TypedListener,
    seat::Identity,
};
use serde::Serialize;
use std::{future::Future, marker::PhantomData};

impl<P, St, Se, Slots> Server<P, St, Se, Slots>
where
    P: Protocol,
    St: Send + Sync + 'static,
    Se: Send + Sync + 'static,
{
    /// Runs when a socket has lost its connection and is waited for, [`Limits::resume`](crate::Limits)
    /// long. Several run in order.
    ///
    /// The socket stays in its rooms and is counted; what is emitted to it waits. Besides the usual
    /// [arguments](FromContext) it can ask for the [`Disconnect`](crate::Disconnect): how the connection
    /// was lost. It runs in its turn, after the handler at work; a loss that is over by then is passed over.
    /// An error is logged.
    pub fn on_suspend<Args, L>(mut self, listener: L) -> Self
    where
        L: Listener<Args>,
        Args: FromContext<Context<P, St, Se, Ended>> + 'static,
        L::Future: Future<Output: IntoReply<()>> + Send + 'static,
    {
        self.on_suspend.push(Box::new(TypedListener(listener, PhantomData)));
        self
    }

    /// Runs when a socket came back over another connection and goes on where it was. Several run in
    /// order.
    ///
    /// [`on_connect`](Self::on_connect) does not run again. Besides the usual [arguments](FromContext) it
    /// can ask for [`Replayed`](crate::Replayed): how many messages go out again, or have waited. It also
    /// runs, without an [`on_suspend`](Self::on_suspend) before it, when the client gave up a connection
    /// that looked alive here. It runs in its turn, as that does.
    pub fn on_resume<Args, L>(mut self, listener: L) -> Self
    where
        L: Listener<Args>,
        Args: FromContext<Context<P, St, Se, Resumed>> + 'static,
        L::Future: Future<Output: IntoReply<()>> + Send + 'static,
    {
        self.on_resume.push(Box::new(TypedListener(listener, PhantomData)));
        self
    }

    /// Tells by what [`authorize`](Server::authorize) returned who somebody is, such as
    /// `.identify(|user: &User| user.id)`: a session goes on only for the one who began it.
    ///
    /// Somebody else who has its token, such as the next user of a browser, is given a new session, and
    /// the old one lives on. After `authorize`, which forgets an earlier one; the last one counts, and
    /// without it the token alone decides. A panic refuses the connection as `internal`,
    /// and where `==` panics they are two. Nodes of a cluster compare what it serialises to.
    pub fn identify<I>(mut self, identify: impl Fn(&Se) -> I + Send + Sync + 'static) -> Self
    where
        I: Eq + Serialize + Send + Sync + 'static,
    {
        self.identify =
            Some(Box::new(move |session| Box::new(identify(session)) as Box<dyn Identity>));
        self
    }
}
