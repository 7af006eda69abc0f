//! What an engine has to do: carry messages from one node to all that ask for them, in order.
//!
//! It keeps no state of ours: who reconnects, how often, and what is asked for again is decided above it,
//! for all engines alike. A connection that has failed in any way is dropped.

use super::channel::{Channel, Interest};
use bytes::Bytes;
use std::{error::Error, fmt, future::Future, pin::Pin};

pub(crate) type Boxed<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// Why an engine cannot be reached, or not any more.
pub(crate) type EngineError = Box<dyn Error + Send + Sync>;

/// An engine that is yet to be connected to, with all that it needs for that.
pub(crate) trait Engine: fmt::Debug + Send + Sync {
    /// A word for logs: `nats`, `redis`.
    fn name(&self) -> &'static str;

    /// Makes one connection, for the cluster of this name: words of `[A-Za-z0-9_-]`, which every channel
    /// begins with.
    fn connect<'a>(&'a self, cluster: &'a str) -> Boxed<'a, Result<Line, EngineError>>;
}

/// Both halves of a connection. Dropping one ends it.
pub(crate) struct Line {
    pub(crate) publisher: Box<dyn Publish>,
    pub(crate) receiver: Box<dyn Receive>,
}

/// The half that says something.
pub(crate) trait Publish: Send {
    /// Publishes messages, in their order. Ready when they are on their way.
    fn publish(&mut self, messages: Vec<Outgoing>) -> Boxed<'_, Result<(), EngineError>>;

    /// Asks for what is published from now on, or for it no more.
    ///
    /// Ready when that is on its way. What is published afterwards, over this half, is published after
    /// it holds: whoever hears of it can count on that.
    fn subscribe(&mut self, changes: Vec<Change>) -> Boxed<'_, Result<(), EngineError>>;
}

/// The half that listens.
pub(crate) trait Receive: Send {
    /// What has come, at least one message, in the order in which the engine sent it as far as that can be
    /// told: messages of one channel are in order in any case.
    ///
    /// What was published over the other half may or may not be among them. Cancel safe: nothing is lost.
    fn receive(&mut self) -> Boxed<'_, Result<Vec<Bytes>, EngineError>>;
}

/// A message on its way to the engine.
#[derive(Debug, Clone)]
pub(crate) struct Outgoing {
    pub(crate) channel: Channel,
    pub(crate) payload: Bytes,
}

/// What a node asks for, or does not any more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Change {
    Begin(Interest),
    End(Interest),
}
