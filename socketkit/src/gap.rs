//! Why a session does not go on.

use std::fmt;

/// Why a client that came back was given a new session instead of the one that it had.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Gap {
    /// The server knows of no such session: it was away for longer than
    /// [`Limits::resume`](crate::Limits::resume), was closed, or ended with its server.
    Unknown,
    /// More was sent than the [`window`](crate::Limits::window) holds, and is not there to be sent again.
    Overflow,
}

impl Gap {
    /// The word for it in `hello`.
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Unknown => "unknown",
            Self::Overflow => "overflow",
        }
    }

    /// What a word means; one that is not known, or none, is that nothing is.
    pub(crate) fn of(word: Option<&str>) -> Self {
        if word == Some("overflow") { Self::Overflow } else { Self::Unknown }
    }
}

impl fmt::Display for Gap {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Unknown => "the server knows of no such session",
            Self::Overflow => "more was missed than the server keeps",
        })
    }
}
