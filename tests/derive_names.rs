//! Names in the derives' output: payloads called like events, visibility, functions, many events.
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
use socketkit::{Event, Events, NoEvents, NoRoom, Protocol};
use std::any::TypeId;
use tests::chat::round_trip;

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
