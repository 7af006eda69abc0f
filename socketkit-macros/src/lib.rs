//! The derive macros of [socketkit](https://docs.rs/socketkit): use them from there.
//!
//! `SOCKETKIT_MACROS_DEBUG=1 cargo check` prints what they expand to.
#![forbid(unsafe_code)]
#![cfg_attr(
    not(test),
    deny(
        clippy::expect_used,
        clippy::indexing_slicing,
        clippy::panic,
        clippy::unreachable,
        clippy::unwrap_used
    )
)]

mod amount;
mod attr;
mod case;
mod doc;
mod errors;
mod events;
mod input;
mod methods;
mod path;
mod policy;
mod protocol;
mod schema;
mod serde;
mod slots;
mod stub;

#[cfg(test)]
mod snapshots;

use proc_macro::TokenStream;
use syn::Result;

/// Makes a closed set of events of an enum: one struct for each variant.
///
/// Beside `ClientEvent` stands then a module `client_event` with a struct of the same name, fields and
/// doc comment for each variant. The struct is the first argument of the event's handler, its payload,
/// and what `call` is given; it converts into the enum.
///
/// ```
/// use socketkit::{Event, Events};
///
/// #[derive(Debug, Events)]
/// #[events(derive(Debug, Clone))]
/// pub enum ClientEvent {
///     /// Publish a post; answered with its id.
///     #[event(reply = u64)]
///     SubmitPost { author: String, body: String },
///     /// Watch one post.
///     #[event(rename = "post.watch", alias = "watch")]
///     Watch(u64),
///     /// The user is typing.
///     #[event(volatile)]
///     Typing,
/// }
///
/// fn main() {
///     assert_eq!(ClientEvent::NAMES, ["submit_post", "post.watch", "typing"]);
///     assert_eq!(client_event::Watch::NAME, "post.watch");
///     assert_eq!(ClientEvent::index_of("watch"), Some(1));
///     let event: ClientEvent = client_event::Watch(7).into();
///     assert_eq!(event.name(), "post.watch");
/// }
/// ```
///
/// # Variants
///
/// | variant | struct | `data` on the wire |
/// | --- | --- | --- |
/// | `Typing` | `struct Typing;` | absent; any value is accepted, so that fields can be added later |
/// | `Watch(u64)` | `struct Watch(pub u64);` | the value: `7` |
/// | `Move(f32, f32)` | `struct Move(pub f32, pub f32);` | `[1.0,2.0]` |
/// | `SubmitPost { author, body }` | the same, with public fields | `{"author":..,"body":..}` |
/// | `#[event(transparent)] Post(Post)` | none: `Post` itself is the event | its own form |
///
/// Payloads need `Serialize` and `Deserialize`, and own their data. Doc comments and `#[deprecated]` are
/// copied to the struct. A payload may be named like a variant: `SubmitPost(SubmitPost)`.
///
/// # Attributes
///
/// | attribute | what it does |
/// | --- | --- |
/// | `#[events(rename_all = "..")]` | names of events; default `snake_case`, and serde's other rules |
/// | `#[events(module = ..)]` | name of the module; default: the enum's in `snake_case` |
/// | `#[events(derive(..))]` | derives for the structs, besides `Serialize` and `Deserialize` |
/// | `#[events(crate = ::path)]` | where `socketkit` is, if it was renamed or re-exported |
/// | `#[event(rename = "..")]` | name on the wire: `[a-z][a-z0-9_]*([.:-][a-z0-9_]+)*`, at most 64 bytes; with capitals if `rename_all` has them |
/// | `#[event(alias = "..")]` | also accepted on receipt, capitals too; repeatable |
/// | `#[event(reply = T)]` | what the event is answered with, as visible as the enum; default `()` |
/// | `#[event(progress = T)]` | what its handler reports before it answers, by `Progress<T>`; a call that is given up cancels it |
/// | `#[event(volatile)]` | dropped where its receiver lags |
/// | `#[event(latest)]` | where its receiver lags, the newest takes the place of an unsent one |
/// | `#[event(latest = "id")]` | the same for each value of a field; of several: `latest = "room, user"` |
/// | `#[event(max = "4KiB")]` | length of the payload as JSON; a longer one is refused: `too_large` |
/// | `#[event(rate = "5/s", burst = 10)]` | how often one socket may send it; one that comes too fast is refused: `too_fast` |
/// | `#[event(transparent)]` | the payload of the newtype variant is itself the event: a type of one's own, of no other variant |
/// | `#[serde(..)]` on a field | copied, with its paths as they are seen beside the enum |
/// | `#[serde(rename_all_fields, deny_unknown_fields)]` on the enum | copied to each struct |
///
/// # Policies
///
/// Whoever receives an event holds its sender to `max` and `rate`, the server as well as the Rust client.
/// What is over them is refused before it is decoded, as the answer of a call or as a failure, and costs
/// nothing of the rate.
///
/// - **`max`**: bytes of the JSON text of `data`, without what stands around it: `512` or `"512B"`, `"4KB"`
///   (4,000), `"4KiB"` (4,096), `"1MB"`, `"1MiB"`. Not what the event takes in memory. A sender in Rust refuses it
///   as well: `Remote::emit` logs and drops it, on a server it goes to `on_error`, and a call fails with
///   `too_large`. `Limits::frame` holds all the same, for the whole frame.
/// - **`rate`**: how many in a second (`"5/s"`), a minute (`"90/min"`) or an hour (`"10/h"`), of each socket
///   and each event by itself. `burst` is how many may come at once after a pause, by default the number of
///   the rate: so many come within the time in any case, and a sender that counts its events by the second
///   is not refused for their moments. The refusal says how long to wait, for programs as its data,
///   `{"retry_in":200}` in milliseconds: `Call::or_reject` gets at it.
/// - **`latest = ".."`** names members of `data`: fields of a struct variant, for a newtype those of its payload,
///   for a tuple variant an index such as `"0"`. They implement `Hash`. A page finds them by the names that
///   `#[serde(rename)]` and `rename_all_fields` give them here; fields of a newtype's payload keep theirs.
///
/// ```
/// use serde::{Deserialize, Serialize};
/// use socketkit::Events;
///
/// #[derive(Serialize, Deserialize)]
/// pub struct Cursor {
///     pub user: u64,
///     pub x: f32,
///     pub y: f32,
/// }
///
/// #[derive(Events)]
/// pub enum ClientEvent {
///     /// Publish a post.
///     #[event(max = "4KiB", rate = "10/min", burst = 3)]
///     SubmitPost { author: String, body: String },
/// }
///
/// #[derive(Events)]
/// pub enum ServerEvent {
///     /// Where somebody points; of each user only the newest counts.
///     #[event(latest = "user")]
///     Pointed(Cursor),
/// }
///
/// fn main() {
///     assert_eq!(ClientEvent::max_bytes(0), Some(4096));
///     assert_eq!(ClientEvent::rate(0).unwrap().burst, 3);
///     assert_eq!(ServerEvent::latest_by(0), ["user"]);
/// }
/// ```
///
/// # Enums inside of functions
///
/// The module reaches its surroundings by `super`, which skips function bodies. So an enum may stand in a
/// function as long as its payload types do not, and none of them is `Self` or named like a variant; a doc
/// test needs an explicit `fn main()`.
#[proc_macro_derive(Events, attributes(events, event, serde))]
pub fn events(input: TokenStream) -> TokenStream {
    expansion("Events", events::derive(input.into()))
}

/// Makes a protocol of a type: which events clients send and which the server, and what names rooms.
///
/// ```
/// use socketkit::{Events, Protocol};
///
/// #[derive(Events)]
/// pub enum ServerEvent {
///     Visitors { online: usize },
/// }
///
/// #[derive(Protocol)]
/// #[protocol(server = ServerEvent, room = String)]
/// pub struct Counter;
/// # fn main() {}
/// ```
///
/// | attribute | default |
/// | --- | --- |
/// | `#[protocol(client = ..)]` | `NoEvents`: clients only listen |
/// | `#[protocol(server = ..)]` | `NoEvents`: the server only answers |
/// | `#[protocol(room = ..)]` | `NoRoom`; else any `Clone + Debug + Eq + Hash + Send + Sync + 'static` type |
/// | `#[protocol(presence = ..)]` | `NoMember`: nobody is shown; else who can be present in a room, any `Member` |
/// | `#[protocol(crate = ::path)]` | where `socketkit` is, if it was renamed or re-exported |
///
/// The enums and the type of rooms are at least as visible as the protocol. One of `client` and `server` has
/// to be there.
#[proc_macro_derive(Protocol, attributes(protocol))]
pub fn protocol(input: TokenStream) -> TokenStream {
    expansion("Protocol", protocol::derive(input.into()))
}

/// What a derive hands to the compiler, and prints for whoever asked for it.
fn expansion(derive: &str, expansion: Result<proc_macro2::TokenStream>) -> TokenStream {
    let expansion = expansion.unwrap_or_else(syn::Error::into_compile_error);
    if std::env::var_os("SOCKETKIT_MACROS_DEBUG").is_some_and(|value| value == "1") {
        #[allow(clippy::print_stderr)]
        {
            eprintln!("// derive({derive})\n{expansion}\n");
        }
    }
    expansion.into()
}
