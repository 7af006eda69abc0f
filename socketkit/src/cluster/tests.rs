//! Several nodes in one process, over an engine that fails on demand.

use super::memory::Memory;
use crate::{Client, Events, Io, Limits, Protocol, Server, Service, Socket, Status};
use std::time::Duration;
use tokio::time::timeout;

#[derive(Debug, Clone, PartialEq, Events)]
#[events(crate = crate)]
pub(crate) enum ClientEvent {
    #[event(reply = ())]
    Join(String),
    #[event(reply = ())]
    Say { room: Option<String>, text: String },
}

#[derive(Debug, Clone, PartialEq, Events)]
#[events(crate = crate)]
pub(crate) enum ServerEvent {
    Said(String),
    #[event(reply = String)]
    Confirm(String),
}

#[derive(Protocol)]
#[protocol(client = ClientEvent, server = ServerEvent, room = String, crate = crate)]
pub(crate) struct Chat;

use client_event::{Join, Say};

fn node(engine: &Memory, limits: Limits) -> Service<Chat> {
    Server::<Chat>::new()
        .cluster(engine.clone())
        .limits(limits)
        .on(async |Join(room): Join, socket: Socket<Chat>| socket.join(room))
        .on(async |say: Say, io: Io<Chat>| {
            let said = ServerEvent::Said(say.text);
            match say.room {
                Some(room) => io.to(room).emit(said),
                None => io.broadcast(said),
            };
        })
        .build()
}

async fn soon<T>(what: impl Future<Output = T>) -> T {
    timeout(Duration::from_secs(10), what).await.expect("it takes too long")
}

async fn until(is_so: impl Fn() -> bool) {
    soon(async {
        while !is_so() {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    })
    .await;
}

async fn said(client: &mut Client<Chat>) -> String {
    match soon(client.recv()).await {
        Some(ServerEvent::Said(text)) => text,
        other => panic!("{other:?}"),
    }
}

/// Nodes that know each other.
async fn nodes<const N: usize>(engine: &Memory) -> [Service<Chat>; N] {
    let nodes = std::array::from_fn(|_| node(engine, Limits::default()));
    for node in &nodes {
        soon(node.joined()).await.unwrap();
        until(|| node.io().nodes().len() == N - 1).await;
    }
    nodes
}

#[tokio::test]
async fn what_is_emitted_on_one_node_reaches_the_sockets_of_all() {
    let engine = Memory::default();
    let [one, two] = nodes(&engine).await;
    let (mut ada, mut bob) = (soon(one.local()).await, soon(two.local()).await);
    soon(ada.call(Join("lobby".into()))).await.unwrap();
    soon(bob.call(Join("lobby".into()))).await.unwrap();
    until(|| one.io().len() == 2 && two.io().len() == 2).await;
    assert_eq!((one.io().local().len(), one.io().connected()), (1, 2));
    for (number, room) in [None, Some("lobby".to_owned())].into_iter().enumerate() {
        for (client, name) in [(ada.remote().clone(), "ada"), (bob.remote().clone(), "bob")] {
            let text = format!("{name} {number}");
            soon(client.call(Say { room: room.clone(), text: text.clone() })).await.unwrap();
            assert_eq!((said(&mut ada).await, said(&mut bob).await), (text.clone(), text));
        }
    }
    let delivery = one.io().local().broadcast(ServerEvent::Said("here".into()));
    assert!(!delivery.forwarded);
    assert!(one.io().broadcast(ServerEvent::Said("there".into())).forwarded);
    assert_eq!(said(&mut ada).await, "here");
    assert_eq!(said(&mut bob).await, "there");
}

#[tokio::test]
async fn what_was_lost_on_the_way_is_said_again() {
    let engine = Memory::default();
    let [one, two] = nodes(&engine).await;
    let mut bob = soon(two.local()).await;
    soon(bob.call(Join("lobby".into()))).await.unwrap();
    let mut count = 0;
    engine.lose(move |_, channel, _| {
        count += usize::from(matches!(channel, super::channel::Channel::Room(_)));
        count % 3 == 2
    });
    for number in 0..100 {
        one.io().to("lobby").emit(ServerEvent::Said(number.to_string()));
        tokio::task::yield_now().await;
    }
    for number in 0..99 {
        assert_eq!(said(&mut bob).await, number.to_string());
    }
    assert_eq!(two.io().stats().gaps, 0);
    let status = bob.status().borrow().clone();
    assert_eq!(status, Status::Open);
}
