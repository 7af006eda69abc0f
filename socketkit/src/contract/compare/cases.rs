//! A schema as the kinds of values that are valid by it.

use crate::contract::{Contract, fingerprint::REMARKS};
use serde_json::{Map, Value};
use std::{
    cell::Cell,
    collections::{BTreeMap, BTreeSet},
    ptr,
};

/// What is valid by a schema.
#[derive(Debug, Clone)]
pub(super) enum Form<'a> {
    /// Nothing is said of it, or what it says is not understood.
    Unknown,
    /// One of these, and what else is said of them.
    Cases(Vec<Case<'a>>, Rest),
}

/// What is said with words that are not understood: it is the same, or cannot be judged.
pub(super) type Rest = BTreeSet<String>;

#[derive(Debug, Clone)]
pub(super) enum Case<'a> {
    Value(&'a Value),
    Boolean,
    Number(Number<'a>),
    Text(Text<'a>),
    List(List<'a>),
    Object(Object<'a>),
}

#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Number<'a> {
    pub(super) is_integer: bool,
    pub(super) format: Option<&'a str>,
    pub(super) least: f64,
    pub(super) most: f64,
}

#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Text<'a> {
    pub(super) format: Option<&'a str>,
    pub(super) pattern: Option<&'a str>,
    pub(super) length: Length,
}

/// The least and the most, both valid.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Length(pub(super) u64, pub(super) u64);

#[derive(Debug, Clone)]
pub(super) struct List<'a> {
    pub(super) origin: Origin,
    pub(super) first: Vec<&'a Value>,
    pub(super) items: &'a Value,
    pub(super) length: Length,
}

#[derive(Debug, Clone)]
pub(super) struct Object<'a> {
    pub(super) origin: Origin,
    pub(super) fields: BTreeMap<&'a str, &'a Value>,
    pub(super) required: BTreeSet<&'a str>,
    pub(super) others: Others<'a>,
    /// What fields hold whose names are of a pattern.
    pub(super) patterns: BTreeMap<&'a str, &'a Value>,
}

/// Where a case is said, which tells it from others: at one place, or at several that it is put together of.
pub(super) type Origin = Vec<usize>;

/// What becomes of fields that have no schema of their own.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Others<'a> {
    /// None is written, and what comes is skipped.
    Skipped,
    Refused,
    /// They are those of a map.
    Of(&'a Value),
}

/// Of more schemas than these, or more cases, nothing is known: each type in a chain of unions may have the
/// next twice, and a contract may be that of anybody's server.
const MOST: usize = 4096;

/// The schema of any value.
pub(super) const ANY: &Value = &Value::Bool(true);

impl<'a> Form<'a> {
    /// That of `null`, and of what is absent.
    pub(super) fn null() -> Self {
        Self::Cases(vec![Case::Value(&Value::Null)], Rest::new())
    }

    fn nothing() -> Self {
        Self::Cases(Vec::new(), Rest::new())
    }

    pub(super) fn of(schema: &'a Value, contract: &'a Contract) -> Self {
        Self::at(schema, contract, &[], &Cell::new(MOST)).unwrap_or(Self::Unknown)
    }

    /// `None` if it says nothing; `through` are the types that have led to it, and so many schemas are `left`.
    fn at(
        schema: &'a Value,
        contract: &'a Contract,
        through: &[&str],
        left: &Cell<usize>,
    ) -> Option<Self> {
        let Some(fewer) = left.get().checked_sub(1) else { return Some(Self::Unknown) };
        left.set(fewer);
        let members = match schema {
            Value::Bool(false) => return Some(Self::nothing()),
            Value::Object(members) => members,
            _ => return None,
        };
        let mut form = None;
        let of = |schema| Self::at(schema, contract, through, left);
        if let Some(pointer) = members.get("$ref").and_then(Value::as_str) {
            let found = match contract.find(pointer) {
                // A type that is itself, or something else, is something else.
                Some(_) if through.contains(&pointer) => Some(Self::nothing()),
                Some(schema) => Self::at(schema, contract, &[through, &[pointer]].concat(), left),
                None => Some(Self::Unknown),
            };
            form = Self::both(form, found);
        }
        let cases = match (members.get("const"), members.get("enum").and_then(Value::as_array)) {
            (Some(value), _) => Some(vec![Case::Value(value)]),
            (None, Some(values)) => Some(values.iter().map(Case::Value).collect()),
            (None, None) => by_type(members),
        };
        let rest: Rest = rest(members).collect();
        form = Self::both(form, cases.map(|cases| Self::Cases(cases, Rest::new())));
        for key in ["anyOf", "oneOf"] {
            let any = members.get(key).and_then(Value::as_array);
            form = Self::both(form, any.map(|any| Self::any(any.iter().map(of))));
        }
        for schema in members.get("allOf").and_then(Value::as_array).into_iter().flatten() {
            form = Self::both(form, of(schema));
        }
        match form {
            Some(Self::Cases(cases, mut known)) => {
                known.extend(rest);
                Some(Self::Cases(cases, known))
            }
            None if !rest.is_empty() => Some(Self::Unknown),
            form => form,
        }
    }

    /// What is valid by one of them.
    fn any(forms: impl Iterator<Item = Option<Self>>) -> Self {
        let (mut all, mut said) = (Vec::new(), Rest::new());
        for form in forms {
            let Some(Self::Cases(cases, rest)) = form else { return Self::Unknown };
            all.extend(cases);
            said.extend(rest);
        }
        Self::Cases(all, said)
    }

    /// What is valid by both.
    fn both(one: Option<Self>, other: Option<Self>) -> Option<Self> {
        let (one, other) = match (one, other) {
            (Some(one), Some(other)) => (one, other),
            (one, other) => return one.or(other),
        };
        let (Self::Cases(ones, mut rest), Self::Cases(others, said)) = (one, other) else {
            return Some(Self::Unknown);
        };
        if ones.len() * others.len() > MOST {
            return Some(Self::Unknown);
        }
        rest.extend(said);
        let mut cases = Vec::new();
        for one in &ones {
            for other in &others {
                match one.and(other) {
                    Some(case) => cases.extend(case),
                    None => return Some(Self::Unknown),
                }
            }
        }
        Some(Self::Cases(cases, rest))
    }
}

impl<'a> Case<'a> {
    /// What is valid by both, which may be nothing; `None` if that is not known.
    fn and(&self, other: &Self) -> Option<Option<Self>> {
        let both = match (self, other) {
            (Self::Value(one), Self::Value(other)) => (one == other).then_some(Self::Value(one)),
            (Self::Value(value), kind) | (kind, Self::Value(value)) => {
                if !kind.has(value) && kind.is_of_type(value) {
                    return None;
                }
                kind.has(value).then_some(Self::Value(value))
            }
            (Self::Boolean, Self::Boolean) => Some(Self::Boolean),
            (Self::Number(one), Self::Number(other)) => Some(Self::Number(Number {
                is_integer: one.is_integer || other.is_integer,
                format: one.format.or(other.format),
                least: one.least.max(other.least),
                most: one.most.min(other.most),
            })),
            (Self::Object(one), Self::Object(other)) => Some(Self::Object(one.and(other)?)),
            (Self::Text(one), Self::Text(other)) if one == other => Some(self.clone()),
            (Self::Text(_), Self::Text(_)) | (Self::List(_), Self::List(_)) => return None,
            _ => None,
        };
        Some(both)
    }

    fn is_of_type(&self, value: &Value) -> bool {
        match value {
            Value::Null => false,
            Value::Bool(_) => matches!(self, Self::Boolean),
            Value::Number(_) => matches!(self, Self::Number(_)),
            Value::String(_) => matches!(self, Self::Text(_)),
            Value::Array(_) => matches!(self, Self::List(_)),
            Value::Object(_) => matches!(self, Self::Object(_)),
        }
    }

    /// Whether a value is certainly one of this kind.
    pub(super) fn has(&self, value: &Value) -> bool {
        match (self, value) {
            (Self::Boolean, Value::Bool(_)) => true,
            (Self::Number(number), Value::Number(value)) => {
                let is_of_kind = !number.is_integer || value.is_i64() || value.is_u64();
                let value = value.as_f64();
                is_of_kind
                    && value.is_some_and(|value| (number.least..=number.most).contains(&value))
            }
            (Self::Text(text), Value::String(value)) => {
                let length = value.chars().count() as u64;
                (text.format, text.pattern) == (None, None)
                    && (text.length.0..=text.length.1).contains(&length)
            }
            (kind, value) => matches!(kind, Self::Value(own) if *own == value),
        }
    }
}

impl Object<'_> {
    fn and(&self, other: &Self) -> Option<Self> {
        let mut both = self.clone();
        for (name, schema) in &other.fields {
            let known = both.fields.insert(name, schema);
            if known.is_some_and(|known| known != *schema && known != ANY) {
                return None;
            }
        }
        both.origin.extend(&other.origin);
        both.required.extend(&other.required);
        both.patterns.extend(&other.patterns);
        both.others = match (self.others, other.others) {
            (Others::Skipped, others) | (others, Others::Skipped) => others,
            (Others::Of(one), Others::Of(other)) if one != other => return None,
            (Others::Of(one), Others::Of(_)) => Others::Of(one),
            _ => Others::Refused,
        };
        Some(both)
    }
}

/// What `type` says, and what belongs to it.
fn by_type(members: &Map<String, Value>) -> Option<Vec<Case<'_>>> {
    let types = match members.get("type") {
        Some(Value::Array(types)) => types.iter().filter_map(Value::as_str).collect(),
        Some(Value::String(one)) => vec![one.as_str()],
        _ if members.contains_key("properties") || members.contains_key("required") => {
            vec!["object"]
        }
        _ => return None,
    };
    let kinds = types.into_iter().map(|of| match of {
        "null" => Case::Value(&Value::Null),
        "boolean" => Case::Boolean,
        "integer" | "number" => Case::Number(number(members, of == "integer")),
        "array" => Case::List(List {
            origin: origin(members),
            first: array(members, "prefixItems").collect(),
            items: members.get("items").unwrap_or(ANY),
            length: length(members, "minItems", "maxItems"),
        }),
        "object" => Case::Object(object(members)),
        _ => Case::Text(Text {
            format: text(members, "format"),
            pattern: text(members, "pattern"),
            length: length(members, "minLength", "maxLength"),
        }),
    });
    Some(kinds.collect())
}

fn origin(members: &Map<String, Value>) -> Origin {
    vec![ptr::from_ref(members).addr()]
}

fn number(members: &Map<String, Value>, is_integer: bool) -> Number<'_> {
    let format = text(members, "format");
    let (least, most) = Number::range(format);
    let said = |name| members.get(name).and_then(Value::as_f64);
    Number {
        is_integer,
        format,
        least: said("minimum").map_or(least, |said| said.max(least)),
        most: said("maximum").map_or(most, |said| said.min(most)),
    }
}

impl Number<'_> {
    /// What the integers of a format are at least, and at most.
    pub(super) fn range(format: Option<&str>) -> (f64, f64) {
        let bits = |prefix| match format?.strip_prefix(prefix)? {
            // Of the largest machine that there is.
            "" => Some(64),
            bits => bits.parse::<i32>().ok(),
        };
        if let Some(bits) = bits("uint") {
            return (0.0, 2_f64.powi(bits) - 1.0);
        }
        match bits("int") {
            Some(bits) => (-(2_f64.powi(bits - 1)), 2_f64.powi(bits - 1) - 1.0),
            None => (f64::NEG_INFINITY, f64::INFINITY),
        }
    }
}

fn object(members: &Map<String, Value>) -> Object<'_> {
    let schemas = |name| {
        let schemas = members.get(name).and_then(Value::as_object).into_iter().flatten();
        schemas.map(|(name, schema)| (name.as_str(), schema)).collect()
    };
    let said = members.get("additionalProperties").or(members.get("unevaluatedProperties"));
    Object {
        origin: origin(members),
        fields: schemas("properties"),
        required: array(members, "required").filter_map(Value::as_str).collect(),
        others: match said {
            None => Others::Skipped,
            Some(Value::Bool(false)) => Others::Refused,
            Some(schema) => Others::Of(schema),
        },
        patterns: schemas("patternProperties"),
    }
}

fn text<'a>(members: &'a Map<String, Value>, name: &str) -> Option<&'a str> {
    members.get(name).and_then(Value::as_str)
}

fn array<'a>(members: &'a Map<String, Value>, name: &str) -> impl Iterator<Item = &'a Value> {
    members.get(name).and_then(Value::as_array).into_iter().flatten()
}

fn length(members: &Map<String, Value>, least: &str, most: &str) -> Length {
    let of = |name| members.get(name).and_then(Value::as_u64);
    Length(of(least).unwrap_or(0), of(most).unwrap_or(u64::MAX))
}

/// What is not understood.
fn rest(members: &Map<String, Value>) -> impl Iterator<Item = String> {
    const KNOWN: [&str; 23] = [
        "$ref",
        "const",
        "enum",
        "type",
        "format",
        "anyOf",
        "oneOf",
        "allOf",
        "minimum",
        "maximum",
        "minLength",
        "maxLength",
        "pattern",
        "items",
        "prefixItems",
        "minItems",
        "maxItems",
        "properties",
        "required",
        "additionalProperties",
        "unevaluatedProperties",
        "patternProperties",
        // serde puts one value in the place of another.
        "uniqueItems",
    ];
    let others = members
        .iter()
        .filter(|(name, _)| !KNOWN.contains(&name.as_str()) && !REMARKS.contains(&name.as_str()));
    others.map(|(name, value)| format!("`{name}`: {value}"))
}
