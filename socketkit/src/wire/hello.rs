//! The first frame of a server.

use super::write_json;
use serde::{Deserialize, Serialize};
use std::borrow::Cow;

/// What the server says first.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Hello<'a> {
    /// The socket's id.
    pub(crate) session: Cow<'a, str>,
    /// Interval of heartbeats in milliseconds.
    pub(crate) heartbeat: u64,
    /// Bytes of the longest frame that the server reads.
    pub(crate) limit: u64,
    /// What the client proves with that the session is its own; none for one that cannot resume.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) token: Option<Cow<'a, str>>,
    /// The session goes on: how many frames of the client were processed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) seen: Option<u64>,
    /// The session goes on: how many frames of the server go out again, or have waited.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) replay: Option<u64>,
    /// Why the session that the client asked for does not go on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) gap: Option<Cow<'a, str>>,
    /// The hash of the server's contract, if it knows that.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) schema: Option<Cow<'a, str>>,
}

/// Appends the first frame of a server.
pub(crate) fn write_hello(out: &mut Vec<u8>, hello: &Hello<'_>) {
    out.extend_from_slice(b"{\"hello\":");
    write_json(out, hello);
    out.push(b'}');
}
