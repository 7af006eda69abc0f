//! What is said, and what goes wrong, while a session is on its way to another node.

use super::server_event::Confirm;
use super::{
    Chat, ClientEvent, Join, Memory, Say, ServerEvent, moving::Roaming, said, soon, until,
};
use crate::{
    CallError, Client, ClusterStatus, Limits, Server, Service, Status,
    cluster::{
        channel::Channel,
        message::{Message, Record},
    },
};
use bytes::Bytes;
use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};
use tokio::sync::Notify;

/// Three nodes. The session of Ada is on the first, which lets it go when a handler is done.
struct Journey {
    engine: Memory,
    all: [Service<Chat>; 3],
    roaming: Arc<Roaming<Chat>>,
    ada: Client<Chat>,
    /// In the same room, on the second.
    bob: Client<Chat>,
    done: Arc<Notify>,
}

/// Which messages are lost: by the node that listens, as they were built, counted from 1.
type Loses = Box<dyn FnMut(usize, Channel, &Message) -> bool + Send>;

impl Journey {
    async fn begin(limits: fn() -> Limits) -> Self {
        let engine = Memory::default();
        let (begun, done) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
        let node = |_| {
            let (begun, done) = (begun.clone(), done.clone());
            let say = async move |_: Say| {
                begun.notify_one();
                done.notified().await;
            };
            let join = async |Join(room): Join, socket: crate::Socket<Chat>| socket.join(room);
            let server = Server::<Chat>::new().cluster(engine.clone()).on(join).on(say);
            server.limits(limits()).build()
        };
        let all = [1, 2, 3].map(node);
        for node in &all {
            soon(node.joined()).await.unwrap();
        }
        until(|| all.iter().all(|node| node.io().nodes().len() == 2)).await;
        let roaming = Roaming::new(&all);
        let confirm = async |confirm: Confirm| confirm.0;
        let mut ada = soon(roaming.client().on(confirm).connect()).await.unwrap();
        let mut bob = soon(all[1].local()).await;
        for client in [&ada, &bob] {
            soon(client.call(Join("lobby".into()))).await.unwrap();
        }
        for node in &all {
            node.io().to("lobby").emit(ServerEvent::Said("before".into()));
            assert_eq!(
                (said(&mut ada).await, said(&mut bob).await),
                ("before".into(), "before".into())
            );
        }
        ada.emit(ClientEvent::Say { room: None, text: "slow".into() });
        soon(begun.notified()).await;
        Self { engine, all, roaming, ada, bob, done }
    }

    /// Ada goes to the second node, which listens for her session from now on.
    async fn go(&self, mut loses: Loses) {
        let goes = Arc::new(AtomicBool::new(false));
        let sees = goes.clone();
        self.engine.lose(move |line, channel, message| {
            let message = Message::read(Bytes::copy_from_slice(message)).unwrap();
            let is_go = |record: &Record| matches!(record, Record::Go { .. });
            sees.fetch_or(message.head.records.iter().any(is_go), Ordering::SeqCst);
            loses(line, channel, &message)
        });
        self.roaming.go_to(1);
        until(|| goes.load(Ordering::SeqCst)).await;
    }

    /// One of the nodes says something in the room.
    async fn say(&self, node: usize, text: &str) {
        let published = self.engine.published();
        self.all[node].io().to("lobby").emit(ServerEvent::Said(text.into()));
        until(|| self.engine.published() > published).await;
    }
}

async fn outcome(client: &Client<Chat>) -> Status {
    let mut status = client.status();
    let is_back = |status: &Status| matches!(status, Status::Resumed { .. } | Status::Reset { .. });
    soon(status.wait_for(is_back)).await.unwrap().clone()
}

fn few() -> Limits {
    Limits::default().repeated(1).drain_interval(Duration::ZERO)
}

#[tokio::test]
async fn a_gap_concerns_a_session_that_is_on_its_way() {
    let mut lost = 0;
    let loses = move |line, channel, _: &Message| {
        let is_room = matches!(channel, Channel::Room(_));
        lost += usize::from(is_room && line == 2);
        is_room && (line == 1 || lost < 3)
    };
    let journey = Journey::begin(few).await;
    journey.go(Box::new(loses)).await;
    journey.say(2, "lost").await;
    journey.say(2, "lost as well").await;
    journey.say(2, "late").await;
    let status = outcome(&journey.bob).await;
    assert!(matches!(status, Status::Reset { .. }), "{status:?}");
    journey.done.notify_one();
    let status = outcome(&journey.ada).await;
    assert!(matches!(status, Status::Reset { .. }), "{status:?}");
}

#[tokio::test]
async fn what_its_next_node_has_said_and_not_kept_is_a_gap_for_a_session_on_its_way() {
    let loses = |line, channel, _: &Message| matches!(channel, Channel::Room(_)) && line == 1;
    let journey = Journey::begin(few).await;
    journey.go(Box::new(loses)).await;
    for text in ["not kept", "not kept either", "kept"] {
        journey.say(1, text).await;
    }
    journey.done.notify_one();
    let status = outcome(&journey.ada).await;
    assert!(matches!(status, Status::Reset { .. }), "{status:?}");
}

#[tokio::test]
async fn what_its_next_node_has_said_and_kept_comes_with_a_session_on_its_way() {
    let loses = |line, channel, _: &Message| matches!(channel, Channel::Room(_)) && line == 1;
    let mut journey = Journey::begin(Limits::default).await;
    journey.go(Box::new(loses)).await;
    let texts = ["kept", "kept as well"];
    for text in texts {
        journey.say(1, text).await;
    }
    journey.done.notify_one();
    let status = outcome(&journey.ada).await;
    assert!(matches!(status, Status::Resumed { .. }), "{status:?}");
    for text in texts {
        assert_eq!(said(&mut journey.ada).await, text);
    }
}

#[tokio::test]
async fn a_session_does_not_go_before_its_node_knows_what_it_has_missed() {
    let journey = Journey::begin(Limits::default).await;
    journey.engine.lose(|line, channel, _| matches!(channel, Channel::Room(_)) && line == 1);
    journey.say(2, "lost").await;
    let is_mark = |record: &Record| matches!(record, Record::Marks(_) | Record::Synced { .. });
    let loses = move |_, _, message: &Message| message.head.records.iter().any(is_mark);
    journey.go(Box::new(loses)).await;
    let mut statuses = journey.all.each_ref().map(|node| node.io().cluster());
    journey.engine.cut();
    for expected in [ClusterStatus::Degraded, ClusterStatus::Connected] {
        for status in &mut statuses {
            soon(status.wait_for(|status| *status == expected)).await.unwrap();
        }
    }
    journey.done.notify_one();
    let status = outcome(&journey.ada).await;
    assert!(matches!(status, Status::Reset { .. }), "{status:?}");
}

#[tokio::test]
async fn a_call_to_a_session_that_is_about_to_go_is_lost_and_not_refused() {
    let journey = Journey::begin(Limits::default).await;
    let id = journey.all[0].io().sockets()[0].id();
    journey.go(Box::new(|_, _, _| false)).await;
    let socket = journey.all[2].io().socket(id).unwrap();
    let published = journey.engine.published();
    let call = tokio::spawn(socket.call(Confirm("?".into())));
    until(|| journey.engine.published() > published + 1).await;
    journey.done.notify_one();
    let answer = soon(call).await.unwrap();
    assert!(matches!(answer, Err(CallError::Lost)), "{answer:?}");
}

#[tokio::test]
async fn a_session_on_its_way_is_called_by_the_node_to_which_it_goes() {
    let journey = Journey::begin(Limits::default).await;
    let id = journey.all[0].io().sockets()[0].id();
    let deaf = move |line, channel, _: &Message| line == 1 && channel == Channel::Socket(id);
    journey.go(Box::new(deaf)).await;
    let socket = journey.all[1].io().socket(id).unwrap();
    let published = journey.engine.published();
    let call = tokio::spawn(socket.call(Confirm("?".into())));
    until(|| journey.engine.published() > published).await;
    journey.done.notify_one();
    assert_eq!(soon(call).await.unwrap().unwrap(), "?");
}
