//! Every event has exactly one handler: one type-level slot for each event.
//!
//! The derive makes a type such as `__ClientEventSlots<S0, S1, ..>` for each enum, with [`No`] in every slot at first.
//! A handler turns the slot of its event into [`Yes`], and only slots that are all taken are
//! [`Exhaustive`]. The traits are public for the derive alone.

/// The slot of an event that has a handler.
#[derive(Debug)]
pub struct Yes;

/// The slot of an event that has no handler yet.
#[derive(Debug)]
pub struct No;

/// The slots of a side with a fallback: all taken, each still knowing whether it has its own handler.
#[derive(Debug)]
pub struct Rest<Slots>(std::marker::PhantomData<fn() -> Slots>);

/// Slots that know the event `E`; `Filled` are the same with the one of `E` taken.
///
/// It is implemented for every state of the slots, and whether the slot is free is a bound of its
/// own ([`FreeFor`]): an impl for free slots alone would let the compiler infer `E` from the one
/// slot that is left.
#[diagnostic::on_unimplemented(
    message = "event `{E}` is not one that this side receives",
    label = "`{E}` belongs to another enum"
)]
pub trait Fill<E> {
    /// The slot of `E`: [`Yes`] or [`No`].
    type Slot;
    /// These slots with the one of `E` taken.
    type Filled;
}

impl<E, Slots: Fill<E>> Fill<E> for Rest<Slots> {
    type Slot = Slots::Slot;
    type Filled = Rest<Slots::Filled>;
}

/// A slot that is free for a handler of `E`.
#[diagnostic::on_unimplemented(
    message = "event `{E}` already has a handler",
    label = "second handler for `{E}`",
    note = "an event has exactly one handler; to listen in on every event use `.inspect(..)`"
)]
pub trait FreeFor<E> {}
impl<E> FreeFor<E> for No {}

/// A slot that is taken by a handler of `E`.
#[diagnostic::on_unimplemented(
    message = "event `{E}` has no handler",
    label = "`{E}` is not handled",
    note = "before this call add `.on(handler)`, `.ignore::<{E}>()` or a `.fallback(handler)`"
)]
pub trait HandlerFor<E> {}
impl<E> HandlerFor<E> for Yes {}

/// Slots of a server without a fallback.
#[diagnostic::on_unimplemented(
    message = "this server already has a fallback",
    label = "second fallback",
    note = "an event has exactly one handler; to listen in on every event use `.inspect(..)`"
)]
pub trait Open {}
impl Open for () {}

/// Slots that are all taken.
pub trait Exhaustive {}
impl<Slots> Exhaustive for Rest<Slots> {}
impl Exhaustive for () {}
