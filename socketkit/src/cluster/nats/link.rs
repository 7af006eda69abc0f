//! What the halves of a connection share.

use crate::{cluster::engine::EngineError, peer::lock};
use async_nats::{Event, Subscriber};
use futures_util::{stream::Abortable, task::AtomicWaker};
use std::{
    mem,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
    task::Context,
};
use tokio::sync::watch;

/// See the module.
#[derive(Debug, Default)]
pub(super) struct Link {
    /// Subscriptions that the half that listens has not seen yet: each was asked for, so that there are never more
    /// of them than of those.
    begun: Mutex<Vec<Abortable<Subscriber>>>,
    /// Of the half that listens.
    waker: AtomicWaker,
    /// Why it is over.
    over: watch::Sender<Option<String>>,
}

impl Link {
    pub(super) fn begin(&self, subscription: Abortable<Subscriber>) {
        let mut begun = lock(&self.begun);
        if self.check().is_ok() {
            begun.push(subscription);
        }
        drop(begun);
        self.waker.wake();
    }

    /// The task is woken when something begins from now on, and when it is over.
    pub(super) fn listen(&self, cx: &Context<'_>) {
        self.waker.register(cx.waker());
    }

    /// What has begun since.
    pub(super) fn begun(&self) -> Vec<Abortable<Subscriber>> {
        mem::take(&mut lock(&self.begun))
    }

    /// It is over; the first to say why is believed.
    pub(super) fn end(&self, why: impl Into<String>) {
        self.over.send_if_modified(|over| {
            let is_first = over.is_none();
            over.get_or_insert_with(|| why.into());
            is_first
        });
        self.waker.wake();
    }

    /// A half was dropped. What it has not seen yet would hold the connection, and this.
    pub(super) fn close(&self) {
        self.end("the connection was dropped");
        lock(&self.begun).clear();
    }

    /// An error if it is over.
    pub(super) fn check(&self) -> Result<(), EngineError> {
        match &*self.over.borrow() {
            Some(why) => Err(format!("NATS: {why}").into()),
            None => Ok(()),
        }
    }

    /// What becomes of something that needs the connection, unless that is over before.
    pub(super) async fn during<T>(
        &self,
        work: impl Future<Output = Result<T, EngineError>>,
    ) -> Result<T, EngineError> {
        let mut over = self.over.subscribe();
        let ended = async {
            drop(over.wait_for(Option::is_some).await);
            self.check()
        };
        tokio::select! {
            biased;
            ended = ended => Err(ended.err().unwrap_or_else(|| "NATS: it is over".into())),
            done = work => done,
        }
    }

    pub(super) fn events(self: &Arc<Self>) -> Events {
        Events { link: self.clone(), is_slow: AtomicBool::new(false) }
    }
}

/// What the client says about the connection. When it is dropped, nobody keeps that any more.
#[derive(Debug)]
pub(super) struct Events {
    link: Arc<Link>,
    is_slow: AtomicBool,
}

impl Events {
    pub(super) fn happened(&self, event: &Event) {
        match event {
            Event::Connected => {}
            Event::SlowConsumer(_) => {
                if !self.is_slow.swap(true, Ordering::Relaxed) {
                    tracing::warn!(
                        "NATS sends faster than this node receives: messages are dropped"
                    );
                }
            }
            Event::Disconnected => self.link.end("the connection was lost"),
            Event::LameDuckMode => self.link.end("the server is going to stop"),
            Event::Draining | Event::Closed => self.link.end("the connection was closed"),
            Event::ServerError(error) => self.link.end(error.to_string()),
            Event::ClientError(error) => self.link.end(error.to_string()),
        }
    }
}

impl Drop for Events {
    fn drop(&mut self) {
        self.link.end("the connection was closed");
    }
}
