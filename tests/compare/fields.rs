//! Pairs of types of which serde itself says whether one reads what the other writes.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use serde_json::{Value, json};
use socketkit::{Breaks, Events, Protocol, contract};
use std::{collections::HashMap, fmt::Debug};

/// The type of one version.
macro_rules! data {
    ($(#[$meta:meta])* $kind:ident ($($of:tt)*)) => {
        #[derive(Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
        $(#[$meta])*
        pub(super) $kind Data($($of)*);
    };
    ($(#[$meta:meta])* $kind:ident { $($of:tt)* }) => {
        #[derive(Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
        $(#[$meta])*
        pub(super) $kind Data { $($of)* }
    };
}

/// Two versions of `Data`, with a value of each, and what is said of the change.
macro_rules! changes {
    ($($name:ident {
        $(#[$before:meta])* $one:ident Data $old:tt = $old_value:tt;
        $(#[$after:meta])* $other:ident Data $new:tt = $new_value:tt;
    } => [$(($path:literal, $what:literal, $breaks:ident)),* $(,)?])+) => { $(
        mod $name {
            #[allow(unused_imports)]
            use super::*;

            mod old {
                #[allow(unused_imports)]
                use super::*;
                data! { $(#[$before])* $one $old }
                #[derive(Debug, Events)]
                pub(super) enum Event { Told(Data) }
                #[derive(Debug, Protocol)]
                #[protocol(client = Event, server = Event)]
                pub(super) struct Version;
            }

            mod new {
                #[allow(unused_imports)]
                use super::*;
                data! { $(#[$after])* $other $new }
                #[derive(Debug, Events)]
                pub(super) enum Event { Told(Data) }
                #[derive(Debug, Protocol)]
                #[protocol(client = Event, server = Event)]
                pub(super) struct Version;
            }

            #[test]
            fn is_told_as_serde_does_it() {
                let told = contract::<old::Version>().compare(&contract::<new::Version>());
                let told: Vec<_> = told.iter().filter(|change| change.from == socketkit::Side::OfClient)
                    .map(|change| (change.path.as_str(), change.what.as_str(), change.breaks)).collect();
                assert_eq!(told, [$(($path, $what, Breaks::$breaks)),*]);
                let breaks = |who| told.iter().any(|(_, _, whom)| [who, Breaks::Both].contains(whom));
                let (old, new) = (json!($old_value), json!($new_value));
                let read = carried::<old::Data, new::Data>(old);
                assert_eq!(read.is_err(), breaks(Breaks::OldClients), "{read:?}");
                let read = carried::<new::Data, old::Data>(new);
                assert_eq!(read.is_err(), breaks(Breaks::OldServers), "{read:?}");
            }
        }
    )+ };
}

/// A value that one type writes, as another reads it.
fn carried<From: Serialize + DeserializeOwned + Debug, To: DeserializeOwned + Debug>(
    value: Value,
) -> Result<To, String> {
    let value: From = serde_json::from_value(value).expect("a value of its own type");
    let text = serde_json::to_string(&value).unwrap();
    serde_json::from_str(&text).map_err(|error| error.to_string())
}

#[derive(Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
struct Place {
    x: u8,
}

changes! {
    a_required_field_is_added {
        struct Data { a: u8 } = { "a": 1 };
        struct Data { a: u8, b: u8 } = { "a": 1, "b": 2 };
    } => [("data.b", "is a new field, required", OldClients)]

    an_optional_field_is_added {
        struct Data { a: u8 } = { "a": 1 };
        struct Data { a: u8, b: Option<u8> } = { "a": 1, "b": 2 };
    } => [("data.b", "is a new field, optional", Nobody)]

    a_field_with_a_default_is_added {
        struct Data { a: u8 } = { "a": 1 };
        struct Data { a: u8, #[serde(default)] b: u8 } = { "a": 1, "b": 2 };
    } => [("data.b", "is a new field, optional", Nobody)]

    an_optional_field_is_added_to_what_refuses_others {
        #[serde(deny_unknown_fields)]
        struct Data { a: u8 } = { "a": 1 };
        #[serde(deny_unknown_fields)]
        struct Data { a: u8, b: Option<u8> } = { "a": 1, "b": 2 };
    } => [("data.b", "is a new field, optional, which the old version refuses", OldServers)]

    a_required_field_is_gone {
        struct Data { a: u8, b: u8 } = { "a": 1, "b": 2 };
        struct Data { a: u8 } = { "a": 1 };
    } => [("data.b", "is gone, which was required", OldServers)]

    an_optional_field_is_gone {
        struct Data { a: u8, b: Option<u8> } = { "a": 1, "b": 2 };
        struct Data { a: u8 } = { "a": 1 };
    } => [("data.b", "is gone, which was optional", Nobody)]

    a_field_is_gone_and_others_are_refused {
        struct Data { a: u8, b: Option<u8> } = { "a": 1, "b": 2 };
        #[serde(deny_unknown_fields)]
        struct Data { a: u8 } = { "a": 1 };
    } => [
        ("data.b", "is gone, which was optional, and refused", OldClients),
        ("data", "refuses unknown fields now", Nobody),
    ]

    a_field_becomes_required {
        struct Data { #[serde(default, skip_serializing_if = "is_zero")] a: u8 } = {};
        struct Data { a: u8 } = { "a": 0 };
    } => [("data.a", "is required now", OldClients)]

    a_field_becomes_optional {
        struct Data { a: u8 } = { "a": 0 };
        struct Data { #[serde(default, skip_serializing_if = "is_zero")] a: u8 } = {};
    } => [("data.a", "is optional now", OldServers)]

    a_field_is_renamed {
        struct Data { a: u8 } = { "a": 1 };
        struct Data { #[serde(rename = "b-c")] a: u8 } = { "b-c": 1 };
    } => [
        ("data.a", "is gone, which was required", OldServers),
        ("data[\"b-c\"]", "is a new field, required", OldClients),
    ]

    an_integer_becomes_wider {
        struct Data { a: Vec<u8> } = { "a": [1] };
        struct Data { a: Vec<u32> } = { "a": [256] };
    } => [("data.a[]", "was integer (uint8), is integer (uint32)", OldServers)]

    an_integer_becomes_narrower {
        struct Data { a: i64 } = { "a": -1 };
        struct Data { a: u64 } = { "a": u64::MAX };
    } => [("data.a", "was integer (int64), is integer (uint64)", Both)]

    an_integer_becomes_a_number {
        struct Data { a: u8 } = { "a": 1 };
        struct Data { a: f64 } = { "a": 1.5 };
    } => [("data.a", "was integer (uint8), is number (double)", OldServers)]

    a_number_becomes_another {
        struct Data { a: f32 } = { "a": 1.5 };
        struct Data { a: f64 } = { "a": 1.5 };
    } => [("data.a", "was number (float), is number (double)", Nobody)]

    a_number_becomes_text {
        struct Data { a: u8 } = { "a": 1 };
        struct Data { a: String } = { "a": "1" };
    } => [("data.a", "was integer (uint8), is string", Both)]

    a_character_becomes_text {
        struct Data { a: char } = { "a": "x" };
        struct Data { a: String } = { "a": "xy" };
    } => [("data.a", "was string (1 characters), is string", OldServers)]

    a_value_may_be_null {
        struct Data(u8) = 1;
        struct Data(Option<u8>) = null;
    } => [("data", "may be null now", OldServers)]

    a_value_may_be_null_no_more {
        struct Data(Option<u8>) = null;
        struct Data(u8) = 1;
    } => [("data", "is not null any more", OldClients)]

    a_variant_is_added {
        enum Data { A, B } = "A";
        enum Data { A, B, C } = "C";
    } => [("data", "may be \"C\" now", OldServers)]

    a_variant_is_gone {
        enum Data { A, B, C } = "C";
        enum Data { A, B } = "A";
    } => [("data", "is not \"C\" any more", OldClients)]

    a_variant_becomes_another {
        enum Data { A, B } = "A";
        enum Data { C, B } = "C";
    } => [("data", "is not \"A\" any more", OldClients), ("data", "may be \"C\" now", OldServers)]

    variants_become_text {
        enum Data { A, B } = "A";
        struct Data(String) = "C";
    } => [("data", "was \"A\" or \"B\", is string", OldServers)]

    a_variant_has_another_field {
        enum Data { A { x: u8 }, B(u8) } = { "A": { "x": 1 } };
        enum Data { A { x: u8, y: u8 }, B(u8) } = { "A": { "x": 1, "y": 1 } };
    } => [("data.A.y", "is a new field, required", OldClients)]

    a_variant_with_data_is_added {
        enum Data { A { x: u8 } } = { "A": { "x": 1 } };
        enum Data { A { x: u8 }, B(u8) } = { "B": 1 };
    } => [("data", "may be { \"B\": .. } now", OldServers)]

    a_variant_with_data_becomes_another {
        enum Data { A { x: u8 }, B(u8) } = { "B": 1 };
        enum Data { A { x: u8 }, C(u8) } = { "C": 1 };
    } => [
        ("data", "is not { \"B\": .. } any more", OldClients),
        ("data", "may be { \"C\": .. } now", OldServers),
    ]

    a_variant_with_a_tag_has_another_field {
        #[serde(tag = "type")]
        enum Data { A { x: u8 }, B(Place), C } = { "type": "B", "x": 1 };
        #[serde(tag = "type")]
        enum Data { A { x: u8 }, B(Place), C } = { "type": "C" };
    } => []

    a_variant_with_a_tag_is_another {
        #[serde(tag = "type")]
        enum Data { A { x: u8 }, B(Place), C } = { "type": "B", "x": 1 };
        #[serde(tag = "type")]
        enum Data { A { x: Option<u8> }, B { x: String }, D } = { "type": "D" };
    } => [
        ("data", "is not { \"type\": \"C\", .. } any more", OldClients),
        ("data", "may be { \"type\": \"D\", .. } now", OldServers),
        ("data.x", "is optional now", OldServers),
        ("data.x", "may be null now", OldServers),
        ("data.x", "was integer (uint8), is string", Both),
    ]

    a_tag_is_another {
        #[serde(tag = "type")]
        enum Data { A { x: u8 } } = { "type": "A", "x": 1 };
        #[serde(tag = "kind")]
        enum Data { A { x: u8 } } = { "kind": "A", "x": 1 };
    } => [("data", "was { \"type\": \"A\", .. }, is { \"kind\": \"A\", .. }", Both)]

    content_beside_a_tag_is_another {
        #[serde(tag = "t", content = "c")]
        enum Data { A(u8), B } = { "t": "A", "c": 1 };
        #[serde(tag = "t", content = "c")]
        enum Data { A(bool), B } = { "t": "A", "c": true };
    } => [("data.c", "was integer (uint8), is boolean", Both)]

    a_variant_without_a_tag_is_added {
        #[serde(untagged)]
        enum Data { A(u8), B { x: u8 }, C { y: u8 } } = { "y": 1 };
        #[serde(untagged)]
        enum Data { A(u8), B { x: u8 }, C { y: u8 }, D(String) } = "text";
    } => [("data", "may be string now", OldServers)]

    a_variant_without_a_tag_is_another {
        #[serde(untagged)]
        enum Data { B { x: u8 }, C { y: u8 } } = { "y": 1 };
        #[serde(untagged)]
        enum Data { B { x: u8 }, C { z: u8 } } = { "z": 1 };
    } => [
        ("data.y", "is gone, which was required", OldServers),
        ("data.z", "is a new field, required", OldClients),
    ]

    a_variant_without_a_tag_stays_and_holds_anything {
        #[serde(untagged)]
        enum Data { B { x: Value }, C { y: u8 } } = { "x": 1 };
        #[serde(untagged)]
        enum Data { B { x: Value }, C { y: u8, z: Option<u8> } } = { "x": [] };
    } => [
        ("data.x", "has no schema: a change of it is not seen", Unknown),
        ("data.z", "is a new field, optional", Nobody),
    ]

    a_tuple_is_longer {
        struct Data(u8, bool) = [1, true];
        struct Data(u8, bool, u8) = [1, true, 1];
    } => [("data", "had 2 items, has 3", Both)]

    a_tuple_holds_another {
        struct Data(u8, u8) = [1, 1];
        struct Data(u8, bool) = [1, true];
    } => [("data[1]", "was integer (uint8), is boolean", Both)]

    an_array_becomes_a_list {
        struct Data([u8; 2]) = [1, 1];
        struct Data(Vec<u8>) = [1];
    } => [("data", "had 2 items, has any number of", OldServers)]

    a_map_holds_another {
        struct Data { a: HashMap<String, u8> } = { "a": { "b": 1 } };
        struct Data { a: HashMap<String, u16> } = { "a": { "b": 256 } };
    } => [("data.a.*", "was integer (uint8), is integer (uint16)", OldServers)]

    a_map_becomes_a_struct {
        struct Data { a: HashMap<String, u8> } = { "a": {} };
        struct Data { a: Place } = { "a": { "x": 1 } };
    } => [
        ("data.a.x", "is a new field, required", OldClients),
        ("data.a", "has no other fields now", Nobody),
    ]

    a_type_within_is_flattened {
        struct Data { a: u8, x: u8 } = { "a": 1, "x": 1 };
        struct Data { a: u8, #[serde(flatten)] place: Place } = { "a": 1, "x": 1 };
    } => []

    an_integer_travels_as_text {
        struct Data { a: u64 } = { "a": 1 };
        struct Data { #[serde(with = "socketkit::as_string")] #[schemars(with = "String")] a: u64 } = { "a": "1" };
    } => [("data.a", "was integer (uint64), is string", Both)]
}

fn is_zero(number: &u8) -> bool {
    *number == 0
}
