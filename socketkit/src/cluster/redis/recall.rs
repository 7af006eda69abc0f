//! Reads what Redis keeps.

use super::{
    link::Link,
    log::{self, Keys, session},
};
use crate::{
    NodeId, SocketId,
    cluster::{
        channel::Channel,
        durable,
        engine::{Boxed, EngineError, Logged, Read, Recall},
    },
};
use bytes::Bytes;
use redis::{FromRedisValue, Pipeline, aio::MultiplexedConnection, cmd};
use std::{
    collections::HashSet,
    sync::Arc,
    time::{Duration, Instant},
};

/// Channels that are read at once.
const CHANNELS: usize = 64;

/// Messages of all of them that are asked for before an answer is waited for.
const MESSAGES: usize = 1_024;

/// A message of a stream: its id, and two fields, whose names are always the same. The second is its number among
/// those of all streams.
type Kept = (String, (String, Bytes, String, u64));

/// The time on this machine, and in milliseconds on that of Redis.
#[derive(Clone, Copy)]
struct Now {
    here: Instant,
    there: u64,
}

impl Now {
    /// When a message was kept, by its id.
    fn at(self, id: &str) -> Instant {
        let time = id.split('-').next().and_then(|time| time.parse().ok());
        let age = time.map_or(0, |time: u64| self.there.saturating_sub(time));
        self.here.checked_sub(Duration::from_millis(age)).unwrap_or(self.here)
    }
}

/// See the module.
#[derive(Debug)]
pub(super) struct Reader {
    connection: MultiplexedConnection,
    keys: Keys,
    link: Arc<Link>,
}

impl Reader {
    pub(super) fn new(connection: MultiplexedConnection, keys: Keys, link: Arc<Link>) -> Self {
        Self { connection, keys, link }
    }

    async fn ask<T: FromRedisValue>(&self, command: redis::Cmd) -> Result<T, EngineError> {
        self.link.answer(command.query_async(&mut self.connection.clone())).await
    }

    async fn ask_all<T: FromRedisValue>(&self, commands: &Pipeline) -> Result<Vec<T>, EngineError> {
        self.link.answer(commands.query_async(&mut self.connection.clone())).await
    }

    async fn read_channels(
        &self,
        channels: &[Channel],
        since: &str,
        now: Now,
    ) -> Result<(Vec<Logged>, bool), EngineError> {
        let keys: Vec<_> = channels.iter().map(|channel| self.keys.log(*channel)).collect();
        let mut ends = Pipeline::new();
        for key in &keys {
            ends.cmd("XREVRANGE").arg(key).arg("+").arg("-").arg("COUNT").arg(1);
        }
        let ends: Vec<Vec<Kept>> = self.ask_all(&ends).await?;
        // What comes after that is not read.
        let of_key = |(key, end): (String, Vec<Kept>)| {
            Some((key, since.to_owned(), end.into_iter().next()?.0, 0))
        };
        let mut unread: Vec<_> = keys.into_iter().zip(ends).filter_map(of_key).collect();
        let (mut read, mut is_whole) = (Vec::new(), true);
        while !unread.is_empty() {
            let count = MESSAGES / unread.len();
            let mut pages = Pipeline::new();
            for (key, start, end, _) in &unread {
                pages.cmd("XRANGE").arg(key).arg(start).arg(end).arg("COUNT").arg(count);
            }
            let pages: Vec<Vec<Kept>> = self.ask_all(&pages).await?;
            let mut rest = Vec::new();
            for ((key, _, end, before), page) in unread.into_iter().zip(pages) {
                let length = before + page.len();
                // A stream of this length begins anew all the time.
                is_whole &= length < log::MESSAGES;
                if let Some((id, _)) = page.get(count - 1) {
                    rest.push((key, format!("({id}"), end, length));
                }
                read.extend(page.into_iter().map(|(id, (_, payload, _, number))| Logged {
                    number,
                    at: now.at(&id),
                    payload,
                }));
            }
            unread = rest;
        }
        Ok((read, is_whole))
    }
}

impl Recall for Reader {
    fn end(&self) -> Boxed<'_, Result<u64, EngineError>> {
        Box::pin(async move {
            let last: Option<u64> = self.ask(self.keys.get_last()).await?;
            Ok(last.unwrap_or_default())
        })
    }

    fn session(&self, id: SocketId) -> Boxed<'_, Result<Option<(Bytes, u64)>, EngineError>> {
        Box::pin(async move {
            let kept: Option<Bytes> = self.ask(self.keys.get_session(id)).await?;
            Ok(kept.and_then(session))
        })
    }

    fn claim(
        &self,
        id: SocketId,
        number: u64,
        session: Bytes,
    ) -> Boxed<'_, Result<Option<u64>, EngineError>> {
        Box::pin(async move {
            let (replace, number) = self.keys.replace(id, number, Some(&session));
            let replaced: bool = self.ask(replace).await?;
            Ok(replaced.then_some(number))
        })
    }

    fn silent(&self, node: NodeId) -> Boxed<'_, Result<Option<Duration>, EngineError>> {
        Box::pin(async move {
            let left: i64 = self.ask(self.keys.time_left(node)).await?;
            let left = u64::try_from(left).ok().map(Duration::from_millis);
            Ok(left.map(|left| durable::FORGOTTEN.saturating_sub(left)))
        })
    }

    fn read(
        &self,
        channels: Vec<Channel>,
        within: Duration,
    ) -> Boxed<'_, Result<Read, EngineError>> {
        Box::pin(async move {
            let begun = Instant::now();
            let (seconds, micros): (u64, u64) = self.ask(cmd("TIME")).await?;
            // Rather later than it was.
            let now = Now { here: Instant::now(), there: seconds * 1_000 + micros / 1_000 };
            // Of the second that has begun, all; and what was said until it answered.
            let within = within + begun.elapsed();
            let since = seconds.saturating_sub(within.as_secs() + 1) * 1_000;
            let channels: HashSet<_> = channels.into_iter().collect();
            let channels: Vec<_> = channels.into_iter().collect();
            let (mut read, mut is_whole) = (Vec::new(), true);
            for some in channels.chunks(CHANNELS) {
                let (messages, are_whole) =
                    self.read_channels(some, &since.to_string(), now).await?;
                read.extend(messages);
                is_whole &= are_whole;
            }
            read.sort_unstable_by_key(|message| message.number);
            Ok(Read { messages: read, is_whole })
        })
    }
}
