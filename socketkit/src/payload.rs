//! The payload of an event that is to be sent: encoded, and held to what the contract allows.

use crate::{CallError, Delivery, Events, Reject, allowance, delivery::Pushed};
use std::fmt;

/// Why an event is not sent.
#[derive(Debug)]
pub(crate) enum Unfit {
    /// It does not serialise.
    Encode(serde_json::Error),
    /// Its receiver would refuse it.
    TooLarge(Reject),
}

/// Appends the payload of an event, unless its receiver would refuse it for its length.
pub(crate) fn encode<E: Events>(event: E, out: &mut Vec<u8>) -> Result<(), Unfit> {
    let (name, max, start) = (event.name(), E::max_bytes(event.index()), out.len());
    event.encode(out).map_err(Unfit::Encode)?;
    let payload = out.get(start..).unwrap_or_default();
    match max.filter(|max| allowance::exceeds(*max, payload)) {
        Some(max) => Err(Unfit::TooLarge(allowance::too_large(name, max))),
        None => Ok(()),
    }
}

impl Unfit {
    /// What became of an event that was emitted.
    pub(crate) fn delivery(&self) -> Delivery {
        match self {
            Self::Encode(_) => Delivery::default(),
            Self::TooLarge(_) => Delivery::of(Pushed::Dropped),
        }
    }
}

impl fmt::Display for Unfit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Encode(error) => error.fmt(f),
            Self::TooLarge(reject) => f.write_str(&reject.message),
        }
    }
}

impl From<Unfit> for serde_json::Error {
    fn from(unfit: Unfit) -> Self {
        match unfit {
            Unfit::Encode(error) => error,
            Unfit::TooLarge(reject) => serde::ser::Error::custom(reject.message),
        }
    }
}

impl From<Unfit> for CallError {
    fn from(unfit: Unfit) -> Self {
        match unfit {
            Unfit::Encode(error) => Self::Encode(error),
            Unfit::TooLarge(reject) => Self::rejected(reject),
        }
    }
}
