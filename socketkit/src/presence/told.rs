//! What is told of a room, as frames.

use crate::{
    Present,
    frame::{Draft, FrameBytes},
    wire,
};
use serde::Serialize;
use serde_json::value::RawValue;
use tokio_tungstenite::tungstenite::protocol::Role;

/// An entry as it is sent; its key alone of somebody who is there no more.
#[derive(Serialize)]
#[serde(untagged)]
pub(super) enum Entry<M> {
    Present(Present<M>),
    Gone { key: String },
}

/// What is sent of a room.
#[derive(Serialize)]
pub(super) struct Told<'a, T> {
    pub(super) room: &'a RawValue,
    /// Of a list of everybody: how many entries are in the frames before.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) from: Option<usize>,
    pub(super) members: &'a [T],
}

/// The frame in which that goes out.
pub(super) fn frame(data: &impl Serialize) -> Option<FrameBytes> {
    let mut draft = Draft::new(128);
    let write = |out: &mut Vec<u8>| serde_json::to_writer(out, data);
    match wire::write_event(draft.out(), wire::PRESENCE, None, write) {
        Ok(()) => Some(draft.finish(Role::Server)),
        Err(error) => {
            tracing::error!(%error, "who is present does not serialise");
            None
        }
    }
}
