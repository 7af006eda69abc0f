//! Three nodes as processes of their own, and clients of all of them, while nodes and the engine are killed:
//! nothing comes twice, nothing out of order, and whoever missed something knows it. With a log, nobody misses anything.
//!
//! `CLUSTER_CHAOS=full` runs it with 300 clients and 300,000 events, a node killed every 10 s and the engine twice, on
//! either engine; by default it is a tenth of that. It prints its figures.

#[path = "cluster_chaos/ledger.rs"]
mod ledger;
#[path = "cluster_chaos/node.rs"]
mod node;

use ledger::Ledger;
use node::{NODE, Node};
use socketkit::{Client, Gap, Limits, Status};
use std::{
    env,
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering::Relaxed},
    },
    time::Duration,
};
use tests::{
    chat::{Chat, ServerEvent, client_event::*},
    dice::Dice,
    engine::{Engine, Kind},
    proxy::Proxy,
};
use tokio::{
    sync::Mutex,
    time::{Instant, sleep, timeout},
};

/// Clients that share a room.
const ROOM: usize = 10;

/// How much of it.
struct Scale {
    clients: usize,
    events: u64,
    /// Between two nodes that are killed.
    pause: Duration,
}

impl Scale {
    fn of_environment() -> Self {
        match env::var("CLUSTER_CHAOS").as_deref() {
            Ok("full") => Self { clients: 300, events: 300_000, pause: Duration::from_secs(10) },
            _ => Self { clients: 60, events: 20_000, pause: Duration::from_secs(4) },
        }
    }
}

/// What one client does, until all have emitted enough.
async fn member(number: usize, addr: SocketAddr, stage: Arc<Stage>) {
    let room = format!("room-{}", number / ROOM);
    let limits = Limits::default()
        .backoff((Duration::from_millis(20), Duration::from_millis(200)))
        .call(Duration::from_secs(5));
    let url = format!("ws://{addr}/ws");
    let mut client = loop {
        let builder = Client::<Chat>::builder(&url).limits(limits.clone());
        if let Ok(client) = builder.connect().await {
            break client;
        }
    };
    let (mut status, remote) = (client.status(), client.remote().clone());
    let client_status = client.status();
    let ledger = stage.ledgers[number].clone();
    let hears = ledger.clone();
    let hearing = tokio::spawn(async move {
        while let Some(event) = client.recv().await {
            let ServerEvent::Told(text) = event else { panic!("nobody sends {event:?}") };
            hears.hear(&text);
        }
    });
    // In its room, again after each session that began anew.
    let (joins, of, room_name) = (ledger.clone(), stage.clone(), room.clone());
    let joining_remote = remote.clone();
    let joining = tokio::spawn(async move {
        let mut session = 0;
        loop {
            let begins = match &*status.borrow_and_update() {
                Status::Open => session == 0,
                // It goes on in its room.
                Status::Reset { reason: Gap::Recovered, .. } => {
                    joins.recovered();
                    false
                }
                Status::Reset { .. } => true,
                Status::Closed { code, .. } => panic!("{code}"),
                _ => false,
            };
            if begins {
                session += 1;
                joins.reset();
            }
            // The call is lost with its node, and the session perhaps not.
            if !joins.is_in() {
                let joined = joining_remote.call(Ask { text: format!("join {room_name}") }).await;
                if joined.is_ok() {
                    joins.joined();
                    of.joined.fetch_add(u64::from(session == 1), Relaxed);
                }
            }
            if joins.is_in() && status.changed().await.is_err() {
                return;
            }
        }
    });
    while stage.joined.load(Relaxed) < stage.ledgers.len() as u64 {
        sleep(Duration::from_millis(5)).await;
    }
    let mut said = 0_u64;
    while stage.emitted.fetch_add(1, Relaxed) < stage.events || !stage.is_over.load(Relaxed) {
        said += 1;
        let text = format!("say {room} {number} {said}");
        match remote.call(Ask { text }).await {
            Ok(_) => ledger.accepted(said),
            // It may or may not have been said.
            Err(_) => sleep(Duration::from_millis(20)).await,
        }
    }
    // The last word, by which everybody finds what is missing.
    let end = Instant::now() + Duration::from_secs(45);
    loop {
        said += 1;
        match remote.call(Ask { text: format!("say {room} {number} {said}") }).await {
            Ok(_) => {
                ledger.accepted(said);
                break;
            }
            Err(error) => {
                let status = client_status.borrow().clone();
                assert!(
                    Instant::now() < end,
                    "{number} cannot say its last word: {error}, {status:?}"
                );
            }
        }
    }
    stage.done.fetch_add(1, Relaxed);
    while stage.done.load(Relaxed) < stage.ledgers.len() as u64 {
        sleep(Duration::from_millis(5)).await;
    }
    // Whatever is on its way has time to come.
    sleep(Duration::from_secs(3)).await;
    joining.abort();
    hearing.abort();
}

/// What all clients share.
struct Stage {
    events: u64,
    emitted: AtomicU64,
    joined: AtomicU64,
    done: AtomicU64,
    /// Nothing is killed any more.
    is_over: AtomicBool,
    ledgers: Vec<Arc<Ledger>>,
}

/// One at a time: each has as many processes as there are nodes, and an engine.
static TURN: Mutex<()> = Mutex::const_new(());

async fn chaos(kind: Kind, is_durable: bool) {
    let _turn = TURN.lock().await;
    let scale = Scale::of_environment();
    let engine = Engine::start(kind);
    let mut nodes: Vec<_> = (0..3).map(|_| Node::start(&engine, is_durable)).collect();
    let addrs: Vec<_> = nodes.iter().map(Node::addr).collect();
    let proxy = Proxy::among(&addrs, 1).await;
    let stage = Arc::new(Stage {
        events: scale.events,
        emitted: AtomicU64::new(0),
        joined: AtomicU64::new(0),
        done: AtomicU64::new(0),
        is_over: AtomicBool::new(false),
        ledgers: (0..scale.clients).map(|_| Arc::default()).collect(),
    });
    let members = (0..scale.clients).map(|number| member(number, proxy.addr(), stage.clone()));
    let members: Vec<_> = members.map(tokio::spawn).collect();
    let (mut dice, start) = (Dice(7), Instant::now());
    let (mut killed, mut engines) = (0, 0);
    while stage.emitted.load(Relaxed) < scale.events || killed < 2 || engines < 2 {
        sleep(scale.pause / 2).await;
        if engines < 2 && killed > 0 {
            engines += 1;
            tokio::task::block_in_place(|| engine.restart());
        }
        sleep(scale.pause / 2).await;
        killed += 1;
        let node = dice.below(nodes.len() as u64) as usize;
        proxy.exclude(addrs[node]);
        tokio::task::block_in_place(|| nodes[node].kill());
        tokio::task::block_in_place(|| nodes[node].restart(&engine));
        proxy.include(addrs[node]);
    }
    sleep(scale.pause).await;
    stage.is_over.store(true, Relaxed);
    let took = start.elapsed();
    for member in members {
        let ended = timeout(Duration::from_secs(60), member).await;
        ended.expect("it ends").expect("it does not panic");
    }
    let report = ledger::report(&stage.ledgers, ROOM);
    println!(
        "{kind:?}{}: {} clients, {report}; {killed} nodes and {engines} engines killed in {} s",
        if is_durable { " with a log" } else { "" },
        scale.clients,
        took.as_secs()
    );
    assert_eq!((report.doubled, report.reordered, report.unreported), (0, 0, 0), "{report}");
    assert!(report.accepted >= scale.events / 2, "{report}");
    if is_durable {
        assert_eq!(report.resets, 0, "{report}");
        assert!(report.recovered > 0, "{report}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nodes_and_nats_are_killed_and_whoever_missed_something_knows_it() {
    chaos(Kind::Nats, false).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nodes_and_redis_are_killed_and_whoever_missed_something_knows_it() {
    chaos(Kind::Redis, false).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nodes_and_nats_are_killed_and_nobody_misses_anything_of_the_log() {
    chaos(Kind::Nats, true).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nodes_and_redis_are_killed_and_nobody_misses_anything_of_the_log() {
    chaos(Kind::Redis, true).await;
}

/// What the processes run that the others start.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "a node of the other tests"]
async fn a_node_of_the_others() {
    if env::var_os(NODE).is_some() {
        node::serve().await;
    }
}
