//! The half that says something to NATS.

use super::{
    link::Link,
    log::{AT_ONCE, Streams, acknowledged},
};
use crate::cluster::{
    channel::Interest,
    engine::{Boxed, Change, EngineError, Entry, Outgoing, Publish, Stored},
};
use async_nats::Client;
use bytes::Bytes;
use futures_util::stream::{AbortHandle, abortable};
use std::{collections::HashMap, fmt::Display, mem, sync::Arc};

/// See the module.
#[derive(Debug)]
pub(super) struct Publisher {
    client: Client,
    cluster: String,
    link: Arc<Link>,
    /// Where there is a log.
    streams: Option<Arc<Streams>>,
    subscriptions: HashMap<Interest, AbortHandle>,
}

impl Publisher {
    pub(super) fn new(
        client: Client,
        cluster: String,
        link: Arc<Link>,
        streams: Option<Arc<Streams>>,
    ) -> Self {
        Self { client, cluster, link, streams, subscriptions: HashMap::new() }
    }

    fn subject(&self, of: impl Display) -> String {
        format!("{}.{of}", self.cluster)
    }

    /// Whether the server takes something of that size. If not, it will not another time either: it is left out, and
    /// whoever listens finds that its number is missing.
    fn takes(&self, payload: &Bytes) -> bool {
        let (size, most) = (payload.len(), self.client.max_payload());
        if size > most {
            tracing::error!(
                size,
                most,
                "NATS does not take a message of this size: see max_payload of it"
            );
        }
        size <= most
    }

    async fn publish_all(&self, messages: Vec<Outgoing>) -> Result<(), EngineError> {
        let mut acks = Vec::new();
        for Outgoing { channel, payload, is_kept } in messages {
            if !self.takes(&payload) {
                continue;
            }
            match self.streams.as_ref().filter(|_| is_kept) {
                Some(streams) => acks.push(streams.say(self.subject(channel), payload).await?),
                None => self.client.publish(self.subject(channel), payload).await?,
            }
            if acks.len() == AT_ONCE {
                acknowledged(mem::take(&mut acks)).await?;
            }
        }
        self.flush().await?;
        acknowledged(acks).await
    }

    /// All went out, to a connection that stands.
    async fn flush(&self) -> Result<(), EngineError> {
        let flushed = self.client.flush().await;
        self.link.check()?;
        Ok(flushed?)
    }
}

impl Publish for Publisher {
    fn publish(&mut self, messages: Vec<Outgoing>) -> Boxed<'_, Result<(), EngineError>> {
        Box::pin(self.link.during(self.publish_all(messages)))
    }

    fn subscribe(&mut self, changes: Vec<Change>) -> Boxed<'_, Result<(), EngineError>> {
        Box::pin(async move {
            self.link.check()?;
            for change in changes {
                match change {
                    Change::Begin(interest) if self.subscriptions.contains_key(&interest) => {}
                    Change::Begin(interest) => {
                        let subscriber = self.client.subscribe(self.subject(interest)).await?;
                        let (subscription, handle) = abortable(subscriber);
                        self.subscriptions.insert(interest, handle);
                        self.link.begin(subscription);
                    }
                    Change::End(interest) => {
                        // The half that listens drops it, which takes it back.
                        if let Some(handle) = self.subscriptions.remove(&interest) {
                            handle.abort();
                        }
                    }
                }
            }
            self.flush().await
        })
    }

    fn store(&mut self, mut entries: Vec<Entry>) -> Boxed<'_, Result<Vec<Stored>, EngineError>> {
        let Some(streams) = &self.streams else { return Box::pin(async { Ok(Vec::new()) }) };
        entries.retain(|entry| match entry {
            Entry::Session { session, .. } => self.takes(session),
            Entry::Ended { .. } | Entry::Here(_) => true,
        });
        Box::pin(self.link.during(streams.store(entries)))
    }
}

impl Drop for Publisher {
    fn drop(&mut self) {
        self.link.close();
    }
}
