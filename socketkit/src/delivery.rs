//! What became of an event that was emitted.

use crate::{IntoReply, Reject};
use std::{error::Error, fmt};

/// How a frame is queued.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Kind {
    /// An event for this receiver.
    Emit,
    /// An event for many: held until `on_connect` has run.
    Broadcast,
    /// One that this receiver missed when it came from another node: before those that are held.
    Missed,
    /// An answer: taken as long as the close frame is not queued, for a handler that closed its own
    /// socket.
    Answer,
}

/// What became of a frame.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Pushed {
    /// It waits to be sent.
    Queued,
    /// It waits, in the place of an older one of the same event and key.
    Replaced,
    /// The receiver lags: it was left out.
    Dropped,
    /// The socket is closed, or was closed just now for being too slow.
    Closed,
}

/// What became of an emitted event, counted over its receivers. Nobody needs to look at it.
///
/// Each way in which a delivery can fail has a consequence of its own: a closed socket runs
/// `on_disconnect`, a full queue does what the event's [`Policy`](crate::Policy) says, and an event
/// that does not serialise, or is longer than its `max`, goes to [`on_error`](crate::Server::on_error) and is counted nowhere.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Delivery {
    /// Receivers in whose queue it waits or from which it was already written.
    pub queued: usize,
    /// Of these, receivers that lost an older event of the same name (and key) to it.
    pub replaced: usize,
    /// Receivers that lag too far behind for a `volatile` event.
    pub dropped: usize,
    /// Receivers whose socket is closed, or was closed just now for being too slow.
    pub closed: usize,
    /// Whether it was also handed over for the sockets of other nodes, which are not counted here: `false` without
    /// a cluster, by [`Io::local`](crate::Io::local), and if more waits for them than
    /// [`Limits::forwarded`](crate::Limits::forwarded).
    pub forwarded: bool,
}

impl Delivery {
    pub(crate) fn of(pushed: Pushed) -> Self {
        let mut delivery = Self::default();
        delivery.count(pushed);
        delivery
    }

    /// Whether it waits for nobody who is here, and nobody here was left out.
    pub(crate) fn is_nowhere(&self) -> bool {
        self.queued == 0 && self.dropped == 0
    }

    pub(crate) fn count(&mut self, pushed: Pushed) {
        match pushed {
            Pushed::Queued => self.queued += 1,
            Pushed::Replaced => {
                self.queued += 1;
                self.replaced += 1;
            }
            Pushed::Dropped => self.dropped += 1,
            Pushed::Closed => self.closed += 1,
        }
    }
}

/// So that a handler may end with `socket.emit(..)`.
impl IntoReply<()> for Delivery {
    fn into_reply(self) -> Result<(), Reject> {
        Ok(())
    }
}

/// An event that was not emitted, since its payload does not serialise or is longer than its `max`.
#[derive(Debug)]
#[non_exhaustive]
pub struct EmitError {
    /// Name of the event on the wire.
    pub event: &'static str,
    /// What the payload's `Serialize` said, or how many bytes the event may have.
    pub source: serde_json::Error,
}

impl fmt::Display for EmitError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "event `{}` does not serialise", self.event)
    }
}

impl Error for EmitError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        Some(&self.source)
    }
}
