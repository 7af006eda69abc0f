//! The pair of event sets that the two sides of a socket speak.

use crate::{Events, Member};
use serde::{Deserialize, Serialize};
use std::{fmt::Debug, hash::Hash};

/// The contract between the two sides of a socket.
///
/// `#[derive(Protocol)]` writes this impl: see the [derive](macro@crate::Protocol).
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a protocol",
    label = "expected a type with `#[derive(Protocol)]`"
)]
pub trait Protocol: Send + Sync + 'static {
    /// What clients send: [`NoEvents`](crate::NoEvents) if they only listen.
    type Client: Events;
    /// What the server sends: [`NoEvents`](crate::NoEvents) if it only answers.
    type Server: Events;
    /// Names a group of sockets on the server: [`NoRoom`] if there are no groups.
    type Room: Clone + Debug + Eq + Hash + Send + Sync + 'static;
    /// Who can be present in a room: [`NoMember`](crate::NoMember) if nobody is shown.
    type Member: Member;

    /// Describes rooms and members for the contract.
    #[cfg(feature = "schema")]
    #[doc(hidden)]
    fn describe(about: &mut crate::contract::shape::Shapes<'_>) {
        let _ = about;
    }
}

/// The room of a protocol without rooms.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum NoRoom {}
