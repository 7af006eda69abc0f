//! The half that listens to Redis.

use super::link::Link;
use crate::cluster::engine::{Boxed, EngineError, Receive};
use bytes::Bytes;
use std::{
    future::poll_fn,
    sync::Arc,
    task::{Context, Poll},
};

/// See the module.
#[derive(Debug)]
pub(super) struct Receiver {
    link: Arc<Link>,
}

impl Receiver {
    pub(super) fn new(link: Arc<Link>) -> Self {
        Self { link }
    }

    fn poll(&self, cx: &Context<'_>) -> Poll<Result<Vec<Bytes>, EngineError>> {
        self.link.listen(cx);
        // Read before the messages: nothing comes after it.
        let over = self.link.check();
        let batch = self.link.take();
        match (batch.is_empty(), over) {
            (false, _) => Poll::Ready(Ok(batch)),
            (true, Err(error)) => Poll::Ready(Err(error)),
            (true, Ok(())) => Poll::Pending,
        }
    }
}

impl Receive for Receiver {
    fn receive(&mut self) -> Boxed<'_, Result<Vec<Bytes>, EngineError>> {
        Box::pin(poll_fn(|cx| self.poll(cx)))
    }
}

impl Drop for Receiver {
    fn drop(&mut self) {
        self.link.end("the connection was dropped");
    }
}
