//! What `#[derive(Events)]` implements: a closed set of events, and each event of it.

use crate::EventRate;
use serde::{Serialize, de::DeserializeOwned};
use std::hash::Hasher;

/// A closed set of events: what `#[derive(Events)]` implements for an enum.
///
/// The derive is the only intended author of impls; the hidden items may change in any release.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a set of events",
    label = "expected an enum with `#[derive(Events)]`"
)]
pub trait Events: Sized + Send + 'static {
    /// Wire names in declaration order, without aliases.
    const NAMES: &'static [&'static str];

    /// Type-level record of which events have a handler.
    #[doc(hidden)]
    type Slots;

    /// Position in [`NAMES`](Self::NAMES) of the event called `name` on the wire.
    ///
    /// Aliases are found as well. `None` if no event has this name.
    fn index_of(name: &str) -> Option<usize>;

    /// Position of this event in [`NAMES`](Self::NAMES).
    fn index(&self) -> usize;

    /// Name of this event on the wire.
    fn name(&self) -> &'static str {
        Self::NAMES[self.index()]
    }

    /// What may happen to the event at `index` while it waits for a slow receiver.
    fn policy(index: usize) -> Policy {
        let _ = index;
        Policy::Reliable
    }

    /// Bytes of the longest payload of the event at `index`; `None` if only
    /// [`Limits::frame`](crate::Limits::frame) bounds it.
    ///
    /// A longer one is refused by its receiver with the code `too_large`, before it is decoded, and not
    /// sent in the first place.
    fn max_bytes(index: usize) -> Option<usize> {
        let _ = index;
        None
    }

    /// How often one socket may send the event at `index`; `None` if only
    /// [`Limits::rate`](crate::Limits::rate) bounds it.
    ///
    /// One that comes too fast is refused by its receiver with the code `too_fast`.
    fn rate(index: usize) -> Option<EventRate> {
        let _ = index;
        None
    }

    /// Whether the handler of the event at `index` reports its progress, and is cancelled with the call.
    fn has_progress(index: usize) -> bool {
        let _ = index;
        false
    }

    /// Members of the payload of the `latest` event at `index` of which each value has a newest one of
    /// its own, named as on the wire; none if all of them replace each other.
    fn latest_by(index: usize) -> &'static [&'static str] {
        let _ = index;
        &[]
    }

    /// Writes the values of [`latest_by`](Self::latest_by) into `hasher`. Not called where there are none.
    fn latest_key(&self, hasher: &mut dyn Hasher) {
        let _ = hasher;
    }

    /// Describes the event at `index` for its contract.
    #[cfg(feature = "schema")]
    #[doc(hidden)]
    fn describe(index: usize, about: &mut crate::contract::shape::Shapes<'_>) {
        let _ = (index, about);
    }

    /// Appends the payload as JSON; nothing for an event without one.
    ///
    /// # Errors
    ///
    /// When a field refuses to be serialised. `out` may then hold a part of the payload.
    fn encode(self, out: &mut Vec<u8>) -> serde_json::Result<()>;

    /// Reads the payload of the event at `index`; an absent payload is read as `null`.
    ///
    /// # Errors
    ///
    /// When `data` is not exactly one JSON value of the payload's shape, or `index` is out of range.
    fn decode(index: usize, data: &str) -> serde_json::Result<Self>;
}

/// One event: the struct that `#[derive(Events)]` makes of each variant.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not an event",
    label = "the first argument of a handler is the event it handles",
    note = "use a struct from the module that `#[derive(Events)]` makes beside the enum"
)]
pub trait Event: Serialize + DeserializeOwned + Into<Self::Enum> + Send + 'static {
    /// The enum that this event is a variant of.
    type Enum: Events;
    /// What the receiver answers: `()` unless the variant says `#[event(reply = T)]`.
    type Reply: Serialize + DeserializeOwned + Send + 'static;
    /// What its handler reports before it answers: `()` unless the variant says `#[event(progress = T)]`.
    type Progress: Serialize + DeserializeOwned + Send + 'static;
    /// Position in [`Events::NAMES`].
    const INDEX: usize;
    /// Name on the wire.
    const NAME: &'static str = <Self::Enum as Events>::NAMES[Self::INDEX];
}

/// What may happen to an event while it waits for a slow receiver.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Policy {
    /// It waits its turn, and the receiver is closed if it does not read at all.
    #[default]
    Reliable,
    /// `#[event(volatile)]`: dropped once the queue is a quarter full.
    Volatile,
    /// `#[event(latest)]`: once the queue is full it replaces the unsent one of the same name; with
    /// `#[event(latest = "id")]` the one of the same `id`.
    Latest,
}

/// The events of a side that sends none.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NoEvents {}

impl Events for NoEvents {
    const NAMES: &'static [&'static str] = &[];
    type Slots = ();

    fn index_of(_: &str) -> Option<usize> {
        None
    }

    fn index(&self) -> usize {
        match *self {}
    }

    fn encode(self, _: &mut Vec<u8>) -> serde_json::Result<()> {
        match self {}
    }

    fn decode(_: usize, _: &str) -> serde_json::Result<Self> {
        Err(serde::de::Error::custom("no such event"))
    }
}
