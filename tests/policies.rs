//! What the contract allows of an event: how long its payload may be and how often it may come, held to
//! by whoever receives it.

use socketkit::{
    CallError, Client, EventRate, Events, Handshake, Limits, Protocol, Server, Service, State,
};
use std::time::Duration;
use tests::{
    chat::{listen, soon, until},
    raw::{Bytes, TEXT, frame},
    stage::Stage,
};
use tokio::{
    io::DuplexStream,
    sync::{Semaphore, mpsc},
    time::sleep,
};

#[derive(Debug, Clone, Events)]
#[events(derive(Debug, Clone))]
enum ClientEvent {
    /// Answered with the length of its text.
    #[event(max = 16, reply = usize)]
    Post(String),
    #[event(max = "4KiB")]
    Draft(Option<String>),
    #[event(rate = "5/s", burst = 2, reply = usize)]
    Poke(usize),
    #[event(rate = "1/min")]
    Ring,
    #[event(max = "16B", rate = "3600/h", burst = 1)]
    Shout(String),
}

#[derive(Debug, Clone, PartialEq, Events)]
#[events(derive(Debug, Clone))]
enum ServerEvent {
    #[event(max = 16)]
    Report(String),
    #[event(rate = "2/s", burst = 1)]
    Tick(usize),
    #[event(max = 16, reply = usize)]
    Question(String),
}

#[derive(Debug, Protocol)]
#[protocol(client = ClientEvent, server = ServerEvent)]
struct Board;

/// A server that says what it handles, `fallback` included.
fn server() -> (Service<Board>, mpsc::UnboundedReceiver<ClientEvent>) {
    type Seen = State<mpsc::UnboundedSender<ClientEvent>>;
    let (sender, seen) = mpsc::unbounded_channel();
    let service = Server::<Board>::new()
        .state(sender)
        .on(async |client_event::Post(text): client_event::Post, seen: Seen| {
            let _ = seen.send(ClientEvent::Post(text.clone()));
            text.len()
        })
        .on(async |client_event::Poke(number): client_event::Poke, seen: Seen| {
            let _ = seen.send(ClientEvent::Poke(number));
            number
        })
        .fallback(async |event: ClientEvent, seen: Seen| {
            let _ = seen.send(event);
        })
        .build();
    (service, seen)
}

/// A peer over a pipe, for a clock that a test sets, after its `hello`.
async fn peer(service: &Service<Board>) -> Bytes<DuplexStream> {
    let (stream, theirs) = tokio::io::duplex(64 * 1024);
    let service = service.clone();
    tokio::spawn(async move { service.upgraded(theirs, Handshake::default()).await });
    let mut peer = Bytes::over(stream);
    assert!(peer.line().await.starts_with(r#"{"hello":"#));
    peer
}

/// Sends frames and gives the answer to each.
async fn ask<S>(peer: &mut Bytes<S>, text: impl AsRef<str>) -> String
where
    S: tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin,
{
    peer.write(&frame(TEXT, text.as_ref())).await;
    peer.line().await
}

const TOO_LARGE: &str = r#"{"code":"too_large","message":"the data of `post` is over 16 bytes""#;

fn too_large(id: u32) -> String {
    format!(r#"{{"reply":{id},"error":{TOO_LARGE}}}}}"#)
}

#[tokio::test]
async fn a_payload_of_exactly_the_limit_passes_and_a_byte_more_is_refused() {
    let (service, mut seen) = server();
    let mut peer = peer(&service).await;
    let fits = format!(r#"{{"event":"post","id":1,"data":"{}"}}"#, "x".repeat(14));
    assert_eq!(ask(&mut peer, &fits).await, r#"{"reply":1,"data":14}"#);
    let longer = format!(r#"{{"event":"post","id":2,"data":"{}"}}"#, "x".repeat(15));
    assert_eq!(ask(&mut peer, &longer).await, too_large(2));
    let told = longer.replace(r#","id":2"#, "");
    let answer = ask(&mut peer, &told).await;
    assert_eq!(answer, format!(r#"{{"error":{TOO_LARGE},"event":"post"}}}}"#));
    let four =
        |length: usize| format!(r#"{{"event":"draft","id":3,"data":"{}"}}"#, "x".repeat(length));
    assert_eq!(ask(&mut peer, four(4_094)).await, r#"{"reply":3}"#);
    let answer = ask(&mut peer, four(4_095)).await;
    assert!(answer.contains("the data of `draft` is over 4096 bytes"), "{answer}");
    assert_eq!(ask(&mut peer, r#"{"event":"draft","id":4}"#).await, r#"{"reply":4}"#);
    assert!(matches!(seen.recv().await, Some(ClientEvent::Post(text)) if text.len() == 14));
    assert!(matches!(seen.recv().await, Some(ClientEvent::Draft(Some(_)))));
    assert!(matches!(seen.recv().await, Some(ClientEvent::Draft(None))));
    assert!(seen.is_empty(), "what is refused is not handled");
}

#[tokio::test]
async fn no_way_of_writing_a_frame_evades_the_limit() {
    let (service, mut seen) = server();
    let mut peer = peer(&service).await;
    let long = format!(r#""{}""#, "x".repeat(15));
    for text in [
        r#"{"event":"post","data":@,"id":7}"#,
        r#"{"data":@,"event":"post","id":7}"#,
        r#"{"id":7,"data":@,"event":"post"}"#,
        r#"{ "event" : "post" , "id" : 7 , "data" : @ }"#,
        r#"{"event":"post","id":7,"d\u0061ta":@}"#,
        r#"{"event":"po\u0073t","id":7,"data":@}"#,
        r#"{"event":"post","id":7,"data":@,"trace":1}"#,
        r#"{"trace":1,"event":"post","id":7,"data":@}"#,
    ] {
        assert_eq!(ask(&mut peer, text.replace('@', &long)).await, too_large(7), "{text}");
    }
    // White space within the payload counts, though it says nothing.
    let padded = format!(r#"{{"event":"post","id":7,"data":["x"{}]}}"#, " ".repeat(16));
    assert_eq!(ask(&mut peer, padded).await, too_large(7));
    // What is no payload is not looked at when it is too long.
    let broken = format!(r#"{{"event":"post","id":7,"data":{long}{long}}}"#);
    assert_eq!(ask(&mut peer, broken).await, too_large(7));
    let twice = format!(r#"{{"event":"post","id":7,"data":"x","data":{long}}}"#);
    assert_eq!(ask(&mut peer, twice).await, too_large(7));
    assert!(seen.try_recv().is_err());
}

#[tokio::test]
async fn what_is_around_a_payload_does_not_count() {
    let (service, _seen) = server();
    let mut peer = peer(&service).await;
    let wide = " ".repeat(99);
    for text in [
        r#"{"event":"post","id":7,"data":@"x"@}"#,
        r#"{"event":"post","data":"x",@"id":7}"#,
        r#"{"event":"post","id":7,"data":"x","trace":"a trace of more than 16 bytes"}"#,
        r#"@{@"id":7,@"data":"x",@"event":"post"}@"#,
    ] {
        let answer = ask(&mut peer, text.replace('@', &wide)).await;
        assert_eq!(answer, r#"{"reply":7,"data":1}"#, "{text}");
    }
    // Two members of a name are no frame, and never were: it is bad data as it is elsewhere.
    let answer = ask(&mut peer, r#"{"event":"post","id":7,"data":1,"data":2}"#).await;
    assert!(answer.starts_with(r#"{"reply":7,"error":{"code":"bad_data""#), "{answer}");
}

#[tokio::test]
async fn a_refused_call_is_answered_once_and_is_not_in_flight() {
    let gate = Semaphore::new(0);
    let service = Server::<Board>::new()
        .limits(Limits::default().calls(2))
        .state(gate)
        .on(async |_: client_event::Ring, gate: State<Semaphore>| {
            gate.acquire().await.unwrap().forget();
        })
        .on(async |post: client_event::Post| post.0.len())
        .on(async |poke: client_event::Poke| poke.0)
        .fallback(async |_: ClientEvent| {})
        .build();
    let addr = listen(&service).await;
    let mut peer = Bytes::greeted(addr).await;
    peer.write(&frame(TEXT, r#"{"event":"ring","id":1}"#)).await;
    let long = "x".repeat(15);
    for text in [r#"{"event":"post","id":2,"data":"@"}"#, r#"{"event":"post","data":"@","id":2}"#] {
        for _ in 0..5 {
            assert_eq!(ask(&mut peer, text.replace('@', &long)).await, too_large(2));
        }
    }
    let answer = ask(&mut peer, r#"{"event":"ring","id":2}"#).await;
    assert!(answer.starts_with(r#"{"reply":2,"error":{"code":"too_fast""#), "{answer}");
    // There is room for one more beside the one at work.
    peer.write(&frame(TEXT, r#"{"event":"post","id":2,"data":"x"}"#)).await;
    let answer = ask(&mut peer, r#"{"event":"post","id":3,"data":"x"}"#).await;
    assert!(answer.starts_with(r#"{"reply":3,"error":{"code":"busy""#), "{answer}");
    let late = format!(r#"{{"event":"post","data":"{long}","id":3}}"#);
    let answer = ask(&mut peer, late).await;
    assert!(answer.starts_with(r#"{"reply":3,"error":{"code":"busy""#), "{answer}");
    // An id in flight is a fault, wherever it stands and whatever becomes of the call.
    peer.write(&frame(TEXT, format!(r#"{{"event":"post","data":"{long}","id":1}}"#))).await;
    assert_eq!(peer.closed().await, 4400);
}

fn too_fast(event: &str, id: u32, wait: u64) -> String {
    let message = format!("`{event}` comes too fast: wait {wait} ms");
    format!(
        r#"{{"reply":{id},"error":{{"code":"too_fast","message":"{message}","data":{{"retry_in":{wait}}}}}}}"#
    )
}

fn poke(id: u32) -> String {
    format!(r#"{{"event":"poke","id":{id},"data":7}}"#)
}

const POKED: &str = r#"{"reply":1,"data":7}"#;

#[tokio::test(start_paused = true)]
async fn after_its_burst_an_event_is_refused_until_the_pause_is_over() {
    let (service, mut seen) = server();
    let mut peer = peer(&service).await;
    assert_eq!(ask(&mut peer, poke(1)).await, POKED);
    assert_eq!(ask(&mut peer, poke(1)).await, POKED);
    assert_eq!(ask(&mut peer, poke(2)).await, too_fast("poke", 2, 200));
    let late = r#"{"event":"poke","data":7,"id":2}"#;
    assert_eq!(ask(&mut peer, late).await, too_fast("poke", 2, 200), "an id behind the payload");
    let told = ask(&mut peer, r#"{"event":"poke","data":7}"#).await;
    let expected = too_fast("poke", 2, 200).replace(r#""reply":2,"#, "");
    assert_eq!(told, expected.replace(r#","data""#, r#","event":"poke","data""#));
    sleep(Duration::from_millis(199)).await;
    assert_eq!(ask(&mut peer, poke(2)).await, too_fast("poke", 2, 1), "refusals cost nothing");
    sleep(Duration::from_millis(1)).await;
    assert_eq!(ask(&mut peer, poke(1)).await, POKED);
    assert_eq!(ask(&mut peer, poke(2)).await, too_fast("poke", 2, 200));
    sleep(Duration::from_secs(10)).await;
    assert_eq!(ask(&mut peer, poke(1)).await, POKED);
    assert_eq!(ask(&mut peer, poke(1)).await, POKED, "the burst is back");
    assert_eq!(ask(&mut peer, poke(2)).await, too_fast("poke", 2, 200), "and not more");
    let mut count = 0;
    while seen.try_recv().is_ok() {
        count += 1;
    }
    assert_eq!(count, 5, "what is refused is not handled");
}

#[tokio::test(start_paused = true)]
async fn each_socket_has_its_rate_and_each_event() {
    let (service, _seen) = server();
    let (mut one, mut other) = (peer(&service).await, peer(&service).await);
    let ring = r#"{"event":"ring","id":1}"#;
    for peer in [&mut one, &mut other] {
        for _ in 0..2 {
            assert_eq!(ask(peer, poke(1)).await, POKED);
        }
        assert_eq!(ask(peer, poke(2)).await, too_fast("poke", 2, 200));
        assert_eq!(ask(peer, ring).await, r#"{"reply":1}"#);
        assert_eq!(ask(peer, ring).await, too_fast("ring", 1, 60_000));
    }
    sleep(Duration::from_secs(1)).await;
    assert_eq!(ask(&mut one, poke(1)).await, POKED);
    assert_eq!(ask(&mut one, ring).await, too_fast("ring", 1, 59_000));
    // A payload that is too long costs nothing either.
    let shout = r#"{"event":"shout","id":1,"data":"@"}"#;
    let answer = ask(&mut one, shout.replace('@', &"x".repeat(99))).await;
    assert!(answer.contains("too_large"), "{answer}");
    assert_eq!(ask(&mut one, shout).await, r#"{"reply":1}"#);
    assert_eq!(ask(&mut one, shout).await, too_fast("shout", 1, 1_000));
}

#[tokio::test(start_paused = true)]
async fn a_caller_is_told_how_long_to_wait() {
    #[derive(serde::Deserialize)]
    struct TooFast {
        retry_in: u64,
    }
    let (service, _seen) = server();
    let client = service.local().await;
    for _ in 0..2 {
        assert_eq!(client.call(client_event::Poke(7)).await.unwrap(), 7);
    }
    match client.call(client_event::Poke(7)).await {
        Err(CallError::Rejected { code, message }) => {
            assert_eq!((&*code, &*message), ("too_fast", "`poke` comes too fast: wait 200 ms"));
        }
        other => panic!("{other:?}"),
    }
    let reject = client.call(client_event::Poke(7)).or_reject().await.unwrap().unwrap_err();
    let Some(TooFast { retry_in }) = reject.data() else { panic!("{reject:?}") };
    assert_eq!(reject.code, "too_fast");
    sleep(Duration::from_millis(retry_in)).await;
    assert_eq!(client.call(client_event::Poke(8)).or_reject().await.unwrap().unwrap(), 8);
    let late = client.call(client_event::Poke(8)).timeout(Duration::ZERO).or_reject().await;
    assert!(matches!(late, Err(CallError::Timeout)), "{late:?}");
}

#[tokio::test]
async fn a_client_holds_its_server_to_the_contract() {
    let mut stage = Stage::open([] as [(&str, &str); 0]).await;
    let url = stage.url("/ws").replace("http", "ws");
    let client =
        Client::<Board>::builder(url).on(async |question: server_event::Question| question.0.len());
    let connecting = tokio::spawn(client.connect());
    let mut server = stage.greet().await;
    let mut client = soon(connecting).await.unwrap().unwrap();
    let long = "x".repeat(15);
    server.send(&format!(r#"{{"event":"report","data":"{long}"}}"#)).await;
    let refusal = server.frame().await;
    assert!(refusal.starts_with(r#"{"error":{"code":"too_large","#), "{refusal}");
    server.send(&format!(r#"{{"event":"question","id":1,"data":"{long}"}}"#)).await;
    let refusal = server.frame().await;
    assert!(refusal.starts_with(r#"{"reply":1,"error":{"code":"too_large","#), "{refusal}");
    server.send(r#"{"event":"tick","data":1}"#).await;
    server.send(r#"{"event":"tick","data":2}"#).await;
    let refusal = server.frame().await;
    assert!(refusal.starts_with(r#"{"error":{"code":"too_fast","#), "{refusal}");
    server.send(r#"{"event":"report","data":"fits"}"#).await;
    assert_eq!(soon(client.recv()).await, Some(ServerEvent::Tick(1)));
    assert_eq!(soon(client.recv()).await, Some(ServerEvent::Report("fits".into())));
}

#[tokio::test]
async fn what_its_receiver_would_refuse_for_its_length_is_not_sent() {
    let (errors, mut failed) = mpsc::unbounded_channel();
    let (frames, mut sent) = mpsc::unbounded_channel();
    let service = Server::<Board>::new()
        .on_error(move |error| {
            let source = std::error::Error::source(error).map(ToString::to_string);
            let _ = errors.send((error.event, source.unwrap_or_default()));
        })
        .inspect(move |event| {
            let _ = frames.send(event.event.to_owned());
        })
        .fallback(async |_: ClientEvent| {})
        .build();
    let mut client = soon(service.local()).await;
    until(|| service.io().len() == 1).await;
    let [fits, long] = [14, 15].map(|length| "x".repeat(length));

    assert_eq!(client.emit(ClientEvent::Post(long.clone())).dropped, 1);
    assert_eq!(client.emit(ClientEvent::Draft(None)).queued, 1);
    let call = soon(client.call(client_event::Post(long.clone()))).await;
    assert!(is_too_large(&call, "post"), "{call:?}");
    let reject = soon(client.call(client_event::Post(long.clone())).or_reject()).await;
    assert_eq!(reject.unwrap().unwrap_err().code, "too_large");
    assert_eq!(soon(sent.recv()).await.as_deref(), Some("draft"), "and no `post` before it");

    let io = service.io();
    let socket = io.sockets().remove(0);
    assert_eq!(io.broadcast(ServerEvent::Report(long.clone())).queued, 0);
    assert_eq!(socket.emit(ServerEvent::Report(long.clone())).queued, 0);
    for _ in 0..2 {
        let told = "the data of `report` is over 16 bytes".to_owned();
        assert_eq!(failed.try_recv().unwrap(), ("report", told));
    }
    let call = soon(socket.call(server_event::Question(long.clone()))).await;
    assert!(is_too_large(&call, "question"), "{call:?}");
    let (_, call) = soon(io.all().call(server_event::Question(long)).next()).await.unwrap();
    assert!(is_too_large(&call, "question"), "{call:?}");
    assert_eq!(io.broadcast(ServerEvent::Report(fits.clone())).queued, 1);
    assert_eq!(soon(client.recv()).await, Some(ServerEvent::Report(fits)));
    assert_eq!(soon(sent.recv()).await.as_deref(), Some("report"));
    assert!(sent.is_empty() && failed.is_empty());
}

fn is_too_large<T>(call: &Result<T, CallError>, event: &str) -> bool {
    let expected = format!("the data of `{event}` is over 16 bytes");
    matches!(call, Err(CallError::Rejected { code, message }) if code == "too_large" && *message == expected)
}

#[test]
fn the_contract_knows_what_the_attributes_say() {
    let max: Vec<_> = (0..5).map(ClientEvent::max_bytes).collect();
    assert_eq!(max, [Some(16), Some(4_096), None, None, Some(16)]);
    let rates: Vec<_> = (0..5).map(ClientEvent::rate).collect();
    let rate =
        |count, seconds, burst| Some(EventRate::new(count, Duration::from_secs(seconds), burst));
    assert_eq!(rates, [None, None, rate(5, 1, 2), rate(1, 60, 1), rate(3_600, 3_600, 1)]);
    assert_eq!((ClientEvent::max_bytes(5), ClientEvent::rate(5)), (None, None));
}
