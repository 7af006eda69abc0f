//! What a node that drains keeps, for whom, and for how long.

use crate::scene::{Node, Seen, connect};
use socketkit::{CloseCode, Limits};
use std::{
    net::TcpStream,
    sync::{Arc, atomic::Ordering::SeqCst},
    time::{Duration, Instant},
};
use tests::{
    chat::{ServerEvent, client_event::Ask, next, soon, until},
    engine::{Engine, Kind},
    proxy::{Cut, Proxy},
    raw::{Bytes, CLOSE, TEXT, code, frame},
};

/// A drain of 3 s, of which sessions are kept for 2.5 s.
fn short() -> Limits {
    Limits::default().grace(Duration::from_millis(500)).handshake(Duration::from_secs(1))
}

/// How a socket is closed, and the reason.
async fn closed(peer: &mut Bytes) -> (u16, String) {
    loop {
        let (kind, payload) = soon(peer.frame()).await.expect("it is told");
        if kind == CLOSE {
            return (code(&payload), String::from_utf8(payload[2..].to_vec()).unwrap());
        }
    }
}

async fn slow(seen: &Seen) {
    until(|| seen.slow.load(SeqCst) == 1).await;
}

async fn a_call_at_work_is_answered_and_later_ones_run_elsewhere(kind: Kind) {
    let engine = Engine::start(kind);
    let seen = Arc::<Seen>::default();
    let mut nodes = Node::several(2, &engine, Limits::default(), &seen).await;
    let proxy = Proxy::to(nodes[0].addr).await;
    let mut client = connect(&proxy).await;
    soon(client.call(Ask { text: "join room".into() })).await.unwrap();
    let first = tokio::spawn(client.call(Ask { text: "slow".into() }));
    slow(&seen).await;
    proxy.redirect(nodes[1].addr);
    let (io, other) = (nodes[0].io(), nodes[1].io());
    let old = nodes.remove(0);
    let addr = old.addr;
    let draining = tokio::spawn(old.stop());
    // It drains as soon as the port is closed.
    until(|| TcpStream::connect(addr).is_err()).await;
    other.to("room").emit(ServerEvent::Told("meanwhile".into()));
    let second = tokio::spawn(client.call(Ask { text: "room later".into() }));
    assert_eq!(next(&mut client).await, ServerEvent::Told("meanwhile".into()));
    assert!(!first.is_finished() && !second.is_finished() && io.local().len() == 1);
    seen.gate.add_permits(1);
    assert_eq!(soon(first).await.unwrap().unwrap(), "slow");
    assert_eq!(soon(second).await.unwrap().unwrap(), "room later");
    assert_eq!(next(&mut client).await, ServerEvent::Told("later".into()));
    assert!(soon(draining).await.unwrap() < Duration::from_secs(10));
    assert_eq!((other.stats().cluster.came, other.stats().gaps), (1, 0));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_call_at_work_is_answered_and_later_ones_run_elsewhere_by_nats() {
    a_call_at_work_is_answered_and_later_ones_run_elsewhere(Kind::Nats).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_call_at_work_is_answered_and_later_ones_run_elsewhere_by_redis() {
    a_call_at_work_is_answered_and_later_ones_run_elsewhere(Kind::Redis).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sessions_that_nobody_comes_back_to_end_with_the_drain() {
    let engine = Engine::start(Kind::Nats);
    let seen = Arc::<Seen>::default();
    let mut nodes = Node::several(2, &engine, short(), &seen).await;
    let mut away = Bytes::greeted(nodes[0].addr).await;
    let mut plain = Bytes::connect(nodes[0].addr).await;
    plain.write(&tests::raw::upgrade(&[])).await;
    assert_eq!(plain.status().await, 101);
    until(|| nodes[0].io().local().len() == 2).await;
    let (node, begun) = (nodes.remove(0), Instant::now());
    let (io, service) = (node.io(), node.service.clone());
    let draining = tokio::spawn(node.stop());
    assert_eq!(closed(&mut away).await, (1012, "retry 0, resume".into()));
    // It has no session to come back to.
    let (code, reason) = closed(&mut plain).await;
    assert_eq!((code, reason.starts_with("retry ")), (1012, true));
    drop((away, plain));
    until(|| seen.ended.lock().unwrap().len() == 1).await;
    assert!(seen.ended.lock().unwrap()[0].reason.starts_with("retry "));
    assert_eq!((io.local().len(), io.connected()), (1, 0));
    // Nobody is let in meanwhile.
    let newcomer = soon(service.local()).await;
    let mut status = newcomer.status();
    let waits = status.wait_for(|status| matches!(status, socketkit::Status::Waiting { .. }));
    soon(waits).await.unwrap();
    let took = soon(draining).await.unwrap();
    assert!(begun.elapsed() >= Duration::from_millis(2_500) && took < Duration::from_millis(3_500));
    let ended = seen.ended.lock().unwrap();
    assert_eq!((ended.len(), ended[1].code), (2, CloseCode::RESTART));
    assert!(io.is_empty());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_last_node_keeps_no_session() {
    let engine = Engine::start(Kind::Nats);
    let seen = Arc::<Seen>::default();
    let mut nodes = Node::several(1, &engine, Limits::default(), &seen).await;
    let mut peer = Bytes::greeted(nodes[0].addr).await;
    let draining = tokio::spawn(nodes.remove(0).stop());
    assert_eq!(closed(&mut peer).await, (1012, "retry 0".into()));
    drop(peer);
    assert!(soon(draining).await.unwrap() < Duration::from_secs(10));
    assert_eq!(seen.ended.lock().unwrap().len(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nodes_that_stop_together_keep_no_session() {
    let engine = Engine::start(Kind::Nats);
    let seen = Arc::<Seen>::default();
    let nodes = Node::several(2, &engine, Limits::default(), &seen).await;
    let (mut peers, mut draining) = (Vec::new(), Vec::new());
    for node in &nodes {
        peers.push(Bytes::greeted(node.addr).await);
    }
    for node in nodes {
        draining.push(tokio::spawn(node.stop()));
    }
    for peer in &mut peers {
        let (code, reason) = closed(peer).await;
        assert!(code == 1012 && reason.starts_with("retry 0"), "{reason}");
    }
    drop(peers);
    for draining in draining {
        assert!(soon(draining).await.unwrap() < Duration::from_secs(10));
    }
    assert_eq!(seen.ended.lock().unwrap().len(), 2);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_session_outlives_the_way_by_a_node_that_stops() {
    let engine = Engine::start(Kind::Nats);
    let seen = Arc::<Seen>::default();
    let nodes = Node::several(2, &engine, Limits::default(), &seen).await;
    let proxy = Proxy::to(nodes[1].addr).await;
    let client = connect(&proxy).await;
    let call = tokio::spawn(client.call(Ask { text: "slow".into() }));
    slow(&seen).await;
    // It still listens, as in an application that has a listener of its own.
    soon(nodes[0].service.shutdown()).await;
    proxy.redirect(nodes[0].addr);
    proxy.accepted().await.cut(Cut::Rst);
    let refused = proxy.accepted().await;
    soon(refused.ended()).await;
    assert_eq!(refused.server(), Some(nodes[0].addr));
    proxy.redirect(nodes[1].addr);
    seen.gate.add_permits(1);
    assert_eq!(soon(call).await.unwrap().unwrap(), "slow");
    assert_eq!((nodes[1].io().stats().resumed, nodes[1].io().stats().gaps), (1, 0));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_session_whose_handler_is_over_its_grace_ends() {
    let engine = Engine::start(Kind::Nats);
    let seen = Arc::<Seen>::default();
    let mut nodes = Node::several(2, &engine, short(), &seen).await;
    let mut peer = Bytes::greeted(nodes[0].addr).await;
    peer.write(&frame(TEXT, r#"{"event":"ask","id":1,"data":{"text":"slow"}}"#)).await;
    slow(&seen).await;
    let draining = tokio::spawn(nodes.remove(0).stop());
    assert_eq!(closed(&mut peer).await, (1012, "retry 0".into()));
    drop(peer);
    soon(draining).await.unwrap();
    assert_eq!(seen.ended.lock().unwrap().len(), 1);
}
