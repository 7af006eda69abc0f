//! `latest` events with a key: for each value of it the newest waits, in the order of emission.

use serde::{Deserialize, Serialize};
use serde_json::json;
use socketkit::{Client, Delivery, Events, Handshake, Limits, Protocol, Server, Service, Socket};
use std::{
    hash::{DefaultHasher, Hasher},
    time::Duration,
};
use tests::{
    chat::{listen, soon, until},
    raw::Bytes,
    stage::Stage,
};
use tokio::io::DuplexStream;

#[derive(Debug, Clone, Events)]
enum ClientEvent {
    #[event(latest = "id")]
    Moved {
        id: u32,
        at: f32,
    },
    Note(String),
}

#[derive(Debug, Clone, Serialize, Deserialize)]
struct Place {
    id: String,
    at: f32,
}

#[derive(Debug, Events)]
#[events(derive(Debug))]
#[serde(rename_all_fields = "camelCase")]
enum ServerEvent {
    #[event(latest = "id")]
    Moved {
        id: u32,
        at: f32,
    },
    #[event(latest = "id")]
    Placed(Place),
    #[event(latest = "0")]
    Cell(u8, String),
    #[event(latest = "room_id, user, type")]
    Joined {
        room_id: u32,
        #[serde(rename = "who")]
        user: String,
        r#type: u8,
        since: u32,
    },
    #[event(latest, max = "1MiB")]
    Count(usize),
    Told(String),
}

#[derive(Debug, Protocol)]
#[protocol(client = ClientEvent, server = ServerEvent)]
struct Map;

/// Bytes that are on their way to a slow peer at most.
const PIPE: usize = 64;

/// A peer that has read its `hello`, and then took no more: its queue of four frames is full.
async fn slow() -> (Service<Map>, Bytes<DuplexStream>, Socket<Map>) {
    let service = Server::<Map>::new()
        .limits(Limits::default().queue(4))
        .fallback(async |_: ClientEvent| {})
        .build();
    let (stream, theirs) = tokio::io::duplex(PIPE);
    tokio::spawn({
        let service = service.clone();
        async move { service.upgraded(theirs, Handshake::default()).await }
    });
    let mut peer = Bytes::over(stream);
    assert!(peer.line().await.starts_with(r#"{"hello":"#));
    until(|| service.io().len() == 1).await;
    let socket = service.io().sockets().remove(0);
    for number in 0..4 {
        assert_eq!(socket.emit(told(number)).queued, 1);
        tokio::task::yield_now().await;
    }
    (service, peer, socket)
}

/// A text longer than the pipe.
fn told(number: usize) -> ServerEvent {
    ServerEvent::Told(format!("{number:0>100}"))
}

/// Reads what filled the queue, and as many lines behind it.
async fn lines<const N: usize>(peer: &mut Bytes<DuplexStream>) -> [String; N] {
    for _ in 0..4 {
        assert!(peer.line().await.starts_with(r#"{"event":"told","data":"000"#));
    }
    let mut lines = std::array::from_fn(|_| String::new());
    for line in &mut lines {
        *line = peer.line().await;
    }
    lines
}

const NEW: [usize; 2] = [1, 0];
const NEWER: [usize; 2] = [1, 1];

/// `queued` and `replaced`.
fn counts(delivery: Delivery) -> [usize; 2] {
    [delivery.queued, delivery.replaced]
}

fn placed(id: &str, at: f32) -> ServerEvent {
    ServerEvent::Placed(Place { id: id.to_owned(), at })
}

#[tokio::test(start_paused = true)]
async fn of_each_key_the_newest_arrives_in_the_order_of_emission() {
    let (service, mut peer, socket) = slow().await;
    let moved = |id, at| ServerEvent::Moved { id, at };
    let cell = |column, text: &str| ServerEvent::Cell(column, text.to_owned());
    for (event, expected) in [
        (moved(1, 0.0), NEW),
        (moved(2, 0.0), NEW),
        (placed("1", 0.0), NEW),
        (moved(1, 1.0), NEWER),
        (cell(1, "old"), NEW),
        (ServerEvent::Count(1), NEW),
        (placed("2", 0.0), NEW),
        (cell(2, "only"), NEW),
        (placed("1", 1.0), NEWER),
        (cell(1, "new"), NEWER),
        (moved(3, 0.0), NEW),
        (ServerEvent::Count(2), NEWER),
        (moved(1, 2.0), NEWER),
    ] {
        let shown = format!("{event:?}");
        assert_eq!(counts(socket.emit(event)), expected, "{shown}");
    }
    // A broadcast replaces as well.
    assert_eq!(counts(service.io().broadcast(moved(3, 3.0))), NEWER);
    let expected = [
        r#"{"event":"moved","data":{"id":2,"at":0.0}}"#,
        r#"{"event":"placed","data":{"id":"2","at":0.0}}"#,
        r#"{"event":"cell","data":[2,"only"]}"#,
        r#"{"event":"placed","data":{"id":"1","at":1.0}}"#,
        r#"{"event":"cell","data":[1,"new"]}"#,
        r#"{"event":"count","data":2}"#,
        r#"{"event":"moved","data":{"id":1,"at":2.0}}"#,
        r#"{"event":"moved","data":{"id":3,"at":3.0}}"#,
    ];
    assert_eq!(lines(&mut peer).await, expected);
    socket.emit(moved(9, 0.0));
    assert_eq!(peer.line().await, r#"{"event":"moved","data":{"id":9,"at":0.0}}"#, "and no more");
}

#[tokio::test(start_paused = true)]
async fn a_key_of_several_fields_is_all_of_them() {
    let (_service, mut peer, socket) = slow().await;
    let joined = |room_id, user: &str, r#type, since| ServerEvent::Joined {
        room_id,
        user: user.to_owned(),
        r#type,
        since,
    };
    for (event, expected) in [
        (joined(1, "ada", 0, 1), NEW),
        (joined(1, "bob", 0, 2), NEW),
        (joined(2, "ada", 0, 3), NEW),
        (joined(1, "ada", 1, 4), NEW),
        (joined(1, "ada", 0, 5), NEWER),
    ] {
        let shown = format!("{event:?}");
        assert_eq!(counts(socket.emit(event)), expected, "{shown}");
    }
    let lines: [String; 4] = lines(&mut peer).await;
    let since = lines.map(|line| line.rsplit(':').next().unwrap().to_owned());
    assert_eq!(since, ["2}}", "3}}", "4}}", "5}}"]);
}

#[tokio::test]
async fn of_what_waits_for_a_connection_each_key_has_its_newest() {
    const AT_ONCE: (Duration, Duration) = (Duration::from_millis(1), Duration::from_millis(1));
    let mut stage = Stage::open([] as [(&str, &str); 0]).await;
    let url = stage.url("/ws").replace("http", "ws");
    let limits = Limits::default().backoff(AT_ONCE);
    let connecting = tokio::spawn(Client::<Map>::builder(url).limits(limits).connect());
    drop(stage.greet().await);
    let client = soon(connecting).await.unwrap().unwrap();
    let knock = stage.knock().await;
    let moved = |id, at| ClientEvent::Moved { id, at };
    assert_eq!(counts(client.emit(moved(1, 0.0))), NEW);
    assert_eq!(counts(client.emit(moved(2, 0.0))), NEW);
    assert_eq!(counts(client.emit(ClientEvent::Note("between".into()))), NEW);
    assert_eq!(counts(client.emit(moved(1, 1.0))), NEWER);
    let mut peer = knock.accept().await;
    peer.hello(25_000).await;
    for line in [
        r#"{"event":"moved","data":{"id":2,"at":0.0}}"#,
        r#"{"event":"note","data":"between"}"#,
        r#"{"event":"moved","data":{"id":1,"at":1.0}}"#,
    ] {
        assert_eq!(peer.frame().await, line);
    }
}

#[test]
fn a_key_depends_on_its_fields_alone() {
    let key = |event: &ServerEvent| {
        let mut hasher = DefaultHasher::new();
        event.latest_key(&mut hasher);
        hasher.finish()
    };
    let moved = |id, at| key(&ServerEvent::Moved { id, at });
    assert_eq!(moved(1, 0.0), moved(1, 1.0));
    assert_ne!(moved(1, 0.0), moved(2, 0.0));
    assert_eq!(key(&placed("1", 0.0)), key(&placed("1", 1.0)));
    assert_ne!(key(&placed("1", 0.0)), key(&placed("2", 0.0)));
    let nothing = DefaultHasher::new().finish();
    assert_eq!(key(&ServerEvent::Count(1)), nothing, "there is none to hash");
}

#[tokio::test]
async fn a_page_is_told_the_names_on_the_wire_and_the_longest_payload() {
    let by: Vec<_> = (0..7).map(ServerEvent::latest_by).collect();
    let joined: &[_] = &["roomId", "who", "type"];
    assert_eq!(by, [&["id"], &["id"], &["0"], joined, &[], &[], &[]]);
    let service = Server::<Map>::new().fallback(async |_: ClientEvent| {}).build();
    let mut bytes = Bytes::connect(listen(&service).await).await;
    bytes.write(b"GET /ws/client.js HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n").await;
    let module = String::from_utf8(bytes.rest().await).unwrap();
    let contract = module.lines().find_map(|line| line.strip_prefix("const contract = "));
    let contract = contract.and_then(|json| json.strip_suffix(';')).unwrap();
    let contract: serde_json::Value = serde_json::from_str(contract).unwrap();
    for (side, event, name, value) in [
        ("client", "moved", "latest", json!(["id"])),
        ("client", "note", "latest", json!(null)),
        ("server", "joined", "latest", json!(["roomId", "who", "type"])),
        ("server", "cell", "latest", json!(["0"])),
        ("server", "count", "latest", json!(true)),
        ("server", "count", "max", json!(1_048_576)),
    ] {
        assert_eq!(contract[side][event][name], value, "{event}");
    }
}
