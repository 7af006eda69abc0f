//! How a node stands to the others of its cluster.

use std::{error::Error, fmt};

/// How a node stands to its engine: see [`Io::cluster`](crate::Io::cluster).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ClusterStatus {
    /// There is no cluster: the server was built without.
    Alone,
    /// The engine was not reached yet.
    Connecting,
    /// What is emitted reaches the sockets of all nodes.
    Connected,
    /// The engine was lost. What is emitted reaches the sockets of this node at once, and waits for the others:
    /// see [`Limits::forwarded`](crate::Limits::forwarded). It is connected to again, at intervals of up to 1 s.
    Degraded,
    /// This node has left: its server is over, or its [`Emitter`](crate::Emitter) was closed. What is emitted reaches
    /// the sockets of this node alone, from now on.
    Left,
}

/// The engine of a cluster cannot be reached.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClusterError {
    pub(crate) engine: &'static str,
    pub(crate) why: String,
}

impl fmt::Display for ClusterError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the engine `{}` of the cluster cannot be reached: {}", self.engine, self.why)
    }
}

impl Error for ClusterError {}
