//! What the contract says of how an event travels: what may happen to it while it waits, how long its
//! payload may be, and how often it may come.

use crate::amount::{number, pace, size};
use crate::attr::{EventAttr, Latest};
use crate::case::RenameRule;
use crate::errors::Errors;
use crate::serde;
use proc_macro2::Span;
use syn::ext::IdentExt;
use syn::{Error, Fields, Index, LitStr, Member, Result};

/// What may happen to an event while it waits for a slow receiver.
#[derive(Clone, Copy, PartialEq)]
pub(crate) enum Policy {
    Reliable,
    Volatile,
    Latest,
}

/// All of it, of one event.
pub(crate) struct Policies {
    pub(crate) policy: Policy,
    /// Fields of a `latest` event; none if all of its name replace each other.
    pub(crate) keys: Vec<Key>,
    /// Bytes of the longest payload.
    pub(crate) max: Option<u32>,
    pub(crate) rate: Option<Rate>,
}

/// A field of which each value has a newest event of its own.
pub(crate) struct Key {
    pub(crate) member: Member,
    /// Name on the wire.
    pub(crate) name: String,
    /// Where it was told.
    pub(crate) span: Span,
}

/// How often an event may come.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Rate {
    pub(crate) count: u32,
    pub(crate) seconds: u64,
    /// As it was told.
    pub(crate) unit: &'static str,
    pub(crate) burst: u32,
}

impl Policies {
    /// `rule` is how fields are renamed on the wire.
    pub(crate) fn of(
        attr: &EventAttr,
        fields: &Fields,
        rule: Option<RenameRule>,
        errors: &mut Errors,
    ) -> Self {
        if let Some(max) = attr.max.as_ref().filter(|_| fields.is_empty()) {
            errors.at(max, "`max` limits the payload, and this event has none");
        }
        Self {
            policy: policy(attr, errors),
            keys: attr
                .latest
                .iter()
                .flat_map(|latest| keys(latest, fields, rule, errors))
                .collect(),
            max: attr.max.as_ref().and_then(|max| errors.ok(size(max))),
            rate: rate(attr, errors),
        }
    }
}

fn policy(attr: &EventAttr, errors: &mut Errors) -> Policy {
    match (&attr.volatile, &attr.latest) {
        (None, None) => Policy::Reliable,
        (Some(_), None) => Policy::Volatile,
        (None, Some(_)) => Policy::Latest,
        (Some(_), Some(latest)) => {
            errors.at(
                &latest.flag,
                "`volatile` and `latest` exclude each other: when the queue is full, \
                 one drops the event and the other replaces the unsent one",
            );
            Policy::Latest
        }
    }
}

fn keys(
    latest: &Latest,
    fields: &Fields,
    rule: Option<RenameRule>,
    errors: &mut Errors,
) -> Vec<Key> {
    let Some(told) = &latest.key else { return Vec::new() };
    let mut keys: Vec<Key> = Vec::new();
    for name in told.value().split(',').map(str::trim) {
        let Some(key) = errors.ok(key(name, told, fields, rule)) else { continue };
        if keys.iter().any(|other| other.member == key.member) {
            errors.at(told, format!("`{name}` is a part of the key already"));
        } else {
            keys.push(key);
        }
    }
    keys
}

fn key(name: &str, told: &LitStr, fields: &Fields, rule: Option<RenameRule>) -> Result<Key> {
    let refuse = |reason: String| Err(Error::new(told.span(), reason));
    let Some(mut member) = member(name, told.span()) else {
        return refuse(format!(
            "`{name}` is not the name of a field: \
             `latest = \"id\"`, `latest = \"room, user\"`, or for a tuple `latest = \"0\"`"
        ));
    };
    let mut name = text(&member);
    match fields {
        Fields::Unit => {
            return refuse("this event has no fields; it takes `latest` without a key".to_owned());
        }
        // It is a field of the payload, which is of a type that rustc knows.
        fields if is_newtype(fields) => {}
        fields => {
            let found = fields.iter().zip(fields.members()).find(|(_, field)| same(field, &member));
            let Some((field, found)) = found else {
                let there: Vec<_> =
                    fields.members().map(|field| format!("`{}`", text(&field))).collect();
                let there = there.join(", ");
                return refuse(match fields.is_empty() {
                    true => "this event has no fields; it takes `latest` without a key".to_owned(),
                    false => format!("this event has no field `{name}`; there is {there}"),
                });
            };
            if let Some(attr) = serde::hides(&field.attrs) {
                return refuse(format!(
                    "a page does not see `{name}`, which is `#[serde({attr})]`"
                ));
            }
            if let Member::Named(ident) = &found {
                name = serde::name_of(&field.attrs, &ident.unraw().to_string(), rule);
            }
            member = found;
        }
    }
    Ok(Key { member, name, span: told.span() })
}

/// Whether the payload is the one field, and not an object or array around it.
pub(crate) fn is_newtype(fields: &Fields) -> bool {
    matches!(fields, Fields::Unnamed(fields) if fields.unnamed.len() == 1)
}

/// A field by its name, or by its number.
fn member(name: &str, span: Span) -> Option<Member> {
    if let Ok(index) = name.parse::<u32>() {
        return (name == index.to_string()).then_some(Member::Unnamed(Index { index, span }));
    }
    let raw = || syn::parse_str::<syn::Ident>(&format!("r#{name}"));
    let mut ident = syn::parse_str::<syn::Ident>(name).or_else(|_| raw()).ok()?;
    ident.set_span(span);
    Some(Member::Named(ident))
}

fn same(field: &Member, told: &Member) -> bool {
    text(field) == text(told)
}

fn text(member: &Member) -> String {
    match member {
        Member::Named(ident) => ident.unraw().to_string(),
        Member::Unnamed(index) => index.index.to_string(),
    }
}

fn rate(attr: &EventAttr, errors: &mut Errors) -> Option<Rate> {
    let Some(told) = &attr.rate else {
        if let Some((burst, _)) = &attr.burst {
            errors.at(
                burst,
                "`burst` says how many may come at once of a rate: `rate = \"5/s\", burst = 10`",
            );
        }
        return None;
    };
    let burst = attr.burst.as_ref().map(|(_, burst)| errors.ok(number(burst)));
    let (count, seconds, unit) = errors.ok(pace(told))?;
    // What may come within the time may come at once, unless more or less was told.
    let burst = burst.flatten().unwrap_or(count);
    Some(Rate { count, seconds, unit, burst })
}
