//! Clients over a network that cuts, freezes, delays, splits and overtakes connections: every event arrives
//! once and in order, both ways, and every call runs once and is answered once. Where sessions end, both
//! sides know of the gap.
//!
//! `CHAOS_CLIENTS`, `CHAOS_EVENTS` (each way) and `CHAOS_CUTS` say how much of it.

#[path = "chaos/gaps.rs"]
mod gaps;
#[path = "chaos/stage.rs"]
mod stage;
#[path = "chaos/torment.rs"]
mod torment;
#[path = "chaos/track.rs"]
mod track;

use gaps::ENDINGS;
use socketkit::{CloseCode, EventStats, Limits};
use stage::{Guest, Stage};
use std::{env, iter, sync::Arc, time::Duration};
use tests::{chat::until, nodes::Fixture, on_each_fixture};
use tokio::{task::JoinSet, time::Instant};
use torment::{Cuts, KINDS, Torment};
use track::{Fate, Side};

on_each_fixture! {
    nothing_is_lost_doubled_or_reordered_and_every_call_runs_once,
    where_sessions_end_both_sides_know_of_the_gap_and_claim_nothing_that_did_not_arrive,
}

fn setting(name: &str, default: u64) -> u64 {
    env::var(name).map_or(default, |value| value.parse().expect("a number"))
}

async fn nothing_is_lost_doubled_or_reordered_and_every_call_runs_once(on: Fixture) {
    let clients = setting("CHAOS_CLIENTS", 50);
    let each = (setting("CHAOS_EVENTS", 20_000) / clients).max(1);
    let cuts = (setting("CHAOS_CUTS", 250) / clients).max(1);
    let fate = if on == Fixture::One { Fate::Stays } else { Fate::Moves };
    let stage = Stage::new(on, Limits::default(), clients as usize, fate).await;
    let mut guests = Vec::new();
    for number in 0..clients as usize {
        // One whose request is held gives it up soon.
        let limits = Limits::default().handshake(Duration::from_secs(2));
        guests.push(Guest::new(&stage, number, limits).await);
    }
    let started = Instant::now();
    let mut lives = JoinSet::new();
    for mut guest in guests {
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
        let calls = track::calls(each);
        assert_eq!(
            (course.asked, course.both(|side| course.over(side) == calls)),
            ([calls; 2], true)
        );
        // Of a call that was lost with a move, nobody knows.
        let may_have_run =
            |side: usize| course.answered[side]..=course.answered[side] + course.lost[side];
        assert!((0..2).all(|side| may_have_run(side).contains(&course.runs[side])), "{course:?}");
        (replayed, called) = (replayed + course.replayed, called + course.answered[0]);
    }
    until(|| stage.ends().len() as u64 >= stage.sum(|stats| stats.sessions)).await;
    assert_eq!(stage.ends(), vec![CloseCode::DONE; clients as usize], "each has one session");
    assert_eq!(stage.counted(|events| events.emitted), each * clients);
    assert_eq!(
        stage.counted(EventStats::undelivered),
        stage.counted(|events| events.unconfirmed),
        "but for what was not seen before the farewell"
    );
    assert_eq!(stage.sum(|stats| stats.sessions), clients);
    assert_eq!(stage.sum(|stats| stats.gaps + stats.expired), 0);
    let total: usize = hits.iter().sum();
    let kinds: Vec<_> =
        iter::zip(KINDS, hits).map(|(kind, hit)| format!("{hit} {kind:?}")).collect();
    eprintln!(
        "{clients} clients, {} events and {called} calls each way, {total} cuts ({}), {} times resumed, at least \
         {replayed} frames sent again, in {:.1?}: none lost, doubled or reordered",
        each * clients,
        kinds.join(", "),
        stage.sum(|stats| stats.resumed),
        started.elapsed(),
    );
    assert!(hits.iter().all(|hit| *hit > 0), "{kinds:?}");
    assert!(total as u64 >= cuts * clients, "{kinds:?}");
}

async fn where_sessions_end_both_sides_know_of_the_gap_and_claim_nothing_that_did_not_arrive(
    on: Fixture,
) {
    const CLIENTS: usize = 12;
    let limits = Limits::default().resume(Duration::from_millis(500)).stall(Duration::ZERO);
    let limits = limits.window(gaps::WINDOW).queue(gaps::QUEUE);
    let stage = Arc::new(Stage::new(on, limits, CLIENTS, Fate::Ends).await);
    let mut lives = JoinSet::new();
    for number in 0..CLIENTS {
        let limits = Limits::default().window(gaps::WINDOW).unsent(1_024);
        let (stage, mut guest) = (stage.clone(), Guest::new(&stage, number, limits).await);
        lives.spawn(async move {
            gaps::torment(&mut guest, &stage, ENDINGS.len()).await;
            let course = guest.track.now();
            guest.remote.close().await;
            course
        });
    }
    let (mut ended, mut overflows, mut missed, mut emitted) = (0, 0, [0; 2], 0);
    while let Some(life) = lives.join_next().await {
        let course = life.unwrap();
        overflows += gaps::check(&course);
        ended += course.ended;
        emitted += course.emitted[Side::Down as usize];
        iter::zip(&mut missed, course.missed).for_each(|(all, one)| *all += one);
    }
    until(|| stage.ends().len() as u64 >= stage.sum(|stats| stats.sessions)).await;
    let sessions = stage.sum(|stats| stats.sessions);
    assert_eq!((stage.sum(|stats| stats.gaps), sessions), (ended, CLIENTS as u64 + ended));
    let ends = stage.ends();
    let count = |code| ends.iter().filter(|end| **end == code).count();
    assert_eq!((count(CloseCode::DONE), ends.len() as u64), (CLIENTS, sessions));
    assert_eq!(stage.counted(|events| events.emitted), emitted);
    let never_sent = stage.counted(|events| events.closed + events.too_slow + events.ended);
    let unknown = stage.counted(|events| events.unconfirmed) + stage.sum(|stats| stats.forgotten);
    let expired = stage.sum(|stats| stats.expired);
    eprintln!(
        "{ended} sessions ended ({expired} expired, {overflows} by overflow, {} too slow, {} with their server): of the \
         clients' events {} did not arrive, of the server's {}, and it counts {never_sent} as never sent \
         and {unknown} as unconfirmed",
        count(CloseCode::TOO_SLOW),
        count(CloseCode::RESTART),
        missed[0],
        missed[1],
    );
    assert!((never_sent..=never_sent + unknown).contains(&missed[1]), "{missed:?}");
    assert!(overflows > 0 && expired > 0, "{overflows} {expired}");
    assert!(count(CloseCode::TOO_SLOW) > 0 && count(CloseCode::RESTART) > 0, "{ends:?}");
}
