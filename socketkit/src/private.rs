//! What the expansions of the derives name; no part of the public API.

pub use crate::arguments::{Arguments, FromCall, ViaContext, ViaEvent};
pub use crate::latest::{LatestKey, add_to_key};
pub use crate::progress::{Handles, ReplyPath};
pub use crate::slots::{Exhaustive, Fill, FreeFor, HandlerFor, No, Open, Rest, Yes};
pub use serde;
pub use serde_json;
pub use std::vec::Vec;

#[cfg(feature = "schema")]
pub use crate::contract::shape::{
    Digits, Known, NoDigits, Optional, Required, Shape, Shapes, Unknown, never,
};
#[cfg(feature = "schema")]
pub use schemars;
#[cfg(feature = "schema")]
pub use std::borrow::Cow;
