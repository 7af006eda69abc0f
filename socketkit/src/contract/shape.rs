//! What `#[derive(Events)]` says of payloads and replies: schemas of types that may have none.
#![allow(missing_docs, reason = "the derive alone speaks of it")]

use crate::as_string::AsString;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use std::marker::PhantomData;

/// A type, of which method resolution finds out whether it has a schema: a payload need have none.
#[derive(Debug)]
pub struct Shape<T: ?Sized>(PhantomData<T>);

impl<T: ?Sized> Shape<T> {
    pub const OF: Self = Self(PhantomData);

    /// The schema of what is written by something of which nobody knows.
    pub fn foreign(&self, _: &mut SchemaGenerator) -> Schema {
        json_schema!(true)
    }
}

/// What [`as_string`](crate::as_string) writes.
pub trait Digits {
    fn digits(&self, to: &mut SchemaGenerator) -> Schema;
}

impl<T: AsString> Digits for Shape<T> {
    fn digits(&self, _: &mut SchemaGenerator) -> Schema {
        T::schema()
    }
}

pub trait Known {
    fn shape(&self, to: &mut SchemaGenerator) -> Schema;
    /// That of a flattened field: of an option, what it may hold.
    fn inlined(&self, to: &mut SchemaGenerator) -> Schema;
}

impl<T: ?Sized + JsonSchema> Known for Shape<T> {
    fn shape(&self, to: &mut SchemaGenerator) -> Schema {
        to.subschema_for::<T>()
    }

    fn inlined(&self, to: &mut SchemaGenerator) -> Schema {
        T::_schemars_private_non_optional_json_schema(to)
    }
}

/// For a reference to a type that is not [`Known`]: found later.
pub trait Unknown {
    fn shape(&self, to: &mut SchemaGenerator) -> Schema;
    fn inlined(&self, to: &mut SchemaGenerator) -> Schema;
}

/// For a reference to a type that it does not write: another module has that name.
pub trait NoDigits {
    fn digits(&self, to: &mut SchemaGenerator) -> Schema;
}

impl<T: ?Sized> NoDigits for &Shape<T> {
    fn digits(&self, _: &mut SchemaGenerator) -> Schema {
        json_schema!(true)
    }
}

impl<T: ?Sized> Unknown for &Shape<T> {
    fn shape(&self, _: &mut SchemaGenerator) -> Schema {
        json_schema!(true)
    }

    fn inlined(&self, _: &mut SchemaGenerator) -> Schema {
        json_schema!(true)
    }
}

/// Whether a field may be absent.
pub trait Optional {
    fn is_optional(&self) -> bool;
}

impl<T> Optional for Shape<Option<T>> {
    fn is_optional(&self) -> bool {
        true
    }
}

/// For a reference to a type that is not [`Optional`]: found later.
pub trait Required {
    fn is_optional(&self) -> bool;
}

impl<T: ?Sized> Required for &Shape<T> {
    fn is_optional(&self) -> bool {
        false
    }
}

/// Describes one event: what [`Events`](crate::Events) is asked for.
#[derive(Debug)]
pub struct Shapes<'a> {
    /// Makes schemas of payloads, and of replies, which go the other way.
    pub(super) payloads: &'a mut SchemaGenerator,
    pub(super) replies: &'a mut SchemaGenerator,
    pub(super) doc: Option<String>,
    pub(super) payload: Option<Schema>,
    pub(super) reply: Option<Schema>,
    pub(super) progress: Option<Schema>,
}

impl Shapes<'_> {
    pub fn doc(&mut self, lines: &[&str]) {
        let lines = lines.iter().flat_map(|lines| lines.split('\n'));
        let lines: Vec<_> = lines.map(|line| line.strip_prefix(' ').unwrap_or(line)).collect();
        self.doc = Some(lines.join("\n").trim().to_owned()).filter(|doc| !doc.is_empty());
    }

    pub fn payload<T: JsonSchema>(&mut self) {
        self.payload = Some(T::json_schema(self.payloads));
    }

    pub fn reply<T: JsonSchema>(&mut self) {
        self.reply = Some(T::json_schema(self.replies));
    }

    /// Who can be present, in a room that is the payload.
    pub fn member<T: JsonSchema>(&mut self) {
        self.reply = Some(T::json_schema(self.payloads));
    }

    pub fn progress<T: JsonSchema>(&mut self) {
        self.progress = Some(T::json_schema(self.replies));
    }
}

/// Whether a field is left out, as far as its schema is concerned: nobody knows.
pub fn never<T>(_: &T) -> bool {
    false
}

/// A type that has the schema of another, if that has one. No part of the public API.
#[doc(hidden)]
#[macro_export]
macro_rules! __shape {
    ($name:ident, foreign, $type:ty) => {
        $crate::__shape!(@ $name, false, |to| $crate::__private::Shape::<$type>::OF.foreign(to));
    };
    // It takes no absent field for an option.
    ($name:ident, digits, $type:ty) => {
        $crate::__shape!(@ $name, false, |to| {
            #[allow(unused_imports)]
            use $crate::__private::{Digits as _, NoDigits as _};
            (&$crate::__private::Shape::<$type>::OF).digits(to)
        });
    };
    ($name:ident, $how:ident, $type:ty) => {
        $crate::__shape!(
            @ $name,
            {
                #[allow(unused_imports)]
                use $crate::__private::{Optional as _, Required as _};
                (&$crate::__private::Shape::<$type>::OF).is_optional()
            },
            |to| {
                #[allow(unused_imports)]
                use $crate::__private::{Known as _, Unknown as _};
                (&$crate::__private::Shape::<$type>::OF).$how(to)
            }
        );
    };
    (@ $name:ident, $is_optional:expr, |$to:ident| $schema:expr) => {
        #[derive(::core::default::Default)]
        struct $name;
        impl $crate::__private::schemars::JsonSchema for $name {
            fn inline_schema() -> ::core::primitive::bool {
                true
            }

            fn schema_name() -> $crate::__private::Cow<'static, ::core::primitive::str> {
                $crate::__private::Cow::Borrowed(::core::stringify!($name))
            }

            fn json_schema(
                $to: &mut $crate::__private::schemars::SchemaGenerator,
            ) -> $crate::__private::schemars::Schema {
                $schema
            }

            fn _schemars_private_is_option() -> ::core::primitive::bool {
                $is_optional
            }
        }
    };
}
