//! What names a shape: the same for the same shape, whatever its documentation says.

use super::{EventContract, names, typescript::BRAND};
use serde_json::{Map, Value};
use sha1::{Digest, Sha1};
use std::collections::{BTreeMap, BTreeSet};

/// Members of a schema that do not say which values are valid.
pub(super) const REMARKS: [&str; 7] =
    ["title", "description", "default", "examples", "deprecated", "$comment", BRAND];

/// What a part of a schema is.
#[derive(Clone, Copy, PartialEq)]
enum Part {
    /// A schema, or a list of such.
    Schema,
    /// Schemas by names, of which each may be called like a remark.
    Schemas,
    /// Values, which are as they are.
    Values,
}

/// That of one event, with all types that it speaks of.
pub(super) fn event(
    event: &EventContract,
    read: &Map<String, Value>,
    write: &Map<String, Value>,
) -> String {
    let mut shape = Shape { text: String::new(), known: BTreeSet::new(), read, write };
    for schema in [&event.payload, &event.reply] {
        match schema {
            Some(schema) => shape.add_with_types(schema),
            None => shape.text.push_str("none"),
        }
        shape.text.push('\n');
    }
    if let Some(progress) = &event.progress {
        shape.add_with_types(progress);
    }
    digits(&shape.text)
}

/// That of all events of both sides.
pub(super) fn all<'a>(
    client: &BTreeMap<String, EventContract>,
    server: &BTreeMap<String, EventContract>,
    presence: impl Iterator<Item = &'a Value>,
    read: &'a Map<String, Value>,
    write: &'a Map<String, Value>,
) -> String {
    let mut shape = Shape { text: String::new(), known: BTreeSet::new(), read, write };
    presence.for_each(|schema| shape.add_with_types(schema));
    let mut text = shape.text;
    for (side, events) in [("client", client), ("server", server)] {
        for (name, event) in events {
            text += &format!("{side} {name} {}\n", event.fingerprint);
        }
    }
    digits(&text)
}

fn digits(text: &str) -> String {
    let hash = Sha1::digest(text.as_bytes());
    hash.iter().take(8).map(|byte| format!("{byte:02x}")).collect()
}

/// A schema as text.
struct Shape<'a> {
    text: String,
    /// Types that are in it, or are about to be.
    known: BTreeSet<&'a str>,
    read: &'a Map<String, Value>,
    write: &'a Map<String, Value>,
}

impl<'a> Shape<'a> {
    fn add_with_types(&mut self, schema: &'a Value) {
        let mut left = vec![schema];
        while let Some(schema) = left.pop() {
            let mut types = BTreeSet::new();
            self.add(schema, Part::Schema, &mut types);
            for name in types {
                if self.known.insert(name)
                    && let Some(schema) = names::find(name, self.read, self.write)
                {
                    left.push(schema);
                }
            }
        }
    }

    /// Adds a part of a schema with its members in order.
    fn add(&mut self, value: &'a Value, part: Part, types: &mut BTreeSet<&'a str>) {
        match value {
            Value::Object(members) => {
                let is_schema = part == Part::Schema;
                let members: BTreeMap<_, _> = members
                    .iter()
                    .filter(|(name, _)| !is_schema || !REMARKS.contains(&name.as_str()))
                    .collect();
                self.text.push('{');
                for (name, value) in members {
                    if let ("$ref", Value::String(pointer), true) =
                        (name.as_str(), value, is_schema)
                    {
                        types.insert(pointer);
                    }
                    self.text += &format!("{name:?}:");
                    let inner = match (part, name.as_str()) {
                        (Part::Schema, "properties" | "patternProperties") => Part::Schemas,
                        (Part::Schema, "const" | "enum") | (Part::Values, _) => Part::Values,
                        _ => Part::Schema,
                    };
                    self.add(value, inner, types);
                    self.text.push(',');
                }
                self.text.push('}');
            }
            Value::Array(items) => {
                self.text.push('[');
                for item in items {
                    self.add(item, part, types);
                    self.text.push(',');
                }
                self.text.push(']');
            }
            other => self.text += &other.to_string(),
        }
    }
}
