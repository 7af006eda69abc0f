//! A text, read as a frame in the two ways there are and by the grammar.

use crate::{
    CloseCode, Limits, Reject,
    decoder::{Decoder, Incoming, Stopped},
    end::fault,
    frame,
    wire::{self, Frame, Hello, Problem},
};
use serde::{
    Deserialize, Deserializer,
    de::{DeserializeOwned, MapAccess, Visitor},
};
use serde_json::value::RawValue;
use std::{convert::Infallible, fmt};
use tokio_tungstenite::tungstenite::protocol::Role;

/// Reads a text.
///
/// # Panics
///
/// When the canonical way and the other one differ where both apply; when the other one and the
/// grammar do; when a frame is not read back as what was written; and when the text, sent by either
/// side, does not arrive.
pub(super) fn text(text: &str) {
    let any = wire::read_any(text).ok();
    assert_eq!(any, by_grammar(text), "by the grammar");
    let read = wire::read(text).ok();
    match (&read, read.as_ref().map(with_one_value)) {
        (None, _) => assert_eq!(any, None, "what is no frame"),
        (_, Some(Some(frame))) => assert_eq!(any, Some(frame), "in any order"),
        // The canonical way leaves it to whoever reads the payload that it is one value.
        (Some(Frame::Event { .. } | Frame::Reply { .. } | Frame::Progress { .. }), _) => {}
        (read, _) => panic!("{read:?} is not JSON"),
    }
    if let Some(frame) = any {
        is_read_back(&frame);
        is_at_its_place(text, &frame);
    }
    for role in [Role::Server, Role::Client] {
        arrives(text, role);
    }
}

/// The place in front of an event is the member that the grammar says; put there, it is read, and changes nothing
/// else.
fn is_at_its_place(text: &str, frame: &Frame<'_>) {
    let place = wire::place(text);
    if let (Some(place), Ok(members)) = (place, serde_json::from_str::<Members<'_>>(text))
        && let Some(at) = members.only("at")
    {
        assert_eq!(at.map(RawValue::get), Some(&*format!("\"{place}\"")));
    }
    let Frame::Event { ref name, id: None, data } = *frame else { return };
    let mut draft = frame::Draft::new(0);
    let Ok(()) = wire::write_placed(draft.out(), name, |out| {
        out.extend_from_slice(data.as_bytes());
        Ok::<_, Infallible>(())
    });
    let written = draft.finish(Role::Server);
    #[cfg(feature = "cluster")]
    let (written, place) = {
        let place = place.unwrap_or("0123456789abcdef000000000001");
        (frame::placed(&written, place), place)
    };
    #[cfg(not(feature = "cluster"))]
    let place = "0000000000000000000000000000";
    let payload = frame::payload(&written);
    let written = utf8(&payload);
    assert_eq!(wire::place(written), Some(place), "{written}");
    assert_eq!(wire::read(written).ok().as_ref(), Some(frame), "{written}");
    assert_eq!(wire::read_any(written).ok().as_ref(), Some(frame), "{written}");
}

/// The frame with its payload as JSON has it, without space around; `None` if that is not one value.
fn with_one_value<'a>(frame: &Frame<'a>) -> Option<Frame<'a>> {
    let value = |json: &'a str| serde_json::from_str::<&RawValue>(json).ok().map(RawValue::get);
    Some(match *frame {
        Frame::Heartbeat => Frame::Heartbeat,
        Frame::Event { ref name, id, data } => {
            Frame::Event { name: name.clone(), id, data: value(data)? }
        }
        Frame::Reply { id, data } => Frame::Reply { id, data: value(data)? },
        Frame::Progress { id, data } => Frame::Progress { id, data: value(data)? },
        Frame::Cancel(id) => Frame::Cancel(id),
        Frame::Failure { id, error } => Frame::Failure { id, error: value(error)? },
        Frame::Hello(hello) => Frame::Hello(value(hello)?),
        Frame::Seen(seen) => Frame::Seen(seen),
    })
}

/// What the grammar says that a text is, from its members one by one.
fn by_grammar(text: &str) -> Option<Frame<'_>> {
    let members = serde_json::from_str::<Members<'_>>(text).ok()?;
    let (event, error) = (members.only("event")?, members.only("error")?);
    let (reply, id) = (members.member::<u32>("reply")?, members.member::<u32>("id")?);
    let (hello, seen) = (members.only("hello")?, members.member::<u64>("seen")?);
    let data = members.only("data")?.map_or("null", RawValue::get);
    let (progress, cancel) = (members.member::<u32>("progress")?, members.member::<u32>("cancel")?);
    match (event, reply, error, hello, seen) {
        (None, None, None, None, None) => match (progress, cancel) {
            (None, None) => Some(Frame::Heartbeat),
            (Some(id), None) => Some(Frame::Progress { id, data }),
            (None, Some(id)) => Some(Frame::Cancel(id)),
            (Some(_), Some(_)) => None,
        },
        _ if progress.is_some() || cancel.is_some() => None,
        (Some(event), None, None, None, None) => {
            let name: String = serde_json::from_str(event.get()).ok()?;
            is_name(&name).then(|| Frame::Event { name: name.into(), id, data })
        }
        (None, Some(id), None, None, None) => Some(Frame::Reply { id, data }),
        (None, id, Some(error), None, None) => Some(Frame::Failure { id, error: error.get() }),
        (None, None, None, Some(hello), None) => Some(Frame::Hello(hello.get())),
        (None, None, None, None, Some(seen)) => Some(Frame::Seen(seen)),
        _ => None,
    }
}

/// `[a-z][a-z0-9_]*([.:-][a-z0-9_]+)*` in 64 bytes, with capitals.
fn is_name(name: &str) -> bool {
    let is_word = |word: &str| {
        !word.is_empty() && word.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
    };
    name.starts_with(|first: char| first.is_ascii_alphabetic())
        && name.split(['.', ':', '-']).all(is_word)
        && name.len() <= 64
}

/// The members of an object in their order, repeated or not.
struct Members<'a>(Vec<(String, &'a RawValue)>);

impl<'a> Members<'a> {
    /// The value of a member, if it is there; `None` if it is there more than once.
    fn only(&self, key: &str) -> Option<Option<&'a RawValue>> {
        let mut values = self.0.iter().filter(|(name, _)| name == key).map(|(_, value)| *value);
        match (values.next(), values.next()) {
            (value, None) => Some(value),
            _ => None,
        }
    }

    /// The same, read as what it has to be.
    fn member<T: DeserializeOwned>(&self, key: &str) -> Option<Option<T>> {
        match self.only(key)? {
            Some(value) => serde_json::from_str(value.get()).ok().map(Some),
            None => Some(None),
        }
    }

    /// The same of one that may be absent, or `null`.
    fn maybe<T: DeserializeOwned>(&self, key: &str) -> Option<Option<T>> {
        self.member::<Option<T>>(key).map(Option::flatten)
    }
}

impl<'de> Deserialize<'de> for Members<'de> {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        struct Each;

        impl<'de> Visitor<'de> for Each {
            type Value = Members<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut members = Vec::new();
                while let Some(member) = map.next_entry()? {
                    members.push(member);
                }
                Ok(Members(members))
            }
        }

        from.deserialize_map(Each)
    }
}

/// What is written of a frame is read as the same, in both ways.
fn is_read_back(frame: &Frame<'_>) {
    let mut out = Vec::new();
    let append = |data: &str| {
        let data = data.to_owned();
        move |out: &mut Vec<u8>| {
            out.extend_from_slice(data.as_bytes());
            Ok::<_, Infallible>(())
        }
    };
    match *frame {
        Frame::Heartbeat => out.extend_from_slice(wire::HEARTBEAT),
        Frame::Event { ref name, id, data } => {
            let Ok(()) = wire::write_event(&mut out, name, id, append(data));
        }
        Frame::Reply { id, data } => {
            let Ok(()) = wire::write_reply(&mut out, id, append(data));
        }
        Frame::Progress { id, data } => {
            let Ok(()) = wire::write_progress(&mut out, id, append(data));
        }
        Frame::Cancel(id) => wire::write_cancel(&mut out, id),
        Frame::Seen(seen) => wire::write_seen(&mut out, seen),
        Frame::Failure { id, error } => return failure_is_read_back(id, error),
        Frame::Hello(hello) => return hello_is_read_back(hello),
    }
    let written = utf8(&out);
    assert_eq!(wire::read(written).ok().as_ref(), Some(frame), "{written}");
    assert_eq!(wire::read_any(written).ok().as_ref(), Some(frame), "{written}");
}

fn failure_is_read_back(id: Option<u32>, error: &str) {
    let problem = wire::object::<Problem<'_>>(error).ok();
    assert_eq!(problem.as_ref().map(said), problem_by_grammar(error), "{error}");
    let Some(problem) = problem else { return };
    let reject =
        Reject::new(problem.code.clone().into_owned(), problem.message.clone().into_owned());
    let reject = match problem.data {
        Some(data) => reject.with_data(data),
        None => reject,
    };
    let mut out = Vec::new();
    wire::write_failure(&mut out, id, problem.event.as_deref(), &reject);
    let written = utf8(&out);
    let Ok(Frame::Failure { id: read, error }) = wire::read(written) else {
        panic!("no failure: {written}");
    };
    let Ok(again) = serde_json::from_str::<Problem<'_>>(error) else { panic!("{error}") };
    assert_eq!(read, id);
    // A call has its `id`, and need not be named.
    let event = problem.event.filter(|_| id.is_none());
    assert_eq!((again.code, again.message, again.event), (problem.code, problem.message, event));
    assert_eq!(again.data.map(RawValue::get), problem.data.map(RawValue::get));
}

/// Code, message, event and data.
type Said = (String, String, Option<String>, Option<String>);

fn said(problem: &Problem<'_>) -> Said {
    let event = problem.event.as_deref().map(str::to_owned);
    let data = problem.data.map(|data| data.get().to_owned());
    (problem.code.clone().into_owned(), problem.message.clone().into_owned(), event, data)
}

fn problem_by_grammar(error: &str) -> Option<Said> {
    let members = serde_json::from_str::<Members<'_>>(error).ok()?;
    let message = members.member::<String>("message")?.unwrap_or_default();
    let data = members.only("data")?.map(|data| data.get().to_owned());
    let data = data.filter(|data| data != "null");
    Some((members.member("code")??, message, members.maybe("event")?, data))
}

fn hello_is_read_back(hello: &str) {
    let read = wire::object::<Hello<'_>>(hello).ok();
    assert_eq!(read.as_ref().map(greeting), hello_by_grammar(hello), "{hello}");
    let Some(hello) = read else { return };
    let mut out = Vec::new();
    wire::write_hello(&mut out, &hello);
    let written = utf8(&out);
    assert_eq!(wire::read(written).ok(), wire::read_any(written).ok(), "{written}");
    let Ok(Frame::Hello(again)) = wire::read(written) else { panic!("no hello: {written}") };
    let Ok(Members(members)) = serde_json::from_str(again) else { panic!("{again}") };
    // What is absent is left out.
    assert!(members.iter().all(|(_, value)| value.get() != "null"), "{again}");
    let Ok(again) = serde_json::from_str::<Hello<'_>>(again) else { panic!("{again}") };
    assert_eq!(greeting(&again), greeting(&hello));
}

/// Session and token; heartbeat and limit; what was seen and goes out again; the gap and
/// the contract.
type Greeting = ([Option<String>; 2], [u64; 2], [Option<u64>; 2], [Option<String>; 2]);

fn greeting(hello: &Hello<'_>) -> Greeting {
    let token = hello.token.as_deref().map(str::to_owned);
    let ends = [&hello.gap, &hello.schema].map(|text| text.as_deref().map(str::to_owned));
    let session = Some(hello.session.clone().into_owned());
    ([session, token], [hello.heartbeat, hello.limit], [hello.seen, hello.replay], ends)
}

fn hello_by_grammar(hello: &str) -> Option<Greeting> {
    let members = serde_json::from_str::<Members<'_>>(hello).ok()?;
    let numbers = [members.member("heartbeat")??, members.member("limit")??];
    let texts = [Some(members.member("session")??), members.maybe("token")?];
    let counts = [members.maybe("seen")?, members.maybe("replay")?];
    Some((texts, numbers, counts, [members.maybe("gap")?, members.maybe("schema")?]))
}

fn utf8(bytes: &[u8]) -> &str {
    match std::str::from_utf8(bytes) {
        Ok(text) => text,
        Err(error) => panic!("{error}: {bytes:?}"),
    }
}

/// A text that `role` sends is read at the other side, unless that takes only shorter ones.
fn arrives(text: &str, role: Role) {
    let other = if role == Role::Server { Role::Client } else { Role::Server };
    let read = |longest: usize| {
        let mut frame = frame::text(text.as_bytes(), role).to_vec();
        let (limits, mut answers) = (Limits::default().frame(longest), Vec::new());
        let mut messages = Vec::new();
        let read =
            Decoder::default().decode(&mut frame, (other, &limits), &mut answers, |it, _| {
                let Incoming::Text(text) = it else { return Err(()) };
                messages.push(text.to_owned());
                Ok(())
            });
        (messages, read)
    };
    let (messages, read_whole) = read(text.len());
    assert!(read_whole.is_ok(), "{read_whole:?}");
    assert_eq!(messages, [text]);
    if let Some(shorter) = text.len().checked_sub(1) {
        let (messages, read_shorter) = read(shorter);
        let Err(Stopped::Fault(error)) = read_shorter else { panic!("{read_shorter:?}") };
        assert_eq!((fault(&error).code, messages.len()), (CloseCode::TOO_LARGE, 0));
    }
}
