//! How a server joins a cluster.

use super::engine::Engine;

/// An engine, and how a server uses it: what [`nats::connect`](crate::nats::connect) and
/// [`redis::connect`](crate::redis::connect) become in [`Server::cluster`](crate::Server::cluster).
#[derive(Debug)]
pub struct ClusterOptions {
    pub(crate) engine: Box<dyn Engine>,
    /// Of the cluster; without, that of the protocol.
    pub(crate) name: Option<String>,
    pub(crate) is_standalone: bool,
    /// The engine keeps a log, so that sessions outlive their node.
    pub(crate) is_durable: bool,
}
