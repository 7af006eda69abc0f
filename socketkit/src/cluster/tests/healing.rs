//! What a node has missed, most of it where the engine keeps a log.

use super::{
    super::{channel::Channel, memory::Memory},
    Chat, Join, Say, ServerEvent,
    durable::{flushed, nodes, recovered},
    moving::Roaming,
    node_of, said, soon, until,
};
use crate::{Client, ClusterOptions, ClusterStatus, Limits, Service};
use std::{
    mem,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};
use tokio::time::{sleep, timeout};

/// Three nodes, of which the third has not heard what the first has said last; it is about to read that, and the first
/// is lost.
struct Behind {
    engine: Memory,
    nodes: [Service<Chat>; 3],
    lines: [Memory; 3],
    /// She came to the first, and he to the third; both are in the lobby.
    roaming: Arc<Roaming<Chat>>,
    bobs: Arc<Roaming<Chat>>,
    ada: Client<Chat>,
    bob: Client<Chat>,
    /// She has just come into the hall, on the third.
    eve: Client<Chat>,
}

impl Behind {
    async fn begin() -> Self {
        let engine = Memory::default();
        let (nodes, lines) = nodes::<3>(&engine).await;
        let (roaming, bobs) = (Roaming::new(&nodes), Roaming::new(&nodes));
        bobs.go_to(2);
        let mut ada = soon(roaming.client().connect()).await.unwrap();
        let mut bob = soon(bobs.client().connect()).await.unwrap();
        for client in [&mut ada, &mut bob] {
            soon(client.call(Join("lobby".into()))).await.unwrap();
        }
        say(&nodes[0], "heard").await;
        for client in [&mut ada, &mut bob] {
            assert_eq!(said(client).await, "heard");
        }
        let eve = in_room(&nodes[2], "hall").await;
        let mut lost = false;
        engine.lose(move |line, channel, _| {
            let is_it = line == 3 && matches!(channel, Channel::Room(_));
            is_it && !mem::replace(&mut lost, true)
        });
        engine.read_later();
        say(&nodes[0], "one").await;
        say(&nodes[0], "two").await;
        until(|| engine.is_waited_for()).await;
        Self { engine, nodes, lines, roaming, bobs, ada, bob, eve }
    }

    fn lose_first(&self) {
        self.roaming.go_to(usize::MAX);
        self.lines[0].cut_off();
    }
}

fn says(payload: &[u8], word: &str) -> bool {
    payload.windows(word.len()).any(|bytes| bytes == word.as_bytes())
}

async fn in_room(node: &Service<Chat>, room: &str) -> Client<Chat> {
    let client = soon(node.local()).await;
    soon(client.call(Join(room.into()))).await.unwrap();
    client
}

async fn say(node: &Service<Chat>, text: &str) {
    say_to("lobby", node, text).await;
}

/// It is with the engine.
async fn say_to(room: &str, node: &Service<Chat>, text: &str) {
    node.io().to(room).emit(ServerEvent::Said(text.into()));
    flushed(node).await;
}

async fn hears(client: &mut Client<Chat>, texts: &[&str]) {
    for text in texts {
        assert_eq!(said(client).await, *text);
    }
}

#[tokio::test]
async fn what_was_missed_of_one_comes_before_what_others_say_then() {
    let mut behind = Behind::begin().await;
    behind.lose_first();
    say(&behind.nodes[1], "three").await;
    behind.engine.read_now();
    hears(&mut behind.bob, &["one", "two", "three"]).await;
    assert_eq!(behind.nodes[2].io().stats().cluster.asked, 0);
}

#[tokio::test]
async fn a_session_goes_on_where_all_that_was_said_before_has_come() {
    let mut behind = Behind::begin().await;
    behind.lose_first();
    until(|| behind.nodes[2].io().nodes().len() == 1).await;
    behind.roaming.go_to(2);
    // What is kept of it could be read by now.
    assert!(timeout(Duration::from_millis(300), recovered(&behind.ada)).await.is_err());
    behind.engine.read_now();
    recovered(&behind.ada).await;
    let room = Some("lobby".into());
    soon(behind.ada.call(Say { room, text: "three".into() })).await.unwrap();
    hears(&mut behind.bob, &["one", "two", "three"]).await;
    hears(&mut behind.ada, &["one", "two", "three"]).await;
}

#[tokio::test]
async fn whoever_is_where_too_much_comes_meanwhile_comes_back_by_the_log() {
    let mut behind = Behind::begin().await;
    let text = "x".repeat(1024 * 1024);
    for _ in 0..65 {
        behind.nodes[1].io().to("hall").emit(ServerEvent::Said(text.clone()));
        flushed(&behind.nodes[1]).await;
    }
    recovered(&behind.bob).await;
    hears(&mut behind.bob, &["one", "two"]).await;
    say(&behind.nodes[1], "three").await;
    hears(&mut behind.bob, &["three"]).await;
}

#[tokio::test]
async fn what_came_until_the_log_was_read_comes_whenever_that_says_it_was_kept() {
    let mut behind = Behind::begin().await;
    say_to("hall", &behind.nodes[1], "first").await;
    // By the log she was not there yet when the first was said.
    let lag = Duration::from_millis(500);
    behind.engine.lag(lag);
    sleep(lag).await;
    say_to("hall", &behind.nodes[1], "second").await;
    behind.engine.read_now();
    hears(&mut behind.eve, &["first", "second"]).await;
}

#[tokio::test]
async fn a_session_is_waited_for_as_long_as_its_node_cannot_let_it_go() {
    let mut behind = Behind::begin().await;
    let beats = Arc::new(AtomicUsize::new(0));
    let (counted, mut is_asked) = (beats.clone(), false);
    behind.engine.lose(move |_, _, payload| {
        is_asked |= says(payload, "\"go\"");
        let is_counted = is_asked && says(payload, "\"here\"");
        counted.fetch_add(usize::from(is_counted), Ordering::Relaxed);
        false
    });
    behind.bobs.go_to(1);
    // Each of three nodes has heard each of them twice since, which takes longer than an answer may.
    until(|| beats.load(Ordering::Relaxed) > 18).await;
    behind.engine.read_now();
    hears(&mut behind.bob, &["one", "two"]).await;
    let stats = |node: usize| behind.nodes[node].io().stats().cluster;
    assert_eq!((stats(1).came, stats(1).recovered, stats(2).left), (1, 0, 1));
}

#[tokio::test]
async fn what_was_missed_long_before_is_read_as_well() {
    let engine = Memory::default();
    let (nodes, _) = nodes::<3>(&engine).await;
    let mut bob = in_room(&nodes[2], "lobby").await;
    say(&nodes[0], "heard").await;
    assert_eq!(said(&mut bob).await, "heard");
    let mut lost = 0;
    engine.lose(move |line, channel, _| {
        lost += usize::from(line == 3 && matches!(channel, Channel::Room(_)));
        lost > 0 && lost < 3 && line == 3 && matches!(channel, Channel::Room(_))
    });
    say(&nodes[0], "one").await;
    // Farther back than is read for what is missed last.
    sleep(Duration::from_millis(2_500)).await;
    say(&nodes[0], "two").await;
    say(&nodes[0], "three").await;
    hears(&mut bob, &["one", "two", "three"]).await;
    assert_eq!(nodes[2].io().stats().cluster.asked, 0);
}

/// The first node says something, and is heard by the third only once before it is silent for good: the third does not
/// know what it has missed. The log may be under way then, as far back as was missed of the second.
async fn silent(is_reading: bool) {
    let engine = Memory::default();
    let (nodes, _) = nodes::<3>(&engine).await;
    let mut bob = in_room(&nodes[2], "lobby").await;
    let from = format!("\"from\":\"{}\"", nodes[0].io().node());
    // One of its beats comes after it has begun to be silent.
    let (is_silent, comes) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicBool::new(false)));
    let (begins, came) = (is_silent.clone(), comes.clone());
    let (mut last, mut has_lost) = (Instant::now(), false);
    engine.lose(move |line, _, payload| {
        if line != 3 {
            return false;
        } else if !says(payload, &from) {
            return says(payload, "lost") && !mem::replace(&mut has_lost, true);
        }
        let is_silent = begins.load(Ordering::Relaxed);
        let is_late = last.elapsed() > Duration::from_millis(2_600);
        let is_beat = says(payload, "\"here\"");
        let is_heard = is_beat && (!is_silent || (is_late && !came.swap(true, Ordering::Relaxed)));
        if is_heard {
            last = Instant::now();
        }
        !is_heard
    });
    say(&nodes[0], "one").await;
    is_silent.store(true, Ordering::Relaxed);
    until(|| comes.load(Ordering::Relaxed)).await;
    let texts = if is_reading { &["lost", "two"][..] } else { &[] };
    if is_reading {
        engine.read_later();
    }
    for text in texts {
        say(&nodes[1], text).await;
    }
    until(|| nodes[2].io().nodes().len() == 1).await;
    engine.read_now();
    hears(&mut bob, &[&["one"], texts].concat()).await;
    assert_eq!(nodes[2].io().stats().cluster.recovered, 0);
}

#[tokio::test]
async fn what_a_silent_node_may_have_said_is_read() {
    silent(false).await;
}

#[tokio::test]
async fn what_a_silent_node_may_have_said_is_read_however_much_is_being_read() {
    silent(true).await;
}

#[tokio::test]
async fn what_was_heard_of_a_node_that_has_left_is_not_said_again() {
    let engine = Memory::default();
    let (nodes, lines) = nodes::<3>(&engine).await;
    let mut bob = in_room(&nodes[2], "lobby").await;
    for text in ["one", "two"] {
        say(&nodes[0], text).await;
    }
    hears(&mut bob, &["one", "two"]).await;
    let [first, second, third] = nodes;
    soon(first.shutdown()).await;
    until(|| third.io().nodes().len() == 1).await;
    let heard = third.io().stats().cluster.lost;
    lines[2].cut_off();
    lines[2].back();
    until(|| third.io().stats().cluster.lost > heard).await;
    until(|| *third.io().cluster().borrow() == ClusterStatus::Connected).await;
    say(&second, "three").await;
    hears(&mut bob, &["three"]).await;
}

#[tokio::test]
async fn what_is_said_in_a_room_that_was_joined_without_a_connection_comes_when_there_is_one() {
    for is_durable in [false, true] {
        let engine = Memory::default();
        let lines = [engine.for_one(), engine.for_one()];
        let options = |line: &Memory| ClusterOptions { is_durable, ..line.clone().into() };
        let [one, two] = lines.each_ref().map(|line| node_of(options(line), Limits::default()));
        until(|| [&one, &two].iter().all(|node| node.io().nodes().len() == 1)).await;
        let mut bob = soon(two.local()).await;
        lines[1].cut_off();
        until(|| *two.io().cluster().borrow() == ClusterStatus::Degraded).await;
        let joins = tokio::spawn(bob.call(Join("lobby".into())));
        until(|| two.io().to("lobby").len() == 1).await;
        say(&one, "one").await;
        lines[1].back();
        hears(&mut bob, &["one"]).await;
        soon(joins).await.unwrap().unwrap();
        say(&one, "two").await;
        hears(&mut bob, &["two"]).await;
    }
}
