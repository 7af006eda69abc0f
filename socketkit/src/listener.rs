//! Listeners: plain async functions that run when a socket opens or ends.

use crate::{
    Context, FromContext, IntoReply, Io, Protocol, Reject, Socket,
    handler::{Listening, caught},
    table::Adapted,
};
use std::{future::Future, marker::PhantomData, sync::Arc};

/// A function of things that [`FromContext`] can supply: what runs on connect and on disconnect.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a listener",
    label = "expected an async function of up to six arguments"
)]
pub trait Listener<Args>: Clone + Send + Sync + 'static {
    /// What the function returns.
    type Future;

    /// Calls the function.
    fn invoke(self, args: Args) -> Self::Future;
}

macro_rules! functions {
    ($($t:ident)*) => {
        #[allow(non_snake_case)]
        impl<F, Fut, $($t,)*> Listener<($($t,)*)> for F
        where
            F: FnOnce($($t,)*) -> Fut + Clone + Send + Sync + 'static,
        {
            type Future = Fut;

            fn invoke(self, ($($t,)*): ($($t,)*)) -> Fut {
                self($($t,)*)
            }
        }
    };
}
functions!();
functions!(A);
functions!(A B);
functions!(A B C);
functions!(A B C D);
functions!(A B C D G);
functions!(A B C D G H);

/// A listener in a list.
pub(crate) trait ErasedListener<C>: Send + Sync {
    fn call(&self, context: &C) -> Result<Listening, Reject>;
}

/// A listener with its types.
pub(crate) struct TypedListener<L, Args>(pub(crate) L, pub(crate) PhantomData<fn() -> Args>);

impl<C, Args, L> ErasedListener<C> for TypedListener<L, Args>
where
    Args: FromContext<C> + 'static,
    L: Listener<Args, Future: Future<Output: IntoReply<()>> + Send + 'static>,
{
    fn call(&self, context: &C) -> Result<Listening, Reject> {
        let future = self.0.clone().invoke(Args::from_context(context)?);
        Ok(Box::pin(caught(async move { future.await.into_reply() })))
    }
}

/// Listeners in the order in which they run.
pub(crate) type Listeners<C> = Vec<Box<dyn ErasedListener<C>>>;

impl<Old, New, F> ErasedListener<New> for Adapted<dyn ErasedListener<Old>, F>
where
    F: Fn(&New) -> Old + Send + Sync,
{
    fn call(&self, context: &New) -> Result<Listening, Reject> {
        self.0.call(&(self.1)(context))
    }
}

/// Lets listeners be called with a context of another type.
pub(crate) fn adapt<Old: 'static, New, F>(listeners: Listeners<Old>, convert: &F) -> Listeners<New>
where
    F: Fn(&New) -> Old + Clone + Send + Sync + 'static,
{
    let adapt = |old| -> Box<dyn ErasedListener<New>> { Box::new(Adapted(old, convert.clone())) };
    listeners.into_iter().map(adapt).collect()
}

impl<P: Protocol> Io<P> {
    /// Runs `listener` when a socket opens from now on, after those of the builder.
    ///
    /// An async function of up to six of [`Socket`], `Io`, [`SocketId`](crate::SocketId) and
    /// [`Handshake`](crate::Handshake); see [`Server::on_connect`](crate::Server::on_connect). It can
    /// be called from anywhere and as often as wanted.
    pub fn on_connect<Args, L>(&self, listener: L)
    where
        L: Listener<Args>,
        Args: FromContext<Context<P, (), ()>> + 'static,
        L::Future: Future<Output: IntoReply<()>> + Send + 'static,
    {
        let listener = TypedListener(listener, PhantomData);
        let unit = Arc::new(());
        self.hub.listen(Arc::new(move |hub, peer| {
            let socket = Socket::new(peer, Io::new(hub));
            listener.call(&Context::new(socket, unit.clone(), unit.clone()))
        }));
    }
}
