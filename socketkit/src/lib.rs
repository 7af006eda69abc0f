//! Typed event sockets.
#![forbid(unsafe_code)]

mod event;
mod protocol;
mod slots;

pub use event::{Event, Events, NoEvents, Policy};
pub use protocol::{NoRoom, Protocol};
#[cfg(feature = "macros")]
pub use socketkit_macros::{Events, Protocol};

/// What the expansions of the derives name; no part of the public API.
#[doc(hidden)]
pub mod __private {
    pub use crate::slots::{Exhaustive, Fill, FreeFor, HandlerFor, No, Yes};
    pub use serde;
    pub use serde_json;
}
