//! What changed from one contract to another, and whom that breaks: held against what serde does.

#[path = "compare/fields.rs"]
mod fields;
#[path = "compare/random.rs"]
mod random;

use serde_json::{Value, json};
use socketkit::{Breaks, Contract};

/// A contract with one event of a client, or of a server.
fn contract(from: &str, event: Value, types: Value) -> Contract {
    let mut event = event;
    event["fingerprint"] = json!("");
    let mut contract =
        json!({ "hash": "", "client": {}, "server": {}, "read": types, "write": types });
    contract[from]["told"] = event;
    serde_json::from_value(contract).unwrap()
}

/// What is said of two versions of one event of clients.
fn said(old: Value, new: Value) -> Vec<(String, Breaks)> {
    said_of("client", old, new)
}

fn said_of(from: &str, old: Value, new: Value) -> Vec<(String, Breaks)> {
    let [old, new] = [old, new].map(|event| contract(from, event, json!({})));
    let prefix = format!("{from} event `told`");
    let changes = old.compare(&new).into_iter().map(|change| {
        let text = change.to_string();
        let text = text.strip_prefix(&prefix).unwrap().trim_start_matches(", ");
        (text.trim_start_matches(": ").to_owned(), change.breaks)
    });
    changes.collect()
}

fn one(text: &str, breaks: Breaks) -> Vec<(String, Breaks)> {
    vec![(text.to_owned(), breaks)]
}

#[test]
fn an_event_breaks_those_who_send_it_to_a_server_without_it() {
    let nothing = contract("client", json!({}), json!({}));
    let mut nothing = serde_json::to_value(nothing).unwrap();
    nothing["client"] = json!({});
    let nothing: Contract = serde_json::from_value(nothing).unwrap();
    let with_reply = json!({ "reply": { "type": "boolean" } });
    for (from, event, added, gone) in [
        ("client", json!({}), Breaks::OldServers, Breaks::OldClients),
        ("server", json!({}), Breaks::Nobody, Breaks::Nobody),
        // A server that waits for the answer.
        ("server", with_reply, Breaks::OldClients, Breaks::OldServers),
    ] {
        let some = contract(from, event, json!({}));
        for (old, new, breaks, word) in
            [(&nothing, &some, added, "is new: "), (&some, &nothing, gone, "is gone: ")]
        {
            let changes = old.compare(new);
            assert_eq!(changes.len(), 1);
            assert_eq!((changes[0].event.as_str(), changes[0].path.as_str()), ("told", ""));
            assert_eq!(changes[0].from.to_string(), from);
            assert_eq!(changes[0].breaks, breaks, "{changes:?}");
            assert!(changes[0].what.starts_with(word), "{changes:?}");
        }
    }
}

#[test]
fn a_reply_goes_the_other_way() {
    let [narrow, wide] = [json!({ "type": "integer" }), json!({ "type": "number" })];
    let [narrow, wide] =
        [narrow, wide].map(|schema| (json!({ "payload": schema }), json!({ "reply": schema })));
    for (from, sent, answered) in [
        ("client", Breaks::OldServers, Breaks::OldClients),
        ("server", Breaks::OldClients, Breaks::OldServers),
    ] {
        let text = |part: &str| format!("{part}: was integer, is number");
        assert_eq!(said_of(from, narrow.0.clone(), wide.0.clone()), one(&text("data"), sent));
        assert_eq!(said_of(from, narrow.1.clone(), wide.1.clone()), one(&text("reply"), answered));
    }
}

#[test]
fn data_where_there_was_none_is_missing_in_what_old_clients_send() {
    let none = json!({});
    let some = json!({ "payload": { "type": "string" } });
    let null_too = json!({ "payload": { "type": ["string", "null"] } });
    assert_eq!(said(none.clone(), some.clone()), one("data: carries data now", Breaks::OldClients));
    assert_eq!(said(some, none.clone()), one("data: carries no data now", Breaks::OldServers));
    assert_eq!(said(none.clone(), null_too.clone()), one("data: carries data now", Breaks::Nobody));
    assert_eq!(said(null_too, none), one("data: carries no data now", Breaks::Nobody));
}

#[test]
fn a_reply_where_there_was_none_is_not_the_null_that_was_read() {
    let some = json!({ "reply": { "type": "string" } });
    assert_eq!(said(json!({}), some.clone()), one("reply: was null, is string", Breaks::Both));
    assert_eq!(said(some, json!({})), one("reply: was string, is null", Breaks::Both));
}

#[test]
fn a_lower_limit_breaks_old_clients_and_a_higher_one_what_new_ones_send_to_old_servers() {
    let rate = |count: u32, per_ms: u64, burst: u32| json!({ "rate": { "count": count, "per_ms": per_ms, "burst": burst } });
    let max = |max: usize| json!({ "max": max });
    for (low, high, text) in [
        (max(100), max(4096), "its longest payload was 4096 bytes, is 100 bytes"),
        (max(100), json!({}), "its longest payload was not limited, is 100 bytes"),
        (
            rate(5, 1000, 5),
            rate(10, 1000, 5),
            "its rate was 10 in 1000 ms, 5 at once, is 5 in 1000 ms, 5 at once",
        ),
        (
            rate(5, 1000, 3),
            rate(5, 1000, 5),
            "its rate was 5 in 1000 ms, 5 at once, is 5 in 1000 ms, 3 at once",
        ),
        (rate(5, 60_000, 5), json!({}), "its rate was not limited, is 5 in 60000 ms, 5 at once"),
    ] {
        assert_eq!(said(high.clone(), low.clone()), one(text, Breaks::OldClients));
        let raised = said(low, high);
        assert_eq!((raised.len(), raised[0].1), (1, Breaks::OldServers));
    }
    let [slower, faster] = [rate(60, 60_000, 5), rate(2, 1000, 1)];
    assert_eq!(said(slower, faster)[0].1, Breaks::Both, "faster, and fewer at once");
    assert_eq!(said(rate(1, 1000, 1), rate(60, 60_000, 1))[0].1, Breaks::Nobody, "as often");
}

#[test]
fn how_an_event_travels_breaks_nobody_and_is_told() {
    for (old, new, text) in [
        (
            json!({}),
            json!({ "volatile": true }),
            "may be dropped now where its receiver is slow (`volatile`)",
        ),
        (
            json!({ "volatile": true }),
            json!({}),
            "is not dropped any more where its receiver is slow (`volatile`)",
        ),
        (
            json!({}),
            json!({ "latest": [] }),
            "is the newest alone now where its receiver is slow (`latest`: one for all)",
        ),
        (
            json!({ "latest": ["id"] }),
            json!({}),
            "is each of them now where its receiver is slow (`latest` was one for each id)",
        ),
        (
            json!({ "latest": [] }),
            json!({ "latest": ["id", "at"] }),
            "its `latest` was one for all, is one for each id, at",
        ),
    ] {
        assert_eq!(said(old, new), one(text, Breaks::Nobody));
    }
}

#[test]
fn what_has_no_schema_cannot_be_judged_which_is_said() {
    let text =
        json!({ "payload": { "type": "object", "properties": { "a": { "type": "string" } } } });
    let any = json!({ "payload": { "type": "object", "properties": { "a": true } } });
    for (old, new, what) in [
        (&any, &any, "data.a: has no schema: a change of it is not seen"),
        (&any, &text, "data.a: had no schema, is string"),
        (&text, &any, "data.a: was string, has no schema now"),
    ] {
        assert_eq!(said(old.clone(), new.clone()), one(what, Breaks::Unknown));
    }
    let even = |of: u32| json!({ "payload": { "type": "integer", "multipleOf": of } });
    assert_eq!(
        said(even(2), even(4)),
        one("data: its schema said `multipleOf`: 2, says `multipleOf`: 4", Breaks::Unknown)
    );
    assert_eq!(said(even(2), even(2)), []);
}

#[test]
fn types_are_followed_and_may_hold_themselves() {
    for (name, pointer) in
        [("Post", "#/read/Post"), ("Größe/1 ~", "#/read/Gr%C3%B6%C3%9Fe~11%20~0")]
    {
        let event = json!({ "payload": { "type": "array", "items": { "$ref": pointer } } });
        let post = |id: &str| {
            json!({ name: {
                "type": "object",
                "properties": {
                    "id": { "type": id },
                    "parent": { "anyOf": [{ "$ref": pointer }, { "type": "null" }] },
                    "replies": { "type": "array", "items": { "$ref": pointer } },
                },
                "required": ["id", "replies"],
            } })
        };
        let old = contract("client", event.clone(), post("integer"));
        let new = contract("client", event, post("string"));
        let changes = old.compare(&new);
        let texts: Vec<_> = changes.iter().map(ToString::to_string).collect();
        assert_eq!(texts, ["client event `told`, data[].id: was integer, is string"]);
        assert_eq!(changes[0].breaks, Breaks::Both);
        assert_eq!(old.compare(&old), []);
    }
}

#[test]
fn what_is_said_of_a_type_and_the_order_of_its_fields_are_no_change() {
    let old = json!({ "payload": { "type": "object",
        "properties": { "a": { "type": "string" }, "b": { "type": "null" } }, "required": ["a", "b"] } });
    let new = json!({ "doc": "New.", "payload": { "type": "object", "title": "T", "description": "D",
        "properties": { "b": { "type": "null", "default": null }, "a": { "type": "string" } }, "required": ["b", "a"] } });
    assert_eq!(said(old, new), []);
}

#[test]
fn many_variants_of_many_types_are_compared_in_no_time() {
    // Each type has three variants without a tag, which all hold the next one.
    let types = |last: &str| {
        let variant = |name: &str, next: u32| json!({ "type": "object", "properties": { name: { "$ref": format!("#/read/T{next}") } }, "required": [name] });
        let mut types = json!({ "T20": { "type": last } });
        for at in 0..20 {
            types[format!("T{at}")] = json!({ "anyOf": [variant("a", at + 1), variant("b", at + 1), variant("c", at + 1)] });
        }
        types
    };
    let event = json!({ "payload": { "$ref": "#/read/T0" } });
    let [old, new] =
        ["string", "integer"].map(|last| contract("client", event.clone(), types(last)));
    assert_eq!(old.compare(&old), []);
    let changes = old.compare(&new);
    assert!(changes.iter().any(|change| change.breaks == Breaks::Both), "{changes:?}");
    let last = changes.last().unwrap();
    assert_eq!(last.what, "has more changes than are told");
    assert_eq!(last.breaks, Breaks::Unknown);
}
