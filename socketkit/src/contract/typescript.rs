//! The types of a contract in TypeScript: what a page may send, and what it gets.

use super::{
    Contract, EventContract,
    names::{self, Names},
};
use serde_json::{Map, Value};
use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::Write,
};

/// What a schema says that is of a branded type.
pub(super) const BRAND: &str = "x-brand";

fn is_branded(schema: &Value) -> bool {
    schema.get(BRAND) == Some(&Value::Bool(true))
}

/// The declarations of `client.js`, for one contract.
pub(crate) fn declarations(contract: &Contract) -> String {
    let writer = Writer { names: Names::of(contract), contract };
    let mut out = format!(
        "// The contract {}, as its server has written it.\n\
         import {{ ConnectOptions, Socket }} from \"./socketkit.js\";\n\
         export {{ CallError }} from \"./socketkit.js\";\n",
        contract.hash
    );
    let types = writer.names.each(contract);
    if types.values().any(|schema| is_branded(schema)) {
        out += "\ndeclare const brand: unique symbol;\n";
    }
    for (name, schema) in types {
        writer.named(&mut out, name, schema);
    }
    for (side, events) in [("client", &contract.client), ("server", &contract.server)] {
        writer.events(&mut out, side, events);
    }
    let presence = contract.presence.as_ref().map(|presence| {
        let [room, member] = [&presence.room, &presence.member].map(|it| writer.of(it, 1).text);
        format!("  presence: {{ room: {room}; member: {member} }};\n")
    });
    let _ = write!(
        out,
        "\nexport interface Contract {{\n  client: ClientEvents;\n  server: ServerEvents;\n{}}}\n\n",
        presence.unwrap_or_default()
    );
    out + "/**\n \
        * Connects as `connect` of `socketkit.js` does.\n \
        *\n \
        * @param url by default that of the server that this file was loaded from: in a bundle and in Node it \
        has to be given\n \
        */\n\
        export function connect(url?: string | URL, options?: ConnectOptions): Socket<Contract>;\n"
}

/// A type as text.
pub(super) struct Type {
    pub(super) text: String,
    pub(super) form: Form,
}

#[derive(Clone, Copy, PartialEq)]
pub(super) enum Form {
    /// Several types, joined: in brackets where it is a part.
    Joined,
    /// Fields in braces, which an interface may have.
    Fields,
    Other,
}

impl Type {
    fn grouped(&self) -> String {
        if self.form == Form::Joined { format!("({})", self.text) } else { self.text.clone() }
    }
}

impl<T: Into<String>> From<T> for Type {
    fn from(text: T) -> Self {
        Self { text: text.into(), form: Form::Other }
    }
}

pub(super) struct Writer<'a> {
    pub(super) names: Names,
    pub(super) contract: &'a Contract,
}

impl Writer<'_> {
    /// A type that has a name.
    fn named(&self, out: &mut String, name: &str, schema: &Value) {
        out.push('\n');
        document(out, "", schema.get("description").and_then(Value::as_str));
        let mut of = self.of(schema, 0);
        if is_branded(schema) {
            let text = format!("{} & {{ readonly [brand]: \"{name}\" }}", of.grouped());
            of = Type { text, form: Form::Joined };
        }
        let Type { text, form } = of;
        let _ = if form == Form::Fields {
            writeln!(out, "export interface {name} {text}")
        } else {
            writeln!(out, "export type {name} = {text};")
        };
    }

    fn events(&self, out: &mut String, side: &str, events: &BTreeMap<String, EventContract>) {
        let title = if side == "client" { "ClientEvents" } else { "ServerEvents" };
        let mut all = format!("\nexport interface {title} {{\n");
        for (name, event) in events {
            document(&mut all, "  ", event.doc.as_deref());
            let of = |schema: &Option<Value>| {
                schema.as_ref().map_or("null".to_owned(), |schema| self.of(schema, 1).text)
            };
            let fields = event.payload.as_ref().map(|payload| self.of(payload, 0));
            let data = match fields.filter(|of| of.form == Form::Fields) {
                Some(fields) => {
                    let data = self.names.data(side, name);
                    let _ = writeln!(
                        out,
                        "\n/** What `{name}` carries. */\nexport interface {data} {}",
                        fields.text
                    );
                    data.to_owned()
                }
                None => of(&event.payload),
            };
            let reply = of(&event.reply);
            let progress = event.progress.is_some().then(|| of(&event.progress));
            let progress = progress.map(|of| format!("; progress: {of}")).unwrap_or_default();
            let _ = writeln!(all, "  {}: {{ data: {data}; reply: {reply}{progress} }};", key(name));
        }
        *out += &(all + "}\n");
    }

    /// A schema as a type, of which later lines stand so deep.
    pub(super) fn of(&self, schema: &Value, depth: usize) -> Type {
        let members = match schema {
            Value::Bool(false) => return "never".into(),
            Value::Object(members) => members,
            _ => return "unknown".into(),
        };
        let mut parts: Vec<Type> = Vec::new();
        if let Some(pointer) = members.get("$ref").and_then(Value::as_str) {
            parts.push(self.names.find(pointer).into());
        }
        if let Some(value) = members.get("const") {
            parts.push(value.to_string().into());
        } else if let Some(values) = members.get("enum").and_then(Value::as_array) {
            parts.push(union(values.iter().map(|value| value.to_string().into())));
        } else {
            parts.extend(self.by_type(members, depth));
        }
        for key in ["anyOf", "oneOf"] {
            if let Some(any) = members.get(key).and_then(Value::as_array) {
                parts.push(union(any.iter().map(|schema| {
                    self.none_of(any, schema).unwrap_or_else(|| self.of(schema, depth))
                })));
            }
        }
        if let Some(all) = members.get("allOf").and_then(Value::as_array) {
            parts.extend(all.iter().map(|schema| self.of(schema, depth)));
        }
        if parts.len() > 1 {
            let parts: Vec<_> = parts.iter().map(Type::grouped).collect();
            return Type { text: parts.join(" & "), form: Form::Joined };
        }
        parts.pop().unwrap_or_else(|| "unknown".into())
    }

    /// Of an option that is flattened, `None`: an object without the members of any other.
    fn none_of(&self, any: &[Value], schema: &Value) -> Option<Type> {
        if !schema.as_object().is_some_and(Map::is_empty) {
            return None;
        }
        let mut members = Members::default();
        any.iter().for_each(|other| members.add(self.contract, other));
        let absent: Vec<_> =
            members.names.iter().map(|name| format!("{}?: never", key(name))).collect();
        (!absent.is_empty()).then(|| format!("{{ {} }}", absent.join("; ")).into())
    }

    /// What `type` says, and what belongs to it.
    fn by_type(&self, members: &Map<String, Value>, depth: usize) -> Option<Type> {
        let types = match members.get("type") {
            Some(Value::Array(types)) => types.iter().filter_map(Value::as_str).collect(),
            Some(Value::String(one)) => vec![one.as_str()],
            _ if members.contains_key("properties") => vec!["object"],
            _ => return None,
        };
        Some(union(types.into_iter().map(|of| match of {
            "integer" | "number" => "number".into(),
            "array" => self.array(members, depth),
            "object" => self.object(members, depth),
            other => other.into(),
        })))
    }

    fn array(&self, members: &Map<String, Value>, depth: usize) -> Type {
        if let Some(items) = members.get("prefixItems").and_then(Value::as_array) {
            let items: Vec<_> = items.iter().map(|item| self.of(item, depth).text).collect();
            return format!("[{}]", items.join(", ")).into();
        }
        if members.get("maxItems").and_then(Value::as_u64) == Some(0) {
            return "[]".into();
        }
        let of = members.get("items").map_or("unknown".into(), |items| self.of(items, depth));
        let length = |name| members.get(name).and_then(Value::as_u64);
        match (length("minItems"), length("maxItems")) {
            // A short array of Rust: its length is a part of its type.
            (Some(least), Some(most)) if least == most && most <= 16 => {
                format!("[{}]", vec![of.text; most as usize].join(", ")).into()
            }
            _ => format!("{}[]", of.grouped()).into(),
        }
    }

    fn object(&self, members: &Map<String, Value>, depth: usize) -> Type {
        let required = members.get("required").and_then(Value::as_array);
        let is_required =
            |name: &str| required.is_some_and(|names| names.iter().any(|known| known == name));
        let (margin, mut out) = ("  ".repeat(depth + 1), String::new());
        let properties = members.get("properties").and_then(Value::as_object);
        for (name, schema) in properties.into_iter().flatten() {
            document(&mut out, &margin, schema.get("description").and_then(Value::as_str));
            let mark = if is_required(name) { "" } else { "?" };
            let of = self.of(schema, depth + 1).text;
            let _ = writeln!(out, "{margin}{}{mark}: {of};", key(name));
        }
        let fields = format!("{{\n{out}{}}}", "  ".repeat(depth));
        let others: Vec<_> = members
            .get("additionalProperties")
            .filter(|schema| **schema != Value::Bool(false))
            .into_iter()
            .chain(
                members
                    .get("patternProperties")
                    .and_then(Value::as_object)
                    .into_iter()
                    .flat_map(Map::values),
            )
            .map(|schema| self.of(schema, depth))
            .collect();
        match (others.is_empty(), out.is_empty()) {
            (true, true) if members.get("additionalProperties") == Some(&Value::Bool(false)) => {
                "{ [name: string]: never }".into()
            }
            (true, true) => "{ [name: string]: unknown }".into(),
            (true, false) => Type { text: fields, form: Form::Fields },
            (false, true) => format!("{{ [name: string]: {} }}", union(others).text).into(),
            // TypeScript wants each field to be one of the others: so they are not said to be all.
            (false, false) => Type {
                text: format!("{fields} & {{ [name: string]: unknown }}"),
                form: Form::Joined,
            },
        }
    }
}

/// The names of the members that an object may have.
#[derive(Default)]
struct Members<'a> {
    names: BTreeSet<&'a str>,
    /// Types that they are of.
    known: BTreeSet<&'a str>,
}

impl<'a> Members<'a> {
    fn add(&mut self, contract: &'a Contract, schema: &'a Value) {
        let properties = schema.get("properties").and_then(Value::as_object);
        self.names.extend(properties.into_iter().flat_map(Map::keys).map(String::as_str));
        for key in ["allOf", "anyOf", "oneOf"] {
            let parts = schema.get(key).and_then(Value::as_array);
            parts.into_iter().flatten().for_each(|part| self.add(contract, part));
        }
        if let Some(pointer) = schema.get("$ref").and_then(Value::as_str)
            && self.known.insert(pointer)
            && let Some(schema) = names::find(pointer, &contract.read, &contract.write)
        {
            self.add(contract, schema);
        }
    }
}

/// Each of them once.
fn union(parts: impl IntoIterator<Item = Type>) -> Type {
    let mut once: Vec<Type> = Vec::new();
    for part in parts {
        if part.text == "unknown" {
            return part;
        }
        if once.iter().all(|known| known.text != part.text) {
            once.push(part);
        }
    }
    match once.len() {
        0 | 1 => once.pop().unwrap_or_else(|| "never".into()),
        _ => {
            let texts: Vec<_> = once.into_iter().map(|part| part.text).collect();
            Type { text: texts.join(" | "), form: Form::Joined }
        }
    }
}

/// A name of a member, quoted where it has to be.
fn key(name: &str) -> String {
    let mut chars = name.chars();
    let is_plain =
        chars.next().is_some_and(|char| char.is_ascii_alphabetic() || "_$".contains(char))
            && chars.all(|char| char.is_ascii_alphanumeric() || "_$".contains(char));
    if is_plain { name.to_owned() } else { Value::from(name).to_string() }
}

/// Documentation, as a comment.
fn document(out: &mut String, margin: &str, doc: Option<&str>) {
    let Some(doc) = doc else { return };
    let doc = doc.replace("*/", "*\\/");
    if !doc.contains('\n') {
        let _ = writeln!(out, "{margin}/** {doc} */");
        return;
    }
    let _ = writeln!(out, "{margin}/**");
    for line in doc.lines() {
        let _ = writeln!(out, "{margin} *{}{line}", if line.is_empty() { "" } else { " " });
    }
    let _ = writeln!(out, "{margin} */");
}
