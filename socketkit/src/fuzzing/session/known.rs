//! What is known of a server, of which nothing is forgotten.

use super::{client::Client, server::Fuzzed};
use crate::{
    Disconnect, Events, Protocol,
    close::CloseCode,
    wire::{self, Frame, Problem},
};
use std::collections::{BTreeMap, HashMap};
use tokio::task::JoinHandle;

/// Everything that is known of a server.
#[derive(Default)]
pub(super) struct Known {
    pub(super) sessions: HashMap<String, Remembered>,
    /// The session that was spoken of last, but for the witness.
    pub(super) last: Option<String>,
    pub(super) attempts: u32,
    pub(super) connections: Vec<JoinHandle<Disconnect>>,
}

/// What one session was.
#[derive(Debug, Default)]
pub(super) struct Remembered {
    pub(super) token: String,
    /// What counts, by number.
    pub(super) frames: BTreeMap<u64, String>,
    /// The number of the last that came, over whatever connection came last.
    pub(super) received: u64,
    /// How many that count were sent at most, and how many the server says it has seen.
    pub(super) sent: u64,
    pub(super) seen: u64,
    /// How often each call was sent, and answered.
    pub(super) calls: HashMap<u32, (usize, usize)>,
    /// The numbers of those that were processed, or are to be.
    pub(super) asked: BTreeMap<u64, u32>,
    pub(super) events: usize,
    pub(super) failures: usize,
    pub(super) tick: u64,
    /// Which of its connections is the last.
    pub(super) connection: usize,
    /// Whose it is.
    pub(super) user: String,
    /// How much the server was told is seen.
    pub(super) said: u64,
    /// It was sent bytes of which nobody knows what they are.
    pub(super) is_wild: bool,
}

impl Known {
    /// Whether an honest one may say that he comes for the last session.
    pub(super) fn may_come_back(&self) -> bool {
        self.last.is_some() && self.attempts < u32::MAX
    }

    pub(super) fn is_answered(&self, client: &Client, id: u32) -> bool {
        let session = client.session.as_ref().and_then(|session| self.sessions.get(session));
        session.and_then(|session| session.calls.get(&id)).is_some_and(|call| call.1 == 1)
    }

    /// Every call that was processed has its answer.
    pub(super) fn are_answered(&self, client: &Client) {
        let session = client.session.as_ref().and_then(|session| self.sessions.get(session));
        let Some(session) = session else { return };
        let is_whole = session.frames.keys().copied().eq(1..=session.frames.len() as u64);
        if session.is_wild || !is_whole {
            return;
        }
        for (number, id) in &session.asked {
            let answers = session.calls.get(id).map(|call| call.1);
            assert!(answers > Some(0), "call {id}, the {number}th frame, has no answer");
        }
    }

    /// Every connection is over.
    pub(super) async fn ended(self) {
        for connection in self.connections {
            assert!(connection.is_finished(), "a connection that never ends");
            let Ok(disconnect) = connection.await else { panic!("a connection panicked") };
            assert_ne!(disconnect.code, CloseCode::INTERNAL);
        }
    }

    /// What somebody says to come back, with all that is known in its place.
    pub(super) fn ticket(&mut self, said: &str) -> (String, Option<(String, u64)>) {
        let session = self.last.as_ref().and_then(|last| self.sessions.get(last));
        let (token, received) = session.map_or(("", 0), |it| (&*it.token, it.received));
        let attempt = self.attempts.saturating_add(1).to_string();
        let ticket = said.replace('@', token).replace('$', &received.to_string());
        let ticket = ticket.replace('%', &attempt);
        // The first word of the header that is a ticket.
        let word = ticket.split(',').next().unwrap_or_default().trim_ascii();
        // Behind the token, and in front of places.
        let mut numbers = word.split('.').skip(1);
        let seen = numbers.next().and_then(|seen| seen.parse().ok());
        if let Some(attempt) = numbers.next().and_then(|attempt| attempt.parse().ok()) {
            self.attempts = self.attempts.max(attempt);
        }
        (ticket, self.last.clone().zip(seen))
    }
}

impl Remembered {
    /// Something that counts is sent.
    pub(super) fn sends(&mut self, text: &str) {
        self.sent += 1;
        let id = |frame| match frame {
            Ok(Frame::Event { id, .. }) => id,
            _ => None,
        };
        // One that stands behind the payload is found as well.
        if let Some(id) = id(wire::read(text)).or_else(|| id(wire::read_any(text))) {
            self.calls.entry(id).or_default().0 += 1;
            self.asked.insert(self.sent, id);
        }
        self.events += 1;
    }

    /// What counts comes once, and the same again.
    pub(super) fn hears(&mut self, number: u64, text: &str, frame: &Frame<'_>) {
        if let Some(before) = self.frames.get(&number) {
            assert_eq!(before, text, "the {number}th is another than it was");
            return;
        }
        self.frames.insert(number, text.to_owned());
        match frame {
            Frame::Event { name, data, .. } => {
                assert!(<Fuzzed as Protocol>::Server::index_of(name).is_some(), "{text}");
                if name == "tick" {
                    let Ok(tick) = data.parse::<u64>() else { panic!("{text}") };
                    let follows = tick == self.tick + 1;
                    let is_whole = self.frames.len() as u64 == number;
                    assert!(tick > self.tick && (follows || !is_whole), "{tick}, {}", self.tick);
                    self.tick = tick;
                }
            }
            Frame::Reply { id, .. } => self.is_answered(*id, text),
            Frame::Failure { id, error } => {
                let problem = serde_json::from_str::<Problem<'_>>(error);
                let Ok(problem) = problem else { panic!("{text}") };
                assert_ne!(problem.code, "internal", "{text}");
                match id {
                    Some(id) => self.is_answered(*id, text),
                    None => self.failures += 1,
                }
                assert!(self.is_wild || self.failures <= self.events, "{text}");
            }
            Frame::Progress { .. } | Frame::Cancel(_) => {}
            Frame::Heartbeat | Frame::Hello(_) | Frame::Seen(_) => {}
        }
    }

    fn is_answered(&mut self, id: u32, text: &str) {
        let call = self.calls.entry(id).or_default();
        call.1 += 1;
        assert!(self.is_wild || call.1 <= call.0, "nobody waits for {text}");
    }
}
