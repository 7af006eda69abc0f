//! Objects and arrays, compared: what they hold.

use super::{
    cases::{ANY, List, Object, Others},
    difference::{Effect, Walk},
};
use serde_json::Value;
use std::collections::BTreeSet;

impl<'a> Walk<'a> {
    pub(super) fn objects(&mut self, path: &str, old: &Object<'a>, new: &Object<'a>) {
        self.once([&old.origin, &new.origin], |walk| {
            let names: BTreeSet<_> = [old, new].into_iter().flat_map(Object::names).collect();
            for name in names {
                walk.field(path, name, old, new);
            }
            walk.others(path, old, new);
            walk.patterns(path, old, new);
        });
    }

    fn field(&mut self, path: &str, name: &str, old: &Object<'a>, new: &Object<'a>) {
        let path = &member(path, name);
        match (old.field(name), new.field(name)) {
            (Some((before, was_required)), Some((after, is_required))) => {
                match (was_required, is_required) {
                    (false, true) => {
                        self.note(path, "is required now", Effect::narrower(true, false));
                    }
                    (true, false) => {
                        self.note(path, "is optional now", Effect::narrower(false, true));
                    }
                    _ => {}
                }
                self.schemas(path, before, after);
            }
            (None, Some((schema, is_required))) => {
                let may_come = match old.others {
                    Others::Of(others) => {
                        Some(self.effect(|walk| walk.schemas("", others, schema)))
                    }
                    _ => None,
                };
                let effect = Effect {
                    forward: is_required || may_come.is_some_and(|effect| !effect.is_taken()),
                    backward: match may_come {
                        Some(effect) => !effect.is_taken_back(),
                        None => old.others == Others::Refused,
                    },
                    unknown: false,
                };
                let required = if is_required { "required" } else { "optional" };
                let refused = if effect.backward { ", which the old version refuses" } else { "" };
                self.note(path, format!("is a new field, {required}{refused}"), effect);
            }
            (Some((schema, was_required)), None) => {
                let may_come = match new.others {
                    Others::Of(others) => {
                        Some(self.effect(|walk| walk.schemas("", schema, others)))
                    }
                    _ => None,
                };
                let effect = Effect {
                    forward: match may_come {
                        Some(effect) => !effect.is_taken(),
                        None => new.others == Others::Refused,
                    },
                    backward: was_required
                        || may_come.is_some_and(|effect| !effect.is_taken_back()),
                    unknown: false,
                };
                let required = if was_required { "required" } else { "optional" };
                let refused = if effect.forward { ", and refused" } else { "" };
                self.note(path, format!("is gone, which was {required}{refused}"), effect);
            }
            (None, None) => {}
        }
    }

    /// What other fields there may be.
    fn others(&mut self, path: &str, old: &Object<'a>, new: &Object<'a>) {
        let (what, effect) = match (old.others, new.others) {
            (Others::Of(old), Others::Of(new)) => {
                return self.schemas(&member(path, "*"), old, new);
            }
            (Others::Of(_), Others::Refused) => {
                ("has no other fields now, and refuses them", Effect::narrower(true, false))
            }
            (Others::Refused, Others::Of(_)) => (
                "may have other fields now, which the old version refuses",
                Effect::narrower(false, true),
            ),
            (Others::Of(_), Others::Skipped) => ("has no other fields now", Effect::default()),
            (Others::Skipped, Others::Of(_)) => ("may have other fields now", Effect::default()),
            (Others::Skipped, Others::Refused) => ("refuses unknown fields now", Effect::default()),
            (Others::Refused, Others::Skipped) => ("skips unknown fields now", Effect::default()),
            (Others::Skipped, Others::Skipped) | (Others::Refused, Others::Refused) => return,
        };
        self.note(path, what, effect);
    }

    fn patterns(&mut self, path: &str, old: &Object<'a>, new: &Object<'a>) {
        for (pattern, before) in &old.patterns {
            if let Some(after) = new.patterns.get(pattern) {
                self.schemas(&member(path, "*"), before, after);
            }
        }
        if old.patterns.keys().ne(new.patterns.keys()) {
            self.note(path, "has keys of another form", Effect::UNKNOWN);
        }
    }

    pub(super) fn lists(&mut self, path: &str, old: &List<'a>, new: &List<'a>) {
        self.once([&old.origin, &new.origin], |walk| {
            if old.length != new.length {
                let what = format!("had {} items, has {}", old.length, new.length);
                walk.note(path, what, old.length.effect(new.length));
            }
            let longest = old.length.1.min(new.length.1);
            let first = old.first.len().max(new.first.len());
            for at in 0..first {
                if (at as u64) < longest {
                    walk.schemas(&format!("{path}[{at}]"), old.item(at), new.item(at));
                }
            }
            if first as u64 <= longest.saturating_sub(1) {
                walk.schemas(&format!("{path}[]"), old.items, new.items);
            }
        });
    }
}

impl<'a> Object<'a> {
    fn names(&self) -> impl Iterator<Item = &'a str> {
        self.fields.keys().chain(&self.required).copied()
    }

    /// The schema of a field, and whether it is required.
    fn field(&self, name: &str) -> Option<(&'a Value, bool)> {
        let is_required = self.required.contains(name);
        let schema = self.fields.get(name).copied();
        schema.or(is_required.then_some(ANY)).map(|schema| (schema, is_required))
    }
}

impl<'a> List<'a> {
    fn item(&self, at: usize) -> &'a Value {
        self.first.get(at).copied().unwrap_or(self.items)
    }
}

/// The path of a field: `data.author`.
fn member(path: &str, name: &str) -> String {
    let is_plain = |char: char| char.is_alphanumeric() || "_*".contains(char);
    match !name.is_empty() && name.chars().all(is_plain) {
        true => format!("{path}.{name}"),
        false => format!("{path}[{}]", Value::from(name)),
    }
}
