//! The contract of a protocol as data: its events, what they carry and are answered with, and how they
//! travel. Feature `schema`.

mod asyncapi;
mod compare;
mod example;
mod fields;
mod fingerprint;
mod frames;
mod names;
mod page;
mod policy;
mod presence;
pub(crate) mod shape;
mod typescript;

pub use compare::{Breaks, Change, Side};

use crate::{Events, Policy, Protocol};
use schemars::{
    SchemaGenerator,
    generate::{Contract as Direction, SchemaSettings},
};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use shape::Shapes;
use std::collections::BTreeMap;

/// Everything that both sides of a protocol have to agree on, from [`contract`].
///
/// It serializes to what the server serves as `contract.json` under its mount, and is read back from it
/// whole; members that it does not know are skipped:
///
/// | member | holds |
/// | --- | --- |
/// | `hash` | 16 hexadecimal digits, others whenever a name or a shape is |
/// | `client`, `server` | the events that each side sends, by their names: [`EventContract`] |
/// | `presence` | what names a room, and who can be present there: [`PresenceContract`] |
/// | `read`, `write` | types that these speak of, as the server reads and as it writes them |
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Contract {
    /// Names all of it but for documentation and policies, in 16 hexadecimal digits.
    pub hash: String,
    /// The events that clients send, by their names.
    pub client: BTreeMap<String, EventContract>,
    /// The events that the server sends, by their names.
    pub server: BTreeMap<String, EventContract>,
    /// What names a room, and who can be present there; absent for a protocol without presence.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub presence: Option<PresenceContract>,
    /// JSON Schemas (draft 2020-12) of the types that the server reads, by names: `#/read/NAME`.
    pub read: Map<String, Value>,
    /// The same of those that it writes: `#/write/NAME`. They differ from what is read where serde's
    /// attributes do, such as in a field with `default`.
    pub write: Map<String, Value>,
}

/// One event of a [`Contract`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct EventContract {
    /// Its documentation in Rust, as Markdown.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub doc: Option<String>,
    /// The JSON Schema of its payload, `true` for a type without `JsonSchema`; absent if it has none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub payload: Option<Value>,
    /// The JSON Schema of its reply; absent for an event without one, whose calls are answered `null`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reply: Option<Value>,
    /// The JSON Schema of reports of its progress; absent for an event without, whose calls cannot be
    /// cancelled either.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub progress: Option<Value>,
    /// Dropped where its receiver is slow to read.
    #[serde(default, skip_serializing_if = "is_false")]
    pub volatile: bool,
    /// Replaces an unsent one where its receiver is slow to read: of the same values of these members of
    /// its payload, of which there may be none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub latest: Option<Vec<String>>,
    /// Bytes of its longest payload.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max: Option<usize>,
    /// How often one socket may send it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rate: Option<RateContract>,
    /// Names its payload, its reply and its progress, with all types in them, in 16 hexadecimal digits.
    pub fingerprint: String,
}

/// The presence of a protocol: see [`Member`](crate::Member).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct PresenceContract {
    /// The JSON Schema of the names of rooms.
    pub room: Value,
    /// The JSON Schema of what is told of somebody.
    pub member: Value,
}

impl EventContract {
    /// Whether who sends it wants to know what becomes of it.
    fn is_call(&self) -> bool {
        self.reply.is_some() || self.progress.is_some()
    }
}

/// How often one socket may send an event: see [`EventRate`](crate::EventRate).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct RateContract {
    /// So many.
    pub count: u32,
    /// In so many milliseconds.
    pub per_ms: u64,
    /// So many at once.
    pub burst: u32,
}

impl Contract {
    /// The types of what clients send and get, in TypeScript: the declarations of `client.js`, served
    /// beside it as `client.d.ts`.
    ///
    /// A type that is read as it is written has one name, its own; of one that is not, such as with a field
    /// with `default`, what a page sends is called `PostInput` beside the `Post` that it gets. All integers
    /// are `number`; a type without a schema is `unknown`; documentation stands where an editor shows it.
    ///
    /// # Branded ids
    ///
    /// A newtype is what it holds, and TypeScript takes any other for it. One that says `x-brand` is a type
    /// of its own, here `number & { readonly [brand]: "PostId" }`; values and fingerprints stay as they are.
    ///
    /// ```
    /// # use schemars::JsonSchema;
    /// # use serde::{Deserialize, Serialize};
    /// #[derive(Serialize, Deserialize, JsonSchema)]
    /// #[schemars(extend("x-brand" = true))]
    /// pub struct PostId(u64);
    /// ```
    ///
    /// A page gets one from the server, or says so itself: `7 as PostId`. A number or a `UserId` in its
    /// place is an error that names both.
    ///
    /// # What it does not say
    ///
    /// What serde writes is of these types, but for a float that is not finite, which it writes as `null`.
    /// Of what TypeScript takes, a server does not read all:
    ///
    /// | TypeScript takes | serde reads |
    /// | --- | --- |
    /// | any number for an integer | a whole one, in the range of its type |
    /// | `NaN` and `Infinity`, which are `null` in JSON | finite numbers |
    /// | any string for a `char` | one character |
    /// | any string for a date, a UUID, or an integer by [`as_string`](mod@crate::as_string) | one in its form |
    /// | a string with half of a surrogate pair | whole characters |
    /// | any key of a map | one of its type, such as an integer |
    /// | an array of any length for one of more than 16 items | one of its length |
    /// | more members, in an object that is no literal | none with `deny_unknown_fields`, those of a flattened map |
    /// | members of several variants of an enum | one variant |
    /// | values as deep as you like | 128 in one another |
    ///
    /// serde itself neither writes nor reads everything where it has to put a value aside (`flatten`,
    /// `untagged`, `tag`, and `content` before its tag): not integers of 128 bits, nor maps whose keys are
    /// integers. `schemars` (1.2) takes two types of one name in one module, by `#[serde(rename)]`, for
    /// one; and in a newtype variant of an enum with `tag`, it describes wrongly another enum with unit
    /// variants, and a struct with a flattened map.
    #[must_use]
    pub fn to_typescript(&self) -> String {
        typescript::declarations(self)
    }

    /// The type that a pointer is to, such as `#/read/Post`.
    fn find(&self, pointer: &str) -> Option<&Value> {
        names::find(pointer, &self.read, &self.write)
    }

    /// What a client has to know to see that its server has another: the hash, and of each event its
    /// fingerprint and the fields of what the server sends with it.
    pub(crate) fn known(&self) -> Value {
        let events = |events: &BTreeMap<String, EventContract>, is_client: bool| {
            let known = events.iter().map(|(name, event)| {
                let sent = if is_client { &event.reply } else { &event.payload };
                let fields = sent.as_ref().map(|schema| fields::fields(self, schema));
                let mut known = json!({ "print": event.fingerprint });
                if let Some(fields) = fields.filter(|fields| !fields.is_empty()) {
                    known["fields"] = json!(fields);
                }
                (name.clone(), known)
            });
            known.collect::<Map<_, _>>()
        };
        json!({
            "schema": self.hash,
            "client": events(&self.client, true),
            "server": events(&self.server, false),
        })
    }

    /// The protocol as a document of [AsyncAPI 3.0](https://www.asyncapi.com), served as `asyncapi.json`
    /// beside the client, with the name of the protocol's type as `title`.
    ///
    /// What is in it is what the server does: it receives what clients send. There is one channel,
    /// `socket`, whose address is not known; a message for each event, each reply and each kind of progress,
    /// of the whole frame that is on the wire; and for each event an operation, with what comes for a call
    /// of it; with presence also `socketkit:presence`. The version is the [`hash`](Self::hash). Types are called as in [`to_typescript`](Self::to_typescript). How events
    /// travel is said in descriptions and, for programs, in `x-socketkit-volatile`, `-latest`, `-max`,
    /// `-rate` and `-fingerprint`.
    ///
    /// What is known elsewhere may be added:
    ///
    /// ```
    /// # fn document(contract: socketkit::Contract) -> serde_json::Value {
    /// let mut document = contract.to_asyncapi("Forum");
    /// document["channels"]["socket"]["address"] = "/ws".into();
    /// document["servers"]["production"] =
    ///     serde_json::json!({ "host": "forum.example.com", "protocol": "wss" });
    /// # document
    /// # }
    /// ```
    #[must_use]
    pub fn to_asyncapi(&self, title: &str) -> Value {
        asyncapi::document(self, title)
    }

    /// The protocol as a page to read, served as `docs` beside the client, with the name of the protocol's
    /// type as `title`.
    ///
    /// It is one file without scripts. Documentation is shown as Markdown, and HTML in it as text. Each
    /// event has a frame as an example, whose values are made from its schema or are those of
    /// `#[schemars(example = ..)]`.
    #[must_use]
    pub fn to_html(&self, title: &str) -> String {
        page::page(self, title)
    }
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands it a reference")]
fn is_false(flag: &bool) -> bool {
    !flag
}

/// The contract of a protocol.
///
/// Payloads and replies are described by [`schemars::JsonSchema`], which their types derive; one that does
/// not is described as `true`, which is any value. The same program gives the same contract.
///
/// Types of other crates have one by features of `schemars`, to be enabled in your own dependency on it:
/// `chrono04`, `uuid1`, and others. Dates and UUIDs are strings, in TypeScript as well.
///
/// ```
/// use schemars::JsonSchema;
/// use serde::{Deserialize, Serialize};
/// use socketkit::{Events, Protocol};
///
/// #[derive(Serialize, Deserialize, JsonSchema)]
/// pub struct Post { id: u32, body: String }
///
/// #[derive(Events)]
/// pub enum ClientEvent {
///     /// Publish a post; answered with its id.
///     #[event(reply = u32, max = "4KiB")]
///     SubmitPost { body: String },
/// }
///
/// #[derive(Events)]
/// pub enum ServerEvent { PostUpdate(Post) }
///
/// #[derive(Protocol)]
/// #[protocol(client = ClientEvent, server = ServerEvent)]
/// pub struct Forum;
///
/// # fn main() {
/// let contract = socketkit::contract::<Forum>();
/// let submit = &contract.client["submit_post"];
/// assert_eq!(submit.doc.as_deref(), Some("Publish a post; answered with its id."));
/// assert_eq!(submit.payload.as_ref().unwrap()["properties"]["body"]["type"], "string");
/// assert_eq!(contract.server["post_update"].payload.as_ref().unwrap()["$ref"], "#/write/Post");
/// assert_eq!(contract.write["Post"]["required"], serde_json::json!(["id", "body"]));
/// # }
/// ```
pub fn contract<P: Protocol>() -> Contract {
    let generator = |direction: Direction, path: &str| {
        let mut settings = SchemaSettings::draft2020_12();
        (settings.contract, settings.definitions_path) = (direction, path.to_owned().into());
        settings.into_generator()
    };
    let mut read = generator(Direction::Deserialize, "/read");
    let mut write = generator(Direction::Serialize, "/write");
    let mut client = events::<P::Client>(&mut read, &mut write);
    let mut server = events::<P::Server>(&mut write, &mut read);
    let presence = presence::<P>(&mut read, &mut write);
    let [read, write] = [read, write].map(|mut generator| generator.take_definitions(true));
    for event in client.values_mut().chain(server.values_mut()) {
        event.fingerprint = fingerprint::event(event, &read, &write);
    }
    let shapes = presence.iter().flat_map(|presence| [&presence.room, &presence.member]);
    let hash = fingerprint::all(&client, &server, shapes, &read, &write);
    Contract { hash, client, server, presence, read, write }
}

/// Rooms and members, which the server alone writes.
fn presence<P: Protocol>(
    read: &mut SchemaGenerator,
    write: &mut SchemaGenerator,
) -> Option<PresenceContract> {
    let (doc, payload, reply, progress) = (None, None, None, None);
    let mut shapes = Shapes { payloads: write, replies: read, doc, payload, reply, progress };
    P::describe(&mut shapes);
    let room = shapes.payload?.into();
    Some(PresenceContract { room, member: shapes.reply?.into() })
}

fn events<E: Events>(
    payloads: &mut SchemaGenerator,
    replies: &mut SchemaGenerator,
) -> BTreeMap<String, EventContract> {
    let describe = |(index, name): (usize, &&str)| {
        let (doc, payload, reply, progress) = (None, None, None, None);
        let mut shapes = Shapes { payloads, replies, doc, payload, reply, progress };
        E::describe(index, &mut shapes);
        let policy = E::policy(index);
        let event = EventContract {
            doc: shapes.doc,
            payload: shapes.payload.map(Value::from),
            reply: shapes.reply.map(Value::from),
            progress: shapes.progress.map(Value::from),
            volatile: policy == Policy::Volatile,
            latest: (policy == Policy::Latest).then(|| {
                let fields = E::latest_by(index).iter();
                fields.map(|field| (*field).to_owned()).collect()
            }),
            max: E::max_bytes(index),
            rate: E::rate(index).map(|rate| RateContract {
                count: rate.count,
                per_ms: u64::try_from(rate.per.as_millis()).unwrap_or(u64::MAX),
                burst: rate.burst,
            }),
            fingerprint: String::new(),
        };
        ((*name).to_owned(), event)
    };
    E::NAMES.iter().enumerate().map(describe).collect()
}
