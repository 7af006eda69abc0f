//! Random pairs of schemas: what is said to break nobody breaks nobody.

use super::contract;
use serde_json::{Map, Value, json};
use socketkit::{Breaks, Contract};
use std::collections::BTreeMap;
use tests::dice::Dice;

/// A schema as a program has it.
#[derive(Debug, Clone, PartialEq)]
enum Shape {
    Null,
    Boolean,
    Integer(i64, i64),
    Number,
    Text,
    OneOf(Vec<u8>),
    List(Box<Shape>),
    Tuple(Vec<Shape>),
    Map(Box<Shape>),
    Fields(Fields),
    /// Fields by the value of `tag`.
    Tagged(BTreeMap<u8, Fields>),
    Either(Vec<Shape>),
    /// The type that all of it is.
    Itself,
}

#[derive(Debug, Clone, PartialEq)]
struct Fields {
    /// With whether each is required.
    of: BTreeMap<u8, (Shape, bool)>,
    is_closed: bool,
}

fn letter(of: u8) -> String {
    char::from(b'a' + of).to_string()
}

impl Fields {
    fn draw(dice: &mut Dice, depth: u32) -> Self {
        let of = (0..dice.below(4))
            .map(|_| (dice.below(5) as u8, (Shape::draw(dice, depth), dice.one_in(2))));
        Self { of: of.collect(), is_closed: dice.one_in(4) }
    }

    fn schema(&self, tag: Option<u8>) -> Value {
        let mut fields: Map<_, _> =
            self.of.iter().map(|(name, (shape, _))| (letter(*name), shape.schema())).collect();
        let mut required: Vec<_> = self
            .of
            .iter()
            .filter(|(_, (_, required))| *required)
            .map(|(name, _)| letter(*name))
            .collect();
        if let Some(tag) = tag {
            fields.insert("tag".to_owned(), json!({ "type": "string", "const": letter(tag) }));
            required.push("tag".to_owned());
        }
        let mut schema = json!({ "type": "object", "properties": fields, "required": required });
        if self.is_closed {
            schema["additionalProperties"] = json!(false);
        }
        schema
    }

    fn value(&self, root: &Shape, dice: &mut Dice, depth: u32) -> Option<Value> {
        let mut value = json!({});
        for (name, (shape, is_required)) in &self.of {
            if *is_required || dice.one_in(2) {
                match shape.value(root, dice, depth) {
                    Some(field) => value[letter(*name)] = field,
                    None if *is_required => return None,
                    None => {}
                }
            }
        }
        Some(value)
    }

    fn change(&mut self, dice: &mut Dice) {
        match dice.below(5) {
            0 => _ = self.of.insert(dice.below(5) as u8, (Shape::draw(dice, 1), dice.one_in(3))),
            1 => _ = self.of.pop_first(),
            2 => self.is_closed ^= true,
            3 => self.of.values_mut().take(1).for_each(|(_, is_required)| *is_required ^= true),
            _ => self.of.values_mut().for_each(|(shape, _)| shape.change(dice)),
        }
    }
}

impl Shape {
    fn draw(dice: &mut Dice, depth: u32) -> Self {
        let next = depth.saturating_sub(1);
        match dice.below(if depth == 0 { 7 } else { 13 }) {
            0 => Self::Null,
            1 => Self::Boolean,
            2 => {
                let least = dice.below(4) as i64;
                Self::Integer(least, least + dice.below(4) as i64)
            }
            3 => Self::Number,
            4 => Self::Text,
            5 => Self::OneOf((0..=dice.below(3)).map(|_| dice.below(5) as u8).collect()).tidy(),
            6 => Self::Itself,
            7 => Self::List(Box::new(Self::draw(dice, next))),
            8 => Self::Tuple((0..dice.below(3)).map(|_| Self::draw(dice, next)).collect()),
            9 => Self::Map(Box::new(Self::draw(dice, next))),
            10 => Self::Fields(Fields::draw(dice, next)),
            11 => Self::Tagged(
                (0..=dice.below(2))
                    .map(|_| (dice.below(3) as u8, Fields::draw(dice, next)))
                    .collect(),
            ),
            _ => Self::Either((0..=dice.below(3)).map(|_| Self::draw(dice, next)).collect()),
        }
    }

    fn tidy(self) -> Self {
        match self {
            Self::OneOf(mut of) => {
                of.sort_unstable();
                of.dedup();
                Self::OneOf(of)
            }
            other => other,
        }
    }

    /// Makes a version that differs in one thing or a few.
    fn change(&mut self, dice: &mut Dice) {
        let one_in_four = dice.one_in(4);
        match self {
            Self::Integer(least, most) if !one_in_four => {
                *least += dice.below(3) as i64 - 1;
                *most = (*most + dice.below(3) as i64 - 1).max(*least);
            }
            Self::OneOf(of) if !one_in_four => {
                of.push(dice.below(5) as u8);
                if dice.one_in(2) {
                    of.remove(0);
                }
                *self = self.clone().tidy();
            }
            Self::List(of) | Self::Map(of) if !one_in_four => of.change(dice),
            Self::Tuple(of) if !one_in_four => {
                of.iter_mut().for_each(|of| of.change(dice));
                if dice.one_in(3) {
                    of.push(Self::draw(dice, 1));
                }
            }
            Self::Fields(fields) if !one_in_four => fields.change(dice),
            Self::Tagged(of) if !one_in_four => {
                if dice.one_in(3) {
                    of.insert(dice.below(3) as u8, Fields::draw(dice, 1));
                }
                of.values_mut().for_each(|fields| fields.change(dice));
            }
            Self::Either(of) if !one_in_four => match dice.below(3) {
                0 => of.push(Self::draw(dice, 1)),
                1 if of.len() > 1 => _ = of.pop(),
                _ => of.iter_mut().for_each(|of| of.change(dice)),
            },
            _ => match dice.below(4) {
                0 => *self = Self::draw(dice, 1),
                1 => *self = Self::Either(vec![self.clone(), Self::Null]),
                _ => {}
            },
        }
    }

    fn schema(&self) -> Value {
        match self {
            Self::Null => json!({ "type": "null" }),
            Self::Boolean => json!({ "type": "boolean" }),
            Self::Integer(least, most) => {
                json!({ "type": "integer", "minimum": least, "maximum": most })
            }
            Self::Number => json!({ "type": "number" }),
            Self::Text => json!({ "type": "string" }),
            Self::OneOf(of) => {
                let of: Vec<_> = of.iter().map(|of| letter(*of)).collect();
                json!({ "type": "string", "enum": of })
            }
            Self::List(of) => json!({ "type": "array", "items": of.schema() }),
            Self::Tuple(of) => {
                let first: Vec<_> = of.iter().map(Self::schema).collect();
                json!({ "type": "array", "prefixItems": first, "minItems": of.len(), "maxItems": of.len() })
            }
            Self::Map(of) => json!({ "type": "object", "additionalProperties": of.schema() }),
            Self::Fields(fields) => fields.schema(None),
            Self::Tagged(of) => {
                let of: Vec<_> = of.iter().map(|(tag, fields)| fields.schema(Some(*tag))).collect();
                json!({ "oneOf": of })
            }
            Self::Either(of) => json!({ "anyOf": of.iter().map(Self::schema).collect::<Vec<_>>() }),
            Self::Itself => json!({ "$ref": "#/read/Type" }),
        }
    }

    /// A value of it, if there is a small one.
    fn value(&self, root: &Self, dice: &mut Dice, depth: u32) -> Option<Value> {
        let next = depth.checked_sub(1)?;
        Some(match self {
            Self::Null => Value::Null,
            Self::Boolean => dice.one_in(2).into(),
            Self::Integer(least, most) => {
                (least + dice.below((most - least + 1) as u64) as i64).into()
            }
            Self::Number => match dice.one_in(2) {
                true => json!(0.5 + dice.below(3) as f64),
                false => json!(dice.below(6)),
            },
            Self::Text => letter(dice.below(9) as u8).into(),
            Self::OneOf(of) => letter(of[dice.below(of.len() as u64) as usize]).into(),
            Self::List(of) => {
                (0..dice.below(3)).filter_map(|_| of.value(root, dice, next)).collect()
            }
            Self::Tuple(of) => {
                of.iter().map(|of| of.value(root, dice, next)).collect::<Option<_>>()?
            }
            Self::Map(of) => {
                let of = (0..dice.below(3)).filter_map(|_| {
                    Some((letter(dice.below(5) as u8), of.value(root, dice, next)?))
                });
                Value::Object(of.collect())
            }
            Self::Fields(fields) => fields.value(root, dice, next)?,
            Self::Tagged(of) => {
                let (tag, fields) = of.iter().nth(dice.below(of.len() as u64) as usize)?;
                let mut value = fields.value(root, dice, next)?;
                value["tag"] = letter(*tag).into();
                value
            }
            Self::Either(of) => of[dice.below(of.len() as u64) as usize].value(root, dice, next)?,
            Self::Itself => root.value(root, dice, next)?,
        })
    }

    /// Whether it is a type at all: one that is itself and nothing else is none.
    fn is_type(&self) -> bool {
        match self {
            Self::Itself => false,
            Self::Either(of) => of.iter().all(Self::is_type),
            _ => true,
        }
    }
}

fn version(shape: &Shape) -> Contract {
    let event = json!({ "payload": { "$ref": "#/read/Type" } });
    contract("client", event, json!({ "Type": shape.schema() }))
}

/// Whether a version reads all of some values that another writes.
fn reads(reader: &Shape, writer: &Shape, dice: &mut Dice) -> Result<usize, Value> {
    let schema = json!({ "$ref": "#/read/Type", "read": { "Type": reader.schema() } });
    let schema = jsonschema::draft202012::new(&schema).unwrap();
    let values = (0..40).filter_map(|_| writer.value(writer, dice, 8));
    let values: Vec<_> = values.collect();
    match values.iter().find(|value| !schema.is_valid(value)) {
        Some(value) => Err(value.clone()),
        None => Ok(values.len()),
    }
}

#[test]
fn whoever_is_not_broken_reads_what_the_other_writes() {
    let (mut kept, mut broken, mut false_alarms) = (0, 0, 0);
    for seed in 0..4_000 {
        let dice = &mut Dice(seed);
        let old = Shape::draw(dice, 3);
        let mut new = old.clone();
        (0..=dice.below(2)).for_each(|_| new.change(dice));
        if old == new || !old.is_type() || !new.is_type() {
            continue;
        }
        let changes = version(&old).compare(&version(&new));
        let breaks = |who: Breaks| {
            changes
                .iter()
                .any(|change| [who, Breaks::Both, Breaks::Unknown].contains(&change.breaks))
        };
        for (who, reader, writer) in
            [(Breaks::OldClients, &new, &old), (Breaks::OldServers, &old, &new)]
        {
            match (breaks(who), reads(reader, writer, dice)) {
                (false, Err(value)) => panic!(
                    "{seed}: {value} is not read, which {who:?} ought to say\n{}\n{}\n{changes:#?}",
                    writer.schema(),
                    reader.schema(),
                ),
                (false, Ok(count)) => kept += usize::from(count > 20),
                (true, Err(_)) => broken += 1,
                (true, Ok(count)) => false_alarms += usize::from(count > 20),
            }
        }
    }
    println!("{kept} kept, {broken} broken, {false_alarms} alarms that no value bears out");
    assert!(kept > 500 && broken > 500, "{kept} {broken}");
    // A rare value may bear one out that was not drawn.
    assert!(false_alarms < broken / 4, "{false_alarms} of {broken}");
}
