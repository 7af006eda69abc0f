//! Protocols of every kind, of which documents are made.

#[allow(dead_code, reason = "others use the rest")]
#[path = "../typescript/present.rs"]
pub(crate) mod present;
#[allow(dead_code, reason = "others use the rest")]
#[path = "../typescript/shapes.rs"]
pub(crate) mod shapes;

pub(crate) use present::*;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use shapes::*;
use socketkit::{Contract, Events, Protocol, contract};
use std::{
    borrow::Cow,
    collections::{BTreeMap, BTreeSet, HashMap},
};

/// All of them, by name.
pub(crate) fn all() -> [(&'static str, Contract); 10] {
    [
        ("Forum", contract::<Forum>()),
        ("Shapes", contract::<Shapes>()),
        ("Names", contract::<Names>()),
        ("Recursive", contract::<Recursive>()),
        ("Bounded", contract::<Bounded>()),
        ("Listening", contract::<Listening>()),
        ("Telling", contract::<Telling>()),
        ("Working", contract::<Working>()),
        ("Meeting", contract::<Meeting>()),
        ("Counter", contract::<Counter>()),
    ]
}

/// What somebody has written.
///
/// Its `id` names it *everywhere*; see [`Author`] for who it is of.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
pub(crate) struct Message {
    id: u64,
    author: Author,
    /// What it says.
    #[schemars(length(min = 1, max = 2000), example = &"hello, world")]
    body: String,
    #[serde(default)]
    tags: Vec<String>,
    answers: Option<u64>,
}

/// Who writes.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
pub(crate) struct Author {
    #[schemars(example = &"Ada")]
    name: String,
    role: Role,
}

/// What somebody may do.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Role {
    /// Reads and writes.
    Member,
    /// May remove what others have written.
    Moderator,
}

#[derive(Debug, Events)]
pub(crate) enum ForumClient {
    /// Publish a message; answered with its id.
    ///
    /// Refused with `empty` where there is nothing in it:
    ///
    /// - not even *one* character
    /// - or only white space
    ///
    /// See [the rules](https://example.com/rules) and [`Message`].
    #[event(reply = u64, max = "4KiB", rate = "5/min", burst = 3)]
    Submit {
        /// What it says.
        body: String,
        /// The message that this one answers.
        answers: Option<u64>,
        #[serde(default)]
        tags: Vec<String>,
    },
    /// The messages from one on, oldest first.
    #[event(reply = Vec<Message>)]
    History(u64),
    /// Change what one has written.
    #[event(reply = Message)]
    Change(Message),
    /// The user is typing.
    #[event(volatile)]
    Typing,
}

#[derive(Debug, Events)]
pub(crate) enum ForumServer {
    /// A new message.
    Posted(Message),
    /// Where somebody's cursor is.
    #[event(latest = "user")]
    Cursor { user: u64, x: f32, y: f32 },
    /// How many are here.
    #[event(latest)]
    Online(usize),
    /// Whether to go on; answered by the user.
    #[event(reply = bool)]
    Confirm { question: String },
    /// Somebody else is typing.
    #[event(volatile)]
    SomeoneTyping { name: String },
}

#[derive(Debug, Protocol)]
#[protocol(client = ForumClient, server = ForumServer)]
pub(crate) struct Forum;

/// Nobody knows its shape.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Opaque(u8);

#[derive(Debug, Serialize, Deserialize, JsonSchema)]
pub(crate) struct Many {
    map: HashMap<String, u32>,
    by_number: BTreeMap<u32, String>,
    set: BTreeSet<u8>,
    three: [u8; 3],
    tuple: (u8, String, Option<bool>),
    nested: Option<Option<u8>>,
    unit: (),
    letter: char,
    text: Cow<'static, str>,
    large: u128,
    small: i8,
    any: serde_json::Value,
    pages: Page<Page<Id>>,
}

#[derive(Debug, Events)]
pub(crate) enum ShapesEvents {
    #[event(reply = Option<Post>)]
    OfPost(Post),
    #[event(reply = Opaque)]
    Ids(Vec<Id>),
    #[event(reply = ())]
    PairOf(Pair),
    Pages(Page<Post>),
    ExternalOne(External),
    InternalOne(Internal),
    AdjacentOne(Adjacent),
    UntaggedOne(Untagged),
    FlatOne(Flat),
    StrictOne(Strict),
    ManyOfThem(Many),
    Trees(Tree),
    Maybe(Option<Place>),
    Nothing(()),
    Unknown(Opaque),
    Two(f32, Option<String>),
    Digits {
        #[serde(with = "socketkit::as_string")]
        number: u64,
        #[serde(with = "socketkit::as_string")]
        others: Vec<i64>,
    },
}

#[derive(Debug, Protocol)]
#[protocol(client = ShapesEvents, server = ShapesEvents)]
pub(crate) struct Shapes;

/// Named as no key of AsyncAPI is.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "Größe/1 <b>~")]
pub(crate) struct Odd {
    #[serde(rename = "</code><b>")]
    field: u8,
    next: Option<Box<Odd>>,
}

#[derive(Debug, Serialize, Deserialize, JsonSchema)]
pub(crate) struct Socket {
    plain: u8,
}

#[derive(Debug, Events)]
#[events(rename_all = "camelCase")]
pub(crate) enum NamesEvents {
    #[event(rename = "room.user:joined-now", reply = Odd)]
    Joined(Odd),
    #[event(rename = "room:user.joined-now")]
    Others(Socket),
    #[event(rename = "room.user.joined-now")]
    Dots,
    CapitalsOfTwo,
    Reply,
    Hello,
    Heartbeat,
}

#[derive(Debug, Protocol)]
#[protocol(client = NamesEvents, server = NamesEvents)]
pub(crate) struct Names;

/// A list, of which the first variant is not the end.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
pub(crate) enum List {
    More { value: u8, rest: Box<List> },
    End,
}

#[derive(Debug, Serialize, Deserialize, JsonSchema)]
pub(crate) struct Parent {
    children: Vec<Child>,
    by_name: BTreeMap<String, Child>,
}

#[derive(Debug, Serialize, Deserialize, JsonSchema)]
pub(crate) struct Child {
    parent: Option<Box<Parent>>,
    list: List,
}

#[derive(Debug, Events)]
pub(crate) enum RecursiveEvents {
    Lists(List),
    Children(Vec<Child>),
    #[event(reply = Child)]
    Ask(Parent),
}

#[derive(Debug, Protocol)]
#[protocol(client = RecursiveEvents)]
pub(crate) struct Recursive;

/// Values of which not all are allowed.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
pub(crate) struct Bounds {
    #[schemars(range(min = 7, max = 9))]
    seven: u8,
    #[schemars(range(max = -4))]
    negative: i32,
    #[schemars(extend("exclusiveMinimum" = 0.0, "exclusiveMaximum" = 0.25))]
    fraction: f64,
    #[schemars(extend("multipleOf" = 12, "minimum" = 30))]
    dozens: u32,
    #[schemars(length(min = 20))]
    long: String,
    #[schemars(length(max = 2))]
    short: String,
    #[schemars(length(min = 3))]
    three: Vec<u8>,
    #[schemars(length(equal = 0))]
    none: Vec<u8>,
    #[schemars(regex(pattern = "^[a-f]{4}$"), example = &"cafe")]
    known: String,
    #[schemars(email)]
    email: String,
    #[schemars(url)]
    url: String,
    by_number: BTreeMap<i8, bool>,
    large: u64,
}

#[derive(Debug, Events)]
pub(crate) enum BoundedEvents {
    Bounds(Bounds),
}

#[derive(Debug, Protocol)]
#[protocol(client = BoundedEvents, server = BoundedEvents)]
pub(crate) struct Bounded;

#[derive(Debug, Events)]
pub(crate) enum Bare {
    Ping,
    Pong,
}

/// Clients only listen.
#[derive(Debug, Protocol)]
#[protocol(server = Bare)]
pub(crate) struct Listening;

/// The server only answers.
#[derive(Debug, Protocol)]
#[protocol(client = Bare)]
pub(crate) struct Telling;

/// How far some work has come.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
pub(crate) struct Step {
    #[schemars(example = 3)]
    done: usize,
    #[serde(default)]
    of: Option<usize>,
}

/// What takes its time.
#[derive(Debug, Events)]
pub(crate) enum Work {
    /// Import messages; answered with how many there were.
    #[event(reply = usize, progress = Step)]
    Import { messages: Vec<String> },
    /// Answered when it is done.
    #[event(progress = Option<f32>)]
    Tidy,
    #[event(reply = bool)]
    Quick,
}

#[derive(Debug, Protocol)]
#[protocol(client = Work, server = Work)]
pub(crate) struct Working;
