//! Receivers that do not keep up: what they lose, when they are given up, and that nobody waits for
//! them.

use futures_util::FutureExt;
use socketkit::{
    CloseCode, Delivery, Disconnect, Handshake, Limits, Server, Service, Socket, State,
};
use std::time::Duration;
use tests::{
    chat::{
        Chat, ClientEvent, PATIENCE, ServerEvent, client_event::Tell, clients, listen, next, soon,
        until,
    },
    raw::{Bytes, PING, PONG, SUBPROTOCOL, TEXT, frame, upgrade},
};
use tokio::{io::DuplexStream, net::TcpSocket, sync::mpsc, time::sleep};

/// Bytes that are on their way to a slow peer at most.
const PIPE: usize = 64;

const STALL: Duration = Duration::from_secs(5);

/// A service, and how its sockets end.
fn service(limits: Limits) -> (Service<Chat>, mpsc::UnboundedReceiver<Disconnect>) {
    let (sender, ended) = mpsc::unbounded_channel();
    let service = Server::<Chat>::new()
        .limits(limits)
        .state(sender)
        .on_disconnect(
            async |disconnect: Disconnect, ended: State<mpsc::UnboundedSender<Disconnect>>| {
                let _ = ended.send(disconnect);
            },
        )
        .fallback(async |_: ClientEvent| {})
        .build();
    (service, ended)
}

/// A peer that has read its `hello` and reads no more by itself.
async fn slow(service: &Service<Chat>) -> (Bytes<DuplexStream>, Socket<Chat>) {
    slow_with(service, Handshake::default()).await
}

async fn slow_with(
    service: &Service<Chat>,
    handshake: Handshake,
) -> (Bytes<DuplexStream>, Socket<Chat>) {
    let before = service.io().len();
    let (stream, theirs) = tokio::io::duplex(PIPE);
    tokio::spawn({
        let service = service.clone();
        async move { service.upgraded(theirs, handshake).await }
    });
    let mut peer = Bytes::over(stream);
    assert!(peer.line().await.starts_with(r#"{"hello":"#));
    until(|| service.io().len() > before).await;
    let newest = service.io().sockets().into_iter().max_by_key(Socket::id);
    (peer, newest.expect("a socket"))
}

/// A text longer than the pipe.
fn long(number: usize) -> String {
    format!("{number:0>100}")
}

fn told(number: usize) -> ServerEvent {
    ServerEvent::Told(long(number))
}

fn told_line(number: usize) -> String {
    format!(r#"{{"event":"told","data":"{}"}}"#, long(number))
}

/// Fills the pipe: the peer is known to take no more.
async fn fill(socket: &Socket<Chat>, count: usize) {
    for number in 0..count {
        assert_eq!(socket.emit(told(number)).queued, 1);
        tokio::task::yield_now().await;
    }
}

/// `queued`, `replaced`, `dropped` and `closed`.
fn counts(delivery: Delivery) -> [usize; 4] {
    [delivery.queued, delivery.replaced, delivery.dropped, delivery.closed]
}

#[tokio::test(start_paused = true)]
async fn volatile_events_are_dropped_from_a_quarter_of_the_queue_on() {
    let (service, _ended) = service(Limits::default().queue(8));
    let [mut other] = clients(&service).await;
    let (mut peer, socket) = slow(&service).await;
    fill(&socket, 2).await;
    let flash = |text: &str| ServerEvent::Flash(text.into());
    assert_eq!(counts(socket.emit(flash("lost"))), [0, 0, 1, 0]);
    assert_eq!(counts(service.io().broadcast(flash("half lost"))), [1, 0, 1, 0]);
    assert_eq!(next(&mut other).await, flash("half lost"));
    assert_eq!(counts(socket.emit(told(2))), [1, 0, 0, 0]);
    for number in 0..3 {
        assert_eq!(peer.line().await, told_line(number));
    }
    assert_eq!(counts(socket.emit(flash("seen"))), [1, 0, 0, 0]);
    assert_eq!(peer.line().await, r#"{"event":"flash","data":"seen"}"#);
}

#[tokio::test(start_paused = true)]
async fn of_latest_events_the_newest_arrives_when_the_peer_reads_again() {
    let (service, _ended) = service(Limits::default().queue(4));
    let [mut other] = clients(&service).await;
    let (mut peer, socket) = slow(&service).await;
    fill(&socket, 4).await;
    let io = service.io();
    assert_eq!(counts(io.broadcast(ServerEvent::Count(1))), [2, 0, 0, 0], "none to replace");
    for count in 2..=50 {
        assert_eq!(counts(io.broadcast(ServerEvent::Count(count))), [2, 1, 0, 0]);
        // The other one keeps up.
        assert_eq!(next(&mut other).await, ServerEvent::Count(count - 1));
    }
    assert_eq!(next(&mut other).await, ServerEvent::Count(50));
    for number in 0..4 {
        assert_eq!(peer.line().await, told_line(number));
    }
    assert_eq!(peer.line().await, r#"{"event":"count","data":50}"#);
    socket.emit(told(4));
    assert_eq!(peer.line().await, told_line(4));
}

#[tokio::test(start_paused = true)]
async fn a_peer_that_reads_nothing_is_closed_after_a_while_and_nobody_waits_for_it() {
    let (service, mut ended) = service(Limits::default().queue(8).stall(STALL));
    let [mut other] = clients(&service).await;
    let (mut peer, _) = slow(&service).await;
    let started = tokio::time::Instant::now();
    for number in 0..100 {
        assert_eq!(
            counts(service.io().broadcast(told(number))),
            [2, 0, 0, 0],
            "more than the queue holds, while it may still read"
        );
        assert_eq!(next(&mut other).await, told(number));
    }
    assert!(started.elapsed() < STALL, "nobody waits");
    assert!(ended.try_recv().is_err(), "it has time");
    let disconnect = soon(ended.recv()).await.unwrap();
    assert_eq!(disconnect.code, CloseCode::TOO_SLOW);
    let elapsed = started.elapsed();
    assert!(elapsed >= STALL && elapsed < STALL + Duration::from_secs(1), "{elapsed:?}");
    assert_eq!(counts(service.io().broadcast(told(100))), [1, 0, 0, 0]);
    assert_eq!(next(&mut other).await, told(100));
    assert_eq!(peer.line().await, told_line(0), "it had begun");
    assert_eq!(peer.closed().await, 4429);
}

#[tokio::test(start_paused = true)]
async fn a_peer_that_reads_slowly_but_steadily_is_not_closed() {
    let (service, mut ended) = service(Limits::default().queue(8).stall(STALL));
    let (mut peer, socket) = slow(&service).await;
    fill(&socket, 50).await;
    for number in 0..50 {
        // Shortly before it would be given up.
        sleep(STALL - Duration::from_millis(100)).await;
        peer.write(&frame(TEXT, "{}")).await;
        assert_eq!(peer.line().await, told_line(number));
    }
    assert!(ended.try_recv().is_err());
}

#[tokio::test(start_paused = true)]
async fn a_peer_that_still_reads_has_more_room_but_not_without_end() {
    let limits = Limits::default().queue(8).queue_hard_bytes(2_000);
    let (service, mut ended) = service(limits);
    let (mut peer, socket) = slow(&service).await;
    let mut emitted = 0;
    while counts(socket.emit(told(emitted))) == [1, 0, 0, 0] {
        emitted += 1;
        tokio::task::yield_now().await;
        assert!(emitted < 100);
    }
    assert!(emitted > 8, "{emitted}");
    assert!(emitted * told_line(0).len() < 2_000 + 2 * PIPE + told_line(0).len());
    assert_eq!(counts(socket.emit(told(0))), [0, 0, 0, 1], "it stays closed");
    assert_eq!(soon(ended.recv()).await.unwrap().code, CloseCode::TOO_SLOW);
    assert_eq!(peer.closed().await, 4429);
}

#[tokio::test(start_paused = true)]
async fn send_waits_for_room_and_emit_does_not() {
    let (service, _ended) = service(Limits::default().queue(4));
    let (mut peer, socket) = slow(&service).await;
    fill(&socket, 4).await;
    let sending = tokio::spawn({
        let socket = socket.clone();
        async move { socket.send(told(4)).await }
    });
    sleep(Duration::from_secs(1)).await;
    assert!(!sending.is_finished());
    for number in 0..4 {
        assert_eq!(peer.line().await, told_line(number));
    }
    assert_eq!(counts(soon(sending).await.unwrap()), [1, 0, 0, 0]);
    assert_eq!(peer.line().await, told_line(4));
}

#[tokio::test(start_paused = true)]
async fn a_closed_socket_is_counted_as_closed() {
    let (service, mut ended) = service(Limits::default());
    let (peer, socket) = slow(&service).await;
    drop(peer);
    soon(ended.recv()).await.unwrap();
    assert_eq!(counts(socket.emit(told(0))), [0, 0, 0, 1]);
    assert_eq!(counts(service.io().broadcast(told(0))), [0; 4]);
}

#[tokio::test]
async fn a_tcp_peer_that_reads_nothing_is_closed_and_the_others_get_all() {
    let limits = Limits::default().stall(Duration::from_millis(300));
    let (service, mut ended) = service(limits.queue_hard_bytes(usize::MAX));
    let addr = listen(&service).await;
    let [mut other] = clients(&service).await;
    let mut peer = Bytes::greeted(addr).await;
    until(|| service.io().len() == 2).await;
    // More than the buffers of the kernel take.
    let text = |number: usize| format!("{number}{}", "x".repeat(64 * 1024));
    let mut emitted = 0;
    while ended.is_empty() {
        service.io().broadcast(ServerEvent::Told(text(emitted)));
        let expected = ServerEvent::Told(text(emitted));
        assert!(next(&mut other).await == expected, "{emitted}");
        emitted += 1;
        assert!(emitted < 10_000, "it is never closed");
    }
    assert_eq!(soon(ended.recv()).await.unwrap().code, CloseCode::TOO_SLOW);
    assert!(emitted > 16, "the queue was full: {emitted}");
    assert_eq!(peer.closed().await, 4429);
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn the_kernel_keeps_little_for_a_peer_that_reads_nothing() {
    let limits = Limits::default().queue_bytes(64 * 1024).queue_hard_bytes(64 * 1024);
    let (service, _ended) = service(limits);
    let addr = listen(&service).await;
    let socket = TcpSocket::new_v4().unwrap();
    socket.set_recv_buffer_size(64 * 1024).unwrap();
    let mut peer = Bytes::over(soon(socket.connect(addr)).await.unwrap());
    peer.write(&upgrade(&[("sec-websocket-protocol", SUBPROTOCOL)])).await;
    assert_eq!(peer.status().await, 101);
    until(|| service.io().len() == 1).await;
    // Nobody else writes: whoever runs no task does.
    let event = || ServerEvent::Told("x".repeat(16 * 1024));
    let emitted = (1..1000).take_while(|_| service.io().broadcast(event()).closed == 0).count();
    // 128 KiB on either side, and what waits in the queue.
    assert!(emitted * 16 < 512, "{emitted} times 16 KiB");
}

#[tokio::test(start_paused = true)]
async fn pongs_are_not_hoarded_for_a_peer_that_pings_and_does_not_read() {
    const PINGS: usize = 5_000;
    let (service, _ended) = service(Limits::default().queue(16).rate(0));
    let (mut peer, _socket) = slow(&service).await;
    for _ in 0..PINGS {
        peer.write(&frame(PING, "x".repeat(100))).await;
    }
    peer.write(&frame(TEXT, r#"{"event":"tell","id":1,"data":"end"}"#)).await;
    let mut pongs = 0;
    loop {
        match peer.frame().await.expect("it is open") {
            (PONG, _) => pongs += 1,
            (TEXT, text) if text == br#"{"reply":1}"# => break,
            _ => {}
        }
    }
    assert!((1..100).contains(&pongs), "{pongs}");
}

#[tokio::test]
async fn control_frames_go_between_frames_that_are_taken_in_parts() {
    const EVENTS: usize = 40;
    // To emit all of it takes a slow machine seconds in which nothing is read.
    let limits = Limits::default().queue_hard_bytes(usize::MAX).rate(0).stall(PATIENCE);
    let (service, _ended) = service(limits);
    let addr = listen(&service).await;
    let mut peer = Bytes::greeted(addr).await;
    until(|| service.io().len() == 1).await;
    // More than the buffers of the kernel take.
    let text = |number: usize| format!("{number}{}", "x".repeat(1024 * 1024));
    for number in 0..EVENTS {
        service.io().broadcast(ServerEvent::Told(text(number)));
    }
    let mut pongs = 0;
    for number in 0..EVENTS {
        peer.write(&frame(PING, number.to_string())).await;
        loop {
            match peer.frame().await.expect("it is open") {
                (PONG, _) => pongs += 1,
                (first, line) => {
                    let expected = format!(r#"{{"event":"told","data":"{}"}}"#, text(number));
                    assert!(first == TEXT && line == expected.as_bytes(), "{number}");
                    break;
                }
            }
        }
    }
    while pongs == 0 {
        peer.write(&frame(PING, "")).await;
        pongs += usize::from(peer.frame().await.expect("it is open").0 == PONG);
    }
}

#[tokio::test(start_paused = true)]
async fn the_reader_of_a_long_series_gets_its_pongs() {
    let service = Server::<Chat>::new()
        .limits(Limits::default().queue(4))
        .on(async |_: Tell, socket: Socket<Chat>| {
            for _ in 0..100 {
                socket.send(ServerEvent::Told("x".repeat(100))).await;
            }
        })
        .fallback(async |_: ClientEvent| {})
        .build();
    let (stream, theirs) = tokio::io::duplex(64);
    tokio::spawn(async move { service.upgraded(theirs, Handshake::default()).await });
    let mut peer = Bytes::over(stream);
    peer.line().await;
    peer.write(&frame(TEXT, r#"{"event":"tell","data":""}"#)).await;
    let (mut texts, mut pings, mut pongs) = (0, 0, 0);
    while texts < 100 {
        tokio::time::sleep(Duration::from_secs(1)).await;
        if texts % 10 == 0 {
            peer.write(&frame(PING, "alive?")).await;
            pings += 1;
        }
        match soon(peer.frame()).await.unwrap() {
            (PONG, _) => pongs += 1,
            (TEXT, _) => texts += 1,
            _ => {}
        }
    }
    assert!(pongs > 0 && pongs + 2 >= pings / 2, "{pongs} pongs for {pings} pings");
}

#[tokio::test(start_paused = true)]
async fn a_pong_does_not_wait_behind_what_has_not_begun_however_much_that_is() {
    let (service, _ended) = service(Limits::default().queue(4));
    let (mut peer, socket) = slow(&service).await;
    fill(&socket, 20).await;
    for number in 0..20 {
        peer.write(&frame(PING, number.to_string())).await;
        let (first, line) = peer.frame().await.expect("it is open");
        assert!(first == TEXT && line == told_line(number).as_bytes(), "it had begun");
        assert_eq!(peer.frame().await, Some((PONG, number.to_string().into_bytes())));
    }
}

#[tokio::test(start_paused = true)]
async fn what_was_seen_is_said_in_order_to_a_peer_that_reads_late() {
    let (service, _ended) = service(Limits::default().rate(0));
    let request = http::Request::builder().header("sec-websocket-protocol", SUBPROTOCOL);
    let handshake = Handshake::from(request.body(()).unwrap());
    let (mut peer, socket) = slow_with(&service, handshake).await;
    fill(&socket, 2).await;
    for _ in 0..3 * 64 {
        peer.write(&frame(TEXT, r#"{"event":"tell","data":"x"}"#)).await;
    }
    let mut lines = Vec::new();
    while lines.len() < 5 {
        let (_, line) = peer.any().await.expect("it is open");
        lines.push(String::from_utf8(line).unwrap());
    }
    let [seen @ .., last] = &lines[1..] else { panic!() };
    assert_eq!(seen, [64, 128, 192].map(|seen| format!(r#"{{"seen":{seen}}}"#)));
    assert_eq!([&lines[0], last], [&told_line(0), &told_line(1)]);
}

#[tokio::test(start_paused = true)]
async fn a_peer_that_has_read_is_not_given_up_for_time_that_its_server_lost() {
    let (service, mut ended) = service(Limits::default().queue(4).stall(STALL));
    let (mut peer, socket) = slow(&service).await;
    fill(&socket, 8).await;
    // Long enough for its clock to run.
    sleep(Duration::from_secs(1)).await;
    let mut read = peer.take(PIPE).await;
    // The server comes to nothing meanwhile.
    assert!(tokio::time::advance(2 * STALL).now_or_never().is_none());
    assert_eq!(counts(socket.emit(told(8))), [1, 0, 0, 0], "who else emits does not know");
    let all: usize = (0..9).map(|number| frame(TEXT, told_line(number)).len() - 4).sum();
    read.extend(peer.take(all - PIPE).await);
    assert_eq!(read.len(), all);
    assert!(ended.try_recv().is_err());
}
