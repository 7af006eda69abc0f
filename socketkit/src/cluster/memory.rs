//! An engine within the process, which fails on demand: for tests.

use super::{
    channel::{Channel, Interest},
    engine::{Boxed, Change, Engine, EngineError, Line, Outgoing, Publish, Receive},
    settings::ClusterOptions,
};
use crate::peer::lock;
use bytes::Bytes;
use std::{
    collections::HashSet,
    fmt,
    sync::{Arc, Mutex},
};
use tokio::sync::mpsc;

/// See the module. Servers that are given clones of it are one cluster.
#[derive(Clone, Default)]
pub(crate) struct Memory(Arc<Mutex<State>>);

#[derive(Default)]
struct State {
    lines: Vec<Listening>,
    count: usize,
    is_down: bool,
    /// Which messages are lost, by who listens and what they say.
    loses: Option<Loses>,
    published: usize,
}

type Loses = Box<dyn FnMut(usize, Channel, &[u8]) -> bool + Send>;

struct Listening {
    id: usize,
    asks: HashSet<Interest>,
    messages: mpsc::UnboundedSender<Bytes>,
}

impl Memory {
    /// Ends every connection; no other is made until it is [up](Self::up) again.
    pub(crate) fn down(&self) {
        let mut state = lock(&self.0);
        state.is_down = true;
        state.lines.clear();
    }

    pub(crate) fn up(&self) {
        lock(&self.0).is_down = false;
    }

    /// Ends every connection.
    pub(crate) fn cut(&self) {
        lock(&self.0).lines.clear();
    }

    /// Loses messages, without that anybody notices.
    pub(crate) fn lose(&self, loses: impl FnMut(usize, Channel, &[u8]) -> bool + Send + 'static) {
        lock(&self.0).loses = Some(Box::new(loses));
    }

    /// How many messages were published.
    pub(crate) fn published(&self) -> usize {
        lock(&self.0).published
    }
}

impl Engine for Memory {
    fn name(&self) -> &'static str {
        "memory"
    }

    fn connect<'a>(&'a self, _: &'a str) -> Boxed<'a, Result<Line, EngineError>> {
        Box::pin(async {
            let mut state = lock(&self.0);
            if state.is_down {
                return Err("it is down".into());
            }
            state.count += 1;
            let (id, (messages, receiver)) = (state.count, mpsc::unbounded_channel());
            state.lines.push(Listening { id, asks: HashSet::new(), messages });
            let publisher = Box::new(Speaker(self.clone(), id));
            Ok(Line { publisher, receiver: Box::new(Listener(receiver)) })
        })
    }
}

struct Speaker(Memory, usize);

impl Publish for Speaker {
    fn publish(&mut self, messages: Vec<Outgoing>) -> Boxed<'_, Result<(), EngineError>> {
        Box::pin(async move {
            let mut state = lock(&self.0.0);
            let State { lines, loses, published, .. } = &mut *state;
            if !lines.iter().any(|line| line.id == self.1) {
                return Err("it was cut".into());
            }
            for Outgoing { channel, payload, .. } in messages {
                *published += 1;
                for line in lines.iter().filter(|line| line.asks_for(channel)) {
                    let is_lost =
                        loses.as_mut().is_some_and(|lose| lose(line.id, channel, &payload));
                    if !is_lost {
                        let _ = line.messages.send(payload.clone());
                    }
                }
            }
            Ok(())
        })
    }

    fn subscribe(&mut self, changes: Vec<Change>) -> Boxed<'_, Result<(), EngineError>> {
        Box::pin(async move {
            let mut state = lock(&self.0.0);
            let line = state.lines.iter_mut().find(|line| line.id == self.1);
            let line = line.ok_or("it was cut")?;
            for change in changes {
                match change {
                    Change::Begin(interest) => line.asks.insert(interest),
                    Change::End(interest) => line.asks.remove(&interest),
                };
            }
            Ok(())
        })
    }
}

impl Listening {
    fn asks_for(&self, channel: Channel) -> bool {
        let pattern = match channel {
            Channel::Room(_) => Interest::Rooms,
            Channel::Socket(id) => Interest::SocketsOf(id.node()),
            _ => return self.asks.contains(&Interest::In(channel)),
        };
        self.asks.contains(&Interest::In(channel)) || self.asks.contains(&pattern)
    }
}

struct Listener(mpsc::UnboundedReceiver<Bytes>);

impl Receive for Listener {
    fn receive(&mut self) -> Boxed<'_, Result<Vec<Bytes>, EngineError>> {
        Box::pin(async {
            let mut messages = vec![self.0.recv().await.ok_or("it was cut")?];
            while let Ok(message) = self.0.try_recv() {
                messages.push(message);
            }
            Ok(messages)
        })
    }
}

impl From<Memory> for ClusterOptions {
    fn from(memory: Memory) -> Self {
        Self { engine: Box::new(memory), name: None, is_standalone: false }
    }
}

impl fmt::Debug for Memory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Memory")
    }
}
