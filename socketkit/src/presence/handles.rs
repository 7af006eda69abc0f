//! What handlers do and ask about presence.

use super::shown::Shown;
use crate::{Io, NodeId, Present, Protocol, Socket};
use serde::Serialize;
use serde_json::value::to_raw_value;

impl<P: Protocol> Socket<P> {
    /// Shows this socket in a room as `member`, for all who are told of the room, and tells it who else is
    /// there; it joins the room as well. Said again, it shows as what is said then.
    ///
    /// There is one entry a person: sockets whose members have the same [`key`](crate::Member::key) share it,
    /// and what one of them says holds for all. Each change is one small frame to everybody, made once; who comes
    /// gets the list. A page is told by `presence(room)`, a Rust client by `Remote::presence`.
    ///
    /// A person whose last socket has ended is there for 2 s more, as a page may be loaded again; one
    /// whose connection was lost for 10 s, and again when it is back. [`leave`](Self::leave) takes effect
    /// at once.
    ///
    /// A room is told by its JSON, which has to differ for different rooms. Where that or the member does not
    /// serialise, that is logged, and nothing changes.
    ///
    /// The list of a room has to fit into [`Limits::queue_hard_bytes`](crate::Limits::queue_hard_bytes):
    /// who comes to a larger one is closed as too slow.
    pub fn present(&self, room: impl Into<P::Room>, member: P::Member)
    where
        P::Room: Serialize,
    {
        match Shown::new(member) {
            Ok(shown) => self.enter_presence(&room.into(), Some(shown)),
            Err(error) => tracing::error!(%error, "a member does not serialise"),
        }
    }

    /// Tells this socket who is present in a room, without showing it there; it joins the room as well.
    pub fn watch_presence(&self, room: impl Into<P::Room>)
    where
        P::Room: Serialize,
    {
        self.enter_presence(&room.into(), None);
    }

    fn enter_presence(&self, room: &P::Room, shown: Option<(String, Shown<P::Member>)>)
    where
        P::Room: Serialize,
    {
        match to_raw_value(room) {
            Ok(name) => {
                self.join(room.clone());
                self.io().hub.present(self.peer(), room, name, shown);
            }
            Err(error) => tracing::error!(%error, "a room does not serialise"),
        }
    }
}

impl<P: Protocol> Io<P> {
    /// Who is present in a room, in the order of their keys: what those who are told of it know.
    ///
    /// A node of a cluster knows that of the rooms in which it has somebody; see
    /// [`fetch_presence`](Self::fetch_presence). Of [`local`](Self::local), by the sockets of this node alone.
    pub fn presence(&self, room: impl Into<P::Room>) -> Vec<Present<P::Member>> {
        self.hub.all_present(&room.into(), self.scope)
    }

    /// How many people are present in a room, as [`presence`](Self::presence) has them.
    pub fn presence_len(&self, room: impl Into<P::Room>) -> usize {
        self.hub.count_present(&room.into(), self.scope)
    }

    /// Who is present in a room, in the order of their keys, on all nodes of a cluster, whether or not this one has
    /// somebody there.
    ///
    /// Ready at once without one; else when every node has said so, or did not within
    /// [`Limits::call`](crate::Limits::call).
    ///
    /// # Cancel safety
    ///
    /// Dropping the future has no effect.
    pub async fn fetch_presence(&self, room: impl Into<P::Room>) -> FetchedPresence<P::Member> {
        let (members, missing) = self.hub.fetch_present(&room.into(), self.scope).await;
        FetchedPresence { members, missing }
    }
}

/// Who is present in a room: see [`Io::fetch_presence`].
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct FetchedPresence<M> {
    /// As far as nodes have said.
    pub members: Vec<Present<M>>,
    /// Nodes that have not.
    pub missing: Vec<NodeId>,
}
