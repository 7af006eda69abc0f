//! The forum on three nodes behind nginx, as `examples/cluster/run` starts it.

#[path = "../examples/forum/events.rs"]
#[allow(dead_code)]
mod events;

use events::{Forum, Room, ServerEvent, client_event::SubmitPost};
use socketkit::{Client, Limits};
use std::{
    io::{BufRead, BufReader},
    net::TcpListener,
    process::{Child, Command, Stdio},
    sync::atomic::{AtomicU16, Ordering},
    time::Duration,
};
use tests::{
    chat::soon,
    process::{build_with, signal},
};

const SCRIPT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../examples/cluster/run");

/// The whole of it; all is ended when it is dropped.
struct Site {
    script: Child,
    port: u16,
    /// The processes of the nodes.
    nodes: Vec<String>,
}

impl Site {
    fn start(engine: &str) -> Self {
        let port = free();
        let mut script = Command::new(SCRIPT)
            .arg(engine)
            .env("PORT", port.to_string())
            .env("PROGRAM", build_with("cluster", "cluster"))
            .stdout(Stdio::piped())
            .spawn()
            .expect("the script starts");
        let mut lines = BufReader::new(script.stdout.take().expect("its output")).lines();
        let mut site = Self { script, port, nodes: Vec::new() };
        loop {
            let line = lines.next().expect("it does not end").expect("a line");
            if let Some((_, process)) = line.split_once(", process ") {
                site.nodes.push(process.to_owned());
            }
            if line.starts_with("listening on") {
                return site;
            }
        }
    }

    /// A client of a node, or with 0 of the proxy in front.
    async fn client(&self, node: u16) -> Client<Forum> {
        let client = Client::builder(format!("ws://127.0.0.1:{}/ws", self.port + node));
        let backoff = (Duration::from_millis(10), Duration::from_millis(200));
        let client = client.limits(Limits::default().backoff(backoff));
        soon(client.connect()).await.expect("it listens")
    }
}

impl Drop for Site {
    fn drop(&mut self) {
        // As Ctrl-C does: it has processes to end.
        signal(&self.script, "-INT");
        let _ = self.script.wait();
    }
}

/// The first of six ports that nobody listens on, that the system gives to nobody who asks for any, and that no
/// other test here has.
fn free() -> u16 {
    static NEXT: AtomicU16 = AtomicU16::new(0);
    let begin = 10_000 + (std::process::id() % 2_000) as u16 * 10;
    let is_free = |port: u16| TcpListener::bind(("127.0.0.1", port)).is_ok();
    let mut candidates = std::iter::repeat_with(|| begin + NEXT.fetch_add(10, Ordering::Relaxed));
    candidates.find(|port| (*port..*port + 6).all(is_free)).expect("it goes on for ever")
}

/// Reads on until a post has come, as an update or in the history of a new session.
async fn see(client: &mut Client<Forum>, text: &str) {
    let seen = async {
        loop {
            match client.recv().await.expect("it goes on") {
                ServerEvent::PostUpdate(post) if post.body == text => return,
                ServerEvent::History(posts) if posts.iter().any(|post| post.body == text) => return,
                _ => {}
            }
        }
    };
    soon(seen).await;
}

/// Waits until so many readers are shown.
async fn are_here(client: &Client<Forum>, count: usize) {
    let mut readers = client.remote().presence(Room::Forum);
    soon(readers.wait_for(|readers| readers.len() == count)).await.expect("it goes on");
}

async fn post(client: &Client<Forum>, text: &str) {
    let post = SubmitPost { author: "ada".into(), body: text.into() };
    soon(client.call(post)).await.expect("it is taken");
}

async fn posts_cross_nodes_and_outlive_one(engine: &str) {
    let site = Site::start(engine);
    let (one, mut two) = (site.client(1).await, site.client(2).await);
    are_here(&one, 2).await;
    are_here(&two, 2).await;
    // nginx gives each to another node.
    let mut guests = [site.client(0).await, site.client(0).await, site.client(0).await];
    post(&one, "by the first node").await;
    see(&mut two, "by the first node").await;
    for guest in &mut guests {
        see(guest, "by the first node").await;
    }
    drop(one);
    let killed = Command::new("kill").args(["-9", &site.nodes[0]]).status();
    assert!(killed.expect("kill runs").success());
    post(&two, "by the second node").await;
    for guest in &mut guests {
        see(guest, "by the second node").await;
        post(guest, "by a guest").await;
    }
    see(&mut two, "by a guest").await;
    see(&mut site.client(0).await, "by the first node").await;
}

#[tokio::test]
async fn posts_cross_nodes_and_outlive_one_by_nats() {
    posts_cross_nodes_and_outlive_one("nats").await;
}

#[tokio::test]
async fn posts_cross_nodes_and_outlive_one_by_redis() {
    posts_cross_nodes_and_outlive_one("redis").await;
}
