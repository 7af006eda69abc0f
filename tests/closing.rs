//! A socket that is sent away: what of it is still handled, answered and run.

use socketkit::{Disconnect, Io, Limits, Reject, Server, Socket, State};
use std::{sync::Arc, time::Duration};
use tests::{
    chat::{Chat, ClientEvent, ServerEvent, client_event::*, clients, listen, soon, until},
    raw::{Bytes, CLOSE, TEXT, code, frame},
};
use tokio::sync::{Notify, mpsc};

/// Hears what was told, and then the code with which the socket ended.
type Seen = State<mpsc::UnboundedSender<String>>;

async fn tell(Tell(text): Tell, seen: Seen) {
    let _ = seen.send(text);
}

async fn ended(why: Disconnect, seen: Seen) {
    let _ = seen.send(why.code.to_string());
}

fn tells(texts: &[&str]) -> Vec<u8> {
    let tell = |text| frame(TEXT, format!(r#"{{"event":"tell","data":"{text}"}}"#));
    texts.iter().flat_map(tell).collect()
}

#[tokio::test]
async fn what_a_socket_sent_is_not_handled_when_on_connect_refuses_it() {
    let (sender, mut seen) = mpsc::unbounded_channel();
    let gate = Arc::new(Notify::new());
    let decide = gate.clone();
    let service = Server::<Chat>::new()
        .state(sender)
        .on_connect(async move || -> Result<(), Reject> {
            decide.notified().await;
            Err(Reject::new("banned", "you were banned"))
        })
        .on(tell)
        .on_disconnect(ended)
        .fallback(async |_: ClientEvent| {})
        .build();
    let mut peer = Bytes::greeted(listen(&service).await).await;
    peer.write(&tells(&["one", "two"])).await;
    // An answer to a ping says that what came before it was read.
    peer.write(&frame(tests::raw::PING, "")).await;
    assert_eq!(soon(peer.frame()).await, Some((tests::raw::PONG, Vec::new())));
    gate.notify_one();
    assert_eq!(peer.closed().await, 4403);
    assert_eq!(soon(seen.recv()).await.as_deref(), Some("4403"), "and nothing before it");
}

#[tokio::test]
async fn a_handler_that_closes_its_socket_answers_and_is_the_last() {
    let (sender, mut seen) = mpsc::unbounded_channel();
    let service = Server::<Chat>::new()
        .state(sender)
        .on(async |ask: Ask, socket: Socket<Chat>| {
            socket.emit(ServerEvent::Told("bye".into()));
            socket.close();
            socket.emit(ServerEvent::Told("too late".into()));
            ask.text
        })
        .on(tell)
        .on_disconnect(ended)
        .fallback(async |_: ClientEvent| {})
        .build();
    let mut peer = Bytes::greeted(listen(&service).await).await;
    let ask = frame(TEXT, r#"{"event":"ask","id":1,"data":{"text":"may I go?"}}"#);
    peer.write(&[tells(&["one"]), ask, tells(&["two", "three"])].concat()).await;
    assert_eq!(peer.line().await, r#"{"event":"told","data":"bye"}"#);
    assert_eq!(peer.line().await, r#"{"reply":1,"data":"may I go?"}"#);
    let (first, payload) = soon(peer.frame()).await.unwrap();
    assert_eq!((first, code(&payload)), (CLOSE, 1000));
    for expected in ["one", "1000"] {
        assert_eq!(soon(seen.recv()).await.as_deref(), Some(expected));
    }
}

#[tokio::test(start_paused = true)]
async fn an_on_disconnect_that_never_ends_keeps_no_server_from_stopping() {
    let service = Server::<Chat>::new()
        .limits(Limits::default().grace(Duration::from_secs(3)))
        .on_disconnect(async |_: Io<Chat>| std::future::pending::<()>().await)
        .fallback(async |_: ClientEvent| {})
        .build();
    let [client] = clients(&service).await;
    drop(client);
    until(|| service.io().is_empty()).await;
    soon(service.shutdown()).await;
}

#[tokio::test(start_paused = true)]
async fn what_a_handler_over_its_grace_holds_is_free_for_on_disconnect() {
    let lock = Arc::new(tokio::sync::Mutex::new(()));
    let (sender, mut ran) = mpsc::unbounded_channel();
    let (held, free) = (lock.clone(), lock);
    let service = Server::<Chat>::new()
        .on(async move |_: Tell| {
            let _guard = held.lock().await;
            std::future::pending::<()>().await;
        })
        .on_disconnect(async move || {
            let _guard = free.lock().await;
            let _ = sender.send(());
        })
        .fallback(async |_: ClientEvent| {})
        .build();
    let [client] = clients(&service).await;
    client.emit(Tell(String::new()));
    soon(client.close()).await;
    ran.recv().await.unwrap();
    soon(service.shutdown()).await;
}

/// An error that nobody should write.
#[derive(Debug)]
struct Bomb;

impl std::fmt::Display for Bomb {
    fn fmt(&self, _: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        panic!("when it is shown")
    }
}

impl std::error::Error for Bomb {}

impl Drop for Bomb {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            panic!("when it is dropped");
        }
    }
}

#[tokio::test]
async fn an_error_that_panics_is_answered_and_ends_nothing() {
    let (sender, mut ran) = mpsc::unbounded_channel();
    let service = Server::<Chat>::new()
        .on(async |_: Ask| Err::<String, _>(Bomb))
        .on_disconnect(async move || {
            let _ = sender.send(());
        })
        .fallback(async |_: ClientEvent| {})
        .build();
    let [client] = clients(&service).await;
    for _ in 0..2 {
        let error = soon(client.call(Ask { text: String::new() })).await.unwrap_err();
        assert_eq!(error.to_string(), "refused: internal error (internal)");
    }
    drop(client);
    soon(ran.recv()).await.unwrap();
}
