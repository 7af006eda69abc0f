//! Two of three nodes are cut off from their engine: each goes on for its own sockets, and afterwards everybody has heard
//! everything, in order.
//!
//! `CLUSTER_PARTITION=30` is for how many seconds; 6 by default. It prints its figures.

use socketkit::{Client, ClusterOptions, ClusterStatus, Io, Server, Service, Status};
use std::{
    env,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicU64, Ordering::Relaxed},
    },
    time::Duration,
};
use tests::{
    chat::{Chat, ClientEvent, ServerEvent, listen, soon, until},
    engine::{Engine, Kind},
    proxy::{Proxy, Way},
};
use tokio::time::{Instant, interval, sleep, timeout};

/// Clients of each node.
const CLIENTS: usize = 10;

fn options(kind: Kind, url: String) -> ClusterOptions {
    match kind {
        Kind::Nats => socketkit::nats::connect(url).into(),
        Kind::Redis => socketkit::redis::connect(url).into(),
    }
}

/// Emits numbers until it is over: how many.
async fn publisher(node: usize, io: Io<Chat>, count: Arc<AtomicU64>, over: Arc<AtomicBool>) {
    let mut ticks = interval(Duration::from_millis(5));
    while !over.load(Relaxed) {
        ticks.tick().await;
        let number = count.fetch_add(1, Relaxed);
        io.to("room").emit(ServerEvent::Told(format!("{node} {number}")));
    }
}

/// What a client has heard of each node.
type Heard = Arc<Mutex<[Vec<u64>; 3]>>;

fn listener(mut client: Client<Chat>) -> Heard {
    let heard = Heard::default();
    let hears = heard.clone();
    tokio::spawn(async move {
        while let Some(ServerEvent::Told(text)) = client.recv().await {
            let (node, number) = text.split_once(' ').unwrap();
            let node: usize = node.parse().unwrap();
            hears.lock().unwrap()[node].push(number.parse().unwrap());
        }
        let status = client.status().borrow().clone();
        assert!(matches!(status, Status::Closed { .. }), "{status:?}");
    });
    heard
}

async fn partition(kind: Kind) {
    let seconds = env::var("CLUSTER_PARTITION").map_or(6, |seconds| seconds.parse().unwrap());
    let engine = Engine::start(kind);
    let proxies = [Proxy::to(engine.addr()).await, Proxy::to(engine.addr()).await];
    let urls = [engine.url(), engine.url_through(&proxies[0]), engine.url_through(&proxies[1])];
    let node = |url: String| -> Service<Chat> {
        Server::<Chat>::new()
            .cluster(options(kind, url))
            .on_connect(async |socket: socketkit::Socket<Chat>| socket.join("room"))
            .fallback(async |_: ClientEvent| {})
            .build()
    };
    let nodes = urls.map(node);
    let mut clients = Vec::new();
    for node in &nodes {
        let addr = listen(node).await;
        for _ in 0..CLIENTS {
            let client = soon(Client::<Chat>::connect(format!("ws://{addr}/ws"))).await.unwrap();
            clients.push(listener(client));
        }
    }
    until(|| nodes.iter().all(|node| node.io().len() == 3 * CLIENTS)).await;
    let (over, counts) =
        (Arc::<AtomicBool>::default(), [(); 3].map(|()| Arc::<AtomicU64>::default()));
    let publishers: Vec<_> = (0..3)
        .map(|at| publisher(at, nodes[at].io(), counts[at].clone(), over.clone()))
        .map(tokio::spawn)
        .collect();
    let far = |client: usize, node: usize| clients[client].lock().unwrap()[node].last().copied();
    until(|| (0..3 * CLIENTS).all(|client| (0..3).all(|node| far(client, node) > Some(10)))).await;

    let cut = Instant::now();
    for proxy in &proxies {
        proxy.freeze(Way::Both);
    }
    for node in &nodes[1..] {
        let mut status = node.io().cluster();
        soon(status.wait_for(|status| *status == ClusterStatus::Degraded)).await.unwrap();
    }
    let degraded = cut.elapsed();
    let before = [far(CLIENTS, 1), far(2 * CLIENTS, 2)];
    sleep(Duration::from_secs(seconds).saturating_sub(cut.elapsed())).await;
    assert!(
        far(CLIENTS, 1) > before[0] && far(2 * CLIENTS, 2) > before[1],
        "local delivery goes on"
    );
    assert_eq!(*nodes[0].io().cluster().borrow(), ClusterStatus::Connected);

    let healing = Instant::now();
    for proxy in &proxies {
        proxy.thaw(Way::Both);
    }
    for node in &nodes[1..] {
        let mut status = node.io().cluster();
        soon(status.wait_for(|status| *status == ClusterStatus::Connected)).await.unwrap();
    }
    let connected = healing.elapsed();
    over.store(true, Relaxed);
    for publisher in publishers {
        soon(publisher).await.unwrap();
    }
    let expected: Vec<_> = counts.iter().map(|count| count.load(Relaxed)).collect();
    let has_all = |heard: &Heard| {
        let heard = heard.lock().unwrap();
        (0..3).all(|node| heard[node].len() as u64 >= expected[node])
    };
    let all = timeout(Duration::from_secs(20), until(|| clients.iter().all(has_all))).await;
    let healed = healing.elapsed();
    for (number, heard) in clients.iter().enumerate() {
        for (node, heard) in heard.lock().unwrap().iter().enumerate() {
            let all: Vec<_> = (0..expected[node]).collect();
            let first = heard.iter().zip(&all).position(|(one, other)| one != other);
            assert!(
                *heard == all,
                "client {number} of node {node}: {} of {}, at {first:?}: {:?}",
                heard.len(),
                all.len(),
                heard
                    .iter()
                    .skip(first.unwrap_or(0).saturating_sub(3))
                    .take(40)
                    .collect::<Vec<_>>()
            );
        }
    }
    all.expect("all has come");
    for node in &nodes {
        let stats = node.io().stats();
        assert_eq!((stats.gaps, stats.cluster.gaps), (0, 0), "{:?}", stats.cluster);
    }
    println!(
        "{kind:?}: two of three nodes cut off for {seconds} s: degraded after {} ms, connected {} ms after the network \
         was back, all {} events of each client there after {} ms; 0 lost, 0 doubled, 0 reordered",
        degraded.as_millis(),
        connected.as_millis(),
        expected.iter().sum::<u64>(),
        healed.as_millis(),
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nodes_that_are_cut_off_from_nats_go_on_and_heal() {
    partition(Kind::Nats).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nodes_that_are_cut_off_from_redis_go_on_and_heal() {
    partition(Kind::Redis).await;
}
