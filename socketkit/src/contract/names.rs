//! What types of a contract are called where reading and writing are one: in TypeScript.

use super::Contract;
use percent_encoding::percent_decode_str;
use serde_json::{Map, Value};
use std::collections::{BTreeMap, BTreeSet};

/// What the file itself declares or speaks of, and what is no name of a type in TypeScript.
const TAKEN: &str = "CallError ClientEvents ConnectOptions Contract ServerEvents Socket URL \
    any bigint boolean never null number object string symbol undefined unknown void \
    await break case catch class const continue debugger default delete do else enum export extends \
    false finally for function if implements import in instanceof interface let new package private \
    protected public return static super switch this throw true try typeof var while with yield";

/// See the module: by their pointers, `#/read/Post`.
#[derive(Debug)]
pub(super) struct Names(BTreeMap<String, String>);

impl Names {
    /// A type that is read as it is written has its own name, and so has any other that is written; one
    /// that is read in another form is called `PostInput`.
    pub(super) fn of(contract: &Contract) -> Self {
        let same = same(&contract.read, &contract.write);
        let (mut names, mut taken) = (BTreeMap::new(), BTreeSet::new());
        taken.extend(TAKEN.split_whitespace().map(str::to_owned));
        for name in contract.write.keys() {
            let called = free(&identifier(name), &mut taken);
            if same.contains(name.as_str()) {
                names.insert(pointer("read", name), called.clone());
            }
            names.insert(pointer("write", name), called);
        }
        for name in contract.read.keys().filter(|name| !same.contains(name.as_str())) {
            let suffix = if contract.write.contains_key(name) { "Input" } else { "" };
            let called = free(&(identifier(name) + suffix), &mut taken);
            names.insert(pointer("read", name), called);
        }
        for (side, events) in [("client", &contract.client), ("server", &contract.server)] {
            for name in events.keys() {
                let called = free(&(identifier(&pascal(name)) + "Data"), &mut taken);
                names.insert(format!("#/{side}/{name}"), called);
            }
        }
        Self(names)
    }

    /// What the data of an event is called, where it is no type of another name: so that errors name the
    /// event.
    pub(super) fn data(&self, side: &str, event: &str) -> &str {
        self.find(&format!("#/{side}/{event}"))
    }

    pub(super) fn find(&self, pointer: &str) -> &str {
        self.0.get(pointer).map_or("unknown", String::as_str)
    }

    /// Every type once, with what it is called.
    pub(super) fn each<'a>(&'a self, contract: &'a Contract) -> BTreeMap<&'a str, &'a Value> {
        types(contract).map(|(pointer, schema)| (self.find(&pointer), schema)).collect()
    }
}

/// The types of a contract by their pointers, a type that is read and written twice.
pub(super) fn types(contract: &Contract) -> impl Iterator<Item = (String, &Value)> {
    let sides = [("read", &contract.read), ("write", &contract.write)];
    sides.into_iter().flat_map(|(side, types)| {
        types.iter().map(move |(name, schema)| (pointer(side, name), schema))
    })
}

/// The types that are read as they are written, with all that they speak of.
fn same<'a>(read: &'a Map<String, Value>, write: &'a Map<String, Value>) -> BTreeSet<&'a str> {
    let text = |schema: &Value| schema.to_string().replace("\"#/read/", "\"#/write/");
    let mut same: BTreeSet<&str> = read
        .iter()
        .filter(|(name, schema)| write.get(*name).is_some_and(|other| text(schema) == text(other)))
        .map(|(name, _)| name.as_str())
        .collect();
    loop {
        let differs = |name: &&str| {
            write.get(*name).is_some_and(|schema| {
                let text = schema.to_string();
                let others = read.keys().filter(|other| !same.contains(other.as_str()));
                others
                    .into_iter()
                    .any(|other| text.contains(&format!("\"{}\"", pointer("write", other))))
            })
        };
        let others: Vec<_> = same.iter().copied().filter(|name| differs(name)).collect();
        if others.is_empty() {
            return same;
        }
        others.iter().for_each(|name| _ = same.remove(name));
    }
}

/// The type that a pointer is to (RFC 6901 section 6).
pub(super) fn find<'a>(
    pointer: &str,
    read: &'a Map<String, Value>,
    write: &'a Map<String, Value>,
) -> Option<&'a Value> {
    let (types, name) = match pointer.strip_prefix("#/read/") {
        Some(name) => (read, name),
        None => (write, pointer.strip_prefix("#/write/")?),
    };
    let name = percent_decode_str(name).decode_utf8().ok()?;
    types.get(&name.replace("~1", "/").replace("~0", "~"))
}

/// Where a type is in a contract.
fn pointer(side: &str, name: &str) -> String {
    let mut pointer = format!("#/{side}/");
    for byte in name.replace('~', "~0").replace('/', "~1").bytes() {
        match byte {
            b'!' | b'$' | b'&'..=b';' | b'=' | b'?'..=b'Z' | b'_' | b'a'..=b'z' | b'~' => {
                pointer.push(byte.into());
            }
            _ => pointer += &format!("%{byte:02X}"),
        }
    }
    pointer
}

/// `submit_post` as `SubmitPost`.
fn pascal(name: &str) -> String {
    let parts = name.split(|char: char| !char.is_ascii_alphanumeric());
    parts
        .flat_map(|part| {
            part.chars().take(1).map(|char| char.to_ascii_uppercase()).chain(part.chars().skip(1))
        })
        .collect()
}

/// What may be the name of a type.
fn identifier(name: &str) -> String {
    let part = |char: char| if char.is_ascii_alphanumeric() || char == '_' { char } else { '_' };
    let name: String = name.chars().map(part).collect();
    let is_fit = name.starts_with(|char: char| char.is_ascii_alphabetic() || char == '_');
    if is_fit { name } else { format!("_{name}") }
}

/// A name that nothing has yet.
fn free(name: &str, taken: &mut BTreeSet<String>) -> String {
    let mut free = name.to_owned();
    let mut count = 1;
    while !taken.insert(free.clone()) {
        count += 1;
        free = format!("{name}{count}");
    }
    free
}
