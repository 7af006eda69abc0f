//! The life of a client: one connection after another, with a pause before each but the first.

use crate::{
    CloseCode, ConnectError, Disconnect, Handshake, SocketId, Status,
    connection::Connection,
    conversation::Conversation,
    dial::{Dialer, Line},
    handler::Application,
    peer::Peer,
    remote::Shared,
};
use std::{pin::pin, sync::Arc, time::Duration};
use tokio::{
    sync::oneshot,
    time::{Instant, sleep, timeout, timeout_at},
};
use tokio_tungstenite::tungstenite::protocol::Role;

/// See the module.
pub(crate) struct Reconnect {
    pub(crate) dialer: Dialer,
    pub(crate) shared: Arc<Shared>,
    /// Is told how the first connection went; if it could not be made, there is no second.
    pub(crate) opened: Option<oneshot::Sender<Result<(), ConnectError>>>,
}

impl Reconnect {
    /// Connects again and again until the client is closed, or is told not to come back.
    pub(crate) async fn run(
        mut self,
        app: impl Fn(Arc<Peer>, oneshot::Sender<()>) -> Box<dyn Application>,
    ) {
        let shared = self.shared.clone();
        shared.flusher.start(&shared.runtime);
        let mut attempt = 0_u32;
        let end = loop {
            let (started, is_first) = (Instant::now(), self.opened.is_some());
            let (disconnect, was_open) = match self.dial().await {
                Ok(line) => self.serve(line, started + shared.limits.handshake, &app).await,
                Err(error) if self.opened.is_some() => {
                    self.tell(Err(error));
                    break CloseCode::LOST.into();
                }
                Err(error) => {
                    tracing::debug!(%error, "a connection could not be made");
                    (CloseCode::LOST.into(), false)
                }
            };
            // One that is closed as soon as it was open is no success.
            if was_open && started.elapsed() > shared.limits.backoff.1 {
                attempt = 0;
            }
            if is_first && !was_open {
                self.tell(Err(ConnectError::Closed(Box::new(disconnect.clone()))));
                break disconnect;
            }
            if shared.is_closing() {
                break CloseCode::DONE.into();
            }
            if !disconnect.code.reconnects() {
                break disconnect;
            }
            let retry_in = pause(attempt, shared.limits.backoff, &disconnect);
            attempt = attempt.saturating_add(1);
            shared.status.send_replace(Status::Waiting { retry_in });
            tokio::select! {
                () = sleep(retry_in) => {}
                () = shared.closing.notified() => {}
            }
            if shared.is_closing() {
                break CloseCode::DONE.into();
            }
            shared.status.send_replace(Status::Connecting);
        };
        shared.end(end);
    }

    async fn dial(&self) -> Result<Line, ConnectError> {
        tokio::select! {
            line = timeout(self.shared.limits.handshake, self.dialer.dial()) => {
                line.unwrap_or(Err(ConnectError::Timeout))
            }
            () = self.shared.closing.notified() => Err(ConnectError::Timeout),
        }
    }

    /// Serves one connection; how it ended, and whether the server had said hello.
    async fn serve(
        &mut self,
        (transport, write, bytes): Line,
        deadline: Instant,
        app: impl Fn(Arc<Peer>, oneshot::Sender<()>) -> Box<dyn Application>,
    ) -> (Disconnect, bool) {
        let limits = self.shared.limits.clone();
        let peer =
            Peer::new(SocketId::nowhere(0), Role::Client, limits, Handshake::default(), write);
        let peer = Arc::new(peer);
        if self.shared.is_closing() {
            peer.close(CloseCode::DONE.into());
        }
        let (greeted, mut is_greeted) = oneshot::channel();
        let conversation = Conversation::new(peer.clone(), app(peer.clone(), greeted));
        let mut run = pin!(Connection::new(transport, conversation, bytes.into()).run());
        tokio::select! {
            greeted = timeout_at(deadline, &mut is_greeted) => {
                if let Ok(greeted) = greeted {
                    // Or the connection has ended, and says so in a moment.
                    let was_open = greeted.is_ok();
                    if was_open {
                        self.tell(Ok(()));
                    }
                    return (run.await, was_open);
                }
                let late = Disconnect::from(CloseCode::TIMEOUT);
                peer.close(late.clone());
                // Nobody waits for the farewell.
                self.tell(Err(ConnectError::Closed(Box::new(late))));
                (run.await, false)
            }
            () = self.shared.closing.notified() => {
                peer.close(CloseCode::DONE.into());
                (run.await, false)
            }
            disconnect = &mut run => {
                // One that was open and ended in one turn was open.
                let was_open = is_greeted.try_recv().is_ok();
                if was_open {
                    self.tell(Ok(()));
                }
                (disconnect, was_open)
            }
        }
    }

    fn tell(&mut self, result: Result<(), ConnectError>) {
        if let Some(opened) = self.opened.take() {
            // Whoever connected may have given up; the client was then dropped, and closes.
            let _ = opened.send(result);
        }
    }
}

/// The longest pause that a server can ask for.
const LONGEST_WISH: Duration = Duration::from_secs(3600);

impl Drop for Reconnect {
    /// Where its runtime ended before it: whoever waits for the client learns so.
    fn drop(&mut self) {
        self.shared.end(CloseCode::LOST.into());
    }
}

/// How long to wait before the next attempt: full jitter, and not before the server said so.
fn pause(attempt: u32, (shortest, longest): (Duration, Duration), last: &Disconnect) -> Duration {
    let bound = shortest.saturating_mul(2u32.saturating_pow(attempt)).min(longest);
    let asked = last.reason.strip_prefix("retry ").and_then(|wait| wait.parse().ok());
    let asked = match last.code {
        CloseCode::AWAY | CloseCode::RESTART | CloseCode::FULL => asked.unwrap_or_default(),
        _ => 0,
    };
    Duration::from_millis(asked).min(LONGEST_WISH) + bound.mul_f64(rand::random::<f64>())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_to_a_bound_and_are_spread() {
        let bounds = (Duration::from_millis(500), Duration::from_secs(20));
        let lost = CloseCode::LOST.into();
        for (attempt, bound) in [(0, 500), (1, 1_000), (5, 16_000), (6, 20_000), (99, 20_000)] {
            let pauses: Vec<_> = (0..100).map(|_| pause(attempt, bounds, &lost)).collect();
            assert!(pauses.iter().all(|pause| *pause <= Duration::from_millis(bound)));
            assert!(
                pauses.iter().any(|pause| *pause > Duration::from_millis(bound / 2)),
                "in 2^-100 of runs"
            );
        }
    }

    #[test]
    fn a_server_may_ask_for_a_longer_pause() {
        let busy = Disconnect::new(CloseCode::RESTART, "retry 30000");
        assert_eq!(pause(0, (Duration::ZERO, Duration::ZERO), &busy), Duration::from_secs(30));
        for (code, reason, seconds) in [
            (CloseCode::FULL, "retry 18446744073709551615", 3600),
            (CloseCode::INTERNAL, "retry 30000", 0),
            (CloseCode::FULL, "retry soon", 0),
        ] {
            let last = Disconnect::new(code, reason);
            let pause = pause(0, (Duration::ZERO, Duration::ZERO), &last);
            assert_eq!(pause, Duration::from_secs(seconds));
        }
    }
}
