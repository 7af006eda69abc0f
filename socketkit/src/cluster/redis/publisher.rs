//! The half that says something to Redis.

use super::{link::Link, log::Keys};
use crate::{
    SocketId,
    cluster::engine::{Boxed, Change, EngineError, Entry, Outgoing, Publish, Stored},
};
use redis::{Cmd, Pipeline, aio::MultiplexedConnection, cmd};
use std::{fmt::Display, sync::Arc};

/// Bytes that are sent before an answer is waited for.
const AT_ONCE: usize = 1024 * 1024;

/// Sessions that are written down before an answer is waited for.
const SESSIONS: usize = 1_024;

/// Channels that are asked for before an answer is waited for.
const CHANNELS: usize = 10_000;

/// See the module.
#[derive(Debug)]
pub(super) struct Publisher {
    connection: MultiplexedConnection,
    cluster: String,
    link: Arc<Link>,
    /// Where there is a log.
    keys: Option<Keys>,
}

impl Publisher {
    pub(super) fn new(
        connection: MultiplexedConnection,
        cluster: String,
        link: Arc<Link>,
        keys: Option<Keys>,
    ) -> Self {
        Self { connection, cluster, link, keys }
    }

    fn channel(&self, of: impl Display) -> String {
        format!("{}.{of}", self.cluster)
    }

    fn publishing(&self, Outgoing { channel, payload, is_kept }: Outgoing) -> Cmd {
        match &self.keys {
            Some(keys) if is_kept => keys.publish(channel, &payload),
            _ => cmd("PUBLISH").arg(self.channel(channel)).arg(&payload[..]).take(),
        }
    }

    /// Sends commands, with so many bytes each, in as few round trips as may be.
    async fn send(&self, commands: impl Iterator<Item = (Cmd, usize)>) -> Result<(), EngineError> {
        let mut connection = self.connection.clone();
        let (mut some, mut bytes) = (Pipeline::new(), 0);
        for (command, size) in commands {
            bytes += size;
            some.add_command(command).ignore();
            if bytes >= AT_ONCE {
                self.link.answer(some.query_async::<()>(&mut connection)).await?;
                some.clear();
                bytes = 0;
            }
        }
        match some.is_empty() {
            true => self.link.check(),
            false => self.link.answer(some.query_async(&mut connection)).await,
        }
    }

    /// Changes of one kind.
    async fn change(&mut self, changes: &[Change]) -> Result<(), EngineError> {
        let interest = |change: &Change| match *change {
            Change::Begin(interest) | Change::End(interest) => self.channel(interest),
        };
        let channels: Vec<_> = changes.iter().map(interest).collect();
        let connection = &mut self.connection;
        match changes.first().map(Kind::of) {
            Some(Kind { begins: true, is_pattern: false }) => {
                self.link.answer(connection.subscribe(channels)).await
            }
            Some(Kind { begins: true, is_pattern: true }) => {
                self.link.answer(connection.psubscribe(channels)).await
            }
            Some(Kind { begins: false, is_pattern: false }) => {
                self.link.answer(connection.unsubscribe(channels)).await
            }
            Some(Kind { begins: false, is_pattern: true }) => {
                self.link.answer(connection.punsubscribe(channels)).await
            }
            None => Ok(()),
        }
    }
}

/// Which command is for a change.
#[derive(PartialEq)]
struct Kind {
    begins: bool,
    is_pattern: bool,
}

impl Kind {
    fn of(change: &Change) -> Self {
        match change {
            Change::Begin(interest) => Self { begins: true, is_pattern: interest.is_pattern() },
            Change::End(interest) => Self { begins: false, is_pattern: interest.is_pattern() },
        }
    }
}

impl Publish for Publisher {
    fn publish(&mut self, messages: Vec<Outgoing>) -> Boxed<'_, Result<(), EngineError>> {
        Box::pin(self.send(messages.into_iter().map(|message| {
            let size = message.payload.len();
            (self.publishing(message), size)
        })))
    }

    fn subscribe(&mut self, changes: Vec<Change>) -> Boxed<'_, Result<(), EngineError>> {
        Box::pin(async move {
            self.link.check()?;
            for alike in changes.chunk_by(|one, next| Kind::of(one) == Kind::of(next)) {
                for some in alike.chunks(CHANNELS) {
                    self.change(some).await?;
                }
            }
            Ok(())
        })
    }

    fn store(&mut self, entries: Vec<Entry>) -> Boxed<'_, Result<Vec<Stored>, EngineError>> {
        Box::pin(async move {
            let Some(keys) = &self.keys else { return Ok(Vec::new()) };
            let (mut sessions, mut others) = (Vec::new(), Vec::new());
            for entry in entries {
                match entry {
                    Entry::Session { id, number, session } => {
                        sessions.push((id, keys.replace(id, number, Some(&session))));
                    }
                    Entry::Ended { id, number } => {
                        others.push((keys.replace(id, number, None).0, 0));
                    }
                    Entry::Here(node) => others.push((keys.set_here(node), 0)),
                }
            }
            self.send(others.into_iter()).await?;
            let mut stored = Vec::new();
            for some in sessions.chunks(SESSIONS) {
                let mut replaces = Pipeline::new();
                for (_, (replace, _)) in some {
                    replaces.add_command(replace.clone());
                }
                let mut connection = self.connection.clone();
                let replaced: Vec<bool> =
                    self.link.answer(replaces.query_async(&mut connection)).await?;
                let numbers = some.iter().zip(replaced);
                let number = |((id, (_, number)), replaced): (&(SocketId, (Cmd, u64)), bool)| {
                    (*id, replaced.then_some(*number))
                };
                stored.extend(numbers.map(number));
            }
            Ok(stored)
        })
    }
}

impl Drop for Publisher {
    fn drop(&mut self) {
        self.link.end("the connection was dropped");
    }
}
