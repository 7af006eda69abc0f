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
use socketkit::{Event, Events, NoEvents, NoRoom, Policy, Protocol};
use std::any::TypeId;
use std::fmt::Debug;

/// What goes on the wire, and what comes out of it at the other side.
fn round_trip<E: Events + Debug>(event: E, name: &str, data: &str) {
    let index = event.index();
    let before = format!("{event:?}");
    assert_eq!(event.name(), name);
    assert_eq!(E::index_of(name), Some(index));
    let mut written = b"behind:".to_vec();
    event.encode(&mut written).unwrap();
    assert_eq!(String::from_utf8(written).unwrap(), format!("behind:{data}"));
    let data = if data.is_empty() { "null" } else { data };
    assert_eq!(format!("{:?}", E::decode(index, data).unwrap()), before);
}

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

mod traps {
    use super::*;

    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    #[serde(rename_all = "camelCase")]
    pub struct SubmitPost {
        pub the_title: String,
        #[serde(default)]
        pub tags: Vec<std::string::String>,
    }

    pub type Tag = u8;
    pub const LENGTH: usize = 2;

    pub mod inner {
        use super::super::*;

        #[derive(Debug, PartialEq, Serialize, Deserialize)]
        pub struct Own(pub u8);

        pub trait Has {
            type Out;
        }
        impl Has for Own {
            type Out = u16;
        }

        #[derive(Debug, PartialEq, Serialize, Deserialize)]
        pub struct Tagged<const N: usize, T>(pub Option<T>);

        /// A variant for each way in which a type can be named.
        #[derive(Debug, PartialEq, Events)]
        #[serde(rename_all_fields = "kebab-case")]
        pub enum ClientEvent {
            SubmitPost(super::SubmitPost),
            Own(Own),
            Many {
                posts: Vec<super::SubmitPost>,
                owns: Box<[self::Own]>,
                pair: (Own, Tag),
            },
            Tag(super::Tag),
            Array([Tag; super::LENGTH]),
            Projection(<Own as self::Has>::Out, <self::Own as Has>::Out),
            Generic(Tagged<{ super::LENGTH }, Vec<Own>>),
            Absolute(::std::string::String, crate::traps::inner::Own),
            String(String),
            Option(Option<String>),
            Vec {
                vec: Vec<Option<Box<String>>>,
            },
            Box(std::boxed::Box<u8>),
            U8(u8),
            #[expect(non_camel_case_types, reason = "it hides the primitive type")]
            u16(u16),
            #[expect(non_camel_case_types, reason = "it hides the crate")]
            serde_json(serde_json::Value),
            Recursive(Option<Box<super::Tree>>),
            #[event(transparent)]
            Other(Other),
            Result(Result<u8, String>),
            Some(Option<u8>),
            None,
            Ok,
            Slots,
            Enum,
            Reply {
                r#enum: u8,
            },
            Clone,
            Debug(u8),
            Send,
            ClientEvent,
        }

        #[derive(Debug, PartialEq, Serialize, Deserialize)]
        pub struct Other(pub u8);

        pub use super::Tag;
    }

    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    pub struct Tree(pub u8);
}

#[test]
fn payloads_named_like_variants_are_found() {
    use traps::inner::{ClientEvent as E, Other, Own, Tagged};
    let post = || traps::SubmitPost { the_title: "a".into(), tags: vec![] };
    round_trip(E::SubmitPost(post()), "submit_post", r#"{"theTitle":"a","tags":[]}"#);
    round_trip(E::Own(Own(1)), "own", "1");
    round_trip(
        E::Many { posts: vec![post()], owns: Box::new([Own(1)]), pair: (Own(2), 3) },
        "many",
        r#"{"posts":[{"theTitle":"a","tags":[]}],"owns":[1],"pair":[2,3]}"#,
    );
    round_trip(E::Tag(1), "tag", "1");
    round_trip(E::Array([1, 2]), "array", "[1,2]");
    round_trip(E::Projection(1, 2), "projection", "[1,2]");
    round_trip(E::Generic(Tagged(Some(vec![Own(1)]))), "generic", "[1]");
    round_trip(E::Absolute("a".into(), Own(1)), "absolute", r#"["a",1]"#);
    round_trip(E::String("a".into()), "string", r#""a""#);
    round_trip(E::Option(Some("a".into())), "option", r#""a""#);
    round_trip(E::Vec { vec: vec![None] }, "vec", r#"{"vec":[null]}"#);
    round_trip(E::Box(Box::new(1)), "box", "1");
    round_trip(E::U8(1), "u8", "1");
    round_trip(E::u16(1), "u16", "1");
    round_trip(E::serde_json(serde_json::json!({"a":1})), "serde_json", r#"{"a":1}"#);
    round_trip(E::Recursive(None), "recursive", "null");
    round_trip(E::Other(Other(1)), "other", "1");
    round_trip(E::Result(Ok(1)), "result", r#"{"Ok":1}"#);
    round_trip(E::Some(None), "some", "null");
    round_trip(E::Slots, "slots", "");
    round_trip(E::Reply { r#enum: 1 }, "reply", r#"{"enum":1}"#);
    round_trip(E::Debug(1), "debug", "1");
    round_trip(E::ClientEvent, "client_event", "");
    let _ = [E::None, E::Ok, E::Enum, E::Clone, E::Send];
}

/// Its own `Serialize` is untagged, which is nothing to the names on the wire.
#[derive(Debug, Serialize, Deserialize, Events)]
#[serde(untagged)]
enum Tree {
    Node { children: Vec<Self> },
    Leaf(u8),
}

#[test]
fn an_enum_may_hold_itself() {
    let children = vec![Tree::Leaf(1), Tree::Node { children: vec![] }];
    round_trip(Tree::Node { children }, "node", r#"{"children":[1,{"children":[]}]}"#);
    round_trip(Tree::Leaf(1), "leaf", "1");
}

#[test]
fn a_set_may_be_empty() {
    #[derive(Debug, Events)]
    enum Nothing {}
    assert_eq!(Nothing::NAMES, [""; 0]);
    assert_eq!(Nothing::index_of(""), None);
    assert!(Nothing::decode(0, "null").is_err());
}

#[test]
fn variants_and_fields_behind_a_false_cfg_are_not_there() {
    #[derive(Events)]
    #[events(derive(Debug))]
    #[serde(deny_unknown_fields)]
    enum Conditional {
        #[cfg(any())]
        Absent(Missing),
        Present {
            #[cfg(any())]
            absent: Missing,
            #[cfg(all())]
            present: u8,
        },
        #[cfg_attr(all(), event(rename = "also"))]
        Other,
    }
    assert_eq!(Conditional::NAMES, ["present", "also"]);
    assert_eq!(format!("{:?}", conditional::Present { present: 1 }), "Present { present: 1 }");
    let _ = Conditional::Other;
}

mod seen_from_outside {
    pub mod deep {
        use socketkit::Events;
        #[derive(Events)]
        pub enum Everywhere {
            A(u8),
        }
        #[derive(Events)]
        pub(crate) enum InCrate {
            A(u8),
        }
        #[derive(Events)]
        pub(in crate::seen_from_outside) enum InPath {
            A(u8),
        }
        #[derive(Events)]
        pub(super) enum InParent {
            A { a: u8 },
        }
        #[derive(Events)]
        pub(in super::super) enum InGrandparent {
            A { a: u8 },
        }
        #[derive(Events)]
        pub(self) enum Here {
            A { a: u8 },
        }
        #[derive(Events)]
        enum Private {
            A(u8),
        }
        pub fn here() -> u8 {
            here::A { a: 1 }.a + private::A(1).0
        }
    }
    pub fn parent() -> u8 {
        deep::in_path::A(1).0 + deep::in_parent::A { a: 1 }.a
    }
}

#[test]
fn structs_are_visible_where_the_enum_is() {
    use seen_from_outside::{deep, parent};
    let grandparent =
        deep::everywhere::A(1).0 + deep::in_crate::A(1).0 + deep::in_grandparent::A { a: 1 }.a;
    assert_eq!(deep::here() + parent() + grandparent, 7);
}

#[test]
fn an_enum_can_stand_in_a_function_if_its_payloads_do_not() {
    #[derive(Debug, PartialEq, Events)]
    enum Local {
        Ping { n: u32 },
        Texts(Vec<String>),
    }
    assert_eq!(Local::from(local::Ping { n: 1 }), Local::Ping { n: 1 });
    round_trip(Local::Texts(vec!["a".into()]), "texts", r#"["a"]"#);
}

#[test]
fn many_events_are_as_few() {
    macro_rules! many {
        ($($name:ident)*) => {
            #[derive(Debug, PartialEq, Events)]
            enum Many { $($name(u8)),* }
        };
    }
    many! {
        A0 A1 A2 A3 A4 A5 A6 A7 A8 A9 B0 B1 B2 B3 B4 B5 B6 B7 B8 B9 C0 C1 C2 C3 C4 C5 C6 C7 C8 C9
        D0 D1 D2 D3 D4 D5 D6 D7 D8 D9 E0 E1 E2 E3 E4 E5 E6 E7 E8 E9 F0 F1 F2 F3 F4 F5 F6 F7 F8 F9
        G0 G1 G2 G3 G4 G5 G6 G7 G8 G9
    }
    assert_eq!(Many::NAMES.len(), 70);
    round_trip(Many::G9(1), "g9", "1");
    assert_eq!(many::G9::INDEX, 69);
}

#[test]
fn a_protocol_is_what_its_attribute_says() {
    #[derive(Debug, Events)]
    enum Asked {}
    #[derive(Debug, Events)]
    enum Told {}
    #[derive(Protocol)]
    #[protocol(client = Asked, server = Told, room = (u64, String))]
    struct Both;
    #[derive(Protocol)]
    #[protocol(server = Told)]
    enum Listening {}
    #[derive(Protocol)]
    #[protocol(client = Asked)]
    struct Asking<T: Send + Sync + 'static>(T);

    fn same<A: 'static, B: 'static>() -> bool {
        TypeId::of::<A>() == TypeId::of::<B>()
    }
    assert!(same::<<Both as Protocol>::Client, Asked>());
    assert!(same::<<Both as Protocol>::Server, Told>());
    assert!(same::<<Both as Protocol>::Room, (u64, String)>());
    assert!(same::<<Listening as Protocol>::Client, NoEvents>());
    assert!(same::<<Listening as Protocol>::Room, NoRoom>());
    assert!(same::<<Asking<u8> as Protocol>::Server, NoEvents>());
    let _ = (Both, Asking(1).0);
}
