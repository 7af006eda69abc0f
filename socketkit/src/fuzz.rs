//! What the fuzzers run; no part of the public API.

/// What comes after the handshake.
pub fn frame(data: &[u8]) {
    crate::fuzzing::frame(data);
}

/// What is done in a session, and to one.
pub fn session(data: &[u8]) {
    crate::fuzzing::session(data);
}

/// What a connection begins with.
pub fn upgrade(data: &[u8]) {
    crate::fuzzing::upgrade(data);
}
