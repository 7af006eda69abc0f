//! What JetStream keeps of a cluster: a stream of messages, and one of what is kept until it changes.

use super::{link::Link, stream::Wanted};
use crate::{
    NodeId, SocketId,
    cluster::{
        durable,
        engine::{EngineError, Entry, Log, Stored},
    },
};
use async_nats::{
    Client,
    jetstream::{
        Context,
        context::{ContextBuilder, PublishAckFuture, PublishErrorKind},
        message::PublishMessage,
        stream::Stream,
    },
};
use bytes::Bytes;
use std::{fmt::Display, mem, sync::Arc, time::Duration};

/// For an answer of JetStream.
pub(super) const ANSWER: Duration = Duration::from_secs(5);

/// Messages that are on their way before it is waited for that they are kept: no more than the client has room for.
pub(super) const AT_ONCE: usize = 4_096;

/// See the module. What it is asked ends with the connection.
#[derive(Debug)]
pub(super) struct Streams {
    pub(super) jetstream: Context,
    pub(super) cluster: String,
    pub(super) link: Arc<Link>,
    pub(super) messages: Stream<()>,
    /// Sessions and nodes, by the number of the message in it, and its time.
    pub(super) entries: Stream<()>,
}

impl Streams {
    /// `None` if there is no JetStream.
    pub(super) async fn open(
        client: Client,
        cluster: &str,
        link: Arc<Link>,
        log: Log,
    ) -> Result<Option<Self>, EngineError> {
        let jetstream = ContextBuilder::new().timeout(ANSWER).build(client);
        let (messages, entries) = (
            Wanted {
                name: format!("SOCKETKIT_{cluster}_LOG"),
                subjects: ["all", "room.*", "socket.*.*"]
                    .map(|of| format!("{cluster}.{of}"))
                    .into(),
                time: log.time,
                bytes: Some(log.bytes),
                is_last: false,
            },
            Wanted {
                name: format!("SOCKETKIT_{cluster}_SESSIONS"),
                subjects: ["session.*.*", "here.*", "clock"]
                    .map(|of| format!("{cluster}.{of}"))
                    .into(),
                time: durable::FORGOTTEN,
                bytes: None,
                is_last: true,
            },
        );
        if !messages.ensure(&jetstream).await? || !entries.ensure(&jetstream).await? {
            return Ok(None);
        }
        Ok(Some(Self {
            messages: jetstream.get_stream_no_info(messages.name).await?,
            entries: jetstream.get_stream_no_info(entries.name).await?,
            cluster: cluster.to_owned(),
            jetstream,
            link,
        }))
    }

    pub(super) fn subject(&self, of: impl Display) -> String {
        format!("{}.{of}", self.cluster)
    }

    pub(super) fn session_subject(&self, id: SocketId) -> String {
        self.subject(format_args!("session.{}.{}", id.node(), id.number()))
    }

    pub(super) fn here_subject(&self, node: NodeId) -> String {
        self.subject(format_args!("here.{node}"))
    }

    /// That of no socket: of what marks the end of the log.
    pub(super) fn end_subject(&self) -> String {
        self.subject(format_args!("socket.{}.0", NodeId::from_bytes([0; 8])))
    }

    pub(super) fn clock_subject(&self) -> String {
        self.subject("clock")
    }

    /// Says something, which is kept when that is acknowledged.
    pub(super) async fn say(
        &self,
        subject: String,
        payload: Bytes,
    ) -> Result<PublishAckFuture, EngineError> {
        self.jetstream.publish(subject, payload).await.map_err(error)
    }

    /// Of a session that has ended, a message without anything stays. If it were taken out, one that was replaced could
    /// come back when the server is killed: what is deleted is written down later than what is said.
    pub(super) async fn store(&self, entries: Vec<Entry>) -> Result<Vec<Stored>, EngineError> {
        let (mut acks, mut stored) = (Vec::new(), Vec::new());
        for entry in entries {
            let (id, ack) = match entry {
                Entry::Session { id, number, session } => {
                    (Some(id), self.replace(id, number, session).await?)
                }
                Entry::Ended { id, number } => {
                    (None, self.replace(id, number, Bytes::new()).await?)
                }
                Entry::Here(node) => (None, self.say(self.here_subject(node), Bytes::new()).await?),
            };
            acks.push((id, ack));
            if acks.len() == AT_ONCE {
                numbers(mem::take(&mut acks), &mut stored).await?;
            }
        }
        numbers(acks, &mut stored).await?;
        Ok(stored)
    }

    /// Writes a session down in the place of what has this number.
    pub(super) async fn replace(
        &self,
        id: SocketId,
        number: u64,
        session: Bytes,
    ) -> Result<PublishAckFuture, EngineError> {
        let message = PublishMessage::build().payload(session);
        let message = message.expected_last_subject_sequence(number);
        self.jetstream.send_publish(self.session_subject(id), message).await.map_err(error)
    }
}

/// Waits until all are kept: which numbers the sessions have then.
async fn numbers(
    acks: Vec<(Option<SocketId>, PublishAckFuture)>,
    stored: &mut Vec<Stored>,
) -> Result<(), EngineError> {
    for (id, ack) in acks {
        let number = replaced(ack).await?;
        stored.extend(id.map(|id| (id, number)));
    }
    Ok(())
}

/// The number of what was written down, if it was.
pub(super) async fn replaced(ack: PublishAckFuture) -> Result<Option<u64>, EngineError> {
    match ack.await {
        Ok(ack) => Ok(Some(ack.sequence)),
        Err(wrong) if wrong.kind() == PublishErrorKind::WrongLastSequence => Ok(None),
        Err(other) => Err(error(other)),
    }
}

/// Ready when all are kept.
pub(super) async fn acknowledged(acks: Vec<PublishAckFuture>) -> Result<(), EngineError> {
    for ack in acks {
        ack.await.map_err(error)?;
    }
    Ok(())
}

pub(super) fn error(error: impl Display) -> EngineError {
    format!("NATS: {error}").into()
}
