//! The half that listens to NATS.

use super::link::Link;
use crate::cluster::engine::{Boxed, EngineError, Receive};
use async_nats::Subscriber;
use bytes::Bytes;
use futures_util::{
    StreamExt,
    stream::{Abortable, SelectAll},
};
use std::{
    future::poll_fn,
    sync::Arc,
    task::{Context, Poll},
};
use tokio::task::unconstrained;

/// Messages that are received at once at most, however fast more come.
const BATCH: usize = 262_144;

/// See the module. Each subscription has a queue of its own.
#[derive(Debug)]
pub(super) struct Receiver {
    link: Arc<Link>,
    subscriptions: SelectAll<Abortable<Subscriber>>,
}

impl Receiver {
    pub(super) fn new(link: Arc<Link>) -> Self {
        Self { link, subscriptions: SelectAll::new() }
    }

    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Result<Vec<Bytes>, EngineError>> {
        self.link.listen(cx);
        // Read before the queues: nothing comes after it.
        let over = self.link.check();
        let batch = self.drain(cx);
        match (batch.is_empty(), over) {
            (false, _) => Poll::Ready(Ok(batch)),
            (true, Err(error)) => Poll::Ready(Err(error)),
            (true, Ok(())) => Poll::Pending,
        }
    }

    /// What is ready. A message was put into its queue after all that came before it: whoever takes all that there
    /// is has no message without those before it.
    fn drain(&mut self, cx: &mut Context<'_>) -> Vec<Bytes> {
        let mut batch = Vec::new();
        // Once is not enough: after many that had nothing, the rest is left for the next turn.
        let mut was_empty = false;
        while batch.len() < BATCH {
            if let Poll::Ready(Some(message)) = self.subscriptions.poll_next_unpin(cx) {
                batch.push(message.payload);
                was_empty = false;
                continue;
            }
            let begun = self.link.begun();
            if was_empty && begun.is_empty() {
                break;
            }
            self.subscriptions.extend(begun);
            was_empty = true;
        }
        batch
    }
}

impl Receive for Receiver {
    fn receive(&mut self) -> Boxed<'_, Result<Vec<Bytes>, EngineError>> {
        // All that is ready belongs into one batch: a budget would cut it short.
        Box::pin(unconstrained(poll_fn(|cx| self.poll(cx))))
    }
}

impl Drop for Receiver {
    fn drop(&mut self) {
        self.link.close();
    }
}
