//! Integers that a page cannot hold, as strings: `#[serde(with = "socketkit::as_string")]`.
//!
//! A number of JavaScript is exact up to 2<sup>53</sup> (ECMA-262, `Number.MAX_SAFE_INTEGER`). The
//! browser client refuses a larger integer with `unsafe_integer`, loudly, instead of handing its page
//! another one. An id that uses all of its 64 or 128 bits travels as a string, and is one in the page.
//!
//! ```
//! use serde::{Deserialize, Serialize};
//!
//! #[derive(Debug, PartialEq, Serialize, Deserialize)]
//! struct Post {
//!     #[serde(with = "socketkit::as_string")]
//!     id: u64,
//!     #[serde(with = "socketkit::as_string", default)]
//!     answers: Option<i64>,
//!     #[serde(with = "socketkit::as_string")]
//!     readers: Vec<u128>,
//! }
//!
//! let post = Post { id: u64::MAX, answers: Some(-1), readers: vec![1] };
//! let text = r#"{"id":"18446744073709551615","answers":"-1","readers":["1"]}"#;
//! assert_eq!(serde_json::to_string(&post)?, text);
//! assert_eq!(serde_json::from_str::<Post>(text)?, post);
//! # Ok::<(), serde_json::Error>(())
//! ```
//!
//! A type that derives `JsonSchema` says `#[schemars(with = "String")]` beside it; an event needs not to.
//!
//! It takes every integer of Rust, and options and vectors of them; as with any `with`, an absent field
//! needs `default`.

use serde::{
    Deserialize, Deserializer, Serialize, Serializer,
    de::{self, Visitor},
};
use std::{fmt, num, str::FromStr};

/// Writes an integer as a string of its decimal digits, such as `"18446744073709551615"` or `"-1"`.
///
/// # Errors
///
/// Those of the serializer.
pub fn serialize<T: AsString, S: Serializer>(value: &T, serializer: S) -> Result<S::Ok, S::Error> {
    value.write(serializer)
}

/// Reads an integer from such a string.
///
/// # Errors
///
/// When it is no string, none of an integer of this type, or not as [`serialize`] writes it: with a `+`,
/// with zeros or spaces in front, one id would have two names.
pub fn deserialize<'de, T: AsString, D: Deserializer<'de>>(deserializer: D) -> Result<T, D::Error> {
    T::read(deserializer)
}

/// What travels as a string: an integer, or an option or a vector of such.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is no integer, and cannot travel `as_string`",
    label = "expected an integer, or an option or a vector of integers"
)]
pub trait AsString: Sized {
    #[doc(hidden)]
    fn write<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error>;

    #[doc(hidden)]
    fn read<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error>;

    #[cfg(feature = "schema")]
    #[doc(hidden)]
    fn schema() -> schemars::Schema;
}

macro_rules! integers {
    ($($integer:ty)*) => { $(
        impl AsString for $integer {
            fn write<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }

            fn read<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let integer = Digits(stringify!($integer), |text| {
                    let integer = Self::from_str(text).ok()?;
                    // Whatever it is written with must be what it is read from.
                    Some(integer).filter(|integer| integer.to_string() == text)
                });
                deserializer.deserialize_str(integer)
            }

            #[cfg(feature = "schema")]
            fn schema() -> schemars::Schema {
                schemars::json_schema!({ "type": "string", "pattern": "^(0|-?[1-9][0-9]*)$" })
            }
        }
    )* };
}

integers!(u8 u16 u32 u64 u128 usize i8 i16 i32 i64 i128 isize);
integers!(num::NonZeroU32 num::NonZeroU64 num::NonZeroU128 num::NonZeroI64 num::NonZeroI128);

/// The name of a type of integers, and how one is read.
struct Digits<T>(&'static str, fn(&str) -> Option<T>);

impl<T> Visitor<'_> for Digits<T> {
    type Value = T;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "a string with the digits of a `{}`", self.0)
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<T, E> {
        self.1(text).ok_or_else(|| E::invalid_value(de::Unexpected::Str(text), &self))
    }
}

/// One that serde can write and read within another type.
struct Inner<T>(T);

impl<T: AsString> Serialize for Inner<&T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.0.write(serializer)
    }
}

impl<'de, T: AsString> Deserialize<'de> for Inner<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        T::read(deserializer).map(Self)
    }
}

impl<T: AsString> AsString for Option<T> {
    fn write<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.as_ref().map(Inner).serialize(serializer)
    }

    fn read<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Ok(Option::<Inner<T>>::deserialize(deserializer)?.map(|inner| inner.0))
    }

    #[cfg(feature = "schema")]
    fn schema() -> schemars::Schema {
        schemars::json_schema!({ "anyOf": [T::schema(), { "type": "null" }] })
    }
}

impl<T: AsString> AsString for Vec<T> {
    fn write<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.iter().map(Inner))
    }

    fn read<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let inner = Vec::<Inner<T>>::deserialize(deserializer)?;
        Ok(inner.into_iter().map(|inner| inner.0).collect())
    }

    #[cfg(feature = "schema")]
    fn schema() -> schemars::Schema {
        schemars::json_schema!({ "type": "array", "items": T::schema() })
    }
}
