//! A page whose connection is lost in every way there is, again and again, while it and the server
//! emit and call without end: nothing is lost, doubled or out of order.
//!
//! `CHAOS_PAGE_CUTS` is how often, 200 by default; `CHAOS_SEED` repeats a run.

#[path = "browser_chaos/kind.rs"]
mod kind;
#[path = "browser_chaos/scene.rs"]
mod scene;

use kind::Kind;
use scene::Scene;
use socketkit::CloseCode;
use std::{collections::BTreeMap, env, time::Instant};
use tests::{browser::Result, dice::Dice};

fn setting(name: &str, default: u64) -> u64 {
    env::var(name).map_or(default, |value| value.parse().expect("a number"))
}

/// All kinds, then all again in another order.
fn deal(count: usize, dice: &mut Dice) -> Vec<Kind> {
    let mut kinds = Vec::new();
    while kinds.len() < count {
        let mut round = Kind::ALL.to_vec();
        while !round.is_empty() {
            kinds.push(round.swap_remove(dice.below(round.len() as u64) as usize));
        }
    }
    kinds.truncate(count);
    kinds
}

/// Both are the same, from the first to the last.
fn same(what: &str, sent: &[String], got: &[String]) {
    let at = sent.iter().zip(got).position(|(sent, got)| sent != got);
    let at = at.unwrap_or(sent.len().min(got.len()));
    assert!(
        sent == got,
        "{what}: {} were sent, {} came, and from the {at}th on they differ: {:?} / {:?}",
        sent.len(),
        got.len(),
        &sent[at..sent.len().min(at + 5)],
        &got[at..got.len().min(at + 5)],
    );
}

/// The answers to every fourth, which are the calls.
fn answers(sent: &[String]) -> Vec<String> {
    sent.iter().skip(3).step_by(4).map(|text| format!("{text}!")).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_is_lost_doubled_or_reordered_however_often_the_page_is_cut_off() -> Result {
    let (cuts, seed) = (setting("CHAOS_PAGE_CUTS", 200) as usize, setting("CHAOS_SEED", 1));
    let dice = &mut Dice(seed);
    let mut scene = Scene::open().await?;
    let begun = Instant::now();
    // How often each kind was, and how many milliseconds it took.
    let mut done = BTreeMap::<_, (usize, u128)>::new();
    for (index, kind) in deal(cuts, dice).into_iter().enumerate() {
        let start = Instant::now();
        if let Err(error) = scene.lose(kind, dice).await {
            let course = scene.course().await;
            panic!("cut {index} of seed {seed}, {kind:?}: {course:?}: {error}");
        }
        let (count, took) = done.entry(kind).or_default();
        (*count, *took) = (*count + 1, *took + start.elapsed().as_millis());
        // Some come at once, some when all that was missed is there.
        let more = dice.below(20) as usize;
        let got = scene.server(|entries| entries.got.len());
        scene.until(|entries| entries.got.len() >= got + more).await;
    }
    let took = begun.elapsed();
    scene.settle().await?;

    let course = scene.course().await?;
    let sent: Vec<String> = scene.has("sent").await?;
    let got: Vec<String> = scene.has("got").await?;
    let answered: Vec<String> = scene.has("answers").await?;
    scene.server(|server| {
        let codes = server.suspended.iter().fold(BTreeMap::new(), |mut codes, code| {
            *codes.entry(code.to_string()).or_insert(0) += 1;
            codes
        });
        println!(
            "{cuts} cuts in {took:.1?}, seed {seed}: {} counted events up, {} down; {} resumes at the \
             page, {} at the server, which sent {} frames again or late; {} replays cut, {} times \
             back from the cache\nlost with {codes:?}\n(cuts, ms) {done:?}",
            sent.len(),
            server.sent.len(),
            course.resumed,
            server.resumed,
            server.replayed,
            course.torn_replays,
            course.restored,
        );
        same("to the server", &sent, &server.got);
        same("to the page", &server.sent, &got);
        same("answers to the page", &answers(&sent), &answered);
        same("answers to the server", &answers(&server.sent), &server.answers);
        assert_eq!((server.connected, &server.ended[..]), (1, &[][..]), "one session");
        assert!(server.resumed >= course.resumed, "the server knows of every resume");
        if cuts >= 2 * Kind::ALL.len() {
            assert!(server.suspended.contains(&CloseCode::AWAY), "the browser said so: {codes:?}");
        }
    });
    assert_eq!(course.replies, answered.len(), "each call is answered once");
    assert_eq!(course.faults, [] as [&str; 0]);
    assert_eq!((course.opened, course.reset, course.closed), (1, 0, 0), "one session");
    assert!(course.resumed >= cuts, "each cut ended in a resume");
    assert_eq!(done.len(), Kind::ALL.len().min(cuts), "each kind happened");

    scene.page.eval("socket.close()").await?;
    scene.until(|entries| !entries.ended.is_empty()).await;
    assert_eq!(scene.server(|entries| entries.ended.clone()), [CloseCode::DONE]);
    assert!(scene.io.is_empty());
    Ok(())
}
