//! Hooks that see every event and every failure to emit one.

use crate::{EmitError, SocketId, frame::Draft, reply::guarded};
use std::fmt;

/// An event or a call on its way in or out, as [`Server::inspect`](crate::Server::inspect) shows it.
#[derive(Debug, Clone, Copy)]
#[non_exhaustive]
pub struct Inspected<'a> {
    /// Which way it goes.
    pub direction: Direction,
    /// The sender, or the one receiver; `None` for a broadcast, which is shown once.
    pub socket: Option<SocketId>,
    /// Name on the wire.
    pub event: &'a str,
    /// The whole frame as text, payload included.
    pub frame: &'a str,
}

/// Which way an event goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Direction {
    /// From a client, before its handler runs.
    In,
    /// To clients, before it is queued.
    Out,
}

impl<'a> Inspected<'a> {
    pub(crate) fn received(socket: SocketId, event: &'a str, frame: &'a str) -> Self {
        Self { direction: Direction::In, socket: Some(socket), event, frame }
    }

    pub(crate) fn sent(socket: Option<SocketId>, event: &'a str, draft: &'a Draft) -> Self {
        let frame = std::str::from_utf8(draft.text()).unwrap_or_default();
        Self { direction: Direction::Out, socket, event, frame }
    }
}

type Inspect = Box<dyn Fn(Inspected<'_>) + Send + Sync>;
type OnError = Box<dyn Fn(&EmitError) + Send + Sync>;

/// The hooks of a server.
#[derive(Default)]
pub(crate) struct Hooks {
    pub(crate) inspect: Vec<Inspect>,
    pub(crate) on_error: Vec<OnError>,
}

impl Hooks {
    /// Shows an event, which is only put together if somebody looks.
    pub(crate) fn inspect<'a>(&self, event: impl FnOnce() -> Inspected<'a>) {
        if !self.inspect.is_empty() {
            let event = event();
            for hook in &self.inspect {
                run(|| hook(event));
            }
        }
    }

    pub(crate) fn error(&self, error: &EmitError) {
        tracing::error!(event = error.event, error = %error.source, "an event was not emitted");
        for hook in &self.on_error {
            run(|| hook(error));
        }
    }
}

/// Calls a hook. What it sees goes on its way, also when it panics.
fn run(hook: impl FnOnce()) {
    let called = guarded(|| {
        hook();
        Ok(())
    });
    if let Err(reject) = called {
        tracing::error!(error = reject.source().map(tracing::field::display), "a hook failed");
    }
}

impl fmt::Debug for Hooks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Hooks").finish_non_exhaustive()
    }
}
