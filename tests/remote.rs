//! A Rust client in the hard moments: given up, full, too large, without its runtime.

use socketkit::{
    CallError, Client, Events, Limits, Protocol, Reject, Remote, Server, Socket, State, Status,
    test::{Kit, Node},
};
use std::time::Duration;
use tests::{
    chat::{
        Chat, ClientEvent, ServerEvent,
        client_event::*,
        clients, listen, next,
        server_event::{Question, Told},
        soon, until,
    },
    stage::Stage,
};
use tokio::sync::{mpsc, oneshot};

const AT_ONCE: (Duration, Duration) = (Duration::from_millis(1), Duration::from_millis(1));

/// A server that does what it is told, and its URL.
async fn stage() -> (Stage, String) {
    let stage = Stage::open([] as [(&str, &str); 0]).await;
    let url = stage.url("/ws").replace("http", "ws");
    (stage, url)
}

/// A client of the stage that was connected and is not any more, and what it is told then.
async fn down(
    stage: &mut Stage,
    url: String,
    limits: Limits,
) -> (Client<Chat>, tests::stage::Knock) {
    let connecting = tokio::spawn(Client::<Chat>::builder(url).limits(limits).connect());
    drop(stage.greet().await);
    let client = soon(connecting).await.unwrap().unwrap();
    (client, stage.knock().await)
}

#[tokio::test]
async fn a_client_that_is_given_up_before_the_hello_closes() {
    let (mut stage, url) = stage().await;
    let (give_up, given_up) = oneshot::channel::<()>();
    let connecting = tokio::spawn(async move {
        tokio::select! {
            _ = Client::<Chat>::connect(url) => panic!("nobody said hello"),
            _ = given_up => {}
        }
    });
    let mut peer = stage.accept().await;
    give_up.send(()).unwrap();
    soon(connecting).await.unwrap();
    let (code, _) = soon(peer.closed()).await.unwrap_or((1000, String::new()));
    assert_eq!(code, 1000, "or without a farewell, if the handshake was not over");
}

#[tokio::test]
async fn close_ends_a_client_that_waits_for_a_hello() {
    let (mut stage, url) = stage().await;
    let (client, knock) = down(&mut stage, url, Limits::default().backoff(AT_ONCE)).await;
    let mut peer = knock.accept().await;
    let remote = client.remote().clone();
    let closing = tokio::spawn(async move { remote.close().await });
    let (code, _) = soon(peer.closed()).await.unwrap_or((1000, String::new()));
    assert_eq!(code, 1000, "or without a farewell, if the handshake was not over");
    soon(closing).await.unwrap();
    assert!(matches!(&*client.status().borrow(), Status::Closed { .. }));
}

#[tokio::test(start_paused = true)]
async fn pauses_grow_though_every_connection_was_open_for_a_moment() {
    let (sender, mut opened) = mpsc::unbounded_channel();
    let service = Server::<Chat>::new()
        .state(sender)
        .on_connect(async |opened: State<mpsc::UnboundedSender<()>>| {
            let _ = opened.send(());
            Err::<(), _>(Reject::new("busy", "come back later"))
        })
        .fallback(async |_: ClientEvent| {})
        .build();
    let kit = Kit::new(service);
    let before = tokio::time::Instant::now();
    let backoff = (Duration::from_secs(1), Duration::from_secs(64));
    let limits = Limits::default().backoff(backoff);
    let _client = kit.connect_with(Node::FIRST, |client| client.limits(limits)).await.unwrap();
    for _ in 0..12 {
        opened.recv().await.unwrap();
    }
    // Twelve pauses of up to a second make less; doubled, their mean is three minutes.
    assert!(before.elapsed() > Duration::from_secs(15), "{:?}", before.elapsed());
}

#[tokio::test]
async fn calls_that_nobody_waits_for_take_no_room_while_disconnected() {
    let (mut stage, url) = stage().await;
    let limits = Limits::default().backoff(AT_ONCE).unsent(4);
    let (client, _knock) = down(&mut stage, url, limits).await;
    for _ in 0..4 {
        let call = client.call(Ask { text: "x".into() }).timeout(Duration::ZERO);
        assert!(matches!(soon(call).await, Err(CallError::Timeout)));
    }
    assert_eq!(client.emit(Tell("important".into())).queued, 1);
}

#[tokio::test]
async fn what_was_queued_while_disconnected_arrives() {
    let (mut stage, url) = stage().await;
    let (client, knock) = down(&mut stage, url, Limits::default().backoff(AT_ONCE)).await;
    let queued: usize = (0..250).map(|_| client.emit(Tell("x".repeat(60_000))).queued).sum();
    assert!((10..250).contains(&queued), "{queued}: as many as there is room for");
    let mut peer = knock.accept().await;
    peer.hello(25_000).await;
    for _ in 0..queued {
        assert!(peer.frame().await.starts_with(r#"{"event":"tell","data":"xxx"#));
    }
}

#[derive(Debug, Events)]
enum Place {
    #[event(latest)]
    At(String),
    Note(String),
}

#[derive(Protocol)]
#[protocol(client = Place)]
struct Map;

#[tokio::test]
async fn a_latest_event_that_finds_no_room_leaves_the_one_before() {
    let (mut stage, url) = stage().await;
    let limits = Limits::default().queue_bytes(300).backoff(AT_ONCE);
    let connecting = tokio::spawn(Client::<Map>::builder(url).limits(limits).connect());
    drop(stage.greet().await);
    let client = soon(connecting).await.unwrap().unwrap();
    let knock = stage.knock().await;
    assert_eq!(client.emit(Place::Note("x".repeat(150))).queued, 1);
    assert_eq!(client.emit(Place::At("here".into())).queued, 1);
    assert_eq!(client.emit(Place::At("y".repeat(150))).dropped, 1);
    assert_eq!(client.emit(Place::At("there".into())).replaced, 1);
    let mut peer = knock.accept().await;
    peer.hello(25_000).await;
    assert!(peer.frame().await.starts_with(r#"{"event":"note""#));
    assert_eq!(peer.frame().await, r#"{"event":"at","data":"there"}"#);
}

#[tokio::test(start_paused = true)]
async fn what_was_received_is_not_lost_with_its_connection_however_late_it_is_read() {
    let service = Server::<Chat>::new()
        .on_connect(async |socket: Socket<Chat>| {
            for number in 0..20 {
                socket.emit(ServerEvent::Told(number.to_string()));
            }
        })
        .fallback(async |_: ClientEvent| {})
        .build();
    let kit = Kit::new(service);
    let limits = Limits::default().received(1);
    let client = kit.connect_with(Node::FIRST, |client| client.limits(limits)).await;
    let mut client = client.unwrap();
    assert_eq!(client.expect::<Told>().await.0, "0");
    kit.service(Node::FIRST).shutdown().await;
    kit.advance(Duration::from_secs(3600)).await;
    for number in 1..20 {
        assert_eq!(client.expect::<Told>().await.0, number.to_string());
    }
}

#[tokio::test(start_paused = true)]
async fn a_server_that_is_slow_twice_has_one_time_for_the_handshake() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("ws://{}/ws", listener.local_addr().unwrap());
    tokio::spawn(async move {
        let (stream, _) = listener.accept().await.unwrap();
        tokio::time::sleep(Duration::from_millis(4_900)).await;
        let _mute = tokio_tungstenite::accept_async(stream).await.unwrap();
        std::future::pending::<()>().await;
    });
    let before = tokio::time::Instant::now();
    Client::<Chat>::connect(url).await.unwrap_err();
    assert!(before.elapsed() < Duration::from_secs(6), "{:?}", before.elapsed());
}

#[tokio::test]
async fn what_the_server_would_not_read_is_not_sent() {
    let service = Server::<Chat>::new()
        .limits(Limits::default().frame(1_000))
        .on(async |ask: Ask| ask.text)
        .fallback(async |_: ClientEvent| {})
        .build();
    let [client] = clients(&service).await;
    match soon(client.call(Ask { text: "x".repeat(2_000) })).await {
        Err(CallError::Rejected { code, message }) => {
            assert_eq!((&*code, &*message), ("too_large", "a frame of over 1000 bytes"));
        }
        other => panic!("{other:?}"),
    }
    assert_eq!(client.emit(Tell("x".repeat(2_000))).dropped, 1);
    assert_eq!(soon(client.call(Ask { text: "x".into() })).await.unwrap(), "x");
}

#[tokio::test]
async fn the_heartbeat_of_the_server_counts_from_its_hello() {
    let (mut stage, url) = stage().await;
    let connecting = tokio::spawn(Client::<Chat>::builder(url).connect());
    let mut peer = stage.accept().await;
    peer.hello(50).await;
    let client = soon(connecting).await.unwrap().unwrap();
    let mut status = client.status();
    // Within 20 s; by its own interval it would take 50.
    soon(status.wait_for(|status| !status.is_connected())).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn close_waits_for_no_reader_and_for_no_handler() {
    let kit = Kit::new(Server::<Chat>::new().fallback(async |_: ClientEvent| {}).build());
    let (sender, mut closed) = mpsc::unbounded_channel();
    let client = kit.connect_with(Node::FIRST, |client| {
        client.limits(Limits::default().received(1)).on(
            async move |_: Question, remote: Remote<Chat>| {
                remote.close().await;
                let _ = sender.send(());
                String::new()
            },
        )
    });
    let mut client = client.await.unwrap();
    let before = tokio::time::Instant::now();
    kit.io().broadcast(Question { text: String::new() });
    closed.recv().await.unwrap();
    assert!(before.elapsed().is_zero(), "a handler that closes: {:?}", before.elapsed());

    let limits = Limits::default().received(1);
    let unread = kit.connect_with(Node::FIRST, |client| client.limits(limits)).await;
    let mut unread = unread.unwrap();
    for number in 0..100 {
        kit.io().broadcast(ServerEvent::Told(number.to_string()));
    }
    assert_eq!(unread.expect::<Told>().await.0, "0");
    unread.close().await;
    assert!(before.elapsed().is_zero(), "unread events: {:?}", before.elapsed());
    assert_eq!(unread.expect::<Told>().await.0, "1", "what came can be read");
    assert_eq!(client.recv().await, None);
}

#[tokio::test]
async fn what_came_over_the_last_connection_comes_before_what_the_next_brings() {
    let count = std::sync::atomic::AtomicUsize::new(0);
    let service = Server::<Chat>::new()
        .state(count)
        .on_connect(async |socket: Socket<Chat>, count: State<std::sync::atomic::AtomicUsize>| {
            let connection = count.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
            for number in 0..50 {
                socket.emit(ServerEvent::Told(format!("{connection} {number}")));
            }
            if connection == 0 {
                socket.close_with(socketkit::CloseCode::RESTART, "");
            }
        })
        .fallback(async |_: ClientEvent| {})
        .build();
    let url = format!("ws://{}/ws", listen(&service).await);
    let limits = Limits::default().backoff(AT_ONCE).received(1);
    let mut client = soon(Client::<Chat>::builder(url).limits(limits).connect()).await.unwrap();
    let mut status = client.status();
    // It is connected again before anything is read, and can be used.
    soon(status.wait_for(|status| !status.is_connected())).await.unwrap();
    soon(status.wait_for(Status::is_connected)).await.unwrap();
    for connection in 0..2 {
        for number in 0..50 {
            let expected = ServerEvent::Told(format!("{connection} {number}"));
            assert_eq!(next(&mut client).await, expected);
        }
    }
}

#[tokio::test]
async fn a_handler_may_call_over_the_next_connection() {
    let service = Server::<Chat>::new()
        .on(async |ask: Ask| ask.text)
        .fallback(async |_: ClientEvent| {})
        .build();
    let url = format!("ws://{}/ws", listen(&service).await);
    let (sender, mut answered) = mpsc::unbounded_channel();
    let (lost, is_lost) = oneshot::channel::<()>();
    let is_lost = std::sync::Mutex::new(Some(is_lost));
    let is_lost = std::sync::Arc::new(is_lost);
    let client = Client::<Chat>::builder(url).limits(Limits::default().backoff(AT_ONCE)).on(
        async move |_: Told, remote: Remote<Chat>| {
            let is_lost = is_lost.lock().unwrap().take().unwrap();
            let _ = is_lost.await;
            let _ = sender.send(remote.call(Ask { text: "again".into() }).await);
        },
    );
    let client = soon(client.connect()).await.unwrap();
    let mut status = client.status();
    until(|| service.io().len() == 1).await;
    service.io().broadcast(ServerEvent::Told("go".into()));
    service.io().all().close_with(socketkit::CloseCode::RESTART, "");
    soon(status.wait_for(|status| !status.is_connected())).await.unwrap();
    lost.send(()).unwrap();
    assert_eq!(soon(answered.recv()).await.unwrap().unwrap(), "again");
}

#[test]
fn a_client_whose_runtime_has_ended_is_closed() {
    let runtime = || tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let service = Server::<Chat>::new().fallback(async |_: ClientEvent| {}).build();
    let first = runtime();
    let client = first.block_on(async { soon(service.local()).await });
    drop(first);
    runtime().block_on(async {
        assert!(matches!(&*client.status().borrow(), Status::Closed { .. }));
        soon(client.close()).await;
        let call = client.call(Ask { text: "x".into() }).timeout(Duration::from_millis(1));
        assert!(matches!(soon(call).await, Err(CallError::Closed)));
    });
}
