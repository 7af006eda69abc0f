//! Numbers that are the same for the same seed, on every machine and in every version.

use std::{
    sync::atomic::{AtomicU64, Ordering},
    time::Duration,
};

/// SplitMix64: each step of the counter is one draw.
#[derive(Debug)]
pub(super) struct Draws(AtomicU64);

const STEP: u64 = 0x9e37_79b9_7f4a_7c15;

impl Draws {
    pub(super) fn new(seed: u64) -> Self {
        Self(AtomicU64::new(seed))
    }

    /// Draws of its own for the `number`th link, whatever is drawn elsewhere.
    pub(super) fn of_link(seed: u64, number: u64) -> Self {
        Self::new(mix(seed ^ mix(number)))
    }

    fn next(&self) -> u64 {
        mix(self.0.fetch_add(STEP, Ordering::Relaxed).wrapping_add(STEP))
    }

    /// One of `bound` numbers from zero on.
    pub(super) fn below(&self, bound: u64) -> u64 {
        ((u128::from(self.next()) * u128::from(bound)) >> 64) as u64
    }

    /// From zero up to and without one.
    pub(super) fn unit(&self) -> f64 {
        (self.next() >> 11) as f64 / (1_u64 << 53) as f64
    }

    /// Whole milliseconds below `bound`.
    pub(super) fn millis(&self, bound: u64) -> Duration {
        Duration::from_millis(self.below(bound))
    }
}

fn mix(mut number: u64) -> u64 {
    number = (number ^ (number >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    number = (number ^ (number >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    number ^ (number >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_those_of_splitmix64() {
        let draws = Draws::new(1_234_567);
        let expected =
            [6_457_827_717_110_365_317, 3_203_168_211_198_807_973, 9_817_491_932_198_370_423];
        assert_eq!([draws.next(), draws.next(), draws.next()], expected);
        assert!((0..1000).all(|_| draws.below(3) < 3 && (0.0..1.0).contains(&draws.unit())));
    }
}
