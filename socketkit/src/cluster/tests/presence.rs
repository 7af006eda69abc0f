//! Who is present where, told alike by all nodes.

mod random;
mod trouble;

use super::{
    super::{
        apply::Whom,
        channel::Channel,
        memory::Memory,
        message::{Message, Record},
    },
    moving::{Roaming, resumed},
    soon, until,
};
use crate::{
    Client, ClusterStatus, Events, Limits, Member, Present, Protocol, Server, Service, Socket,
    Status, peer::lock,
};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use std::{
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};
use tokio::sync::watch;

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Reader {
    name: String,
    mood: u32,
}

impl Member for Reader {
    fn key(&self) -> String {
        self.name.clone()
    }
}

#[derive(Debug, Clone, PartialEq, Events)]
#[events(crate = crate)]
enum ClientEvent {
    #[event(reply = ())]
    Enter(Reader),
    #[event(reply = ())]
    Watch,
    #[event(reply = ())]
    Leave,
}

#[derive(Debug, Clone, PartialEq, Events)]
#[events(crate = crate)]
enum ServerEvent {
    Note,
}

#[derive(Protocol)]
#[protocol(client = ClientEvent, server = ServerEvent, room = u32, presence = Reader, crate = crate)]
struct Library;

use client_event::{Enter, Leave, Watch};

const ROOM: u32 = 7;

fn node(engine: &Memory, limits: Limits) -> Service<Library> {
    Server::<Library>::new()
        .cluster(engine.clone())
        .limits(limits)
        .on(async |Enter(reader): Enter, socket: Socket<Library>| socket.present(ROOM, reader))
        .on(async |_: Watch, socket: Socket<Library>| socket.watch_presence(ROOM))
        .on(async |_: Leave, socket: Socket<Library>| socket.leave(ROOM))
        .build()
}

async fn nodes<const N: usize>(engine: &Memory) -> [Service<Library>; N] {
    let nodes = std::array::from_fn(|_| node(engine, Limits::default()));
    for node in &nodes {
        soon(node.joined()).await.unwrap();
    }
    for node in &nodes {
        until(|| node.io().nodes().len() == N - 1).await;
    }
    nodes
}

fn reader(name: &str, mood: u32) -> Reader {
    Reader { name: name.into(), mood }
}

async fn enter(client: &Client<Library>, name: &str) {
    soon(client.call(Enter(reader(name, 0)))).await.unwrap();
}

async fn watch(client: &Client<Library>) {
    soon(client.call(Watch)).await.unwrap();
}

type Told = watch::Receiver<Vec<Present<Reader>>>;

fn told(client: &Client<Library>) -> Told {
    client.remote().presence(ROOM)
}

fn names(all: &[Present<Reader>]) -> Vec<&str> {
    all.iter().map(|present| present.key.as_str()).collect()
}

async fn wait(told: &mut Told, expected: &[&str]) {
    let waited = soon(told.wait_for(|all| names(all) == expected)).await;
    drop(waited.unwrap());
}

/// Waits until nodes that have somebody in the room know of these.
async fn known(nodes: &[&Service<Library>], expected: &[&str]) {
    until(|| nodes.iter().all(|node| names(&node.io().presence(ROOM)) == expected)).await;
    let first = nodes[0].io().presence(ROOM);
    assert!(nodes.iter().all(|node| node.io().presence(ROOM) == first), "sockets and members");
    assert!(nodes.iter().all(|node| node.io().presence_len(ROOM) == expected.len()));
}

/// Everything that somebody is told from now on.
fn log(told: &Told) -> Arc<Mutex<Vec<Vec<Present<Reader>>>>> {
    let log = Arc::new(Mutex::new(Vec::new()));
    let (mut told, all) = (told.clone(), log.clone());
    told.mark_unchanged();
    tokio::spawn(async move {
        while told.changed().await.is_ok() {
            lock(&all).push(told.borrow_and_update().clone());
        }
    });
    log
}

#[tokio::test]
async fn who_comes_and_goes_on_one_node_does_so_on_all() {
    let engine = Memory::default();
    let [one, two, three] = nodes(&engine).await;
    let [ada, bob] = [soon(one.local()).await, soon(two.local()).await];
    enter(&ada, "ada").await;
    watch(&bob).await;
    let mut presence = told(&bob);
    wait(&mut presence, &["ada"]).await;
    let eve = soon(three.local()).await;
    enter(&eve, "eve").await;
    for client in [&ada, &bob, &eve] {
        wait(&mut told(client), &["ada", "eve"]).await;
    }
    known(&[&one, &two, &three], &["ada", "eve"]).await;
    assert_eq!(names(&one.io().local().presence(ROOM)), ["ada"]);
    assert_eq!((one.io().local().presence_len(ROOM), two.io().local().presence_len(ROOM)), (1, 0));
    soon(eve.call(Enter(reader("eve", 3)))).await.unwrap();
    soon(presence.wait_for(|all| all[1].member.mood == 3)).await.unwrap();
    soon(ada.call(Leave)).await.unwrap();
    wait(&mut presence, &["eve"]).await;
    known(&[&two, &three], &["eve"]).await;
    // It has nobody in the room.
    until(|| one.io().presence_len(ROOM) == 0).await;
    // Under another name it is somebody else.
    enter(&eve, "zoe").await;
    wait(&mut presence, &["zoe"]).await;
    soon(bob.call(Leave)).await.unwrap();
    soon(eve.call(Leave)).await.unwrap();
    let all = [&one, &two, &three];
    until(|| all.iter().all(|node| node.io().presence_len(ROOM) == 0)).await;
    for node in all {
        let interests = &node.hub().cluster.get().unwrap().shared.interests;
        until(|| !lock(interests).wants(Channel::of_room("7"))).await;
    }
}

#[tokio::test]
async fn who_comes_is_told_one_list_with_those_of_other_nodes() {
    let engine = Memory::default();
    let [one, two, three] = nodes(&engine).await;
    // More than go into one record.
    let clients = futures_util::future::join_all((0..300).map(|number| {
        let node = if number % 2 == 0 { &one } else { &two };
        async move {
            let client = node.local().await;
            enter(&client, &format!("{number:03}")).await;
            client
        }
    }));
    let _clients = soon(clients).await;
    let bob = soon(three.local()).await;
    let log = log(&told(&bob));
    enter(&bob, "bob").await;
    until(|| lock(&log).last().is_some_and(|all| all.len() == 301)).await;
    // Its frames have 256 entries.
    assert!(lock(&log)[0].len() >= 256);
    known(&[&one, &two, &three], &names(&one.io().presence(ROOM))).await;
}

#[tokio::test]
async fn a_person_on_two_nodes_is_one_entry_and_says_what_was_said_last() {
    let engine = Memory::default();
    let [one, two, three] = nodes(&engine).await;
    let bob = soon(three.local()).await;
    watch(&bob).await;
    let mut presence = told(&bob);
    let [ada, again] = [soon(one.local()).await, soon(two.local()).await];
    enter(&ada, "ada").await;
    wait(&mut presence, &["ada"]).await;
    enter(&again, "ada").await;
    soon(presence.wait_for(|all| all[0].sockets.len() == 2)).await.unwrap();
    known(&[&one, &two, &three], &["ada"]).await;
    for (mood, client) in [(1, &ada), (2, &again), (3, &ada), (4, &ada), (5, &again)] {
        soon(client.call(Enter(reader("ada", mood)))).await.unwrap();
        soon(presence.wait_for(|all| all[0].member.mood == mood)).await.unwrap();
        let said = |node: &Service<Library>| node.io().presence(ROOM)[0].member.mood == mood;
        until(|| said(&one) && said(&two)).await;
    }
    // Whatever comes first: all have the same in the end.
    for mood in 10..20 {
        let [a, b] = [ada.call(Enter(reader("ada", mood))), again.call(Enter(reader("ada", 0)))];
        let (a, b) = soon(async { tokio::join!(a, b) }).await;
        a.and(b).unwrap();
        until(|| {
            let [a, b, c] = [&one, &two, &three].map(|node| node.io().presence(ROOM));
            a == b && b == c
        })
        .await;
    }
    soon(ada.call(Leave)).await.unwrap();
    soon(presence.wait_for(|all| all[0].sockets.len() == 1)).await.unwrap();
    soon(again.call(Leave)).await.unwrap();
    wait(&mut presence, &[]).await;
}

#[tokio::test]
async fn a_page_that_is_loaded_again_from_another_node_is_no_leave() {
    let engine = Memory::default();
    let [one, two, three] = nodes(&engine).await;
    let bob = soon(three.local()).await;
    watch(&bob).await;
    let mut presence = told(&bob);
    let ada = soon(one.local()).await;
    enter(&ada, "ada").await;
    wait(&mut presence, &["ada"]).await;
    let log = log(&presence);
    soon(ada.close()).await;
    until(|| one.io().local().is_empty()).await;
    let ada = soon(two.local()).await;
    enter(&ada, "ada").await;
    let id = two.io().sockets()[0].id().to_string();
    soon(presence.wait_for(|all| all[0].sockets == [id.clone()])).await.unwrap();
    assert!(lock(&log).iter().all(|all| names(all) == ["ada"]));
    soon(ada.close()).await;
    let closed = Instant::now();
    until(|| two.io().local().is_empty()).await;
    wait(&mut presence, &[]).await;
    assert!(closed.elapsed() >= Duration::from_millis(1_900), "{:?}", closed.elapsed());
    until(|| [&one, &two].iter().all(|node| node.io().presence_len(ROOM) == 0)).await;
}

#[tokio::test]
async fn all_nodes_are_asked_who_is_present_where_this_one_has_nobody() {
    let engine = Memory::default();
    let [one, two, three] = nodes(&engine).await;
    let [ada, again, bob] = [&one, &two, &two].map(crate::service::Service::local);
    let (ada, again, bob) = soon(async { tokio::join!(ada, again, bob) }).await;
    enter(&ada, "ada").await;
    enter(&again, "ada").await;
    enter(&bob, "bob").await;
    known(&[&one, &two], &["ada", "bob"]).await;
    assert_eq!(three.io().presence_len(ROOM), 0);
    let all = one.io().presence(ROOM);
    for node in [&one, &two, &three] {
        let fetched = soon(node.io().fetch_presence(ROOM)).await;
        assert_eq!((fetched.members, fetched.missing), (all.clone(), vec![]));
    }
    let fetched = soon(three.io().fetch_presence(8_u32)).await;
    assert!(fetched.members.is_empty() && fetched.missing.is_empty());
    let here = soon(one.io().local().fetch_presence(ROOM)).await;
    assert_eq!((names(&here.members), here.members[0].sockets.len()), (vec!["ada"], 1));
    engine.down();
    for node in [&one, &two, &three] {
        let mut status = node.io().cluster();
        soon(status.wait_for(|status| *status == ClusterStatus::Degraded)).await.unwrap();
    }
    let fetched = soon(three.io().fetch_presence(ROOM)).await;
    assert_eq!((fetched.members.len(), fetched.missing.len()), (0, 2));
}

#[tokio::test]
async fn who_moves_to_another_node_is_there_all_the_while_and_is_told_nothing_anew() {
    let engine = Memory::default();
    let all = nodes::<3>(&engine).await;
    let bob = soon(all[0].local()).await;
    watch(&bob).await;
    let mut presence = told(&bob);
    let (roaming, looking) = (Roaming::new(&all), Roaming::new(&all));
    let ada = soon(roaming.client().connect()).await.unwrap();
    let eve = soon(looking.client().connect()).await.unwrap();
    enter(&ada, "ada").await;
    watch(&eve).await;
    for client in [&ada, &eve] {
        wait(&mut told(client), &["ada"]).await;
    }
    wait(&mut presence, &["ada"]).await;
    let sockets = presence.borrow()[0].sockets.clone();
    let logs = [&presence, &told(&ada), &told(&eve)].map(log);
    let mut expected = Vec::new();
    for (round, to) in [1, 2, 0, 2, 1].into_iter().enumerate() {
        for (roaming, client) in [(&roaming, &ada), (&looking, &eve)] {
            roaming.go_to(to);
            resumed(client).await;
        }
        until(|| all[to].io().local().len() >= 2).await;
        // They hear of what comes, and that is all they hear.
        let mood = u32::try_from(round).unwrap() + 1;
        soon(ada.call(Enter(reader("ada", mood)))).await.unwrap();
        expected.push(mood);
        for client in [&ada, &bob, &eve] {
            let mut told = told(client);
            soon(told.wait_for(|all| all[0].member.mood == mood)).await.unwrap();
        }
        until(|| logs.iter().all(|log| lock(log).len() >= expected.len())).await;
        for log in &logs {
            assert!(lock(log).iter().all(|all| all[0].sockets == sockets), "it keeps its id");
            let moods = lock(log).iter().map(|all| all[0].member.mood).collect::<Vec<_>>();
            assert_eq!(moods, expected);
        }
        known(&[&all[0], &all[to]], &["ada"]).await;
    }
    // Where it has been it is not any more.
    until(|| {
        all[2].io().presence_len(ROOM) == 0 || all[2].io().presence(ROOM)[0].sockets == sockets
    })
    .await;
    soon(ada.call(Leave)).await.unwrap();
    for client in [&bob, &eve] {
        wait(&mut told(client), &[]).await;
    }
}

#[tokio::test]
async fn who_moves_while_others_come_and_go_misses_nothing() {
    let engine = Memory::default();
    let all = nodes::<2>(&engine).await;
    let roaming = Roaming::new(&all);
    let ada = soon(roaming.client().connect()).await.unwrap();
    enter(&ada, "ada").await;
    let mut presence = told(&ada);
    wait(&mut presence, &["ada"]).await;
    let mut others = Vec::new();
    for round in 0..6 {
        let name = format!("b{round}");
        let client = soon(all[round % 2].local()).await;
        let (mut comes, entering) = (client.call(Enter(reader(&name, 0))), round % 2);
        roaming.go_to((entering + round / 2) % 2);
        soon(&mut comes).await.unwrap();
        others.push(client);
        resumed(&ada).await;
        let expected = |all: &Vec<Present<Reader>>| all.len() == round + 2;
        soon(presence.wait_for(expected)).await.unwrap();
    }
    for (left, other) in others.iter().enumerate() {
        roaming.go_to(left % 2);
        soon(other.call(Leave)).await.unwrap();
        resumed(&ada).await;
        let expected = |all: &Vec<Present<Reader>>| all.len() == 6 - left;
        soon(presence.wait_for(expected)).await.unwrap();
    }
}
