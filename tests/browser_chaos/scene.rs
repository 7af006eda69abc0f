//! A page and a server that talk without end, the proxy between them, and what both have got.

use futures_util::{StreamExt, poll, stream::FuturesUnordered};
use serde::{Deserialize, de::DeserializeOwned};
use socketkit::{CallError, CloseCode, Disconnect, Io, Limits, Replayed, Server, Socket, State};
use std::{sync::Arc, task::Poll, time::Duration};
use tests::{
    browser::{Browser, Page, Result},
    chat::{Chat, PATIENCE, ServerEvent, client_event::*, server_event::Question, soon},
    proxy::{Cut, Link, Proxy},
};
use tokio::{
    sync::{oneshot, watch},
    task::JoinHandle,
    time::{MissedTickBehavior, interval},
};

/// Two of them without a sign of life are what gives a half-open connection away.
const HEARTBEAT: Duration = Duration::from_millis(120);
/// Calls that may wait for their reply, on each side.
pub(crate) const UNANSWERED: usize = 12;
/// Between two series of four counted events, on each side.
const PAUSE: Duration = Duration::from_millis(16);

const OTHER: &str = r#"<!doctype html><title>other</title><link rel=icon href="data:,">"#;

type Journal = Arc<watch::Sender<Entries>>;

/// What the server has sent and got.
#[derive(Debug, Default)]
pub(crate) struct Entries {
    pub(crate) sent: Vec<String>,
    pub(crate) got: Vec<String>,
    pub(crate) answers: Vec<String>,
    pub(crate) unanswered: usize,
    pub(crate) connected: usize,
    /// Why, each time.
    pub(crate) suspended: Vec<CloseCode>,
    pub(crate) resumed: usize,
    pub(crate) replayed: u64,
    pub(crate) ended: Vec<CloseCode>,
    is_over: bool,
}

/// How it went at the page, and how often.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Course {
    /// Replies that came in, on whatever connection.
    pub(crate) replies: usize,
    pub(crate) opened: usize,
    pub(crate) resumed: usize,
    pub(crate) reset: usize,
    pub(crate) closed: usize,
    /// Times that the back/forward cache has given the page back.
    pub(crate) restored: usize,
    /// Connections that were lost before all had come that was announced.
    pub(crate) torn_replays: usize,
    pub(crate) faults: Vec<String>,
}

pub(crate) struct Scene {
    pub(crate) page: Page,
    pub(crate) proxy: Proxy,
    pub(crate) io: Io<Chat>,
    /// A page that has nothing to do with the proxy.
    pub(crate) other: String,
    journal: Journal,
    publisher: JoinHandle<()>,
    pub(crate) browser: Browser,
    _folder: tempfile::TempDir,
}

impl Scene {
    /// Both talk already.
    pub(crate) async fn open() -> Result<Self> {
        let folder = tempfile::tempdir().expect("a folder");
        for (name, text) in [("index.html", include_str!("page.html")), ("other.html", OTHER)] {
            std::fs::write(folder.path().join(name), text).expect("a file");
        }
        let journal = Journal::default();
        let server = Server::<Chat>::new()
            .limits(Limits::default().heartbeat(HEARTBEAT).call(PATIENCE).rate(0))
            .state(Arc::clone(&journal))
            .on_connect(async |journal: State<Journal>| {
                journal.send_modify(|entries| entries.connected += 1);
            })
            .on_suspend(async |why: Disconnect, journal: State<Journal>| {
                journal.send_modify(|entries| entries.suspended.push(why.code));
            })
            .on_resume(async |Replayed(count): Replayed, journal: State<Journal>| {
                journal.send_modify(|entries| {
                    entries.resumed += 1;
                    entries.replayed += count;
                });
            })
            .on_disconnect(async |why: Disconnect, journal: State<Journal>| {
                journal.send_modify(|entries| entries.ended.push(why.code));
            })
            .on(async |Tell(text): Tell, journal: State<Journal>| {
                journal.send_modify(|entries| entries.got.push(text));
            })
            .on(async |Ask { text }: Ask, journal: State<Journal>| {
                let answer = format!("{text}!");
                journal.send_modify(|entries| entries.got.push(text));
                answer
            })
            .ignore::<Blip>()
            .ignore::<Join>()
            .ignore::<Leave>()
            .public(folder.path());
        let io = server.io();
        let (ready, addr) = oneshot::channel();
        let serve = server.listen("127.0.0.1:0").ready(|addr| {
            let _ = ready.send(addr);
        });
        tokio::spawn(serve.into_future());
        let addr = soon(addr).await.expect("it listens");
        let proxy = Proxy::to(addr).await;
        proxy.split(400);

        let browser = Browser::launch().await?;
        let page = browser.window().await?;
        page.goto(&format!("http://{}/", proxy.addr())).await?;
        page.wait_until("window.chaos?.isConnected()").await?;
        // What is left of loading the page: from here on each connection is that of a socket.
        let mut links = proxy.links();
        links.pop();
        links.iter().for_each(|link| link.cut(Cut::Rst));
        let publisher = tokio::spawn(publish(io.sockets().remove(0), Arc::clone(&journal)));
        page.eval("void chaos.pump()").await?;
        Ok(Self {
            page,
            proxy,
            io,
            other: format!("http://{addr}/other.html"),
            journal,
            publisher,
            browser,
            _folder: folder,
        })
    }

    /// Something of what the server has.
    pub(crate) fn server<T>(&self, of: impl FnOnce(&Entries) -> T) -> T {
        of(&self.journal.borrow())
    }

    /// Waits until this is true of what the server has.
    pub(crate) async fn until(&self, condition: impl FnMut(&Entries) -> bool) {
        let mut journal = self.journal.subscribe();
        soon(journal.wait_for(condition)).await.expect("its sender is here");
    }

    /// Something of what the page has.
    pub(crate) async fn has<T: DeserializeOwned>(&self, what: &str) -> Result<T> {
        let value = self.page.eval(&format!("chaos.{what}")).await?;
        Ok(serde_json::from_value(value).expect("what it is said to be"))
    }

    pub(crate) async fn course(&self) -> Result<Course> {
        let value = self.page.eval("({ ...chaos, sent: 0, got: 0, answers: 0 })").await?;
        Ok(serde_json::from_value(value).expect("all of it"))
    }

    /// The connection that the page has now.
    pub(crate) async fn link(&self) -> Result<Link> {
        loop {
            self.page.wait_until("chaos.isConnected()").await?;
            // It may have been lost just now, and the page does not know.
            if let Some(link) = self.proxy.links().pop() {
                return Ok(link);
            }
        }
    }

    /// The connection that the page tries after this one; the proxy holds it, or refuses it.
    pub(crate) async fn after(&self, link: &Link) -> Link {
        loop {
            let next = self.proxy.accepted().await;
            if next.number() > link.number() {
                return next;
            }
        }
    }

    /// Both say nothing new, and wait until the other one has everything.
    pub(crate) async fn settle(&mut self) -> Result {
        self.journal.send_modify(|entries| entries.is_over = true);
        self.page.eval("chaos.stop = true").await?;
        self.page.wait_until("!chaos.pump && !chaos.unanswered").await?;
        soon(&mut self.publisher).await.expect("it ends well");
        // What was told behind the last call.
        let sent: usize = self.has("sent.length").await?;
        self.until(|entries| entries.got.len() >= sent).await;
        self.page
            .wait_until(&format!("chaos.got.length >= {}", self.server(|has| has.sent.len())))
            .await
    }
}

/// Emits and calls in one order, as the page does.
async fn publish(socket: Socket<Chat>, journal: Journal) {
    let mut calls = FuturesUnordered::new();
    let mut pause = interval(PAUSE);
    pause.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let next = || {
        let mut text = String::new();
        journal.send_modify(|entries| {
            text = format!("s{}", entries.sent.len());
            entries.sent.push(text.clone());
        });
        text
    };
    let answered = |answer: std::result::Result<String, CallError>| {
        journal.send_modify(|entries| {
            entries.unanswered -= 1;
            entries.answers.push(answer.unwrap_or_else(|error| error.to_string()));
        });
    };
    for number in 0.. {
        if journal.borrow().is_over {
            break;
        }
        if calls.len() < UNANSWERED {
            for _ in 0..3 {
                socket.emit(ServerEvent::Told(next()));
            }
            socket.emit(ServerEvent::Count(number));
            socket.emit(ServerEvent::Flash(number.to_string()));
            let mut call = socket.call(Question { text: next() });
            journal.send_modify(|entries| entries.unanswered += 1);
            // It is sent when it is polled: in its turn.
            match poll!(&mut call) {
                Poll::Ready(answer) => answered(answer),
                Poll::Pending => calls.push(call),
            }
        }
        loop {
            tokio::select! {
                Some(answer) = calls.next() => answered(answer),
                _ = pause.tick() => break,
            }
        }
    }
    while let Some(answer) = calls.next().await {
        answered(answer);
    }
}
