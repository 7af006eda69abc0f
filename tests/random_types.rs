//! Five hundred random types: what serde writes is of the schema and of the type in TypeScript, and what
//! TypeScript takes is read, but for what `Contract::to_typescript` lists.
//!
//! `RANDOM_TYPES=7 cargo test -p tests --test random_types` is of others, written by `build.rs`. Needs Node.

#[path = "random_types/accepted.rs"]
mod accepted;
#[path = "random_types/values.rs"]
mod values;

use accepted::{Accepted, Gap};
use chrono::{DateTime, NaiveDate, Utc};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use socketkit::{Contract, Events, Protocol, contract};
use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::Write,
    iter,
};
use tests::tsc::Project;
use uuid::Uuid;
use values::{Random, Source};

/// Events whose payloads are random types.
trait Made: Events {
    type Protocol: Protocol<Client = Self, Server = Self>;
    /// Those with what serde does not read wherever it may be, nor write.
    const UNREADABLE: &'static [&'static str];
    fn made(at: usize, source: &mut Source) -> Self;
}

#[allow(dead_code, unused_variables, clippy::all, clippy::pedantic)]
mod types {
    use super::*;
    include!(concat!(env!("OUT_DIR"), "/random_types.rs"));
}

const SEED: &str = env!("RANDOM_TYPES");

/// What all modules have come to.
#[derive(Default)]
struct Found {
    events: usize,
    faults: Vec<String>,
    /// Differences that serde does not take.
    refused: BTreeSet<Gap>,
    is_unreadable_refused: bool,
    program: String,
    /// What is in each line of it.
    lines: Vec<String>,
}

impl Found {
    fn import(&mut self, module: &str) {
        let line = format!(
            "import {{ ClientEvents as client_{module}, ServerEvents as server_{module} }} from \"./{module}.js\";"
        );
        self.add(line);
    }

    fn assign(&mut self, side: &str, name: &str, value: &str) {
        // Both of these end a line.
        let value = value.replace('\u{2028}', "\\u2028").replace('\u{2029}', "\\u2029");
        self.add(format!("{{ const value: {side}[\"{name}\"][\"data\"] = {value}; }}"));
    }

    fn add(&mut self, line: String) {
        self.program += &line;
        self.program.push('\n');
        self.lines.push(line);
    }

    /// What the compiler says, with the lines that it speaks of.
    fn compile(&self, files: &[(String, String)]) -> String {
        let mut errors = String::new();
        for error in Project::new(files).check(&self.program).lines() {
            let _ = writeln!(errors, "{error}");
            let number = error.strip_prefix("program.ts(").and_then(|at| at.split(',').next());
            if let Some(number) = number.and_then(|number| number.parse::<usize>().ok()) {
                let _ = writeln!(errors, "  {}", self.lines[number - 1]);
            }
        }
        errors
    }
}

/// One random event of one contract.
struct Subject<'a> {
    contract: &'a Contract,
    module: &'a str,
    at: usize,
    name: &'a str,
    seed: u64,
}

impl Subject<'_> {
    fn writes<E: Made>(&self, found: &mut Found) {
        let Self { contract, module, at, name, seed } = *self;
        // One without fields.
        let Some(payload) = &contract.server[name].payload else { return };
        let schema = json!({
            "$schema": "https://json-schema.org/draft/2020-12/schema",
            "allOf": [payload],
            "write": contract.write,
        });
        let validator = jsonschema::validator_for(&schema).unwrap();
        let mut source = Source::new(seed);
        for _ in 0..4 {
            let mut text = Vec::new();
            if let Err(error) = E::made(at, &mut source).encode(&mut text) {
                if E::UNREADABLE.contains(&name) {
                    found.is_unreadable_refused = true;
                } else {
                    found
                        .faults
                        .push(format!("{module} does not write {name}: {error}\n  {payload}"));
                }
                continue;
            }
            let text = String::from_utf8(text).unwrap();
            if let Err(error) = validator.validate(&serde_json::from_str(&text).unwrap()) {
                found
                    .faults
                    .push(format!("{module} writes {name}: {text}\n  {error}\n  {payload}"));
            }
            found.assign(&format!("server_{module}"), name, &text);
        }
    }

    fn reads<E: Made>(&self, found: &mut Found) {
        let Self { contract, module, at, name, seed } = *self;
        let Some(payload) = &contract.client[name].payload else { return };
        let rng = fastrand::Rng::with_seed(seed);
        let mut accepted = Accepted { types: &contract.read, rng, gap: None };
        for gap in iter::repeat_n(None, 4).chain(Gap::ALL.map(Some)) {
            accepted.gap = gap;
            let Some(node) = accepted.of(payload, 0) else {
                found.faults.push(format!("{module} takes no value for {name}: {payload}"));
                continue;
            };
            found.assign(&format!("client_{module}"), name, &node.program());
            let json = node.json();
            let Err(error) = E::decode(at, &json) else { continue };
            match gap.filter(|_| accepted.gap.is_none()) {
                Some(gap) => _ = found.refused.insert(gap),
                None if E::UNREADABLE.contains(&name) => found.is_unreadable_refused = true,
                None => {
                    found
                        .faults
                        .push(format!("{module} refuses {name}: {json}\n  {error}\n  {payload}"));
                }
            }
        }
    }
}

/// Writes and reads values of all events of a module, and gives its types in TypeScript.
fn check<E: Made>(module: &str, seeds: &mut fastrand::Rng, found: &mut Found) -> String {
    let contract = contract::<E::Protocol>();
    for (at, name) in E::NAMES.iter().enumerate() {
        let subject = Subject { contract: &contract, module, at, name, seed: seeds.u64(..) };
        subject.writes::<E>(found);
        subject.reads::<E>(found);
        found.events += 1;
    }
    contract.to_typescript()
}

#[test]
fn they_are_the_same_in_rust_and_in_typescript_but_for_what_is_documented() {
    let mut seeds = fastrand::Rng::with_seed(SEED.parse().unwrap());
    let (mut found, mut files) = (Found::default(), Vec::new());
    macro_rules! each {
        ($($module:ident)*) => { $({
            let module = stringify!($module);
            found.import(module);
            let types = check::<types::$module::Event>(module, &mut seeds, &mut found);
            files.push((format!("{module}.d.ts"), types));
        })* };
    }
    each!(m0 m1 m2 m3 m4 m5 m6 m7 m8 m9 m10 m11 m12 m13 m14 m15 m16 m17 m18 m19);
    assert_eq!(found.events, 500);
    assert_eq!(found.faults.join("\n"), "", "RANDOM_TYPES={SEED}");
    assert_eq!(found.compile(&files), "", "RANDOM_TYPES={SEED}");
    assert_eq!(found.refused, Gap::ALL.into(), "what is read is not to be listed");
    assert!(found.is_unreadable_refused, "what is read is not to be listed");
}

#[test]
fn what_is_nested_deeper_than_128_times_is_not_read() {
    #[derive(Debug, Events)]
    enum Event {
        Nested(Value),
    }
    let nested = |depth| format!("{}{}", "[".repeat(depth), "]".repeat(depth));
    assert!(Event::decode(0, &nested(127)).is_ok());
    assert!(Event::decode(0, &nested(128)).is_err());
}
