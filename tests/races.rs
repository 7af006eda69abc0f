//! What threads may do to each other: many rounds of moments that are short.

use socketkit::{Limits, Server, Service};
use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};
use tests::{
    chat::{Chat, ClientEvent, ServerEvent, listen, soon, until},
    raw::{Bytes, TEXT},
};

fn service() -> Service<Chat> {
    Server::<Chat>::new().limits(Limits::default()).fallback(async |_: ClientEvent| {}).build()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn hello_comes_first_whoever_finds_the_socket() {
    let service = service();
    let addr = listen(&service).await;
    let stop = Arc::new(AtomicBool::new(false));
    let (io, stopped) = (service.io(), stop.clone());
    let emitting = std::thread::spawn(move || {
        while !stopped.load(Ordering::Relaxed) {
            for socket in io.sockets() {
                socket.emit(ServerEvent::Told("early".into()));
            }
        }
    });
    for round in 0..500 {
        let mut peer = Bytes::upgraded(addr).await;
        let (first, text) = soon(peer.frame()).await.unwrap();
        assert!(first == TEXT && text.starts_with(br#"{"hello":"#), "in round {round}");
    }
    stop.store(true, Ordering::Relaxed);
    emitting.join().unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_farewell_waits_for_no_writer_that_has_written_it() {
    let mut slow = 0;
    for _ in 0..20 {
        let service = service();
        let addr = listen(&service).await;
        for _ in 0..40 {
            let mut peer = Bytes::greeted(addr).await;
            tokio::spawn(async move { while peer.frame().await.is_some() {} });
        }
        until(|| service.io().len() == 40).await;
        service.io().broadcast(ServerEvent::Told("x".repeat(100_000)));
        let before = Instant::now();
        soon(service.shutdown()).await;
        // The time for a farewell is 5 s.
        slow += usize::from(before.elapsed() > Duration::from_secs(4));
    }
    assert_eq!(slow, 0);
}
