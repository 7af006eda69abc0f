//! One DevTools connection: numbered commands, their answers, and what the pages report.

use std::collections::HashMap;
use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use futures_util::{SinkExt, StreamExt};
use serde_json::{Value, json};
use tokio::sync::{broadcast, mpsc, oneshot};
use tokio_tungstenite::tungstenite::{Message, protocol::WebSocketConfig};

use super::{DEADLINE, Error, Result};

/// Where the answer to a command goes.
type Answer = oneshot::Sender<Value>;

/// A handle on the connection; cheap to clone.
#[derive(Clone)]
pub(super) struct DevTools(Arc<Shared>);

struct Shared {
    commands: mpsc::Sender<Message>,
    events: broadcast::Sender<Arc<Value>>,
    waiting: Mutex<HashMap<u64, Answer>>,
    reports: Mutex<Vec<Report>>,
    last: AtomicU64,
}

/// A line of a page's console, an exception that nobody caught, or a complaint of the browser.
#[derive(Debug, Clone)]
pub(super) struct Report {
    pub(super) session: String,
    pub(super) level: String,
    pub(super) text: String,
}

impl fmt::Debug for DevTools {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DevTools").finish_non_exhaustive()
    }
}

impl DevTools {
    pub(super) async fn connect(url: &str) -> Result<Self> {
        // A screenshot is one message and may be large.
        let config = WebSocketConfig::default().max_message_size(None).max_frame_size(None);
        let (socket, _) = tokio_tungstenite::connect_async_with_config(url, Some(config), false)
            .await
            .map_err(|e| Error::new(url, e))?;
        let (mut sink, mut stream) = socket.split();
        let (commands, mut outgoing) = mpsc::channel(64);
        let devtools = Self(Arc::new(Shared {
            commands,
            events: broadcast::channel(1024).0,
            waiting: Mutex::default(),
            reports: Mutex::default(),
            last: AtomicU64::new(0),
        }));
        tokio::spawn(async move {
            while let Some(command) = outgoing.recv().await {
                if sink.send(command).await.is_err() {
                    break;
                }
            }
        });
        let shared = Arc::downgrade(&devtools.0);
        tokio::spawn(async move {
            while let Some(Ok(message)) = stream.next().await {
                let Some(shared) = shared.upgrade() else {
                    break;
                };
                if let Some(message) =
                    message.to_text().ok().and_then(|text| serde_json::from_str(text).ok())
                {
                    shared.received(message);
                }
            }
            if let Some(shared) = shared.upgrade() {
                // Whoever still waits learns that no answer comes.
                lock(&shared.waiting).clear();
            }
        });
        Ok(devtools)
    }

    /// Sends a command, to the browser or to one of its pages, and waits for the answer.
    pub(super) async fn call(
        &self,
        session: Option<&str>,
        method: &str,
        params: Value,
    ) -> Result<Value> {
        let id = self.0.last.fetch_add(1, Ordering::Relaxed) + 1;
        let (answer, answered) = oneshot::channel();
        lock(&self.0.waiting).insert(id, answer);
        let mut command = json!({ "id": id, "method": method, "params": params });
        if let Some(session) = session {
            command["sessionId"] = session.into();
        }
        let gone = || Error::new(method, "the browser is gone");
        self.0.commands.send(Message::text(command.to_string())).await.map_err(|_| gone())?;
        let mut answer = tokio::time::timeout(DEADLINE, answered)
            .await
            .map_err(|_| Error::new(method, "no answer in time"))?
            .map_err(|_| gone())?;
        match &answer["error"] {
            Value::Null => Ok(answer["result"].take()),
            error => Err(Error::new(method, error)),
        }
    }

    /// Every event of every page from now on.
    pub(super) fn events(&self) -> broadcast::Receiver<Arc<Value>> {
        self.0.events.subscribe()
    }

    pub(super) fn reports(&self, session: &str) -> Vec<Report> {
        let reports = lock(&self.0.reports);
        reports.iter().filter(|report| report.session == session).cloned().collect()
    }
}

impl Shared {
    fn received(&self, message: Value) {
        if let Some(id) = message["id"].as_u64() {
            if let Some(answer) = lock(&self.waiting).remove(&id) {
                // The caller may have run into its deadline.
                let _ = answer.send(message);
            }
            return;
        }
        if let Some(report) = Report::read(&message) {
            lock(&self.reports).push(report);
        }
        // Fails when nobody listens, which is the usual case.
        let _ = self.events.send(Arc::new(message));
    }
}

impl Report {
    fn read(message: &Value) -> Option<Self> {
        let params = &message["params"];
        let (level, text) = match message["method"].as_str()? {
            "Runtime.consoleAPICalled" => {
                let words = params["args"].as_array()?.iter().map(spoken);
                (params["type"].as_str()?, words.collect::<Vec<_>>().join(" "))
            }
            "Runtime.exceptionThrown" => ("exception", thrown(&params["exceptionDetails"])),
            "Log.entryAdded" => {
                let entry = &params["entry"];
                let text = format!(
                    "{} {}",
                    entry["text"].as_str()?,
                    entry["url"].as_str().unwrap_or_default()
                );
                (entry["level"].as_str()?, text.trim_end().to_owned())
            }
            _ => return None,
        };
        let session = message["sessionId"].as_str()?.to_owned();
        Some(Self { session, level: level.to_owned(), text })
    }
}

/// What a person would read: the stack of an error, the text of a string, JSON of the rest.
fn spoken(object: &Value) -> String {
    match (&object["value"], &object["description"]) {
        (Value::String(text), _) | (Value::Null, Value::String(text)) => text.clone(),
        (value, _) => value.to_string(),
    }
}

/// The text of an exception.
pub(super) fn thrown(details: &Value) -> String {
    match &details["exception"] {
        Value::Null => details["text"].as_str().unwrap_or("exception").to_owned(),
        exception => spoken(exception),
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
