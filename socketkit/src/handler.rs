//! Handlers: plain async functions of an event, and how a connection calls them.

use crate::{
    CloseCode, Disconnect, Event, EventRate, FromContext, Gap, IntoReply, Reject,
    arguments::Arguments, conversation::Places, frame::Draft, wire,
};
use futures_util::FutureExt;
use serde::{Serialize, de::IgnoredAny};
use std::{any::Any, future::Future, marker::PhantomData, panic::AssertUnwindSafe, pin::Pin};
use tokio::time::Instant;

/// A function of an event and of things that [`FromContext`] can supply.
///
/// The trait only takes the type of a function apart. What each part has to be is asked for where
/// the function is used, so that an error names the part that is wrong.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a handler",
    label = "expected an async function of an event and up to six other arguments",
    note = "the first argument is one event for `on`, the enum for `fallback`, and the `Handshake` for `authorize`"
)]
pub trait Handler<E, Args>: Clone + Send + Sync + 'static {
    /// What the function returns.
    type Future;

    /// Calls the function.
    fn invoke(self, event: E, args: Args) -> Self::Future;
}

macro_rules! functions {
    ($($t:ident)*) => {
        #[allow(non_snake_case)]
        impl<E, F, Fut, $($t,)*> Handler<E, ($($t,)*)> for F
        where
            F: FnOnce(E, $($t,)*) -> Fut + Clone + Send + Sync + 'static,
        {
            type Future = Fut;

            fn invoke(self, event: E, ($($t,)*): ($($t,)*)) -> Fut {
                self(event, $($t,)*)
            }
        }

        impl<Cx, $($t: FromContext<Cx>,)*> FromContext<Cx> for ($($t,)*) {
            fn from_context(_context: &Cx) -> Result<Self, Reject> {
                Ok(($($t::from_context(_context)?,)*))
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

/// The future of a handler at work: the frame of its reply, if one is wanted.
pub(crate) type Handling = Pin<Box<dyn Future<Output = Result<Option<Draft>, Reject>> + Send>>;

/// The future of a listener at work.
pub(crate) type Listening = Pin<Box<dyn Future<Output = Result<(), Reject>> + Send>>;

/// A handler in a table: JSON in, a frame out.
pub(crate) trait Erased<C>: Send + Sync {
    /// Reads the payload and calls the handler; `reply` is the id of the call to answer.
    fn call(&self, data: &str, reply: Option<u32>, context: &C) -> Result<Handling, Reject>;
}

/// The handler of one event.
pub(crate) struct Typed<H, E, Args>(pub(crate) H, pub(crate) PhantomData<fn() -> (E, Args)>);

impl<C, E, Args, Via, H> Erased<C> for Typed<H, E, (Args, Via)>
where
    E: Event,
    Args: Arguments<C, E, Via> + 'static,
    Via: 'static,
    H: Handler<E, Args, Future: Future<Output: IntoReply<E::Reply>> + Send + 'static>,
{
    fn call(&self, data: &str, reply: Option<u32>, context: &C) -> Result<Handling, Reject> {
        let event = serde_json::from_str(data).map_err(|error| Reject::bad_data(data, &error))?;
        let args = Args::draw(context, reply)?;
        Ok(answer(self.0.clone().invoke(event, args), reply))
    }
}

/// The handler of an event that is received and nothing else.
pub(crate) struct Ignored;

impl<C> Erased<C> for Ignored {
    fn call(&self, data: &str, reply: Option<u32>, _: &C) -> Result<Handling, Reject> {
        // Whether it is one value: an `id` may stand behind it.
        serde_json::from_str::<IgnoredAny>(data).map_err(|error| Reject::bad_data(data, &error))?;
        Ok(answer(std::future::ready(()), reply))
    }
}

/// Runs a handler to the end and writes its reply.
pub(crate) fn answer<R: Serialize>(
    future: impl Future<Output: IntoReply<R>> + Send + 'static,
    reply: Option<u32>,
) -> Handling {
    Box::pin(caught(async move {
        let value = future.await.into_reply()?;
        let Some(id) = reply else { return Ok(None) };
        let mut draft = Draft::new(64);
        wire::write_reply(draft.out(), id, |out| serde_json::to_writer(out, &value))?;
        Ok(Some(draft))
    }))
}

/// Turns a panic into a refusal.
pub(crate) async fn caught<T>(
    future: impl Future<Output = Result<T, Reject>>,
) -> Result<T, Reject> {
    match AssertUnwindSafe(future).catch_unwind().await {
        Ok(result) => result,
        Err(panic) => Err(Reject::panicked(&*panic)),
    }
}

/// How a server received a client.
#[derive(Debug, PartialEq)]
pub(crate) enum Greeted {
    /// To its first session.
    New,
    /// To the session that it had, of which so many frames come again or have waited.
    Resumed(u64),
    /// To a new session after an old one: why, and how many events may or may not have arrived.
    Reset(Gap, u64),
}

/// What a connection hands its peer's events to.
pub(crate) trait Application: Send {
    /// Index of the event that is called `name`.
    fn index_of(&self, name: &str) -> Option<usize>;

    /// Whether an event could be called `name`.
    fn is_name(&self, name: &str) -> bool {
        wire::is_name(name, false)
    }

    /// Name of an event.
    fn name(&self, index: usize) -> &'static str;

    /// Bytes of the longest payload of an event.
    fn max_bytes(&self, _index: usize) -> Option<usize> {
        None
    }

    /// Whether the handler of an event may be dropped when nobody waits for its reply.
    fn is_cancellable(&self, _index: usize) -> bool {
        false
    }

    /// How often an event may come.
    fn rate(&self, _index: usize) -> Option<EventRate> {
        None
    }

    /// Begins to handle an event; `reply` is the id of the call to answer.
    fn handle(&self, index: usize, data: &str, reply: Option<u32>) -> Result<Handling, Reject>;

    /// An event came in, as this frame.
    fn received(&self, _index: usize, _frame: &str) {}

    /// How far it has seen what each node of a cluster emits, if it is a client.
    fn places(&mut self) -> Option<&mut Places> {
        None
    }

    /// The other side says who is present. Whether that is its business.
    fn presence(&self, _data: &str) -> bool {
        false
    }

    /// An event came in that nobody has heard of.
    fn skipped(&self, _name: &str) {}

    /// The server introduced itself.
    fn greeted(&self, _hello: &wire::Hello<'_>, _how: Greeted) {}

    /// Whether there is a connection, as the server counts them.
    fn connected(&self, _is_connected: bool) {}

    /// Another connection goes on with the session: what `authorize` made of it.
    fn renew(&mut self, _admitted: Box<dyn Any + Send>) {}

    /// The connection was lost. What runs then, if anything does.
    fn suspended(&self, _why: Disconnect) -> Option<Listening> {
        None
    }

    /// There is another, over which so many frames went out again. What runs then, if anything does.
    fn resumed(&self, _replayed: u64) -> Option<Listening> {
        None
    }

    /// Whether what is unfinished when the session has ended may take as long as it takes.
    fn is_patient(&self) -> bool {
        false
    }

    /// The server stops: until when what is at work may go on.
    fn leaves_by(&self) -> Option<Instant> {
        None
    }

    /// Its session is open: what runs before the first event is over.
    #[cfg(feature = "cluster")]
    fn ready(&self) {}

    /// Its session cannot stay, nor go to a certain node: whether it may go on wherever its client comes next.
    #[cfg(feature = "cluster")]
    fn leave_to_others(&self) -> bool {
        false
    }

    /// The server stops: until when the session is kept for another node, if it is.
    fn kept_until(&self) -> Option<Instant> {
        None
    }

    /// How a socket is closed when its server stops, whether its session is kept or ends.
    fn farewell(&self, _is_kept: bool) -> Disconnect {
        CloseCode::RESTART.into()
    }

    /// Runs before the first event is handled.
    fn opened(&self) -> Listening {
        Box::pin(std::future::ready(Ok(())))
    }

    /// Gives its place to the socket that comes instead.
    #[cfg(feature = "server")]
    fn give_place(&mut self) -> Option<crate::admission::Permit> {
        None
    }

    /// The session has ended: the socket is not counted any more.
    fn leaving(&self, _why: &Disconnect) {}

    /// A reply of a handler whose session has gone to another node.
    #[cfg(feature = "cluster")]
    fn follow(&self, _reply: &crate::frame::FrameBytes) {}

    /// Runs once, after the last event was handled.
    fn ended(&self, _why: Disconnect) -> Listening {
        Box::pin(std::future::ready(Ok(())))
    }

    /// All of that is done: the socket leaves its rooms. It does so when it is dropped as well.
    fn left(&self) {}
}
