//! Names of rooms, as nodes say them to each other.

use crate::hub::{Of, Selection};
use serde::{Serialize, de::DeserializeOwned};
use serde_json::value::{RawValue, to_raw_value};

use super::selected::Selected;

/// How rooms of one type are written and read: only servers of a cluster have to know.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Codec<R> {
    write: fn(&R) -> Option<Box<RawValue>>,
    read: fn(&RawValue) -> Option<R>,
}

impl<R: Serialize + DeserializeOwned> Codec<R> {
    pub(crate) fn new() -> Self {
        Self {
            write: |room| {
                let written = to_raw_value(room);
                if let Err(error) = &written {
                    tracing::error!(%error, "a room does not serialise: other nodes do not hear of it");
                }
                written.ok()
            },
            read: |room| serde_json::from_str(room.get()).ok(),
        }
    }
}

impl<R> Codec<R> {
    pub(crate) fn write(&self, room: &R) -> Option<Box<RawValue>> {
        (self.write)(room)
    }

    pub(crate) fn read(&self, room: &RawValue) -> Option<R> {
        (self.read)(room)
    }

    /// A selection for other nodes; `None` if one of its rooms cannot be named.
    pub(crate) fn select(&self, selection: &Selection<R>) -> Option<Selected> {
        let names =
            |rooms: &[R]| rooms.iter().map(|room| self.write(room)).collect::<Option<Vec<_>>>();
        let (rooms, socket) = match &selection.of {
            Of::All => (Vec::new(), None),
            Of::Rooms(rooms) | Of::Within(rooms, _) => (names(rooms)?, None),
            Of::Socket(id) => (Vec::new(), Some(*id)),
        };
        let except = selection.except_sockets.clone();
        let except_rooms = names(&selection.except_rooms)?;
        Some(Selected { rooms, at: None, socket, except, except_rooms })
    }

    /// What another node selects, among the sockets of this one. Rooms that cannot be read have nobody.
    pub(crate) fn read_selection(&self, selected: &Selected) -> Option<Selection<R>> {
        let read = |rooms: &[Box<RawValue>]| -> Option<Vec<R>> {
            rooms.iter().map(|room| self.read(room)).collect()
        };
        let of = match (selected.socket, &selected.rooms[..], selected.at) {
            (Some(id), ..) => Of::Socket(id),
            (None, [], _) => Of::All,
            (None, rooms, None) => Of::Rooms(read(rooms)?),
            (None, rooms, Some(at)) => Of::Within(read(rooms)?, at),
        };
        let except_rooms = read(&selected.except_rooms)?;
        Some(Selection { of, except_sockets: selected.except.clone(), except_rooms, only: None })
    }
}
