//! Random fields of a struct or a variant.

use crate::{
    program::{ANY, Item, Kind, Program},
    types::{Facts, Type},
};
use std::{collections::BTreeSet, fmt::Write};

/// Fields of a struct or a variant, as they are declared and as they are made.
pub(crate) struct Fields {
    pub(crate) declared: String,
    pub(crate) made: String,
    pub(crate) facts: Facts,
    pub(crate) has_default: bool,
    pub(crate) is_open: bool,
    pub(crate) members_of: BTreeSet<usize>,
}

/// What `as_string` writes.
const DIGITS: &str = "^(0|-?[1-9][0-9]*)$";

impl Program {
    /// A type of any other kind that has none of these members.
    pub(crate) fn with_members(
        &mut self,
        members_of: &BTreeSet<usize>,
        unfit: &[Kind],
    ) -> Option<usize> {
        let is_fit =
            |item: &Item| !unfit.contains(&item.kind) && item.members_of.is_disjoint(members_of);
        let fit: Vec<_> = (0..self.items.len()).filter(|at| is_fit(&self.items[*at])).collect();
        (!fit.is_empty()).then(|| fit[self.rng.usize(..fit.len())])
    }

    pub(crate) fn fields(
        &mut self,
        owner: &str,
        is_inline: bool,
        parameter: Option<&Type>,
    ) -> Fields {
        let mut fields = Fields {
            declared: String::new(),
            made: String::new(),
            facts: Facts::default(),
            has_default: parameter.is_none(),
            is_open: false,
            members_of: BTreeSet::new(),
        };
        for count in 0..self.rng.usize(1..5) {
            let name = format!("field_{owner}_{count}");
            let given = parameter.filter(|_| count == 0).cloned();
            let (attrs, of) = match self.rng.u8(0..12) {
                0 if given.is_none() => self.string(is_inline),
                1 | 2 if given.is_none() => match self.flattened(&mut fields) {
                    Some(of) => ("#[serde(flatten)] ".to_owned(), of),
                    None => continue,
                },
                _ => {
                    let of = given.unwrap_or_else(|| self.of(2));
                    (self.attrs(&of, owner, count), of)
                }
            };
            fields.facts = fields.facts.and(of.facts);
            fields.has_default &= of.has_default;
            let _ = write!(fields.declared, "{attrs}{name}: {},", of.text);
            let _ = write!(fields.made, "{name}: {ANY},");
        }
        if parameter.is_some() && !fields.declared.contains(": T,") {
            let _ = write!(fields.declared, "given_{owner}: T,");
            let _ = write!(fields.made, "given_{owner}: {ANY},");
        }
        if fields.members_of.is_empty() && self.rng.u8(0..10) == 0 {
            // The rest: to serde, it has the members of what is flattened as well.
            fields.declared += "#[serde(flatten)] rest: BTreeMap<String, bool>,";
            fields.made += "rest: source.any(),";
            fields.is_open = true;
        }
        fields
    }

    /// An integer that travels as a string.
    fn string(&mut self, is_inline: bool) -> (String, Type) {
        let (of, with) = [
            ("u64", "String"),
            ("i128", "String"),
            ("Option<i64>", "Option<String>"),
            ("Vec<u64>", "Vec<String>"),
        ][self.rng.usize(..4)];
        let mut attrs = "#[serde(with = \"socketkit::as_string\", default)] ".to_owned();
        if !is_inline {
            let inner = if of.starts_with("Vec") { "inner(" } else { "" };
            let end = if inner.is_empty() { "" } else { ")" };
            let _ = write!(
                attrs,
                "#[schemars(with = \"{with}\", {inner}regex(pattern = \"{DIGITS}\"){end})] "
            );
        }
        (attrs, Type::with_default(of))
    }

    /// A type whose members are not those of another already.
    fn flattened(&mut self, fields: &mut Fields) -> Option<Type> {
        let unfit = [Kind::Closed, Kind::Open, Kind::Unit, Kind::Names, Kind::Other];
        let item = self.with_members(&fields.members_of, &unfit)?;
        fields.members_of.extend(&self.items[item].members_of);
        let of = self.named(item, 3);
        let text = if self.rng.u8(0..3) == 0 { format!("Option<{}>", of.text) } else { of.text };
        Some(Type { facts: of.facts.put_aside(), ..Type::plain(&text) })
    }

    fn attrs(&mut self, of: &Type, owner: &str, count: usize) -> String {
        let mut keys = Vec::new();
        if self.rng.u8(0..6) == 0 {
            keys.push(format!("rename = \"the-{owner} {count}\""));
        } else if self.rng.u8(0..10) == 0 {
            keys.push(format!(
                "rename(serialize = \"written_{owner}_{count}\", deserialize = \"read_{owner}_{count}\")"
            ));
        }
        if of.has_default {
            match self.rng.u8(0..8) {
                0 | 1 => keys.push("default".to_owned()),
                2 => keys.push("skip_deserializing".to_owned()),
                3 => keys.push("default, skip_serializing".to_owned()),
                4 => keys.push("skip".to_owned()),
                _ => {}
            }
        }
        if let Some(is_empty) = of.is_empty
            && !keys.iter().any(|key| key.contains("skip"))
            && self.rng.bool()
        {
            keys.push(format!("skip_serializing_if = \"{is_empty}\""));
        }
        if keys.is_empty() { String::new() } else { format!("#[serde({})] ", keys.join(", ")) }
    }
}
