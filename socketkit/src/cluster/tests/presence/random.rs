//! Whatever happens to sockets, nodes and the engine, in any order: in the end all nodes say what a plain set says.

use super::*;
use proptest::{
    prelude::*,
    strategy::ValueTree,
    test_runner::{Config, RngAlgorithm, TestRng, TestRunner},
};
use std::collections::{BTreeMap, BTreeSet};
use tokio::time::timeout;

/// What happens next, to one of a few clients.
#[derive(Debug, Clone)]
enum Act {
    Enter(usize, u8, u32),
    Watch(usize),
    Leave(usize),
    /// To another node, or to none for a while.
    Go(usize, usize),
    /// Its page is closed, and another is opened from a node.
    Load(usize, usize),
    /// Of so many messages about the room, one is lost.
    Lose(usize),
    Cut,
    Down,
    Up,
    Wait(u64),
}

const CLIENTS: usize = 8;

fn act() -> impl Strategy<Value = Act> {
    let client = 0..CLIENTS;
    prop_oneof![
        6 => (client.clone(), 0..4_u8, 0..3_u32).prop_map(|(at, who, mood)| Act::Enter(at, who, mood)),
        2 => client.clone().prop_map(Act::Watch),
        3 => client.clone().prop_map(Act::Leave),
        6 => (client.clone(), 0..4_usize).prop_map(|(at, to)| Act::Go(at, to)),
        2 => (client, 0..3_usize).prop_map(|(at, to)| Act::Load(at, to)),
        1 => (2..9_usize).prop_map(Act::Lose),
        1 => Just(Act::Cut),
        1 => Just(Act::Down),
        2 => Just(Act::Up),
        3 => (0..60_u64).prop_map(Act::Wait),
    ]
}

struct Guest {
    roaming: Arc<Roaming<Library>>,
    client: Client<Library>,
}

impl Guest {
    async fn new(nodes: &[Service<Library>], to: usize) -> Self {
        let roaming = Roaming::new(nodes);
        roaming.go_to(to);
        let backoff = (Duration::from_millis(1), Duration::from_millis(20));
        let client = roaming.client().limits(Limits::default().backoff(backoff)).connect();
        Self { client: soon(client).await.unwrap(), roaming }
    }
}

/// What one says in the end.
fn last(at: usize) -> Reader {
    reader(&(at % 5).to_string(), 100 + u32::try_from(at).unwrap())
}

async fn run(seed: u8, acts: Vec<Act>) {
    let engine = Memory::default();
    let nodes = nodes::<3>(&engine).await;
    let mut guests = Vec::new();
    for at in 0..CLIENTS {
        guests.push(Guest::new(&nodes, at % 3).await);
    }
    let mut calls = Vec::new();
    for act in acts {
        // What it is answered may wait for its connection.
        match act {
            Act::Enter(at, who, mood) => {
                let call = guests[at].client.call(Enter(reader(&who.to_string(), mood)));
                calls.push(tokio::spawn(async { drop(call.await) }));
            }
            Act::Watch(at) => {
                let call = guests[at].client.call(Watch);
                calls.push(tokio::spawn(async { drop(call.await) }));
            }
            Act::Leave(at) => {
                let call = guests[at].client.call(Leave);
                calls.push(tokio::spawn(async { drop(call.await) }));
            }
            Act::Go(at, to) => guests[at].roaming.go_to(to),
            Act::Load(at, to) => {
                engine.up();
                let guest = Guest::new(&nodes, to).await;
                let old = std::mem::replace(&mut guests[at], guest);
                tokio::spawn(async move { old.client.close().await });
            }
            Act::Lose(each) => {
                let mut count = 0;
                engine.lose(move |_, channel, _| {
                    count += usize::from(matches!(channel, Channel::Room(_)));
                    count % each == 1
                });
            }
            Act::Cut => engine.cut(),
            Act::Down => engine.down(),
            Act::Up => engine.up(),
            Act::Wait(ms) => tokio::time::sleep(Duration::from_millis(ms)).await,
        }
    }
    engine.up();
    engine.lose(|_, _, _| false);
    until(|| nodes.iter().all(|node| node.io().nodes().len() == 2)).await;
    guests.iter().enumerate().for_each(|(at, guest)| guest.roaming.go_to(at % 3));
    for call in calls {
        let done = timeout(Duration::from_secs(10), call).await;
        assert!(done.is_ok(), "seed {seed}: a call is not answered");
    }
    // Everybody says where they are, and again in a new session.
    for (at, guest) in guests.iter().enumerate() {
        let (remote, mut status) = (guest.client.remote().clone(), guest.client.status());
        tokio::spawn(async move {
            loop {
                status.borrow_and_update();
                let said = match at {
                    0..3 => remote.call(Leave).await.and(remote.call(Watch).await),
                    3 => remote.call(Leave).await,
                    _ => remote.call(Enter(last(at))).await,
                };
                if said.is_err() {
                    continue;
                }
                loop {
                    if status.changed().await.is_err() {
                        return;
                    }
                    if matches!(*status.borrow_and_update(), Status::Reset { .. }) {
                        break;
                    }
                }
            }
        });
    }
    let mut expected: BTreeMap<String, u32> = BTreeMap::new();
    for Reader { name, mood } in (4..CLIENTS).map(last) {
        let entry = expected.entry(name).or_default();
        *entry = mood.max(*entry);
    }
    let all_know = |is_last: bool| {
        let (nodes, expected) = (&nodes, &expected);
        let sockets = nodes.iter().flat_map(|node| node.io().sockets());
        let there: BTreeSet<_> = sockets.map(|socket| socket.id().to_string()).collect();
        nodes.iter().all(move |node| {
            let all = node.io().presence(ROOM);
            let moods = all.iter().map(|it| (it.key.clone(), it.member.mood));
            let wanted = expected.iter().map(|(key, mood)| (key.clone(), *mood));
            let mut sockets = all.iter().flat_map(|present| &present.sockets);
            let are_there = sockets.clone().count() == CLIENTS - 4;
            let are_there = are_there && sockets.all(|socket| there.contains(socket));
            let is_so = moods.eq(wanted) && are_there && all == nodes[0].io().presence(ROOM);
            assert!(
                is_so || !is_last,
                "seed {seed}: {:?} of {expected:?} at {}: {all:#?}",
                names(&all),
                node.io().node()
            );
            is_so
        })
    };
    // Those who have ended or were lost are there for a while.
    let start = Instant::now();
    while !all_know(start.elapsed() > Duration::from_secs(16)) {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    // A session may still have to begin anew, as it missed something.
    let all = || nodes[0].io().presence(ROOM);
    for (at, guest) in guests.iter().enumerate().filter(|(at, _)| *at != 3) {
        let told = told(&guest.client);
        let is_told = timeout(Duration::from_secs(5), until(|| *told.borrow() == all())).await;
        assert!(is_told.is_ok(), "seed {seed}, client {at}: {:?} not {:?}", told.borrow(), all());
    }
    for node in &nodes {
        while soon(node.io().fetch_presence(ROOM)).await.members != all() {
            assert!(start.elapsed() < Duration::from_secs(20), "seed {seed}");
        }
    }
}

/// `PRESENCE_SEED` is the first of `PRESENCE_RUNS`.
#[tokio::test]
async fn in_the_end_all_nodes_say_what_a_plain_set_says() {
    let number = |name: &str| std::env::var(name).ok().map(|value| value.parse::<u8>().unwrap());
    let seed = number("PRESENCE_SEED").unwrap_or(1);
    let seeds = seed..seed + number("PRESENCE_RUNS").unwrap_or(3);
    let runs = seeds.map(async |seed| {
        let rng = TestRng::from_seed(RngAlgorithm::ChaCha, &[seed; 32]);
        let mut runner = TestRunner::new_with_rng(Config::default(), rng);
        let acts = prop::collection::vec(act(), 60..61).new_tree(&mut runner).unwrap().current();
        run(seed, acts).await;
    });
    futures_util::future::join_all(runs).await;
}
