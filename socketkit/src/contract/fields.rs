//! What a client has to know of a payload to tell that it is another one: its fields and their types, as
//! far as JavaScript tells them apart.

use super::Contract;
use serde_json::{Map, Value};
use std::collections::{BTreeMap, BTreeSet};

/// Fields are looked for so deep, and so many of them: a page is to load this.
const DEEPEST: usize = 6;
const MOST: usize = 128;

/// So many schemas are looked at: types in types may be many times as many as they are.
const LOOKS: usize = 4096;

/// By the path of each field, such as `/tags/*` (`""` is the payload itself), what it may be: names of
/// types as in JSON Schema, `absent`, and constants as JSON. A field that may be anything is left out.
pub(crate) fn fields(contract: &Contract, schema: &Value) -> BTreeMap<String, BTreeSet<String>> {
    let mut found =
        Fields { contract, types: BTreeMap::new(), open: Vec::new(), unions: 0, looks: 0 };
    found.add("", schema, false);
    let mut types = found.types;
    // A map with fields of its own: of the others nothing is said.
    let mixed: Vec<_> = types
        .keys()
        .filter_map(|path| path.strip_suffix('*'))
        .filter(|parent| types.keys().any(|path| is_beside(path, parent)))
        .map(|parent| format!("{parent}*"))
        .collect();
    types.retain(|path, types| {
        !types.contains(ANY) && !mixed.iter().any(|mixed| path.starts_with(mixed))
    });
    types
}

/// Whether a path begins with a parent, which ends in `/`, and has a name there.
fn is_beside(path: &str, parent: &str) -> bool {
    path.strip_prefix(parent).is_some_and(|name| !name.starts_with('*'))
}

const ANY: &str = "any";

struct Fields<'a> {
    contract: &'a Contract,
    types: BTreeMap<String, BTreeSet<String>>,
    /// Types in which this one is: one that is in itself is not looked into again.
    open: Vec<&'a str>,
    /// In so many unions: what one of their types has, others may lack.
    unions: usize,
    looks: usize,
}

impl<'a> Fields<'a> {
    fn add(&mut self, path: &str, schema: &'a Value, is_optional: bool) {
        self.looks += 1;
        if self.looks > LOOKS {
            return self.be(path, ANY);
        }
        if !self.types.contains_key(path) && self.types.len() >= MOST {
            return;
        }
        if is_optional {
            self.be(path, "absent");
        }
        let Value::Object(members) = schema else { return self.be(path, ANY) };
        if let Some(pointer) = members.get("$ref").and_then(Value::as_str) {
            match self.contract.find(pointer) {
                Some(_) if self.open.contains(&pointer) => self.be(path, ANY),
                Some(schema) => {
                    self.open.push(pointer);
                    self.add(path, schema, false);
                    self.open.pop();
                }
                None => self.be(path, ANY),
            }
            return;
        }
        let lists =
            ["anyOf", "oneOf", "allOf"].map(|key| members.get(key).and_then(Value::as_array));
        let constants = match (members.get("const"), members.get("enum")) {
            (Some(value), _) => std::slice::from_ref(value),
            (None, Some(Value::Array(values))) => values.as_slice(),
            _ => &[],
        };
        let types = match members.get("type") {
            Some(Value::String(one)) => vec![one.as_str()],
            Some(Value::Array(types)) => types.iter().filter_map(Value::as_str).collect(),
            _ if members.contains_key("properties") => vec!["object"],
            _ => Vec::new(),
        };
        if !constants.is_empty() {
            constants.iter().for_each(|value| self.be(path, &value.to_string()));
        } else if lists.iter().all(Option::is_none) && types.is_empty() {
            self.be(path, ANY);
        } else {
            types.into_iter().for_each(|name| self.be(path, name));
        }
        let all = lists.into_iter().flatten().flatten();
        let is_union =
            all.clone().filter(|schema| schema.get("type") != Some(&"null".into())).count() > 1;
        self.unions += usize::from(is_union);
        all.for_each(|schema| self.add(path, schema, false));
        self.unions -= usize::from(is_union);
        if path.matches('/').count() < DEEPEST {
            self.members(path, members);
        }
    }

    fn members(&mut self, path: &str, members: &'a Map<String, Value>) {
        let required = members.get("required").and_then(Value::as_array);
        for (name, schema) in
            members.get("properties").and_then(Value::as_object).into_iter().flatten()
        {
            // A name with a sign of ours is one of which nothing is said.
            if name == "*" || name.contains('/') {
                continue;
            }
            let is_required = self.unions == 0
                && required.is_some_and(|names| names.iter().any(|known| known == name));
            self.add(&format!("{path}/{name}"), schema, !is_required);
        }
        for key in ["items", "additionalProperties"] {
            if let Some(schema @ Value::Object(_)) = members.get(key) {
                self.add(&format!("{path}/*"), schema, false);
            }
        }
        let items = members.get("prefixItems").and_then(Value::as_array);
        for (index, schema) in items.into_iter().flatten().enumerate() {
            self.add(&format!("{path}/{index}"), schema, false);
        }
    }

    fn be(&mut self, path: &str, name: &str) {
        self.types.entry(path.to_owned()).or_default().insert(name.to_owned());
    }
}
