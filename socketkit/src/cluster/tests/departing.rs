//! Sessions that another node asks for, where they cannot go.

use super::{
    Chat, ClientEvent, Join, Memory, Say, moving::Roaming, node, returning::moved, soon, until,
};
use crate::{
    CloseCode, Handshake, Limits, Server, Service, Status,
    cluster::{
        arrivals::ask_for,
        message::{Message, Record},
        moving::{Pass, SessionState},
        takeover::peer,
    },
    outbox::{Gate, Summons},
    peer::Peer,
    ticket::{Ticket, Token},
};
use bytes::Bytes;
use serde::{Serialize, Serializer};
use std::{
    future::pending,
    sync::{
        Arc, OnceLock,
        atomic::{AtomicUsize, Ordering},
        mpsc,
    },
    thread,
    time::Duration,
};
use tokio::{
    io::{AsyncReadExt, DuplexStream, duplex},
    sync::Notify,
    task::yield_now,
};

/// How often something is said from now on.
pub(super) fn count(
    engine: &Memory,
    is_it: impl Fn(&Record) -> bool + Send + 'static,
) -> Arc<AtomicUsize> {
    let count = Arc::new(AtomicUsize::new(0));
    let counts = count.clone();
    engine.lose(move |_, _, message| {
        let message = Message::read(Bytes::copy_from_slice(message)).unwrap();
        let found = message.head.records.iter().filter(|record| is_it(record)).count();
        counts.fetch_add(found, Ordering::SeqCst);
        false
    });
    count
}

pub(super) async fn acquainted(nodes: &[Service<Chat>; 2]) {
    for node in nodes {
        soon(node.joined()).await.unwrap();
    }
    until(|| nodes.iter().all(|node| node.io().nodes().len() == 1)).await;
}

/// Loses the engine when a session is about to go to the second node.
pub(super) async fn lost_on_leaving(engine: &Memory, roaming: &Roaming<Chat>) {
    let asked = count(engine, |record| matches!(record, Record::Go { .. }));
    roaming.go_to(1);
    until(|| asked.load(Ordering::SeqCst) > 0).await;
    engine.down();
}

#[tokio::test]
async fn a_session_whose_engine_is_lost_while_it_is_about_to_go_ends() {
    let engine = Memory::default();
    let (begun, ended) = (Arc::new(Notify::new()), Arc::new(AtomicUsize::new(0)));
    let node = || {
        let (begun, ended) = (begun.clone(), ended.clone());
        let say = async move |_: Say| {
            begun.notify_one();
            pending::<()>().await;
        };
        let server = Server::<Chat>::new().cluster(engine.clone()).ignore::<Join>().on(say);
        let server = server.on_disconnect(async move || {
            ended.fetch_add(1, Ordering::SeqCst);
        });
        server.limits(Limits::default().grace(Duration::from_millis(50))).build()
    };
    let all = [node(), node()];
    acquainted(&all).await;
    let roaming = Roaming::new(&all);
    let ada = soon(roaming.client().connect()).await.unwrap();
    ada.emit(ClientEvent::Say { room: None, text: "slow".into() });
    soon(begun.notified()).await;
    lost_on_leaving(&engine, &roaming).await;
    until(|| all[0].io().local().is_empty()).await;
    until(|| ended.load(Ordering::SeqCst) == 1).await;
}

#[tokio::test]
async fn whoever_asks_for_a_session_that_does_not_go_is_told() {
    let engine = Memory::default();
    let begins = Server::<Chat>::new().cluster(engine.clone()).ignore::<Join>().ignore::<Say>();
    let all = [
        begins.on_connect(async || pending::<()>().await).build(),
        node(&engine, Limits::default()),
    ];
    acquainted(&all).await;
    let roaming = Roaming::new(&all);
    let ada = soon(roaming.client().connect()).await.unwrap();
    let told = count(&engine, |record| matches!(record, Record::NoSession { .. }));
    roaming.go_to(1);
    let mut status = ada.status();
    soon(status.wait_for(|status| matches!(status, Status::Reset { .. }))).await.unwrap();
    assert_eq!(told.load(Ordering::SeqCst), 1);
}

#[tokio::test]
async fn a_session_that_came_and_ended_is_a_gap_at_once() {
    let engine = Memory::default();
    let limits = || Limits::default().handshake(Duration::from_secs(60));
    let all = [node(&engine, limits()), node(&engine, limits())];
    acquainted(&all).await;
    let roaming = Roaming::new(&all);
    let _ada = soon(roaming.client().connect()).await.unwrap();
    let id = all[0].io().local().sockets()[0].id();
    let token = all[0].io().hub.peer(id).unwrap().seat().token(id, all[0].io().node());
    moved(&roaming, &all, 1).await;
    all[1].io().local().all().close();
    until(|| all[1].io().local().is_empty()).await;
    // Its client has not heard that it came.
    let mut near = come_back(&all[1], &token.unwrap(), 9);
    reads(&mut near, "\"gap\":\"unknown\"").await;
}

/// Somebody who comes back to a session, for the so manieth time.
pub(super) fn come_back(node: &Service<Chat>, token: &str, attempt: u32) -> DuplexStream {
    connect(node, &format!("socketkit.v1.json, resume.{token}.0.{attempt}"))
}

pub(super) fn connect(node: &Service<Chat>, words: &str) -> DuplexStream {
    let request = http::Request::builder().header("sec-websocket-protocol", words);
    let (near, far) = duplex(4_096);
    let (service, request) = (node.clone(), request.body(()).unwrap());
    tokio::spawn(async move { service.upgraded(far, request).await });
    near
}

/// Reads until this has come: all that has.
pub(super) async fn reads(stream: &mut DuplexStream, expected: impl AsRef<[u8]>) -> String {
    let (mut read, expected) = (Vec::new(), expected.as_ref());
    while !read.windows(expected.len()).any(|bytes| bytes == expected) {
        let more = soon(stream.read_buf(&mut read)).await.unwrap();
        assert_ne!(more, 0, "{:?}", String::from_utf8_lossy(&read));
    }
    String::from_utf8_lossy(&read).into_owned()
}

#[tokio::test]
async fn of_two_who_come_for_a_session_at_once_the_later_has_it() {
    for attempts in [[8, 9], [9, 8]] {
        let engine = Memory::default();
        let all = [node(&engine, Limits::default()), node(&engine, Limits::default())];
        acquainted(&all).await;
        let roaming = Roaming::new(&all);
        let ada = soon(roaming.client().connect()).await.unwrap();
        let socket = all[0].io().local().sockets().remove(0);
        let token = socket.peer().seat().token(socket.id(), all[0].io().node()).unwrap();
        let [mut one, mut two] = attempts.map(|attempt| come_back(&all[1], &token, attempt));
        let (late, early) =
            if attempts[0] == 9 { (&mut one, &mut two) } else { (&mut two, &mut one) };
        reads(late, "\"seen\":0").await;
        reads(early, CloseCode::SUPERSEDED.0.to_be_bytes()).await;
        let sockets = all[1].io().local().sockets();
        assert_eq!(sockets.iter().map(crate::Socket::id).collect::<Vec<_>>(), [socket.id()]);
        drop(ada);
    }
}

#[tokio::test]
async fn a_session_that_is_closed_while_it_is_about_to_go_stays_closed() {
    let engine = Memory::default();
    let (begun, done) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
    let node = || {
        let (begun, done) = (begun.clone(), done.clone());
        let say = async move |_: Say| {
            begun.notify_one();
            done.notified().await;
        };
        Server::<Chat>::new().cluster(engine.clone()).ignore::<Join>().on(say).build()
    };
    let all = [node(), node()];
    acquainted(&all).await;
    let roaming = Roaming::new(&all);
    let ada = soon(roaming.client().connect()).await.unwrap();
    let closed = all[0].io().local().sockets().remove(0);
    ada.emit(ClientEvent::Say { room: None, text: "slow".into() });
    soon(begun.notified()).await;
    roaming.go_to(1);
    let is_held = |peer: &Peer| matches!(peer.queue().summons(), Summons::Gate(Gate::Held));
    until(|| is_held(closed.peer())).await;
    // Its task waits for the handler by then.
    for _ in 0..100 {
        yield_now().await;
    }
    closed.close();
    done.notify_one();
    let mut status = ada.status();
    let is_over = |status: &Status| matches!(status, Status::Reset { .. } | Status::Closed { .. });
    soon(status.wait_for(is_over)).await.unwrap();
    until(|| all[0].io().local().is_empty()).await;
    let there = all[1].io().local().sockets();
    assert!(there.iter().all(|socket| socket.id() != closed.id()), "it does not go on");
}

#[tokio::test]
async fn a_session_that_comes_when_nobody_waits_any_more_is_given_up() {
    let engine = Memory::default();
    let all = [node(&engine, Limits::default()), node(&engine, Limits::default())];
    acquainted(&all).await;
    let roaming = Roaming::new(&all);
    let _ada = soon(roaming.client().connect()).await.unwrap();
    let socket = all[0].io().local().sockets().remove(0);
    let (id, owner) = (socket.id(), all[0].io().node());
    let token = socket.peer().seat().token(id, owner).unwrap();
    let kept = count(&engine, |record| matches!(record, Record::Kept { .. }));
    let hub = all[1].io().hub;
    let shared = &hub.cluster.get().unwrap().shared;
    let asking = shared.ask(None);
    let terms = shared.terms.clone();
    let make = move |state: &SessionState, bytes| peer(state, bytes, terms, Handshake::default());
    let arriving = shared.expect((id, asking.id), Vec::new(), Box::new(make)).unwrap();
    let secret = socket.peer().seat().secrets().0;
    let ticket = Ticket::new(Token { owner, id, secret }, 0, 2);
    ask_for(shared, owner, asking.id, &Pass::new(&ticket, None).unwrap(), true);
    until(|| hub.peer(id).is_some()).await;
    // Another connection counts on it.
    let mut near = come_back(&all[1], &token, 9);
    until(|| hub.peer(id).is_some_and(|peer| peer.seat().is_late(&ticket))).await;
    drop(arriving);
    assert!(hub.peer(id).is_none());
    reads(&mut near, "\"gap\":\"unknown\"").await;
    assert_eq!(kept.load(Ordering::SeqCst), 0, "its last node ends it");
}

#[tokio::test]
async fn a_session_that_was_here_needs_a_place_to_come_back() {
    let engine = Memory::default();
    let (asked, go) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
    let node = |sockets| {
        let (asked, go) = (asked.clone(), go.clone());
        let authorize = async move |handshake: Handshake| {
            let is_slow =
                handshake.words("sec-websocket-protocol").any(|word| word.ends_with(".7"));
            if is_slow {
                asked.notify_one();
                go.notified().await;
            }
            Ok::<_, crate::Reject>(())
        };
        let server = Server::<Chat>::new().cluster(engine.clone()).authorize(authorize);
        let server = server.limits(Limits::default().sockets(sockets));
        server.ignore::<Join>().ignore::<Say>().build()
    };
    let all = [node(1), node(9)];
    acquainted(&all).await;
    let roaming = Roaming::new(&all);
    let _ada = soon(roaming.client().connect()).await.unwrap();
    let socket = all[0].io().sockets().remove(0);
    let token = socket.peer().seat().token(socket.id(), all[0].io().node()).unwrap();
    // It has its place, as long as it is there.
    let mut back = come_back(&all[0], &token, 7);
    soon(asked.notified()).await;
    moved(&roaming, &all, 1).await;
    let mut bob = connect(&all[0], "socketkit.v1.json");
    reads(&mut bob, "\"session\"").await;
    go.notify_one();
    reads(&mut back, CloseCode::FULL.0.to_be_bytes()).await;
    assert_eq!(all[0].io().local().len(), 1);
    assert_eq!(all[1].io().local().sockets()[0].id(), socket.id());
}

/// Looks at the seats of all sockets from another thread, whenever it is told apart from others or named.
#[derive(Clone)]
struct Curious(Arc<dyn Fn() + Send + Sync>);

impl PartialEq for Curious {
    fn eq(&self, _: &Self) -> bool {
        (self.0)();
        true
    }
}

impl Eq for Curious {}

impl Serialize for Curious {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        (self.0)();
        serializer.serialize_str("curious")
    }
}

#[tokio::test]
async fn no_lock_of_a_session_is_held_while_its_identity_is_looked_at() {
    let engine = Memory::default();
    let nodes = Arc::new(OnceLock::<Vec<Service<Chat>>>::new());
    let (looked, stuck) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let (counts, fails, sees) = (looked.clone(), stuck.clone(), nodes.clone());
    let curious = Curious(Arc::new(move || {
        let Some(nodes) = sees.get().cloned() else { return };
        let (done, is_done) = mpsc::channel();
        thread::spawn(move || {
            let peers = nodes.iter().flat_map(|node| node.io().hub.everybody());
            done.send(peers.filter(|peer| peer.seat().is_open()).count())
        });
        counts.fetch_add(1, Ordering::SeqCst);
        let is_stuck = is_done.recv_timeout(Duration::from_millis(500)).is_err();
        fails.fetch_add(is_stuck.into(), Ordering::SeqCst);
    }));
    let node = || {
        let curious = curious.clone();
        let server = Server::<Chat>::new().cluster(engine.clone()).ignore::<Join>().ignore::<Say>();
        server.identify(move |()| curious.clone()).build()
    };
    let all = [node(), node()];
    acquainted(&all).await;
    let roaming = Roaming::new(&all);
    let _ada = soon(roaming.client().connect()).await.unwrap();
    assert!(nodes.set(all.to_vec()).is_ok());
    for to in [0, 1, 1, 0] {
        moved(&roaming, &all, to).await;
    }
    let before = looked.load(Ordering::SeqCst);
    assert_eq!(all[0].io().revoke(&curious), 1);
    assert!(before > 3 && looked.load(Ordering::SeqCst) > before);
    assert_eq!(stuck.load(Ordering::SeqCst), 0);
}
