//! The contract as data: what it says of events, and when it is another.

use http_body_util::BodyExt;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use socketkit::{Contract, Events, Protocol, Server, contract};
use std::collections::BTreeMap;
use tower::ServiceExt;

/// A post of somebody.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
struct Post {
    id: u32,
    /// What it says.
    #[serde(default)]
    body: String,
    answers: Vec<Post>,
}

#[derive(Debug, Serialize, Deserialize, JsonSchema)]
struct Place {
    x: f32,
    y: f32,
}

/// Nobody knows its shape.
#[derive(Debug, Serialize, Deserialize)]
struct Opaque(u8);

mod in_hex {
    use serde::{Deserialize, Deserializer, Serializer};

    pub(crate) fn serialize<S: Serializer>(value: &u32, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&format_args!("{value:x}"))
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<u32, D::Error> {
        let text = String::deserialize(from)?;
        u32::from_str_radix(&text, 16).map_err(serde::de::Error::custom)
    }
}

#[derive(Debug, Serialize, Deserialize, JsonSchema)]
struct Answer {
    id: u32,
}

#[derive(Debug, Events)]
#[serde(rename_all_fields = "camelCase")]
enum ClientEvent {
    /// Publish a post;
    /// answered with its id.
    ///
    /// Not more often than that.
    #[event(reply = u32, max = "4KiB", rate = "5/min", burst = 3)]
    SubmitPost {
        /// Who it is of.
        author_name: String,
        #[serde(rename = "text")]
        body: Option<String>,
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        tags: Vec<String>,
        #[serde(flatten)]
        place: Place,
        #[serde(with = "socketkit::as_string")]
        number: u64,
        #[serde(with = "socketkit::as_string")]
        parent: Option<u64>,
        #[serde(with = "in_hex")]
        color: u32,
        #[serde(skip)]
        _here: u8,
        opaque: Opaque,
    },
    #[event(reply = Opaque)]
    Watch(u64),
    Move(f32, Option<String>),
    #[event(transparent, reply = Post)]
    Answer(Answer),
    #[event(volatile)]
    Typing,
}

#[derive(Debug, Serialize, Deserialize, JsonSchema)]
enum Kind {
    Whole,
    Part(u8),
}

#[derive(Debug, Serialize, Deserialize, JsonSchema)]
struct Optional {
    #[serde(flatten)]
    place: Option<Place>,
    #[serde(flatten)]
    kind: Option<Kind>,
}

#[derive(Debug, Events)]
enum ServerEvent {
    Optional {
        #[serde(flatten)]
        place: Option<Place>,
        #[serde(flatten)]
        kind: Option<Kind>,
    },
    LikeIt(Optional),
    History(Vec<Post>),
    #[event(latest = "id")]
    Moved {
        id: u32,
        #[serde(default)]
        at: f32,
        why: Option<String>,
        #[serde(skip_serializing_if = "Option::is_none")]
        by: Option<u32>,
    },
    #[event(latest)]
    Count(usize),
    Secret(Opaque),
}

#[derive(Debug, Protocol)]
#[protocol(client = ClientEvent, server = ServerEvent)]
struct Forum;

fn forum() -> Contract {
    contract::<Forum>()
}

fn payload(event: &str) -> Value {
    let contract = forum();
    let event = contract.client.get(event).or(contract.server.get(event)).unwrap();
    event.payload.clone().unwrap_or(json!("none"))
}

#[test]
fn payloads_have_the_form_that_serde_gives_them() {
    assert_eq!(payload("watch")["type"], "integer");
    assert_eq!(
        payload("move"),
        json!({
            "type": "array", "minItems": 2, "maxItems": 2,
            "prefixItems": [{ "type": "number", "format": "float" }, { "type": ["string", "null"] }],
        })
    );
    assert_eq!(payload("answer"), json!({ "$ref": "#/read/Answer" }));
    assert_eq!(payload("typing"), "none");
    assert_eq!(payload("history"), json!({ "type": "array", "items": { "$ref": "#/write/Post" } }));
    assert_eq!(payload("secret"), json!(true), "a type without a schema is any value");
    let submit = payload("submit_post");
    let properties = submit["properties"].as_object().unwrap();
    let mut names: Vec<_> = properties.keys().map(String::as_str).collect();
    names.sort_unstable();
    assert_eq!(
        names,
        ["authorName", "color", "number", "opaque", "parent", "tags", "text", "x", "y"]
    );
    assert_eq!(
        properties["authorName"],
        json!({ "type": "string", "description": "Who it is of." })
    );
    assert_eq!(properties["number"]["type"], "string");
    assert_eq!(
        properties["parent"]["anyOf"],
        json!([properties["number"], { "type": "null" }]),
        "serde takes no absent one where a module reads it"
    );
    assert_eq!([&properties["color"], &properties["opaque"]], [&json!(true); 2]);
    let mut required: Vec<_> = submit["required"].as_array().unwrap().clone();
    required.sort_by_key(ToString::to_string);
    let expected = ["authorName", "color", "number", "opaque", "parent", "x", "y"];
    assert_eq!(required, expected, "what has a default may be absent, and so may an option");
}

#[test]
fn what_is_read_and_what_is_written_are_kept_apart() {
    let contract = forum();
    // The server writes each field, and reads a post in the reply to none.
    assert_eq!(contract.write["Post"]["required"], json!(["id", "body", "answers"]));
    assert_eq!(payload("moved")["required"], json!(["id", "at", "why"]), "null is written");
    let reply = contract.client["answer"].reply.as_ref().unwrap();
    assert_eq!(*reply, json!({ "$ref": "#/write/Post" }));
    assert_eq!(contract.read.keys().collect::<Vec<_>>(), ["Answer"]);
    assert_eq!(contract.client["submit_post"].reply.as_ref().unwrap()["type"], "integer");
    assert_eq!(contract.client["watch"].reply, Some(json!(true)));
    assert_eq!(contract.client["move"].reply, None);
}

#[test]
fn what_is_flattened_is_as_in_a_struct() {
    let like_it = forum().write["Optional"].clone();
    assert_eq!(payload("like_it")["$ref"], "#/write/Optional");
    assert_eq!(payload("optional"), like_it);
    assert_eq!(like_it["anyOf"].as_array().unwrap().len(), 2, "one of its kinds, or none");
}

#[test]
fn how_events_travel_and_what_is_said_of_them_is_in_it() {
    let contract = serde_json::to_value(forum()).unwrap();
    let submit = &contract["client"]["submit_post"];
    let doc = "Publish a post;\nanswered with its id.\n\nNot more often than that.";
    assert_eq!(submit["doc"], doc);
    assert_eq!(submit["max"], 4096);
    assert_eq!(submit["rate"], json!({ "count": 5, "per_ms": 60_000, "burst": 3 }));
    assert_eq!(contract["client"]["typing"]["volatile"], true);
    assert_eq!(contract["server"]["moved"]["latest"], json!(["id"]));
    assert_eq!(contract["server"]["count"]["latest"], json!([]));
    let history: Vec<_> = contract["server"]["history"].as_object().unwrap().keys().collect();
    assert_eq!(history, ["fingerprint", "payload"], "nothing is said that is not so");
    assert_eq!(contract["write"]["Post"]["description"], "A post of somebody.");
}

#[test]
fn the_same_program_gives_the_same_contract() {
    assert_eq!(forum(), forum());
    let fingerprint = forum().hash;
    assert!(fingerprint.len() == 16 && fingerprint.bytes().all(|byte| byte.is_ascii_hexdigit()));
}

/// Protocols that differ in one thing each, and how their contracts do.
macro_rules! versions {
    ($($name:ident { $($post:tt)* } { $($events:tt)* })+) => { $(
        mod $name {
            use super::*;

            /// Its name is written otherwise in references to it.
            #[derive(Debug, Serialize, Deserialize, JsonSchema)]
            #[schemars(rename = "Größe/1 ~")]
            struct Inner { $($post)* }

            #[derive(Debug, Serialize, Deserialize, JsonSchema)]
            struct Outer { inner: Vec<Inner>, next: Option<Box<Outer>> }

            #[derive(Debug, Events)]
            enum ServerEvent { $($events)* }

            #[derive(Debug, Protocol)]
            #[protocol(server = ServerEvent)]
            struct Version;

            pub(crate) fn version() -> Contract {
                contract::<Version>()
            }

            pub(crate) fn hashes() -> (String, BTreeMap<String, String>) {
                let contract = version();
                let events = contract.server.into_iter();
                (contract.hash, events.map(|(name, event)| (name, event.fingerprint)).collect())
            }
        }
    )+ };
}

versions! {
    base { id: u32 } { Told(Outer), Count(u32) }
    documented { /// Its id.
        id: u32 } { /// Told.
        Told(Outer), #[event(volatile)] Count(u32) }
    changed_within { id: String } { Told(Outer), Count(u32) }
    named_like_a_remark { id: u32, title: String } { Told(Outer), Count(u32) }
    branded { #[schemars(extend("x-brand" = true))] id: u32 } { Told(Outer), Count(u32) }
    of_one_value { #[schemars(extend("const" = { "title": 1 }))] id: u32 } { Told(Outer), Count(u32) }
    of_another { #[schemars(extend("const" = { "title": 2 }))] id: u32 } { Told(Outer), Count(u32) }
    of_a_list { #[schemars(extend("enum" = [{ "title": 1 }]))] id: u32 } { Told(Outer), Count(u32) }
    of_other_lists { #[schemars(extend("enum" = [{ "title": 2 }]))] id: u32 } { Told(Outer), Count(u32) }
    added { id: u32 } { Told(Outer), Count(u32), More }
    renamed { id: u32 } { Told(Outer), Number(u32) }
    turned { id: u32 } { Count(u32), Told(Outer) }
}

#[test]
fn a_contract_is_another_where_a_name_or_a_shape_is() {
    let (hash, events) = base::hashes();
    assert_eq!(documented::hashes(), (hash.clone(), events.clone()), "documentation and policies");
    assert_eq!(turned::hashes(), (hash.clone(), events.clone()), "the order of events");
    assert_eq!(branded::hashes(), (hash.clone(), events.clone()), "the values are the same");
    assert_ne!(of_one_value::hashes(), of_another::hashes(), "a value is no schema");
    assert_ne!(of_a_list::hashes(), of_other_lists::hashes());
    for (other, others) in [changed_within::hashes(), named_like_a_remark::hashes()] {
        assert_ne!(other, hash);
        assert_ne!(others["told"], events["told"], "a type deep within");
        assert_eq!(others["count"], events["count"]);
    }
    for (other, others) in [added::hashes(), renamed::hashes()] {
        assert_ne!(other, hash);
        assert_eq!(others["told"], events["told"]);
    }
}

#[test]
fn it_is_read_back_from_what_is_served() {
    let [one, other] = [forum(), base::version()];
    for contract in [&one, &other] {
        let text = serde_json::to_string(contract).unwrap();
        assert_eq!(&serde_json::from_str::<Contract>(&text).unwrap(), contract);
    }
    assert_ne!(one, other);
    let mut newer = serde_json::to_value(&one).unwrap();
    for pointer in ["", "/client/submit_post", "/client/submit_post/rate"] {
        newer.pointer_mut(pointer).unwrap()["of_a_later_version"] = json!(1);
    }
    assert_eq!(serde_json::from_value::<Contract>(newer).unwrap(), one);
    for (of, member) in [
        ("", "hash"),
        ("", "write"),
        ("/client/typing", "fingerprint"),
        ("/client/submit_post/rate", "burst"),
    ] {
        let mut lacking = serde_json::to_value(&one).unwrap();
        lacking.pointer_mut(of).unwrap().as_object_mut().unwrap().remove(member).unwrap();
        let error = serde_json::from_value::<Contract>(lacking).unwrap_err().to_string();
        assert!(error.contains(&format!("missing field `{member}`")), "{error}");
    }
}

#[tokio::test]
async fn it_is_served_beside_the_client_with_its_types() {
    let service = Server::<Forum>::new().fallback(async |_: ClientEvent| {}).build();
    for (name, media, content) in [
        ("contract.json", "application/json", serde_json::to_string(&forum()).unwrap()),
        ("client.d.ts", "application/typescript; charset=utf-8", forum().to_typescript()),
    ] {
        let get = http::Request::get(format!("/ws/{name}")).body(()).unwrap();
        let answer = service.clone().oneshot(get).await.unwrap();
        assert_eq!(answer.headers()["content-type"], media);
        assert!(answer.headers().contains_key("etag"));
        let body = answer.into_body().collect().await.unwrap().to_bytes();
        assert_eq!(body, content);
    }
}
