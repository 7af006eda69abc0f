//! Several nodes: what crosses between them, by an engine that people already run.

pub(crate) mod channel;
pub(crate) mod engine;
#[cfg(feature = "nats")]
pub(crate) mod nats;
#[cfg(feature = "redis")]
pub(crate) mod redis;
