//! What is answered at the port of a server that stops, and until when.

use crate::scene::{ask, probe, retry, scene, service, start};
use socketkit::{Limits, Server};
use std::{
    io::{Read, Write},
    sync::atomic::Ordering::SeqCst,
    time::{Duration, Instant},
};
use tests::{
    chat::{Chat, ClientEvent, PATIENCE, ServerEvent, listen, soon, until},
    raw::{self, Bytes, SUBPROTOCOL},
};
use tokio::sync::oneshot;

#[tokio::test]
async fn the_health_endpoint_says_503_over_connections_that_are_open() {
    let scene = scene(Limits::default());
    let running = start(scene.service.listen("127.0.0.1:0")).await;
    let mut peer = Bytes::greeted(running.addr).await;
    peer.write(&ask(1)).await;
    until(|| scene.begun.load(SeqCst) == 1).await;
    let mut probing = Bytes::connect(running.addr).await;
    assert_eq!(probe(&mut probing, "/healthz").await, (200, "ok".into()));
    let stopping = running.stop().await;
    assert_eq!(probe(&mut probing, "/healthz").await, (503, "stopping".into()));
    // Files are still served, and no more sockets.
    assert_eq!(probe(&mut probing, "/ws/client.js").await.0, 200);
    let mut plain = raw::upgrade(&[]);
    probing.write(&plain).await;
    let head = probing.head().await;
    assert!(head.starts_with("HTTP/1.1 503 ") && head.contains("retry-after: 1\r\n"), "{head}");
    plain.clear();
    scene.gate.add_permits(1);
    assert_eq!(peer.closed().await, 1012);
    drop(peer);
    stopping.end().await;
    assert!(soon(probing.frame()).await.is_none(), "an idle connection ends with the server");
}

#[tokio::test]
async fn the_health_endpoint_can_be_moved_but_not_to_a_path_of_a_service() {
    let plain = || service(Limits::default());
    let running = start(plain().listen("127.0.0.1:0").health("/status/live")).await;
    let mut probing = Bytes::connect(running.addr).await;
    for (path, status) in [("/status/live", 200), ("/healthz", 404), ("/status", 404)] {
        assert_eq!(probe(&mut probing, path).await.0, status, "{path}");
    }
    probing.write(b"POST /status/live HTTP/1.1\r\nhost: x\r\ncontent-length: 0\r\n\r\n").await;
    assert_eq!(probing.status().await, 405);
    for (path, problem) in [
        ("/ws", "`/ws` is a path of the service at `/ws`"),
        ("ws/client.js", "`/ws/client.js` is a path of the service at `/ws`"),
        ("/is it up?", "`/is it up?` is no path to ask at"),
    ] {
        let error = soon(plain().listen("127.0.0.1:0").health(path).into_future()).await;
        assert_eq!(error.unwrap_err().to_string(), problem);
    }
}

#[tokio::test]
async fn a_listener_that_lingers_says_503_while_its_sockets_go_on() {
    let scene = scene(Limits::default());
    scene.gate.add_permits(1);
    let serve = scene.service.listen("127.0.0.1:0").linger(Duration::from_secs(2));
    let running = start(serve).await;
    let mut peer = Bytes::greeted(running.addr).await;
    let signal = Instant::now();
    running.stop.send(()).unwrap();
    loop {
        let mut probing = Bytes::connect(running.addr).await;
        if probe(&mut probing, "/healthz").await.0 == 503 {
            break;
        }
        assert!(signal.elapsed() < PATIENCE);
    }
    let mut refused = Bytes::connect(running.addr).await;
    refused.write(&raw::upgrade(&[])).await;
    let head = refused.head().await;
    assert!(head.starts_with("HTTP/1.1 503 ") && head.contains("retry-after: 1\r\n"), "{head}");
    let mut refused = Bytes::upgraded(running.addr).await;
    retry(soon(refused.frame()).await.unwrap());
    peer.write(&ask(1)).await;
    scene.service.io().broadcast(ServerEvent::Told("to all".into()));
    let mut lines = [peer.line().await, peer.line().await, peer.line().await];
    lines.sort();
    assert_eq!(lines[2], r#"{"reply":1,"data":"1"}"#);
    assert!(signal.elapsed() < Duration::from_secs(2), "this machine is too slow to tell");
    retry(soon(peer.frame()).await.unwrap());
    assert!(signal.elapsed() >= Duration::from_secs(2));
    assert!(std::net::TcpStream::connect(running.addr).is_err(), "the port is closed first");
    drop(peer);
    soon(running.ended).await.unwrap().unwrap();
}

/// What a connection of a thread gets until its end.
fn rest(mut stream: std::net::TcpStream) -> std::io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.read_to_end(&mut bytes)?;
    Ok(bytes)
}

#[tokio::test]
async fn who_was_in_the_queue_of_the_kernel_is_told_to_come_back() {
    let running = start(service(Limits::default()).listen("127.0.0.1:0")).await;
    // This thread is the server's as well: nobody accepts meanwhile.
    let waiting: Vec<_> = (0..500)
        .map(|_| {
            let mut stream = std::net::TcpStream::connect(running.addr).unwrap();
            let request = raw::upgrade(&[("sec-websocket-protocol", SUBPROTOCOL)]);
            stream.write_all(&request).unwrap();
            stream
        })
        .collect();
    running.stop.send(()).unwrap();
    let reading = tokio::task::spawn_blocking(|| {
        let told = |stream| {
            let bytes = rest(stream);
            bytes.unwrap_or_default().windows(8).any(|part| part == b"\x03\xf4retry ")
        };
        waiting.into_iter().map(told).filter(|told| *told).count()
    });
    assert_eq!(soon(reading).await.unwrap(), 500);
    soon(running.ended).await.unwrap().unwrap();
}

#[tokio::test]
async fn a_second_signal_ends_it_at_once() {
    let scene = scene(Limits::default().grace(2 * PATIENCE));
    let (again, signal) = oneshot::channel::<()>();
    let running = start(scene.service.listen("127.0.0.1:0").abort(signal)).await;
    let mut peer = Bytes::greeted(running.addr).await;
    peer.write(&ask(1)).await;
    until(|| scene.begun.load(SeqCst) == 1).await;
    let stopping = running.stop().await;
    assert!(!stopping.0.is_finished());
    again.send(()).unwrap();
    stopping.end().await;
    assert_eq!(peer.closed().await, 1012, "whose runtime goes on");
}

#[tokio::test]
async fn a_download_that_has_begun_is_finished() {
    const LENGTH: usize = 32 << 20;
    let folder = tempfile::tempdir().unwrap();
    let file = std::fs::File::create(folder.path().join("large")).unwrap();
    file.set_len(LENGTH as u64).unwrap();
    let server = Server::<Chat>::new().fallback(async |_: ClientEvent| {});
    let running = start(server.public(folder.path()).listen("127.0.0.1:0")).await;
    let mut peer = Bytes::connect(running.addr).await;
    peer.write(b"GET /large HTTP/1.1\r\nhost: x\r\n\r\n").await;
    assert_eq!(peer.status().await, 200);
    let stopping = running.stop().await;
    assert_eq!(peer.take(LENGTH).await.len(), LENGTH);
    stopping.end().await;
}

#[test]
fn shutdown_ends_in_time_though_a_runtime_stands_still() {
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let bound =
        Limits::default().grace(Duration::from_millis(200)).handshake(Duration::from_millis(300));
    let service = service(bound);
    let addr = runtime.block_on(listen(&service));
    let _peer = runtime.block_on(Bytes::greeted(addr));
    let ((computes, computing), (ends, ended)) =
        (std::sync::mpsc::channel(), std::sync::mpsc::channel::<()>());
    runtime.spawn(async move {
        computes.send(()).unwrap();
        let _ = ended.recv_timeout(2 * PATIENCE);
    });
    computing.recv_timeout(PATIENCE).unwrap();
    // With no runtime, and on the one that stands still.
    for inside in [false, true] {
        let started = Instant::now();
        match inside {
            false => futures_executor::block_on(service.shutdown()),
            true => runtime.block_on(service.shutdown()),
        }
        let elapsed = started.elapsed();
        assert!(elapsed >= Duration::from_secs(1) && elapsed < PATIENCE, "{elapsed:?}");
    }
    drop(ends);
}
