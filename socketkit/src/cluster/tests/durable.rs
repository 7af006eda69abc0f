//! Sessions that outlive their node.

use super::{
    super::memory::Memory,
    Chat, ClientEvent, Join, Say, ServerEvent,
    departing::{acquainted, come_back, connect, lost_on_leaving, reads},
    moving::{Roaming, resumed},
    node_of,
    returning::moved,
    said, soon, until,
};
use crate::{Client, ClusterOptions, Gap, Limits, Server, Service, Status};
use futures_util::future::poll_immediate;
use rand::{RngExt, SeedableRng, rngs::StdRng};
use std::{
    collections::HashSet,
    future::pending,
    mem,
    ops::Range,
    pin::pin,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};
use tokio::{
    io::AsyncReadExt,
    sync::Notify,
    task::yield_now,
    time::{sleep, timeout},
};

/// Nodes of a cluster with a log, each with the handle that cuts it off.
pub(super) async fn nodes<const N: usize>(engine: &Memory) -> ([Service<Chat>; N], [Memory; N]) {
    let lines: [Memory; N] = std::array::from_fn(|_| engine.for_one());
    let nodes = lines.each_ref().map(node);
    for node in &nodes {
        soon(node.joined()).await.unwrap();
    }
    for node in &nodes {
        until(|| node.io().nodes().len() == N - 1).await;
    }
    (nodes, lines)
}

pub(super) fn durable(line: &Memory) -> ClusterOptions {
    ClusterOptions { is_durable: true, ..line.clone().into() }
}

pub(super) fn node(line: &Memory) -> Service<Chat> {
    node_of(durable(line), Limits::default())
}

pub(super) fn event(text: impl ToString) -> ServerEvent {
    ServerEvent::Said(text.to_string())
}

pub(super) async fn recovered(client: &Client<Chat>) {
    let mut status = client.status();
    let is_back = |status: &Status| matches!(status, Status::Resumed { .. } | Status::Reset { .. });
    match &*soon(status.wait_for(is_back)).await.unwrap() {
        Status::Reset { reason: Gap::Recovered, .. } => {}
        other => panic!("{other:?}"),
    };
}

/// Whether something was missed for good.
pub(super) fn is_gap(status: &Status) -> bool {
    matches!(status, Status::Reset { reason, .. } if *reason != Gap::Recovered)
}

#[tokio::test]
async fn a_session_goes_on_when_its_node_is_lost() {
    let engine = Memory::default();
    let (all, lines) = nodes::<3>(&engine).await;
    let roaming = Roaming::new(&all);
    let mut ada = soon(roaming.client().connect()).await.unwrap();
    soon(ada.call(Join("lobby".into()))).await.unwrap();
    let id = all[0].io().local().sockets()[0].id();
    for node in &all {
        node.io().to("lobby").emit(event("before"));
        assert_eq!(said(&mut ada).await, "before");
    }
    // Its own node says something that goes no further than the engine, and dies.
    roaming.go_to(usize::MAX);
    all[0].io().to("lobby").emit(event("last of the room"));
    all[0].io().broadcast(event("last of all"));
    all[0].io().socket(id).unwrap().emit(event("last of its own"));
    all[1].io().to("lobby").emit(event("of another"));
    all[1].io().to("elsewhere").emit(event("never"));
    all[2].io().socket(id).unwrap().emit(event("of a third"));
    until(|| all[0].io().stats().cluster.heard > 0).await;
    flushed(&all[0]).await;
    flushed(&all[1]).await;
    flushed(&all[2]).await;
    lines[0].cut_off();
    roaming.go_to(1);
    recovered(&ada).await;
    let mut heard = Vec::new();
    for _ in 0..5 {
        heard.push(said(&mut ada).await);
    }
    let own: Vec<_> = heard.iter().filter(|text| text.starts_with("last")).collect();
    assert_eq!(own, ["last of the room", "last of all", "last of its own"], "{heard:?}");
    heard.sort_unstable();
    assert_eq!(heard[3..], ["of a third", "of another"]);
    let sockets = all[1].io().local().sockets();
    assert_eq!(sockets[0].id(), id, "it is the same socket");
    // And in its room.
    all[2].io().to("lobby").emit(event("after"));
    assert_eq!(said(&mut ada).await, "after");
    soon(ada.call(Say { room: None, text: "own".into() })).await.unwrap();
    assert_eq!(said(&mut ada).await, "own");
    assert_eq!(all[1].io().stats().cluster.recovered, 1);
    // From there it goes on like any other.
    moved(&roaming, &all, 2).await;
    resumed(&ada).await;
    all[1].io().to("lobby").emit(event("moved"));
    assert_eq!(said(&mut ada).await, "moved");
}

/// Everything that a node has emitted is with the engine.
pub(super) async fn flushed(node: &Service<Chat>) {
    let mut client = soon(node.local()).await;
    soon(client.call(Say { room: Some("nowhere".into()), text: String::new() })).await.unwrap();
    soon(client.close()).await;
    let _ = &mut client;
}

/// Says one thing after the other, and which of these are with the engine, so that everybody hears them.
async fn speak(name: usize, client: Client<Chat>, is_over: Arc<AtomicBool>) -> Vec<usize> {
    let mut answered = Vec::new();
    for number in 0.. {
        if is_over.load(Ordering::Relaxed) {
            break;
        }
        let text = format!("{name} {number}");
        let room = (number % 2 == 0).then(|| "lobby".to_owned());
        if soon(client.call(Say { room, text })).await.is_ok() {
            answered.push(number);
        }
        yield_now().await;
    }
    soon(client.call(Say { room: None, text: format!("{name} end") })).await.unwrap();
    answered
}

/// Hears all until everybody has come to an end: by who said it.
async fn listen(mut client: Client<Chat>, speakers: usize) -> Vec<Vec<usize>> {
    let (mut heard, mut ends) = (vec![Vec::new(); speakers], 0);
    while ends < speakers {
        let text = said(&mut client).await;
        let (name, number) = text.split_once(' ').unwrap();
        match number.parse() {
            Ok(number) => heard[name.parse::<usize>().unwrap()].push(number),
            Err(_) => ends += 1,
        }
        let status = client.status();
        let status = status.borrow();
        assert!(!is_gap(&status), "{status:?}");
    }
    heard
}

const SPEAKERS: usize = 2;

async fn torture(seed: u64, fails: bool) {
    let mut dice = StdRng::seed_from_u64(seed);
    let engine = Memory::default();
    let (all, lines) = nodes::<3>(&engine).await;
    let (mut all, mut lines) = (all.to_vec(), lines.to_vec());
    let mut graves = Vec::new();
    let is_over = Arc::new(AtomicBool::new(false));
    let (mut roaming, mut speakers, mut listeners) = (Vec::new(), Vec::new(), Vec::new());
    for at in 0..SPEAKERS + 4 {
        let roams = Roaming::new(&all);
        roams.go_to(at % 3);
        let client = soon(roams.client().connect()).await.unwrap();
        soon(client.call(Join("lobby".into()))).await.unwrap();
        roaming.push(roams);
        match at < SPEAKERS {
            true => speakers.push(client),
            false => listeners.push(tokio::spawn(listen(client, SPEAKERS))),
        }
    }
    let speakers: Vec<_> = speakers
        .into_iter()
        .enumerate()
        .map(|(name, client)| tokio::spawn(speak(name, client, is_over.clone())))
        .collect();
    for _ in 0..30 {
        sleep(Duration::from_millis(dice.random_range(1..20))).await;
        match dice.random_range(0..10) {
            0 => {
                let lost = dice.random_range(0..all.len());
                let (line, other) = (engine.for_one(), (lost + 1) % all.len());
                lines[lost].cut_off();
                graves.push(mem::replace(&mut all[lost], node(&line)));
                lines[lost] = line;
                for roaming in &roaming {
                    roaming.replace(lost, &all[other]);
                }
                soon(all[lost].joined()).await.unwrap();
                for roaming in &roaming {
                    roaming.replace(lost, &all[lost]);
                }
            }
            1 if fails => {
                engine.down();
                sleep(Duration::from_millis(dice.random_range(1..300))).await;
                engine.up();
            }
            2 if fails => engine.cut(),
            _ => roaming[dice.random_range(0..roaming.len())].go_to(dice.random_range(0..3)),
        }
    }
    is_over.store(true, Ordering::Relaxed);
    let mut answered = Vec::new();
    for speaker in speakers {
        answered.push(timeout(Duration::from_secs(60), speaker).await.unwrap().unwrap());
    }
    for listener in listeners {
        let heard = timeout(Duration::from_secs(60), listener).await.unwrap().unwrap();
        for (heard, answered) in heard.iter().zip(&answered) {
            // What was not answered may come late: its node was cut off when it said so.
            let known = heard.iter().filter(|number| answered.contains(number));
            let known: Vec<_> = known.collect();
            let wrong = known.windows(2).filter(|pair| pair[0] >= pair[1]);
            assert_eq!(wrong.collect::<Vec<_>>(), Vec::<&[&usize]>::new(), "seed {seed}");
            let each: HashSet<_> = heard.iter().collect();
            assert_eq!(each.len(), heard.len(), "seed {seed}: {heard:?}");
            let lost = answered.iter().filter(|number| !heard.contains(number));
            assert_eq!(lost.collect::<Vec<_>>(), Vec::<&usize>::new(), "seed {seed}");
        }
    }
}

#[tokio::test]
async fn whichever_nodes_are_lost_everybody_hears_all() {
    for seed in seeds() {
        torture(seed, false).await;
    }
}

#[tokio::test]
async fn whichever_nodes_and_engines_are_lost_everybody_hears_all() {
    for seed in seeds() {
        torture(seed, true).await;
    }
}

fn seeds() -> Range<u64> {
    match std::env::var("SEED").ok().and_then(|seed| seed.parse().ok()) {
        Some(seed) => seed..seed + 1,
        None => 0..3,
    }
}

#[tokio::test]
async fn nobody_hears_of_a_new_secret_before_all_know_who_came_last() {
    let engine = Memory::default();
    let (all, lines) = nodes::<3>(&engine).await;
    let mut first = connect(&all[0], "socketkit.v1.json");
    reads(&mut first, "\"token\"").await;
    let socket = all[0].io().local().sockets().remove(0);
    let token = socket.peer().seat().token(socket.id(), all[0].io().node()).unwrap();
    soon(flushed(&all[0])).await;
    lines[0].cut_off();
    let mut second = come_back(&all[1], &token, 1);
    reads(&mut second, "\"gap\":\"recovered\"").await;
    // What the client heard was lost, and so is its node. It tries twice, and the second attempt is faster.
    lines[1].cut_off();
    let mut later = come_back(&all[1], &token, 3);
    until(|| all[1].io().stats().resumed == 2).await;
    let mut earlier = come_back(&all[2], &token, 2);
    reads(&mut earlier, "\"gap\":\"recovered\"").await;
    // What it would be told at the other is not so, and it is not when that node is back either.
    let heard = poll_immediate(pin!(later.read_u8())).await;
    assert!(!matches!(heard, Some(Ok(_))));
    lines[1].back();
    soon(later.read_u8()).await.unwrap_err();
    // By the secret that it knows it finds its session again.
    let mut last = come_back(&all[2], &token, 4);
    reads(&mut last, "\"gap\":\"recovered\"").await;
}

#[tokio::test]
async fn a_session_that_could_not_go_goes_on_wherever_its_client_comes_next() {
    let engine = Memory::default();
    let begun = Arc::new(Notify::new());
    let node = || {
        let begun = begun.clone();
        let say = async move |_: Say| {
            begun.notify_one();
            pending::<()>().await;
        };
        let limits = Limits::default().grace(Duration::from_millis(50));
        let server = Server::<Chat>::new().cluster(durable(&engine)).limits(limits);
        server.ignore::<Join>().on(say).build()
    };
    let all = [node(), node()];
    acquainted(&all).await;
    let roaming = Roaming::new(&all);
    let ada = soon(roaming.client().connect()).await.unwrap();
    ada.emit(ClientEvent::Say { room: None, text: "slow".into() });
    soon(begun.notified()).await;
    lost_on_leaving(&engine, &roaming).await;
    until(|| all[0].io().local().is_empty()).await;
    engine.up();
    recovered(&ada).await;
}

#[tokio::test]
async fn a_session_for_which_too_much_waits_goes_on_by_the_log() {
    let engine = Memory::default();
    let node = || node_of(durable(&engine), Limits::default().stall(Duration::ZERO));
    let all = [node(), node()];
    acquainted(&all).await;
    let roaming = Roaming::new(&all);
    let mut ada = soon(roaming.client().connect()).await.unwrap();
    soon(ada.call(Join("lobby".into()))).await.unwrap();
    roaming.go_to(usize::MAX);
    until(|| all[0].io().local().sockets().iter().all(|socket| !socket.is_connected())).await;
    const MANY: usize = 2_000;
    for number in 0..MANY {
        all[number % 2].io().to("lobby").emit(event(format!("{} {}", number % 2, number / 2)));
    }
    until(|| all[0].io().local().is_empty()).await;
    roaming.go_to(0);
    recovered(&ada).await;
    let mut heard = [0; 2];
    for _ in 0..MANY {
        let text = said(&mut ada).await;
        let (node, number) = text.split_once(' ').unwrap();
        let next = &mut heard[node.parse::<usize>().unwrap()];
        assert_eq!(number.parse(), Ok(*next));
        *next += 1;
    }
}

#[tokio::test]
async fn a_session_of_which_more_was_missed_than_is_kept_goes_on_by_the_log() {
    for to in [0, 1] {
        let engine = Memory::default();
        let all = [0, 1].map(|_| node_of(durable(&engine), Limits::default().window(4)));
        acquainted(&all).await;
        let mut first = connect(&all[0], "socketkit.v1.json");
        reads(&mut first, "\"token\"").await;
        let socket = all[0].io().local().sockets().remove(0);
        let token = socket.peer().seat().token(socket.id(), all[0].io().node()).unwrap();
        flushed(&all[0]).await;
        let numbers = 10..20;
        for number in numbers.clone() {
            all[0].io().broadcast(event(number));
        }
        reads(&mut first, "\"19\"").await;
        drop(first);
        // Its client has seen none of that.
        let heard = reads(&mut come_back(&all[to], &token, 1), "\"19\"").await;
        assert!(heard.contains("\"gap\":\"recovered\""), "{heard}");
        let places = numbers.map(|number| heard.find(&format!("\"{number}\"")).unwrap());
        assert!(places.is_sorted(), "{heard}");
    }
}
