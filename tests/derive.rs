//! What `#[derive(Events)]` and `#[derive(Protocol)]` make of an enum, seen from outside.
#![allow(missing_docs, unreachable_pub)]
#![deny(warnings)]
// The traps of users are the subject.
#![allow(
    clippy::box_collection,
    clippy::enum_variant_names,
    clippy::needless_pub_self,
    clippy::non_minimal_cfg
)]

use serde::{Deserialize, Serialize};
use socketkit::{Event, Events, Policy};
use std::any::TypeId;
use tests::chat::round_trip;

mod shapes {
    use super::*;

    #[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
    pub struct Post {
        pub author: String,
    }

    #[derive(Debug, PartialEq, Events)]
    #[events(derive(Debug, Clone, PartialEq))]
    pub enum Shape {
        Unit,
        Braces {},
        Parens(),
        Newtype(Vec<u64>),
        Tuple(f32, f32),
        Named {
            author: String,
            r#type: u8,
        },
        r#Match(bool),
        Post(Post),
        #[event(transparent)]
        Draft(Draft),
    }

    #[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
    #[serde(rename_all = "camelCase")]
    pub struct Draft {
        pub last_edited: u64,
    }
}

#[test]
fn every_shape_survives_the_wire() {
    use shapes::{Draft, Post, Shape};
    round_trip(Shape::Unit, "unit", "");
    round_trip(Shape::Braces {}, "braces", "");
    round_trip(Shape::Parens(), "parens", "");
    round_trip(Shape::Newtype(vec![1, 2]), "newtype", "[1,2]");
    round_trip(Shape::Tuple(1.0, 2.5), "tuple", "[1.0,2.5]");
    let named = Shape::Named { author: "ada".into(), r#type: 7 };
    round_trip(named, "named", r#"{"author":"ada","type":7}"#);
    round_trip(Shape::r#Match(true), "match", "true");
    round_trip(Shape::Post(Post { author: "ada".into() }), "post", r#"{"author":"ada"}"#);
    round_trip(Shape::Draft(Draft { last_edited: 3 }), "draft", r#"{"lastEdited":3}"#);
    assert_eq!(Shape::NAMES.len(), 9);
    assert_eq!(Shape::NAMES[2], "parens");
}

#[test]
fn each_struct_is_its_event() {
    use shapes::{Draft, Shape, shape};
    fn check<E: Event<Enum = Shape, Reply = ()>>(event: E, name: &str) {
        assert_eq!(E::NAME, name);
        let event: Shape = event.into();
        assert_eq!(event.index(), E::INDEX);
        assert_eq!(event.name(), name);
    }
    check(shape::Unit, "unit");
    check(shape::Braces {}, "braces");
    check(shape::Parens(), "parens");
    check(shape::Newtype(vec![]), "newtype");
    check(shape::Tuple(0.0, 0.0), "tuple");
    check(shape::Named { author: String::new(), r#type: 0 }, "named");
    check(shape::Match(true), "match");
    check(shape::Post(shapes::Post { author: String::new() }), "post");
    check(Draft { last_edited: 0 }, "draft");
}

#[test]
fn structs_derive_what_the_enum_asks_for() {
    let named = shapes::shape::Named { author: "ada".into(), r#type: 1 };
    assert_eq!(named, named.clone());
    assert_eq!(format!("{named:?}"), r#"Named { author: "ada", type: 1 }"#);
    assert_eq!(format!("{:?}", shapes::shape::Unit.clone()), "Unit");
}

#[test]
fn an_event_without_payload_reads_any_single_value() {
    use shapes::{Shape, shape};
    for index in [shape::Unit::INDEX, shape::Braces::INDEX, shape::Parens::INDEX] {
        for data in ["null", "1", "{}", r#"{"added":[{"later":null}]}"#, " \"x\" "] {
            assert_eq!(Shape::decode(index, data).unwrap().index(), index, "{data}");
        }
        for data in ["", "{", "1 2", "nul", "{}}"] {
            assert!(Shape::decode(index, data).is_err(), "{data}");
        }
    }
}

#[test]
fn payloads_are_exactly_one_value_of_their_shape() {
    use shapes::{Shape, shape};
    for data in ["", "null", "[1]x", "[1] [2]", r#"["1"]"#, "[-1]"] {
        assert!(Shape::decode(shape::Newtype::INDEX, data).is_err(), "{data}");
    }
    let missing = Shape::decode(shape::Named::INDEX, r#"{"author":"ada"}"#).unwrap_err();
    assert_eq!(missing.to_string(), "missing field `type` at line 1 column 16");
    assert!(Shape::decode(Shape::NAMES.len(), "null").is_err());
    assert!(Shape::decode(usize::MAX, "null").is_err());
}

#[test]
fn names_are_renamed_and_aliases_are_received() {
    #[derive(Debug, PartialEq, Events)]
    enum Names {
        HttpGet,
        #[event(rename = "post.submit", alias = "submitPost", alias = "submit-post")]
        SubmitPost(u8),
    }
    assert_eq!(Names::NAMES, ["http_get", "post.submit"]);
    assert_eq!(Names::index_of("http_get"), Some(0));
    for name in ["post.submit", "submitPost", "submit-post"] {
        assert_eq!(Names::index_of(name), Some(1), "{name}");
    }
    for name in ["", "submit_post", "SubmitPost", "HttpGet", "http_get "] {
        assert_eq!(Names::index_of(name), None, "{name}");
    }
    round_trip(Names::HttpGet, "http_get", "");
    round_trip(Names::SubmitPost(1), "post.submit", "1");
}

macro_rules! renamed {
    ($($module:ident $rule:literal $name:literal)*) => {
        $(mod $module {
            #[derive(socketkit::Events)]
            #[events(rename_all = $rule)]
            pub(super) enum Set {
                VeryTasty,
            }
        })*
        #[test]
        fn all_eight_rules_of_serde_rename() {
            $(
                assert_eq!($module::Set::NAMES, [$name]);
                assert!(matches!($module::Set::decode(0, "null"), Ok($module::Set::VeryTasty)));
            )*
        }
    };
}

renamed! {
    lower "lowercase" "verytasty"
    upper "UPPERCASE" "VERYTASTY"
    pascal "PascalCase" "VeryTasty"
    camel "camelCase" "veryTasty"
    snake "snake_case" "very_tasty"
    screaming "SCREAMING_SNAKE_CASE" "VERY_TASTY"
    kebab "kebab-case" "very-tasty"
    screaming_kebab "SCREAMING-KEBAB-CASE" "VERY-TASTY"
}

#[test]
fn capitals_of_a_rule_are_allowed_to_single_names() {
    #[derive(Events)]
    #[events(rename_all = "camelCase")]
    enum Camel {
        SubmitPost,
        #[event(rename = "postUpdate")]
        Update,
    }
    assert_eq!(Camel::NAMES, ["submitPost", "postUpdate"]);
}

#[test]
fn replies_are_of_the_type_that_is_told() {
    type PostId = u64;
    #[derive(Events)]
    enum Calls {
        #[event(reply = PostId)]
        Submit,
        #[event(reply = Result<Vec<(u8, String)>, ()>)]
        List,
        Plain,
    }
    fn reply<E: Event>() -> TypeId {
        TypeId::of::<E::Reply>()
    }
    assert_eq!(reply::<calls::Submit>(), TypeId::of::<u64>());
    assert_eq!(reply::<calls::List>(), TypeId::of::<Result<Vec<(u8, String)>, ()>>());
    assert_eq!(reply::<calls::Plain>(), TypeId::of::<()>());
    let _ = [Calls::Submit, Calls::List, Calls::Plain];
}

#[test]
fn policies_are_those_of_the_variants() {
    #[derive(Events)]
    enum Policies {
        History,
        #[event(volatile)]
        Typing,
        #[event(latest)]
        Online(usize),
        #[event(volatile)]
        Pointer(u8, u8),
    }
    let policies = [Policy::Reliable, Policy::Volatile, Policy::Latest, Policy::Volatile];
    for (index, policy) in policies.into_iter().enumerate() {
        assert_eq!(Policies::policy(index), policy);
    }
    assert_eq!(Policies::policy(4), Policy::Reliable);
    assert_eq!(shapes::Shape::policy(0), Policy::Reliable);
    let _ = [Policies::History, Policies::Typing, Policies::Online(1), Policies::Pointer(1, 2)];
}

mod serde_attributes {
    use super::*;

    mod tenfold {
        use serde::{Deserialize, Deserializer, Serializer};
        pub(super) fn serialize<S: Serializer>(value: &u8, to: S) -> Result<S::Ok, S::Error> {
            to.serialize_u16(u16::from(*value) * 10)
        }
        pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<u8, D::Error> {
            Ok((u16::deserialize(from)? / 10) as u8)
        }
    }

    fn seven() -> u8 {
        7
    }

    #[derive(Debug, Default, PartialEq, Serialize, Deserialize)]
    pub struct More {
        x: u8,
    }

    /// Neither `Serialize` nor `Deserialize`.
    #[derive(Debug, Default, PartialEq)]
    pub struct Local;

    #[derive(Debug, PartialEq, Events)]
    #[serde(rename_all_fields = "camelCase", tag = "ignored")]
    #[events(module = events)]
    pub enum Set {
        Fields {
            #[serde(rename = "who")]
            author: String,
            #[serde(default)]
            like_count: u8,
            #[serde(default = "seven")]
            a: u8,
            #[serde(default = "self::seven")]
            b: u8,
            #[serde(default = "super::eight")]
            c: u8,
            #[serde(default = "Self::nine")]
            d: u8,
            #[serde(with = "tenfold")]
            e: u8,
            #[serde(skip_serializing_if = "Option::is_none", default)]
            option: Option<u8>,
            #[serde(skip)]
            local: Local,
            #[serde(skip)]
            text: &'static str,
            #[serde(flatten)]
            more: More,
        },
        Newtype(#[serde(with = "self::tenfold")] u8),
        Option(Option<u8>),
    }

    impl Set {
        fn nine() -> u8 {
            9
        }
    }

    #[derive(Debug, PartialEq, Events)]
    #[serde(
        deny_unknown_fields,
        rename_all_fields(serialize = "UPPERCASE", deserialize = "lowercase")
    )]
    pub enum Strict {
        Fields { a: u8 },
        Newtype(u8),
        Unit,
    }
}

fn eight() -> u8 {
    8
}

#[test]
fn serde_attributes_of_fields_hold() {
    use serde_attributes::{Local, More, Set};
    let fields = |a, b, c, d| Set::Fields {
        author: "ada".into(),
        like_count: 0,
        a,
        b,
        c,
        d,
        e: 5,
        option: None,
        local: Local,
        text: "",
        more: More::default(),
    };
    round_trip(
        fields(1, 2, 3, 4),
        "fields",
        r#"{"who":"ada","likeCount":0,"a":1,"b":2,"c":3,"d":4,"e":50,"x":0}"#,
    );
    let defaults = Set::decode(0, r#"{"who":"ada","e":50,"x":0,"unknown":1}"#).unwrap();
    assert_eq!(defaults, fields(7, 7, 8, 9));
    round_trip(Set::Newtype(3), "newtype", "30");
    round_trip(Set::Option(Some(1)), "option", "1");
}

#[test]
fn serde_attributes_of_the_enum_hold_for_each_struct() {
    use serde_attributes::Strict;
    let mut out = Vec::new();
    Strict::Fields { a: 1 }.encode(&mut out).unwrap();
    assert_eq!(out, br#"{"A":1}"#);
    assert_eq!(Strict::decode(0, r#"{"a":1}"#).unwrap(), Strict::Fields { a: 1 });
    assert!(Strict::decode(0, r#"{"a":1,"b":2}"#).is_err());
    assert_eq!(Strict::decode(1, "1").unwrap(), Strict::Newtype(1));
    assert_eq!(Strict::decode(2, r#"{"b":2}"#).unwrap(), Strict::Unit);
}
