//! Two schemas of one thing, compared: what its old writer writes for its new reader, and the reverse.

use super::{
    Breaks,
    cases::{ANY, Case, Form, Length, Number, Origin, Text},
    describe::list,
    pairs::Pairs,
};
use crate::contract::Contract;
use serde_json::Value;
use std::{
    cell::{Cell, RefCell},
    collections::{HashMap, HashSet},
    ptr,
    rc::Rc,
};

/// So many differences of one payload or reply are told.
const MOST: usize = 100;

/// One thing that is another.
#[derive(Debug, Clone)]
pub(super) struct Difference {
    pub(super) path: String,
    pub(super) what: String,
    pub(super) effect: Effect,
}

/// Who does not understand whom.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Effect {
    /// The new reader does not take all that the old writer writes.
    pub(super) forward: bool,
    /// The old reader does not take all that the new writer writes.
    pub(super) backward: bool,
    /// Nobody knows.
    pub(super) unknown: bool,
}

impl Effect {
    pub(super) const UNKNOWN: Self = Self { forward: false, backward: false, unknown: true };

    /// Of a set of values that lost some, and won some.
    pub(super) fn narrower(lost: bool, won: bool) -> Self {
        Self { forward: lost, backward: won, unknown: false }
    }

    fn and(self, other: Self) -> Self {
        Self {
            forward: self.forward || other.forward,
            backward: self.backward || other.backward,
            unknown: self.unknown || other.unknown,
        }
    }

    pub(super) fn breaks(self, client_writes: bool) -> Breaks {
        let (clients, servers) = match client_writes {
            true => (self.forward, self.backward),
            false => (self.backward, self.forward),
        };
        match (clients, servers) {
            (true, true) => Breaks::Both,
            (true, false) => Breaks::OldClients,
            (false, true) => Breaks::OldServers,
            (false, false) if self.unknown => Breaks::Unknown,
            (false, false) => Breaks::Nobody,
        }
    }
}

/// Goes through two schemas side by side.
#[derive(Debug)]
pub(super) struct Walk<'a> {
    old: &'a Contract,
    new: &'a Contract,
    /// Pairs that are being compared: a type may hold itself.
    open: Vec<[Origin; 2]>,
    /// Pairs that differ in nothing.
    quiet: Rc<RefCell<HashSet<[Origin; 2]>>>,
    /// What came of pairs that have been compared to see who reads whom.
    known: Rc<RefCell<HashMap<[Origin; 2], Effect>>>,
    /// How often a pair was met that was being compared: what was found then counts there alone.
    met: Rc<Cell<usize>>,
    found: Vec<Difference>,
}

impl<'a> Walk<'a> {
    pub(super) fn new(old: &'a Contract, new: &'a Contract) -> Self {
        Self {
            old,
            new,
            open: Vec::new(),
            quiet: Rc::default(),
            known: Rc::default(),
            met: Rc::default(),
            found: Vec::new(),
        }
    }

    pub(super) fn into_found(mut self, path: &str) -> Vec<Difference> {
        if self.found.len() >= MOST {
            self.note(path, "has more changes than are told", Effect::UNKNOWN);
        }
        self.found
    }

    pub(super) fn note(&mut self, path: &str, what: impl Into<String>, effect: Effect) {
        self.found.push(Difference { path: path.to_owned(), what: what.into(), effect });
    }

    pub(super) fn form_of_old(&self, schema: &'a Value) -> Form<'a> {
        Form::of(schema, self.old)
    }

    pub(super) fn form_of_new(&self, schema: &'a Value) -> Form<'a> {
        Form::of(schema, self.new)
    }

    /// Whether the new reader takes `null`.
    pub(super) fn new_reads_null(&self, new: &'a Value) -> bool {
        self.effect(|walk| walk.forms("", &Form::null(), &walk.form_of_new(new))).is_taken()
    }

    /// Whether the old reader takes `null`.
    pub(super) fn old_reads_null(&self, old: &'a Value) -> bool {
        self.effect(|walk| walk.forms("", &walk.form_of_old(old), &Form::null())).is_taken_back()
    }

    /// What comes of a comparison whose differences are not told.
    pub(super) fn effect(&self, compare: impl FnOnce(&mut Self)) -> Effect {
        let mut aside = Self {
            open: self.open.clone(),
            quiet: self.quiet.clone(),
            known: self.known.clone(),
            met: self.met.clone(),
            found: Vec::new(),
            ..*self
        };
        compare(&mut aside);
        let effects = aside.found.iter().map(|found| found.effect);
        let all = effects.fold(Effect::default(), Effect::and);
        Effect { unknown: all.unknown || aside.found.len() >= MOST, ..all }
    }

    /// Compares unless that is being done already.
    pub(super) fn once(&mut self, [old, new]: [&Origin; 2], compare: impl FnOnce(&mut Self)) {
        if self.open.iter().any(|open| [&open[0], &open[1]] == [old, new]) {
            return self.met.update(|met| met + 1);
        }
        let pair = [old.clone(), new.clone()];
        let (met, found) = (self.met.get(), self.found.len());
        if found >= MOST || self.quiet.borrow().contains(&pair) {
            return;
        }
        self.open.push(pair);
        compare(self);
        let pair = self.open.pop().filter(|_| (self.met.get(), self.found.len()) == (met, found));
        self.quiet.borrow_mut().extend(pair);
    }

    pub(super) fn schemas(&mut self, path: &str, old: &'a Value, new: &'a Value) {
        let pair = [address(old, self.old), address(new, self.new)];
        self.once([&pair[0], &pair[1]], |walk| {
            let (old, new) = (walk.form_of_old(old), walk.form_of_new(new));
            walk.forms(path, &old, &new);
        });
    }

    pub(super) fn forms(&mut self, path: &str, old: &Form<'a>, new: &Form<'a>) {
        match (old, new) {
            (Form::Cases(olds, said), Form::Cases(news, says)) => {
                self.cases(path, olds, news);
                if said != says {
                    let words = |said: &super::cases::Rest| match said.is_empty() {
                        true => "nothing".to_owned(),
                        false => said.iter().cloned().collect::<Vec<_>>().join(", "),
                    };
                    let what = format!("its schema said {}, says {}", words(said), words(says));
                    self.note(path, what, Effect::UNKNOWN);
                }
            }
            (Form::Unknown, Form::Unknown) => {
                self.note(path, "has no schema: a change of it is not seen", Effect::UNKNOWN);
            }
            (Form::Unknown, Form::Cases(news, _)) => {
                self.note(path, format!("had no schema, is {}", list(news)), Effect::UNKNOWN);
            }
            (Form::Cases(olds, _), Form::Unknown) => {
                self.note(path, format!("was {}, has no schema now", list(olds)), Effect::UNKNOWN);
            }
        }
    }

    fn cases(&mut self, path: &str, olds: &[Case<'a>], news: &[Case<'a>]) {
        let Pairs { kept, gone, added } = self.pairs(olds, news);
        // One kind may be a part of another: "a" of string.
        let is_lost =
            gone.iter().any(|old| !news.iter().any(|new| self.case_effect(old, new).is_taken()));
        let is_won = added
            .iter()
            .any(|new| !olds.iter().any(|old| self.case_effect(old, new).is_taken_back()));
        let effect = Effect::narrower(is_lost, is_won);
        match (gone.is_empty(), added.is_empty()) {
            (false, false) if kept.is_empty() => {
                self.note(path, format!("was {}, is {}", list(gone), list(added)), effect);
            }
            (gone_is_empty, added_is_empty) => {
                if !gone_is_empty {
                    let effect = Effect { backward: false, ..effect };
                    self.note(path, format!("is not {} any more", list(gone)), effect);
                }
                if !added_is_empty {
                    let effect = Effect { forward: false, ..effect };
                    self.note(path, format!("may be {} now", list(added)), effect);
                }
            }
        }
        for (old, new) in kept {
            self.case(path, old, new);
        }
    }

    /// Who reads whom, of two cases.
    pub(super) fn case_effect(&self, old: &Case<'a>, new: &Case<'a>) -> Effect {
        let pair = match (old, new) {
            (Case::Object(old), Case::Object(new)) => Some([&old.origin, &new.origin]),
            (Case::List(old), Case::List(new)) => Some([&old.origin, &new.origin]),
            _ => None,
        };
        let pair = pair.map(|pair| pair.map(Clone::clone));
        let known = pair.as_ref().and_then(|pair| self.known.borrow().get(pair).copied());
        known.unwrap_or_else(|| {
            let met = self.met.get();
            let effect = self.effect(|walk| walk.case("", old, new));
            if let Some(pair) = pair.filter(|_| self.met.get() == met) {
                self.known.borrow_mut().insert(pair, effect);
            }
            effect
        })
    }

    fn case(&mut self, path: &str, old: &Case<'a>, new: &Case<'a>) {
        let effect = match (old, new) {
            (Case::Object(old), Case::Object(new)) => return self.objects(path, old, new),
            (Case::List(old), Case::List(new)) => return self.lists(path, old, new),
            (Case::Value(old), Case::Value(new)) if old == new => return,
            (Case::Boolean, Case::Boolean) => return,
            (Case::Number(old), Case::Number(new)) if old == new => return,
            (Case::Text(old), Case::Text(new)) if old == new => return,
            (Case::Number(old), Case::Number(new)) => old.effect(new),
            (Case::Text(old), Case::Text(new)) => old.effect(new),
            (old, new) => Effect::narrower(
                !matches!(old, Case::Value(value) if new.has(value)),
                !matches!(new, Case::Value(value) if old.has(value)),
            ),
        };
        self.note(path, format!("was {old}, is {new}"), effect);
    }
}

impl Effect {
    /// Whether the new reader certainly takes it.
    pub(super) fn is_taken(self) -> bool {
        !self.forward && !self.unknown
    }

    /// Whether the old reader certainly takes it.
    pub(super) fn is_taken_back(self) -> bool {
        !self.backward && !self.unknown
    }
}

impl Number<'_> {
    fn effect(&self, new: &Self) -> Effect {
        Effect::narrower(
            new.is_integer && !self.is_integer || new.least > self.least || new.most < self.most,
            self.is_integer && !new.is_integer || self.least > new.least || self.most < new.most,
        )
    }
}

impl Text<'_> {
    fn effect(&self, new: &Self) -> Effect {
        let mut effect = self.length.effect(new.length);
        for (old, new) in [(self.format, new.format), (self.pattern, new.pattern)] {
            effect = effect.and(match (old, new) {
                (old, new) if old == new => Effect::default(),
                (None, _) => Effect::narrower(true, false),
                (_, None) => Effect::narrower(false, true),
                _ => Effect::narrower(true, true),
            });
        }
        effect
    }
}

impl Length {
    pub(super) fn effect(self, new: Self) -> Effect {
        Effect::narrower(new.0 > self.0 || new.1 < self.1, self.0 > new.0 || self.1 < new.1)
    }
}

/// What tells a schema from others: that of a type is the same wherever it is spoken of.
fn address(schema: &Value, contract: &Contract) -> Origin {
    let pointer = schema.get("$ref").and_then(Value::as_str);
    let is_plain = schema.as_object().is_some_and(|members| members.len() == 1);
    let schema =
        pointer.filter(|_| is_plain).and_then(|pointer| contract.find(pointer)).unwrap_or(schema);
    // Any value is any value, wherever it is.
    vec![if schema == ANY { 0 } else { ptr::from_ref(schema).addr() }]
}
