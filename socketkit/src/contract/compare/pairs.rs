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
    /// Goes by names, and among cases of one name, such as variants without a tag, by who reads whom.
    pub(super) fn pairs<'b>(&self, olds: &'b [Case<'a>], news: &'b [Case<'a>]) -> Pairs<'b, 'a> {
        let objects =
            |cases: &[Case<'_>]| cases.iter().filter(|case| case.is_untagged_object()).count();
        let is_one = objects(olds) < 2 && objects(news) < 2;
        let mut names: BTreeMap<String, [Vec<&Case<'a>>; 2]> = BTreeMap::new();
        for (side, cases) in [olds, news].into_iter().enumerate() {
            for case in cases {
                let is_struct = is_one && case.is_untagged_object();
                let name = if is_struct { "object".to_owned() } else { case.name() };
                names.entry(name).or_default()[side].push(case);
            }
        }
        let mut pairs = Pairs::default();
        for [mut olds, mut news] in names.into_values() {
            if olds.len() > 1 || news.len() > 1 {
                let all = [olds.clone(), news.clone()];
                olds.retain(|old| match news.iter().position(|new| self.are_alike(old, new)) {
                    Some(at) => {
                        pairs.kept.push((old, news.remove(at)));
                        false
                    }
                    None => true,
                });
                // What is understood still is not gone, though it is not what it was.
                olds.retain(|old| !all[1].iter().any(|new| self.case_effect(old, new).is_taken()));
                news.retain(|new| {
                    !all[0].iter().any(|old| self.case_effect(old, new).is_taken_back())
                });
            }
            if let ([old], [new]) = (&*olds, &*news) {
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
