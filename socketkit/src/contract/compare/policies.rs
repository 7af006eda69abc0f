//! How an event travels, compared.

use super::Effect;
use crate::contract::{EventContract, RateContract};
use std::fmt::Display;

/// What is another, and whom it breaks; what its sender may do more or less of breaks one who does it.
pub(super) fn compare(old: &EventContract, new: &EventContract) -> Vec<(String, Effect)> {
    let mut found = Vec::new();
    let nobody = Effect::default();
    if old.max != new.max {
        let bytes = |max: Option<usize>| max.map(|max| format!("{max} bytes"));
        let effect = Effect::narrower(is_less(new.max, old.max), is_less(old.max, new.max));
        found.push((turned("its longest payload", bytes(old.max), bytes(new.max)), effect));
    }
    if old.rate != new.rate {
        let lower = |one: Option<RateContract>, other: Option<RateContract>| {
            let often = |rate: RateContract| u128::from(rate.count);
            match (one, other) {
                (Some(one), Some(other)) => {
                    one.burst < other.burst
                        || often(one) * u128::from(other.per_ms)
                            < often(other) * u128::from(one.per_ms)
                }
                (one, other) => one.is_some() && other.is_none(),
            }
        };
        let effect = Effect::narrower(lower(new.rate, old.rate), lower(old.rate, new.rate));
        let words = |rate: Option<RateContract>| {
            let words = |RateContract { count, per_ms, burst }| {
                format!("{count} in {per_ms} ms, {burst} at once")
            };
            rate.map(words)
        };
        found.push((turned("its rate", words(old.rate), words(new.rate)), effect));
    }
    if old.volatile != new.volatile {
        let may = if new.volatile { "may be dropped now" } else { "is not dropped any more" };
        found.push((format!("{may} where its receiver is slow (`volatile`)"), nobody));
    }
    if old.latest != new.latest {
        let words = |fields: &[String]| match fields {
            [] => "one for all".to_owned(),
            fields => format!("one for each {}", fields.join(", ")),
        };
        let slow = "where its receiver is slow";
        let what = match (&old.latest, &new.latest) {
            (Some(old), Some(new)) => {
                format!("its `latest` was {}, is {}", words(old), words(new))
            }
            (_, Some(new)) => {
                format!("is the newest alone now {slow} (`latest`: {})", words(new))
            }
            (old, None) => {
                let old = words(old.as_deref().unwrap_or_default());
                format!("is each of them now {slow} (`latest` was {old})")
            }
        };
        found.push((what, nobody));
    }
    found
}

/// Whether a bound is lower than another; none is the highest.
fn is_less(one: Option<usize>, other: Option<usize>) -> bool {
    one.is_some_and(|one| other.is_none_or(|other| one < other))
}

fn turned(what: &str, old: Option<impl Display>, new: Option<impl Display>) -> String {
    match (old, new) {
        (Some(old), Some(new)) => format!("{what} was {old}, is {new}"),
        (None, Some(new)) => format!("{what} was not limited, is {new}"),
        (Some(old), None) => format!("{what} was {old}, is not limited"),
        (None, None) => String::new(),
    }
}
