//! One type of each form that serde knows.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::{
    borrow::Cow,
    collections::{BTreeMap, BTreeSet, HashMap},
};

/// A post.
///
/// With *many* fields; and a comment that would end: */
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
pub(crate) struct Post {
    /// Its number.
    pub(crate) id: u64,
    pub(crate) author: String,
    #[serde(default)]
    pub(crate) tags: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) parent: Option<u64>,
    pub(crate) edited: Option<String>,
    #[serde(rename = "in-reply-to")]
    pub(crate) reply: Option<Box<Post>>,
}
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
pub(crate) struct Id(pub(crate) u64);
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
pub(crate) struct Pair(pub(crate) u8, pub(crate) String);
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
pub(crate) struct Page<T> {
    pub(crate) items: Vec<T>,
    pub(crate) next: Option<u32>,
}
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) enum External {
    UnitOne,
    NewType(u8),
    TwoOf(u8, String),
    WithFields { a_b: bool },
}
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "type")]
pub(crate) enum Internal {
    Nothing,
    Text { body: String },
    Inner(Place),
}
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "t", content = "c")]
pub(crate) enum Adjacent {
    Nothing,
    Number(f64),
    Both(u8, u8),
    Named { x: i32 },
}
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(untagged)]
pub(crate) enum Untagged {
    Number(f64),
    Text(String),
    Place(Place),
    Nothing,
}
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
pub(crate) struct Place {
    pub(crate) x: f32,
    pub(crate) y: f32,
}
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
pub(crate) struct Flat {
    pub(crate) name: String,
    #[serde(flatten)]
    pub(crate) place: Place,
    #[serde(flatten)]
    pub(crate) rest: BTreeMap<String, serde_json::Value>,
}
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Strict {
    pub(crate) only: u8,
}
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
pub(crate) struct Many {
    pub(crate) map: HashMap<String, u32>,
    pub(crate) by_number: BTreeMap<u32, String>,
    pub(crate) set: BTreeSet<u8>,
    pub(crate) three: [u8; 3],
    pub(crate) tuple: (u8, String, Option<bool>),
    pub(crate) nested: Option<Option<u8>>,
    pub(crate) unit: (),
    pub(crate) letter: char,
    pub(crate) text: Cow<'static, str>,
    pub(crate) large: u128,
    pub(crate) small: i8,
    pub(crate) any: serde_json::Value,
    pub(crate) pages: Page<Page<Id>>,
}
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
pub(crate) enum Tree {
    Leaf(u8),
    Node(Vec<Tree>),
}
