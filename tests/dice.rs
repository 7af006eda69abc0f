//! Random numbers that a seed repeats.

use crate::proxy::{Cut, Way};

/// SplitMix64, from a seed.
#[derive(Debug)]
pub struct Dice(pub u64);

impl Dice {
    /// From 0 to `bound`, without it.
    pub fn below(&mut self, bound: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ (z >> 31)) % bound
    }

    /// Whether one of `count` came up.
    pub fn one_in(&mut self, count: u64) -> bool {
        self.below(count) == 0
    }

    /// How to cut a connection.
    pub fn cut(&mut self) -> Cut {
        if self.below(2) == 0 { Cut::Rst } else { Cut::Fin }
    }

    /// One of the two ways.
    pub fn way(&mut self) -> Way {
        if self.below(2) == 0 { Way::Up } else { Way::Down }
    }
}
