//! Who is present: one entry a person, at whichever nodes its sockets are.

use crate::scene::*;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use socketkit::{Events, Member, Present, Protocol, Server, Socket};
use std::sync::{Arc, Mutex};
use tests::{
    chat::{soon, until},
    nodes::{Fixture, Nodes},
    on_each_fixture,
};

on_each_fixture! {
    one_entry_a_person_has_all_its_sockets,
    who_moves_to_another_node_is_there_all_the_while,
    what_a_person_says_anew_replaces_what_it_said,
    a_member_without_anything_to_say_is_there_all_the_same,
    who_is_sent_away_leaves_within_the_grace,
    a_member_that_does_not_serialise_is_shown_to_nobody_and_hides_nobody,
}

/// Whether every node that asks the others is told what `is_so` says.
async fn each_says<P: Protocol>(
    nodes: &Nodes<P>,
    room: P::Room,
    is_so: impl Fn(&[Present<P::Member>]) -> bool,
) -> bool {
    for io in nodes.ios() {
        let fetched = soon(io.fetch_presence(room.clone())).await;
        if !is_so(&fetched.members) || !fetched.missing.is_empty() {
            return false;
        }
    }
    true
}

/// Waits until it is.
async fn will_say<P: Protocol>(
    nodes: &Nodes<P>,
    room: P::Room,
    is_so: impl Fn(&[Present<P::Member>]) -> bool,
) {
    soon(async { while !each_says(nodes, room.clone(), &is_so).await {} }).await;
}

/// Waits until every node says that these are there.
async fn are_there(nodes: &Nodes<Library>, expected: &[&str]) {
    will_say(nodes, ROOM, |all| names(all) == expected).await;
    let local = nodes.sum(|io| io.local().presence_len(ROOM));
    assert!(local >= expected.len(), "each is somewhere");
}

async fn one_entry_a_person_has_all_its_sockets(on: Fixture) {
    let nodes = on.nodes(service).await;
    let [watcher, ada, again, bob] = nodes.clients().await;
    watcher.emit(Watch);
    let mut presence = watcher.remote().presence(ROOM);
    soon(ada.call(Enter(reader("ada")))).await.unwrap();
    told(&mut presence, &["ada"]).await;
    let first = presence.borrow()[0].sockets.clone();
    assert_eq!(first.len(), 1);
    soon(bob.call(Enter(reader("bob")))).await.unwrap();
    told(&mut presence, &["ada", "bob"]).await;
    soon(again.call(Enter(reader("ada")))).await.unwrap();
    soon(presence.wait_for(|all| all[0].sockets.len() == 2)).await.unwrap();
    assert!(presence.borrow()[0].sockets.contains(&first[0]));
    nodes.shuffle().await;
    are_there(&nodes, &["ada", "bob"]).await;
    for there in [&ada, &again, &bob] {
        let mut theirs = there.remote().presence(ROOM);
        soon(theirs.wait_for(|all| *all == *presence.borrow())).await.unwrap();
    }
    let all = presence.borrow().clone();
    will_say(&nodes, ROOM, |said| said == all).await;
    // It leaves by one of them, and then by the other.
    again.emit(Leave);
    soon(presence.wait_for(|all| all[0].sockets == first)).await.unwrap();
    nodes.shuffle().await;
    ada.emit(Leave);
    told(&mut presence, &["bob"]).await;
    are_there(&nodes, &["bob"]).await;
    bob.emit(Leave);
    told(&mut presence, &[]).await;
    are_there(&nodes, &[]).await;
    watcher.emit(Leave);
    until(|| nodes.sum(|io| io.room_count()) == 0).await;
}

async fn who_moves_to_another_node_is_there_all_the_while(on: Fixture) {
    let nodes = on.nodes(service).await;
    let [watcher, ada, bob] = nodes.clients().await;
    watcher.emit(Watch);
    let mut presence = watcher.remote().presence(ROOM);
    for (client, name) in [(&ada, "ada"), (&bob, "bob")] {
        soon(client.call(Enter(reader(name)))).await.unwrap();
    }
    told(&mut presence, &["ada", "bob"]).await;
    let sockets = presence.borrow().clone();
    let seen = Arc::new(Mutex::new(Vec::new()));
    let (mut changes, log) = (presence.clone(), seen.clone());
    changes.mark_unchanged();
    tokio::spawn(async move {
        while changes.changed().await.is_ok() {
            log.lock().unwrap().push(changes.borrow_and_update().clone());
        }
    });
    for _ in 0..5 {
        nodes.shuffle().await;
    }
    let mood = Some("moved".to_owned());
    soon(ada.call(Enter(Reader { mood: mood.clone(), ..reader("ada") }))).await.unwrap();
    soon(presence.wait_for(|all| all[0].member.mood == mood)).await.unwrap();
    until(|| !seen.lock().unwrap().is_empty()).await;
    for seen in seen.lock().unwrap().iter() {
        assert_eq!(names(seen), ["ada", "bob"]);
        for (now, before) in seen.iter().zip(&sockets) {
            assert_eq!(now.sockets, before.sockets, "a session keeps its id");
        }
    }
}

async fn what_a_person_says_anew_replaces_what_it_said(on: Fixture) {
    let nodes = on.nodes(service).await;
    let [ada, bob] = nodes.clients().await;
    let mut presence = bob.remote().presence(ROOM);
    assert_eq!(names(&presence.borrow()), [""; 0], "nobody until it is told");
    soon(bob.call(Enter(reader("bob")))).await.unwrap();
    soon(ada.call(Enter(reader("ada")))).await.unwrap();
    told(&mut presence, &["ada", "bob"]).await;
    nodes.shuffle().await;
    let mood = Some("merry".to_owned());
    soon(ada.call(Enter(Reader { mood: mood.clone(), ..reader("ada") }))).await.unwrap();
    soon(presence.wait_for(|all| all[0].member.mood == mood)).await.unwrap();
    nodes.shuffle().await;
    // Under another name it is somebody else.
    soon(ada.call(Enter(reader("zoe")))).await.unwrap();
    told(&mut presence, &["bob", "zoe"]).await;
    are_there(&nodes, &["bob", "zoe"]).await;
    let all = presence.borrow().clone();
    will_say(&nodes, ROOM, |said| said == all).await;
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
struct Anybody;

impl Member for Anybody {
    fn key(&self) -> String {
        "anybody".into()
    }
}

#[derive(Debug, Protocol)]
#[protocol(server = ServerEvent, room = (), presence = Anybody)]
struct Crowd;

async fn a_member_without_anything_to_say_is_there_all_the_same(on: Fixture) {
    let present = async |socket: Socket<Crowd>| socket.present((), Anybody);
    let nodes = on.nodes(|server: Server<Crowd>| server.on_connect(present).build()).await;
    let [client, _other] = nodes.clients().await;
    let mut presence = client.remote().presence(());
    let both = |all: &Vec<Present<Anybody>>| all.len() == 1 && all[0].sockets.len() == 2;
    let all = soon(presence.wait_for(both)).await.unwrap().clone();
    will_say(&nodes, (), |said| said == all).await;
}

async fn who_is_sent_away_leaves_within_the_grace(on: Fixture) {
    let nodes = on.nodes(service).await;
    let [client] = nodes.clients().await;
    soon(client.call(Enter(reader("ada")))).await.unwrap();
    are_there(&nodes, &["ada"]).await;
    let _ = soon(client.call(Kick)).await;
    until(|| nodes.sockets().is_empty()).await;
    assert!(each_says(&nodes, ROOM, |all| all.len() == 1).await, "as for any page that is closed");
    are_there(&nodes, &[]).await;
}

/// A member that may not serialise, or may panic.
#[derive(Debug, Clone, PartialEq, Deserialize)]
struct Odd(String);

impl Serialize for Odd {
    fn serialize<S: serde::Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        match self.0.as_str() {
            "fails" => Err(serde::ser::Error::custom("no")),
            "panics" => panic!("no"),
            name => name.serialize(to),
        }
    }
}

impl Member for Odd {
    fn key(&self) -> String {
        if self.0 == "keyless" { panic!("no") } else { self.0.clone() }
    }
}

#[derive(Debug, Events)]
enum OddEvent {
    #[event(reply = ())]
    Come(String),
}

#[derive(Debug, Protocol)]
#[protocol(client = OddEvent, server = ServerEvent, room = u32, presence = Odd)]
struct Odds;

async fn a_member_that_does_not_serialise_is_shown_to_nobody_and_hides_nobody(on: Fixture) {
    use odd_event::Come;
    let build = |server: Server<Odds>| {
        let come = async |Come(name): Come, socket: Socket<Odds>| socket.present(ROOM, Odd(name));
        server.on(come).build()
    };
    let nodes = on.nodes(build).await;
    let ada = nodes.connect().await;
    let mut presence = ada.remote().presence(ROOM);
    soon(ada.call(Come("ada".into()))).await.unwrap();
    let mut others = Vec::new();
    for (name, is_shown) in
        [("fails", true), ("panics", false), ("keyless", false), ("bob", true), ("zoe", true)]
    {
        let other = nodes.connect().await;
        assert_eq!(soon(other.call(Come(name.into()))).await.is_ok(), is_shown, "{name}");
        others.push(other);
    }
    let keys = |all: &[Present<Odd>]| all.iter().map(|it| it.key.clone()).collect::<Vec<_>>();
    soon(presence.wait_for(|all| keys(all) == ["ada", "bob", "zoe"])).await.unwrap();
    let mut told = others[4].remote().presence(ROOM);
    soon(told.wait_for(|all| keys(all) == ["ada", "bob", "zoe"])).await.unwrap();
    let are_shown = |all: &[Present<Odd>]| keys(all) == ["ada", "bob", "zoe"];
    will_say(&nodes, ROOM, are_shown).await;
    // What is shown already stays when what is said then does not serialise.
    soon(ada.call(Come("fails".into()))).await.unwrap();
    nodes.shuffle().await;
    assert!(each_says(&nodes, ROOM, are_shown).await);
}
