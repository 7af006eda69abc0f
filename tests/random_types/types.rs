//! A random type in Rust.

use crate::program::{Item, Kind, Program};

/// A type in Rust, with what others have to know of it.
#[derive(Clone)]
pub(crate) struct Type {
    pub(crate) text: String,
    pub(crate) has_default: bool,
    /// The function that says whether there is nothing in it.
    pub(crate) is_empty: Option<&'static str>,
    pub(crate) facts: Facts,
}

#[derive(Clone, Copy, Default)]
pub(crate) struct Facts {
    /// serde does not read it from what it has put aside: integers of 128 bits, and integers that are keys.
    pub(crate) is_shy: bool,
    /// A shy one is read from what is put aside.
    pub(crate) is_unreadable: bool,
}

impl Facts {
    pub(crate) fn and(self, other: Self) -> Self {
        Self {
            is_shy: self.is_shy || other.is_shy,
            is_unreadable: self.is_unreadable || other.is_unreadable,
        }
    }

    /// Where serde has to look at all of it before it knows how to read it.
    pub(crate) fn put_aside(self) -> Self {
        Self { is_unreadable: self.is_unreadable || self.is_shy, ..self }
    }
}

const INTEGERS: [&str; 12] =
    ["u8", "u16", "u32", "u64", "u128", "usize", "i8", "i16", "i32", "i64", "i128", "isize"];

impl Type {
    pub(crate) fn plain(text: &str) -> Self {
        let facts = Facts::default();
        Self { text: text.to_owned(), has_default: false, is_empty: None, facts }
    }

    pub(crate) fn with_default(text: &str) -> Self {
        Self { has_default: true, ..Self::plain(text) }
    }
}

impl Program {
    pub(crate) fn named(&mut self, item: usize, depth: usize) -> Type {
        let Item { name, is_generic, facts, .. } = &self.items[item];
        let (text, facts, is_generic) = (name.clone(), *facts, *is_generic);
        if !is_generic {
            return Type { facts, ..Type::plain(&text) };
        }
        let inner = self.of(depth + 1);
        let inside = if facts.is_shy { inner.facts.put_aside() } else { inner.facts };
        Type { facts: facts.and(inside), ..Type::plain(&format!("{text}<{}>", inner.text)) }
    }

    /// Any type.
    pub(crate) fn of(&mut self, depth: usize) -> Type {
        let simple = depth > 3;
        match self.rng.u8(0..if simple { 6 } else { 14 }) {
            0 => Type::with_default("bool"),
            1 => self.integer(),
            2 => Type::with_default(["f32", "f64"][self.rng.usize(..2)]),
            3 => Type { is_empty: Some("String::is_empty"), ..Type::with_default("String") },
            4 => Type::with_default("char"),
            5 => {
                let others = ["()", "Value", "DateTime<Utc>", "NaiveDate", "Uuid"];
                Type::with_default(others[self.rng.usize(..others.len())])
            }
            6 => {
                let is_empty = Some("Option::is_none");
                Type { is_empty, ..self.around("Option<", ">", depth) }
            }
            7 => Type { is_empty: Some("Vec::is_empty"), ..self.around("Vec<", ">", depth) },
            8 => {
                let key = self.key();
                let map = self.around(&format!("BTreeMap<{}, ", key.text), ">", depth);
                Type { facts: map.facts.and(key.facts), ..map }
            }
            9 => {
                let key = self.key();
                let is_shy = key.text.ends_with("128");
                let facts = Facts { is_shy, ..Facts::default() };
                Type { facts, ..Type::with_default(&format!("BTreeSet<{}>", key.text)) }
            }
            10 => {
                let length = [0, 1, 3, 17][self.rng.usize(..4)];
                let array = self.around("[", &format!("; {length}]"), depth);
                // serde reads any type of no items, and this program makes none.
                Type { has_default: false, ..array }
            }
            11 => {
                let (one, two) = (self.of(depth + 1), self.of(depth + 1));
                Type {
                    has_default: one.has_default && two.has_default,
                    facts: one.facts.and(two.facts),
                    ..Type::plain(&format!("({}, {})", one.text, two.text))
                }
            }
            _ => {
                let item = self.rng.usize(..=self.items.len());
                if item == self.items.len() { self.of(4) } else { self.named(item, depth) }
            }
        }
    }

    pub(crate) fn integer(&mut self) -> Type {
        let of = INTEGERS[self.rng.usize(..INTEGERS.len())];
        let facts = Facts { is_shy: of.ends_with("128"), ..Facts::default() };
        Type { facts, ..Type::with_default(of) }
    }

    /// What may be a key, and be put in order.
    pub(crate) fn key(&mut self) -> Type {
        let names: Vec<_> = self
            .items
            .iter()
            .filter(|item| item.kind == Kind::Names)
            .map(|item| &item.name)
            .collect();
        match self.rng.u8(0..4) {
            0 if !names.is_empty() => Type::plain(names[self.rng.usize(..names.len())]),
            1 => {
                let key = self.integer();
                Type { facts: Facts { is_shy: true, ..key.facts }, ..key }
            }
            2 => Type::plain("char"),
            _ => Type::plain("String"),
        }
    }

    pub(crate) fn around(&mut self, before: &str, after: &str, depth: usize) -> Type {
        let inner = self.of(depth + 1);
        Type { facts: inner.facts, ..Type::with_default(&format!("{before}{}{after}", inner.text)) }
    }
}
