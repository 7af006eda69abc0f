//! Close codes, and on which of them a client connects again.

use std::{borrow::Cow, fmt};

/// Why a WebSocket was closed: a number of RFC 6455 section 7.4 or of this protocol.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct CloseCode(pub u16);

macro_rules! codes {
    ($($(#[$doc:meta])+ $name:ident = $code:literal $text:literal,)+) => {
        impl CloseCode {
            $($(#[$doc])+ pub const $name: Self = Self($code);)+

            /// A few words on the code, in lower case.
            pub(crate) fn text(self) -> &'static str {
                match self.0 {
                    $($code => $text,)+
                    _ => "closed",
                }
            }
        }
    };
}

codes! {
    /// 1000: done.
    DONE = 1000 "done",
    /// 1001: a page is gone, or has given up the connection; its session is waited for.
    AWAY = 1001 "going away",
    /// 1002: a fault of the WebSocket framing.
    PROTOCOL = 1002 "websocket protocol error",
    /// 1003: a binary frame.
    BINARY = 1003 "binary frames are not spoken here",
    /// 1005: the peer closed without a code. Never sent.
    NO_CODE = 1005 "closed without a code",
    /// 1006: the connection ended without a closing handshake. Never sent.
    LOST = 1006 "connection lost",
    /// 1007: text that is not UTF-8.
    NOT_UTF8 = 1007 "text is not utf-8",
    /// 1009: a frame over [`Limits::frame`](crate::Limits::frame).
    TOO_LARGE = 1009 "frame too large",
    /// 1012: the server restarts, or stops; the reason is `retry N`: come back in N milliseconds, to
    /// another one perhaps. With `retry N, resume` the session is kept until then.
    RESTART = 1012 "server restarts",
    /// 1013: the server is full.
    FULL = 1013 "server is full",
    /// 4400: not a frame of this protocol.
    BAD_FRAME = 4400 "not a frame of socketkit.v1.json",
    /// 4401: not authorised.
    UNAUTHORIZED = 4401 "unauthorized",
    /// 4403: forbidden.
    FORBIDDEN = 4403 "forbidden",
    /// 4408: no heartbeat in time.
    TIMEOUT = 4408 "no heartbeat in time",
    /// 4409: the session goes on over a newer connection.
    SUPERSEDED = 4409 "superseded",
    /// 4429: too many frames, or a queue that stays full.
    TOO_SLOW = 4429 "too slow",
    /// 4500: an error of the server.
    INTERNAL = 4500 "internal error",
}

impl CloseCode {
    /// Whether a client connects again after this code.
    pub fn reconnects(self) -> bool {
        !matches!(self.0, 1000 | 1002 | 1003 | 1007..=1010 | 4400..=4407 | 4409 | 4410..=4428)
    }

    /// Whether the code may stand in a close frame (RFC 6455 section 7.4).
    pub(crate) fn is_sendable(self) -> bool {
        matches!(self.0, 1000..=1003 | 1007..=1014 | 3000..=4999)
    }
}

impl fmt::Display for CloseCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)
    }
}

impl fmt::Debug for CloseCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({})", self.0, self.text())
    }
}

/// How a socket ended: an argument of `on_disconnect` handlers, and a client's last status.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Disconnect {
    /// The close code: the peer's if it closed, ours if we did, 1006 if neither.
    pub code: CloseCode,
    /// The reason that came or went with the code: at most 123 bytes, often empty.
    pub reason: Cow<'static, str>,
}

/// What follows on `retry N` where the session is kept.
pub(crate) const RESUME: &str = ", resume";

impl Disconnect {
    /// A code with a reason of one's own, cut to the 123 bytes that a close frame has room for.
    pub(crate) fn new(code: CloseCode, reason: impl Into<Cow<'static, str>>) -> Self {
        let mut reason = reason.into();
        if reason.len() > 123 {
            reason = reason[..reason.floor_char_boundary(123)].to_owned().into();
        }
        Self { code, reason }
    }

    /// Milliseconds before which a client is asked not to come back.
    pub(crate) fn retry(&self) -> Option<u64> {
        let asks = matches!(self.code, CloseCode::AWAY | CloseCode::RESTART | CloseCode::FULL);
        let wish = self.reason.strip_prefix("retry ").filter(|_| asks)?;
        wish.strip_suffix(RESUME).unwrap_or(wish).parse().ok()
    }

    /// Whether the session is kept for whoever comes back.
    pub(crate) fn keeps_session(&self) -> bool {
        self.code == CloseCode::TIMEOUT
            || (self.code == CloseCode::RESTART && self.reason.ends_with(RESUME))
    }
}

impl From<CloseCode> for Disconnect {
    fn from(code: CloseCode) -> Self {
        Self::new(code, code.text())
    }
}

impl fmt::Display for Disconnect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({})", self.reason, self.code)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clients_reconnect_on_the_codes_that_ask_for_it() {
        for (code, again) in [
            (1000, false),
            (1001, true),
            (1003, false),
            (1006, true),
            (1009, false),
            (1012, true),
            (1013, true),
            (4400, false),
            (4401, false),
            (4403, false),
            (4408, true),
            (4409, false),
            (4429, true),
            (4500, true),
        ] {
            assert_eq!(CloseCode(code).reconnects(), again, "{code}");
        }
    }

    #[test]
    fn a_restart_says_when_to_come_back_and_whether_the_session_is_kept() {
        for (code, reason, wish) in [
            (CloseCode::RESTART, "retry 7", (Some(7), false)),
            (CloseCode::RESTART, "retry 7, resume", (Some(7), true)),
            (CloseCode::RESTART, "server restarts", (None, false)),
            (CloseCode::FULL, "retry 7, resume", (Some(7), false)),
            (CloseCode::INTERNAL, "retry 7", (None, false)),
            (CloseCode::TIMEOUT, "timeout", (None, true)),
        ] {
            let disconnect = Disconnect::new(code, reason);
            assert_eq!((disconnect.retry(), disconnect.keeps_session()), wish, "{disconnect}");
        }
    }

    #[test]
    fn a_long_reason_is_cut_between_characters() {
        let cut = Disconnect::new(CloseCode::DONE, "ä".repeat(100));
        assert_eq!(cut.reason.len(), 122);
    }
}
