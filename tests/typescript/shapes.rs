//! Types of each form that serde knows.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

macro_rules! types {
    ($($(#[$attr:meta])* $kind:ident $name:ident $(<$parameter:ident>)? { $($body:tt)* })*) => { $(
        #[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
        $(#[$attr])*
        #[allow(dead_code)]
        pub(crate) $kind $name $(<$parameter>)? { $($body)* }
    )* };
}

types! {
    /// A post.
    ///
    /// With *many* fields; and a comment that would end: */
    struct Post {
        /// Its number.
        pub(crate) id: u64,
        pub(crate) author: String,
        #[serde(default)]
        pub(crate) tags: Vec<String>,
        #[serde(rename = "in-reply-to")]
        pub(crate) reply: Option<Box<Post>>,
    }
    struct Page<T> { pub(crate) items: Vec<T>, pub(crate) next: Option<u32> }
    struct Tree { pub(crate) of: u8, pub(crate) trees: Vec<Tree> }
    #[serde(rename_all = "camelCase")]
    struct Renamed { pub(crate) first_name: u8, #[serde(rename = "last")] pub(crate) last_name: u8 }
    struct WithDefault { #[serde(default)] pub(crate) count: u8 }
    struct Skipping {
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        pub(crate) tags: Vec<u8>,
        #[serde(skip_serializing_if = "Option::is_none")]
        pub(crate) parent: Option<u8>,
        #[serde(skip)]
        pub(crate) here: u8,
    }
    struct Strings {
        #[serde(with = "socketkit::as_string")]
        #[schemars(with = "String")]
        pub(crate) id: u64,
        #[serde(with = "socketkit::as_string", default)]
        #[schemars(with = "Option<String>")]
        pub(crate) parent: Option<u64>,
        #[serde(with = "socketkit::as_string")]
        #[schemars(with = "Vec<String>")]
        pub(crate) readers: Vec<i128>,
    }
    #[serde(deny_unknown_fields)]
    struct Strict { pub(crate) only: u8 }
    struct Place { pub(crate) x: f32, pub(crate) y: f32 }
    struct Flat {
        pub(crate) name: String,
        #[serde(flatten)]
        pub(crate) place: Place,
        #[serde(flatten)]
        pub(crate) rest: BTreeMap<String, serde_json::Value>,
    }
    struct FlatMaybe { pub(crate) id: u8, #[serde(flatten)] pub(crate) of: Option<External> }
    #[derive(PartialEq, Eq, PartialOrd, Ord)]
    #[serde(rename_all = "kebab-case")]
    enum Color { Red, DarkRed }
    #[serde(rename_all = "camelCase")]
    enum External { UnitOne, NewType(u8), TwoOf(u8, String), WithFields { a_b: bool } }
    #[serde(tag = "type")]
    enum Internal { Nothing, Text { body: String }, Inner(Place) }
    #[serde(tag = "t", content = "c")]
    enum Adjacent { Nothing, Number(f64), Both(u8, u8), Named { x: i32 } }
    #[serde(untagged)]
    enum Untagged { Number(f64), Text(String), Place(Place), Nothing }
}

#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
pub(crate) struct Id(pub(crate) u64);

#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[schemars(extend("x-brand" = true))]
pub(crate) struct PostId(pub(crate) u64);

#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(transparent)]
#[schemars(extend("x-brand" = true))]
pub(crate) struct UserId(
    #[serde(with = "socketkit::as_string")]
    #[schemars(with = "String")]
    pub(crate) u64,
);

#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
pub(crate) struct Pair(pub(crate) u8, pub(crate) String);

#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
pub(crate) struct Nothing;

pub(crate) fn place() -> Place {
    Place { x: 0.5, y: -1.0 }
}
