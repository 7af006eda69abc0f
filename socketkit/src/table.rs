//! The handlers of one side: a table with one for each event.

use crate::{
    Events, FromContext, Handler, IntoReply, Reject,
    handler::{Erased, Handling, answer},
};
use std::{future::Future, marker::PhantomData};

/// One handler for each event, by index; none yet where no builder method named one.
pub(crate) type Table<C> = Vec<Option<Box<dyn Erased<C>>>>;

/// The handler of every event of an enum that has none of its own.
#[derive(Clone)]
pub(crate) struct Fallback<H, E, Args> {
    pub(crate) handler: H,
    pub(crate) index: usize,
    pub(crate) types: PhantomData<fn() -> (E, Args)>,
}

impl<C, E, Args, H> Erased<C> for Fallback<H, E, Args>
where
    E: Events,
    Args: FromContext<C> + 'static,
    H: Handler<E, Args, Future: Future<Output: IntoReply<()>> + Send + 'static>,
{
    fn call(&self, data: &str, reply: Option<u32>, context: &C) -> Result<Handling, Reject> {
        let event = E::decode(self.index, data).map_err(|error| Reject::bad_data(data, &error))?;
        let args = Args::from_context(context)?;
        Ok(answer(self.handler.clone().invoke(event, args), reply))
    }
}

/// A handler or listener that was added when the state or the session was of another type: it is
/// given the value of then.
pub(crate) struct Adapted<T: ?Sized, F>(pub(crate) Box<T>, pub(crate) F);

impl<Old, New, F> Erased<New> for Adapted<dyn Erased<Old>, F>
where
    F: Fn(&New) -> Old + Send + Sync,
{
    fn call(&self, data: &str, reply: Option<u32>, context: &New) -> Result<Handling, Reject> {
        self.0.call(data, reply, &(self.1)(context))
    }
}

/// Lets handlers be called with a context of another type.
pub(crate) fn adapt<Old: 'static, New, F>(table: Table<Old>, convert: &F) -> Table<New>
where
    F: Fn(&New) -> Old + Clone + Send + Sync + 'static,
{
    let adapt = |old| -> Box<dyn Erased<New>> { Box::new(Adapted(old, convert.clone())) };
    table.into_iter().map(|slot| slot.map(adapt)).collect()
}
