//! How far a client has seen what each node of a cluster emits, which it tells a node that goes on with its session.

use crate::wire::{NODE, PLACE, PLACES};
use std::{fmt, time::Instant};

/// Nodes of which places are known: beside them a ticket says for how long nothing was heard.
const NODES: usize = PLACES - 1;

/// The longest time that fits: some 8,900 years.
const LONGEST: u128 = (1 << 48) - 1;

/// See the module.
#[derive(Debug)]
pub(crate) struct Places {
    /// The place of the last event of each node, of at most [`NODES`]; the one that changed longest ago is first.
    places: Vec<[u8; PLACE]>,
    /// When something was heard.
    heard: Instant,
}

impl Places {
    pub(crate) fn new(now: Instant) -> Self {
        Self { places: Vec::new(), heard: now }
    }

    /// Something was heard.
    pub(super) fn hear(&mut self, now: Instant) {
        self.heard = now;
    }

    /// As a ticket ends, where there is one: a dot before each, and then for how many milliseconds nothing was heard.
    pub(crate) fn write(&self, now: Instant) -> String {
        if self.places.is_empty() {
            // The cluster has no log.
            return String::new();
        }
        let away = now.saturating_duration_since(self.heard).as_millis().clamp(1, LONGEST);
        format!("{self}.{away:0PLACE$x}")
    }

    /// An event of a node counts as processed.
    pub(super) fn note(&mut self, place: &str) {
        let Ok(place) = <&[u8; PLACE]>::try_from(place.as_bytes()) else { return };
        let Some((node, _)) = place.split_first_chunk::<NODE>() else { return };
        if place.iter().all(|digit| *digit == b'0') {
            // It has none.
            return;
        }
        match self.places.iter().rposition(|known| known.starts_with(node)) {
            Some(known) => drop(self.places.remove(known)),
            None if self.places.len() == NODES => drop(self.places.remove(0)),
            None => {}
        }
        self.places.push(*place);
    }
}

/// A dot before each.
impl fmt::Display for Places {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.places.iter().try_for_each(|place| write!(f, ".{}", String::from_utf8_lossy(place)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    fn place(node: u64, number: u64) -> String {
        format!("{node:016x}{number:012x}")
    }

    fn noted(all: impl IntoIterator<Item = (u64, u64)>) -> String {
        let mut places = Places::new(Instant::now());
        all.into_iter().for_each(|(node, number)| places.note(&place(node, number)));
        places.to_string()
    }

    fn shown(all: impl IntoIterator<Item = (u64, u64)>) -> String {
        all.into_iter().map(|(node, number)| format!(".{}", place(node, number))).collect()
    }

    #[test]
    fn a_node_has_one_place_and_the_one_that_changed_last_is_last() {
        assert_eq!(noted([]), "");
        assert_eq!(noted([(1, 1), (2, 1), (1, 2)]), shown([(2, 1), (1, 2)]));
        // What is newer has come later, whatever its number.
        assert_eq!(noted([(1, 9), (1, 3)]), shown([(1, 3)]));
    }

    #[test]
    fn a_ticket_says_for_how_long_nothing_was_heard() {
        let start = Instant::now();
        let mut places = Places::new(start);
        places.hear(start + Duration::from_millis(50));
        assert_eq!(places.write(start + Duration::from_secs(1)), "");
        places.note(&place(7, 9));
        for (after, away) in [(0, 1), (50, 1), (51, 1), (550, 500)] {
            let now = start + Duration::from_millis(after);
            assert_eq!(places.write(now), shown([(7, 9), (0, away)]));
        }
    }

    #[test]
    fn zeros_are_no_place() {
        assert_eq!(noted([(0, 0), (7, 0), (0, 7)]), shown([(7, 0), (0, 7)]));
    }

    #[test]
    fn beyond_so_many_nodes_the_one_that_changed_longest_ago_is_forgotten() {
        let nodes = NODES as u64;
        let all = (1..=nodes).map(|node| (node, 1));
        let rest = (3..=nodes).map(|node| (node, 1));
        assert_eq!(noted(all.clone()), shown(all.clone()));
        // The first is changed, so that the second goes.
        let more = all.chain([(1, 2), (1_000, 1)]);
        assert_eq!(noted(more), shown(rest.chain([(1, 2), (1_000, 1)])));
    }
}
