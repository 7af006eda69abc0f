//! Typed event sockets.
#![forbid(unsafe_code)]

mod call;
mod close;
mod delivery;
mod event;
mod extract;
mod flusher;
mod frame;
mod handler;
mod handshake;
mod inspect;
mod limits;
mod outbox;
mod peer;
mod protocol;
mod reply;
mod session;
mod slots;
mod transport;
mod wire;
mod connection;
mod conversation;
mod hub;
mod socket;
mod admission;
mod application;
mod browser;
mod server;
mod service;
#[cfg(feature = "http")]
mod listen;
#[cfg(feature = "http")]
mod public;

pub use call::{Call, Replies};
pub use close::{CloseCode, Disconnect};
pub use delivery::{Delivery, EmitError};
pub use event::{Event, Events, NoEvents, Policy};
pub use extract::{Context, Ended, FromContext, Live, Opening, Session, State};
pub use handler::{Handler, Listener};
pub use handshake::{Handshake, PeerAddr};
pub use inspect::{Direction, Inspected};
pub use limits::Limits;
#[cfg(feature = "http")]
pub use listen::{Routes, Serve};
pub use peer::SocketId;
pub use protocol::{NoRoom, Protocol};
pub use reply::{CallError, IntoReply, Reject};
pub use server::Server;
pub use service::Service;
pub use socket::{Exclude, Io, OneRoom, OneSocket, Socket, Target};
#[cfg(feature = "macros")]
pub use socketkit_macros::{Events, Protocol};
pub use wire::SUBPROTOCOL;

/// What the expansions of the derives name; no part of the public API.
#[doc(hidden)]
pub mod __private {
    pub use crate::slots::{Exhaustive, Fill, FreeFor, HandlerFor, No, Yes};
    pub use serde;
    pub use serde_json;
}
