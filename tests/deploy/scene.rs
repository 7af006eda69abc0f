//! Nodes that are told to stop.

use socketkit::{Client, ClusterOptions, Disconnect, Io, Limits, Server, Service, Socket};
use std::{
    net::SocketAddr,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering::SeqCst},
    },
    time::{Duration, Instant},
};
use tests::{
    chat::{Chat, ClientEvent, PATIENCE, ServerEvent, client_event::Ask, soon, until},
    engine::{Engine, Kind},
    proxy::Proxy,
};
use tokio::{
    sync::{Semaphore, oneshot},
    task::JoinHandle,
    time::timeout,
};

/// What the handlers of all nodes share.
#[derive(Debug)]
pub(crate) struct Seen {
    /// `slow` waits for a permit of it.
    pub(crate) gate: Semaphore,
    pub(crate) slow: AtomicUsize,
    /// How sessions ended.
    pub(crate) ended: Mutex<Vec<Disconnect>>,
}

impl Default for Seen {
    fn default() -> Self {
        Self { gate: Semaphore::new(0), slow: AtomicUsize::new(0), ended: Mutex::default() }
    }
}

/// A node that listens until it is told to stop.
pub(crate) struct Node {
    pub(crate) service: Service<Chat>,
    pub(crate) addr: SocketAddr,
    stop: oneshot::Sender<()>,
    ended: JoinHandle<std::io::Result<()>>,
}

pub(crate) fn options(engine: &Engine) -> ClusterOptions {
    match engine.kind() {
        Kind::Nats => socketkit::nats::connect(engine.url()).into(),
        Kind::Redis => socketkit::redis::connect(engine.url()).into(),
    }
}

impl Node {
    /// Starts one whose `ask` takes `join ROOM`, `slow`, and `ROOM TEXT`, which it says there.
    pub(crate) async fn start(engine: &Engine, limits: Limits, seen: &Arc<Seen>) -> Self {
        let (slows, ends) = (seen.clone(), seen.clone());
        let service = Server::<Chat>::new()
            .cluster(options(engine))
            .limits(limits)
            .on(async move |ask: Ask, socket: Socket<Chat>, io: Io<Chat>| {
                match ask.text.split_once(' ') {
                    Some(("join", room)) => socket.join(room),
                    Some((room, said)) => drop(io.to(room).emit(ServerEvent::Told(said.into()))),
                    None => {
                        slows.slow.fetch_add(1, SeqCst);
                        slows.gate.acquire().await.unwrap().forget();
                    }
                }
                ask.text
            })
            .on_disconnect(async move |why: Disconnect| ends.ended.lock().unwrap().push(why))
            .fallback(async |_: ClientEvent| {})
            .build();
        let ((ready, addr), (stop, stopped)) = (oneshot::channel(), oneshot::channel::<()>());
        let serve = service.listen("127.0.0.1:0").until(stopped);
        let serve = serve.ready(|addr| ready.send(addr).unwrap());
        let ended = tokio::spawn(serve.into_future());
        Self { service, addr: soon(addr).await.unwrap(), stop, ended }
    }

    /// Starts so many, which know of each other.
    pub(crate) async fn several(
        count: usize,
        engine: &Engine,
        limits: Limits,
        seen: &Arc<Seen>,
    ) -> Vec<Self> {
        let mut nodes = Vec::new();
        for _ in 0..count {
            nodes.push(Self::start(engine, limits.clone(), seen).await);
        }
        acquainted(&nodes).await;
        nodes
    }

    pub(crate) fn io(&self) -> Io<Chat> {
        self.service.io()
    }

    /// Has it drain: how long that took.
    pub(crate) async fn stop(self) -> Duration {
        let signal = Instant::now();
        self.stop.send(()).unwrap();
        timeout(2 * PATIENCE, self.ended).await.expect("it ends").unwrap().unwrap();
        signal.elapsed()
    }
}

pub(crate) async fn acquainted(nodes: &[Node]) {
    until(|| nodes.iter().all(|node| node.io().nodes().len() == nodes.len() - 1)).await;
}

pub(crate) fn addrs(nodes: &[Node]) -> Vec<SocketAddr> {
    nodes.iter().map(|node| node.addr).collect()
}

pub(crate) async fn connect(proxy: &Proxy) -> Client<Chat> {
    let backoff = (Duration::from_millis(10), Duration::from_millis(100));
    let client = Client::builder(format!("ws://{}/ws", proxy.addr()));
    soon(client.limits(Limits::default().backoff(backoff)).connect()).await.unwrap()
}
