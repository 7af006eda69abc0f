//! Why a session does not go on.

use std::fmt;

/// Why a client that came back does not go on as it was: but for [`Recovered`](Self::Recovered), with a new session.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Gap {
    /// The server knows of no such session: it was away for longer than
    /// [`Limits::resume`](crate::Limits::resume), was closed, or ended with its server.
    Unknown,
    /// More was sent than the [`window`](crate::Limits::window) holds, and is not there to be sent again.
    Overflow,
    /// The node of the session was lost, and another goes on with it, in its rooms and as the same
    /// [`SocketId`](crate::SocketId), from what the engine has [kept](crate::Limits::logged_bytes).
    ///
    /// All that was emitted comes, and none of it twice. What the client had sent and not heard of may have been
    /// handled or not: calls end as [`Lost`](crate::CallError::Lost).
    Recovered,
}

impl Gap {
    /// The word for it in `hello`.
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Unknown => "unknown",
            Self::Overflow => "overflow",
            Self::Recovered => "recovered",
        }
    }

    /// What a word means; one that is not known, or none, is that nothing is.
    pub(crate) fn of(word: Option<&str>) -> Self {
        match word {
            Some("overflow") => Self::Overflow,
            Some("recovered") => Self::Recovered,
            _ => Self::Unknown,
        }
    }
}

impl fmt::Display for Gap {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Unknown => "the server knows of no such session",
            Self::Overflow => "more was missed than the server keeps",
            Self::Recovered => "another node goes on with it",
        })
    }
}
