//! What is sent while a socket opens, closes, or has no room.

use socketkit::{CloseCode, Io, Limits, Reject, Server, Socket};
use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};
use tests::{
    chat::{Chat, ClientEvent, ServerEvent, client_event::*, clients, listen, next, soon, until},
    raw::{Bytes, CLOSE, TEXT, code, frame},
};
use tokio::sync::Notify;

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn many_who_send_to_one_socket_all_get_their_turn() {
    const EACH: usize = 2_000;
    let limits = Limits::default().queue(1);
    let service = Server::<Chat>::new().limits(limits).fallback(async |_: ClientEvent| {}).build();
    let url = format!("ws://{}/ws", listen(&service).await);
    let mut client = soon(socketkit::Client::<Chat>::connect(url)).await.unwrap();
    until(|| service.io().len() == 1).await;
    let socket = service.io().sockets().remove(0);
    for _ in 0..16 {
        let socket = socket.clone();
        tokio::spawn(async move {
            for _ in 0..EACH {
                socket.send(ServerEvent::Told("x".into())).await;
            }
        });
    }
    for _ in 0..16 * EACH {
        next(&mut client).await;
    }
    // And those who wait when it closes are told.
    let sending = {
        let socket = socket.clone();
        tokio::spawn(async move {
            while socket.send(ServerEvent::Told("x".repeat(10_000))).await.closed == 0 {}
        })
    };
    next(&mut client).await;
    socket.close();
    soon(sending).await.unwrap();
}

#[tokio::test]
async fn of_what_is_held_volatile_is_dropped_and_latest_replaced() {
    let service = Server::<Chat>::new()
        .limits(Limits::default().queue(8).queue_bytes(8_000).queue_hard_bytes(64_000))
        .on_connect(async |io: Io<Chat>| {
            let mut dropped = 0;
            for number in 0..100 {
                dropped += io.broadcast(ServerEvent::Flash("x".repeat(1_000))).dropped;
                io.broadcast(ServerEvent::Count(number));
            }
            assert!(dropped > 90, "{dropped}");
        })
        .fallback(async |_: ClientEvent| {})
        .build();
    let mut client = soon(service.local()).await;
    let mut last = None;
    while last != Some(99) {
        if let ServerEvent::Count(number) = next(&mut client).await {
            last = Some(number);
        }
    }
    assert_eq!(service.io().len(), 1);
}

#[tokio::test]
async fn who_is_refused_by_on_connect_hears_nothing() {
    let gate = Arc::new(Notify::new());
    let decide = gate.clone();
    let service = Server::<Chat>::new()
        .on_connect(async move || -> Result<(), Reject> {
            decide.notified().await;
            Err(Reject::new("unauthorized", "who are you?"))
        })
        .fallback(async |_: ClientEvent| {})
        .build();
    let mut peer = Bytes::greeted(listen(&service).await).await;
    until(|| service.io().len() == 1).await;
    assert_eq!(service.io().broadcast(ServerEvent::Told("for members only".into())).queued, 1);
    gate.notify_one();
    let (first, payload) = soon(peer.frame()).await.unwrap();
    assert_eq!((first, code(&payload)), (CLOSE, 4401));
}

#[tokio::test(start_paused = true)]
async fn the_end_of_a_socket_waits_for_nothing_that_is_held() {
    let service = Server::<Chat>::new()
        .limits(Limits::default().queue_bytes(1_000).queue_hard_bytes(4_000))
        .on_connect(async |io: Io<Chat>| {
            for number in 0..300 {
                io.broadcast(ServerEvent::Told(format!("live {number}")));
            }
        })
        .fallback(async |_: ClientEvent| {})
        .build();
    let before = tokio::time::Instant::now();
    let client = soon(service.local()).await;
    let mut status = client.status();
    soon(status.wait_for(|status| !status.is_connected())).await.unwrap();
    until(|| service.io().is_empty()).await;
    assert!(before.elapsed().is_zero(), "{:?}", before.elapsed());
}

#[tokio::test]
async fn what_was_emitted_before_any_close_is_delivered() {
    let count = Arc::new(AtomicUsize::new(0));
    let codes = [CloseCode::DONE, CloseCode::TOO_SLOW, CloseCode(3_999)];
    let service = Server::<Chat>::new()
        .on(async move |_: Tell, socket: Socket<Chat>| {
            socket.emit(ServerEvent::Told("bye".into()));
            socket.close_with(codes[count.fetch_add(1, Ordering::Relaxed)], "");
        })
        .fallback(async |_: ClientEvent| {})
        .build();
    let addr = listen(&service).await;
    for code in codes {
        let mut peer = Bytes::greeted(addr).await;
        peer.write(&frame(TEXT, r#"{"event":"tell","data":""}"#)).await;
        assert_eq!(peer.line().await, r#"{"event":"told","data":"bye"}"#, "{code}");
        assert_eq!(peer.closed().await, code.0);
    }
    let [_client] = clients(&service).await;
}
