//! Which kinds of values have become which.

use super::{cases::Case, difference::Walk};
use std::collections::BTreeMap;

/// The cases of two versions.
#[derive(Debug, Default)]
pub(super) struct Pairs<'b, 'a> {
    /// What each has become.
    pub(super) kept: Vec<(&'b Case<'a>, &'b Case<'a>)>,
    pub(super) gone: Vec<&'b Case<'a>>,
    pub(super) added: Vec<&'b Case<'a>>,
}

impl<'a> Walk<'a> {
    /// Goes by names, and among cases of one name, such as variants without a tag, by who reads whom,
    /// and who has the same fields.
    pub(super) fn pairs<'b>(&self, olds: &'b [Case<'a>], news: &'b [Case<'a>]) -> Pairs<'b, 'a> {
        let mut names: BTreeMap<String, [Vec<&Case<'a>>; 2]> = BTreeMap::new();
        for (side, cases) in [olds, news].into_iter().enumerate() {
            for case in cases {
                names.entry(case.name()).or_default()[side].push(case);
            }
        }
        let mut pairs = Pairs::default();
        for [mut olds, mut news] in names.into_values() {
            let are_many = olds.len() > 1 || news.len() > 1;
            if are_many {
                let all = [olds.clone(), news.clone()];
                let rules: [&dyn Fn(&Case<'a>, &Case<'a>) -> bool; 3] = [
                    &|old, new| old.looks_like(new) && self.are_alike(old, new),
                    &|old, new| self.are_alike(old, new),
                    &|old, new| old.looks_like(new),
                ];
                for is_it in rules {
                    olds.retain(|old| match news.iter().position(|new| is_it(old, new)) {
                        Some(at) => {
                            pairs.kept.push((old, news.remove(at)));
                            false
                        }
                        None => true,
                    });
                }
                // What is understood still is not gone, though it is not what it was.
                olds.retain(|old| !all[1].iter().any(|new| self.case_effect(old, new).is_taken()));
                news.retain(|new| {
                    !all[0].iter().any(|old| self.case_effect(old, new).is_taken_back())
                });
            }
            if let ([old], [new]) = (&*olds, &*news)
                && !(are_many && old.is_variant())
            {
                pairs.kept.push((*old, *new));
            } else {
                pairs.gone.extend(olds);
                pairs.added.extend(news);
            }
        }
        pairs
    }

    /// Whether each reads the other, as far as that is known.
    fn are_alike(&self, old: &Case<'a>, new: &Case<'a>) -> bool {
        let effect = self.case_effect(old, new);
        !effect.forward && !effect.backward
    }
}
