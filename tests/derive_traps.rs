//! Names and attributes that a derive could trip over.
#![deny(warnings, unreachable_pub)]

use serde::{Deserialize, Deserializer, Serialize};
use socketkit::{Event, Events};
use std::any::TypeId;
use tests::chat::round_trip;

#[derive(Debug, PartialEq, Events)]
#[events(derive(Debug, Clone, PartialEq, Eq, Hash))]
enum Log {
    Debug { text: String },
    Hash(u8),
    Clone,
}

#[test]
fn a_variant_may_be_called_like_a_derive() {
    let clones = [log::Debug { text: "a".into() }; 1].clone();
    assert_eq!(clones[0].clone(), clones[0]);
    round_trip(Log::Debug { text: "a".into() }, "debug", r#"{"text":"a"}"#);
    round_trip(Log::Hash(1), "hash", "1");
    round_trip(Log::Clone, "clone", "");
}

#[derive(Debug, Events)]
enum Gen {
    A(u8),
}

#[test]
fn a_module_may_be_called_like_a_keyword_of_a_later_edition() {
    assert_eq!(r#gen::A(1).0, 1);
    round_trip(Gen::A(1), "a", "1");
}

trait IsZero {
    fn is_zero(&self) -> bool;
}

impl IsZero for Option<u8> {
    fn is_zero(&self) -> bool {
        *self == Some(0)
    }
}

trait FromWire: Sized {
    fn from_wire<'de, D: Deserializer<'de>>(from: D) -> Result<Self, D::Error>;
}

impl FromWire for u8 {
    fn from_wire<'de, D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        Self::deserialize(from).map(|number: Self| number + 1)
    }
}

#[derive(Debug, Events)]
enum Paths {
    A {
        #[serde(default, skip_serializing_if = "<Option<u8> as self::IsZero>::is_zero")]
        a: Option<u8>,
        #[serde(deserialize_with = "<u8 as self::FromWire>::from_wire")]
        b: u8,
        #[serde(bound = "u8: self::IsNumber")]
        c: u8,
        #[serde(bound(serialize = "u8: self::IsNumber", deserialize = "u8: IsNumber"))]
        d: u8,
    },
    IsNumber,
}

trait IsNumber {}
impl IsNumber for u8 {}

#[test]
fn paths_in_the_strings_of_serde_are_those_beside_the_enum() {
    let mut out = Vec::new();
    Paths::A { a: Some(0), b: 1, c: 2, d: 3 }.encode(&mut out).unwrap();
    assert_eq!(out, br#"{"b":1,"c":2,"d":3}"#);
    let Paths::A { a: None, b: 2, .. } = Paths::decode(0, r#"{"b":1,"c":2,"d":3}"#).unwrap() else {
        panic!("b is one more");
    };
    let _ = Paths::IsNumber;
}

#[derive(Debug, Serialize, Deserialize, Events)]
#[serde(untagged)]
enum Answered {
    #[event(reply = Option<Self>)]
    Ask(Vec<Self>),
    Leaf(u8),
}

#[test]
fn self_is_the_enum_in_a_reply_as_in_a_field() {
    let reply = TypeId::of::<<answered::Ask as Event>::Reply>();
    assert_eq!(reply, TypeId::of::<Option<Answered>>());
    round_trip(Answered::Ask(vec![Answered::Leaf(1)]), "ask", "[1]");
}

#[allow(non_camel_case_types, dead_code)]
mod hidden {
    struct str;
    struct usize;
    struct u8;

    #[derive(Debug, socketkit::Events)]
    pub(crate) enum Primitive {
        A(::core::primitive::u8),
    }
}

#[test]
fn types_may_have_the_names_of_primitive_ones() {
    round_trip(hidden::Primitive::A(1), "a", "1");
}
