//! Typed event sockets.
#![forbid(unsafe_code)]
// The contract alone: what moves frames is compiled, and waits for a side.
#![cfg_attr(not(all(feature = "client", feature = "server")), allow(dead_code))]

#[cfg(feature = "server")]
mod admission;
#[cfg(feature = "server")]
mod application;
#[cfg(feature = "server")]
mod browser;
mod call;
#[cfg(feature = "client")]
mod client;
#[cfg(feature = "client")]
mod client_app;
#[cfg(feature = "client")]
mod client_builder;
mod close;
mod connection;
#[cfg(feature = "server")]
mod context;
mod conversation;
mod delivery;
#[cfg(feature = "client")]
mod dial;
mod event;
mod extract;
mod flusher;
mod frame;
mod handler;
mod handshake;
#[cfg(feature = "server")]
mod hub;
#[cfg(feature = "server")]
mod inspect;
mod limits;
#[cfg(feature = "http")]
mod listen;
#[cfg(feature = "server")]
mod listener;
#[cfg(all(feature = "client", feature = "server"))]
mod local;
mod outbox;
mod peer;
mod protocol;
#[cfg(feature = "http")]
mod public;
#[cfg(feature = "client")]
mod reconnect;
#[cfg(feature = "client")]
mod remote;
mod reply;
#[cfg(feature = "server")]
mod server;
#[cfg(feature = "server")]
mod service;
mod session;
mod slots;
#[cfg(feature = "server")]
mod socket;
#[cfg(feature = "server")]
mod table;
mod transport;
mod wire;

pub use call::{Call, Replies};
#[cfg(feature = "client")]
pub use client::Client;
#[cfg(feature = "client")]
pub use client_app::ClientContext;
#[cfg(feature = "client")]
pub use client_builder::ClientBuilder;
pub use close::{CloseCode, Disconnect};
#[cfg(feature = "server")]
pub use context::{Context, Ended, Live, Opening};
pub use delivery::{Delivery, EmitError};
#[cfg(feature = "client")]
pub use dial::ConnectError;
pub use event::{Event, Events, NoEvents, Policy};
pub use extract::{FromContext, Session, State};
pub use handler::Handler;
pub use handshake::{Handshake, PeerAddr};
#[cfg(feature = "server")]
pub use inspect::{Direction, Inspected};
pub use limits::Limits;
#[cfg(feature = "http")]
pub use listen::{Routes, Serve};
#[cfg(feature = "server")]
pub use listener::Listener;
pub use peer::SocketId;
pub use protocol::{NoRoom, Protocol};
#[cfg(feature = "client")]
pub use remote::{Remote, Status};
pub use reply::{CallError, IntoReply, Reject};
#[cfg(feature = "server")]
pub use server::Server;
#[cfg(feature = "server")]
pub use service::Service;
#[cfg(feature = "server")]
pub use socket::{Exclude, Io, OneRoom, OneSocket, Socket, Target};
#[cfg(feature = "macros")]
pub use socketkit_macros::{Events, Protocol};
pub use wire::SUBPROTOCOL;

/// What the expansions of the derives name; no part of the public API.
#[doc(hidden)]
pub mod __private {
    pub use crate::slots::{Exhaustive, Fill, FreeFor, HandlerFor, No, Rest, Yes};
    pub use serde;
    pub use serde_json;
}
