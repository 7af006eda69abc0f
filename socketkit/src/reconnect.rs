//! The life of a client: one connection after another, with a pause before each but the first.

use crate::{
    CloseCode, ConnectError, Disconnect, Status,
    connection::{Connection, Over},
    conversation::Conversation,
    dial::{Dialer, Line},
    end::{By, End},
    ending,
    handler::Application,
    remote::Shared,
};
use std::{
    future::{Future, poll_fn},
    pin::pin,
    sync::Arc,
    time::Duration,
};
use tokio::time::{Instant, sleep, timeout};

/// See the module.
pub(crate) struct Reconnect {
    dialer: Dialer,
    shared: Arc<Shared>,
    conversation: Conversation,
    /// Connections that were tried since the session began.
    attempts: u32,
    ended: Ended,
}

/// Where its runtime ended before it: whoever waits for the client learns so.
struct Ended(Arc<Shared>);

impl Drop for Ended {
    fn drop(&mut self) {
        self.0.end(CloseCode::LOST.into());
    }
}

/// How one connection went.
struct Went {
    end: End,
    /// The server had said hello.
    was_open: bool,
    /// What there is of it.
    connection: Option<Connection>,
}

impl Went {
    fn nowhere() -> Self {
        Self { end: CloseCode::LOST.into(), was_open: false, connection: None }
    }
}

impl Reconnect {
    pub(crate) fn new(dialer: Dialer, shared: Arc<Shared>, app: Box<dyn Application>) -> Self {
        let conversation = Conversation::new(shared.peer.clone(), app, false);
        let ended = Ended(shared.clone());
        Self { dialer, shared, conversation, attempts: 0, ended }
    }

    /// Connects again and again until the client is closed, or is told not to come back.
    pub(crate) async fn run(mut self) {
        let shared = self.shared.clone();
        if self.dialer.is_alone() {
            shared.flusher.leave_alone();
        }
        shared.flusher.start(&shared.runtime);
        let mut pauses = 0_u32;
        let (end, connection) = loop {
            let (started, is_first) = (Instant::now(), shared.is_awaited());
            let went = match self.dial().await {
                Ok(line) => self.serve(line, started + shared.limits.handshake).await,
                Err(error) if is_first => {
                    shared.tell(Err(error));
                    break (CloseCode::LOST.into(), None);
                }
                Err(error) => {
                    tracing::debug!(%error, "a connection could not be made");
                    Went::nowhere()
                }
            };
            let Went { end, was_open, connection } = went;
            // One that is closed as soon as it was open is no success.
            if was_open && started.elapsed() > shared.limits.backoff.1 {
                pauses = 0;
            }
            if is_first && !was_open {
                let disconnect = end.disconnect.clone();
                shared.tell(Err(ConnectError::Closed(Box::new(disconnect))));
                break (end, connection);
            }
            if shared.is_closing() {
                break (Disconnect::from(CloseCode::DONE).into(), connection);
            }
            if !end.disconnect.code.reconnects() {
                break (end, connection);
            }
            let jitter = self.dialer.jitter();
            let retry_in = pause(pauses, shared.limits.backoff, &end.disconnect, jitter);
            pauses = pauses.saturating_add(1);
            self.leave(connection, end);
            shared.status.send_replace(Status::Waiting { retry_in });
            let closing = shared.closing.notified();
            meanwhile(&mut self.conversation, async {
                tokio::select! {
                    biased;
                    () = sleep(retry_in) => {}
                    () = closing => {}
                }
            })
            .await;
            if shared.is_closing() {
                break (Disconnect::from(CloseCode::DONE).into(), None);
            }
            shared.status.send_replace(Status::Connecting);
        };
        let (disconnect, rest) = ending::end(connection, self.conversation, end).await;
        shared.end(disconnect);
        drop(rest);
        drop(self.ended);
    }

    async fn dial(&mut self) -> Result<Line, ConnectError> {
        let ticket = self.shared.token().map(|token| {
            self.attempts = self.attempts.saturating_add(1);
            let seen = self.conversation.tally.resume();
            let mut ticket = format!("resume.{token}.{seen}.{}", self.attempts);
            let now = Instant::now().into_std();
            let places = self.conversation.app.places();
            ticket.extend(places.map(|places| places.write(now)));
            ticket
        });
        let dialing = timeout(self.shared.limits.handshake, self.dialer.dial(ticket));
        let dialing = async {
            tokio::select! {
                biased;
                line = dialing => line.unwrap_or(Err(ConnectError::Timeout)),
                () = self.shared.closing.notified() => Err(ConnectError::Timeout),
            }
        };
        meanwhile(&mut self.conversation, dialing).await
    }

    /// Serves one connection.
    async fn serve(&mut self, (transport, write, unread): Line, deadline: Instant) -> Went {
        let conversation = &mut self.conversation;
        let peer = conversation.peer.clone();
        meanwhile(conversation, poll_fn(|cx| peer.queue().poll_settled(cx))).await;
        conversation.begin_connection();
        conversation.peer.queue().attach(write, Instant::now());
        let mut connection = Connection::new(transport, unread.into()).awaiting_hello_by(deadline);
        let over = connection.serve(conversation).await;
        let end = match over {
            Over::Ended(end) => end,
            Over::Superseded => CloseCode::LOST.into(),
        };
        let was_open = !conversation.is_strange();
        Went { end, was_open, connection: Some(connection) }
    }

    /// Gives a connection up. What is the session's waits for the next.
    fn leave(&self, connection: Option<Connection>, end: End) {
        let peer = self.shared.peer.clone();
        let last = peer.queue().lose(Instant::now());
        // A server that says farewell keeps no session, unless it found us silent or another has it.
        let is_over = end.by == By::Peer && !end.disconnect.keeps_session();
        self.conversation.leave_connection(is_over);
        if let Some(connection) = connection
            && end.by != By::Nobody
        {
            tokio::spawn(connection.leave(last, end.disconnect, peer));
        }
    }
}

/// Waits, while handlers go on.
async fn meanwhile<T>(conversation: &mut Conversation, wait: impl Future<Output = T>) -> T {
    let mut wait = pin!(wait);
    poll_fn(|cx| {
        let waited = wait.as_mut().poll(cx);
        if waited.is_pending() {
            // A client refuses nobody.
            let _ = conversation.poll_work(cx);
        }
        waited
    })
    .await
}

/// The longest pause that a server can ask for.
const LONGEST_WISH: Duration = Duration::from_secs(3600);

/// How long to wait before the next attempt: full jitter, and not before the server said so.
fn pause(
    attempt: u32,
    (shortest, longest): (Duration, Duration),
    last: &Disconnect,
    jitter: f64,
) -> Duration {
    let bound = shortest.saturating_mul(2u32.saturating_pow(attempt)).min(longest);
    Duration::from_millis(last.retry().unwrap_or_default()).min(LONGEST_WISH)
        + bound.mul_f64(jitter)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_to_a_bound_and_are_spread() {
        let bounds = (Duration::from_millis(500), Duration::from_secs(20));
        let lost = CloseCode::LOST.into();
        for (attempt, bound) in [(0, 500), (1, 1_000), (5, 16_000), (6, 20_000), (99, 20_000)] {
            let pause = |jitter| pause(attempt, bounds, &lost, jitter);
            assert_eq!(pause(0.0), Duration::ZERO);
            assert_eq!(pause(0.75), Duration::from_millis(bound * 3 / 4));
        }
    }

    #[test]
    fn a_server_may_ask_for_a_longer_pause() {
        let busy = Disconnect::new(CloseCode::RESTART, "retry 30000");
        assert_eq!(pause(0, (Duration::ZERO, Duration::ZERO), &busy, 0.5), Duration::from_secs(30));
        for (code, reason, seconds) in [
            (CloseCode::FULL, "retry 18446744073709551615", 3600),
            (CloseCode::INTERNAL, "retry 30000", 0),
            (CloseCode::FULL, "retry soon", 0),
        ] {
            let last = Disconnect::new(code, reason);
            let pause = pause(0, (Duration::ZERO, Duration::ZERO), &last, 0.5);
            assert_eq!(pause, Duration::from_secs(seconds));
        }
    }
}
