//! What the halves of a connection share.

use crate::{cluster::engine::EngineError, peer::lock};
use bytes::Bytes;
use futures_util::task::AtomicWaker;
use redis::{PushInfo, PushKind, RedisResult, Value};
use std::{collections::VecDeque, mem::size_of, sync::Mutex, task::Context};
use tokio::sync::watch;

/// Bytes of messages that wait to be received. More than that are lost, which their numbers tell.
const WAITING: usize = 64 * 1024 * 1024;

/// Messages that are received at once.
const BATCH: usize = 4_096;

/// See the module.
#[derive(Debug, Default)]
pub(super) struct Link {
    waiting: Mutex<Waiting>,
    /// Of the half that listens.
    waker: AtomicWaker,
    /// Why it is over.
    over: watch::Sender<Option<String>>,
}

#[derive(Debug, Default)]
struct Waiting {
    messages: VecDeque<Bytes>,
    bytes: usize,
    /// How much ever came.
    count: u64,
    is_slow: bool,
}

impl Waiting {
    fn push(&mut self, message: Bytes) {
        self.count += 1;
        let size = size_of_message(&message);
        if self.bytes + size <= WAITING {
            self.bytes += size;
            self.messages.push_back(message);
        } else if !std::mem::replace(&mut self.is_slow, true) {
            tracing::warn!("Redis sends faster than this node receives: messages are dropped");
        }
    }

    fn take(&mut self) -> Vec<Bytes> {
        let count = self.messages.len().min(BATCH);
        let taken: Vec<_> = self.messages.drain(..count).collect();
        self.bytes -= taken.iter().map(size_of_message).sum::<usize>();
        taken
    }
}

fn size_of_message(message: &Bytes) -> usize {
    message.len() + size_of::<Bytes>()
}

impl Link {
    /// The server sent something that nobody asked for, or the client lost it.
    pub(super) fn heard(&self, mut push: PushInfo) {
        match (push.kind, push.data.pop()) {
            (PushKind::Message | PushKind::PMessage, Some(Value::BulkString(message))) => {
                lock(&self.waiting).push(message.into());
                self.waker.wake();
            }
            (PushKind::Disconnection, _) => self.end("the connection was lost"),
            _ => {}
        }
    }

    /// The task is woken when something comes from now on, and when it is over.
    pub(super) fn listen(&self, cx: &Context<'_>) {
        self.waker.register(cx.waker());
    }

    /// What has come.
    pub(super) fn take(&self) -> Vec<Bytes> {
        lock(&self.waiting).take()
    }

    /// How many messages have ever come.
    pub(super) fn count(&self) -> u64 {
        lock(&self.waiting).count
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

    /// An error if it is over.
    pub(super) fn check(&self) -> Result<(), EngineError> {
        match &*self.over.borrow() {
            Some(why) => Err(format!("Redis: {why}").into()),
            None => Ok(()),
        }
    }

    /// The answer to a question, if there is one before it is over.
    pub(super) async fn answer<T>(
        &self,
        question: impl Future<Output = RedisResult<T>>,
    ) -> Result<T, EngineError> {
        self.check()?;
        tokio::select! {
            // Of many messages, each has its error in it.
            answer = question => answer.map_err(|error| {
                format!("Redis: {}", error.to_string().chars().take(300).collect::<String>()).into()
            }),
            () = self.ended() => Err(self.check().err().unwrap_or_else(|| "Redis: it is over".into())),
        }
    }

    /// Ready when it is over.
    pub(super) async fn ended(&self) {
        drop(self.over.subscribe().wait_for(Option::is_some).await);
    }
}
