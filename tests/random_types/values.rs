//! Random values of the types of Rust.

use chrono::{DateTime, NaiveDate, Utc};
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use uuid::Uuid;

/// Where values come from: they end, however deep their types go.
pub(crate) struct Source {
    rng: fastrand::Rng,
    depth: usize,
}

pub(crate) trait Random {
    fn random(source: &mut Source) -> Self;
}

impl Source {
    pub(crate) fn new(seed: u64) -> Self {
        Self { rng: fastrand::Rng::with_seed(seed), depth: 0 }
    }

    pub(crate) fn any<T: Random>(&mut self) -> T {
        self.depth += 1;
        let value = T::random(self);
        self.depth -= 1;
        value
    }

    /// One of so many: the first where it is deep.
    pub(crate) fn pick(&mut self, count: usize) -> usize {
        if self.depth > 8 { 0 } else { self.rng.usize(..count) }
    }

    fn several<T: Random, C: FromIterator<T>>(&mut self) -> C {
        (0..self.pick(4)).map(|_| self.any()).collect()
    }
}

macro_rules! integers {
    ($($integer:ident)*) => { $(
        impl Random for $integer {
            fn random(source: &mut Source) -> Self {
                match source.rng.u8(..4) {
                    0 => $integer::MIN,
                    1 => $integer::MAX,
                    2 => 1,
                    _ => source.rng.$integer(..),
                }
            }
        }
    )* };
}

integers!(u8 u16 u32 u64 u128 usize i8 i16 i32 i64 i128 isize);

impl Random for () {
    fn random(_: &mut Source) -> Self {}
}

impl<A: Random, B: Random> Random for (A, B) {
    fn random(source: &mut Source) -> Self {
        (source.any(), source.any())
    }
}

impl Random for bool {
    fn random(source: &mut Source) -> Self {
        source.rng.bool()
    }
}

impl Random for f32 {
    fn random(source: &mut Source) -> Self {
        [0.0, -1.5, f32::MAX, source.rng.f32()][source.rng.usize(..4)]
    }
}

impl Random for f64 {
    fn random(source: &mut Source) -> Self {
        [0.0, -1.5, f64::MAX, source.rng.f64()][source.rng.usize(..4)]
    }
}

impl Random for char {
    fn random(source: &mut Source) -> Self {
        ['a', '"', '\\', '\u{0}', '\u{2028}', 'ß', '🦀', source.rng.char(..)][source.rng.usize(..8)]
    }
}

impl Random for String {
    fn random(source: &mut Source) -> Self {
        source.several::<char, _>()
    }
}

impl Random for DateTime<Utc> {
    fn random(source: &mut Source) -> Self {
        let seconds = source.rng.i64(-60_000_000_000..200_000_000_000);
        DateTime::from_timestamp(seconds, source.rng.u32(..1_000_000_000)).unwrap()
    }
}

impl Random for NaiveDate {
    fn random(source: &mut Source) -> Self {
        source.any::<DateTime<Utc>>().date_naive()
    }
}

impl Random for Uuid {
    fn random(source: &mut Source) -> Self {
        Uuid::from_u128(source.any())
    }
}

impl Random for Value {
    fn random(source: &mut Source) -> Self {
        [json!(null), json!({ "a": [1.5, "b"] }), json!([])][source.rng.usize(..3)].clone()
    }
}

impl<T: Random> Random for Box<T> {
    fn random(source: &mut Source) -> Self {
        Box::new(source.any())
    }
}

impl<T: Random> Random for Option<T> {
    fn random(source: &mut Source) -> Self {
        (source.pick(3) > 0).then(|| source.any())
    }
}

impl<T: Random> Random for Vec<T> {
    fn random(source: &mut Source) -> Self {
        source.several()
    }
}

impl<T: Random + Ord> Random for BTreeSet<T> {
    fn random(source: &mut Source) -> Self {
        source.several()
    }
}

impl<K: Random + Ord, V: Random> Random for BTreeMap<K, V> {
    fn random(source: &mut Source) -> Self {
        source.several::<(K, V), _>()
    }
}

impl<T: Random, const N: usize> Random for [T; N] {
    fn random(source: &mut Source) -> Self {
        std::array::from_fn(|_| source.any())
    }
}
