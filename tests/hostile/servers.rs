//! Servers that do not keep to the protocol: what our client does.

use socketkit::{Client, CloseCode, ConnectError, Limits, Status};
use std::{net::SocketAddr, time::Duration};
use tests::{
    chat::{Chat, ServerEvent, next, server_event::Told, soon},
    raw::{BINARY, Bytes, PING, SUBPROTOCOL, TEXT, announce, frame},
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpListener,
    task::JoinHandle,
};
use tokio_tungstenite::{accept_async, tungstenite::handshake::derive_accept_key};

const HELLO: &str = r#"{"hello":{"session":"1","heartbeat":25000,"limit":65536}}"#;

/// An unmasked frame, as servers send it.
fn plain(first: u8, payload: &str) -> Vec<u8> {
    [&announce(first, false, payload.len() as u64), payload.as_bytes()].concat()
}

/// A server of one socket to which it says `bytes`; all that the client says.
async fn saying(bytes: Vec<u8>) -> (SocketAddr, JoinHandle<Vec<u8>>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let addr = listener.local_addr().expect("an address");
    let serving = tokio::spawn(async move {
        let (stream, _) = listener.accept().await.expect("a client");
        let mut stream = accept_async(stream).await.expect("it upgrades").into_inner();
        stream.write_all(&bytes).await.expect("it is open");
        let mut said = Vec::new();
        // A client that was told nonsense may also end with a reset.
        let _ = stream.read_to_end(&mut said).await;
        said
    });
    (addr, serving)
}

/// The code of a masked close frame.
fn code(frame: &[u8]) -> u16 {
    match *frame {
        [0x88, 0x82..=0xff, a, b, _, _, high, low, ..] => u16::from_be_bytes([high ^ a, low ^ b]),
        _ => panic!("not a close frame: {frame:?}"),
    }
}

#[tokio::test]
async fn a_server_that_does_not_say_hello_is_left_with_a_code() {
    for (bytes, expected) in [
        (plain(TEXT, "{}"), 4400),
        (plain(TEXT, ""), 4400),
        (plain(TEXT, r#"{"event":"told","data":"x"}"#), 4400),
        (plain(TEXT, r#"{"hello":7}"#), 4400),
        (plain(TEXT, r#"{"hello":{"session":"1"}}"#), 4400),
        (plain(BINARY, HELLO), 1003),
        (frame(TEXT, HELLO), 1002),
        (plain(0xc1, HELLO), 1002),
        (announce(TEXT, false, 1 << 40), 1009),
    ] {
        let (addr, said) = saying(bytes).await;
        match soon(Client::<Chat>::connect(format!("ws://{addr}/"))).await {
            Err(ConnectError::Closed(disconnect)) => {
                assert_eq!(disconnect.code, CloseCode(expected), "{disconnect}");
            }
            other => panic!("instead of {expected}: {other:?}"),
        }
        assert_eq!(code(&soon(said).await.unwrap()), expected);
    }
}

#[tokio::test]
async fn a_fault_after_hello_closes_for_good() {
    for (bytes, expected) in [
        (plain(TEXT, HELLO), 4400),
        (plain(TEXT, "[]"), 4400),
        (plain(BINARY, "x"), 1003),
        (frame(PING, ""), 1002),
        (plain(0x09, ""), 1002),
    ] {
        let bytes = [plain(TEXT, HELLO), bytes].concat();
        let (addr, said) = saying(bytes).await;
        let client = soon(Client::<Chat>::connect(format!("ws://{addr}/"))).await.unwrap();
        let mut status = client.status();
        let closed =
            |status: &Status| matches!(status, Status::Closed { code, .. } if code.0 == expected);
        soon(status.wait_for(closed)).await.unwrap();
        assert_eq!(code(&soon(said).await.unwrap()), expected);
    }
}

#[tokio::test]
async fn what_a_newer_server_says_is_skipped() {
    let bytes = [
        plain(TEXT, r#"{"hello":{"session":"1","heartbeat":25000,"limit":65536,"new":[]}}"#),
        plain(TEXT, r#"{"news":1}"#),
        plain(TEXT, r#"{"event":"new_event","data":{}}"#),
        plain(TEXT, r#"{"event":"told"}"#),
        plain(TEXT, r#"{"error":{"code":"new","message":"m","more":1}}"#),
        plain(TEXT, r#"{"reply":7}"#),
        plain(TEXT, r#"{"event":"told","data":"still here","more":1}"#),
    ];
    let (addr, _said) = saying(bytes.concat()).await;
    let mut client = soon(Client::<Chat>::connect(format!("ws://{addr}/"))).await.unwrap();
    assert_eq!(next(&mut client).await, ServerEvent::Told("still here".into()));
}

#[tokio::test]
async fn a_server_that_says_nothing_is_left_in_time() {
    let (addr, _said) = saying(Vec::new()).await;
    let limits = Limits::default().handshake(Duration::from_millis(100));
    let client = Client::<Chat>::builder(format!("ws://{addr}/")).limits(limits);
    match soon(client.connect()).await {
        Err(ConnectError::Closed(disconnect)) => assert_eq!(disconnect.code, CloseCode::TIMEOUT),
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_101_that_answers_another_request_is_refused() {
    let good = [
        ("upgrade", "websocket"),
        ("connection", "Upgrade"),
        ("sec-websocket-accept", "ACCEPT"),
        ("sec-websocket-protocol", SUBPROTOCOL),
    ];
    for (name, value, is_good) in [
        ("x-other", "1", true),
        ("sec-websocket-protocol", "", true),
        ("sec-websocket-protocol", "another", false),
        ("upgrade", "h2c", false),
        ("connection", "keep-alive", false),
        ("sec-websocket-accept", "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=", false),
        ("sec-websocket-extensions", "permessage-deflate", false),
    ] {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let addr = listener.local_addr().unwrap();
        tokio::spawn(async move {
            let (stream, _) = listener.accept().await.unwrap();
            let mut peer = Bytes::over(stream);
            let request = peer.head().await;
            let key = request.lines().find_map(|line| {
                let (name, key) = line.split_once(": ")?;
                name.eq_ignore_ascii_case("sec-websocket-key").then(|| key.to_owned())
            });
            let accept = derive_accept_key(key.unwrap().as_bytes());
            let mut headers = good.to_vec();
            headers.retain(|(other, _)| *other != name);
            headers.extend((!value.is_empty()).then_some((name, value)));
            let mut head = "HTTP/1.1 101 Switching Protocols\r\n".to_owned();
            for (name, value) in headers {
                head += &format!("{name}: {value}\r\n");
            }
            peer.write((head.replace("ACCEPT", &accept) + "\r\n").as_bytes()).await;
            peer.write(&plain(TEXT, HELLO)).await;
            peer.head().await;
        });
        let client = soon(Client::<Chat>::connect(format!("ws://{addr}/"))).await;
        assert_eq!(client.is_ok(), is_good, "{name}: {value}: {client:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_is_not_silent_because_a_handler_of_the_client_keeps_its_thread() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let addr = listener.local_addr().unwrap();
    let (stop, mut stopped) = tokio::sync::oneshot::channel::<()>();
    let serving = tokio::spawn(async move {
        let (stream, _) = listener.accept().await.unwrap();
        let mut stream = accept_async(stream).await.unwrap().into_inner();
        let hello = HELLO.replace("25000", "100");
        stream.write_all(&plain(TEXT, &hello)).await.unwrap();
        stream.write_all(&plain(TEXT, r#"{"event":"told","data":"begin"}"#)).await.unwrap();
        let mut beats = tokio::time::interval(Duration::from_millis(20));
        while stopped.try_recv().is_err() {
            beats.tick().await;
            stream.write_all(&plain(TEXT, "{}")).await.expect("the client is there");
        }
        stream.write_all(&plain(TEXT, r#"{"event":"told","data":"end"}"#)).await.unwrap();
        let _ = stream.read_to_end(&mut Vec::new()).await;
    });
    let (sender, mut told) = tokio::sync::mpsc::unbounded_channel();
    let client =
        Client::<Chat>::builder(format!("ws://{addr}/")).on(async move |Told(text): Told| {
            if text == "begin" {
                // Five heartbeats, of which nothing is read meanwhile.
                std::thread::sleep(Duration::from_millis(500));
            }
            sender.send(text).unwrap();
        });
    let client = soon(client.connect()).await.unwrap();
    assert_eq!(soon(told.recv()).await.unwrap(), "begin");
    stop.send(()).unwrap();
    assert_eq!(soon(told.recv()).await.unwrap(), "end");
    drop(client);
    soon(serving).await.unwrap();
}
