//! Many sockets at once.

use crate::scene::{ask, retry, scene, service, start};
use futures_util::future::join_all;
use socketkit::Limits;
use std::{
    net::SocketAddr,
    sync::{Arc, Mutex, atomic::Ordering::SeqCst},
    time::Duration,
};
use tests::{
    chat::{PATIENCE, ServerEvent, listen, soon, until},
    raw::{Bytes, TEXT},
};

const MANY: usize = 5_000;
const BATCH: usize = 1_000;
const INTERVAL: Duration = Duration::from_secs(2);

/// What a client adds to the time that it was told, in milliseconds: up to its first pause.
fn jitter(number: u64) -> u64 {
    number * 7_919 % 500
}

/// One of many: hears all that was emitted and the answer to its call, is sent away, and comes back when
/// it may.
async fn come_back(mut peer: Bytes, number: u64, other: SocketAddr) {
    let asked = number.is_multiple_of(2);
    let (mut heard, mut replied) = (0, false);
    let wait = loop {
        match peer.frame().await.expect("it was not sent away") {
            (TEXT, text) => match text.as_slice() {
                br#"{"event":"told","data":"before"}"# => heard += 1,
                br#"{"reply":1,"data":"1"}"# => replied = true,
                br#"{"event":"told","data":"done"}"# => {}
                other => panic!("{other:?}"),
            },
            close => break retry(close),
        }
    };
    assert_eq!((heard, replied), (10, asked));
    drop(peer);
    tokio::time::sleep(Duration::from_millis(wait + jitter(number))).await;
    drop(Bytes::greeted(other).await);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn five_thousand_sockets_lose_nothing_and_come_back_in_batches() {
    let limits = Limits::default().drain_batch(BATCH).drain_interval(INTERVAL).grace(PATIENCE);
    let mut scene = scene(limits);
    let running = start(scene.service.listen("127.0.0.1:0")).await;
    let other = listen(&service(Limits::default())).await;
    let peers = Arc::new(Mutex::new(Vec::new()));
    let opening = (0..50).map(|_| {
        let (peers, addr) = (peers.clone(), running.addr);
        tokio::spawn(async move {
            for _ in 0..MANY / 50 {
                let peer = Bytes::greeted(addr).await;
                peers.lock().unwrap().push(peer);
            }
        })
    });
    for opened in join_all(opening).await {
        opened.unwrap();
    }
    // Every other one has a handler at work.
    let mut peers: Vec<_> = std::mem::take(&mut *peers.lock().unwrap());
    for peer in peers.iter_mut().step_by(2) {
        peer.write(&ask(1)).await;
    }
    until(|| scene.begun.load(SeqCst) == MANY / 2).await;
    for _ in 0..10 {
        scene.service.io().broadcast(ServerEvent::Told("before".into()));
    }
    running.stop.send(()).unwrap();
    let returning: Vec<_> = peers
        .into_iter()
        .zip(0..)
        .map(|(peer, number)| tokio::spawn(come_back(peer, number, other)))
        .collect();
    // `on_disconnect` runs for all: at first for those whose handlers do nothing.
    for number in 0..MANY {
        if number == MANY / 2 {
            scene.gate.add_permits(MANY);
        }
        assert_eq!(soon(scene.seen.recv()).await.as_deref(), Some("1012"));
    }
    soon(running.ended).await.unwrap().unwrap();
    for back in returning {
        back.await.unwrap();
    }
    // As the server's clock has it: on a busy machine 5,000 clients in one process are late themselves.
    let ended = scene.ended.lock().unwrap();
    let due = ended.iter().zip(0..).map(|((at, why), number)| {
        let wait: u64 = why.reason.strip_prefix("retry ").unwrap().parse().unwrap();
        *at + Duration::from_millis(wait + jitter(number))
    });
    let mut due: Vec<_> = due.collect();
    due.sort_unstable();
    for (at, first) in due.iter().enumerate() {
        let bunch = due[at..].iter().take_while(|time| **time < *first + INTERVAL).count();
        assert!(bunch <= BATCH, "{bunch} in {INTERVAL:?}");
    }
    assert!(due[MANY - 1] - due[0] >= INTERVAL * (MANY / BATCH - 1) as u32);
}
