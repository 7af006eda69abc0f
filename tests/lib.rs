//! What the tests share: a browser to drive, a server that follows a script, a network that fails
//! when it is told, the nodes and the engines of a cluster, and clients that are not ours.

pub mod browser;
pub mod chat;
pub mod dice;
pub mod engine;
pub mod node;
pub mod nodes;
pub mod process;
pub mod proxy;
pub mod raw;
pub mod stage;
pub mod tsc;

/// The programs of the README, compiled.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
pub struct Readme;
