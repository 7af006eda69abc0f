//! What is so of Redis alone.

use super::connect;
use crate::cluster::{
    channel::{Channel, Interest},
    engine::{Change, Engine, EngineError, Line, Log, Outgoing},
    server::Server,
};
use bytes::Bytes;
use std::{
    ops::Range,
    time::{Duration, Instant},
};
use tokio::time::timeout;

const SOON: Duration = Duration::from_secs(20);

const ALL: Interest = Interest::In(Channel::All);

async fn say(line: &mut Line, payload: impl Into<Bytes>) {
    let message = Outgoing { channel: Channel::All, payload: payload.into(), is_kept: false };
    line.publisher.publish(vec![message]).await.unwrap();
}

#[tokio::test]
async fn what_waits_is_bounded_and_the_newest_is_dropped() {
    // Its own bound is off.
    let server = Server::redis(&["--client-output-buffer-limit", "pubsub 0 0 0"]);
    let engine = connect(format!("redis://127.0.0.1:{}", server.port));
    let mut line = engine.connect("forum", None).await.unwrap();
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
    let mut allowed = engine.connect("forum", None).await.unwrap();
    allowed.publisher.subscribe(vec![Change::Begin(ALL)]).await.unwrap();

    let mut line = engine.connect("game", None).await.unwrap();
    let refused = line.publisher.subscribe(vec![Change::Begin(ALL)]).await.unwrap_err();
    assert!(refused.to_string().contains("no permissions"), "{refused}");
    let message = |_| Outgoing { channel: Channel::All, payload: "x".into(), is_kept: false };
    let messages = (0..1_000).map(message).collect();
    let refused = line.publisher.publish(messages).await.unwrap_err().to_string();
    assert!(refused.contains("no permissions") && refused.len() < 400, "{refused}");
}

#[tokio::test]
async fn a_server_that_closes_the_connection_ends_it() {
    let server = Server::redis(&[]);
    let engine = connect(format!("redis://127.0.0.1:{}", server.port));
    let mut line = engine.connect("forum", None).await.unwrap();
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
        assert!(connect(url).connect("forum", None).await.is_err(), "{url}");
    }
    let engine = connect("rediss://127.0.0.1:1").tls_roots("/nowhere/roots.pem");
    let error = engine.connect("forum", None).await.err().unwrap().to_string();
    assert!(error.contains("/nowhere/roots.pem: "), "{error}");
}

const LOG: Log = Log { time: Duration::from_secs(60), bytes: 1 << 20 };

async fn keep(line: &mut Line, numbers: Range<usize>, size: usize) -> Result<(), EngineError> {
    let message = |number| Outgoing {
        channel: Channel::All,
        payload: text(number, size).into(),
        is_kept: true,
    };
    line.publisher.publish(numbers.map(message).collect()).await
}

fn text(number: usize, size: usize) -> String {
    format!("{number:0size$}")
}

async fn read(line: &Line) -> Vec<Bytes> {
    line.recall.as_ref().unwrap().read(vec![Channel::All], LOG.time).await.unwrap().payloads()
}

#[tokio::test]
async fn the_oldest_messages_of_a_channel_go() {
    let server = Server::redis(&[]);
    let engine = connect(format!("redis://127.0.0.1:{}", server.port)).durable();
    let mut line = engine.connect("forum", Some(LOG)).await.unwrap();
    let room = Outgoing { channel: Channel::Room(1), payload: "kept".into(), is_kept: true };
    line.publisher.publish(vec![room]).await.unwrap();
    keep(&mut line, 0..70_000, 1).await.unwrap();
    let read = read(&line).await;
    assert!((65_536..66_000).contains(&read.len()), "{}", read.len());
    let newest = (70_000 - read.len()..70_000).map(|number| text(number, 1));
    assert!(newest.eq(read));
    let room =
        line.recall.unwrap().read(vec![Channel::Room(1)], LOG.time).await.unwrap().payloads();
    assert_eq!(room, ["kept"]);
}

#[tokio::test]
async fn messages_go_after_their_time() {
    let server = Server::redis(&[]);
    let engine = connect(format!("redis://127.0.0.1:{}", server.port)).durable();
    let log = Log { time: Duration::from_secs(1), ..LOG };
    let mut line = engine.connect("forum", Some(log)).await.unwrap();
    let since = Instant::now();
    keep(&mut line, 0..1_000, 10).await.unwrap();
    // While there come more, and then without.
    let (mut next, mut first) = (1_000, 0);
    while first < 1_000 {
        keep(&mut line, next..next + 1, 10).await.unwrap();
        next += 1;
        let read = read(&line).await;
        first = next - read.len();
        assert!((first..next).map(|number| text(number, 10)).eq(read));
        assert!(since.elapsed() < SOON, "{first} of {next} have gone");
    }
    assert!(since.elapsed() >= Duration::from_secs(1));
    while !read(&line).await.is_empty() {
        assert!(since.elapsed() < SOON);
    }
}

#[tokio::test]
async fn what_there_is_no_memory_for_is_an_error() {
    let server = Server::redis(&["--maxmemory", "8mb", "--maxmemory-policy", "noeviction"]);
    let engine = connect(format!("redis://127.0.0.1:{}", server.port)).durable();
    let mut line = engine.connect("forum", Some(LOG)).await.unwrap();
    let mut kept = 0;
    let error = loop {
        match keep(&mut line, kept..kept + 1, 50_000).await {
            Ok(()) => kept += 1,
            Err(error) => break error.to_string(),
        }
        assert!(kept < 1_000);
    };
    assert!(error.contains("OOM"), "{error}");
    assert_eq!(read(&line).await.len(), kept);
}

#[tokio::test]
async fn a_script_that_was_forgotten_is_known_to_the_next_connection() {
    let server = Server::redis(&[]);
    let url = format!("redis://127.0.0.1:{}", server.port);
    let engine = connect(&url).durable();
    let mut line = engine.connect("forum", Some(LOG)).await.unwrap();
    let client = redis::Client::open(url).unwrap();
    let mut connection = client.get_multiplexed_async_connection().await.unwrap();
    let flush = redis::cmd("SCRIPT").arg("FLUSH").clone();
    flush.query_async::<()>(&mut connection).await.unwrap();
    keep(&mut line, 0..1, 1).await.unwrap_err();
    let mut line = engine.connect("forum", Some(LOG)).await.unwrap();
    keep(&mut line, 0..1, 1).await.unwrap();
    assert_eq!(read(&line).await, ["0"]);
}

#[tokio::test]
async fn no_number_is_given_again_where_what_was_kept_is_lost() {
    let mut server = Server::redis(&[]);
    let engine = connect(format!("redis://127.0.0.1:{}", server.port)).durable();
    let mut ends = Vec::new();
    for count in [1_000, 1] {
        let mut line = engine.connect("forum", Some(LOG)).await.unwrap();
        keep(&mut line, 0..count, 1).await.unwrap();
        assert_eq!(read(&line).await.len(), count);
        ends.push(line.recall.as_ref().unwrap().end().await.unwrap());
        server.kill();
        server.again();
    }
    assert!(ends[0] < ends[1], "{ends:?}");
}
