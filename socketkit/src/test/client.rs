//! A client that records what comes until a test asks for it.

use super::Link;
use crate::{Client, Event, Events, Protocol, Remote, Status, limits::FOREVER};
use std::{
    collections::VecDeque,
    fmt::{self, Write},
    future::Future,
    ops::Deref,
    panic::Location,
    time::Duration,
};
use tokio::time::{Instant, sleep, timeout_at};

/// How long an event is waited for: longer than a session takes to find that a connection is gone.
const PATIENCE: Duration = Duration::from_secs(120);

/// Events that are recorded while another is waited for.
const RECORDED: usize = 10_000;

/// Lines of the trace that a failure shows.
const SHOWN: usize = 20;

/// A client of a [`Kit`](super::Kit): what the server sends is recorded, so that a test can ask for one
/// event after the other and misses none.
///
/// It is a [`Remote`] as well: `emit`, `call`, `status`, `close`. Dropping it closes it.
pub struct TestClient<P: Protocol> {
    client: Client<P>,
    recorded: VecDeque<Recorded>,
    link: Link,
}

/// An event, and its payload as JSON; empty for one without.
#[derive(Debug)]
struct Recorded {
    index: usize,
    data: String,
}

impl Recorded {
    fn of<E: Events>(event: E) -> Self {
        let (index, name, mut data) = (event.index(), event.name(), Vec::new());
        if let Err(error) = event.encode(&mut data) {
            panic!("`{name}` was received and cannot be written again: {error}");
        }
        Self { index, data: String::from_utf8_lossy(&data).into_owned() }
    }

    fn data(&self) -> &str {
        if self.data.is_empty() { "null" } else { &self.data }
    }
}

impl<P: Protocol> TestClient<P> {
    pub(super) fn new(client: Client<P>, link: Link) -> Self {
        Self { client, recorded: VecDeque::new(), link }
    }

    /// The network between this client and its node.
    pub fn link(&self) -> &Link {
        &self.link
    }

    /// Waits for an event, for two minutes of the test's clock, and takes it out of the record: the oldest
    /// of its kind. Those of other kinds that come before it stay recorded.
    ///
    /// # Panics
    ///
    /// When it does not come in time, when the client is closed meanwhile, or when 10,000 others come
    /// instead; the message says what was recorded, and what passed the links last.
    ///
    /// # Cancel safety
    ///
    /// No event is lost when the future is dropped.
    #[track_caller]
    pub fn expect<E: Event<Enum = P::Server>>(&mut self) -> impl Future<Output = E> + Send {
        self.expect_within(PATIENCE)
    }

    /// The same with a time of one's own, of the test's clock: zero takes what has come, and of more than a
    /// hundred years that many count.
    ///
    /// # Panics
    ///
    /// As [`expect`](Self::expect).
    #[track_caller]
    pub fn expect_within<E: Event<Enum = P::Server>>(
        &mut self,
        time: Duration,
    ) -> impl Future<Output = E> + Send {
        let caller = Location::caller();
        async move {
            let is_meant = |recorded: &Recorded| recorded.index == E::INDEX;
            let at = self.recorded.iter().position(is_meant);
            let mut found = at.and_then(|at| self.recorded.remove(at));
            let deadline = Instant::now() + time.min(FOREVER);
            while found.is_none() {
                let why = match timeout_at(deadline, self.client.recv()).await {
                    Ok(Some(event)) => {
                        let recorded = Recorded::of(event);
                        if is_meant(&recorded) {
                            found = Some(recorded);
                        } else {
                            self.recorded.push_back(recorded);
                        }
                        if self.recorded.len() <= RECORDED {
                            continue;
                        }
                        "before too many others".to_owned()
                    }
                    Ok(None) => "before the client was closed".to_owned(),
                    Err(_) => format!("within {time:?}"),
                };
                panic!("no `{}` {why}, at {caller}\n{}", E::NAME, self.report());
            }
            let data = found.as_ref().map_or("null", Recorded::data);
            match serde_json::from_str(data) {
                Ok(event) => event,
                Err(error) => panic!("`{}` does not read {data}: {error}, at {caller}", E::NAME),
            }
        }
    }

    /// Waits until so much time of the test's clock has passed, in which nothing may come; nor may anything
    /// be recorded.
    ///
    /// # Panics
    ///
    /// When there is an event, or the client is closed; with a message as of [`expect`](Self::expect).
    #[track_caller]
    pub fn expect_nothing(&mut self, time: Duration) -> impl Future<Output = ()> + Send {
        let caller = Location::caller();
        async move {
            if self.recorded.is_empty() {
                match timeout_at(Instant::now() + time.min(FOREVER), self.client.recv()).await {
                    Ok(Some(event)) => self.recorded.push_back(Recorded::of(event)),
                    Ok(None) => panic!("closed within {time:?}, at {caller}\n{}", self.report()),
                    Err(_) => return,
                }
            }
            panic!("an event within {time:?}, at {caller}\n{}", self.report());
        }
    }

    /// The next event, recorded ones first; `None` when the client is closed.
    ///
    /// # Panics
    ///
    /// When a recorded one does not read what it writes itself.
    ///
    /// # Cancel safety
    ///
    /// No event is lost when the future is dropped.
    pub async fn recv(&mut self) -> Option<P::Server> {
        match self.recorded.pop_front() {
            Some(recorded) => match P::Server::decode(recorded.index, recorded.data()) {
                Ok(event) => Some(event),
                Err(error) => panic!("{} cannot be read again: {error}", recorded.data()),
            },
            None => self.client.recv().await,
        }
    }

    /// Waits until the client is connected, for two minutes of the test's clock.
    ///
    /// A millisecond passes before it looks, so that the client has learned what its link has just done.
    ///
    /// # Panics
    ///
    /// When it is not in time, with a message as of [`expect`](Self::expect).
    #[track_caller]
    pub fn connected(&self) -> impl Future<Output = ()> + Send {
        let caller = Location::caller();
        async move {
            sleep(Duration::from_millis(1)).await;
            let mut status = self.client.status();
            let connected = status.wait_for(Status::is_connected);
            if !matches!(timeout_at(Instant::now() + PATIENCE, connected).await, Ok(Ok(_))) {
                panic!("not connected within {PATIENCE:?}, at {caller}\n{}", self.report());
            }
        }
    }

    /// What a failure shows.
    fn report(&self) -> String {
        let mut report = "recorded instead:\n".to_owned();
        for Recorded { index, data } in self.recorded.iter().take(SHOWN) {
            let name = P::Server::NAMES.get(*index).copied().unwrap_or_default();
            // Writing to a string cannot fail.
            let _ = writeln!(report, "  {name} {data}");
        }
        match self.recorded.len() {
            0 => report += "  nothing\n",
            count if count > SHOWN => {
                let _ = writeln!(report, "  and {} more", count - SHOWN);
            }
            _ => {}
        }
        let (status, wire) = (self.client.status().borrow().clone(), &self.link.0);
        let (number, seed, trace) = (self.link.number(), wire.seed, wire.trace.end(SHOWN));
        let _ = write!(
            report,
            "client #{number}, seed {seed}: {status:?}\nthe trace ends with:\n  {trace}"
        );
        report
    }
}

impl<P: Protocol> Deref for TestClient<P> {
    type Target = Remote<P>;

    fn deref(&self) -> &Remote<P> {
        self.client.remote()
    }
}

impl<P: Protocol> fmt::Debug for TestClient<P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TestClient")
            .field("client", &self.client)
            .field("link", &self.link)
            .finish_non_exhaustive()
    }
}
