//! What the tests share: a browser to drive, and a server that follows a script.

pub mod browser;
pub mod stage;
