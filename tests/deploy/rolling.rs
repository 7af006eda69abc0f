//! Each of three nodes is replaced, while everybody talks.

use crate::scene::{Node, Seen, acquainted, addrs, connect, options};
use socketkit::{Client, Emitter, Limits, Remote, Stats, Status};
use std::{
    collections::HashMap,
    iter,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicU64, Ordering::SeqCst},
    },
    time::Duration,
};
use tests::{
    chat::{Chat, ServerEvent, client_event::Ask, soon, until},
    engine::{Engine, Kind},
    proxy::Proxy,
};
use tokio::time::interval;

const CLIENTS: usize = 30;
const ROOMS: usize = 5;

/// What is said before another node is replaced.
const MEANWHILE: u64 = 500;

/// Between what one of them says: no machine is too slow for all together.
const PAUSE: Duration = Duration::from_millis(25);

/// A node that drains may take 31 s.
const SOON: Duration = Duration::from_secs(10);

/// How much was said, and whether that is enough.
#[derive(Default)]
struct Talk {
    said: AtomicU64,
    is_over: AtomicBool,
}

fn room(number: usize) -> String {
    format!("room-{}", number % ROOMS)
}

/// What a client has heard of each who says something in its room.
type Heard = Arc<Mutex<HashMap<String, Vec<u64>>>>;

fn hear(mut client: Client<Chat>) -> Heard {
    let heard = Heard::default();
    let hears = heard.clone();
    tokio::spawn(async move {
        while let Some(ServerEvent::Told(text)) = client.recv().await {
            let (who, number) = text.split_once(' ').unwrap();
            let number = number.parse().unwrap();
            hears.lock().unwrap().entry(who.to_owned()).or_default().push(number);
        }
    });
    heard
}

/// Says numbers to the room of a client until it is over: how many.
async fn speak(number: usize, remote: Remote<Chat>, talk: Arc<Talk>) -> u64 {
    let (mut said, mut status) = (0, remote.status());
    let mut ticks = interval(PAUSE);
    while !talk.is_over.load(SeqCst) {
        ticks.tick().await;
        let text = format!("{} {number} {said}", room(number));
        // It runs once, wherever its client is by then.
        let answer = soon(remote.call(Ask { text: text.clone() })).await;
        assert_eq!(answer.unwrap(), text);
        said += 1;
        talk.said.fetch_add(1, SeqCst);
        let status = status.borrow_and_update().clone();
        assert!(!matches!(status, Status::Reset { .. }), "{status:?}");
    }
    said
}

/// Emits numbers to all rooms until it is over: how many to each.
async fn publish(emitter: Emitter<Chat>, talk: Arc<Talk>) -> u64 {
    let (mut ticks, mut number) = (interval(PAUSE), 0);
    while !talk.is_over.load(SeqCst) {
        ticks.tick().await;
        for at in 0..ROOMS {
            let emitted = emitter.to(room(at)).emit(ServerEvent::Told(format!("job {number}")));
            assert!(emitted.forwarded);
        }
        number += 1;
    }
    emitter.close().await.unwrap();
    number
}

async fn nodes_are_replaced_one_by_one(kind: Kind) {
    let engine = Engine::start(kind);
    let (seen, talk) = (Arc::<Seen>::default(), Arc::<Talk>::default());
    let mut nodes = Node::several(3, &engine, Limits::default(), &seen).await;
    let proxy = Proxy::among(&addrs(&nodes), 1).await;
    let (mut remotes, mut heard) = (Vec::new(), Vec::new());
    for number in 0..CLIENTS {
        let client = connect(&proxy).await;
        let joining = client.call(Ask { text: format!("join {}", room(number)) });
        soon(joining).await.unwrap();
        remotes.push(client.remote().clone());
        heard.push(hear(client));
    }
    let emitter = Emitter::connect(options(&engine)).await.unwrap();
    let publishing = tokio::spawn(publish(emitter, talk.clone()));
    let speaking = remotes.iter().enumerate();
    let speaking = speaking.map(|(number, remote)| speak(number, remote.clone(), talk.clone()));
    let speaking: Vec<_> = speaking.map(tokio::spawn).collect();

    let (mut times, mut all) = (Vec::new(), nodes.iter().map(Node::io).collect::<Vec<_>>());
    for _ in 0..3 {
        nodes.push(Node::start(&engine, Limits::default(), &seen).await);
        acquainted(&nodes).await;
        all.push(nodes[3].io());
        let said = talk.said.load(SeqCst);
        until(|| talk.said.load(SeqCst) > said + MEANWHILE).await;
        let old = nodes.remove(0);
        let (io, here) = (old.io(), old.io().local().len() as u64);
        assert!(here > 0, "somebody has to move");
        proxy.spread(&addrs(&nodes));
        let left = io.stats().cluster.left;
        times.push(old.stop().await);
        assert_eq!(io.stats().cluster.left - left, here);
    }
    talk.is_over.store(true, SeqCst);
    let jobs = soon(publishing).await.unwrap();
    let mut said = Vec::new();
    for speaking in speaking {
        said.push(soon(speaking).await.unwrap());
    }
    for (number, heard) in heard.iter().enumerate() {
        let members = (0..CLIENTS).filter(|member| room(*member) == room(number));
        let members = members.map(|member| (member.to_string(), said[member]));
        let each = members.chain(iter::once(("job".to_owned(), jobs)));
        let expected: HashMap<String, Vec<u64>> =
            each.map(|(who, count)| (who, (0..count).collect())).collect();
        let total: usize = expected.values().map(Vec::len).sum();
        let count = || heard.lock().unwrap().values().map(Vec::len).sum::<usize>();
        until(|| count() >= total).await;
        let heard = heard.lock().unwrap();
        for (who, numbers) in &expected {
            let heard = heard.get(who).map(Vec::as_slice).unwrap_or_default();
            let wrong = heard.iter().zip(numbers).position(|(heard, said)| heard != said);
            let around = wrong.map(|at| &heard[at.saturating_sub(3)..heard.len().min(at + 12)]);
            assert!(wrong.is_none(), "client {number} has heard {around:?} of {who}");
            assert_eq!(heard.len(), numbers.len(), "client {number} of {who}");
        }
    }
    let sum = |of: fn(&Stats) -> u64| all.iter().map(|io| of(&io.stats())).sum::<u64>();
    assert_eq!(*seen.ended.lock().unwrap(), [], "no session ends");
    assert_eq!((sum(|stats| stats.sessions), sum(|stats| stats.gaps)), (CLIENTS as u64, 0));
    assert_eq!(sum(|stats| stats.cluster.gaps), 0);
    assert!(times.iter().all(|time| *time < SOON), "{times:?}");
    println!(
        "{kind:?}: three nodes replaced in {times:.1?}: {} sessions moved, {} events said; 0 lost, 0 doubled, 0 \
         reordered",
        sum(|stats| stats.cluster.left),
        said.iter().sum::<u64>() + jobs * ROOMS as u64,
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nobody_misses_anything_while_nodes_of_nats_are_replaced() {
    nodes_are_replaced_one_by_one(Kind::Nats).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nobody_misses_anything_while_nodes_of_redis_are_replaced() {
    nodes_are_replaced_one_by_one(Kind::Redis).await;
}
