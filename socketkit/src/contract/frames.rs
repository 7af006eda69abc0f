//! The frames of the wire format that are the same in every contract.

use crate::wire;
use serde_json::{Value, json};

/// One of them.
pub(super) struct Frame {
    pub(super) name: &'static str,
    pub(super) by_client: bool,
    pub(super) by_server: bool,
    /// What it says, in Markdown.
    pub(super) doc: &'static str,
    pub(super) example: &'static str,
    /// Its JSON Schema, of draft 7 and of 2020-12 alike.
    pub(super) schema: Value,
}

/// The number of a call.
pub(super) fn call() -> Value {
    json!({
        "type": "integer", "minimum": 0, "maximum": u32::MAX,
        "description": "The number of the call: unique among those of its sender that are not answered yet.",
    })
}

/// Where an event of the server stands.
pub(super) fn place() -> Value {
    json!({
        "type": "string", "pattern": format!("^[0-9a-f]{{{}}}$", wire::PLACE),
        "description": "Where a cluster with a log has it: 16 digits name the node that emitted it, the others are \
            its number among all of that node. Only zeros are no place.",
    })
}

/// See the module.
pub(super) fn all() -> [Frame; 7] {
    let both = |name, doc, example, schema| Frame {
        name,
        by_client: true,
        by_server: true,
        doc,
        example,
        schema,
    };
    let count = |about| json!({ "type": "integer", "minimum": 0, "description": about });
    let text = |about| json!({ "type": "string", "description": about });
    let hello = object(
        &["session", "heartbeat", "limit"],
        &json!({
            "session": text("The id of the socket."),
            "heartbeat": count("Milliseconds without other frames after which a heartbeat comes."),
            "limit": count("Bytes of the longest frame that the server reads."),
            "token": text(
                "Proves, on another connection, that the session is one's own: offered as a second subprotocol, \
                 `resume.TOKEN.SEEN.ATTEMPT`, with how many frames of the session were processed and how many \
                 connections were tried since it began. Behind these, each after a dot, come the places of the \
                 newest events that had one: one of each node, 99 at most.",
            ),
            "seen": count("The session goes on: so many frames of the client were processed."),
            "replay": count("The session goes on: so many frames of the server come now that were missed."),
            "gap": text(
                "Why a session that was asked for does not go on: `unknown` or `overflow`; or `recovered`, its \
                 node was lost and another goes on with it, in its rooms. The counts begin anew, calls in flight \
                 are lost, and events that were not seen come, by the places that were offered.",
            ),
            "schema": text("The hash of the contract."),
        }),
    );
    let problem = object(
        &["code", "message"],
        &json!({
            "code": text("What went wrong, for programs."),
            "message": text("What went wrong, for people."),
            "event": text("The event that was refused, where it was sent without `id`."),
            "data": { "description": "Whatever else there is to say." },
        }),
    );
    [
        Frame {
            name: "hello",
            by_client: false,
            by_server: true,
            doc: "The first frame of the server on every connection.",
            example: r#"{"hello":{"session":"k3Jw","heartbeat":25000,"limit":65536}}"#,
            schema: object(&["hello"], &json!({ "hello": hello })),
        },
        both(
            "reply",
            "Answers a call: an event that came with an `id`. Where the event has no reply there is no `data`.",
            r#"{"reply":1}"#,
            object(
                &["reply"],
                &json!({ "reply": call(), "data": { "description": "What the event is answered with." } }),
            ),
        ),
        both(
            "error",
            "Refuses a call; without `reply`, an event that was sent without `id`.",
            r#"{"reply":1,"error":{"code":"bad_data","message":"missing field `body`"}}"#,
            object(&["error"], &json!({ "reply": call(), "error": problem })),
        ),
        both(
            "progress",
            "Reports how far a call has come, to who has called: any number of times before it is answered. \
             Only of events that have progress.",
            r#"{"progress":1,"data":0.5}"#,
            object(
                &["progress"],
                &json!({
                    "progress": call(),
                    "data": { "description": "What is reported. Where it is `null` there is no `data`." },
                }),
            ),
        ),
        both(
            "cancel",
            "Gives up a call of one's own, of an event that has progress: its handler ends where it is, and the \
             call is not answered. Of other events it changes nothing.",
            r#"{"cancel":1}"#,
            object(&["cancel"], &json!({ "cancel": call() })),
        ),
        both(
            "heartbeat",
            "Shows that the connection lives, where nothing else did for a while. It is not answered.",
            "{}",
            json!({ "type": "object", "maxProperties": 0 }),
        ),
        both(
            "seen",
            "How many frames of the other side were processed in this session, but for `hello`, heartbeats \
             and `seen`; these are not sent again when it goes on over another connection.",
            r#"{"seen":64}"#,
            object(&["seen"], &json!({ "seen": count("How many, since the session began.") })),
        ),
    ]
}

fn object(required: &[&str], properties: &Value) -> Value {
    json!({ "type": "object", "required": required, "properties": properties })
}

/// The codes that the framework refuses with, and when.
pub(super) const CODES: [(&str, &str); 6] = [
    ("bad_data", "The data is not of the form that the event has."),
    ("unknown_event", "There is no such event."),
    ("too_large", "The data is longer than the event may be, or the frame than frames may be."),
    ("too_fast", "The event comes too fast; `data.retry_in` says how many milliseconds to wait."),
    ("busy", "Too many calls wait for their answers."),
    ("internal", "The handler has failed. What it was is in the log of the server."),
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::{Hello, Problem};

    #[test]
    fn examples_are_read_as_what_they_are_examples_of() {
        for frame in all() {
            let read = wire::read(frame.example).unwrap();
            let is_it = match (frame.name, read) {
                ("hello", wire::Frame::Hello(hello)) => wire::object::<Hello<'_>>(hello).is_ok(),
                ("reply", wire::Frame::Reply { id: 1, data: "null" }) => true,
                ("error", wire::Frame::Failure { id: Some(1), error }) => {
                    wire::object::<Problem<'_>>(error).is_ok()
                }
                ("progress", wire::Frame::Progress { id: 1, data: "0.5" })
                | ("cancel", wire::Frame::Cancel(1)) => true,
                ("heartbeat", wire::Frame::Heartbeat) | ("seen", wire::Frame::Seen(64)) => true,
                _ => false,
            };
            assert!(is_it, "{}", frame.name);
        }
    }
}
