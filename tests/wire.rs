//! `socketkit.v1.json` as other implementations see it: a session line by line, any order of
//! members, heartbeats, close codes, and properties of arbitrary frames.

#[path = "wire/properties.rs"]
mod properties;

use serde::{Deserialize, Serialize};
use serde_json::Value;
use socketkit::{
    CloseCode, Events, Handshake, Io, Limits, Protocol, Reject, Server, Service, Socket,
};
use std::{net::SocketAddr, time::Duration};
use tests::{
    chat::{listen, soon, until},
    raw::{Bytes, CLOSE, PING, PONG, Plain, TEXT, frame},
};
use tokio::{io::DuplexStream, time::Instant};

#[derive(Debug, Clone, Serialize, Deserialize)]
struct Post {
    id: u64,
    author: String,
    body: String,
}

#[derive(Debug, Events)]
enum ClientEvent {
    #[event(reply = u64)]
    SubmitPost { author: String, body: String },
    #[event(volatile)]
    Typing,
    #[event(reply = Value)]
    Echo(Value),
}

#[derive(Debug, Events)]
enum ServerEvent {
    History(Vec<Post>),
    PostUpdate(Post),
    #[event(reply = bool)]
    Confirm {
        id: u64,
    },
    #[event(volatile)]
    SomeoneTyping,
}

#[derive(Debug, Protocol)]
#[protocol(client = ClientEvent, server = ServerEvent)]
struct Forum;

use client_event::{Echo, SubmitPost, Typing};

async fn connected(socket: Socket<Forum>) {
    let post = Post { id: 1, author: "ada".into(), body: "hi".into() };
    socket.emit(ServerEvent::History(vec![post]));
}

async fn submit_post(post: SubmitPost, io: Io<Forum>) -> Result<u64, Reject> {
    let SubmitPost { author, body } = post;
    if body.is_empty() {
        return Err(Reject::new("empty", "a post needs a body"));
    }
    let id = 2;
    io.broadcast(ServerEvent::PostUpdate(Post { id, author, body }));
    Ok(id)
}

async fn typing(_: Typing, socket: Socket<Forum>) {
    socket.broadcast(ServerEvent::SomeoneTyping);
}

fn service(limits: Limits) -> Service<Forum> {
    Server::<Forum>::new()
        .limits(limits)
        .on_connect(connected)
        .on(submit_post)
        .on(typing)
        .on(async |Echo(value): Echo| value)
        .build()
}

const HISTORY: &str = r#"{"event":"history","data":[{"id":1,"author":"ada","body":"hi"}]}"#;

/// A client that was told the history.
async fn greeted(addr: SocketAddr) -> Plain {
    let mut plain = Plain::greeted(addr).await;
    assert_eq!(plain.line().await, HISTORY);
    plain
}

/// Asserts that `hello` is canonical; its id is the server's own, and so is the token of one who can
/// come back.
fn is_hello(line: &str, returns: bool) {
    let mut hello: Value = serde_json::from_str(line).expect("JSON");
    let members = ["session", "token", "schema"];
    let [session, token, schema] = members.map(|member| hello["hello"][member].take());
    let token = if returns { format!(r#","token":{token}"#) } else { String::new() };
    let hello = format!(
        r#"{{"hello":{{"session":{session},"heartbeat":25000,"limit":65536{token},"schema":{schema}}}}}"#
    );
    assert_eq!(schema, socketkit::contract::<Forum>().hash.as_str());
    assert!(session.is_string() && line == hello, "{line}");
}

#[tokio::test]
async fn a_session_goes_line_by_line_as_specified() {
    let service = service(Limits::default());
    let addr = listen(&service).await;
    let mut other = greeted(addr).await;
    let mut c = Plain::open(addr, true).await;
    is_hello(&c.line().await, true);
    assert_eq!(c.line().await, HISTORY);
    c.send(r#"{"event":"typing"}"#).await;
    assert_eq!(other.line().await, r#"{"event":"someone_typing"}"#);
    for (sent, answers) in [
        (
            r#"{"event":"submit_post","id":1,"data":{"author":"ada","body":"hello"}}"#,
            &[
                r#"{"event":"post_update","data":{"id":2,"author":"ada","body":"hello"}}"#,
                r#"{"reply":1,"data":2}"#,
            ][..],
        ),
        (
            r#"{"event":"submit_post","id":2,"data":{"author":"ada","body":""}}"#,
            &[r#"{"reply":2,"error":{"code":"empty","message":"a post needs a body"}}"#],
        ),
        (
            r#"{"event":"submit_post","id":3,"data":{"author":"ada"}}"#,
            &[
                r#"{"reply":3,"error":{"code":"bad_data","message":"missing field `body` at line 1 column 16"}}"#,
            ],
        ),
        (
            r#"{"event":"submit_post","data":{"author":"ada"}}"#,
            &[
                r#"{"error":{"code":"bad_data","message":"missing field `body` at line 1 column 16","event":"submit_post"}}"#,
            ],
        ),
        (
            r#"{"event":"nope"}"#,
            &[r#"{"error":{"code":"unknown_event","message":"unknown event","event":"nope"}}"#],
        ),
        (r#"{"event":"typing","id":0}"#, &[r#"{"reply":0}"#]),
        (r#"{"event":"echo","id":4294967295,"data":null}"#, &[r#"{"reply":4294967295}"#]),
    ] {
        c.send(sent).await;
        for answer in answers {
            assert_eq!(c.line().await, *answer, "to {sent}");
        }
    }
    let post = r#"{"event":"post_update","data":{"id":2,"author":"ada","body":"hello"}}"#;
    assert_eq!(other.line().await, post, "the same bytes to all");
    // The server calls; its ids are its own.
    let sockets = service.io().sockets();
    let newest = sockets.iter().max_by_key(|socket| socket.id()).unwrap();
    let call = tokio::spawn(newest.call(server_event::Confirm { id: 2 }));
    assert_eq!(c.line().await, r#"{"event":"confirm","id":1,"data":{"id":2}}"#);
    c.send(r#"{"reply":1,"data":true}"#).await;
    assert!(soon(call).await.unwrap().unwrap());
}

#[tokio::test]
async fn a_client_that_offers_no_subprotocol_is_taken_as_one_of_ours() {
    let addr = listen(&service(Limits::default())).await;
    let mut plain = Plain::open(addr, false).await;
    is_hello(&plain.line().await, false);
    assert_eq!(plain.line().await, HISTORY);
    plain.send(r#"{"event":"echo","id":1,"data":7}"#).await;
    assert_eq!(plain.line().await, r#"{"reply":1,"data":7}"#);
}

#[tokio::test]
async fn members_may_stand_in_any_order_and_spacing_and_be_unknown() {
    let addr = listen(&service(Limits::default())).await;
    let mut plain = greeted(addr).await;
    for text in [
        r#"{"id":1,"event":"echo","data":[1]}"#,
        r#"{"data":[1],"id":1,"event":"echo"}"#,
        r#"{"event":"echo","data":[1],"id":1}"#,
        r#"{"event":"echo","id":1,"data":[1],"trace":{"id":9,"data":[]}}"#,
        r#"{"trace":"x","event":"echo","id":1,"data":[1]}"#,
        "\r\n\t { \"event\" :\n\"echo\" , \"id\" : 1 , \"data\" : [1] }\n",
        r#"{"event":"ech\u006f","id":1,"data":[1]}"#,
        r#"{"\u0065vent":"echo","id":1,"data":[1]}"#,
    ] {
        plain.send(text).await;
        assert_eq!(plain.line().await, r#"{"reply":1,"data":[1]}"#, "{text}");
    }
    // An event without payload ignores any, but not the members behind it.
    for text in [
        r#"{"event":"typing","data":[1],"id":1}"#,
        r#"{"event":"typing","data":{"id":2},"id":1}"#,
        r#"{"data":7,"event":"typing","id":1}"#,
    ] {
        plain.send(text).await;
        assert_eq!(plain.line().await, r#"{"reply":1}"#, "{text}");
    }
}

/// A peer over an in-memory pipe, whose time is the test's.
async fn piped(limits: Limits) -> (Bytes<DuplexStream>, Service<Forum>) {
    let service = service(limits);
    let (stream, theirs) = tokio::io::duplex(64 * 1024);
    let upgraded = service.clone();
    tokio::spawn(async move { upgraded.upgraded(theirs, Handshake::default()).await });
    let mut peer = Bytes::over(stream);
    peer.line().await;
    assert_eq!(peer.line().await, HISTORY);
    (peer, service)
}

const BEAT: Duration = Duration::from_secs(3);

#[tokio::test(start_paused = true)]
async fn a_silent_interval_brings_a_heartbeat_and_a_ping_and_a_second_one_the_end() {
    let (mut peer, _service) = piped(Limits::default().heartbeat(BEAT)).await;
    let start = Instant::now();
    let mut both = [peer.frame().await.unwrap(), peer.frame().await.unwrap()];
    both.sort();
    assert_eq!(both, [(TEXT, b"{}".to_vec()), (PING, Vec::new())]);
    assert_eq!(start.elapsed().as_secs(), 3);
    assert_eq!(peer.closed().await, 4408);
    assert_eq!(start.elapsed().as_secs(), 6);
}

#[tokio::test(start_paused = true)]
async fn a_peer_that_says_anything_is_alive() {
    for sign in [frame(PONG, ""), frame(TEXT, "{}"), frame(PING, "x")] {
        let (mut peer, _service) = piped(Limits::default().heartbeat(BEAT)).await;
        for beat in 1..=5 {
            let mut text = 0;
            while text == 0 {
                match peer.frame().await.unwrap() {
                    (TEXT, heartbeat) => {
                        assert_eq!(heartbeat, b"{}");
                        text += 1;
                    }
                    (first, _) => assert_ne!(first, CLOSE, "at {beat}"),
                }
            }
            peer.write(&sign).await;
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_page_hears_something_in_every_interval_whatever_pings_pass() {
    let (mut peer, service) = piped(Limits::default().heartbeat(BEAT)).await;
    let start = Instant::now();
    let second = Duration::from_secs(1);
    tokio::time::sleep(second).await;
    peer.write(&frame(TEXT, "{}")).await;
    tokio::time::sleep(second).await;
    service.io().broadcast(ServerEvent::SomeoneTyping);
    let typing = br#"{"event":"someone_typing"}"#.to_vec();
    for (at, expected) in [
        (2, (TEXT, typing)),
        (4, (PING, Vec::new())),
        (5, (TEXT, b"{}".to_vec())),
        (7, (PING, Vec::new())),
        (8, (TEXT, b"{}".to_vec())),
    ] {
        assert_eq!(peer.frame().await.unwrap(), expected);
        assert_eq!(start.elapsed().as_secs(), at);
        if expected.0 == PING {
            peer.write(&frame(PONG, "")).await;
        }
    }
}

#[tokio::test]
async fn a_peer_that_spoke_while_a_handler_computed_is_alive() {
    let service = Server::<Forum>::new()
        .limits(Limits::default().heartbeat(Duration::from_millis(100)))
        .on(async |Echo(value): Echo| {
            tokio::task::yield_now().await;
            // It computes, for longer than two heartbeats, and lets nobody else run.
            std::thread::sleep(Duration::from_millis(500));
            value
        })
        .fallback(async |_: ClientEvent| {})
        .build();
    let mut peer = Bytes::greeted(listen(&service).await).await;
    let call = r#"{"event":"echo","id":1,"data":7}"#;
    peer.write(&frame(TEXT, call)).await;
    // What it says meanwhile is there to be read.
    peer.write(&frame(TEXT, "{}")).await;
    assert_eq!(peer.line().await, r#"{"reply":1,"data":7}"#);
    peer.write(&frame(TEXT, call)).await;
    assert_eq!(peer.line().await, r#"{"reply":1,"data":7}"#);
}

#[tokio::test(start_paused = true)]
async fn a_connection_with_traffic_needs_no_heartbeat() {
    let (mut peer, _service) = piped(Limits::default().heartbeat(BEAT)).await;
    for _ in 0..10 {
        tokio::time::sleep(BEAT - Duration::from_millis(1)).await;
        let call = r#"{"event":"echo","id":1,"data":7}"#;
        peer.write(&frame(TEXT, call)).await;
        let reply = (TEXT, br#"{"reply":1,"data":7}"#.to_vec());
        assert_eq!(peer.frame().await.unwrap(), reply);
    }
}

#[tokio::test]
async fn the_server_closes_with_the_codes_of_the_protocol() {
    let refusing = |reject: fn() -> Reject| {
        Server::<Forum>::new()
            .on_connect(async move || -> Result<(), Reject> { Err(reject()) })
            .on(submit_post)
            .on(typing)
            .on(async |Echo(value): Echo| value)
            .build()
    };
    for (reject, code, reason) in [
        ((|| Reject::new("unauthorized", "who?")) as fn() -> Reject, 4401, "who?"),
        (|| Reject::new("other", "no"), 4403, "no"),
        (|| "x".parse::<u8>().unwrap_err().into(), 4500, "internal error"),
        (|| Reject::new("busy", "later"), 1013, "later"),
    ] {
        let addr = listen(&refusing(reject)).await;
        let mut plain = Plain::greeted(addr).await;
        assert_eq!(plain.closed().await, (code, reason.to_owned()));
    }
    let service = service(Limits::default());
    let addr = listen(&service).await;
    let only = || service.io().sockets().remove(0);
    for (code, reason, close) in [
        (1000, "", (|socket| socket.close()) as fn(Socket<Forum>)),
        (1012, "retry 1000", |socket| {
            socket.close_with(CloseCode::RESTART, "retry 1000");
        }),
        (4409, "", |socket| {
            socket.close_with(CloseCode::SUPERSEDED, "");
        }),
    ] {
        let mut plain = greeted(addr).await;
        close(only());
        assert_eq!(plain.closed().await, (code, reason.to_owned()));
        until(|| service.io().is_empty()).await;
    }
    let mut plain = greeted(addr).await;
    let (closed, ()) = tokio::join!(plain.closed(), soon(service.shutdown()));
    assert_eq!(closed, (1012, "retry 0".into()));
}
