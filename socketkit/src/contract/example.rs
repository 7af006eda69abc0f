//! Values that the schemas of a contract allow: what documentation shows.

use super::{Contract, names};
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;

/// Bytes of the longest example of a type, and members of its longest array.
const LONGEST: usize = 8 * 1024;

/// What stands for a value of which nobody knows anything.
const ANYTHING: &str = "…";

/// One example of each type, by its pointer.
#[derive(Debug, Default)]
pub(super) struct Examples(BTreeMap<String, Value>);

impl Examples {
    pub(super) fn of(contract: &Contract) -> Self {
        let mut examples = Self::default();
        let mut left: Vec<_> = names::types(contract).collect();
        while !left.is_empty() {
            let before = left.len();
            left.retain(|(pointer, schema)| !examples.add(pointer, schema, Extent::Whole));
            // A type within itself: it has an example once what is left out of it can be.
            if left.len() == before {
                let one = left
                    .iter()
                    .position(|(pointer, schema)| examples.add(pointer, schema, Extent::Partial));
                let Some(one) = one else { break };
                left.swap_remove(one);
            }
        }
        examples
    }

    /// A value of a schema: its own example, if its type has one (`#[schemars(example = ..)]`). `None`
    /// if it is not plain what is allowed, as with a regular expression.
    pub(super) fn value(&self, schema: &Value) -> Option<Value> {
        self.make(schema, Extent::Whole).or_else(|| self.make(schema, Extent::Partial))
    }

    /// Whether a type is done with.
    fn add(&mut self, pointer: &str, schema: &Value, extent: Extent) -> bool {
        let Some(value) = self.make(schema, extent) else { return false };
        // Types that are used several times within each other would have endless ones.
        if value.to_string().len() <= LONGEST {
            self.0.insert(pointer.to_owned(), value);
        }
        true
    }

    fn make(&self, schema: &Value, extent: Extent) -> Option<Value> {
        let members = match schema {
            Value::Bool(false) => return None,
            Value::Object(members) => members,
            _ => return Some(ANYTHING.into()),
        };
        let first = |name| members.get(name).and_then(Value::as_array).and_then(|all| all.first());
        if let Some(value) = first("examples").or(members.get("const")).or(first("enum")) {
            return Some(value.clone());
        }
        let mut parts = Vec::new();
        if members.contains_key("type") || members.contains_key("properties") {
            parts.push(self.by_type(members, extent)?);
        }
        if let Some(pointer) = members.get("$ref").and_then(Value::as_str) {
            parts.push(self.0.get(pointer)?.clone());
        }
        for key in ["allOf", "anyOf", "oneOf"] {
            let Some(schemas) = members.get(key).and_then(Value::as_array) else { continue };
            let mut made = schemas.iter().map(|schema| self.make(schema, extent));
            match (key, extent) {
                ("allOf", _) => parts.extend(made.collect::<Option<Vec<_>>>()?),
                (_, Extent::Whole) => parts.push(made.next()??),
                (_, Extent::Partial) => parts.push(made.find_map(|value| value)?),
            }
        }
        let merged = parts.into_iter().reduce(|one, other| match (one, other) {
            (Value::Object(mut one), Value::Object(other)) => {
                one.extend(other);
                one.into()
            }
            (_, other) => other,
        });
        Some(merged.unwrap_or(ANYTHING.into()))
    }

    fn by_type(&self, members: &Map<String, Value>, extent: Extent) -> Option<Value> {
        let of = match members.get("type") {
            Some(Value::Array(types)) => {
                types.iter().filter_map(Value::as_str).find(|of| *of != "null").unwrap_or("null")
            }
            Some(Value::String(one)) => one,
            _ => "object",
        };
        match of {
            "null" => Some(Value::Null),
            "boolean" => Some(true.into()),
            "integer" | "number" => number(members, of == "integer"),
            "string" => string(members),
            "array" => self.array(members, extent),
            _ => self.object(members, extent),
        }
    }

    fn array(&self, members: &Map<String, Value>, extent: Extent) -> Option<Value> {
        if let Some(items) = members.get("prefixItems").and_then(Value::as_array) {
            return items.iter().map(|item| self.make(item, extent)).collect();
        }
        let length = |name| members.get(name).and_then(Value::as_u64);
        let least = usize::try_from(length("minItems").unwrap_or(0)).ok()?;
        if length("maxItems") == Some(0) {
            return Some(json!([]));
        }
        let item = match members.get("items") {
            Some(items) => self.make(items, extent),
            None => Some(ANYTHING.into()),
        };
        let is_set = members.get("uniqueItems") == Some(&true.into());
        match item {
            Some(_) if least > if is_set { 1 } else { LONGEST } => None,
            Some(item) => Some(vec![item; least.max(1)].into()),
            None => (least == 0 && extent == Extent::Partial).then(|| json!([])),
        }
    }

    fn object(&self, members: &Map<String, Value>, extent: Extent) -> Option<Value> {
        let names = |key| members.get(key).and_then(Value::as_array).into_iter().flatten();
        let is_required = |name: &str| names("required").any(|known| known == name);
        let mut object = Map::new();
        let properties = members.get("properties").and_then(Value::as_object);
        for (name, schema) in properties.into_iter().flatten() {
            match self.make(schema, extent) {
                Some(value) => _ = object.insert(name.clone(), value),
                None if *schema == Value::Bool(false) => {}
                None if extent == Extent::Whole || is_required(name) => return None,
                None => {}
            }
        }
        if object.is_empty() && members.get("maxProperties") != Some(&0.into()) {
            let by_pattern = members.get("patternProperties").and_then(Value::as_object);
            let entry = match by_pattern.and_then(|schemas| schemas.iter().next()) {
                Some((pattern, schema)) => matching(pattern).zip(Some(schema)),
                None => members.get("additionalProperties").map(|schema| ("key", schema)),
            };
            let entry = entry.filter(|(_, schema)| !schema.is_boolean());
            if let Some((name, schema)) = entry {
                match self.make(schema, extent) {
                    Some(value) => _ = object.insert(name.to_owned(), value),
                    None if extent == Extent::Whole => return None,
                    None => {}
                }
            }
        }
        let least = members.get("minProperties").and_then(Value::as_u64).unwrap_or(0);
        (object.len() as u64 >= least).then_some(object.into())
    }
}

/// Whether an example shows all that may be in it, or leaves out what it can.
#[derive(Clone, Copy, PartialEq)]
enum Extent {
    Whole,
    Partial,
}

fn number(members: &Map<String, Value>, is_whole: bool) -> Option<Value> {
    let bound = |name| members.get(name).and_then(Value::as_f64);
    let (least, above) = (bound("minimum"), bound("exclusiveMinimum"));
    let (most, below) = (bound("maximum"), bound("exclusiveMaximum"));
    let step = bound("multipleOf").filter(|step| *step > 0.0);
    let low = least.or(above);
    let high = most.or(below);
    let ordinary = if is_whole { 1.0 } else { 0.5 };
    let middle = low.zip(high).map(|(low, high)| f64::midpoint(low, high));
    let candidates =
        [Some(ordinary), low, low.map(|low| low + 1.0), high, high.map(|high| high - 1.0), middle];
    let numbers = candidates.into_iter().flatten().map(|number| match step {
        Some(step) => (number / step).ceil() * step,
        None if is_whole => number.ceil(),
        None => number,
    });
    let number = numbers.into_iter().find(|number| {
        least.is_none_or(|least| *number >= least)
            && above.is_none_or(|above| *number > above)
            && most.is_none_or(|most| *number <= most)
            && below.is_none_or(|below| *number < below)
            && (!is_whole || number.fract() == 0.0)
    })?;
    Some(if is_whole { json!(number as i64) } else { json!(number) })
}

fn string(members: &Map<String, Value>) -> Option<Value> {
    let text = |name| members.get(name).and_then(Value::as_str);
    if let Some(pattern) = text("pattern") {
        return matching(pattern).or(text("default")).map(Value::from);
    }
    let formatted = match text("format").unwrap_or_default() {
        "date" => "2026-01-31",
        "time" => "12:30:00Z",
        "partial-time" => "12:30:00",
        "date-time" => "2026-01-31T12:30:00Z",
        "partial-date-time" => "2026-01-31T12:30:00",
        "zoned-date-time" => "2026-01-31T12:30:00+01:00[Europe/Paris]",
        "duration" => "PT90S",
        "uuid" => "67e55044-10b1-426f-9247-bb680e5fe0c8",
        "uri" => "https://example.com/",
        "email" => "ada@example.com",
        "hostname" => "example.com",
        "ipv4" | "ip" => "192.0.2.1",
        "ipv6" => "2001:db8::1",
        _ => {
            let length = |name| members.get(name).and_then(Value::as_u64);
            let least = usize::try_from(length("minLength").unwrap_or(0)).ok()?;
            let most = length("maxLength").and_then(|most| usize::try_from(most).ok());
            let length = least.max("string".len()).min(most.unwrap_or(usize::MAX));
            let text = (least..=LONGEST).contains(&length);
            return text.then(|| "string".chars().cycle().take(length).collect::<String>().into());
        }
    };
    Some(formatted.into())
}

/// What matches one of the regular expressions that types of Rust are known to have.
fn matching(pattern: &str) -> Option<&'static str> {
    match pattern {
        // `as_string`, keys of maps, decimals.
        "^(0|-?[1-9][0-9]*)$" | r"^\d+$" | r"^-?\d+$" => Some("1"),
        r"^-?\d+(\.\d+)?$" | r"^-?\d+(\.\d+)?([eE]\d+)?$" => Some("1.5"),
        _ => None,
    }
}
