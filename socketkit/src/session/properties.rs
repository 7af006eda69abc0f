//! What holds for the [model](super::model) at random.
//!
//! `SESSION_SCHEDULES` is how many schedules are tried, 100,000 by default. That the model finds what it has
//! to is shown by leaving rules out, one at a time.

use super::model::{Model, Mutant};
use std::env;

fn schedules() -> u64 {
    env::var("SESSION_SCHEDULES").ok().and_then(|count| count.parse().ok()).unwrap_or(100_000)
}

/// The first seed that breaks the rules.
fn broken(mutant: Mutant, seeds: u64) -> Option<(u64, String)> {
    (0..seeds).find_map(|seed| {
        let broken = Model::new(seed, &[], mutant).run().err()?;
        Some((seed, broken))
    })
}

#[test]
fn nothing_is_lost_doubled_or_reordered_whatever_the_network_does() {
    assert_eq!(broken(Mutant::None, schedules()), None);
}

#[test]
fn each_rule_is_missed_when_it_is_left_out() {
    for mutant in
        [Mutant::NoGeneration, Mutant::NoAttempt, Mutant::ReportEarly, Mutant::WrongNumber]
    {
        assert!(broken(mutant, 2_000).is_some(), "{mutant:?}");
    }
}
