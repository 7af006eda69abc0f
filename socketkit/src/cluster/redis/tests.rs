//! What is so of Redis alone.

use super::connect;
use crate::cluster::{
    channel::{Channel, Interest},
    engine::{Change, Engine, Line, Outgoing},
    server::Server,
};
use bytes::Bytes;
use std::time::Duration;
use tokio::time::timeout;

const SOON: Duration = Duration::from_secs(20);

const ALL: Interest = Interest::In(Channel::All);

async fn say(line: &mut Line, payload: impl Into<Bytes>) {
    let message = Outgoing { channel: Channel::All, payload: payload.into() };
    line.publisher.publish(vec![message]).await.unwrap();
}

#[tokio::test]
async fn what_waits_is_bounded_and_the_newest_is_dropped() {
    // Its own bound is off.
    let server = Server::redis(&["--client-output-buffer-limit", "pubsub 0 0 0"]);
    let engine = connect(format!("redis://127.0.0.1:{}", server.port));
    let mut line = engine.connect("forum").await.unwrap();
    line.publisher.subscribe(vec![Change::Begin(ALL)]).await.unwrap();
    let size = 1 << 20;
    for number in 0..80 {
        say(&mut line, vec![number; size]).await;
    }
    // What comes before the answer to this has come.
    let control = Interest::In(Channel::Control);
    line.publisher.subscribe(vec![Change::Begin(control)]).await.unwrap();
    let received = timeout(SOON, line.receiver.receive()).await.unwrap().unwrap();
    // Each takes a little more than its bytes.
    let expected = (0..63).map(|number| Bytes::from(vec![number; size]));
    assert!(received == expected.collect::<Vec<_>>(), "{} came", received.len());
    say(&mut line, "again").await;
    let received = timeout(SOON, line.receiver.receive()).await.unwrap().unwrap();
    assert_eq!(received, ["again"]);
}

#[tokio::test]
async fn what_a_user_may_not_do_is_an_error_that_says_so() {
    let user = ["--user", "forum", "on", ">secret", "~*", "&forum.*", "+@all"];
    let server = Server::redis(&user);
    let engine = connect(format!("redis://forum:secret@127.0.0.1:{}", server.port));
    let mut allowed = engine.connect("forum").await.unwrap();
    allowed.publisher.subscribe(vec![Change::Begin(ALL)]).await.unwrap();

    let mut line = engine.connect("game").await.unwrap();
    let refused = line.publisher.subscribe(vec![Change::Begin(ALL)]).await.unwrap_err();
    assert!(refused.to_string().contains("no permissions"), "{refused}");
    let message = |_| Outgoing { channel: Channel::All, payload: "x".into() };
    let messages = (0..1_000).map(message).collect();
    let refused = line.publisher.publish(messages).await.unwrap_err().to_string();
    assert!(refused.contains("no permissions") && refused.len() < 400, "{refused}");
}

#[tokio::test]
async fn a_server_that_closes_the_connection_ends_it() {
    let server = Server::redis(&[]);
    let engine = connect(format!("redis://127.0.0.1:{}", server.port));
    let mut line = engine.connect("forum").await.unwrap();
    let client = redis::Client::open(format!("redis://127.0.0.1:{}", server.port)).unwrap();
    let mut connection = client.get_multiplexed_async_connection().await.unwrap();
    let kill = redis::cmd("CLIENT").arg(&["KILL", "TYPE", "normal"]).clone();
    let killed: u32 = kill.query_async(&mut connection).await.unwrap();
    assert_eq!(killed, 1);
    let error = timeout(SOON, line.receiver.receive()).await.unwrap().unwrap_err();
    assert_eq!(error.to_string(), "Redis: the connection was lost");
}

#[tokio::test]
async fn a_url_that_is_none_is_an_error() {
    for url in ["", "127.0.0.1:1", "http://127.0.0.1:1", "redis://127.0.0.1:x"] {
        assert!(connect(url).connect("forum").await.is_err(), "{url}");
    }
    let engine = connect("rediss://127.0.0.1:1").tls_roots("/nowhere/roots.pem");
    let error = engine.connect("forum").await.err().unwrap().to_string();
    assert!(error.contains("/nowhere/roots.pem: "), "{error}");
}
