//! `socketkit.v1.json`: one JSON object for each text frame, the kind first and `data` last.
//!
//! [`read`] splits a canonical frame by comparing prefixes and never scans the payload: `data` is
//! the rest of the text but for the closing brace, and whoever reads the payload checks that it is
//! exactly one value. Any other order or spacing goes to [`read_any`].

mod hello;
mod problem;

use serde::{Deserialize, Deserializer, Serialize, de::Error};
use serde_json::value::RawValue;
use std::{borrow::Cow, io::Write};

pub(crate) use hello::Hello;
#[cfg_attr(not(feature = "server"), allow(unused_imports))]
pub(crate) use hello::write_hello;
pub(crate) use problem::{Problem, write_failure};

/// The subprotocol of this wire format.
pub const SUBPROTOCOL: &str = "socketkit.v1.json";

/// The heartbeat: a frame without members.
pub(crate) const HEARTBEAT: &[u8] = b"{}";

/// The event that says who is present: no contract has one of this name.
pub(crate) const PRESENCE: &str = "socketkit:presence";

/// Digits of a place: those of a node, and of a number of what it says.
pub(crate) const PLACE: usize = 28;

/// Digits of a node.
pub(crate) const NODE: usize = 16;

/// Places that a client keeps, and that its ticket has, at most.
pub(crate) const PLACES: usize = 99;

/// What is between the name of an event and its place.
const AT: &str = "\",\"at\":\"";

/// Bytes of the longest event name.
const NAME_MAX: usize = 64;

/// A frame as read: payloads are still JSON.
#[derive(Debug, PartialEq)]
pub(crate) enum Frame<'a> {
    /// `{}`, or an object of unknown members alone.
    Heartbeat,
    /// An event; with an `id` it wants an answer. A name with capitals may be one of the contract.
    Event { name: Cow<'a, str>, id: Option<u32>, data: &'a str },
    /// The answer to a call.
    Reply { id: u32, data: &'a str },
    /// How far the answer of a call has come.
    Progress { id: u32, data: &'a str },
    /// Nobody waits for the answer of this call any more.
    Cancel(u32),
    /// The refusal of a call, or of an event that was sent without `id`.
    Failure { id: Option<u32>, error: &'a str },
    /// The first frame of the server.
    Hello(&'a str),
    /// How many of the frames that count the other side has processed.
    Seen(u64),
}

/// A text that is no frame of the grammar.
#[derive(Debug)]
pub(crate) struct NotAFrame;

/// Reads a frame.
pub(crate) fn read(text: &str) -> Result<Frame<'_>, NotAFrame> {
    match canonical(text) {
        Some(frame) => Ok(frame),
        None => read_any(text),
    }
}

fn canonical(text: &str) -> Option<Frame<'_>> {
    let body = text.strip_prefix('{')?.strip_suffix('}')?;
    if body.is_empty() {
        return Some(Frame::Heartbeat);
    }
    if let Some(rest) = body.strip_prefix("\"event\":\"") {
        let (name, rest) = rest.split_once('"')?;
        let rest = placed(rest).map_or(rest, |(_, rest)| rest);
        let (id, rest) = match rest.strip_prefix(",\"id\":") {
            Some(rest) => int(rest).map(|(id, rest)| (Some(id), rest))?,
            None => (None, rest),
        };
        return is_name(name, true).then_some(Frame::Event {
            name: name.into(),
            id,
            data: data(rest)?,
        });
    }
    if let Some(seen) = body.strip_prefix("\"seen\":") {
        return number(seen).filter(|(_, rest)| rest.is_empty()).map(|(seen, _)| Frame::Seen(seen));
    }
    if let Some(rest) = body.strip_prefix("\"progress\":") {
        let (id, rest) = int(rest)?;
        return Some(Frame::Progress { id, data: data(rest)? });
    }
    // Failures are rare: they go the other way, which finds the end of `error`. So does a cancel.
    let (id, rest) = int(body.strip_prefix("\"reply\":")?)?;
    Some(Frame::Reply { id, data: data(rest)? })
}

/// A place, behind a name and its quote, and what follows it.
fn placed(rest: &str) -> Option<(&str, &str)> {
    let (place, rest) = rest.strip_prefix(AT.get(1..)?)?.split_at_checked(PLACE)?;
    rest.strip_prefix('"').filter(|_| is_place(place)).map(|rest| (place, rest))
}

/// Whether a text is a place.
pub(crate) fn is_place(text: &str) -> bool {
    let is_digit = |byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f');
    text.len() == PLACE && text.bytes().all(is_digit)
}

/// Where an event stands among all of the node that emitted it, if its canonical frame says so.
pub(crate) fn place(text: &str) -> Option<&str> {
    let (_, rest) = text.strip_prefix("{\"event\":\"")?.split_once('"')?;
    placed(rest).map(|(place, _)| place)
}

/// What follows `,"data":`; an absent payload is `null`.
fn data(rest: &str) -> Option<&str> {
    if rest.is_empty() { Some("null") } else { rest.strip_prefix(",\"data\":") }
}

/// A canonical integer and what follows it.
fn int(text: &str) -> Option<(u32, &str)> {
    number(text).and_then(|(number, rest)| Some((number.try_into().ok()?, rest)))
}

fn number(text: &str) -> Option<(u64, &str)> {
    let end = text.bytes().position(|byte| !byte.is_ascii_digit()).unwrap_or(text.len());
    let (digits, rest) = text.split_at(end);
    let canonical = digits == "0" || !digits.starts_with('0');
    canonical.then(|| digits.parse().ok()).flatten().map(|number| (number, rest))
}

/// Whether a text is a `name`: `[a-z][a-z0-9_]*([.:-][a-z0-9_]+)*`, at most 64 bytes.
///
/// With `capitals` also `A-Z`, which a contract may choose for its names and aliases.
pub(crate) fn is_name(text: &str, capitals: bool) -> bool {
    let mut open = true;
    let mut first = true;
    for byte in text.bytes() {
        match byte {
            b'a'..=b'z' => open = false,
            b'A'..=b'Z' if capitals => open = false,
            b'0'..=b'9' | b'_' if !first => open = false,
            b'.' | b':' | b'-' if !open => open = true,
            _ => return false,
        }
        first = false;
    }
    !open && text.len() <= NAME_MAX
}

/// Reads a frame whatever the order and the spacing of its members; ignores those it does not know.
pub(crate) fn read_any(text: &str) -> Result<Frame<'_>, NotAFrame> {
    #[derive(Deserialize)]
    struct Members<'a> {
        #[serde(default, borrow, deserialize_with = "present")]
        event: Option<Cow<'a, str>>,
        #[serde(default, deserialize_with = "present")]
        reply: Option<u32>,
        #[serde(default, deserialize_with = "present")]
        progress: Option<u32>,
        #[serde(default, deserialize_with = "present")]
        cancel: Option<u32>,
        #[serde(default, deserialize_with = "present")]
        id: Option<u32>,
        #[serde(default, borrow, deserialize_with = "present")]
        data: Option<&'a RawValue>,
        #[serde(default, borrow, deserialize_with = "present")]
        error: Option<&'a RawValue>,
        #[serde(default, borrow, deserialize_with = "present")]
        hello: Option<&'a RawValue>,
        #[serde(default, deserialize_with = "present")]
        seen: Option<u64>,
    }
    let Members { event, reply, progress, cancel, id, data, error, hello, seen } =
        object(text).map_err(|_| NotAFrame)?;
    let data = data.map_or("null", RawValue::get);
    let others = [hello.is_some(), seen.is_some(), progress.is_some(), cancel.is_some()];
    let kinds = others.into_iter().filter(|is_there| *is_there).count();
    match (event, reply, error) {
        (Some(name), None, None) if kinds == 0 && is_name(&name, true) => {
            Ok(Frame::Event { name, id, data })
        }
        (None, Some(id), None) if kinds == 0 => Ok(Frame::Reply { id, data }),
        (None, id, Some(error)) if kinds == 0 => Ok(Frame::Failure { id, error: error.get() }),
        (None, None, None) if kinds <= 1 => Ok(match (hello, seen, progress, cancel) {
            (Some(hello), ..) => Frame::Hello(hello.get()),
            (_, Some(seen), ..) => Frame::Seen(seen),
            (_, _, Some(id), _) => Frame::Progress { id, data },
            (.., Some(id)) => Frame::Cancel(id),
            (None, None, None, None) => Frame::Heartbeat,
        }),
        _ => Err(NotAFrame),
    }
}

/// Reads an object: a derived struct would also be read from an array.
pub(crate) fn object<'a, T: Deserialize<'a>>(json: &'a str) -> serde_json::Result<T> {
    let is_object = json.trim_ascii_start().starts_with('{');
    if is_object { serde_json::from_str(json) } else { Err(Error::custom("not an object")) }
}

/// A member that is there, be it `null`: an absent one is not asked for.
pub(crate) fn present<'de, D: Deserializer<'de>, T: Deserialize<'de>>(
    from: D,
) -> Result<Option<T>, D::Error> {
    T::deserialize(from).map(Some)
}

/// Appends an event whose payload `data` appends: nothing or `null` for none.
pub(crate) fn write_event<E>(
    out: &mut Vec<u8>,
    name: &str,
    id: Option<u32>,
    data: impl FnOnce(&mut Vec<u8>) -> Result<(), E>,
) -> Result<(), E> {
    out.extend_from_slice(b"{\"event\":\"");
    out.extend_from_slice(name.as_bytes());
    out.push(b'"');
    if let Some(id) = id {
        out.extend_from_slice(b",\"id\":");
        write_int(out, id);
    }
    write_data(out, data)
}

/// Appends an event that says where it stands among all of its node: [`PLACE`] digits, which are filled in later.
#[cfg_attr(not(feature = "cluster"), allow(dead_code))]
pub(crate) fn write_placed<E>(
    out: &mut Vec<u8>,
    name: &str,
    data: impl FnOnce(&mut Vec<u8>) -> Result<(), E>,
) -> Result<(), E> {
    out.extend_from_slice(b"{\"event\":\"");
    out.extend_from_slice(name.as_bytes());
    out.extend_from_slice(AT.as_bytes());
    out.resize(out.len() + PLACE, b'0');
    out.push(b'"');
    write_data(out, data)
}

/// Appends the answer to a call, with a payload as in [`write_event`].
pub(crate) fn write_reply<E>(
    out: &mut Vec<u8>,
    id: u32,
    data: impl FnOnce(&mut Vec<u8>) -> Result<(), E>,
) -> Result<(), E> {
    out.extend_from_slice(b"{\"reply\":");
    write_int(out, id);
    write_data(out, data)
}

/// Appends a report of the call `id`, with a payload as in [`write_event`].
pub(crate) fn write_progress<E>(
    out: &mut Vec<u8>,
    id: u32,
    data: impl FnOnce(&mut Vec<u8>) -> Result<(), E>,
) -> Result<(), E> {
    out.extend_from_slice(b"{\"progress\":");
    write_int(out, id);
    write_data(out, data)
}

/// Appends that nobody waits for the answer of the call `id`.
pub(crate) fn write_cancel(out: &mut Vec<u8>, id: u32) {
    out.extend_from_slice(b"{\"cancel\":");
    write_int(out, id);
    out.push(b'}');
}

/// Appends how many frames were processed.
pub(crate) fn write_seen(out: &mut Vec<u8>, seen: u64) {
    // Writing to a vector cannot fail.
    let _ = write!(out, "{{\"seen\":{seen}}}");
}

fn write_data<E>(
    out: &mut Vec<u8>,
    data: impl FnOnce(&mut Vec<u8>) -> Result<(), E>,
) -> Result<(), E> {
    let end = out.len();
    out.extend_from_slice(b",\"data\":");
    let start = out.len();
    data(out)?;
    if matches!(out.get(start..), Some(b"" | b"null")) {
        out.truncate(end);
    }
    out.push(b'}');
    Ok(())
}

fn write_int(out: &mut Vec<u8>, int: u32) {
    // Writing to a vector cannot fail.
    let _ = write!(out, "{int}");
}

fn write_json(out: &mut Vec<u8>, value: &impl Serialize) {
    // Neither can strings, integers and raw JSON.
    let _ = serde_json::to_writer(out, value);
}

#[cfg(test)]
mod properties;
#[cfg(test)]
mod tests;
