//! What kinds of values are called.

use super::cases::{Case, Length, Number, Object, Others, Text};
use serde_json::Value;
use std::fmt::{self, Display, Formatter};

impl Case<'_> {
    /// What tells it from others: two of one name are two versions of one kind.
    pub(super) fn name(&self) -> String {
        match self {
            Self::Value(value) => value.to_string(),
            Self::Boolean => "boolean".to_owned(),
            Self::Number(_) => "number".to_owned(),
            Self::Text(_) => "string".to_owned(),
            Self::List(_) => "array".to_owned(),
            Self::Object(object) => object.tag().unwrap_or("object".to_owned()),
        }
    }

    /// Whether it is an object that has to have the same fields as another.
    pub(super) fn looks_like(&self, other: &Self) -> bool {
        let (Self::Object(one), Self::Object(other)) = (self, other) else { return false };
        one.required == other.required
    }

    /// Whether it may be a variant whose tag is its one field, rather than a struct.
    pub(super) fn is_variant(&self) -> bool {
        let Self::Object(object) = self else { return false };
        object.required.len() == 1 && object.others == Others::Refused
    }
}

impl Object<'_> {
    /// What is the same in each value of it: `{ "type": "Text", .. }`.
    fn tag(&self) -> Option<String> {
        let tags = self.required.iter().filter_map(|name| {
            let schema = self.fields.get(name)?;
            let one = schema.get("enum").and_then(Value::as_array).filter(|one| one.len() == 1);
            let value = schema.get("const").or(one.and_then(|one| one.first()))?;
            Some(format!("{}: {value}", Value::from(*name)))
        });
        let tags: Vec<_> = tags.collect();
        (!tags.is_empty()).then(|| format!("{{ {}, .. }}", tags.join(", ")))
    }

    /// What it has to have: `{ "Text": .. }`.
    fn shape(&self) -> Option<String> {
        let names = self.required.iter().map(|name| format!("{}: ..", Value::from(*name)));
        let names: Vec<_> = names.collect();
        (!names.is_empty()).then(|| format!("{{ {} }}", names.join(", ")))
    }
}

impl Display for Case<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::Number(number) => number.fmt(f),
            Self::Text(text) => text.fmt(f),
            Self::Object(object) => {
                f.write_str(&object.tag().or(object.shape()).unwrap_or("object".to_owned()))
            }
            _ => f.write_str(&self.name()),
        }
    }
}

impl Display for Number<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let Self { is_integer, format, least, most } = *self;
        let range = Self::range(format);
        let mut said: Vec<_> = format.into_iter().map(str::to_owned).collect();
        match (least > range.0, most < range.1) {
            (true, true) => said.push(format!("{least} to {most}")),
            (true, false) => said.push(format!("at least {least}")),
            (false, true) => said.push(format!("at most {most}")),
            (false, false) => {}
        }
        kind(f, if is_integer { "integer" } else { "number" }, &said)
    }
}

/// A kind of values, and what is said of it.
fn kind(f: &mut Formatter<'_>, name: &str, said: &[String]) -> fmt::Result {
    f.write_str(name)?;
    if said.is_empty() { Ok(()) } else { write!(f, " ({})", said.join(", ")) }
}

impl Display for Text<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let said = [
            self.format.map(str::to_owned),
            self.pattern.map(|pattern| format!("pattern {pattern}")),
            (!self.length.is_any()).then(|| format!("{} characters", self.length)),
        ];
        let said: Vec<_> = said.into_iter().flatten().collect();
        kind(f, "string", &said)
    }
}

impl Length {
    fn is_any(self) -> bool {
        self == Self(0, u64::MAX)
    }
}

impl Display for Length {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match *self {
            Self(least, most) if least == most => write!(f, "{least}"),
            Self(0, u64::MAX) => f.write_str("any number of"),
            Self(least, u64::MAX) => write!(f, "at least {least}"),
            Self(least, most) => write!(f, "{least} to {most}"),
        }
    }
}

/// All of them: `string or null`.
pub(super) fn list<'a>(cases: impl IntoIterator<Item = &'a Case<'a>>) -> String {
    let mut names: Vec<_> = cases.into_iter().map(Case::to_string).collect();
    names.dedup();
    match names.len() {
        0 => "nothing".to_owned(),
        _ => names.join(" or "),
    }
}
