//! One row for each form of a type: what it is in Rust, what serde writes of it, and what its schema and its
//! type in TypeScript are.

use super::shapes::*;
use chrono::{DateTime, NaiveDate, Utc};
use serde_json::{Value, json};
use socketkit::{Events, Protocol};
use std::{
    borrow::Cow,
    collections::{BTreeMap, BTreeSet, HashMap},
};
use uuid::Uuid;

/// One form of a type.
pub(crate) struct Row {
    /// Values, with what serde writes of each.
    pub(crate) values: Vec<(Event, &'static str)>,
    /// That of the type, or of the one that it refers to.
    pub(crate) schema: Value,
    pub(crate) typescript: &'static str,
}

macro_rules! table {
    ($($name:ident($type:ty) { $($value:expr => $json:literal),+ $(,)? } $schema:tt $typescript:literal)+) => {
        #[derive(Debug, Events)]
        pub(crate) enum Event { $($name($type)),+ }

        pub(crate) fn rows() -> Vec<Row> {
            vec![$(Row {
                values: vec![$((Event::$name($value), $json)),+],
                schema: json!($schema),
                typescript: $typescript,
            }),+]
        }
    };
}

/// What goes to a page.
#[derive(Debug, Protocol)]
#[protocol(server = Event)]
pub(crate) struct Table;

table! {
    Flag(bool) { true => "true" }
    { "type": "boolean" }
    "boolean"

    Small(i8) { -5 => "-5" }
    { "format": "int8", "maximum": 127, "minimum": -128, "type": "integer" }
    "number"

    Large(u64) { 7 => "7", u64::MAX => "18446744073709551615" }
    { "format": "uint64", "minimum": 0, "type": "integer" }
    "number"

    Huge(u128) { 5 => "5" }
    { "format": "uint128", "minimum": 0, "type": "integer" }
    "number"

    Float(f32) { 0.5 => "0.5", 3.0 => "3.0" }
    { "format": "float", "type": "number" }
    "number"

    Letter(char) { 'a' => r#""a""#, '🦀' => r#""🦀""# }
    { "maxLength": 1, "minLength": 1, "type": "string" }
    "string"

    Text(Cow<'static, str>) { "a\"b".into() => r#""a\"b""# }
    { "type": "string" }
    "string"

    Unit(()) { () => "null" }
    { "type": "null" }
    "null"

    Anything(Value) { json!({ "a": [null, 1] }) => r#"{"a":[null,1]}"# }
    true
    "unknown"

    Maybe(Option<String>) { None => "null", Some("a".into()) => r#""a""# }
    { "type": ["string", "null"] }
    "string | null"

    Twice(Option<Option<u8>>) { Some(None) => "null", Some(Some(1)) => "1" }
    { "format": "uint8", "maximum": 255, "minimum": 0, "type": ["integer", "null"] }
    "number | null"

    List(Vec<Id>) { vec![Id(1), Id(2)] => "[1,2]" }
    { "items": { "$ref": "#/write/Id" }, "type": "array" }
    "Id[]"

    Set(BTreeSet<u8>) { [1, 2].into() => "[1,2]" }
    {
        "items": { "format": "uint8", "maximum": 255, "minimum": 0, "type": "integer" },
        "type": "array",
        "uniqueItems": true,
    }
    "number[]"

    Three([u8; 3]) { [1, 2, 3] => "[1,2,3]" }
    {
        "items": { "format": "uint8", "maximum": 255, "minimum": 0, "type": "integer" },
        "maxItems": 3,
        "minItems": 3,
        "type": "array",
    }
    "[number, number, number]"

    Many([u8; 17]) { [0; 17] => "[0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0]" }
    {
        "items": { "format": "uint8", "maximum": 255, "minimum": 0, "type": "integer" },
        "maxItems": 17,
        "minItems": 17,
        "type": "array",
    }
    "number[]"

    Tuple((u8, String, Option<bool>)) { (1, "a".into(), None) => r#"[1,"a",null]"# }
    {
        "maxItems": 3,
        "minItems": 3,
        "prefixItems": [
            { "format": "uint8", "maximum": 255, "minimum": 0, "type": "integer" },
            { "type": "string" },
            { "type": ["boolean", "null"] },
        ],
        "type": "array",
    }
    "[number, string, boolean | null]"

    Map(HashMap<String, u32>) { [("a".into(), 1)].into() => r#"{"a":1}"# }
    {
        "additionalProperties": { "format": "uint32", "minimum": 0, "type": "integer" },
        "type": "object",
    }
    "{ [name: string]: number }"

    ByNumber(BTreeMap<i32, String>) { [(-1, "a".into())].into() => r#"{"-1":"a"}"# }
    {
        "additionalProperties": false,
        "patternProperties": { "^-?\\d+$": { "type": "string" } },
        "type": "object",
    }
    "{ [name: string]: string }"

    ByVariant(BTreeMap<Color, u8>) { [(Color::DarkRed, 1)].into() => r#"{"dark-red":1}"# }
    {
        "additionalProperties": false,
        "properties": {
            "dark-red": { "format": "uint8", "maximum": 255, "minimum": 0, "type": "integer" },
            "red": { "format": "uint8", "maximum": 255, "minimum": 0, "type": "integer" },
        },
        "type": "object",
    }
    r#"{ "dark-red"?: number; red?: number; }"#

    Moment(DateTime<Utc>) { DateTime::UNIX_EPOCH => r#""1970-01-01T00:00:00Z""# }
    { "format": "date-time", "type": "string" }
    "string"

    Day(NaiveDate) { NaiveDate::from_ymd_opt(2026, 2, 28).unwrap() => r#""2026-02-28""# }
    { "format": "date", "type": "string" }
    "string"

    Number(Uuid) { Uuid::nil() => r#""00000000-0000-0000-0000-000000000000""# }
    { "format": "uuid", "type": "string" }
    "string"

    Newtype(Id) { Id(1) => "1" }
    { "format": "uint64", "minimum": 0, "type": "integer" }
    "number"

    Branded(PostId) { PostId(1) => "1" }
    { "format": "uint64", "minimum": 0, "type": "integer", "x-brand": true }
    r#"number & { readonly [brand]: "PostId" }"#

    BrandedText(UserId) { UserId(u64::MAX) => r#""18446744073709551615""# }
    { "type": "string", "x-brand": true }
    r#"string & { readonly [brand]: "UserId" }"#

    Pair(Pair) { Pair(1, "a".into()) => r#"[1,"a"]"# }
    {
        "maxItems": 2,
        "minItems": 2,
        "prefixItems": [
            { "format": "uint8", "maximum": 255, "minimum": 0, "type": "integer" },
            { "type": "string" },
        ],
        "type": "array",
    }
    "[number, string]"

    Nothing(Nothing) { Nothing => "null" }
    { "type": "null" }
    "null"

    Generic(Page<Page<u8>>) {
        Page { items: vec![Page { items: vec![1], next: None }], next: Some(2) } => r#"{"items":[{"items":[1],"next":null}],"next":2}"#,
    }
    {
        "properties": {
            "items": { "items": { "$ref": "#/write/Page2" }, "type": "array" },
            "next": { "format": "uint32", "minimum": 0, "type": ["integer", "null"] },
        },
        "required": ["items", "next"],
        "type": "object",
    }
    "{ items: Page2[]; next: number | null; }"

    Recursive(Tree) {
        Tree { of: 1, trees: vec![Tree { of: 2, trees: vec![] }] } => r#"{"of":1,"trees":[{"of":2,"trees":[]}]}"#,
    }
    {
        "properties": {
            "of": { "format": "uint8", "maximum": 255, "minimum": 0, "type": "integer" },
            "trees": { "items": { "$ref": "#/write/Tree" }, "type": "array" },
        },
        "required": ["of", "trees"],
        "type": "object",
    }
    "{ of: number; trees: Tree[]; }"

    Renamed(Renamed) { Renamed { first_name: 1, last_name: 2 } => r#"{"firstName":1,"last":2}"# }
    {
        "properties": {
            "firstName": { "format": "uint8", "maximum": 255, "minimum": 0, "type": "integer" },
            "last": { "format": "uint8", "maximum": 255, "minimum": 0, "type": "integer" },
        },
        "required": ["firstName", "last"],
        "type": "object",
    }
    "{ firstName: number; last: number; }"

    WithDefault(WithDefault) { WithDefault { count: 1 } => r#"{"count":1}"# }
    {
        "properties": {
            "count": { "default": 0, "format": "uint8", "maximum": 255, "minimum": 0, "type": "integer" },
        },
        "required": ["count"],
        "type": "object",
    }
    "{ count: number; }"

    Skipping(Skipping) {
        Skipping { tags: vec![], parent: None, here: 1 } => "{}",
        Skipping { tags: vec![1], parent: Some(2), here: 1 } => r#"{"tags":[1],"parent":2}"#,
    }
    {
        "properties": {
            "parent": { "format": "uint8", "maximum": 255, "minimum": 0, "type": ["integer", "null"] },
            "tags": { "items": { "format": "uint8", "maximum": 255, "minimum": 0, "type": "integer" }, "type": "array" },
        },
        "type": "object",
    }
    "{ parent?: number | null; tags?: number[]; }"

    Strings(Strings) {
        Strings { id: u64::MAX, parent: None, readers: vec![-1] } => r#"{"id":"18446744073709551615","parent":null,"readers":["-1"]}"#,
    }
    {
        "properties": {
            "id": { "type": "string" },
            "parent": { "default": null, "type": ["string", "null"] },
            "readers": { "items": { "type": "string" }, "type": "array" },
        },
        "required": ["id", "parent", "readers"],
        "type": "object",
    }
    "{ id: string; parent: string | null; readers: string[]; }"

    Strict(Strict) { Strict { only: 1 } => r#"{"only":1}"# }
    {
        "additionalProperties": false,
        "properties": {
            "only": { "format": "uint8", "maximum": 255, "minimum": 0, "type": "integer" },
        },
        "required": ["only"],
        "type": "object",
    }
    "{ only: number; }"

    Flat(Flat) {
        Flat { name: "a".into(), place: place(), rest: [("b".into(), json!([1]))].into() } => r#"{"name":"a","x":0.5,"y":-1.0,"b":[1]}"#,
    }
    {
        "additionalProperties": true,
        "properties": {
            "name": { "type": "string" },
            "x": { "format": "float", "type": "number" },
            "y": { "format": "float", "type": "number" },
        },
        "required": ["name", "x", "y"],
        "type": "object",
    }
    "{ name: string; x: number; y: number; } & { [name: string]: unknown }"

    FlatMaybe(FlatMaybe) {
        FlatMaybe { id: 1, of: None } => r#"{"id":1}"#,
        FlatMaybe { id: 1, of: Some(External::NewType(1)) } => r#"{"id":1,"newType":1}"#,
        FlatMaybe { id: 1, of: Some(External::UnitOne) } => r#"{"id":1,"unitOne":null}"#,
    }
    {
        "anyOf": [
            { "oneOf": [{ "properties": { "newType": { "format": "uint8", "maximum": 255, "minimum": 0, "type": "integer" } }, "required": ["newType"], "type": "object" }, { "properties": { "twoOf": { "maxItems": 2, "minItems": 2, "prefixItems": [{ "format": "uint8", "maximum": 255, "minimum": 0, "type": "integer" }, { "type": "string" }], "type": "array" } }, "required": ["twoOf"], "type": "object" }, { "properties": { "withFields": { "properties": { "a_b": { "type": "boolean" } }, "required": ["a_b"], "type": "object" } }, "required": ["withFields"], "type": "object" }, { "properties": { "unitOne": { "type": "null" } }, "required": ["unitOne"], "type": "object" }] },
            {},
        ],
        "properties": { "id": { "format": "uint8", "maximum": 255, "minimum": 0, "type": "integer" } },
        "required": ["id"],
        "type": "object",
    }
    "{ id: number; } & ({ newType: number; } | { twoOf: [number, string]; } | { withFields: { a_b: boolean; }; } | { unitOne: null; } | { newType?: never; twoOf?: never; unitOne?: never; withFields?: never })"

    Names(Color) { Color::Red => r#""red""#, Color::DarkRed => r#""dark-red""# }
    { "enum": ["red", "dark-red"], "type": "string" }
    r#""red" | "dark-red""#

    External(External) {
        External::UnitOne => r#""unitOne""#,
        External::NewType(1) => r#"{"newType":1}"#,
        External::TwoOf(1, "a".into()) => r#"{"twoOf":[1,"a"]}"#,
        External::WithFields { a_b: true } => r#"{"withFields":{"a_b":true}}"#,
    }
    {
        "oneOf": [
            { "enum": ["unitOne"], "type": "string" },
            { "additionalProperties": false, "properties": { "newType": { "format": "uint8", "maximum": 255, "minimum": 0, "type": "integer" } }, "required": ["newType"], "type": "object" },
            { "additionalProperties": false, "properties": { "twoOf": { "maxItems": 2, "minItems": 2, "prefixItems": [{ "format": "uint8", "maximum": 255, "minimum": 0, "type": "integer" }, { "type": "string" }], "type": "array" } }, "required": ["twoOf"], "type": "object" },
            { "additionalProperties": false, "properties": { "withFields": { "properties": { "a_b": { "type": "boolean" } }, "required": ["a_b"], "type": "object" } }, "required": ["withFields"], "type": "object" },
        ],
    }
    r#""unitOne" | { newType: number; } | { twoOf: [number, string]; } | { withFields: { a_b: boolean; }; }"#

    Internal(Internal) {
        Internal::Nothing => r#"{"type":"Nothing"}"#,
        Internal::Text { body: "a".into() } => r#"{"type":"Text","body":"a"}"#,
        Internal::Inner(place()) => r#"{"type":"Inner","x":0.5,"y":-1.0}"#,
    }
    {
        "oneOf": [
            { "properties": { "type": { "const": "Nothing", "type": "string" } }, "required": ["type"], "type": "object" },
            { "properties": { "body": { "type": "string" }, "type": { "const": "Text", "type": "string" } }, "required": ["type", "body"], "type": "object" },
            { "$ref": "#/write/Place", "properties": { "type": { "const": "Inner", "type": "string" } }, "required": ["type"], "type": "object" },
        ],
    }
    r#"{ type: "Nothing"; } | { body: string; type: "Text"; } | Place & { type: "Inner"; }"#

    Adjacent(Adjacent) {
        Adjacent::Nothing => r#"{"t":"Nothing"}"#,
        Adjacent::Number(0.5) => r#"{"t":"Number","c":0.5}"#,
        Adjacent::Both(1, 2) => r#"{"t":"Both","c":[1,2]}"#,
        Adjacent::Named { x: 1 } => r#"{"t":"Named","c":{"x":1}}"#,
    }
    {
        "oneOf": [
            { "properties": { "t": { "const": "Nothing", "type": "string" } }, "required": ["t"], "type": "object" },
            { "properties": { "c": { "format": "double", "type": "number" }, "t": { "const": "Number", "type": "string" } }, "required": ["t", "c"], "type": "object" },
            { "properties": { "c": { "maxItems": 2, "minItems": 2, "prefixItems": [{ "format": "uint8", "maximum": 255, "minimum": 0, "type": "integer" }, { "format": "uint8", "maximum": 255, "minimum": 0, "type": "integer" }], "type": "array" }, "t": { "const": "Both", "type": "string" } }, "required": ["t", "c"], "type": "object" },
            { "properties": { "c": { "properties": { "x": { "format": "int32", "type": "integer" } }, "required": ["x"], "type": "object" }, "t": { "const": "Named", "type": "string" } }, "required": ["t", "c"], "type": "object" },
        ],
    }
    r#"{ t: "Nothing"; } | { c: number; t: "Number"; } | { c: [number, number]; t: "Both"; } | { c: { x: number; }; t: "Named"; }"#

    Untagged(Untagged) {
        Untagged::Number(0.5) => "0.5",
        Untagged::Text("a".into()) => r#""a""#,
        Untagged::Place(place()) => r#"{"x":0.5,"y":-1.0}"#,
        Untagged::Nothing => "null",
    }
    {
        "anyOf": [
            { "format": "double", "type": "number" },
            { "type": "string" },
            { "$ref": "#/write/Place" },
            { "type": "null" },
        ],
    }
    "number | string | Place | null"
}
