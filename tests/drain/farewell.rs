//! What of a socket is still handled, answered and sent, and when its client may come back.

use crate::scene::{ask, retry, scene, service, start, tell};
use futures_util::future::join_all;
use socketkit::{Limits, Routes, Server, Socket};
use std::{
    sync::atomic::Ordering::SeqCst,
    time::{Duration, Instant},
};
use tests::{
    chat::{Chat, ClientEvent, ServerEvent, client_event::*, soon, until},
    raw::{self, Bytes, SUBPROTOCOL, TEXT, frame},
};

#[tokio::test]
async fn what_is_at_work_is_answered_and_what_comes_later_is_not_handled() {
    let mut scene = scene(Limits::default());
    let running = start(scene.service.listen("127.0.0.1:0")).await;
    let mut peer = Bytes::greeted(running.addr).await;
    scene.service.io().broadcast(ServerEvent::Told("before".into()));
    peer.write(&[ask(1), tell("waits"), ask(2)].concat()).await;
    // An answer to a ping says that what came before it was read.
    peer.write(&frame(raw::PING, "")).await;
    assert_eq!(peer.line().await, r#"{"event":"told","data":"before"}"#);
    until(|| scene.begun.load(SeqCst) == 1).await;
    assert_eq!(soon(peer.frame()).await, Some((raw::PONG, Vec::new())));
    let stopping = running.stop().await;
    let late = scene.service.io().broadcast(ServerEvent::Told("late".into()));
    assert_eq!((late.queued, late.closed), (0, 1));
    peer.write(&frame(raw::PING, "1")).await;
    assert_eq!(soon(peer.frame()).await, Some((raw::PONG, b"1".into())), "it is still read");
    peer.write(&[tell("late"), ask(3), frame(raw::PING, "2")].concat()).await;
    assert_eq!(soon(peer.frame()).await, Some((raw::PONG, b"2".into())));
    scene.gate.add_permits(3);
    for line in [
        r#"{"event":"told","data":"done"}"#,
        r#"{"reply":1,"data":"1"}"#,
        r#"{"event":"told","data":"done"}"#,
        r#"{"reply":2,"data":"2"}"#,
    ] {
        assert_eq!(peer.line().await, line);
    }
    assert_eq!(retry(soon(peer.frame()).await.unwrap()), 0);
    for expected in ["waits", "1012"] {
        assert_eq!(soon(scene.seen.recv()).await.as_deref(), Some(expected));
    }
    for _ in 0..100 {
        tokio::task::yield_now().await;
        assert!(!stopping.0.is_finished(), "a process that ends may take the close frame with it");
    }
    drop(peer);
    stopping.end().await;
    assert!(scene.seen.try_recv().is_err());
}

#[tokio::test]
async fn a_handler_that_waits_for_its_own_peer_gets_its_reply() {
    let service = Server::<Chat>::new()
        .on(async |ask: Ask, socket: Socket<Chat>| {
            socket.call(tests::chat::server_event::Question { text: ask.text }).await
        })
        .fallback(async |_: ClientEvent| {})
        .build();
    let running = start(service.listen("127.0.0.1:0")).await;
    let mut peer = Bytes::greeted(running.addr).await;
    peer.write(&ask(7)).await;
    assert_eq!(peer.line().await, r#"{"event":"question","id":1,"data":{"text":"7"}}"#);
    let stopping = running.stop().await;
    peer.write(&frame(TEXT, r#"{"reply":1,"data":"answer"}"#)).await;
    assert_eq!(peer.line().await, r#"{"reply":7,"data":"answer"}"#);
    retry(soon(peer.frame()).await.unwrap());
    drop(peer);
    stopping.end().await;
}

#[tokio::test]
async fn a_handler_over_its_grace_is_dropped_and_its_call_ends_as_lost() {
    let mut scene = scene(Limits::default().grace(Duration::from_millis(300)));
    let running = start(scene.service.listen("127.0.0.1:0")).await;
    let url = format!("ws://{}/ws", running.addr);
    let client = soon(socketkit::Client::<Chat>::connect(url)).await.unwrap();
    let call = tokio::spawn(client.call(Ask { text: String::new() }));
    until(|| scene.begun.load(SeqCst) == 1).await;
    let signal = Instant::now();
    running.stop.send(()).unwrap();
    let error = soon(call).await.unwrap().unwrap_err();
    assert!(matches!(error, socketkit::CallError::Lost), "{error:?}");
    assert!(signal.elapsed() >= Duration::from_millis(300));
    assert_eq!(soon(scene.seen.recv()).await.as_deref(), Some("1012"));
    soon(running.ended).await.unwrap().unwrap();
}

#[tokio::test]
async fn each_socket_has_a_time_of_its_own_to_come_back_on_all_services_together() {
    let limits = Limits::default().drain_batch(2).drain_interval(Duration::from_secs(4));
    let (one, two) = (service(limits), service(Limits::default()));
    let running = start(Routes::new().at("/ws", one).at("/two", two).listen("127.0.0.1:0")).await;
    let mut peers = Vec::new();
    for path in ["/ws", "/ws", "/two", "/two"] {
        let mut peer = Bytes::connect(running.addr).await;
        let request = raw::upgrade(&[("sec-websocket-protocol", SUBPROTOCOL)]);
        let request = String::from_utf8(request).unwrap().replacen("/ws", path, 1);
        peer.write(request.as_bytes()).await;
        assert_eq!(peer.status().await, 101);
        soon(peer.frame()).await.unwrap();
        peers.push(peer);
    }
    running.stop.send(()).unwrap();
    let closing = peers.iter_mut().map(async |peer| retry(soon(peer.frame()).await.unwrap()));
    let mut waits = join_all(closing).await;
    waits.sort_unstable();
    // Two in 4 s and what clients add. Each is told how long it is until its time.
    for (wait, due) in waits.into_iter().zip([0, 2_500, 5_000, 7_500]) {
        assert!(wait <= due && wait + 1_500 > due, "{wait} instead of {due}");
    }
    drop(peers);
    soon(running.ended).await.unwrap().unwrap();
}
