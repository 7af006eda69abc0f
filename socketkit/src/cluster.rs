//! Several nodes: what crosses between them, by an engine that people already run.
//!
//! `forward` (what a hub says) → `outbound` (what waits) → `talk` (the node's task, with `said`, `heard` and `nodes`
//! as what it knows) → `engine` → the `talk` of another node → `apply` (what its hub does).

#[cfg(feature = "cluster")]
mod acting;
#[cfg(any(feature = "nats", feature = "redis"))]
mod address;
#[cfg(not(feature = "cluster"))]
mod alone;
#[cfg(feature = "cluster")]
mod answering;
#[cfg(feature = "cluster")]
mod apply;
#[cfg(feature = "cluster")]
mod arrivals;
#[cfg(feature = "cluster")]
mod asks;
#[cfg(feature = "cluster")]
mod channel;
#[cfg(feature = "cluster")]
mod codec;
#[cfg(test)]
#[cfg(any(feature = "nats", feature = "redis"))]
mod conformance;
#[cfg(feature = "cluster")]
mod departure;
#[cfg(feature = "cluster")]
mod durable;
#[cfg(feature = "cluster")]
mod elsewhere;
#[cfg(feature = "cluster")]
mod emitter;
#[cfg(feature = "cluster")]
mod engine;
#[cfg(feature = "cluster")]
mod forward;
#[cfg(feature = "cluster")]
mod heard;
#[cfg(feature = "cluster")]
mod interests;
#[cfg(feature = "cluster")]
mod join;
#[cfg(feature = "cluster")]
mod keeping;
#[cfg(test)]
#[cfg(feature = "cluster")]
mod memory;
#[cfg(feature = "cluster")]
mod message;
#[cfg(all(test, feature = "cluster"))]
mod model;
#[cfg(feature = "cluster")]
mod moving;
#[cfg(feature = "nats")]
pub mod nats;
#[cfg(feature = "cluster")]
mod nodes;
#[cfg(feature = "cluster")]
mod outbound;
#[cfg(feature = "cluster")]
mod presence;
#[cfg(all(test, feature = "cluster"))]
mod properties;
#[cfg(feature = "cluster")]
mod recovery;
#[cfg(feature = "redis")]
pub mod redis;
#[cfg(feature = "cluster")]
mod run;
#[cfg(feature = "cluster")]
mod said;
#[cfg(feature = "cluster")]
mod selected;
#[cfg(test)]
#[cfg(any(feature = "nats", feature = "redis"))]
mod server;
#[cfg(feature = "cluster")]
mod settings;
#[cfg(feature = "cluster")]
mod shared;
#[cfg(feature = "cluster")]
mod status;
#[cfg(feature = "cluster")]
mod takeover;
#[cfg(feature = "cluster")]
mod talk;
#[cfg(test)]
#[cfg(all(feature = "cluster", feature = "client", feature = "macros"))]
mod tests;
#[cfg(feature = "cluster")]
mod waiting;

#[cfg(not(feature = "cluster"))]
pub(crate) use alone::{Forward, Joined, Replication, Scope};
#[cfg(feature = "cluster")]
pub(crate) use departure::{Mover, redirect, supersede};
#[cfg(feature = "cluster")]
pub(crate) use durable::Places;
#[cfg(feature = "cluster")]
pub use emitter::Emitter;
#[cfg(feature = "cluster")]
pub(crate) use forward::{Forward, Joined, Scope};
#[cfg(feature = "cluster")]
pub(crate) use join::Joining;
#[cfg(feature = "cluster")]
pub(crate) use moving::NoSession;
#[cfg(feature = "cluster")]
pub(crate) use presence::Replication;
#[cfg(feature = "cluster")]
pub use settings::ClusterOptions;
#[cfg(feature = "cluster")]
pub use status::{ClusterError, ClusterStatus};
