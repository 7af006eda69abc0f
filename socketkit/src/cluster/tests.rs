//! Several nodes in one process, over an engine that fails on demand.

mod calling;
mod departing;
mod durable;
mod handle;
mod healing;
mod journey;
mod moving;
mod presence;
mod recovering;
mod returning;

use super::{memory::Memory, message::Message};
use crate::{
    Client, ClusterOptions, ClusterStatus, Events, Io, Limits, Protocol, Server, Service, Socket,
    Status,
};
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
    node_of(engine.clone(), limits)
}

fn node_of(cluster: impl Into<ClusterOptions>, limits: Limits) -> Service<Chat> {
    Server::<Chat>::new()
        .cluster(cluster)
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

#[tokio::test]
async fn what_is_not_kept_any_more_is_a_gap_for_those_whom_it_concerns() {
    let engine = Memory::default();
    let few = || Limits::default().repeated(1).drain_interval(Duration::ZERO);
    let (one, two) = (node(&engine, few()), node(&engine, few()));
    soon(two.joined()).await.unwrap();
    until(|| one.io().nodes().len() + two.io().nodes().len() == 2).await;
    let (mut bob, mut eve) = (soon(two.local()).await, soon(two.local()).await);
    soon(bob.call(Join("lobby".into()))).await.unwrap();
    let say = |text: &str| {
        one.io().to("lobby").emit(ServerEvent::Said(text.into()));
    };
    say("before");
    assert_eq!(said(&mut bob).await, "before");
    engine.lose(|_, channel, _| matches!(channel, super::channel::Channel::Room(_)));
    for text in ["lost", "lost as well"] {
        let published = engine.published();
        say(text);
        until(|| engine.published() > published).await;
    }
    engine.lose(|_, _, _| false);
    say("late");
    let mut status = bob.status();
    soon(status.wait_for(|status| matches!(status, Status::Reset { .. }))).await.unwrap();
    assert_eq!(two.io().stats().events[0].emitted, 2, "what came is delivered");
    one.io().broadcast(ServerEvent::Said("all".into()));
    assert_eq!(said(&mut eve).await, "all");
    assert_eq!(*eve.status().borrow(), Status::Open, "it was not in that room");
}

#[tokio::test]
async fn what_is_emitted_while_the_engine_is_down_arrives_when_it_is_up() {
    let engine = Memory::default();
    let [one, two] = nodes(&engine).await;
    let (mut ada, mut bob) = (soon(one.local()).await, soon(two.local()).await);
    soon(bob.call(Join("lobby".into()))).await.unwrap();
    one.io().to("lobby").emit(ServerEvent::Said("up".into()));
    assert_eq!(said(&mut bob).await, "up");
    engine.down();
    for node in [&one, &two] {
        let mut status = node.io().cluster();
        soon(status.wait_for(|status| *status == ClusterStatus::Degraded)).await.unwrap();
    }
    assert!(one.io().broadcast(ServerEvent::Said("down".into())).forwarded);
    assert_eq!(said(&mut ada).await, "down", "at once");
    one.io().to("lobby").emit(ServerEvent::Said("in the lobby".into()));
    engine.up();
    assert_eq!(
        (said(&mut bob).await, said(&mut bob).await),
        ("down".into(), "in the lobby".into())
    );
    assert_eq!(*bob.status().borrow(), Status::Open);
    let status = *one.io().cluster().borrow();
    assert_eq!(status, ClusterStatus::Connected);
}

#[tokio::test]
async fn the_last_words_before_a_connection_is_cut_are_said_again() {
    let engine = Memory::default();
    let [one, two] = nodes(&engine).await;
    let mut bob = soon(two.local()).await;
    one.io().broadcast(ServerEvent::Said("first".into()));
    assert_eq!(said(&mut bob).await, "first");
    engine.lose(|_, channel, _| channel == super::channel::Channel::All);
    let published = engine.published();
    one.io().broadcast(ServerEvent::Said("last".into()));
    until(|| engine.published() > published).await;
    engine.lose(|_, _, _| false);
    engine.cut();
    assert_eq!(said(&mut bob).await, "last", "nothing was said afterwards");
}

#[tokio::test]
async fn sockets_of_all_nodes_are_moved_and_closed_by_one() {
    let engine = Memory::default();
    let [one, two] = nodes(&engine).await;
    let mut bob = soon(two.local()).await;
    one.io().all().join("lobby");
    one.io().to("lobby").emit(ServerEvent::Said("in".into()));
    assert_eq!(said(&mut bob).await, "in", "though nobody was there to listen to that room");
    one.io().to("lobby").leave("lobby");
    one.io().to("lobby").emit(ServerEvent::Said("out".into()));
    one.io().to("lobby").to("hall").emit(ServerEvent::Said("out".into()));
    one.io().broadcast(ServerEvent::Said("all".into()));
    assert_eq!(said(&mut bob).await, "all");
    one.io().all().close_with(crate::CloseCode::FORBIDDEN, "go");
    assert_eq!(soon(bob.recv()).await, None);
    let status = bob.status().borrow().clone();
    assert!(
        matches!(status, Status::Closed { code: crate::CloseCode::FORBIDDEN, .. }),
        "{status:?}"
    );
}

/// A client of a node that confirms what it is asked with its name.
async fn confirming(node: &Service<Chat>, name: &'static str) -> Client<Chat> {
    let confirm = async move |confirm: server_event::Confirm| format!("{name} {}", confirm.0);
    soon(Client::to(node).on(confirm).connect()).await.unwrap()
}

async fn replies(mut replies: crate::Replies<String>) -> (Vec<String>, usize) {
    let mut all = Vec::new();
    while let Some((_, reply)) = soon(replies.next()).await {
        all.push(reply.unwrap());
    }
    all.sort();
    (all, replies.missing().len())
}

#[tokio::test]
async fn sockets_of_all_nodes_answer_a_call() {
    let engine = Memory::default();
    let [one, two, three] = nodes(&engine).await;
    let _ada = confirming(&one, "ada").await;
    let bob = confirming(&two, "bob").await;
    let _eve = confirming(&two, "eve").await;
    let _dan = confirming(&three, "dan").await;
    soon(bob.call(Join("lobby".into()))).await.unwrap();
    let io = one.io();
    let call = |text: &str| server_event::Confirm(text.into());
    let (all, missing) = replies(io.all().call(call("?"))).await;
    assert_eq!((all.join(","), missing), ("ada ?,bob ?,dan ?,eve ?".into(), 0));
    let (all, missing) = replies(io.to("lobby").to("hall").call(call("!"))).await;
    assert_eq!((all.join(","), missing), ("bob !".into(), 0));
    let (all, _) = replies(io.to("nowhere").call(call("!"))).await;
    assert!(all.is_empty());
    let (all, _) = replies(io.local().all().call(call("."))).await;
    assert_eq!(all.join(","), "ada .");
    assert_eq!(soon(io.all().count()).await.sockets, 4);
    assert_eq!(soon(io.to("lobby").count()).await.sockets, 1);
    let fetched = soon(io.to("lobby").fetch_sockets()).await;
    let [socket] = &fetched.sockets[..] else { panic!("{fetched:?}") };
    assert!(!socket.is_here() && fetched.missing.is_empty());
    assert_eq!(soon(socket.call(call("you"))).await.unwrap(), "bob you");
}

#[tokio::test]
async fn a_socket_of_another_node_is_reached_by_its_id() {
    let engine = Memory::default();
    let [one, two] = nodes(&engine).await;
    let mut bob = confirming(&two, "bob").await;
    let id = two.io().sockets()[0].id();
    assert_eq!(id.to_string().parse(), Ok(id));
    let socket = one.io().socket(id).unwrap();
    assert!(socket.emit(ServerEvent::Said("hello".into())).forwarded);
    assert_eq!(said(&mut bob).await, "hello");
    assert_eq!(soon(socket.call(server_event::Confirm("?".into()))).await.unwrap(), "bob ?");
    socket.join("lobby");
    one.io().to("lobby").emit(ServerEvent::Said("in".into()));
    assert_eq!(said(&mut bob).await, "in");
    socket.leave("lobby");
    until(|| two.io().room_count() == 0).await;
    socket.close();
    assert_eq!(soon(bob.recv()).await, None);
    until(|| two.io().is_empty()).await;
    let error = soon(socket.call(server_event::Confirm("?".into()))).await.unwrap_err();
    assert!(matches!(error, crate::CallError::Closed), "{error:?}");
    assert!(one.io().local().socket(id).is_none());
}

#[tokio::test]
async fn a_node_that_does_not_answer_is_named() {
    let engine = Memory::default();
    let [one, two, three] = nodes(&engine).await;
    let _bob = confirming(&two, "bob").await;
    let _dan = confirming(&three, "dan").await;
    let deaf = two.io().node();
    engine.lose(move |_, channel, message| {
        let says = |from| {
            Message::read(bytes::Bytes::copy_from_slice(message))
                .is_ok_and(|it| it.head.from == from)
        };
        matches!(channel, super::channel::Channel::Node(_)) && says(deaf)
    });
    let ask = one.io().all().call(server_event::Confirm("?".into()));
    let (mut all, mut replies) = (Vec::new(), ask.timeout(Duration::from_millis(100)));
    while let Some((_, reply)) = soon(replies.next()).await {
        all.push(reply.unwrap());
    }
    assert_eq!((&all[..], replies.missing()), (&["dan ?".to_owned()][..], &[deaf][..]));
}

#[tokio::test]
async fn a_process_without_sockets_emits_to_those_of_all_nodes() {
    let engine = Memory::default();
    let [one, two] = nodes(&engine).await;
    let (mut ada, mut bob) = (soon(one.local()).await, soon(two.local()).await);
    soon(bob.call(Join("lobby".into()))).await.unwrap();
    let emitter = soon(crate::Emitter::<Chat>::connect(engine.clone())).await.unwrap();
    assert!(emitter.is_empty() && one.io().nodes().len() == 1, "it is no node");
    emitter.broadcast(ServerEvent::Said("all".into()));
    emitter.to("lobby").emit(ServerEvent::Said("lobby".into()));
    let (io, status) = ((*emitter).clone(), emitter.cluster());
    soon(emitter.close()).await.unwrap();
    assert_eq!(*status.borrow(), ClusterStatus::Left);
    assert!(!io.broadcast(ServerEvent::Said("too late".into())).forwarded);
    until(|| io.nodes().is_empty()).await;
    assert_eq!(said(&mut ada).await, "all");
    assert_eq!((said(&mut bob).await, said(&mut bob).await), ("all".into(), "lobby".into()));
    engine.down();
    let error = soon(crate::Emitter::<Chat>::connect(engine.clone())).await.unwrap_err();
    let expected = "the engine `memory` of the cluster cannot be reached: it is down";
    assert_eq!(error.to_string(), expected);
}

#[tokio::test]
async fn who_cannot_reach_the_engine_starts_only_if_told_to() {
    let engine = Memory::default();
    engine.down();
    let alone = node(&engine, Limits::default());
    assert!(soon(alone.joined()).await.is_err());
    let refused = soon(alone.local()).await;
    let status = refused.status().borrow().clone();
    assert!(matches!(status, Status::Waiting { .. }), "refused, and to come back: {status:?}");
    drop(refused);
    let standalone = crate::ClusterOptions { is_standalone: true, ..engine.clone().into() };
    let service =
        Server::<Chat>::new().cluster(standalone).ignore::<Join>().ignore::<Say>().build();
    soon(service.joined()).await.unwrap();
    let mut ada = soon(service.local()).await;
    assert!(!service.io().broadcast(ServerEvent::Said("alone".into())).forwarded);
    assert_eq!(said(&mut ada).await, "alone");
    engine.up();
    for node in [&service, &alone] {
        let mut status = node.io().cluster();
        soon(status.wait_for(|status| *status == ClusterStatus::Connected)).await.unwrap();
    }
    until(|| alone.io().nodes().len() == 1).await;
    let mut bob = soon(alone.local()).await;
    alone.io().broadcast(ServerEvent::Said("together".into()));
    assert_eq!(
        (said(&mut ada).await, said(&mut bob).await),
        ("together".into(), "together".into())
    );
}

#[tokio::test]
async fn whoever_is_revoked_is_closed_on_all_nodes() {
    let engine = Memory::default();
    let login = async |handshake: crate::Handshake| -> Result<String, crate::Reject> {
        Ok(handshake.token().unwrap_or("nobody").to_owned())
    };
    let node = || {
        let server = Server::<Chat>::new().cluster(engine.clone()).authorize(login);
        let server = server.identify(|user: &String| user.clone());
        server.ignore::<Join>().ignore::<Say>().build()
    };
    let (one, two) = (node(), node());
    soon(one.joined()).await.unwrap();
    let of = async |node: &Service<Chat>, user: &str| {
        soon(Client::to(node).token(user).connect()).await.unwrap()
    };
    let (mut ada, mut bob) = (of(&two, "ada").await, of(&two, "bob").await);
    assert_eq!(one.io().revoke(&"ada".to_owned()), 0, "none is here");
    assert_eq!(soon(ada.recv()).await, None);
    let status = ada.status().borrow().clone();
    assert!(matches!(status, Status::Closed { code: crate::CloseCode::UNAUTHORIZED, .. }));
    one.io().broadcast(ServerEvent::Said("still there".into()));
    assert_eq!(said(&mut bob).await, "still there");
}
