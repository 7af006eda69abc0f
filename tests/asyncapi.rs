//! The document of AsyncAPI that is made of a contract.
//!
//! Needs Node's packages; `npm ci --prefix tests` fetches the official schema.

#[path = "asyncapi/presence.rs"]
mod presence;
#[path = "contract/protocols.rs"]
mod protocols;

use http_body_util::BodyExt;
use jsonschema::Validator;
use protocols::*;
use serde_json::{Value, json};
use socketkit::{Events, Protocol, Server, contract};
use std::{collections::BTreeSet, fs};
use tower::ServiceExt;

/// What the makers of AsyncAPI say that a document is.
fn official() -> Validator {
    let path = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/node_modules/@asyncapi/specs/schemas/3.0.0-without-$id.json"
    );
    let text = fs::read_to_string(path)
        .unwrap_or_else(|error| panic!("{path}: {error}; run `npm ci --prefix tests`"));
    jsonschema::draft7::new(&serde_json::from_str(&text).unwrap()).unwrap()
}

fn errors(validator: &Validator, value: &Value) -> Vec<String> {
    let say =
        |error: jsonschema::ValidationError<'_>| format!("{}: {error:.300}", error.instance_path());
    validator.iter_errors(value).map(say).collect()
}

/// What a message of a document carries.
fn payload(document: &Value, message: &str) -> Validator {
    let schema = json!({
        "$ref": format!("#/components/messages/{message}/payload"),
        "components": document["components"],
    });
    jsonschema::draft7::new(&schema).unwrap()
}

/// Every value of `$ref` within a value.
fn references<'a>(value: &'a Value, found: &mut Vec<&'a str>) {
    match value {
        Value::Object(members) => {
            found.extend(members.get("$ref").and_then(Value::as_str));
            members.values().for_each(|value| references(value, found));
        }
        Value::Array(items) => items.iter().for_each(|value| references(value, found)),
        _ => {}
    }
}

#[test]
fn documents_are_what_the_official_schema_says() {
    let official = official();
    for (name, contract) in all() {
        let document = contract.to_asyncapi(name);
        assert_eq!(errors(&official, &document), [""; 0], "{name}");
        let mut broken = document.clone();
        let operations = broken["operations"].as_object_mut().unwrap();
        operations.values_mut().next().unwrap()["action"] = "shout".into();
        assert!(!official.is_valid(&broken), "{name}: it would take anything");
        assert_eq!(document["asyncapi"], "3.0.0");
        assert_eq!(document["info"]["title"], name);
        assert_eq!(document["info"]["version"], contract.hash);
    }
}

#[test]
fn what_is_referred_to_is_there_and_keys_are_keys() {
    for (name, contract) in all() {
        let document = contract.to_asyncapi(name);
        let mut found = Vec::new();
        references(&document, &mut found);
        assert!(found.len() > 20, "{name}");
        for pointer in found {
            assert!(document.pointer(&pointer[1..]).is_some(), "{name}: {pointer}");
        }
        for place in ["/components/messages", "/components/schemas", "/operations"] {
            for key in document.pointer(place).unwrap().as_object().unwrap().keys() {
                let is_fit = |char: char| char.is_ascii_alphanumeric() || "._-".contains(char);
                assert!(key.chars().all(is_fit), "{name}: {key}");
            }
        }
    }
}

#[test]
fn names_that_are_no_keys_stay_apart() {
    let document = contract::<Names>().to_asyncapi("Names");
    let messages = document["components"]["messages"].as_object().unwrap();
    for side in ["client", "server"] {
        let names: BTreeSet<_> = messages
            .iter()
            .filter(|(key, _)| key.starts_with(&format!("{side}.")))
            .map(|(_, message)| message["name"].as_str().unwrap())
            .collect();
        assert_eq!(names, NamesEvents::NAMES.iter().copied().collect(), "{side}");
    }
    let joined = &messages["client.room.user..joined-now"];
    assert_eq!(joined["name"], "room.user:joined-now");
    assert_eq!(joined["payload"]["properties"]["event"]["const"], "room.user:joined-now");
    assert_eq!(messages["client.room.user.joined-now"]["name"], "room.user.joined-now");
    let schemas = document["components"]["schemas"].as_object().unwrap();
    assert!(schemas.contains_key("Gr__e_1__b__"), "{schemas:?}");
}

#[test]
fn examples_are_frames_of_their_messages() {
    for (name, contract) in all() {
        let document = contract.to_asyncapi(name);
        for (id, message) in document["components"]["messages"].as_object().unwrap() {
            let example = &message["examples"][0]["payload"];
            assert!(example.is_object(), "{name} {id} has none");
            assert_eq!(errors(&payload(&document, id), example), [""; 0], "{name} {id}: {example}");
        }
    }
}

/// Each example is read by the type that it is an example of.
fn are_read<P: Protocol>(document: &Value) -> usize
where
    P::Client: Events,
{
    let messages = document["components"]["messages"].as_object().unwrap();
    let events = messages.iter().filter(|(id, _)| id.starts_with("client."));
    let read = events.map(|(_, message)| {
        let index = P::Client::index_of(message["name"].as_str().unwrap()).unwrap();
        let data = &message["examples"][0]["payload"]["data"];
        if let Err(error) = P::Client::decode(index, &data.to_string()) {
            // Of a type without a schema nobody knows.
            assert_eq!(message["name"], "unknown", "{error}: {data}");
        }
    });
    read.count()
}

#[test]
fn serde_reads_the_examples() {
    let document = |name: &str| {
        let found = all().into_iter().find(|(known, _)| *known == name).unwrap();
        found.1.to_asyncapi(name)
    };
    assert_eq!(are_read::<Forum>(&document("Forum")), 4);
    assert_eq!(are_read::<Shapes>(&document("Shapes")), ShapesEvents::NAMES.len());
    assert_eq!(are_read::<Names>(&document("Names")), NamesEvents::NAMES.len());
    assert_eq!(are_read::<Recursive>(&document("Recursive")), RecursiveEvents::NAMES.len());
    assert_eq!(are_read::<Bounded>(&document("Bounded")), BoundedEvents::NAMES.len());
    assert_eq!(are_read::<Telling>(&document("Telling")), Bare::NAMES.len());
    assert_eq!(are_read::<Working>(&document("Working")), Work::NAMES.len());
}

#[test]
fn messages_are_whole_frames() {
    let document = contract::<Shapes>().to_asyncapi("Shapes");
    for (message, valid, invalid) in [
        (
            "client.two",
            vec![
                json!({ "event": "two", "data": [1, null] }),
                json!({ "event": "two", "id": 7, "data": [1, "a"] }),
            ],
            vec![
                json!({ "event": "other", "data": [1, null] }),
                json!({ "event": "two" }),
                json!({ "data": [1, null] }),
                json!({ "event": "two", "id": -1, "data": [1, null] }),
                json!({ "event": "two", "data": ["a", null] }),
                json!({ "event": "two", "data": [1, null, 1] }),
            ],
        ),
        (
            // What may be `null` is left out then.
            "client.maybe",
            vec![
                json!({ "event": "maybe" }),
                json!({ "event": "maybe", "data": { "x": 1, "y": 2 } }),
            ],
            vec![json!({ "event": "maybe", "data": 1 })],
        ),
        (
            "client.nothing",
            vec![json!({ "event": "nothing" })],
            vec![json!({ "event": "nothing", "data": 1 })],
        ),
        (
            "client-reply.of_post",
            vec![json!({ "reply": 0 })],
            vec![json!({ "reply": 0, "data": 1 }), json!({ "data": null })],
        ),
        ("heartbeat", vec![json!({})], vec![json!({ "event": "two" })]),
        ("seen", vec![json!({ "seen": 3 })], vec![json!({ "seen": "3" })]),
        ("cancel", vec![json!({ "cancel": 3 })], vec![json!({}), json!({ "cancel": -1 })]),
        (
            "progress",
            vec![json!({ "progress": 3 }), json!({ "progress": 3, "data": [1] })],
            vec![json!({ "reply": 3 })],
        ),
        (
            "error",
            vec![
                json!({ "reply": 1, "error": { "code": "a", "message": "b" } }),
                json!({ "error": { "code": "a", "message": "b", "event": "c", "data": [] } }),
            ],
            vec![json!({ "reply": 1 }), json!({ "error": { "message": "b" } })],
        ),
    ] {
        let validator = payload(&document, message);
        for frame in valid {
            assert_eq!(errors(&validator, &frame), [""; 0], "{message} {frame}");
        }
        for frame in invalid {
            assert!(!validator.is_valid(&frame), "{message} {frame}");
        }
    }
}

#[test]
fn what_the_server_writes_is_a_frame_of_its_message() {
    let document = contract::<Forum>().to_asyncapi("Forum");
    for event in [
        ForumServer::Online(3),
        ForumServer::Cursor { user: 1, x: 0.5, y: -1.0 },
        ForumServer::Confirm { question: "go on?".into() },
        ForumServer::SomeoneTyping { name: "ada".into() },
    ] {
        let (name, mut data) = (event.name(), Vec::new());
        event.encode(&mut data).unwrap();
        let data: Value = serde_json::from_slice(&data).unwrap();
        let frame = json!({ "event": name, "data": data });
        assert_eq!(errors(&payload(&document, &format!("server.{name}")), &frame), [""; 0]);
    }
}

#[test]
fn operations_are_those_of_the_server() {
    let document = contract::<Forum>().to_asyncapi("Forum");
    let message = |id: &str| json!({ "$ref": format!("#/channels/socket/messages/{id}") });
    let submit = &document["operations"]["receive.submit"];
    assert_eq!(submit["action"], "receive");
    assert_eq!(submit["messages"], json!([message("client.submit")]));
    assert_eq!(submit["reply"]["channel"], json!({ "$ref": "#/channels/socket" }));
    let replies = json!([message("client-reply.submit"), message("error")]);
    assert_eq!(submit["reply"]["messages"], replies);
    assert_eq!(submit["summary"], "Publish a message; answered with its id.");
    let confirm = &document["operations"]["send.confirm"];
    assert_eq!(
        (&confirm["action"], &confirm["messages"]),
        (&json!("send"), &json!([message("server.confirm")]))
    );
    assert_eq!(confirm["reply"]["messages"][0], message("server-reply.confirm"));
    assert!(document["operations"]["receive.typing"].get("reply").is_none());
    let messages = &document["components"]["messages"];
    let ids = &document["components"]["correlationIds"];
    assert_eq!(
        messages["client.submit"]["correlationId"]["$ref"],
        "#/components/correlationIds/call"
    );
    assert_eq!(ids["call"]["location"], "$message.payload#/id");
    assert_eq!(
        messages["client-reply.submit"]["correlationId"]["$ref"],
        "#/components/correlationIds/reply"
    );
    assert_eq!(ids["reply"]["location"], "$message.payload#/reply");
}

#[test]
fn progress_comes_to_who_calls_and_a_cancel_from_there() {
    let document = contract::<Working>().to_asyncapi("Working");
    let message = |id: &str| json!({ "$ref": format!("#/channels/socket/messages/{id}") });
    let [operations, messages] = [&document["operations"], &document["components"]["messages"]];
    // What a client reports is read by the server.
    for (operation, side, step) in [("receive", "client", "Step"), ("send", "server", "StepInput")]
    {
        let answers =
            |event: &str| operations[format!("{operation}.{event}")]["reply"]["messages"].clone();
        let own = |kind: &str| message(&format!("{side}-{kind}"));
        assert_eq!(
            answers("import"),
            json!([own("progress.import"), own("reply.import"), message("error")])
        );
        assert_eq!(
            answers("tidy"),
            json!([own("progress.tidy"), message("reply"), message("error")])
        );
        assert_eq!(answers("quick"), json!([own("reply.quick"), message("error")]));
        let import = &messages[format!("{side}.import")];
        assert_eq!(import["examples"][0]["payload"]["id"], 1);
        let description = import["description"].as_str().unwrap();
        assert!(description.contains("can cancel it with a `cancel` frame"), "{description}");
        let progress = &messages[format!("{side}-progress.import")];
        let step = json!({ "$ref": format!("#/components/schemas/{step}") });
        assert_eq!(progress["payload"]["properties"]["data"], step);
        assert_eq!(
            progress["examples"][0]["payload"],
            json!({ "progress": 1, "data": { "done": 3, "of": 1 } })
        );
        let correlation = &progress["correlationId"]["$ref"];
        assert_eq!(correlation, "#/components/correlationIds/progress");
        // Who answers has read that it is given up.
        assert_eq!(operations[format!("{operation}_cancel")]["action"], operation);
        assert_eq!(operations[format!("{operation}_progress")]["action"], operation);
    }
    let ids = &document["components"]["correlationIds"];
    for name in ["progress", "cancel"] {
        assert_eq!(ids[name]["location"], format!("$message.payload#/{name}"));
        let id = &messages[name]["correlationId"]["$ref"];
        assert_eq!(id, &format!("#/components/correlationIds/{name}"));
    }
    let tidy = payload(&document, "client-progress.tidy");
    assert!(tidy.is_valid(&json!({ "progress": 1 })), "`null` is left out");
    assert!(!tidy.is_valid(&json!({ "progress": 1, "data": "half" })));
    let import = payload(&document, "client-progress.import");
    assert!(!import.is_valid(&json!({ "progress": 1 })));
}

#[test]
fn what_is_read_and_what_is_written_have_schemas_of_their_own() {
    let document = contract::<Forum>().to_asyncapi("Forum");
    let schemas = document["components"]["schemas"].as_object().unwrap();
    assert_eq!(schemas.keys().collect::<Vec<_>>(), ["Author", "Message", "MessageInput", "Role"]);
    assert_eq!(schemas["MessageInput"]["required"], json!(["id", "author", "body"]));
    assert_eq!(schemas["Message"]["required"], json!(["id", "author", "body", "tags", "answers"]));
    assert_eq!(
        schemas["Message"]["properties"]["author"],
        json!({ "$ref": "#/components/schemas/Author" })
    );
    let messages = &document["components"]["messages"];
    let data = |message: &str| &messages[message]["payload"]["properties"]["data"];
    assert_eq!(*data("client.change"), json!({ "$ref": "#/components/schemas/MessageInput" }));
    assert_eq!(*data("client-reply.change"), json!({ "$ref": "#/components/schemas/Message" }));
}

#[test]
fn documentation_and_policies_are_in_it() {
    let document = contract::<Forum>().to_asyncapi("Forum");
    let messages = &document["components"]["messages"];
    let submit = &messages["client.submit"];
    let description = submit["description"].as_str().unwrap();
    assert!(description.starts_with("Publish a message; answered with its id.\n\nRefused with"));
    for part in ["4 KiB at most", "5 per minute, and 3 at once"] {
        assert!(description.contains(part), "{description}");
    }
    assert_eq!(submit["x-socketkit-max"], 4096);
    assert_eq!(submit["x-socketkit-rate"], json!({ "count": 5, "per_ms": 60_000, "burst": 3 }));
    assert_eq!(messages["client.typing"]["x-socketkit-volatile"], true);
    assert_eq!(messages["server.cursor"]["x-socketkit-latest"], json!(["user"]));
    assert_eq!(messages["server.online"]["x-socketkit-latest"], json!([]));
    assert!(submit.get("x-socketkit-volatile").is_none());
}

#[tokio::test]
async fn it_is_served_beside_the_client() {
    let service = Server::<Forum>::new().fallback(async |_: ForumClient| {}).build();
    let get = http::Request::get("/ws/asyncapi.json").body(()).unwrap();
    let answer = service.oneshot(get).await.unwrap();
    assert_eq!(answer.headers()["content-type"], "application/json");
    let body = answer.into_body().collect().await.unwrap().to_bytes();
    let served: Value = serde_json::from_slice(&body).unwrap();
    assert_eq!(served, contract::<Forum>().to_asyncapi("Forum"));
}
