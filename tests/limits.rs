//! Each limit: what happens when it is hit.

use hyper_util::rt::TokioIo;
use socketkit::{
    CallError, Client, Disconnect, Handshake, Limits, PeerAddr, Reject, Server, Service, Socket,
    State,
};
use std::{
    convert::Infallible,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};
use tests::{
    chat::{
        Chat, ClientEvent, ServerEvent, client_event::*, listen, next, server_event::Question,
        soon, until,
    },
    raw::{self, Bytes, CLOSE, Plain, SUBPROTOCOL, TEXT, frame},
};
use tokio::{
    io::DuplexStream,
    sync::{Notify, mpsc},
    time::{Instant, sleep},
};
use tower::Service as _;

fn service(limits: Limits) -> Service<Chat> {
    Server::<Chat>::new()
        .limits(limits)
        .on(async |ask: Ask| ask.text)
        .fallback(async |_: ClientEvent| {})
        .build()
}

/// A peer over an in-memory pipe that takes few bytes, after its `hello`.
async fn piped(service: &Service<Chat>) -> Bytes<DuplexStream> {
    let (stream, theirs) = tokio::io::duplex(64);
    tokio::spawn({
        let service = service.clone();
        async move { service.upgraded(theirs, Handshake::default()).await }
    });
    let mut peer = Bytes::over(stream);
    assert!(peer.line().await.starts_with(r#"{"hello":"#));
    peer
}

fn tell(number: usize) -> Vec<u8> {
    frame(TEXT, format!(r#"{{"event":"tell","data":"{number}"}}"#))
}

#[tokio::test]
async fn frame_is_announced_and_one_byte_more_closes_with_1009() {
    let addr = listen(&service(Limits::default().frame(100))).await;
    let mut peer = Plain::open(addr, true).await;
    assert_eq!(peer.next().await["hello"]["limit"], 100);
    let text = |length: usize| {
        let filler = "x".repeat(length - r#"{"event":"ask","id":1,"data":{"text":""}}"#.len());
        format!(r#"{{"event":"ask","id":1,"data":{{"text":"{filler}"}}}}"#)
    };
    peer.send(text(100)).await;
    assert_eq!(peer.next().await["reply"], 1);
    peer.send(text(101)).await;
    assert_eq!(peer.closed().await.0, 1009);
}

#[tokio::test]
async fn calls_of_the_server_end_in_time_and_one_too_many_is_refused_here() {
    let limits = Limits::default().calls(2).call(Duration::from_millis(200));
    let service = service(limits);
    let mut peer = Plain::greeted(listen(&service).await).await;
    until(|| service.io().len() == 1).await;
    let socket = service.io().sockets().remove(0);
    let ask = || {
        let question = Question { text: "?".into() };
        tokio::spawn(socket.call(question))
    };
    let (first, second) = (ask(), ask());
    for id in 1..=2 {
        let line = format!(r#"{{"event":"question","id":{id},"data":{{"text":"?"}}}}"#);
        assert_eq!(peer.line().await, line);
    }
    match soon(ask()).await.unwrap() {
        Err(CallError::Rejected { code, .. }) => assert_eq!(code, "busy"),
        other => panic!("{other:?}"),
    }
    for call in [first, second] {
        assert!(matches!(soon(call).await.unwrap(), Err(CallError::Timeout)));
    }
    // The peer was told nothing, and its late reply is ignored.
    peer.send(r#"{"reply":1,"data":"late"}"#).await;
    let third = ask();
    assert_eq!(peer.next().await["id"], 3);
    peer.send(r#"{"reply":3,"data":"in time"}"#).await;
    assert_eq!(soon(third).await.unwrap().unwrap(), "in time");
}

#[tokio::test(start_paused = true)]
async fn waiting_events_stop_the_reading_and_none_is_lost() {
    let (go, handled) = (Arc::new(Notify::new()), Arc::new(AtomicUsize::new(0)));
    let service = Server::<Chat>::new()
        .limits(Limits::default().waiting(4).rate(0))
        .state((go.clone(), handled.clone()))
        .on(async |Tell(text): Tell, state: State<(Arc<Notify>, Arc<AtomicUsize>)>| {
            let (go, handled) = &*state;
            if text == "0" {
                go.notified().await;
            }
            let before = handled.fetch_add(1, Ordering::Relaxed);
            assert_eq!(text, before.to_string(), "in order");
        })
        .fallback(async |_: ClientEvent| {})
        .build();
    let mut peer = piped(&service).await;
    let written = Arc::new(AtomicUsize::new(0));
    let writing = tokio::spawn({
        let written = written.clone();
        async move {
            for number in 0..100 {
                peer.write(&tell(number)).await;
                written.fetch_add(1, Ordering::Relaxed);
            }
            peer
        }
    });
    sleep(Duration::from_secs(10)).await;
    let held_back = written.load(Ordering::Relaxed);
    assert!((4..=12).contains(&held_back), "{held_back}");
    assert_eq!(handled.load(Ordering::Relaxed), 0);
    go.notify_one();
    let _peer = soon(writing).await.unwrap();
    until(|| handled.load(Ordering::Relaxed) == 100).await;
}

#[tokio::test]
async fn a_backlog_behind_a_call_to_its_sender_closes_with_4429() {
    let service = Server::<Chat>::new()
        .limits(Limits::default().waiting(4).backlog(2_000))
        .on(async |_: Ask, socket: Socket<Chat>| -> Result<String, Reject> {
            Ok(socket.call(Question { text: "?".into() }).await?)
        })
        .fallback(async |_: ClientEvent| {})
        .build();
    let addr = listen(&service).await;
    let ask = frame(TEXT, r#"{"event":"ask","id":1,"data":{"text":""}}"#);
    let reply = frame(TEXT, r#"{"reply":1,"data":"yes"}"#);
    for (events, enough) in [(40, true), (2_000, false)] {
        let mut peer = Bytes::greeted(addr).await;
        peer.write(&ask).await;
        assert!(peer.line().await.starts_with(r#"{"event":"question""#));
        for number in 0..events {
            peer.write(&tell(number)).await;
        }
        peer.write(&reply).await;
        if enough {
            assert_eq!(peer.line().await, r#"{"reply":1,"data":"yes"}"#);
        } else {
            assert_eq!(peer.closed().await, 4429);
        }
    }
}

#[tokio::test]
async fn a_sender_of_large_events_is_held_back_and_not_closed() {
    let (go, handled) = (Arc::new(Notify::new()), Arc::new(AtomicUsize::new(0)));
    let (gate, count) = (go.clone(), handled.clone());
    let service = Server::<Chat>::new()
        .limits(Limits::default().waiting(4).backlog(1_000).rate(0))
        .on(async move |Tell(text): Tell| {
            if count.fetch_add(1, Ordering::Relaxed) == 0 {
                gate.notified().await;
            }
            drop(text);
        })
        .fallback(async |_: ClientEvent| {})
        .build();
    let mut peer = Bytes::greeted(listen(&service).await).await;
    let large = format!(r#"{{"event":"tell","data":"{}"}}"#, "x".repeat(10_000));
    let events: Vec<u8> = (0..200).flat_map(|_| frame(TEXT, &large)).collect();
    let writing = tokio::spawn(async move {
        peer.write(&events).await;
        peer
    });
    until(|| handled.load(Ordering::Relaxed) == 1).await;
    go.notify_one();
    let _peer = soon(writing).await.unwrap();
    until(|| handled.load(Ordering::Relaxed) == 200).await;
    assert_eq!(service.io().len(), 1);
}

#[tokio::test]
async fn no_value_of_a_limit_keeps_a_server_from_its_work() {
    let least = Limits::default()
        .waiting(0)
        .rate(u32::MAX)
        .burst(0)
        .queue(0)
        .queue_bytes(0)
        .received(0)
        .unsent(0);
    let never = Duration::MAX;
    let most = Limits::default()
        .frame(usize::MAX)
        .calls(usize::MAX)
        .call(never)
        .waiting(usize::MAX)
        .backlog(usize::MAX)
        .burst(u32::MAX)
        .rate(1)
        .queue(usize::MAX)
        .queue_bytes(usize::MAX)
        .queue_hard_bytes(usize::MAX)
        .stall(never)
        .heartbeat(never)
        .handshake(never)
        .grace(never)
        .head(usize::MAX)
        .handshakes(usize::MAX)
        .received(usize::MAX)
        .unsent(usize::MAX)
        .backoff((never, never));
    for limits in [least, most] {
        let service = Server::<Chat>::new()
            .limits(limits.clone())
            .on(async |ask: Ask, socket: Socket<Chat>| {
                for _ in 0..3 {
                    socket.send(ServerEvent::Told(ask.text.clone())).await;
                }
                socket.call(Question { text: ask.text }).await.unwrap()
            })
            .fallback(async |_: ClientEvent| {})
            .build();
        let url = format!("ws://{}/ws", listen(&service).await);
        let client = Client::<Chat>::builder(url).limits(limits.frame(1_000));
        let client = client.on(async |question: Question| question.text + "!");
        let mut client = soon(client.connect()).await.unwrap();
        let call = tokio::spawn(client.call(Ask { text: "x".into() }));
        for _ in 0..3 {
            assert_eq!(next(&mut client).await, ServerEvent::Told("x".into()));
        }
        assert_eq!(soon(call).await.unwrap().unwrap(), "x!");
        soon(client.close()).await;
        soon(service.shutdown()).await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_handler_has_its_grace_when_the_socket_has_ended() {
    const GRACE: Duration = Duration::from_secs(3);
    let (sender, mut ended) = mpsc::unbounded_channel();
    let service = Server::<Chat>::new()
        .limits(Limits::default().grace(GRACE))
        .state(sender)
        .on_disconnect(async |_: Disconnect, ended: State<mpsc::UnboundedSender<Instant>>| {
            let _ = ended.send(Instant::now());
        })
        .on(async |_: Tell| std::future::pending::<()>().await)
        .fallback(async |_: ClientEvent| {})
        .build();
    for (event, grace) in [("blip", Duration::ZERO), ("tell", GRACE)] {
        let mut peer = piped(&service).await;
        let text = format!(r#"{{"event":"{event}","data":""}}"#);
        peer.write(&frame(TEXT, text)).await;
        let started = Instant::now();
        peer.write(&frame(CLOSE, 1000_u16.to_be_bytes())).await;
        assert_eq!(peer.closed().await, 1000, "the farewell does not wait");
        assert_eq!(started.elapsed(), Duration::ZERO);
        let ended = soon(ended.recv()).await.unwrap();
        let elapsed = ended - started;
        let late = Duration::from_millis(10);
        assert!(elapsed >= grace && elapsed < grace + late, "{elapsed:?}");
    }
}

#[tokio::test]
async fn a_longer_head_is_read_if_the_limit_allows_it() {
    for (head, status) in [(8 * 1024, 431), (64 * 1024, 101)] {
        let addr = listen(&service(Limits::default().head(head))).await;
        let mut peer = Bytes::connect(addr).await;
        let long = "x".repeat(20 * 1024);
        peer.write(&raw::upgrade(&[("cookie", &long)])).await;
        assert_eq!(peer.status().await, status);
    }
}

#[tokio::test]
async fn one_more_handshake_waits_until_another_ends() {
    let addr = listen(&service(Limits::default().handshakes(2))).await;
    let mut first = Bytes::connect(addr).await;
    let _second = Bytes::connect(addr).await;
    let mut later = Vec::new();
    for _ in 0..10 {
        let mut peer = Bytes::connect(addr).await;
        peer.write(&raw::upgrade(&[])).await;
        later.push(peer);
    }
    first.write(&raw::upgrade(&[("sec-websocket-protocol", SUBPROTOCOL)])).await;
    assert_eq!(first.status().await, 101);
    // An open socket is no handshake any more: one after the other has the place.
    for peer in &mut later {
        assert_eq!(peer.status().await, 101);
    }
}

#[tokio::test]
async fn a_handshake_that_has_waited_too_long_for_its_place_is_dropped() {
    let addr =
        listen(&service(Limits::default().handshakes(0).handshake(Duration::from_millis(50))))
            .await;
    let mut peer = Bytes::connect(addr).await;
    assert_eq!(peer.head().await, "");
}

/// Upgrades from an address, with the subprotocol or not: the status, the rest of the head, and the
/// peer.
async fn from(
    service: &Service<Chat>,
    address: &str,
    ours: bool,
) -> (u16, String, Bytes<DuplexStream>) {
    let (stream, theirs) = tokio::io::duplex(64 * 1024);
    let address = PeerAddr(address.parse().expect("an address"));
    let service = service.clone();
    let answer = hyper::service::service_fn(move |mut request: http::Request<_>| {
        request.extensions_mut().insert(address);
        let answer = service.clone().call(request);
        async move { answer.await.map_err(|never: Infallible| never) }
    });
    let connection =
        hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(theirs), answer);
    tokio::spawn(connection.with_upgrades());
    let mut peer = Bytes::over(stream);
    let headers = [("sec-websocket-protocol", SUBPROTOCOL)];
    let headers = if ours { &headers[..] } else { &[] };
    peer.write(&raw::upgrade(headers)).await;
    let head = peer.head().await;
    let status = head.split(' ').nth(1).and_then(|word| word.parse().ok()).unwrap_or_default();
    (status, head, peer)
}

/// The server is full for the next one, who is told so in the way that it can see.
async fn is_full(service: &Service<Chat>, address: &str) {
    let (status, head, _) = from(service, address, false).await;
    assert!(status == 503 && head.contains("\r\nretry-after: "), "{head}");
    let (status, _, mut peer) = from(service, address, true).await;
    assert_eq!(status, 101);
    assert_eq!(peer.closed().await, 1013);
}

#[tokio::test]
async fn one_more_socket_is_refused_until_another_ends() {
    let service = service(Limits::default().sockets(2));
    let (_, _, mut first) = from(&service, "192.0.2.1:1", true).await;
    let (_, _, _second) = from(&service, "192.0.2.2:1", false).await;
    is_full(&service, "192.0.2.3:1").await;
    first.write(&frame(CLOSE, "")).await;
    first.closed().await;
    until(|| service.io().len() == 1).await;
    let (status, _, mut third) = from(&service, "192.0.2.3:1", false).await;
    assert_eq!(status, 101);
    assert!(third.line().await.starts_with(r#"{"hello":"#));
}

#[tokio::test]
async fn one_more_socket_of_one_address_is_refused() {
    let service = service(Limits::default().sockets_per_address(1));
    let (_, _, mut first) = from(&service, "[2001:db8::1]:1", true).await;
    assert!(first.line().await.starts_with(r#"{"hello":"#));
    is_full(&service, "[2001:db8::2]:2").await;
    for other in ["[2001:db8:1::1]:1", "192.0.2.1:1"] {
        let (_, _, mut peer) = from(&service, other, true).await;
        assert!(peer.line().await.starts_with(r#"{"hello":"#), "{other}");
    }
    for _ in 0..3 {
        let (_, _, mut peer) = from(&service, "127.0.0.1:1", true).await;
        assert!(peer.line().await.starts_with(r#"{"hello":"#));
    }
}
