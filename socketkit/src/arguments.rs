//! What a handler takes after its event: things that have nothing to do with it, and the progress of its
//! call, whose type it says.

use crate::{Event, FromContext, Progress, Reject, progress::Handles};

/// An argument of a handler, after the event `E`: anything that is [`FromContext`](crate::FromContext), and
/// [`Progress`] of the type that the event says. `Via` tells the two apart, and is inferred.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be an argument of this handler",
    label = "not something that the handler of `{E}` can ask for",
    note = "`Progress<T>` is for an event with `#[event(progress = T)]`, with the same `T`"
)]
pub trait FromCall<C, E, Via>: Sized {
    /// Draws the argument; `id` is that of the call to answer.
    ///
    /// # Errors
    ///
    /// A refusal is answered in place of the handler.
    fn from_call(context: &C, id: Option<u32>) -> Result<Self, Reject>;
}

/// All arguments of the handler of the event `E`; `Via` is how each is had.
pub trait Arguments<C, E, Via>: Sized {
    /// Draws them; `id` is that of the call to answer.
    ///
    /// # Errors
    ///
    /// With the first that is refused.
    fn draw(context: &C, id: Option<u32>) -> Result<Self, Reject>;
}

/// How an argument is had that has nothing to do with the event.
#[derive(Debug)]
pub enum ViaContext {}

/// How one is had that has.
#[derive(Debug)]
pub enum ViaEvent {}

impl<C, E, A: FromContext<C>> FromCall<C, E, ViaContext> for A {
    fn from_call(context: &C, _: Option<u32>) -> Result<Self, Reject> {
        A::from_context(context)
    }
}

impl<C, E, T> FromCall<C, E, ViaEvent> for Progress<T>
where
    C: Handles,
    E: Event<Progress = T>,
{
    fn from_call(context: &C, id: Option<u32>) -> Result<Self, Reject> {
        Ok(Self::new(context, id))
    }
}

macro_rules! arguments {
    ($($t:ident $via:ident)*) => {
        #[allow(non_snake_case)]
        impl<C, E, $($t: FromCall<C, E, $via>, $via,)*> Arguments<C, E, ($($via,)*)> for ($($t,)*) {
            fn draw(_context: &C, _id: Option<u32>) -> Result<Self, Reject> {
                Ok(($($t::from_call(_context, _id)?,)*))
            }
        }
    };
}
arguments!();
arguments!(A1 Via1);
arguments!(A1 Via1 A2 Via2);
arguments!(A1 Via1 A2 Via2 A3 Via3);
arguments!(A1 Via1 A2 Via2 A3 Via3 A4 Via4);
arguments!(A1 Via1 A2 Via2 A3 Via3 A4 Via4 A5 Via5);
arguments!(A1 Via1 A2 Via2 A3 Via3 A4 Via4 A5 Via5 A6 Via6);
