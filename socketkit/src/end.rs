//! How a connection ends, and who ends it.

use crate::{CloseCode, Disconnect, Reject};
use tokio_tungstenite::tungstenite::{self, error::CapacityError};

/// How a connection ends.
#[derive(Debug)]
pub(crate) struct End {
    pub(crate) disconnect: Disconnect,
    pub(crate) by: By,
}

/// Who ends it.
#[derive(Debug, PartialEq)]
pub(crate) enum By {
    Us,
    /// We do, and another node is to go on with the session.
    Drain,
    Peer,
    /// The network: there is nobody to say farewell to.
    Nobody,
}

impl End {
    /// Whether a session goes on when a connection of it ends so: it was lost, or its client gave it up to
    /// come back. One that leaves on purpose says 1000. A browser says 1001 also of a connection that its
    /// page gave up while it was opened, and lives on.
    pub(crate) fn leaves_session(&self) -> bool {
        let code = self.disconnect.code;
        match self.by {
            By::Nobody | By::Drain => true,
            By::Us => code == CloseCode::TIMEOUT,
            By::Peer => {
                matches!(code, CloseCode::AWAY | CloseCode::TIMEOUT | CloseCode::TOO_SLOW)
            }
        }
    }
}

impl From<Disconnect> for End {
    fn from(disconnect: Disconnect) -> Self {
        let lost = disconnect.code == CloseCode::LOST;
        Self { disconnect, by: if lost { By::Nobody } else { By::Us } }
    }
}

impl From<CloseCode> for End {
    fn from(code: CloseCode) -> Self {
        Disconnect::from(code).into()
    }
}

/// How a socket is closed that `authorize` or `on_connect` refused.
pub(crate) fn refusal(reject: &Reject) -> Disconnect {
    let code = match &*reject.code {
        "unauthorized" => CloseCode::UNAUTHORIZED,
        "internal" => CloseCode::INTERNAL,
        "busy" | "timeout" => CloseCode::FULL,
        _ => CloseCode::FORBIDDEN,
    };
    Disconnect::new(code, reject.message.clone())
}

/// The close code of a fault of the WebSocket layer (RFC 6455 section 7.4.1).
pub(crate) fn fault(error: &tungstenite::Error) -> Disconnect {
    match error {
        tungstenite::Error::Capacity(CapacityError::MessageTooLong { .. }) => {
            CloseCode::TOO_LARGE.into()
        }
        tungstenite::Error::Utf8(_) => CloseCode::NOT_UTF8.into(),
        tungstenite::Error::Protocol(error) => {
            Disconnect::new(CloseCode::PROTOCOL, error.to_string())
        }
        _ => CloseCode::LOST.into(),
    }
}
