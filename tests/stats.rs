//! What became of every event that was emitted: counted by event and reason, to the last one.

#[path = "stats/scene.rs"]
mod scene;

use futures_util::future::join_all;
use scene::{flash, guest, of, service, slow, sum, told};
use serde_json::json;
use socketkit::{
    CallError, Client, CloseCode, Delivery, Events, Limits, NoEvents, Protocol, Server, Socket,
    State,
};
use std::{sync::Arc, time::Duration};
use tests::{
    chat::{Chat, ClientEvent, ServerEvent, clients, listen, next, server_event, soon, until},
    raw::{Bytes, Plain},
};
use tokio::{
    sync::{Barrier, mpsc},
    time::sleep,
};

#[tokio::test(start_paused = true)]
async fn the_counters_say_what_the_calls_that_emitted_said() {
    let (service, _ended) = service(Limits::default().queue(8));
    let io = service.io();
    let [mut other] = clients(&service).await;
    let (mut peer, socket) = slow(&service, false).await;
    let mut all = [Delivery::default(); 3];
    let mut add = |index: usize, delivery: Delivery| {
        all[index].queued += delivery.queued;
        all[index].replaced += delivery.replaced;
        all[index].dropped += delivery.dropped;
        all[index].closed += delivery.closed;
    };
    for round in 0..10 {
        add(0, socket.emit(told(round)));
        tokio::task::yield_now().await;
        add(1, io.broadcast(ServerEvent::Count(round)));
        assert_eq!(next(&mut other).await, ServerEvent::Count(round));
        add(2, io.broadcast(flash()));
        assert_eq!(next(&mut other).await, flash());
    }
    socket.close();
    while peer.frame().await.is_some() {}
    until(|| io.len() == 1).await;
    add(0, socket.emit(told(10)));
    add(2, io.broadcast(flash()));
    for (delivery, name) in all.into_iter().zip(["told", "count", "flash"]) {
        let Delivery { queued, replaced, dropped, closed, .. } = delivery;
        let event = of(&io, name);
        assert_eq!(event.emitted, (queued + dropped + closed) as u64, "{name}");
        assert_eq!(event.replaced, replaced as u64, "{name}");
        assert_eq!(event.volatile, dropped as u64, "{name}");
        assert_eq!(event.closed, closed as u64, "{name}");
    }
    // It reads all that waits before the farewell.
    assert_eq!(sum(&io, "told"), (11, vec![("closed", 1)]));
    assert!(of(&io, "count").replaced > 0 && of(&io, "flash").volatile > 0);
    assert_eq!(sum(&io, "question"), (0, vec![]));
    let names: Vec<_> = io.stats().events.iter().map(|event| event.name).collect();
    assert_eq!(names, ["told", "question", "count", "flash"]);
}

#[tokio::test(start_paused = true)]
async fn who_is_given_up_loses_what_has_not_begun_to_go_out() {
    let limits = Limits::default().queue(4).stall(Duration::from_secs(5));
    let (service, mut ended) = service(limits);
    let (mut peer, socket) = slow(&service, false).await;
    for number in 0..10 {
        assert_eq!(socket.emit(told(number)).queued, 1);
        tokio::task::yield_now().await;
    }
    assert_eq!(soon(ended.recv()).await, Some(CloseCode::TOO_SLOW));
    assert_eq!(peer.closed().await, 4429);
    assert_eq!(socket.emit(told(10)).closed, 1);
    assert_eq!(sum(&service.io(), "told"), (11, vec![("closed", 1), ("too_slow", 9)]));
}

#[tokio::test(start_paused = true)]
async fn one_that_never_reads_again_loses_the_frame_that_had_begun_as_well() {
    let limits = Limits::default().queue(4).stall(Duration::from_secs(5));
    let (service, mut ended) = service(limits);
    let (peer, socket) = slow(&service, true).await;
    for number in 0..10 {
        assert_eq!(socket.emit(told(number)).queued, 1);
        tokio::task::yield_now().await;
    }
    assert_eq!(soon(ended.recv()).await, Some(CloseCode::TOO_SLOW));
    let io = service.io();
    // The farewell has its time, of which the clock shows no more while somebody is busy.
    while of(&io, "told").too_slow < 10 {
        soon(sleep(Duration::from_millis(100))).await;
        assert!(of(&io, "told").undelivered() <= 10);
    }
    assert_eq!(sum(&io, "told"), (10, vec![("too_slow", 10)]));
    drop(peer);
}

#[tokio::test(start_paused = true)]
async fn beyond_all_bounds_the_event_that_was_too_much_counts_as_closed() {
    let limits = Limits::default().queue(4).queue_hard_bytes(2_000);
    let (service, mut ended) = service(limits);
    let (mut peer, socket) = slow(&service, false).await;
    let mut queued = 0;
    while socket.emit(told(0)).queued == 1 {
        queued += 1;
        tokio::task::yield_now().await;
    }
    assert_eq!(peer.closed().await, 4429);
    assert_eq!(soon(ended.recv()).await, Some(CloseCode::TOO_SLOW));
    let reasons = vec![("closed", 1), ("too_slow", queued - 1)];
    assert_eq!(sum(&service.io(), "told"), (queued + 1, reasons));
}

#[tokio::test]
async fn who_does_not_come_back_leaves_what_was_not_seen_and_what_waited() {
    let limits = Limits::default().resume(Duration::from_millis(200));
    let (service, mut ended) = service(limits);
    let (addr, io) = (listen(&service).await, service.io());
    let (mut peer, token) = guest(addr).await;
    until(|| io.len() == 1).await;
    io.broadcast(told(0));
    peer.line().await;
    drop(peer);
    until(|| io.connected() == 0).await;
    for event in [told(1), flash(), ServerEvent::Count(1), told(2), ServerEvent::Count(2)] {
        io.broadcast(event);
    }
    assert_eq!(soon(ended.recv()).await, Some(CloseCode::LOST));
    assert_eq!(sum(&io, "told"), (3, vec![("ended", 2), ("unconfirmed", 1)]));
    assert_eq!(sum(&io, "flash"), (1, vec![("volatile", 1)]));
    assert_eq!(sum(&io, "count"), (2, vec![("replaced", 1), ("ended", 1)]));
    let mut peer = Plain::resuming(addr, &token, 1, 1).await;
    assert_eq!(peer.next().await["hello"]["gap"], "unknown");
    let stats = io.stats();
    assert_eq!((stats.sessions, stats.suspended, stats.resumed), (2, 1, 0));
    assert_eq!((stats.expired, stats.gaps, stats.forgotten), (1, 1, 0));
}

#[tokio::test]
async fn who_comes_back_and_has_seen_all_leaves_nothing() {
    let (service, mut ended) = service(Limits::default());
    let (addr, io) = (listen(&service).await, service.io());
    let (mut peer, token) = guest(addr).await;
    until(|| io.len() == 1).await;
    io.broadcast(told(0));
    peer.line().await;
    drop(peer);
    until(|| io.connected() == 0).await;
    io.broadcast(told(1));
    io.broadcast(flash());
    let mut peer = Plain::resuming(addr, &token, 0, 1).await;
    assert_eq!(peer.next().await["hello"]["replay"], json!(2));
    let two = [peer.next().await, peer.next().await];
    assert!(two.iter().all(|line| line["event"] == "told"));
    io.broadcast(told(2));
    peer.line().await;
    peer.send(r#"{"seen":2}"#).await;
    peer.leave(1000).await;
    assert_eq!(soon(ended.recv()).await, Some(CloseCode::DONE));
    until(|| of(&io, "told").unconfirmed > 0).await;
    assert_eq!(sum(&io, "told"), (3, vec![("unconfirmed", 1)]), "the third was not reported");
    assert_eq!(sum(&io, "flash"), (1, vec![("volatile", 1)]));
    let stats = io.stats();
    assert_eq!((stats.sessions, stats.suspended, stats.resumed), (1, 1, 1));
    assert_eq!((stats.expired, stats.gaps), (0, 0));
}

#[tokio::test]
async fn a_client_says_what_it_has_seen_before_it_leaves() {
    let (service, mut ended) = service(Limits::default());
    let (addr, io) = (listen(&service).await, service.io());
    let mut client = Client::<Chat>::connect(&format!("ws://{addr}/ws")).await.unwrap();
    until(|| io.len() == 1).await;
    for number in 0..3 {
        io.broadcast(told(number));
        assert_eq!(next(&mut client).await, told(number));
    }
    soon(client.close()).await;
    assert_eq!(soon(ended.recv()).await, Some(CloseCode::DONE));
    assert_eq!(sum(&io, "told"), (3, vec![]));
}

#[tokio::test(start_paused = true)]
async fn a_volatile_that_waits_is_dropped_with_its_connection() {
    let (service, mut ended) = service(Limits::default().resume(Duration::from_secs(1)));
    let io = service.io();
    let (peer, socket) = slow(&service, true).await;
    assert_eq!(socket.emit(told(0)).queued, 1);
    tokio::task::yield_now().await;
    assert_eq!(socket.emit(flash()).queued, 1, "far from a quarter");
    drop(peer);
    until(|| io.connected() == 0).await;
    assert_eq!(sum(&io, "flash"), (1, vec![("volatile", 1)]));
    assert_eq!(sum(&io, "told"), (1, vec![]), "it had begun, and waits to go out as a whole");
    assert_eq!(soon(ended.recv()).await, Some(CloseCode::LOST));
    assert_eq!(sum(&io, "told"), (1, vec![("ended", 1)]));
}

#[tokio::test]
async fn what_the_window_had_no_room_for_is_known_by_number() {
    let (service, mut ended) = service(Limits::default().window(4));
    let (addr, io) = (listen(&service).await, service.io());
    let (mut peer, token) = guest(addr).await;
    until(|| io.len() == 1).await;
    io.broadcast(told(0));
    peer.line().await;
    peer.send(r#"{"seen":1}"#).await;
    // Answered when that was read.
    peer.send(r#"{"event":"tell","id":1,"data":""}"#).await;
    peer.line().await;
    for number in 1..=10 {
        io.broadcast(told(number));
        peer.line().await;
    }
    drop(peer);
    until(|| io.connected() == 0).await;
    let mut peer = Plain::resuming(addr, &token, 2, 1).await;
    assert_eq!(peer.next().await["hello"]["gap"], "overflow");
    assert_eq!(soon(ended.recv()).await, Some(CloseCode::LOST));
    assert_eq!(sum(&io, "told"), (11, vec![("unconfirmed", 4)]));
    let stats = io.stats();
    assert_eq!((stats.forgotten, stats.gaps), (7, 1), "six of them, and the reply");
}

#[tokio::test]
async fn what_was_written_counts_as_delivered_to_a_peer_that_cannot_say_what_it_has_seen() {
    let (service, mut ended) = service(Limits::default().window(4));
    let (addr, io) = (listen(&service).await, service.io());
    for (ours, unknown) in [(false, 0), (true, 5)] {
        let mut peer = Plain::open(addr, ours).await;
        peer.line().await;
        until(|| io.len() == 1).await;
        for number in 0..5 {
            io.broadcast(told(number));
            peer.line().await;
        }
        peer.leave(1000).await;
        assert_eq!(soon(ended.recv()).await, Some(CloseCode::DONE));
        until(|| io.is_empty()).await;
        assert_eq!(of(&io, "told").undelivered() + io.stats().forgotten, unknown, "{ours}");
    }
}

#[tokio::test]
async fn calls_count_as_well() {
    let (service, mut ended) = service(Limits::default());
    let (addr, io) = (listen(&service).await, service.io());
    let (peer, _) = guest(addr).await;
    until(|| io.len() == 1).await;
    let socket = io.sockets().remove(0);
    drop(peer);
    until(|| io.connected() == 0).await;
    let ask = || server_event::Question { text: "who?".into() };
    let call = socket.call(ask()).timeout(Duration::from_millis(50));
    assert!(matches!(soon(call).await, Err(CallError::Timeout)));
    assert_eq!(sum(&io, "question"), (1, vec![("withdrawn", 1)]));
    socket.close();
    assert_eq!(soon(ended.recv()).await, Some(CloseCode::DONE));
    assert!(matches!(soon(socket.call(ask())).await, Err(CallError::Closed)));
    assert_eq!(sum(&io, "question"), (2, vec![("closed", 1), ("withdrawn", 1)]));
}

#[tokio::test]
async fn what_is_told_while_a_server_stops_counts_as_closed() {
    let (sender, mut deliveries) = mpsc::unbounded_channel();
    let service = Server::<Chat>::new()
        .state(sender)
        .on_disconnect(
            async |socket: Socket<Chat>, told: State<mpsc::UnboundedSender<Delivery>>| {
                let _ = told.send(socket.broadcast(flash()));
            },
        )
        .fallback(async |_: ClientEvent| {})
        .build();
    let _clients = clients::<3>(&service).await;
    soon(service.shutdown()).await;
    let mut closed = 0;
    for _ in 0..3 {
        let delivery = soon(deliveries.recv()).await.unwrap();
        assert_eq!(delivery.queued + delivery.dropped, 0);
        closed += delivery.closed as u64;
    }
    let expected = if closed == 0 { vec![] } else { vec![("closed", closed)] };
    assert_eq!(sum(&service.io(), "flash"), (closed, expected));
}

/// An event that may not be long.
#[derive(Debug, Events)]
pub enum Short {
    /// It.
    #[event(max = 8)]
    Word(String),
}

/// A server that sends words.
#[derive(Debug, Protocol)]
#[protocol(client = NoEvents, server = Short)]
pub struct Words;

#[tokio::test]
async fn what_was_not_emitted_is_counted_apart() {
    let service = Server::<Words>::new().build();
    let _client = service.local().await;
    until(|| service.io().len() == 1).await;
    assert_eq!(service.io().broadcast(Short::Word("far too long".into())), Delivery::default());
    assert_eq!(service.io().broadcast(Short::Word("fits".into())).queued, 1);
    let stats = service.io().stats();
    let word = stats.event("word").unwrap();
    assert_eq!((word.failed, word.emitted, word.undelivered()), (1, 1, 0));
    assert!(stats.event("nonsense").is_none());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_what_nobody_has_seen_nothing_is_left_uncounted() {
    const PEERS: usize = 12;
    const EVENTS: usize = 400;
    // Nobody says what it has seen, and the window forgets nothing: in the end each event has a reason.
    let limits = Limits::default()
        .queue(16)
        .queue_hard_bytes(64 * 1024)
        .stall(Duration::from_millis(20))
        .resume(Duration::from_millis(20))
        .window(1_000_000)
        .window_bytes(1_000_000_000);
    let (service, _ended) = service(limits);
    let (addr, io) = (listen(&service).await, service.io());
    let all_are_there = Arc::new(Barrier::new(PEERS + 1));
    let there = all_are_there.clone();
    let peers = (0..PEERS).map(move |number| (number, there.clone()));
    let peers = peers.map(move |(number, there)| async move {
        let mut peer = Bytes::greeted(addr).await;
        there.wait().await;
        // Some read nothing, some a little, and each is lost in its own way.
        for _ in 0..number * 20 {
            if peer.frame().await.is_none() {
                return;
            }
        }
        match number % 3 {
            0 => peer.reset(),
            1 => drop(peer),
            _ => {
                sleep(Duration::from_millis(100)).await;
                peer.half_close().await;
            }
        }
    });
    let peers = tokio::spawn(async move { join_all(peers.map(tokio::spawn)).await });
    soon(all_are_there.wait()).await;
    let emitters = (0..4).map(|emitter| {
        let io = io.clone();
        std::thread::spawn(move || {
            let mut sums = [[0; 4]; 3];
            for number in 0..EVENTS {
                let (kind, event) = match (number + emitter) % 3 {
                    0 => (0, ServerEvent::Told("x".repeat(2_000))),
                    1 => (1, ServerEvent::Count(number)),
                    _ => (2, flash()),
                };
                let Delivery { queued, replaced, dropped, closed, .. } = io.broadcast(event);
                for (sum, more) in sums[kind].iter_mut().zip([queued, replaced, dropped, closed]) {
                    *sum += more as u64;
                }
            }
            sums
        })
    });
    let emitters: Vec<_> = emitters.collect();
    let sums: Vec<_> = emitters.into_iter().map(|emitter| emitter.join().unwrap()).collect();
    soon(peers).await.unwrap();
    until(|| io.is_empty()).await;
    let all_told = || io.stats().events.iter().all(|event| event.emitted == event.undelivered());
    let told = tokio::time::timeout(Duration::from_secs(20), async {
        while !all_told() {
            tokio::task::yield_now().await;
        }
    });
    assert!(told.await.is_ok(), "{:#?}", io.stats());
    for (kind, name) in ["told", "count", "flash"].into_iter().enumerate() {
        let sum = |which: usize| sums.iter().map(|sums| sums[kind][which]).sum::<u64>();
        let event = of(&io, name);
        assert_eq!(event.emitted, sum(0) + sum(2) + sum(3), "{name}");
        assert_eq!((event.replaced, event.closed), (sum(1), sum(3)), "{name}");
        assert!(event.volatile >= sum(2), "{name}");
    }
    assert_eq!(io.stats().forgotten, 0);
}
