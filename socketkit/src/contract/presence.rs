//! What is told of presence: an event of the server that is in no enum.

use super::{PresenceContract, example::Examples};
use serde_json::{Value, json};

/// What it says, in Markdown.
pub(super) const DOC: &str = "Who is present in a room, to sockets that the server tells of it: there is one entry a \
    person. With `from` it is a part of the list of everybody, after so many entries in the frames before; 0 begins \
    it anew. Without, it is entries that have changed: each replaces that of its `key`, and one without `member` \
    and `sockets` takes it away.";

/// The JSON Schema of its data.
pub(super) fn data(presence: &PresenceContract) -> Value {
    let key = || json!({ "type": "string", "description": "Whose entry it is." });
    let sockets = json!({
        "type": "array", "items": { "type": "string" }, "minItems": 1,
        "description": "Ids of the sockets over which the person is connected.",
    });
    let entry = json!({
        "type": "object",
        "required": ["key", "member", "sockets"],
        "properties": { "key": key(), "member": presence.member, "sockets": sockets },
    });
    let gone = json!({
        "type": "object",
        "required": ["key"],
        "properties": { "key": key(), "member": false, "sockets": false },
    });
    let from = json!({
        "type": "integer", "minimum": 0,
        "description": "How many entries are in the frames before.",
    });
    let list = json!({ "type": "array", "items": entry });
    let changes = json!({ "type": "array", "items": { "anyOf": [entry, gone] } });
    json!({ "oneOf": [
        {
            "description": "A part of the list of everybody.",
            "type": "object",
            "required": ["room", "from", "members"],
            "properties": { "room": presence.room, "from": from, "members": list },
        },
        {
            "description": "Entries that have changed.",
            "type": "object",
            "required": ["room", "members"],
            "properties": { "room": presence.room, "from": false, "members": changes },
        },
    ] })
}

/// What may be told, with what the server does by it.
pub(super) fn examples(
    presence: &PresenceContract,
    examples: &Examples,
) -> Option<[(&'static str, Value); 3]> {
    let room = examples.value(&presence.room)?;
    let member = examples.value(&presence.member)?;
    let entry =
        |key: &str, socket: &str| json!({ "key": key, "member": member, "sockets": [socket] });
    let list = json!({ "room": room, "from": 0, "members": [entry("1", "k3Jw")] });
    let change = json!({ "room": room, "members": [entry("2", "Yx0q")] });
    let gone = json!({ "room": room, "members": [{ "key": "2" }] });
    Some([
        ("lists everybody", list),
        ("adds or changes entries", change),
        ("removes entries", gone),
    ])
}
