//! A socket that is sent away, or goes: what of it is still handled.

use socketkit::{Disconnect, Server, State};
use std::sync::Arc;
use tests::{
    chat::{Chat, ClientEvent, client_event::*, soon},
    nodes::{Fixture, Nodes},
    on_each_fixture,
    raw::{Bytes, CLOSE, TEXT, frame},
};
use tokio::sync::{Notify, mpsc};

on_each_fixture! {
    events_that_wait_are_dropped_when_somebody_else_closes_their_socket,
    what_came_before_a_peer_left_is_handled,
}

/// Hears what was told, and then the code with which the socket ended.
type Seen = State<mpsc::UnboundedSender<String>>;

fn tells(texts: &[&str]) -> Vec<u8> {
    let tell = |text| frame(TEXT, format!(r#"{{"event":"tell","data":"{text}"}}"#));
    texts.iter().flat_map(tell).collect()
}

/// A peer that asked something, whose handler is at work until `gate` opens, and then sent more.
async fn behind_a_handler(
    on: Fixture,
    more: Vec<u8>,
) -> (Nodes<Chat>, Bytes, mpsc::UnboundedReceiver<String>, Arc<Notify>) {
    let (sender, seen) = mpsc::unbounded_channel();
    let (begun, gate) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
    let nodes = on
        .nodes(|server: Server<Chat>| {
            let (at_work, wait) = (begun.clone(), gate.clone());
            server
                .state(sender.clone())
                .on(async move |_: Ask| {
                    at_work.notify_one();
                    wait.notified().await;
                    String::new()
                })
                .on(async |Tell(text): Tell, seen: Seen| {
                    let _ = seen.send(text);
                })
                .on_disconnect(async |why: Disconnect, seen: Seen| {
                    let _ = seen.send(why.code.to_string());
                })
                .fallback(async |_: ClientEvent| {})
                .build()
        })
        .await;
    let mut peer = Bytes::greeted(nodes.addr()).await;
    let ask = frame(TEXT, r#"{"event":"ask","id":1,"data":{"text":""}}"#);
    peer.write(&[ask, more].concat()).await;
    soon(begun.notified()).await;
    nodes.settle().await;
    (nodes, peer, seen, gate)
}

async fn events_that_wait_are_dropped_when_somebody_else_closes_their_socket(on: Fixture) {
    let (nodes, mut peer, mut seen, gate) = behind_a_handler(on, tells(&["one"])).await;
    nodes.io().all().close();
    assert_eq!(peer.closed().await, 1000);
    gate.notify_one();
    assert_eq!(soon(seen.recv()).await.as_deref(), Some("1000"), "and nothing before it");
}

async fn what_came_before_a_peer_left_is_handled(on: Fixture) {
    let leave = frame(CLOSE, 1000_u16.to_be_bytes());
    let more = [tells(&["one", "two"]), leave].concat();
    let (_nodes, mut peer, mut seen, gate) = behind_a_handler(on, more).await;
    assert_eq!(peer.closed().await, 1000);
    gate.notify_one();
    for expected in ["one", "two", "1000"] {
        assert_eq!(soon(seen.recv()).await.as_deref(), Some(expected));
    }
}
