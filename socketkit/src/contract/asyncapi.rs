//! A contract as a document of [AsyncAPI 3](https://www.asyncapi.com/docs/reference/specification/v3.0.0).

use super::{
    Contract, EventContract,
    example::Examples,
    frames::{self, Frame},
    names::Names,
    policy, presence,
};
use crate::wire;
use schemars::{
    Schema,
    transform::{
        RecursiveTransform, RemoveRefSiblings, ReplacePrefixItems, ReplaceUnevaluatedProperties,
        Transform,
    },
};
use serde_json::{Map, Value, json};

/// The one channel: a WebSocket is no more than that.
const CHANNEL: &str = "#/channels/socket";

const ABOUT: &str = "Events over WebSocket, as `socketkit.v1.json`: one JSON object in each text frame. \
    An event that is sent with an `id` is a call, which is answered once, with a `reply` or with an \
    `error`. Of an event that has progress, a call may be reported on before, with `progress`, and given up by \
    its caller, with `cancel`: it ends without an answer then. The version of this document is the hash of the \
    contract: another whenever a name or a shape is.";

/// See [`Contract::to_asyncapi`].
pub(super) fn document(contract: &Contract, title: &str) -> Value {
    let mut document = Document {
        contract,
        names: Names::of(contract),
        examples: Examples::of(contract),
        messages: Map::new(),
        operations: Map::new(),
    };
    for frame in frames::all() {
        document.frame(frame);
    }
    for (side, events) in [("client", &contract.client), ("server", &contract.server)] {
        for (name, event) in events {
            document.event(side, name, event);
        }
    }
    document.presence();
    let schemas: Map<_, _> = document
        .names
        .each(contract)
        .into_iter()
        .map(|(name, schema)| (name.to_owned(), document.schema(schema)))
        .collect();
    let messages: Map<_, _> = document
        .messages
        .keys()
        .map(|id| (id.clone(), reference("#/components/messages", id)))
        .collect();
    let subprotocol = json!({
        "type": "string", "const": wire::SUBPROTOCOL,
        "description": "The wire format. Who offers none is taken to speak it.",
    });
    json!({
        "asyncapi": "3.0.0",
        "info": { "title": title, "version": contract.hash, "description": ABOUT },
        "defaultContentType": "application/json",
        "channels": { "socket": {
            "title": "The socket",
            "description": "The WebSocket endpoint, beside whose files this document is served.",
            "messages": messages,
            "bindings": { "ws": {
                "method": "GET",
                "headers": { "type": "object", "properties": { "Sec-WebSocket-Protocol": subprotocol } },
                "bindingVersion": "0.1.0",
            } },
        } },
        "operations": document.operations,
        "components": {
            "schemas": schemas,
            "messages": document.messages,
            "correlationIds": {
                "call": correlation("id", "The number of a call."),
                "reply": correlation("reply", "The number of the call that is answered."),
                "progress": correlation("progress", "The number of the call that goes on."),
                "cancel": correlation("cancel", "The number of the call that is given up."),
            },
        },
    })
}

struct Document<'a> {
    contract: &'a Contract,
    names: Names,
    examples: Examples,
    messages: Map<String, Value>,
    operations: Map<String, Value>,
}

impl Document<'_> {
    /// A frame that every contract has.
    fn frame(&mut self, frame: Frame) {
        let example: Value = serde_json::from_str(frame.example).unwrap_or_default();
        let mut message = json!({
            "name": frame.name,
            "title": frame.name,
            "description": frame.doc,
            "payload": frame.schema,
            "examples": [{ "payload": example }],
        });
        let correlation = match frame.name {
            "reply" | "error" => Some("reply"),
            "progress" | "cancel" => Some(frame.name),
            _ => None,
        };
        if let Some(correlation) = correlation {
            message["correlationId"] = reference("#/components/correlationIds", correlation);
        }
        self.messages.insert(frame.name.to_owned(), message);
        // Without dots, as no operation of an event is called.
        for (action, is_one) in [("receive", frame.by_client), ("send", frame.by_server)] {
            if is_one {
                let operation = operation(action, frame.name, frame.doc);
                self.operations.insert(format!("{action}_{}", frame.name), operation);
            }
        }
    }

    /// An event that a side sends, with what it is answered with.
    fn event(&mut self, side: &str, name: &str, event: &EventContract) {
        let id = format!("{side}.{}", key(name));
        let doc = event.doc.as_deref().unwrap_or_default();
        let mut description = doc.to_owned();
        let remarks = policy::remarks(event);
        for remark in &remarks {
            description += if description.is_empty() { "" } else { "\n\n" };
            description += &remark.text;
        }
        let answered = match event.reply {
            Some(_) => "Wants an answer under this number.",
            None => "Wants to be told under this number when it has been handled.",
        };
        let (mut number, data) = (frames::call(), event.payload.as_ref());
        number["description"] = answered.into();
        let mut payload = self.carrying(data, &[("event", json!({ "const": name }))]);
        payload["properties"]["id"] = number;
        if side == "server" {
            payload["properties"]["at"] = frames::place();
        }
        let mut message = json!({
            "name": name,
            "title": name,
            "payload": payload,
            "correlationId": reference("#/components/correlationIds", "call"),
            "x-socketkit-fingerprint": event.fingerprint,
        });
        if !description.is_empty() {
            message["description"] = description.into();
        }
        let value = data.map_or(Some(Value::Null), |schema| self.examples.value(schema));
        if let Some(value) = value {
            let mut example = json!({ "event": name });
            if event.is_call() {
                example["id"] = 1.into();
            }
            message["examples"] = examples(example, value);
        }
        let policies = [
            ("volatile", event.volatile.then_some(Value::Bool(true))),
            ("latest", event.latest.as_ref().map(|fields| json!(fields))),
            ("max", event.max.map(Value::from)),
            ("rate", event.rate.map(|rate| json!(rate))),
        ];
        for (policy, value) in policies {
            if let Some(value) = value {
                message[format!("x-socketkit-{policy}")] = value;
            }
        }
        self.messages.insert(id.clone(), message);

        let action = if side == "client" { "receive" } else { "send" };
        let summary = doc.split("\n\n").next().unwrap_or_default().replace('\n', " ");
        let mut operation = operation(action, &id, &summary);
        operation["title"] = name.into();
        if event.is_call() {
            let progress =
                event.progress.as_ref().map(|schema| self.answer(side, "progress", name, schema));
            let reply = match &event.reply {
                Some(schema) => self.answer(side, "reply", name, schema),
                None => in_channel("reply"),
            };
            let messages: Vec<_> =
                progress.into_iter().chain([reply, in_channel("error")]).collect();
            operation["reply"] = json!({ "channel": { "$ref": CHANNEL }, "messages": messages });
        }
        self.operations.insert(format!("{action}.{}", key(name)), operation);
    }

    /// What the server tells of rooms, if the protocol has presence.
    fn presence(&mut self) {
        let Some(contract) = &self.contract.presence else { return };
        let (name, id) = (wire::PRESENCE, format!("server.{}", key(wire::PRESENCE)));
        let data = presence::data(contract);
        let mut message = json!({
            "name": name,
            "title": name,
            "description": presence::DOC,
            "payload": self.carrying(Some(&data), &[("event", json!({ "const": name }))]),
        });
        if let Some(told) = presence::examples(contract, &self.examples) {
            let example = |(does, data): (&str, Value)| json!({ "summary": format!("The server {does}."), "payload": { "event": name, "data": data } });
            message["examples"] = told.map(example).to_vec().into();
        }
        self.messages.insert(id.clone(), message);
        let mut operation = operation("send", &id, "Who is present in a room.");
        operation["title"] = name.into();
        self.operations.insert(format!("send.{}", key(name)), operation);
    }

    /// What comes for a call of an event, `progress` or `reply`: adds the message, and refers to it.
    fn answer(&mut self, side: &str, kind: &str, name: &str, schema: &Value) -> Value {
        let id = format!("{side}-{kind}.{}", key(name));
        let (title, about) = match kind {
            "progress" => {
                (format!("progress of {name}"), format!("How far a call of `{name}` has come."))
            }
            _ => (format!("reply to {name}"), format!("The answer to a call of `{name}`.")),
        };
        let mut message = json!({
            "name": title,
            "title": title,
            "description": about,
            "payload": self.carrying(Some(schema), &[(kind, frames::call())]),
            "correlationId": reference("#/components/correlationIds", kind),
        });
        if let Some(value) = self.examples.value(schema) {
            message["examples"] = examples(json!({ kind: 1 }), value);
        }
        let reference = in_channel(&id);
        self.messages.insert(id, message);
        reference
    }

    /// A frame with members that it always has, and with data, which it lacks where that is `null`.
    fn carrying(&self, data: Option<&Value>, members: &[(&str, Value)]) -> Value {
        let mut required: Vec<&str> = members.iter().map(|(name, _)| *name).collect();
        let mut properties: Map<_, _> =
            members.iter().map(|(name, schema)| ((*name).to_owned(), schema.clone())).collect();
        if let Some(data) = data {
            properties.insert("data".to_owned(), self.schema(data));
            if !self.is_nullable(data, 0) {
                required.push("data");
            }
        }
        json!({ "type": "object", "required": required, "properties": properties })
    }

    /// A schema of the contract in the dialect of AsyncAPI, which is draft 7.
    fn schema(&self, schema: &Value) -> Value {
        let Ok(mut schema) = Schema::try_from(schema.clone()) else { return true.into() };
        let rename = |schema: &mut Schema| {
            if let Some(Value::String(pointer)) = schema.get_mut("$ref") {
                *pointer = format!("#/components/schemas/{}", self.names.find(pointer));
            }
        };
        RecursiveTransform(rename).transform(&mut schema);
        ReplaceUnevaluatedProperties::default().transform(&mut schema);
        ReplacePrefixItems::default().transform(&mut schema);
        RemoveRefSiblings::default().transform(&mut schema);
        schema.to_value()
    }

    /// Whether `null` is a value of a schema, as far as is seen within so many types.
    fn is_nullable(&self, schema: &Value, depth: usize) -> bool {
        let members = match schema {
            Value::Bool(all) => return *all,
            Value::Object(members) => members,
            _ => return true,
        };
        let is_nullable = |schema: &Value| depth < 16 && self.is_nullable(schema, depth + 1);
        members.iter().all(|(name, value)| match (name.as_str(), value) {
            ("type", Value::String(one)) => one == "null",
            ("type" | "enum", Value::Array(any)) => {
                any.iter().any(|one| one.is_null() || one == "null")
            }
            ("const", value) => value.is_null(),
            ("$ref", Value::String(pointer)) => {
                self.contract.find(pointer).is_some_and(is_nullable)
            }
            ("anyOf" | "oneOf", Value::Array(any)) => any.iter().any(is_nullable),
            ("allOf", Value::Array(all)) => all.iter().all(is_nullable),
            _ => true,
        })
    }
}

/// What may be a key of AsyncAPI, and is that of no other name: no name has two dots in a row.
fn key(name: &str) -> String {
    name.replace(':', "..")
}

fn operation(action: &str, message: &str, summary: &str) -> Value {
    let mut operation = json!({
        "action": action,
        "channel": { "$ref": CHANNEL },
        "messages": [in_channel(message)],
    });
    if !summary.is_empty() {
        operation["summary"] = summary.into();
    }
    operation
}

/// Where the number of a call is in a message.
fn correlation(member: &str, about: &str) -> Value {
    json!({ "location": format!("$message.payload#/{member}"), "description": about })
}

fn reference(place: &str, name: &str) -> Value {
    json!({ "$ref": format!("{place}/{name}") })
}

fn in_channel(message: &str) -> Value {
    reference("#/channels/socket/messages", message)
}

/// A frame that carries a value, if it is not `null`.
fn examples(mut frame: Value, data: Value) -> Value {
    if !data.is_null() {
        frame["data"] = data;
    }
    json!([{ "payload": frame }])
}
