//! A session that moves to another node, as the one tells the other of it.

use super::{channel::Channel, durable::SessionRecord};
use crate::{
    NodeId, SocketId,
    frame::FrameBytes,
    outbox::Packed,
    presence::Presences,
    ticket::{Secret, Ticket, Token},
};
use bytes::Bytes;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use std::{collections::HashMap, time::Duration};

/// What somebody offers who comes to another node than their session is on.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Pass {
    pub(crate) id: SocketId,
    secret: String,
    pub(crate) seen: u64,
    attempt: u32,
    /// Who that other node says that they are.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) identity: Option<Box<RawValue>>,
}

/// Why a session does not come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum NoSession {
    Unknown,
    Overflow,
    /// Somebody else came for it later.
    Superseded,
    /// It is on this node by now.
    Moved(NodeId),
    /// It is on its way to the node that was asked.
    Coming,
}

/// All that a session is, but for the value that `authorize` makes of whoever comes back to it.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct SessionState {
    pub(crate) id: SocketId,
    pub(crate) secret: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) former: Option<Former>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) identity: Option<Box<RawValue>>,
    /// Frames of its client that were processed.
    pub(crate) received: u64,
    /// Frames that were sent before the first of those that are kept.
    pub(crate) before: u64,
    /// How many of these were sent.
    pub(crate) sent: usize,
    /// The length of each that is kept; they are the bytes of the record.
    pub(crate) lens: Vec<usize>,
    /// The id of the last call to its client.
    pub(crate) call: u32,
    pub(crate) rooms: Vec<Box<RawValue>>,
    /// How far it has been told what other nodes said, on the channels that it hears.
    pub(crate) heard: Vec<(NodeId, Channel, u64)>,
    /// For how many milliseconds its node has listened to each of these.
    pub(crate) listened: Vec<(Channel, u64)>,
    /// Where it is present.
    #[serde(default)]
    pub(crate) presences: Presences,
    /// As it is to be written down, and the number of what is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) kept: Option<Box<(SessionRecord, u64)>>,
}

/// The secret of a session before its last node was lost, for a client that has not heard of another: good for later
/// attempts than this.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Former {
    secret: String,
    attempt: u32,
}

impl Former {
    pub(crate) fn new((secret, attempt): (Secret, u32)) -> Self {
        Self { secret: secret.write(), attempt }
    }

    /// The same, good for that attempt as well.
    pub(crate) fn yet_to_come(self) -> Self {
        Self { attempt: self.attempt.saturating_sub(1), ..self }
    }

    pub(crate) fn read(&self) -> Option<(Secret, u32)> {
        Some((Secret::read(&self.secret)?, self.attempt))
    }
}

impl Pass {
    pub(crate) fn new(ticket: &Ticket, identity: Option<Box<RawValue>>) -> Option<Self> {
        let Token { id, secret, .. } = ticket.token()?;
        let (seen, attempt) = (ticket.seen, ticket.attempt);
        Some(Self { id, secret: secret.write(), seen, attempt, identity })
    }

    pub(crate) fn ticket(&self) -> Option<Ticket> {
        let secret = Secret::read(&self.secret)?;
        let token = Token { owner: NodeId::default(), id: self.id, secret };
        Some(Ticket::new(token, self.seen, self.attempt))
    }
}

impl SessionState {
    /// How far it has been told what nodes said on its channels.
    pub(crate) fn heard(&self) -> HashMap<(NodeId, Channel), u64> {
        let mut heard = HashMap::new();
        for (node, channel, last) in &self.heard {
            let known: &mut u64 = heard.entry((*node, *channel)).or_default();
            *known = (*known).max(*last);
        }
        heard
    }

    /// For how long its node has listened to a channel.
    pub(crate) fn listened(&self, channel: Channel) -> Duration {
        let listened = self.listened.iter().find(|(on, _)| *on == channel);
        Duration::from_millis(listened.map_or(0, |(_, millis)| *millis))
    }

    /// Its queue, of the bytes of the record.
    pub(crate) fn queue(&self, mut bytes: Bytes) -> Option<Packed> {
        let mut frames = Vec::new();
        for len in &self.lens {
            if *len > bytes.len() {
                return None;
            }
            frames.push(FrameBytes::from(&*bytes.split_to(*len)));
        }
        Some(Packed { before: self.before, sent: self.sent, frames })
    }
}
