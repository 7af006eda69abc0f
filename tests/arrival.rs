//! Sockets that a listener opens without an HTTP server: what comes first, and what HTTP answers.

use socketkit::{Handshake, Limits, Reject, Server, Socket};
use std::{
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};
use tests::{
    chat::{Chat, ClientEvent, ServerEvent, listen, soon, until},
    raw::{self, Bytes, PING, PONG, TEXT, frame},
};

fn server() -> Server<Chat> {
    Server::<Chat>::new()
}

/// A server with these limits, and where it listens.
async fn limited(limits: Limits) -> SocketAddr {
    let server = server().limits(limits).fallback(async |_: ClientEvent| {});
    listen(&server.build()).await
}

/// A request to upgrade with lines in front of its headers.
fn request(target: &str, lines: &str) -> Vec<u8> {
    let request = String::from_utf8(raw::upgrade(&[])).unwrap();
    let (_, headers) = request.split_once("\r\n").unwrap();
    format!("GET {target} HTTP/1.1\r\n{lines}{headers}").into_bytes()
}

#[tokio::test]
async fn however_a_request_is_cut_it_is_answered_before_what_comes_behind_it() {
    let addr = limited(Limits::default()).await;
    let bytes = [request("/ws", ""), frame(PING, "hi")].concat();
    for cut in 0..bytes.len() {
        let mut peer = Bytes::connect(addr).await;
        let (first, second) = bytes.split_at(cut);
        for part in [first, second] {
            peer.write(part).await;
            tokio::task::yield_now().await;
        }
        assert_eq!(soon(peer.status()).await, 101, "{cut}");
        assert_eq!(soon(peer.frame()).await.unwrap().0, TEXT, "{cut}");
        assert_eq!(soon(peer.frame()).await.unwrap(), (PONG, b"hi".to_vec()), "{cut}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn our_own_ping_comes_behind_the_answer() {
    let limits = Limits::default().heartbeat(Duration::from_millis(5));
    let service = server()
        .limits(limits)
        // It keeps its worker for longer than a heartbeat.
        .on_connect(async || std::thread::sleep(Duration::from_millis(30)))
        .fallback(async |_: ClientEvent| {})
        .build();
    let addr = listen(&service).await;
    for _ in 0..10 {
        let mut peer = Bytes::connect(addr).await;
        peer.write(&request("/ws", "")).await;
        assert_eq!(soon(peer.status()).await, 101);
        assert_eq!(soon(peer.frame()).await.unwrap().0, TEXT);
    }
}

#[tokio::test]
async fn the_answer_takes_no_room_in_the_queue() {
    let service = server()
        .limits(Limits::default().queue(1).queue_bytes(60).queue_hard_bytes(60))
        .on_connect(async |socket: Socket<Chat>| {
            assert_eq!(socket.emit(ServerEvent::Told("a".into())).queued, 1);
        })
        .fallback(async |_: ClientEvent| {})
        .build();
    let mut peer = Bytes::upgraded(listen(&service).await).await;
    assert!(soon(peer.frame()).await.unwrap().1.starts_with(br#"{"hello""#));
    assert_eq!(soon(peer.frame()).await.unwrap().1, br#"{"event":"told","data":"a"}"#);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_socket_that_is_given_up_while_it_opens_is_answered_all_the_same() {
    let opened = Arc::new(AtomicUsize::new(0));
    let full = opened.clone();
    let service = server()
        .on_connect(async move || {
            // In its first turn, before anything was written.
            while full.load(Ordering::Acquire) == 0 {
                std::thread::yield_now();
            }
        })
        .fallback(async |_: ClientEvent| {})
        .build();
    let mut peer = Bytes::connect(listen(&service).await).await;
    peer.write(&request("/ws", "")).await;
    until(|| service.io().len() == 1).await;
    let text = "x".repeat(100_000);
    while service.io().broadcast(ServerEvent::Told(text.clone())).closed == 0 {}
    opened.store(1, Ordering::Release);
    assert_eq!(soon(peer.status()).await, 101);
    assert!(soon(peer.frame()).await.unwrap().1.starts_with(br#"{"hello""#));
    assert_eq!(peer.closed().await, 4429);
}

#[tokio::test]
async fn who_leaves_while_authorize_runs_is_noticed() {
    let (begun, dropped) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let counts = (begun.clone(), dropped.clone());
    let service = server()
        .limits(Limits::default().sockets(1).handshakes(1))
        .authorize(async move |_: Handshake| {
            struct Dropped(Arc<AtomicUsize>);
            impl Drop for Dropped {
                fn drop(&mut self) {
                    self.0.fetch_add(1, Ordering::Release);
                }
            }
            let _dropped = Dropped(counts.1);
            counts.0.fetch_add(1, Ordering::Release);
            std::future::pending::<Result<(), Reject>>().await
        })
        .fallback(async |_: ClientEvent| {})
        .build();
    let addr = listen(&service).await;
    for round in 1..=3 {
        let mut peer = Bytes::connect(addr).await;
        peer.write(&request("/ws", "")).await;
        until(|| begun.load(Ordering::Acquire) == round).await;
        drop(peer);
        until(|| dropped.load(Ordering::Acquire) == round).await;
    }
}

#[tokio::test]
async fn what_is_more_than_a_request_to_upgrade_is_answered_by_http() {
    let addr = limited(Limits::default().head(200_000)).await;
    let long = format!("/ws?{}", "a".repeat(66_000));
    for (target, lines, status) in [
        ("/ws", "", 101),
        ("/ws/", "Expect: nothing\r\n", 101),
        ("/ws", "Content-Length: x\r\n", 400),
        ("/ws", "Content-Length: 5\r\nContent-Length: 6\r\n", 400),
        ("/ws", "Transfer-Encoding: foo\r\n", 400),
        (&*long, "Origin: http://b\u{e4}d.example\r\n", 414),
        ("/other", "", 404),
        ("/ws/client.js", "", 200),
        ("/ws", "Origin: http://evil.example\r\n", 403),
    ] {
        let mut peer = Bytes::connect(addr).await;
        peer.write(&request(target, lines)).await;
        let shown = target.get(..20).unwrap_or(target);
        assert_eq!(soon(peer.status()).await, status, "{shown} {lines}");
    }
}

#[tokio::test]
async fn a_refusal_over_http_is_whole_and_ends_the_connection() {
    let service = server()
        .authorize(async |_: Handshake| Err::<(), _>(Reject::new("unauthorized", "who are you?")))
        .fallback(async |_: ClientEvent| {})
        .build();
    let mut peer = Bytes::connect(listen(&service).await).await;
    peer.write(&request("/ws", "")).await;
    let head = soon(peer.head()).await;
    assert!(head.starts_with("HTTP/1.1 401 Unauthorized\r\n"), "{head}");
    assert!(
        head.contains("\r\ncontent-length: 12\r\n") && head.contains("\r\nconnection: close\r\n")
    );
    assert_eq!(soon(peer.rest()).await, b"who are you?");
}
