//! What this node has asked others, and their answers as they come.

use super::{
    channel::Channel,
    message::{Outcome, Record},
    moving::NoSession,
    shared::Shared,
};
use crate::{
    CallError, NodeId, Reject, SocketId,
    failure::Failure,
    peer::{Answer, lock},
    presence::Stands,
    reports::Reports,
};
use bytes::Bytes;
use serde_json::value::RawValue;
use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex,
        atomic::{AtomicU64, Ordering},
    },
};
use tokio::sync::mpsc::{self, Receiver, Sender};
use tokio_tungstenite::tungstenite::Utf8Bytes;

/// Answers to one question that wait to be read; beyond, they count as not given.
const WAITING: usize = 65_536;

/// See the module.
#[derive(Debug, Default)]
pub(crate) struct Asks {
    last: AtomicU64,
    open: Mutex<HashMap<u64, Open>>,
}

#[derive(Debug)]
struct Open {
    answers: Sender<Said>,
    reports: Option<Arc<Reports>>,
}

/// What a node says to a question.
#[derive(Debug)]
pub(crate) struct Said {
    pub(crate) node: NodeId,
    pub(crate) what: What,
}

#[derive(Debug)]
pub(crate) enum What {
    /// Which of the channels it listens to on which the question is asked.
    Hears(Vec<usize>),
    /// How many sockets it has asked, of one of these.
    Asked {
        at: usize,
        sockets: usize,
    },
    /// What one of them answered.
    Replied(SocketId, Answer),
    Sockets(Vec<SocketId>),
    Count(usize),
    /// Who is present, and whether that is all.
    Presence(Vec<Stands>, bool),
    /// The rooms of a session that may come.
    Offer(Vec<Box<RawValue>>),
    NoSession(NoSession),
    /// The node is gone.
    Gone,
}

/// A question that was asked, until it is dropped.
#[derive(Debug)]
pub(crate) struct Asking {
    pub(crate) id: u64,
    shared: Arc<Shared>,
    pub(crate) answers: Receiver<Said>,
    /// Nobody is at work for it any more.
    pub(crate) is_over: bool,
}

impl Shared {
    /// A question that is about to be asked.
    pub(crate) fn ask(self: &Arc<Self>, reports: Option<Arc<Reports>>) -> Asking {
        let id = self.asks.last.fetch_add(1, Ordering::Relaxed);
        let (sender, answers) = mpsc::channel(WAITING);
        lock(&self.asks.open).insert(id, Open { answers: sender, reports });
        Asking { id, shared: self.clone(), answers, is_over: false }
    }
}

impl Asks {
    /// A number that no question has.
    pub(crate) fn number(&self) -> u64 {
        self.last.fetch_add(1, Ordering::Relaxed)
    }

    /// A node has answered something.
    pub(crate) fn hear(&self, node: NodeId, record: &Record, bytes: &Bytes) {
        let (id, what) = match record {
            Record::Hears { ask, on } => (ask, What::Hears(on.clone())),
            Record::Asked { ask, at, sockets } => (ask, What::Asked { at: *at, sockets: *sockets }),
            Record::Replied { ask, socket, outcome, .. } => {
                (ask, What::Replied(*socket, answer(outcome, bytes)))
            }
            Record::Sockets { ask, sockets } => (ask, What::Sockets(sockets.clone())),
            Record::Counted { ask, sockets } => (ask, What::Count(*sockets)),
            Record::PresenceFetched { ask, is_last, sockets } => {
                (ask, What::Presence(sockets.clone(), *is_last))
            }
            Record::Offer { ask, rooms } => (ask, What::Offer(rooms.clone())),
            Record::NoSession { ask, why } => (ask, What::NoSession(*why)),
            Record::Progress { ask, .. } => {
                let reports = lock(&self.open).get(ask).and_then(|open| open.reports.clone());
                if let (Some(reports), Ok(text)) = (reports, text(bytes)) {
                    let all = 0..text.len();
                    reports.push((text, all));
                }
                return;
            }
            _ => return,
        };
        let answers = lock(&self.open).get(id).map(|open| open.answers.clone());
        if let Some(answers) = answers {
            // Whoever asked has stopped to listen, or reads too late.
            let _ = answers.try_send(Said { node, what });
        }
    }

    /// A node is gone, and answers nothing any more.
    pub(crate) fn gone(&self, node: NodeId) {
        let open: Vec<_> = lock(&self.open).values().map(|open| open.answers.clone()).collect();
        for answers in open {
            let _ = answers.try_send(Said { node, what: What::Gone });
        }
    }
}

impl Drop for Asking {
    fn drop(&mut self) {
        lock(&self.shared.asks.open).remove(&self.id);
        if !self.is_over {
            self.shared.say(Channel::Control, Record::Cancel { ask: self.id }, None);
        }
    }
}

/// How a call ended on another node.
fn answer(outcome: &Outcome, bytes: &Bytes) -> Answer {
    match outcome {
        Outcome::Reply => match text(bytes) {
            Ok(text) => {
                let all = 0..text.len();
                Ok((text, all))
            }
            Err(failure) => Err(failure),
        },
        Outcome::Rejected { code, message, data } => {
            let reject = Reject::new(code.clone(), message.clone());
            Err(Failure::Refused(reject.with_raw_data(data.as_deref())))
        }
        Outcome::Timeout => Err(CallError::Timeout.into()),
        Outcome::Closed => Err(CallError::Closed.into()),
        Outcome::Lost => Err(CallError::Lost.into()),
    }
}

fn text(bytes: &Bytes) -> Result<Utf8Bytes, Failure> {
    Utf8Bytes::try_from(bytes.clone()).map_err(|_| CallError::Lost.into())
}
