//! What the tests share: a browser to drive, and a server that follows a script.

pub mod browser;
pub mod chat;
pub mod stage;
