//! What an engine has to do: carry messages from one node to all that ask for them, in order.
//!
//! Who reconnects, how often, and what is asked for again is decided above it, for all engines alike. A connection
//! that has failed in any way is dropped. It keeps no state of ours, unless it is to have a [`Log`].

use super::channel::{Channel, Interest};
use crate::{NodeId, SocketId};
use bytes::Bytes;
use std::{
    error::Error,
    fmt,
    future::Future,
    pin::Pin,
    sync::Arc,
    time::{Duration, Instant},
};

pub(crate) type Boxed<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// Why an engine cannot be reached, or not any more.
pub(crate) type EngineError = Box<dyn Error + Send + Sync>;

/// An engine that is yet to be connected to, with all that it needs for that.
pub(crate) trait Engine: fmt::Debug + Send + Sync {
    /// A word for logs: `nats`, `redis`.
    fn name(&self) -> &'static str;

    /// Makes one connection, for the cluster of this name: words of `[A-Za-z0-9_-]`, which every channel
    /// begins with. With a log, what is to be kept is.
    fn connect<'a>(
        &'a self,
        cluster: &'a str,
        log: Option<Log>,
    ) -> Boxed<'a, Result<Line, EngineError>>;
}

/// What an engine keeps of what was published.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Log {
    /// For how long.
    pub(crate) time: Duration,
    /// How many bytes of it at most, where it can tell: the oldest go first.
    #[cfg_attr(not(feature = "nats"), allow(dead_code))]
    pub(crate) bytes: usize,
}

/// Both halves of a connection. Dropping one ends it.
pub(crate) struct Line {
    pub(crate) publisher: Box<dyn Publish>,
    pub(crate) receiver: Box<dyn Receive>,
    /// What was kept, if something is. It fails once a half was dropped, and holds the connection until it is
    /// dropped too.
    pub(crate) recall: Option<Arc<dyn Recall>>,
}

/// The half that says something.
pub(crate) trait Publish: Send {
    /// Publishes messages, in their order. Ready when they are on their way, and those that are to be kept are.
    fn publish(&mut self, messages: Vec<Outgoing>) -> Boxed<'_, Result<(), EngineError>>;

    /// Asks for what is published from now on, or for it no more.
    ///
    /// Ready when that is on its way. What is published afterwards, over this half, is published after
    /// it holds: whoever hears of it can count on that.
    fn subscribe(&mut self, changes: Vec<Change>) -> Boxed<'_, Result<(), EngineError>>;

    /// Keeps entries in the place of earlier ones, where there is a log. Ready when they are kept: the numbers that the
    /// sessions among them have now, none for one that had another than was said.
    fn store(&mut self, entries: Vec<Entry>) -> Boxed<'_, Result<Vec<Stored>, EngineError>>;
}

/// What was kept, over the same connection. Whatever is asked fails when that is over, or after some seconds without an
/// answer.
pub(crate) trait Recall: Send + Sync {
    /// The number of the last message that was kept, 0 if none was: what is published from now on has a higher one, as
    /// long as nothing that was kept is lost.
    fn end(&self) -> Boxed<'_, Result<u64, EngineError>>;

    /// What is kept of a session, with a number that is another when it has changed.
    fn session(&self, id: SocketId) -> Boxed<'_, Result<Option<(Bytes, u64)>, EngineError>>;

    /// Changes it if that is still its number. The number that it has then, if it was.
    fn claim(
        &self,
        id: SocketId,
        number: u64,
        session: Bytes,
    ) -> Boxed<'_, Result<Option<u64>, EngineError>>;

    /// How long ago a node last said that it is there, if that is known: by the clock of the engine alone.
    fn silent(&self, node: NodeId) -> Boxed<'_, Result<Option<Duration>, EngineError>>;

    /// The messages of some channels that were kept in a time before it was called, each once, in the order in which they
    /// were.
    ///
    /// All that was kept when it was called is among them, unless it has gone since. So may be what came
    /// earlier or later, and what was not to be kept.
    fn read(
        &self,
        channels: Vec<Channel>,
        within: Duration,
    ) -> Boxed<'_, Result<Read, EngineError>>;
}

/// A message of the log.
#[derive(Debug, Clone)]
pub(crate) struct Logged {
    /// Its place there.
    pub(crate) number: u64,
    /// When it was kept, by the clock of this machine, or a little later.
    pub(crate) at: Instant,
    pub(crate) payload: Bytes,
}

/// What was kept in a time.
#[derive(Debug, Default)]
pub(crate) struct Read {
    /// In the order in which they were kept.
    pub(crate) messages: Vec<Logged>,
    /// None has gone yet, as far as that can be told.
    pub(crate) is_whole: bool,
}

#[cfg(test)]
impl Read {
    pub(crate) fn payloads(self) -> Vec<Bytes> {
        self.messages.into_iter().map(|message| message.payload).collect()
    }
}

/// A session that was stored, and its number.
pub(crate) type Stored = (SocketId, Option<u64>);

/// Something that is kept until it changes.
#[derive(Debug, Clone)]
pub(crate) enum Entry {
    /// A session, in the place of what has this number: 0 if it is not kept yet.
    Session { id: SocketId, number: u64, session: Bytes },
    /// One that has ended.
    Ended { id: SocketId, number: u64 },
    /// A node is there.
    Here(NodeId),
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
    /// It is to be kept, where there is a log.
    pub(crate) is_kept: bool,
}

/// What a node asks for, or does not any more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Change {
    Begin(Interest),
    End(Interest),
}
