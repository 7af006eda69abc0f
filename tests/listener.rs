//! The listener and its files: what is served where, and who holds a place for how long.

use http::Request;
use socketkit::{Client, Limits, Reject, Routes, Server, Service};
use std::{net::SocketAddr, sync::mpsc, time::Duration};
use tests::{
    chat::{Chat, ClientEvent, PATIENCE, listen, soon, until},
    raw::{self, Bytes, CLOSE, Plain, SUBPROTOCOL, code},
};
use tokio::sync::oneshot;

fn service(limits: Limits) -> Service<Chat> {
    Server::<Chat>::new().limits(limits).fallback(async |_: ClientEvent| {}).build()
}

async fn start(serve: socketkit::Serve) -> SocketAddr {
    let (ready, address) = oneshot::channel();
    let serve = serve.ready(|address| {
        let _ = ready.send(address);
    });
    tokio::spawn(serve.into_future());
    soon(address).await.unwrap()
}

/// The status of `GET`.
async fn get(addr: SocketAddr, path: &str) -> u16 {
    let mut peer = Bytes::connect(addr).await;
    peer.write(format!("GET {path} HTTP/1.1\r\nhost: x\r\n\r\n").as_bytes()).await;
    peer.status().await
}

#[tokio::test]
async fn a_service_at_the_root_serves_its_files_and_leaves_other_paths() {
    let routes =
        Routes::new().at("/", service(Limits::default())).at("/chat", service(Limits::default()));
    let addr = start(routes.listen("127.0.0.1:0")).await;
    for (path, status) in [
        ("/client.js", 200),
        ("/", 426),
        ("/chat", 426),
        ("/chat/client.js", 200),
        ("/other", 404),
        ("/chat/other", 404),
    ] {
        assert_eq!(get(addr, path).await, status, "{path}");
    }
    soon(Client::<Chat>::connect(format!("ws://{addr}/"))).await.unwrap();
}

#[tokio::test]
async fn a_server_that_is_dropped_frees_its_port_at_once() {
    let (ready, address) = oneshot::channel();
    let serve = service(Limits::default()).listen("127.0.0.1:0");
    let mut serve = serve.ready(|address| ready.send(address).unwrap()).into_future();
    let addr = tokio::select! {
        ended = &mut serve => panic!("{ended:?}"),
        addr = soon(address) => addr.unwrap(),
    };
    assert_eq!(get(addr, "/").await, 404, "it accepts");
    drop(serve);
    std::net::TcpListener::bind(addr).unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_is_dropped_while_many_connect_frees_its_port_at_once() {
    for _ in 0..100 {
        let (ready, address) = oneshot::channel();
        let serve = service(Limits::default()).listen("127.0.0.1:0");
        let serve = tokio::spawn(serve.ready(|address| ready.send(address).unwrap()).into_future());
        let addr = soon(address).await.unwrap();
        let storm: Vec<_> = (0..2)
            .map(|_| {
                std::thread::spawn(move || while std::net::TcpStream::connect(addr).is_ok() {})
            })
            .collect();
        assert_eq!(get(addr, "/").await, 404, "it accepts");
        serve.abort();
        soon(serve).await.unwrap_err();
        let free = std::net::TcpListener::bind(addr);
        drop(free.unwrap());
        storm.into_iter().for_each(|storm| storm.join().unwrap());
    }
}

#[tokio::test]
async fn a_listener_that_others_have_as_well_goes_on_when_a_server_is_dropped() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    listener.set_nonblocking(true).unwrap();
    let (addr, other) = (listener.local_addr().unwrap(), listener.try_clone().unwrap());
    let routes = |listener| {
        let listener = tokio::net::TcpListener::from_std(listener).unwrap();
        Routes::new().at("/chat", service(Limits::default())).serve(listener).into_future()
    };
    for listener in [listener, other] {
        let serve = tokio::spawn(routes(listener));
        assert_eq!(get(addr, "/chat").await, 426);
        serve.abort();
        soon(serve).await.unwrap_err();
    }
}

#[test]
fn a_server_that_stops_frees_its_port_though_its_workers_are_at_something_else() {
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let ((ready, addr), (stop, stopped)) = (mpsc::channel(), oneshot::channel::<()>());
    let serve = service(Limits::default()).listen("127.0.0.1:0");
    let serve = serve.ready(move |addr| ready.send(addr).unwrap()).until(stopped).into_future();
    let handle = runtime.handle().clone();
    let server = std::thread::spawn(move || runtime.block_on(serve));
    let addr: SocketAddr = addr.recv_timeout(PATIENCE).unwrap();
    let ((computes, computing), (ends, ended)) = (mpsc::channel(), mpsc::channel::<()>());
    handle.spawn(async move {
        computes.send(()).unwrap();
        let _ = ended.recv_timeout(2 * PATIENCE);
    });
    computing.recv_timeout(PATIENCE).unwrap();
    stop.send(()).unwrap();
    let late = std::time::Instant::now() + PATIENCE;
    while std::net::TcpStream::connect(addr).is_ok() {
        assert!(std::time::Instant::now() < late, "it still accepts");
    }
    drop(ends);
    server.join().unwrap().unwrap();
}

#[tokio::test]
async fn files_that_begin_with_a_dot_are_not_served() {
    let folder = tempfile::tempdir().unwrap();
    for name in [".env", "page.html"] {
        std::fs::write(folder.path().join(name), name).unwrap();
    }
    std::fs::create_dir(folder.path().join(".well-known")).unwrap();
    std::fs::write(folder.path().join(".well-known/security.txt"), "").unwrap();
    let server = Server::<Chat>::new().fallback(async |_: ClientEvent| {});
    let addr = start(server.public(folder.path()).listen("127.0.0.1:0")).await;
    for (path, status) in [
        ("/page.html", 200),
        ("/.env", 404),
        ("/%2eenv", 404),
        ("/x%2f..%2f.env", 404),
        ("/.well-known/security.txt", 200),
    ] {
        assert_eq!(get(addr, path).await, status, "{path}");
    }
}

#[tokio::test]
async fn a_download_that_is_not_read_holds_no_place_for_ever() {
    let folder = tempfile::tempdir().unwrap();
    let file = std::fs::File::create(folder.path().join("large")).unwrap();
    file.set_len(64 << 20).unwrap();
    let limits = Limits::default().handshakes(2).stall(Duration::from_millis(200));
    let server = Server::<Chat>::new().limits(limits).fallback(async |_: ClientEvent| {});
    let addr = start(server.public(folder.path()).listen("127.0.0.1:0")).await;
    let mut unread = Vec::new();
    for _ in 0..2 {
        let mut peer = Bytes::connect(addr).await;
        peer.write(b"GET /large HTTP/1.1\r\nhost: x\r\n\r\n").await;
        assert_eq!(peer.status().await, 200);
        unread.push(peer);
    }
    soon(async { while Client::<Chat>::connect(format!("ws://{addr}/ws")).await.is_err() {} })
        .await;
}

#[tokio::test]
async fn sockets_that_are_told_why_they_were_refused_are_bounded() {
    let service = service(Limits::default().sockets(1).handshakes(3));
    let addr = listen(&service).await;
    let _one = Plain::greeted(addr).await;
    let mut told = Vec::new();
    for _ in 0..2 {
        told.push(Bytes::upgraded(addr).await);
    }
    // Whoever holds such a place reads nothing, and says nothing.
    let mut statuses = Vec::new();
    for _ in 0..4 {
        let mut peer = Bytes::connect(addr).await;
        peer.write(&raw::upgrade(&[("sec-websocket-protocol", SUBPROTOCOL)])).await;
        statuses.push(peer.status().await);
        told.push(peer);
    }
    assert_eq!(statuses, [101, 503, 503, 503]);
    drop(told);
    // Their places are free again.
    soon(async {
        loop {
            let mut peer = Bytes::connect(addr).await;
            peer.write(&raw::upgrade(&[("sec-websocket-protocol", SUBPROTOCOL)])).await;
            if peer.status().await == 101 {
                assert_eq!(peer.closed().await, 1013);
                break;
            }
        }
    })
    .await;
}

#[tokio::test]
async fn the_origin_is_checked_wherever_the_handshake_was_made() {
    let service = Server::<Chat>::new()
        .origins(["https://good.example"])
        .fallback(async |_: ClientEvent| {})
        .build();
    for (origin, expected) in [("https://evil.example", 4403), ("https://good.example", 0)] {
        let (near, far) = tokio::io::duplex(1_024);
        let request = Request::get("/ws").header("origin", origin).body(()).unwrap();
        tokio::spawn({
            let service = service.clone();
            async move { service.upgraded(far, request).await }
        });
        let (first, payload) = soon(Bytes::over(near).frame()).await.unwrap();
        let code = if first == CLOSE { code(&payload) } else { 0 };
        assert_eq!(code, expected, "{origin}");
    }
}

#[tokio::test]
async fn an_origin_that_is_no_text_is_none_of_ours() {
    let addr = listen(&service(Limits::default())).await;
    let mut peer = Bytes::connect(addr).await;
    let mut head = raw::upgrade(&[]);
    head.truncate(head.len() - 2);
    head.extend(b"origin: http://here.ex\xe4mple\r\n\r\n");
    peer.write(&head).await;
    assert_eq!(peer.status().await, 403);
}

#[tokio::test]
async fn a_key_that_is_none_is_refused() {
    let addr = listen(&service(Limits::default())).await;
    let good = String::from_utf8(raw::upgrade(&[])).unwrap();
    for key in [
        "dGhlIHNhbXBsZSBub25jZQ",
        "!!!!!!!!!!!!!!!!!!!!!!!!",
        "dGhlIHNhbXBsZSBub25jZQ==\r\nsec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==",
    ] {
        let mut peer = Bytes::connect(addr).await;
        peer.write(good.replace("dGhlIHNhbXBsZSBub25jZQ==", key).as_bytes()).await;
        assert_eq!(peer.status().await, 400, "{key}");
    }
}

#[tokio::test]
async fn on_connect_does_not_begin_for_who_comes_when_the_server_stops() {
    let service = Server::<Chat>::new()
        .on_connect(async || -> Result<(), Reject> { panic!("nobody is let in") })
        .fallback(async |_: ClientEvent| {})
        .build();
    let addr = listen(&service).await;
    soon(service.shutdown()).await;
    let mut peer = Bytes::upgraded(addr).await;
    assert_eq!(peer.closed().await, 1012);
    until(|| service.io().is_empty()).await;
}
