//! A kit for tests of applications: services and clients on a network in memory that fails on demand.
//!
//! Read [the guide](crate::guide::testing) first.

mod client;
mod draws;
mod kit;
mod link;
mod stream;
mod trace;

pub use client::TestClient;
pub use kit::{Kit, Node};
pub use link::Link;
