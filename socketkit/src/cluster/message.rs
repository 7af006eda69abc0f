//! What one node says to others: a line of JSON, and behind it the bytes that it speaks of.
//!
//! ```text
//! {"from":"00000000000000a7","on":"room.5f1d04c2a3b1e977","first":12,"before":9,"ago":250,"counts":true,"records":[{"emit":{"to":{"rooms":["lobby"],"at":0},"len":57}}]}
//! <57 bytes: a WebSocket frame, as every receiver gets it>
//! ```
//!
//! Records that count are numbered by their sender, all in one row, whatever the channel: `first` is the number of
//! the first of them. `before` is the number of the last before it on this channel, so that whoever hears this
//! channel alone knows what was missed.

use super::{
    channel::Channel,
    moving::{NoSession, Pass, SessionState},
    selected::Selected,
};
use crate::{
    NodeId, SocketId,
    presence::{Part, Saying, Stands, What},
};
use bytes::Bytes;
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::value::RawValue;
use std::{borrow::Cow, collections::HashMap};

/// The line.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Head {
    pub(crate) from: NodeId,
    pub(crate) on: Channel,
    /// The number of the first record; of records that do not count, that of the last that did.
    pub(crate) first: u64,
    /// Absent if the sender does not know: there was none for a long time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) before: Option<u64>,
    /// How many milliseconds ago that was.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub(crate) ago: u64,
    /// Whether its records count: all do, or none.
    #[serde(default, skip_serializing_if = "is_false")]
    pub(crate) counts: bool,
    #[serde(deserialize_with = "records")]
    pub(crate) records: Vec<Record>,
}

/// One thing that is said.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Record {
    /// Queue a frame, which is among the bytes.
    Emit(Emit),
    /// Put sockets into a room, or take them out of it.
    Join {
        to: Selected,
        room: Box<RawValue>,
    },
    Leave {
        to: Selected,
        room: Box<RawValue>,
    },
    /// Close sockets.
    Close {
        to: Selected,
        code: u16,
        reason: Cow<'static, str>,
    },
    /// Close all that is somebody's, by what their identity serialises to.
    Revoke {
        identity: Box<RawValue>,
    },
    /// A node is there, as it says again and again.
    Here(Here),
    /// It goes.
    Gone,
    /// What did you say on channels lately, for so many milliseconds? Answered with marks, and then in `Synced`.
    Sync {
        ask: u64,
        within: u64,
    },
    /// That was all, unless something was said on channels that are not known any more.
    Synced {
        ask: u64,
        forgotten: bool,
    },
    /// The last numbers of channels, and how many milliseconds ago they were.
    Marks(Vec<Mark>),
    /// Say again what came on a channel after one number, before another, and for so many milliseconds.
    Resend {
        ask: u64,
        on: Channel,
        after: Option<u64>,
        within: u64,
        until: u64,
    },
    /// Messages of a channel again, each with its length, in parts that are counted from 0; not all of them if
    /// `gone`.
    Resent {
        ask: u64,
        part: u64,
        is_last: bool,
        gone: bool,
        lens: Vec<usize>,
    },
    /// These sessions were recovered here: they are no more with whom they were.
    Taken {
        sockets: Vec<SocketId>,
    },
    /// Which of these channels do you listen to, on which a question is asked? Answered in `Hears`.
    Roll {
        ask: u64,
        on: Vec<Channel>,
    },
    Hears {
        ask: u64,
        on: Vec<usize>,
    },
    /// Ask sockets, with the payload among the bytes, and wait so many milliseconds for each; `hears` is whether
    /// whoever asks hears of progress. Answered in `Asked`, and for each of them in `Replied`.
    Call {
        ask: u64,
        to: Selected,
        event: String,
        within: u64,
        hears: bool,
        len: usize,
    },
    Asked {
        ask: u64,
        at: usize,
        sockets: usize,
    },
    Replied {
        ask: u64,
        socket: SocketId,
        outcome: Outcome,
        len: usize,
    },
    /// A report of the progress of a call.
    Progress {
        ask: u64,
        len: usize,
    },
    /// Nobody waits for the answers any more.
    Cancel {
        ask: u64,
    },
    /// How many are there?
    Count {
        ask: u64,
        to: Selected,
    },
    Counted {
        ask: u64,
        sockets: usize,
    },
    /// Which are there?
    Fetch {
        ask: u64,
        to: Selected,
    },
    Sockets {
        ask: u64,
        sockets: Vec<SocketId>,
    },
    /// What a socket did in a room, by the number of the change among all that its node tells, and that of the last
    /// before of this room; and how often the socket had moved.
    Presence {
        room: Box<RawValue>,
        before: u64,
        at: u64,
        socket: SocketId,
        moves: u32,
        what: What,
    },
    /// Who is present in these rooms? Answered for each in `PresenceState`; `always`, where nobody is as well. Whoever
    /// `begins` had nobody there before, at this number of its changes; one that comes `back` may not have heard a
    /// question.
    PresenceAsk {
        rooms: Vec<Box<RawValue>>,
        always: bool,
        begins: Option<u64>,
        #[serde(default)]
        back: bool,
    },
    /// A part of the sockets of a room, in their order.
    PresenceState {
        room: Box<RawValue>,
        part: Part,
        sockets: Vec<Stands>,
    },
    /// Who is present there, for whoever asks once? Answered in `PresenceFetched`.
    PresenceFetch {
        ask: u64,
        to: Selected,
    },
    PresenceFetched {
        ask: u64,
        is_last: bool,
        sockets: Vec<Stands>,
    },
    /// Where is this session, in which rooms, and may it come? Answered in `Offer` or `NoSession`.
    Take {
        ask: u64,
        pass: Pass,
    },
    Offer {
        ask: u64,
        rooms: Vec<Box<RawValue>>,
    },
    /// It is to come: whoever asks listens to these rooms. Answered in `Moved` or `NoSession`.
    Go {
        ask: u64,
        pass: Pass,
    },
    Moved {
        ask: u64,
        state: Box<SessionState>,
        len: usize,
    },
    NoSession {
        ask: u64,
        why: NoSession,
    },
    /// Its client is not let in any more: it ends.
    Expel {
        pass: Pass,
        code: u16,
        reason: Cow<'static, str>,
    },
    /// It has come.
    Kept {
        id: SocketId,
    },
    /// Of a node to itself: what it asked its engine for before, holds.
    Echo(u64),
    /// One of a newer release, with so many bytes.
    #[serde(skip)]
    Unknown(usize),
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Emit {
    pub(crate) to: Selected,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) policy: Option<Kept>,
    /// Bytes of the frame.
    pub(crate) len: usize,
}

/// What may happen to an event that waits, where it is not reliable.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Kept {
    Volatile,
    /// The newest of its name, or of this key among those of its name.
    Latest(#[serde(default, skip_serializing_if = "Option::is_none")] Option<u64>),
}

/// How a call of one socket ended; the reply is among the bytes.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Outcome {
    Reply,
    Rejected {
        code: Cow<'static, str>,
        message: Cow<'static, str>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        data: Option<Box<RawValue>>,
    },
    Timeout,
    Closed,
    Lost,
}

/// A node as it shows itself.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Here {
    /// Sockets, and how many of these have a connection.
    pub(crate) sockets: usize,
    pub(crate) connected: usize,
    /// It takes no sessions any more.
    #[serde(default, skip_serializing_if = "is_false")]
    pub(crate) stops: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub(crate) struct Mark {
    pub(crate) on: Channel,
    pub(crate) last: u64,
    pub(crate) age: u64,
}

/// A message as it came.
#[derive(Debug, Clone)]
pub(crate) struct Message {
    pub(crate) head: Head,
    /// What is behind the line.
    pub(crate) bytes: Bytes,
}

#[derive(Debug, PartialEq)]
pub(crate) struct Malformed;

/// Records, of which a newer release may have some that this one does not know.
fn records<'de, D: Deserializer<'de>>(from: D) -> Result<Vec<Record>, D::Error> {
    #[derive(Deserialize)]
    struct Sized {
        #[serde(default)]
        len: usize,
    }
    let texts = Vec::<Box<RawValue>>::deserialize(from)?;
    let read = |text: Box<RawValue>| {
        serde_json::from_str(text.get()).unwrap_or_else(|_| {
            let unknown = serde_json::from_str::<HashMap<String, Sized>>(text.get());
            Record::Unknown(unknown.iter().flat_map(HashMap::values).map(|record| record.len).sum())
        })
    };
    Ok(texts.into_iter().map(read).collect())
}

fn is_false(is: &bool) -> bool {
    !is
}

fn is_zero(number: &u64) -> bool {
    *number == 0
}

impl Head {
    /// The number of the last record that counts.
    pub(crate) fn last(&self) -> u64 {
        match self.counts {
            true => self.first + (self.records.len() as u64).saturating_sub(1),
            false => self.first,
        }
    }

    /// The message, with these bytes.
    pub(crate) fn write<'a>(&self, bytes: impl Iterator<Item = &'a [u8]>) -> Bytes {
        // Nothing in it can fail to serialise.
        let mut out = serde_json::to_vec(self).unwrap_or_default();
        out.push(b'\n');
        bytes.for_each(|bytes| out.extend_from_slice(bytes));
        out.into()
    }
}

impl Message {
    /// Reads a message. It may be of an older or a newer release: what it says beyond is passed over.
    pub(crate) fn read(message: Bytes) -> Result<Self, Malformed> {
        let line = message.iter().position(|byte| *byte == b'\n').ok_or(Malformed)?;
        let head: Head =
            serde_json::from_slice(message.get(..line).ok_or(Malformed)?).map_err(|_| Malformed)?;
        Ok(Self { head, bytes: message.slice(line + 1..) })
    }
}

impl Record {
    /// How many of the bytes are its.
    pub(crate) fn len(&self) -> usize {
        match self {
            Self::Emit(Emit { len, .. })
            | Self::Call { len, .. }
            | Self::Replied { len, .. }
            | Self::Progress { len, .. }
            | Self::Moved { len, .. } => *len,
            Self::Resent { lens, .. } => lens.iter().sum(),
            Self::Unknown(len) => *len,
            _ => 0,
        }
    }
}

impl Record {
    /// About how long it is in the line, where that may be long.
    pub(crate) fn weight(&self) -> usize {
        const EACH: usize = 160;
        let said = |said: &Saying| EACH + said.key.len() + said.member.get().len();
        match self {
            Self::Presence { room, what, .. } => {
                let what = if let What::Present(saying) = what { said(saying) } else { 0 };
                EACH + room.get().len() + what
            }
            Self::PresenceState { sockets, .. } | Self::PresenceFetched { sockets, .. } => {
                sockets.iter().map(|stands| EACH + said(&stands.said)).sum()
            }
            _ => 0,
        }
    }
}

impl Selected {
    /// One socket.
    pub(crate) fn socket(id: SocketId) -> Self {
        Self { socket: Some(id), ..Self::default() }
    }
}

#[cfg(test)]
mod tests;
