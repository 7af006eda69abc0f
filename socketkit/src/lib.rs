//! Typed event sockets: two enums, plain async handlers, readable JSON over WebSocket.
//!
//! Write one enum of the events that clients send and one of those that the server sends, put
//! `#[derive(Events)]` on both, and write async functions. The compiler checks that every event has
//! exactly one handler, and that each handler returns what its event is answered with.
//!
//! ```
//! # #[cfg(all(feature = "macros", feature = "client", feature = "server"))]
//! # mod example {
//! use socketkit::{Events, Io, Protocol, Reject, Server, Socket, State};
//! use std::sync::Mutex;
//!
//! #[derive(Debug, Events)]
//! pub enum ClientEvent {
//!     /// Publish a post; answered with its number.
//!     #[event(reply = usize)]
//!     SubmitPost { author: String, body: String },
//!     /// The user is typing.
//!     #[event(volatile)]
//!     Typing,
//! }
//!
//! #[derive(Debug, Events)]
//! pub enum ServerEvent {
//!     /// Every post so far, on connection.
//!     History(Vec<String>),
//!     /// A new post.
//!     PostUpdate { author: String, body: String },
//!     /// Somebody else is typing.
//!     #[event(volatile)]
//!     SomeoneTyping,
//! }
//!
//! #[derive(Protocol)]
//! #[protocol(client = ClientEvent, server = ServerEvent)]
//! pub struct Forum;
//!
//! # use client_event::{SubmitPost, Typing};
//! type Posts = Mutex<Vec<String>>;
//!
//! async fn connected(socket: Socket<Forum>, posts: State<Posts>) {
//!     socket.emit(ServerEvent::History(posts.lock().unwrap().clone()));
//! }
//!
//! async fn submit_post(post: SubmitPost, io: Io<Forum>, posts: State<Posts>) -> Result<usize, Reject> {
//!     if post.body.is_empty() {
//!         return Err(Reject::new("empty", "a post needs a body"));
//!     }
//!     let mut posts = posts.lock().unwrap();
//!     posts.push(post.body.clone());
//!     io.broadcast(ServerEvent::PostUpdate { author: post.author, body: post.body });
//!     Ok(posts.len())
//! }
//!
//! async fn typing(_: Typing, socket: Socket<Forum>) {
//!     socket.broadcast(ServerEvent::SomeoneTyping);
//! }
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # pub async fn main() {
//! let server = Server::<Forum>::new()
//!     .state(Posts::default())
//!     .on_connect(connected)
//!     .on(submit_post)
//!     .on(typing);
//! // `server.listen("127.0.0.1:3000").await` serves it; here a client is connected in memory.
//! let mut client = server.build().local().await;
//! let number = client.call(SubmitPost { author: "ada".into(), body: "hello".into() }).await;
//! assert_eq!(number.unwrap(), 1);
//! assert!(matches!(client.recv().await, Some(ServerEvent::History(posts)) if posts.is_empty()));
//! # }
//! # }
//! # #[cfg(all(feature = "macros", feature = "client", feature = "server"))]
//! # example::main();
//! ```
//!
//! # The contract
//!
//! [`Events`](macro@Events) makes, beside each enum, a module named after it with one struct for each
//! variant: the key of a handler, its payload, and what names the reply. What goes out is the enum, or
//! the struct. [`Protocol`](macro@Protocol) makes a pair of two enums, with the type that names rooms.
//!
//! # Handlers
//!
//! An async function whose first argument is the event; up to six others are drawn from the connection
//! ([`FromContext`]): [`Socket`], [`Io`], [`SocketId`], [`Handshake`], [`State`], [`Session`], or one's
//! own. The events of one socket are handled one after the other, sockets beside each other. A handler
//! may call its own peer and wait for the reply. Long work goes to [`Socket::spawn`]; or it reports its
//! [`Progress`], and is cancelled when its call is given up.
//!
//! # Sending
//!
//! [`Socket::emit`], [`Io::broadcast`], and [`Target`] for rooms and selections never wait and return a
//! [`Delivery`], which nobody needs to look at. A broadcast is encoded once, and any two arrive in the
//! same order everywhere. [`Socket::send`] waits for room; [`Socket::call`] for a typed reply.
//!
//! # Rooms and presence
//!
//! A socket joins rooms, which any type of yours names, by [`Socket::join`]; [`Io::to`] reaches who is in
//! one. [`Socket::present`] shows there who it is, one entry a person: see [`guide::presence`].
//!
//! # Sessions
//!
//! A session outlives its connections. A client that comes back within [`Limits::resume`] goes on where it
//! was: both sides send again what the other has not processed, so that nothing is lost, doubled or
//! reordered, and each call runs once and is answered once. Where that cannot be, such as after a restart
//! of the server, a new session begins with `on_connect`, and the client is told how much of what it sent
//! may or may not have arrived ([`Status::Reset`]). A token of the server's proves whose a session is;
//! [`Server::authorize`] runs on every connection, and [`Server::identify`] ties a session to a user.
//!
//! # Several nodes
//!
//! With the feature `nats` or `redis` servers that name one engine in `Server::cluster` are one: what is emitted,
//! joined, closed and called reaches the sockets of all, and a session goes on on whichever its client comes to.
//!
//! # Errors
//!
//! A handler refuses with a [`Reject`], which the peer sees as a code and a message; `?` on any other
//! error is logged here and seen there as `internal`, and so is a panic. Every call is answered exactly
//! once; why one has no reply is a [`CallError`]. How a socket ended is a [`Disconnect`].
//!
//! # Cancel safety
//!
//! Handlers run to their end, even when their socket ends meanwhile (within [`Limits::grace`]); only that of an
//! event with [`Progress`] is dropped at its `await` when its call is given up. Dropping a [`Call`] forgets it;
//! [`Client::recv`] loses nothing; dropping the future of [`Service::upgraded`] leaves the socket open.
//!
//! # Limits
//!
//! Every queue is bounded. [`Limits`] names each bound, its default, and what happens beyond it. How long
//! and how frequent one event may be is said where it is declared:
//! `#[event(max = "4KiB", rate = "5/s")]`, see [`Events`](macro@Events#policies).
//!
//! # Wire format
//!
//! `socketkit.v1.json`: one JSON object for each text frame, such as
//! `{"event":"submit_post","id":1,"data":{"author":"ada","body":"hello"}}` and `{"reply":1,"data":1}`.
//! A page gets its client from the server itself, under the mount: `/ws/client.js`. [`guide::browser`] has
//! recipes for it: plain pages, React, Vue and Svelte, uploads. With the feature `schema` all events and
//! frames are there to read, at `/ws/docs`.
//!
//! # Features
//!
//! | feature | | what it adds |
//! | --- | --- | --- |
//! | `macros` | default | the derives |
//! | `server` | default | [`Server`], [`Service`] and their handles, to embed |
//! | `http` | default | a listener of its own: [`Server::listen`], [`Server::public`], [`Routes`] |
//! | `client` | default | [`Client`] |
//! | `tls` | | `wss://` in [`Client`] |
//! | `nats`, `redis` | | several nodes: `Server::cluster` with `nats::connect(url)` or `redis::connect(url)`; `Emitter`; see `guide::cluster` |
//! | `schema` | | `contract`: events, payloads and replies as data, served as `contract.json`, `asyncapi.json` and, to read, `docs`; compared by `Contract::compare` |
//! | `test` | | `test::Kit`: an application on a network that fails on demand; see [`guide::testing`] |
#![forbid(unsafe_code)]
// The contract alone: what moves frames is compiled, and waits for a side.
#![cfg_attr(not(all(feature = "client", feature = "server")), allow(dead_code))]

#[cfg(feature = "server")]
mod admission;
mod alarm;
mod allowance;
#[cfg(feature = "server")]
mod application;
mod arguments;
#[cfg(feature = "http")]
mod arrival;
#[cfg(feature = "http")]
mod arrivals;
pub mod as_string;
mod backlog;
#[cfg(feature = "http")]
mod bind;
#[cfg(feature = "server")]
mod browser;
mod call;
mod calls;
#[cfg(feature = "client")]
mod client;
#[cfg(feature = "client")]
mod client_app;
#[cfg(feature = "client")]
mod client_builder;
mod close;
#[cfg(feature = "server")]
mod cluster;
mod connection;
#[cfg(feature = "server")]
mod context;
#[cfg(feature = "schema")]
mod contract;
mod conversation;
mod counters;
#[cfg(feature = "server")]
mod deadline;
mod decoder;
mod delivery;
#[cfg(feature = "client")]
mod dial;
#[cfg(feature = "server")]
mod drain;
mod end;
mod ending;
#[cfg(feature = "server")]
mod entry;
mod event;
mod event_rate;
mod extract;
mod failure;
mod flusher;
mod frame;
#[cfg(any(test, fuzzing))]
mod fuzzing;
mod gap;
pub mod guide;
mod handler;
mod handshake;
mod head;
#[cfg(feature = "http")]
mod health;
mod held;
#[cfg(feature = "server")]
mod hub;
#[cfg(feature = "server")]
mod inspect;
#[cfg(feature = "server")]
mod io;
mod latest;
#[cfg(feature = "server")]
mod life;
mod limits;
#[cfg(feature = "http")]
mod listen;
#[cfg(feature = "server")]
mod listener;
#[cfg(all(feature = "client", feature = "server"))]
mod local;
mod moment;
mod node;
mod notices;
mod outbox;
mod pace;
#[cfg(feature = "server")]
mod package;
mod path;
mod payload;
mod peer;
#[cfg(feature = "server")]
mod presence;
#[cfg(feature = "client")]
mod presence_store;
mod present;
mod progress;
mod protocol;
#[cfg(feature = "http")]
mod public;
mod pulse;
mod question;
mod queued;
mod rate;
#[cfg(feature = "client")]
mod reconnect;
#[cfg(feature = "client")]
mod remote;
mod replies;
mod reply;
mod reports;
#[cfg(feature = "server")]
mod revoke;
#[cfg(feature = "server")]
mod rooms;
#[cfg(feature = "http")]
mod routes;
mod seat;
#[cfg(feature = "server")]
mod server;
#[cfg(feature = "server")]
mod service;
mod session;
#[cfg(feature = "http")]
mod site;
#[cfg(all(feature = "client", feature = "schema"))]
mod skew;
mod slots;
#[cfg(feature = "server")]
mod socket;
mod socket_id;
#[cfg(feature = "server")]
mod stagger;
#[cfg(feature = "http")]
mod stalling;
#[cfg(feature = "server")]
mod stats;
mod table;
#[cfg(feature = "server")]
mod target;
#[cfg(feature = "test")]
pub mod test;
mod ticket;
mod transport;
mod treatment;
mod turn;
#[cfg(feature = "server")]
mod upgrade;
mod watchdog;
mod wire;

pub use call::Call;
#[cfg(feature = "client")]
pub use client::Client;
#[cfg(feature = "client")]
pub use client_app::ClientContext;
#[cfg(feature = "client")]
pub use client_builder::ClientBuilder;
pub use close::{CloseCode, Disconnect};
#[cfg(feature = "nats")]
pub use cluster::nats;
#[cfg(feature = "redis")]
pub use cluster::redis;
#[cfg(feature = "cluster")]
pub use cluster::{ClusterError, ClusterOptions, ClusterStatus, Emitter};
#[cfg(feature = "server")]
pub use context::{Context, Ended, Live, Opening, Replayed, Resumed};
#[cfg(feature = "schema")]
pub use contract::{
    Breaks, Change, Contract, EventContract, PresenceContract, RateContract, Side, contract,
};
pub use delivery::{Delivery, EmitError};
#[cfg(feature = "client")]
pub use dial::ConnectError;
pub use event::{Event, Events, NoEvents, Policy};
pub use event_rate::EventRate;
pub use extract::{FromContext, Session, State};
pub use gap::Gap;
pub use handler::Handler;
pub use handshake::{Handshake, PeerAddr};
#[cfg(feature = "server")]
pub use inspect::{Direction, Inspected};
#[cfg(feature = "server")]
pub use io::Io;
pub use limits::Limits;
#[cfg(feature = "http")]
pub use listen::Serve;
#[cfg(feature = "server")]
pub use listener::Listener;
pub use node::{InvalidId, NodeId};
#[cfg(feature = "server")]
pub use package::BrowserClient;
#[cfg(feature = "server")]
pub use presence::FetchedPresence;
pub use present::{Member, NoMember, Present};
pub use progress::Progress;
pub use protocol::{NoRoom, Protocol};
#[cfg(feature = "client")]
pub use remote::{Remote, Status};
pub use replies::Replies;
pub use reply::{CallError, IntoReply, Reject};
#[cfg(feature = "http")]
pub use routes::Routes;
#[cfg(feature = "server")]
pub use server::Server;
#[cfg(feature = "server")]
pub use service::Service;
#[cfg(all(feature = "client", feature = "schema"))]
pub use skew::Skew;
#[cfg(feature = "server")]
pub use socket::Socket;
pub use socket_id::SocketId;
#[cfg(feature = "macros")]
pub use socketkit_macros::{Events, Protocol};
#[cfg(feature = "server")]
pub use stats::{ClusterStats, EventStats, Stats};
#[cfg(feature = "server")]
pub use target::{Counted, Exclude, Fetched, OneRoom, OneSocket, Target};
pub use wire::SUBPROTOCOL;

#[doc(hidden)]
#[path = "private.rs"]
pub mod __private;

/// Code that `#[derive(Events)]` writes for the feature `schema`. No part of the public API.
#[cfg(feature = "schema")]
#[doc(hidden)]
#[macro_export]
macro_rules! __schema {
    ($($tokens:tt)*) => { $($tokens)* };
}

/// Without the feature there is none of it.
#[cfg(not(feature = "schema"))]
#[doc(hidden)]
#[macro_export]
macro_rules! __schema {
    ($($tokens:tt)*) => {};
}

#[cfg(fuzzing)]
#[doc(hidden)]
#[path = "fuzz.rs"]
pub mod __fuzz;
