//! What is so of NATS alone.

use super::connect;
use crate::cluster::{
    channel::{Channel, Interest},
    engine::{Change, Engine, Outgoing},
    server::{Server, free_port},
};
use std::time::Duration;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpListener,
    time::timeout,
};

const SOON: Duration = Duration::from_secs(20);

fn message(channel: Channel, payload: impl Into<bytes::Bytes>) -> Outgoing {
    Outgoing { channel, payload: payload.into() }
}

#[tokio::test]
async fn of_several_servers_one_is_enough() {
    let server = Server::nats(&[]);
    let urls = format!("nats://127.0.0.1:{}, nats://127.0.0.1:{}", free_port(), server.port);
    // In any order, as one is drawn.
    for _ in 0..8 {
        connect(&urls).connect("forum").await.unwrap();
    }
}

#[tokio::test]
async fn a_server_that_is_going_to_stop_is_left() {
    let server = Server::nats(&[]);
    let engine = connect(format!("nats://127.0.0.1:{}", server.port));
    let mut line = engine.connect("forum").await.unwrap();
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
    let (line, stream) = tokio::join!(engine.connect("forum"), serve);
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
    let mut line = engine.connect("forum").await.unwrap();
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
        engine.connect("forum").await.unwrap();
        assert!(!format!("{engine:?}").contains("secret"));
    }
}

#[tokio::test]
async fn a_url_that_is_none_is_an_error() {
    for url in ["", "ws://127.0.0.1:1", "http://127.0.0.1:1", "nats://127.0.0.1:1,"] {
        assert!(connect(url).connect("forum").await.is_err(), "{url}");
    }
    let engine = connect("nats://127.0.0.1:1").credentials_file("/nowhere/forum.creds");
    let error = engine.connect("forum").await.err().unwrap().to_string();
    assert!(error.starts_with("credentials of /nowhere/forum.creds: "), "{error}");
}
