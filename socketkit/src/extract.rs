//! The arguments of handlers, after the event.

use crate::Reject;
use std::{fmt, ops::Deref, sync::Arc};

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
    note = "after the event a handler takes any of: `Socket<P>`, `Io<P>`, `SocketId`, `Handshake`, `State<T>` with the `T` given to `.state(..)`, `Session<T>` with the `T` that `.authorize(..)` returns, or your own `FromContext`",
    note = "`on_connect` takes the same and no event; `on_disconnect` and `on_suspend` take `Disconnect` too, and `on_resume` takes `Replayed`; `authorize` takes the `Handshake` and `State<T>`; a handler of a client takes `Remote<P>` and `State<T>`"
)]
pub trait FromContext<C>: Sized {
    /// Draws the argument.
    ///
    /// # Errors
    ///
    /// A refusal is answered in place of the handler.
    fn from_context(context: &C) -> Result<Self, Reject>;
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
