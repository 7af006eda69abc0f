//! What holds for every frame and for every text.

use super::*;
use crate::Reject;
use proptest::prelude::*;
use serde_json::Value;

/// Any JSON text, also with white space and in forms that no writer of ours has.
fn payload() -> impl Strategy<Value = String> {
    let leaf = prop_oneof![
        "null|true|false|-?(0|[1-9][0-9]{0,30})(\\.[0-9]{1,9})?([eE][+-]?[0-9]{1,4})?",
        any::<String>().prop_map(|text| Value::from(text).to_string()),
    ];
    leaf.prop_recursive(5, 32, 4, |inner| {
        let member = (any::<String>(), inner.clone())
            .prop_map(|(name, value)| format!("{}: {value}", Value::from(name)));
        prop_oneof![
            prop::collection::vec(inner, 0..4).prop_map(|all| format!("[{}]", all.join(" ,\n"))),
            prop::collection::vec(member, 0..4).prop_map(|all| format!("{{{}\t}}", all.join(","))),
        ]
    })
}

fn name() -> impl Strategy<Value = String> {
    "[a-z][a-z0-9_]{0,20}([.:-][a-z0-9_]{1,8}){0,4}"
}

fn written(write: impl FnOnce(&mut Vec<u8>)) -> String {
    let mut out = Vec::new();
    write(&mut out);
    String::from_utf8(out).unwrap()
}

/// What both paths read, given that they agree.
fn read_by_both(text: &str) -> Frame<'_> {
    let frame = canonical(text).unwrap_or_else(|| panic!("{text} is canonical"));
    assert_eq!(frame, read_any(text).unwrap(), "{text}");
    frame
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1_000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_event_written_is_read_equal_by_both_paths(
        name in name(),
        id in any::<Option<u32>>(),
        data in payload(),
    ) {
        let text = written(|out| {
            write_event(out, &name, id, |out| out.write_all(data.as_bytes())).unwrap();
        });
        let frame = Frame::Event { name: name.into(), id, data: &data };
        prop_assert_eq!(read_by_both(&text), frame);
    }

    #[test]
    fn any_event_with_a_place_is_read_equal_by_both_paths(
        name in name(),
        at in "[0-9a-f]{28}",
        data in payload(),
    ) {
        let text = written(|out| {
            write_placed(out, &name, |out| out.write_all(data.as_bytes())).unwrap();
        });
        let text = text.replacen(&"0".repeat(PLACE), &at, 1);
        prop_assert_eq!(place(&text), Some(&*at));
        let frame = Frame::Event { name: name.into(), id: None, data: &data };
        prop_assert_eq!(read_by_both(&text), frame);
    }

    #[test]
    fn any_reply_written_is_read_equal_by_both_paths(id in any::<u32>(), data in payload()) {
        let text = written(|out| {
            write_reply(out, id, |out| out.write_all(data.as_bytes())).unwrap();
        });
        prop_assert_eq!(read_by_both(&text), Frame::Reply { id, data: &data });
    }

    #[test]
    fn any_failure_written_is_read_equal(
        id in any::<Option<u32>>(),
        event in prop::option::of(name()),
        code in any::<String>(),
        message in any::<String>(),
    ) {
        let reject = Reject::new(code.clone(), message.clone());
        let text = written(|out| write_failure(out, id, event.as_deref(), &reject));
        let Ok(Frame::Failure { id: read, error }) = read(&text) else { panic!("{text}") };
        let problem: Problem<'_> = serde_json::from_str(error).unwrap();
        prop_assert_eq!(read, id);
        prop_assert_eq!((problem.code, problem.message), (code.into(), message.into()));
        let event = event.filter(|_| id.is_none());
        prop_assert_eq!(problem.event.as_deref(), event.as_deref());
    }

    #[test]
    fn any_hello_written_is_read_equal(
        session in any::<String>(),
        heartbeat in any::<u64>(),
        limit in any::<u64>(),
        token in any::<Option<String>>(),
        seen in any::<Option<u64>>(),
        replay in any::<Option<u64>>(),
        [gap, schema] in any::<[Option<String>; 2]>(),
    ) {
        let session = session.into();
        let (token, gap) = (token.map(Into::into), gap.map(Into::into));
        let schema = schema.map(Into::into);
        let hello = Hello { session, heartbeat, limit, token, seen, replay, gap, schema };
        let text = written(|out| write_hello(out, &hello));
        let Ok(Frame::Hello(read)) = read(&text) else { panic!("{text}") };
        let read: Hello<'_> = serde_json::from_str(read).unwrap();
        prop_assert_eq!(
            (read.session, read.heartbeat, read.limit),
            (hello.session, heartbeat, limit)
        );
        prop_assert_eq!(
            (read.token, read.seen, read.replay, read.gap, read.schema),
            (hello.token, seen, replay, hello.gap, hello.schema)
        );
    }

    #[test]
    fn no_text_panics_the_reader(text in any::<String>(), bytes in any::<Vec<u8>>()) {
        for text in [&*text, &*String::from_utf8_lossy(&bytes)] {
            let _ = (read(text), read_any(text), place(text));
        }
    }

    #[test]
    fn both_paths_agree_on_every_text_whose_payload_is_one_value(
        text in r#"\{"(event|reply|error|x)":("a"|"b\."|0|01|7|null|\{\})(,"at":("[0-9a-fA]{27,29}"|7))?(,"(id|data|error|event)":([0-9a"\[\]\{\},:]{0,3}|null)){0,2}\}"#,
    ) {
        if let Some(frame) = canonical(&text) {
            let (Frame::Event { data, .. } | Frame::Reply { data, .. }) = frame else {
                return Ok(());
            };
            if serde_json::from_str::<&RawValue>(data).is_ok() {
                prop_assert_eq!(Some(frame), read_any(&text).ok());
            }
        }
    }
}
