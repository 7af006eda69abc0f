//! The half that says something to NATS.

use super::link::Link;
use crate::cluster::{
    channel::{Channel, Interest},
    engine::{Boxed, Change, EngineError, Outgoing, Publish},
};
use async_nats::{Client, PublishErrorKind};
use futures_util::stream::{AbortHandle, abortable};
use std::{collections::HashMap, fmt::Display, sync::Arc};

/// See the module.
#[derive(Debug)]
pub(super) struct Publisher {
    client: Client,
    cluster: String,
    link: Arc<Link>,
    subscriptions: HashMap<Interest, AbortHandle>,
}

impl Publisher {
    pub(super) fn new(client: Client, cluster: String, link: Arc<Link>) -> Self {
        Self { client, cluster, link, subscriptions: HashMap::new() }
    }

    fn subject(&self, of: impl Display) -> String {
        format!("{}.{of}", self.cluster)
    }

    async fn say(&self, channel: Channel, payload: bytes::Bytes) -> Result<(), EngineError> {
        let size = payload.len();
        match self.client.publish(self.subject(channel), payload).await {
            // It will not be taken another time either. Whoever listens finds that its number is missing.
            Err(error) if error.kind() == PublishErrorKind::MaxPayloadExceeded => {
                let most = self.client.max_payload();
                tracing::error!(
                    size,
                    most,
                    "NATS does not take a message of this size: see max_payload of it"
                );
                Ok(())
            }
            said => Ok(said?),
        }
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
        Box::pin(async move {
            self.link.check()?;
            for Outgoing { channel, payload, .. } in messages {
                self.say(channel, payload).await?;
            }
            self.flush().await
        })
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
}

impl Drop for Publisher {
    fn drop(&mut self) {
        self.link.close();
    }
}
