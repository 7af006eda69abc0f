//! Reads what JetStream keeps.

use super::log::{ANSWER, Streams, error, replaced};
use crate::{
    NodeId, SocketId,
    cluster::{
        channel::{Channel, Interest},
        engine::{Boxed, EngineError, Logged, Read, Recall},
    },
};
use async_nats::{
    datetime::DateTime,
    jetstream::{
        consumer::{AckPolicy, DeliverPolicy, PullConsumer, pull},
        message::StreamMessage,
        stream::{RawMessageErrorKind, Stream},
    },
};
use bytes::Bytes;
use futures_util::{StreamExt, future::try_join_all};
use std::{
    collections::{HashMap, HashSet},
    time::{Duration, Instant, SystemTime},
};
use tokio::time::{sleep, timeout};

/// Channels that are read one by one, at once. For each the server looks through the log, some ten times as fast as it
/// sends it: of more, all of it is read.
const CHANNELS: usize = 16;

/// Sockets of one node whose channels are read one by one: with more, those of all its sockets are read at once, as
/// most is said to rooms.
const SOCKETS: usize = 4;

/// Messages that are asked for at once: no more than a subscription holds.
const BATCH: usize = 4_096;

/// Until the server forgets a consumer that nobody asks, and what it is asked: it says nothing of what ends while it
/// sends.
const FORGOTTEN: Duration = Duration::from_secs(30);

/// Until it is looked whether a message is there still: nothing is said of those that go meanwhile.
const QUIET: Duration = Duration::from_secs(1);

/// Until it is looked again for a message that is there and does not come.
const PAUSE: Duration = Duration::from_millis(50);

impl Recall for Streams {
    fn end(&self) -> Boxed<'_, Result<u64, EngineError>> {
        Box::pin(self.link.during(async move {
            Ok(self.messages.get_info().await.map_err(error)?.state.last_sequence)
        }))
    }

    fn session(&self, id: SocketId) -> Boxed<'_, Result<Option<(Bytes, u64)>, EngineError>> {
        Box::pin(self.link.during(async move {
            let session = last(&self.entries, &self.session_subject(id)).await?;
            // Without anything in it, it has ended.
            let session = session.filter(|session| !session.payload.is_empty());
            Ok(session.map(|session| (session.payload, session.sequence)))
        }))
    }

    fn claim(
        &self,
        id: SocketId,
        number: u64,
        session: Bytes,
    ) -> Boxed<'_, Result<Option<u64>, EngineError>> {
        Box::pin(
            self.link
                .during(async move { replaced(self.replace(id, number, session).await?).await }),
        )
    }

    fn silent(&self, node: NodeId) -> Boxed<'_, Result<Option<Duration>, EngineError>> {
        Box::pin(self.link.during(async move {
            let subject = self.here_subject(node);
            // What is said now has the time of now, by the clock of the server.
            let now = async {
                self.say(self.clock_subject(), Bytes::new()).await?.await.map_err(error)?;
                last(&self.entries, &self.clock_subject()).await
            };
            let (here, now) = tokio::try_join!(last(&self.entries, &subject), now)?;
            Ok(here.zip(now).map(|(here, now)| {
                let since = SystemTime::from(now.time).duration_since(here.time.into());
                since.unwrap_or_default()
            }))
        }))
    }

    fn read(
        &self,
        channels: Vec<Channel>,
        within: Duration,
    ) -> Boxed<'_, Result<Read, EngineError>> {
        Box::pin(self.link.during(self.read_channels(channels, within)))
    }
}

/// The time on this machine, and on that of the server.
#[derive(Clone, Copy)]
struct Now {
    here: Instant,
    there: DateTime,
}

impl Now {
    /// When a message was kept.
    fn at(self, kept: DateTime) -> Instant {
        let age = (self.there - kept).try_into().unwrap_or_default();
        self.here.checked_sub(age).unwrap_or(self.here)
    }
}

impl Streams {
    async fn read_channels(
        &self,
        channels: Vec<Channel>,
        within: Duration,
    ) -> Result<Read, EngineError> {
        let subjects: HashSet<_> = channels.iter().map(|channel| self.subject(channel)).collect();
        let begun = Instant::now();
        // A message is kept a little later than it is sent to those who listen. When this one is, so are all before.
        let end = self.say(self.end_subject(), Bytes::new()).await?.await.map_err(error)?;
        let info = self.messages.get_info().await.map_err(error)?;
        let (log, most) = (info.state, info.config.max_bytes);
        // Rather later than it was.
        let now = Now { here: Instant::now(), there: log.last_timestamp };
        // By the clock of the server, when it has answered.
        let within = within + begun.elapsed();
        let since = log.last_timestamp.checked_sub(within.try_into().map_err(error)?);
        let filters = self.filters(&channels);
        let is_asked = |subject: &str| subjects.contains(subject);
        let mut read: Vec<Logged> = if filters.len() <= CHANNELS {
            let reads =
                filters.into_iter().map(|filter| self.read_some(filter, since, now, is_asked));
            try_join_all(reads).await?.into_iter().flatten().collect()
        } else {
            self.read_to(end.sequence, (String::new(), since), now, is_asked).await?
        };
        read.sort_unstable_by_key(|message| message.number);
        let is_full = most > 0 && log.bytes > u64::try_from(most).unwrap_or_default() / 10 * 9;
        let reaches = since.is_none_or(|since| log.first_timestamp < since);
        let is_whole = reaches || log.first_sequence == 1 || !is_full;
        Ok(Read { messages: read, is_whole })
    }

    /// By which subjects those of some channels are found: many sockets of one node by one.
    fn filters(&self, channels: &[Channel]) -> HashSet<String> {
        let node_of = |channel: &Channel| match channel {
            Channel::Socket(id) => Some(id.node()),
            _ => None,
        };
        let mut sockets: HashMap<NodeId, usize> = HashMap::new();
        for node in channels.iter().filter_map(node_of) {
            *sockets.entry(node).or_default() += 1;
        }
        let are_many = |node: &NodeId| sockets[node] > SOCKETS;
        let filters = channels.iter().map(|channel| match node_of(channel).filter(are_many) {
            Some(node) => self.subject(Interest::SocketsOf(node)),
            None => self.subject(channel),
        });
        filters.collect()
    }

    async fn read_some(
        &self,
        filter: String,
        since: Option<DateTime>,
        now: Now,
        is_asked: impl Fn(&str) -> bool,
    ) -> Result<Vec<Logged>, EngineError> {
        match last(&self.messages, &filter).await? {
            Some(last) if since.is_some_and(|since| last.time < since) => Ok(Vec::new()),
            Some(last) => self.read_to(last.sequence, (filter, since), now, is_asked).await,
            None => Ok(Vec::new()),
        }
    }

    /// What is asked for of a subject, or of all, since a time and up to a message of it.
    async fn read_to(
        &self,
        last: u64,
        (filter_subject, since): (String, Option<DateTime>),
        now: Now,
        is_asked: impl Fn(&str) -> bool,
    ) -> Result<Vec<Logged>, EngineError> {
        let all = DeliverPolicy::All;
        let deliver_policy =
            since.map_or(all, |start_time| DeliverPolicy::ByStartTime { start_time });
        let consumer: PullConsumer = self
            .messages
            .create_consumer(pull::Config {
                filter_subject,
                deliver_policy,
                ack_policy: AckPolicy::None,
                inactive_threshold: FORGOTTEN,
                memory_storage: true,
                num_replicas: 1,
                ..pull::Config::default()
            })
            .await
            .map_err(error)?;
        let read = self.pull_to(last, &consumer, now, is_asked).await;
        // It would go by itself, later.
        drop(self.messages.delete_consumer(&consumer.cached_info().name).await);
        read
    }

    async fn pull_to(
        &self,
        last: u64,
        consumer: &PullConsumer,
        now: Now,
        is_asked: impl Fn(&str) -> bool,
    ) -> Result<Vec<Logged>, EngineError> {
        let (mut read, mut count, mut since) = (Vec::new(), 0, Instant::now());
        loop {
            let batch = consumer.fetch().max_messages(BATCH).expires(FORGOTTEN);
            let mut batch = batch.messages().await.map_err(error)?;
            loop {
                let Ok(next) = timeout(QUIET, batch.next()).await else {
                    if !self.comes(last, since).await? {
                        return Ok(read);
                    }
                    continue;
                };
                let Some(message) = next else { break };
                let message = message.map_err(error)?;
                let info = message.info().map_err(error)?;
                (count, since) = (count + 1, Instant::now());
                if info.consumer_sequence != count {
                    return Err(error("messages of the log are missing"));
                }
                let is_last = info.stream_sequence >= last;
                if is_asked(&message.subject) {
                    let (number, at) = (info.stream_sequence, now.at(info.published));
                    read.push(Logged { number, at, payload: message.message.payload });
                }
                if is_last {
                    return Ok(read);
                }
            }
            if !self.comes(last, since).await? {
                return Ok(read);
            }
            sleep(PAUSE).await;
        }
    }

    /// Whether a message is there still, when nothing has come since a time.
    async fn comes(&self, last: u64, since: Instant) -> Result<bool, EngineError> {
        // It has gone meanwhile; or a server that has not heard of it yet was asked.
        if get(self.messages.get_raw_message(last).await)?.is_none() {
            return Ok(false);
        }
        if since.elapsed() > ANSWER {
            return Err(error("a message of the log does not come"));
        }
        Ok(true)
    }
}

/// The last message on a subject, or on those of a pattern.
async fn last(stream: &Stream<()>, subject: &str) -> Result<Option<StreamMessage>, EngineError> {
    get(stream.get_last_raw_message_by_subject(subject).await)
}

/// A message, if there is one.
fn get(
    got: Result<StreamMessage, async_nats::error::Error<RawMessageErrorKind>>,
) -> Result<Option<StreamMessage>, EngineError> {
    match got {
        Ok(message) => Ok(Some(message)),
        Err(none) if none.kind() == RawMessageErrorKind::NoMessageFound => Ok(None),
        Err(other) => Err(error(other)),
    }
}
