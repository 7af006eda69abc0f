//! Random values that TypeScript takes for what a page may send: of the schema, as the types that are
//! written of it say, or of what they do not say.

use serde_json::{Map, Value, json};
use std::collections::BTreeMap;

/// What a type of TypeScript does not say: the list of `Contract::to_typescript`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Gap {
    /// An integer is a whole number.
    Fraction,
    /// It has a range.
    Range,
    /// JSON has no `NaN`.
    NotFinite,
    /// A `char` is one letter.
    Letter,
    /// A string is one of digits, a date or a UUID.
    Pattern,
    /// It has no half of a character.
    Surrogate,
    /// A key of a map is an integer or a letter.
    Key,
    /// A long array has a length.
    Length,
    /// An object has no other members.
    Member,
    /// An enum is one variant.
    Variants,
}

impl Gap {
    pub(crate) const ALL: [Self; 10] = [
        Self::Fraction,
        Self::Range,
        Self::NotFinite,
        Self::Letter,
        Self::Pattern,
        Self::Surrogate,
        Self::Key,
        Self::Length,
        Self::Member,
        Self::Variants,
    ];
}

/// A value, as it stands in a program and in JSON.
#[derive(Debug, Clone)]
pub(crate) enum Node {
    Text {
        program: String,
        json: String,
    },
    Array(Vec<Self>),
    /// With members that are spread into it, which the compiler does not look at.
    Object(BTreeMap<String, Self>, BTreeMap<String, Self>),
}

impl From<Value> for Node {
    fn from(value: Value) -> Self {
        Self::Text { program: value.to_string(), json: value.to_string() }
    }
}

impl Node {
    pub(crate) fn program(&self) -> String {
        match self {
            Self::Text { program, .. } => program.clone(),
            Self::Array(items) => list("[", items.iter().map(Self::program), "]"),
            Self::Object(members, others) => {
                let pair =
                    |(name, node): (&String, &Self)| format!("{}: {}", json!(name), node.program());
                let others = list("...{", others.iter().map(pair), "}");
                let members = members.iter().map(pair);
                if others == "...{}" {
                    list("{", members, "}")
                } else {
                    list("{", std::iter::once(others).chain(members), "}")
                }
            }
        }
    }

    pub(crate) fn json(&self) -> String {
        match self {
            Self::Text { json, .. } => json.clone(),
            Self::Array(items) => list("[", items.iter().map(Self::json), "]"),
            Self::Object(members, others) => {
                let all = others.iter().chain(members);
                let all: BTreeMap<_, _> = all.collect();
                let pair =
                    |(name, node): (&String, &Self)| format!("{}:{}", json!(name), node.json());
                list("{", all.into_iter().map(pair), "}")
            }
        }
    }
}

fn list(before: &str, parts: impl Iterator<Item = String>, after: &str) -> String {
    format!("{before}{}{after}", parts.collect::<Vec<_>>().join(","))
}

/// Makes values of one contract.
pub(crate) struct Accepted<'a> {
    pub(crate) types: &'a Map<String, Value>,
    pub(crate) rng: fastrand::Rng,
    /// What is used where there is an opportunity, once.
    pub(crate) gap: Option<Gap>,
}

impl Accepted<'_> {
    fn take(&mut self, gap: Gap) -> bool {
        let takes = self.gap == Some(gap) && self.rng.bool();
        if takes {
            self.gap = None;
        }
        takes
    }

    /// `None` for a value of two types that this cannot put together.
    pub(crate) fn of(&mut self, schema: &Value, depth: usize) -> Option<Node> {
        let members = match schema {
            Value::Object(members) => members,
            _ => return Some(self.anything()),
        };
        let mut parts = Vec::new();
        if let Some(pointer) = members.get("$ref").and_then(Value::as_str) {
            let name = pointer.strip_prefix("#/read/").unwrap();
            let schema = &self.types[&name.replace("~1", "/").replace("~0", "~")];
            parts.push(self.of(schema, depth + 1)?);
        }
        if let Some(value) = members.get("const") {
            parts.push(value.clone().into());
        } else if let Some(Value::Array(values)) = members.get("enum") {
            parts.push(values[self.rng.usize(..values.len())].clone().into());
        } else if let Some(node) = self.by_type(members, depth) {
            parts.push(node?);
        }
        for key in ["anyOf", "oneOf"] {
            if let Some(Value::Array(any)) = members.get(key) {
                parts.push(self.one_of(any, depth)?);
            }
        }
        for schema in members.get("allOf").and_then(Value::as_array).into_iter().flatten() {
            parts.push(self.of(schema, depth)?);
        }
        let Some(first) = parts.pop() else { return Some(self.anything()) };
        parts.into_iter().try_fold(first, |all, part| match (all, part) {
            (Node::Object(mut all, mut others), Node::Object(part, more)) => {
                all.extend(part);
                others.extend(more);
                Some(Node::Object(all, others))
            }
            _ => None,
        })
    }

    fn anything(&mut self) -> Node {
        // Of what is flattened, anything is an object.
        Node::Object(BTreeMap::new(), BTreeMap::new())
    }

    fn one_of(&mut self, any: &[Value], depth: usize) -> Option<Node> {
        let only =
            |schema: &Value| schema["properties"].as_object().is_some_and(|of| of.len() == 1);
        let tagged: Vec<_> = any.iter().filter(|schema| only(schema)).collect();
        if tagged.len() > 1 && self.take(Gap::Variants) {
            let [one, two] = [0, 1].map(|at| self.of(tagged[at], depth));
            return match (one?, two?) {
                (Node::Object(mut one, others), Node::Object(two, _)) => {
                    one.extend(two);
                    Some(Node::Object(one, others))
                }
                _ => None,
            };
        }
        let at = if depth > 6 {
            let ends = |schema: &Value| schema["type"] == "null" || schema["type"] == "string";
            any.iter().position(ends).unwrap_or(0)
        } else {
            self.rng.usize(..any.len())
        };
        self.of(&any[at], depth)
    }

    fn by_type(&mut self, members: &Map<String, Value>, depth: usize) -> Option<Option<Node>> {
        let of = match members.get("type") {
            Some(Value::Array(types)) => types[self.rng.usize(..types.len())].as_str()?,
            Some(Value::String(one)) => one,
            _ if members.contains_key("properties") => "object",
            _ => return None,
        };
        Some(match of {
            "integer" => Some(self.integer(members)),
            "number" => Some(if self.take(Gap::NotFinite) {
                text("NaN", "null")
            } else {
                json!([0.0, -2.5, 3.0, 1e30][self.rng.usize(..4)]).into()
            }),
            "string" => Some(self.string(members)),
            "boolean" => Some(json!(self.rng.bool()).into()),
            "null" => Some(Value::Null.into()),
            "array" => self.array(members, depth),
            "object" => self.object(members, depth),
            other => panic!("a type {other}"),
        })
    }

    fn integer(&mut self, members: &Map<String, Value>) -> Node {
        if self.take(Gap::Fraction) {
            return text("0.5", "0.5");
        }
        if self.take(Gap::NotFinite) {
            return text("Infinity", "null");
        }
        if self.take(Gap::Range) {
            return text("1e40", "1e+40");
        }
        let format = members.get("format").and_then(Value::as_str).unwrap_or_default();
        let digits = format.trim_start_matches(|char: char| !char.is_ascii_digit());
        // A number of JavaScript is exact up to 53 bits.
        let bits = digits.parse().unwrap_or(64).min(54_u32);
        let (least, most) = if format.starts_with('u') {
            (0, (1_i64 << bits.min(53)) - 1)
        } else {
            (-(1 << (bits - 1)) + i64::from(bits == 54), (1 << (bits - 1)) - 1)
        };
        json!([least, 1, self.rng.i64(least..=most), most][self.rng.usize(..4)]).into()
    }

    fn string(&mut self, members: &Map<String, Value>) -> Node {
        if self.take(Gap::Surrogate) {
            return text("\"\\ud800\"", "\"\\ud800\"");
        }
        if members.contains_key("maxLength") {
            let is_none = self.take(Gap::Letter);
            return json!(if is_none { "ab" } else { ["a", "🦀"][self.rng.usize(..2)] }).into();
        }
        if members.contains_key("pattern") {
            return json!(if self.take(Gap::Pattern) { "ab" } else { "12" }).into();
        }
        if let Some(format) = members.get("format") {
            let fit = match format.as_str() {
                Some("date") => "2026-02-28",
                Some("date-time") => "2026-02-28T12:00:00.5+01:00",
                Some("uuid") => "67e55044-10b1-426f-9247-bb680e5fe0c8",
                other => panic!("a format {other:?}"),
            };
            return json!(if self.take(Gap::Pattern) { "ab" } else { fit }).into();
        }
        json!(["", "a", "12", "\"\\\u{0}\u{2028}", "ß🦀"][self.rng.usize(..5)]).into()
    }

    fn array(&mut self, members: &Map<String, Value>, depth: usize) -> Option<Node> {
        if let Some(Value::Array(items)) = members.get("prefixItems") {
            return items
                .iter()
                .map(|item| self.of(item, depth + 1))
                .collect::<Option<_>>()
                .map(Node::Array);
        }
        let length = |name| members.get(name).and_then(Value::as_u64).map(|length| length as usize);
        let length =
            match (length("minItems"), length("maxItems")) {
                (Some(least), Some(most)) if least == most => {
                    if most > 16 && self.take(Gap::Length) { most - 1 } else { most }
                }
                (_, Some(most)) => most,
                _ if depth > 6 => 0,
                _ => self.rng.usize(..4),
            };
        let any = json!({});
        let items = members.get("items").unwrap_or(&any);
        (0..length).map(|_| self.of(items, depth + 1)).collect::<Option<_>>().map(Node::Array)
    }

    fn object(&mut self, members: &Map<String, Value>, depth: usize) -> Option<Node> {
        let (mut known, mut others) = (BTreeMap::new(), BTreeMap::new());
        let required: Vec<_> =
            members.get("required").and_then(Value::as_array).cloned().unwrap_or_default();
        let properties = members.get("properties").and_then(Value::as_object);
        for (name, schema) in properties.into_iter().flatten() {
            let is_required = required.iter().any(|known| known == name);
            if is_required || (depth < 7 && self.rng.bool()) {
                known.insert(name.clone(), self.of(schema, depth + 1)?);
            }
        }
        // TypeScript takes no object that has nothing in common with its type.
        if !known.is_empty() && self.take(Gap::Member) {
            others.insert("another member".to_owned(), json!("anything").into());
        }
        let any = members.get("additionalProperties").filter(|schema| schema.is_object());
        let patterns = members.get("patternProperties").and_then(Value::as_object);
        let patterns = patterns.into_iter().flatten().map(|(_, schema)| (["1", "23"], schema));
        let maps: Vec<_> =
            any.map(|schema| (["a", "b"], schema)).into_iter().chain(patterns).collect();
        for (keys, schema) in maps {
            let key = if self.take(Gap::Key) { "neither" } else { keys[self.rng.usize(..2)] };
            if depth < 7 && self.rng.u8(..3) > 0 {
                known.insert(key.to_owned(), self.of(schema, depth + 1)?);
            }
        }
        Some(Node::Object(known, others))
    }
}

fn text(program: &str, json: &str) -> Node {
    Node::Text { program: program.to_owned(), json: json.to_owned() }
}
