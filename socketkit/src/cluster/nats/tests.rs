//! What is so of NATS alone.

use super::connect;
use crate::cluster::{
    channel::{Channel, Interest},
    engine::{Change, Engine, Line, Log, Outgoing},
    server::{Server, free_port},
};
use async_nats::jetstream::stream;
use std::{
    ops::Range,
    pin::pin,
    time::{Duration, Instant},
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpListener,
    time::timeout,
};

const SOON: Duration = Duration::from_secs(20);

fn message(channel: Channel, payload: impl Into<bytes::Bytes>) -> Outgoing {
    Outgoing { channel, payload: payload.into(), is_kept: false }
}

#[tokio::test]
async fn of_several_servers_one_is_enough() {
    let server = Server::nats(&[]);
    let urls = format!("nats://127.0.0.1:{}, nats://127.0.0.1:{}", free_port(), server.port);
    // In any order, as one is drawn.
    for _ in 0..8 {
        connect(&urls).connect("forum", None).await.unwrap();
    }
}

#[tokio::test]
async fn a_server_that_is_going_to_stop_is_left() {
    let server = Server::nats(&[]);
    let engine = connect(format!("nats://127.0.0.1:{}", server.port));
    let mut line = engine.connect("forum", None).await.unwrap();
    server.signal("USR2");
    let error = timeout(SOON, line.receiver.receive()).await.unwrap().unwrap_err();
    assert_eq!(error.to_string(), "NATS: the server is going to stop");
}

#[tokio::test]
async fn it_does_not_connect_again_by_itself() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let engine = connect(format!("nats://{}", listener.local_addr().unwrap()));
    let serve = async {
        let (mut stream, _) = listener.accept().await.unwrap();
        stream.write_all(b"INFO {\"max_payload\":1024}\r\n").await.unwrap();
        let mut said = Vec::new();
        while !said.ends_with(b"PING\r\n") {
            assert!(stream.read_buf(&mut said).await.unwrap() > 0);
        }
        stream.write_all(b"PONG\r\n").await.unwrap();
        stream
    };
    let (line, stream) = tokio::join!(engine.connect("forum", None), serve);
    let mut line = line.unwrap();
    drop(stream);
    let error = timeout(SOON, line.receiver.receive()).await.unwrap().unwrap_err();
    assert_eq!(error.to_string(), "NATS: the connection was lost");
    // The client would do so at once.
    assert!(timeout(Duration::from_secs(1), listener.accept()).await.is_err());
}

#[tokio::test]
async fn a_message_that_is_too_big_is_left_out() {
    let server = Server::nats(&[]);
    let engine = connect(format!("nats://127.0.0.1:{}", server.port));
    let mut line = engine.connect("forum", None).await.unwrap();
    line.publisher.subscribe(vec![Change::Begin(Interest::In(Channel::All))]).await.unwrap();
    let messages = ["before".to_owned(), "x".repeat(2 << 20), "after".to_owned()];
    let messages = messages.map(|text| message(Channel::All, text)).into();
    line.publisher.publish(messages).await.unwrap();
    let mut heard = Vec::new();
    while heard.len() < 2 {
        heard.extend(timeout(SOON, line.receiver.receive()).await.unwrap().unwrap());
    }
    assert_eq!(heard, ["before", "after"]);
}

#[tokio::test]
async fn each_way_to_log_in_opens() {
    let by_token = Server::nats(&["--auth", "secret"]);
    let by_password = Server::nats(&["--user", "forum", "--pass", "secret"]);
    let (token, password) = (by_token.port, by_password.port);
    let engines = [
        connect(format!("nats://secret@127.0.0.1:{token}")),
        connect(format!("nats://127.0.0.1:{token}")).token("secret"),
        connect(format!("nats://127.0.0.1:{password}")).user("forum", "secret"),
        connect(format!("nats://a:b@127.0.0.1:{password}")).user("forum", "secret"),
    ];
    for engine in engines {
        engine.connect("forum", None).await.unwrap();
        assert!(!format!("{engine:?}").contains("secret"));
    }
}

#[tokio::test]
async fn a_url_that_is_none_is_an_error() {
    for url in ["", "ws://127.0.0.1:1", "http://127.0.0.1:1", "nats://127.0.0.1:1,"] {
        assert!(connect(url).connect("forum", None).await.is_err(), "{url}");
    }
    let engine = connect("nats://127.0.0.1:1").credentials_file("/nowhere/forum.creds");
    let error = engine.connect("forum", None).await.err().unwrap().to_string();
    assert!(error.starts_with("credentials of /nowhere/forum.creds: "), "{error}");
}

const LOG: Log = Log { time: Duration::from_secs(60), bytes: 1 << 20 };

#[tokio::test]
async fn a_server_without_jetstream_keeps_nothing() {
    let server = Server::nats(&[]);
    let engine = connect(format!("nats://127.0.0.1:{}", server.port)).durable();
    let error = engine.connect("forum", Some(LOG)).await.err().unwrap().to_string();
    let port = server.port;
    let expected =
        format!("the NATS server 127.0.0.1:{port} has no JetStream, which durable() needs");
    assert_eq!(error, expected);
    engine.connect("forum", None).await.unwrap();
}

async fn keep(line: &mut Line, numbers: Range<usize>, size: usize) {
    let message = |number| Outgoing { is_kept: true, ..message(Channel::All, text(number, size)) };
    line.publisher.publish(numbers.map(message).collect()).await.unwrap();
}

fn text(number: usize, size: usize) -> String {
    format!("{number:0size$}")
}

#[tokio::test]
async fn the_oldest_messages_go_beyond_so_many_bytes() {
    let server = Server::nats(&["-js", "-sd", "DIR"]);
    let engine = connect(format!("nats://127.0.0.1:{}", server.port));
    let mut line = engine.connect("forum", Some(LOG)).await.unwrap();
    keep(&mut line, 0..400, 10_000).await;
    let read =
        line.recall.as_ref().unwrap().read(vec![Channel::All], LOG.time).await.unwrap().payloads();
    // A little more than its bytes is needed for each.
    assert!((90..=104).contains(&read.len()), "{}", read.len());
    let newest = (400 - read.len()..400).map(|number| text(number, 10_000));
    assert_eq!(read, newest.collect::<Vec<_>>());

    // One who wants more gets it, and one who wants less takes none of it away.
    let more = Log { bytes: LOG.bytes * 2, ..LOG };
    let mut line = engine.connect("forum", Some(more)).await.unwrap();
    engine.connect("forum", Some(LOG)).await.unwrap();
    keep(&mut line, 400..800, 10_000).await;
    let read =
        line.recall.as_ref().unwrap().read(vec![Channel::All], LOG.time).await.unwrap().payloads();
    assert!((180..=209).contains(&read.len()), "{}", read.len());
}

#[tokio::test]
async fn a_server_that_pauses_while_it_sends_the_log_goes_on_at_once() {
    let server = Server::nats(&["-js", "-sd", "DIR"]);
    let engine = connect(format!("nats://127.0.0.1:{}", server.port));
    let log = Log { bytes: 100_000_000, ..LOG };
    let mut line = engine.connect("forum", Some(log)).await.unwrap();
    keep(&mut line, 0..12_000, 4_000).await;
    let recall = line.recall.unwrap();
    let read = || recall.read(vec![Channel::All], LOG.time);
    let begun = Instant::now();
    read().await.unwrap();
    let took = begun.elapsed();
    for part in 2..7 {
        let mut reading = pin!(read());
        let begun = timeout(took / 8 * part, &mut reading).await;
        let mut again = Instant::now();
        let read = match begun {
            Ok(read) => read,
            Err(_) => {
                server.signal("STOP");
                // For longer than what it is asked used to be worth.
                let paused = timeout(Duration::from_millis(1_100), &mut reading).await;
                server.signal("CONT");
                again = Instant::now();
                match paused {
                    Ok(read) => read,
                    Err(_) => reading.await,
                }
            }
        };
        let payloads = read.unwrap().payloads();
        assert!((0..12_000).map(|number| text(number, 4_000)).eq(payloads));
        assert!(again.elapsed() < took * 5 + Duration::from_secs(1), "{:?}", again.elapsed());
    }
}

#[tokio::test]
async fn messages_go_after_their_time() {
    let server = Server::nats(&["-js", "-sd", "DIR"]);
    let engine = connect(format!("nats://127.0.0.1:{}", server.port));
    let log = Log { time: Duration::from_secs(1), ..LOG };
    let mut line = engine.connect("forum", Some(log)).await.unwrap();
    keep(&mut line, 0..1_000, 10).await;
    // While they go, what is read of them is theirs, and in order.
    let since = Instant::now();
    for round in 0.. {
        // Of that alone, or of the whole log.
        let rooms = (0..round % 2 * 100).map(Channel::Room);
        let channels = [Channel::All].into_iter().chain(rooms).collect();
        let read = line.recall.as_ref().unwrap().read(channels, LOG.time).await.unwrap().payloads();
        let newest = (1_000 - read.len()..1_000).map(|number| text(number, 10));
        assert_eq!(read, newest.collect::<Vec<_>>());
        if read.is_empty() {
            break;
        }
        assert!(since.elapsed() < SOON);
    }
}

#[tokio::test]
async fn a_stream_that_was_there_stays_as_it_was_made() {
    let server = Server::nats(&["-js", "-sd", "DIR"]);
    let url = format!("nats://127.0.0.1:{}", server.port);
    let jetstream = async_nats::jetstream::new(async_nats::connect(&url).await.unwrap());
    let made = stream::Config {
        name: "SOCKETKIT_forum_LOG".to_owned(),
        description: Some("made by hand".to_owned()),
        subjects: vec!["forum.all".to_owned()],
        max_age: Duration::from_secs(5),
        max_messages: 10,
        ..stream::Config::default()
    };
    let mut made = jetstream.create_stream(made).await.unwrap();
    connect(url).connect("forum", Some(LOG)).await.unwrap();
    let config = &made.info().await.unwrap().config;
    assert_eq!(config.subjects, ["forum.all", "forum.room.*", "forum.socket.*.*"]);
    assert_eq!(config.description.as_deref(), Some("made by hand"));
    // Without a limit there is more than enough room.
    assert_eq!((config.max_age, config.max_bytes, config.max_messages), (LOG.time, -1, 10));
}

#[tokio::test]
async fn a_stream_that_was_deleted_is_made_again_by_the_next_connection() {
    let server = Server::nats(&["-js", "-sd", "DIR"]);
    let url = format!("nats://127.0.0.1:{}", server.port);
    let engine = connect(&url);
    let mut line = engine.connect("forum", Some(LOG)).await.unwrap();
    keep(&mut line, 0..10, 1).await;
    let jetstream = async_nats::jetstream::new(async_nats::connect(&url).await.unwrap());
    jetstream.delete_stream("SOCKETKIT_forum_LOG").await.unwrap();
    let lost = Outgoing { is_kept: true, ..message(Channel::All, "lost") };
    let error = line.publisher.publish(vec![lost]).await.unwrap_err().to_string();
    assert_eq!(error, "NATS: no stream found for given subject");
    line.recall.as_ref().unwrap().read(vec![Channel::All], LOG.time).await.unwrap_err();
    let mut line = engine.connect("forum", Some(LOG)).await.unwrap();
    keep(&mut line, 0..1, 1).await;
    assert_eq!(
        line.recall.unwrap().read(vec![Channel::All], LOG.time).await.unwrap().payloads(),
        ["0"]
    );
}
