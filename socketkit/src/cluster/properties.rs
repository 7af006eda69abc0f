//! What holds between nodes at random, in a [model](super::model) of their network.
//!
//! `CLUSTER_SCHEDULES` is how many schedules are tried, 500 by default, and `CLUSTER_SEED` is the first of them.

use super::model::{Model, Network};
use std::env;

fn number(name: &str, otherwise: u64) -> u64 {
    env::var(name).ok().and_then(|number| number.parse().ok()).unwrap_or(otherwise)
}

/// The first seed that breaks the rules.
fn broken(network: Network) -> Option<(u64, String)> {
    let first = number("CLUSTER_SEED", 0);
    (first..first + number("CLUSTER_SCHEDULES", 500)).find_map(|seed| {
        let broken = Model::new(seed, network).run().err()?;
        Some((seed, broken))
    })
}

#[test]
fn what_is_said_comes_once_and_in_order_or_whoever_missed_it_knows() {
    assert_eq!(broken(Network::Bad), None);
}

#[test]
fn where_nothing_is_lost_nothing_is_asked_for_and_there_is_no_gap() {
    assert_eq!(broken(Network::Good), None);
}
