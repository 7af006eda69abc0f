//! The half that says something to Redis.

use super::link::Link;
use crate::cluster::engine::{Boxed, Change, EngineError, Outgoing, Publish};
use redis::{Pipeline, RedisResult, aio::MultiplexedConnection};
use std::{fmt::Display, mem, sync::Arc};

/// Bytes that are sent before an answer is waited for.
const AT_ONCE: usize = 1024 * 1024;

/// Channels that are asked for before an answer is waited for.
const CHANNELS: usize = 10_000;

/// See the module.
#[derive(Debug)]
pub(super) struct Publisher {
    connection: MultiplexedConnection,
    cluster: String,
    link: Arc<Link>,
}

impl Publisher {
    pub(super) fn new(connection: MultiplexedConnection, cluster: String, link: Arc<Link>) -> Self {
        Self { connection, cluster, link }
    }

    fn channel(&self, of: impl Display) -> String {
        format!("{}.{of}", self.cluster)
    }

    /// Messages, in one round trip.
    async fn send(&mut self, messages: &Pipeline) -> Result<(), EngineError> {
        answer(&self.link, messages.query_async(&mut self.connection)).await
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
                answer(&self.link, connection.subscribe(channels)).await
            }
            Some(Kind { begins: true, is_pattern: true }) => {
                answer(&self.link, connection.psubscribe(channels)).await
            }
            Some(Kind { begins: false, is_pattern: false }) => {
                answer(&self.link, connection.unsubscribe(channels)).await
            }
            Some(Kind { begins: false, is_pattern: true }) => {
                answer(&self.link, connection.punsubscribe(channels)).await
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

/// The answer to a question, if there is one before it is over.
async fn answer(
    link: &Link,
    question: impl Future<Output = RedisResult<()>>,
) -> Result<(), EngineError> {
    link.check()?;
    tokio::select! {
        // Of many messages, each has its error in it.
        answer = question => answer.map_err(|error| {
            format!("Redis: {}", error.to_string().chars().take(300).collect::<String>()).into()
        }),
        () = link.ended() => link.check(),
    }
}

impl Publish for Publisher {
    fn publish(&mut self, messages: Vec<Outgoing>) -> Boxed<'_, Result<(), EngineError>> {
        Box::pin(async move {
            let (mut some, mut bytes) = (Pipeline::new(), 0);
            for Outgoing { channel, payload, .. } in messages {
                bytes += payload.len();
                let channel = self.channel(channel);
                some.cmd("PUBLISH").arg(channel).arg(&payload[..]).ignore();
                if bytes >= AT_ONCE {
                    self.send(&mem::take(&mut some)).await?;
                    bytes = 0;
                }
            }
            match some.is_empty() {
                true => self.link.check(),
                false => self.send(&some).await,
            }
        })
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
}

impl Drop for Publisher {
    fn drop(&mut self) {
        self.link.end("the connection was dropped");
    }
}
