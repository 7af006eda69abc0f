//! Clients over a network that cuts, freezes, delays, splits and overtakes connections: every event arrives
//! once and in order, both ways, and every call runs once and is answered once. Where sessions end, both
//! sides know of the gap.
//!
//! `CHAOS_CLIENTS`, `CHAOS_EVENTS` (each way) and `CHAOS_CUTS` say how much of it.

#[path = "chaos/stage.rs"]
mod stage;
#[path = "chaos/torment.rs"]
mod torment;
#[path = "chaos/track.rs"]
mod track;

use socketkit::{CloseCode, Limits};
use stage::{Guest, Stage};
use std::{env, iter, time::Duration};
use tests::chat::until;
use tokio::{task::JoinSet, time::Instant};
use torment::{Cuts, KINDS, Torment};

fn setting(name: &str, default: u64) -> u64 {
    env::var(name).map_or(default, |value| value.parse().expect("a number"))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_is_lost_doubled_or_reordered_and_every_call_runs_once() {
    let clients = setting("CHAOS_CLIENTS", 50);
    let each = setting("CHAOS_EVENTS", 20_000) / clients;
    let cuts = setting("CHAOS_CUTS", 300) / clients;
    let stage = Stage::new(Limits::default(), clients as usize, false).await;
    let started = Instant::now();
    let mut lives = JoinSet::new();
    for number in 0..clients as usize {
        // One whose request is held gives it up soon.
        let limits = Limits::default().handshake(Duration::from_secs(1));
        let mut guest = Guest::new(&stage, number, limits).await;
        lives.spawn(async move {
            let hit = Torment::new(&mut guest).run(cuts, each).await;
            guest.remote.close().await;
            (hit, guest.track.now())
        });
    }
    let (mut hits, mut replayed, mut called) = (Cuts::default(), 0, 0);
    while let Some(life) = lives.join_next().await {
        let (hit, course) = life.unwrap();
        iter::zip(&mut hits, hit).for_each(|(all, one)| *all += one);
        assert_eq!([course.emitted, course.heard], [[each; 2]; 2]);
        assert_eq!([course.asked, course.ran, course.answered], [[track::calls(each); 2]; 3]);
        (replayed, called) = (replayed + course.replayed, called + course.answered[0]);
    }
    until(|| stage.io.is_empty()).await;
    assert_eq!(stage.ends(), vec![CloseCode::DONE; clients as usize], "each has one session");
    let stats = stage.io.stats();
    let events = stats.event("counted").unwrap();
    assert_eq!(events.emitted, each * clients);
    assert_eq!(
        events.undelivered(),
        events.unconfirmed,
        "but for what was not seen before the farewell"
    );
    assert_eq!((stats.sessions, stats.gaps, stats.expired), (clients, 0, 0));
    let total: usize = hits.iter().sum();
    let kinds: Vec<_> =
        iter::zip(KINDS, hits).map(|(kind, hit)| format!("{hit} {kind:?}")).collect();
    eprintln!(
        "{clients} clients, {} events and {called} calls each way, {total} cuts ({}), {} times resumed, at least \
         {replayed} frames sent again, in {:.1?}: none lost, doubled or reordered",
        each * clients,
        kinds.join(", "),
        stats.resumed,
        started.elapsed(),
    );
    assert!(hits.iter().all(|hit| *hit > 0), "{kinds:?}");
    assert!(total as u64 >= cuts * clients, "{kinds:?}");
}
