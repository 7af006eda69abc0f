//! What is said is read as it was.

use super::*;

#[test]
fn a_message_is_a_line_and_the_bytes_of_its_records() {
    let to = Selected {
        rooms: vec![RawValue::from_string("\"lobby\"".into()).unwrap()],
        at: Some(0),
        ..Selected::default()
    };
    let records = vec![
        Record::Emit(Emit { to: to.clone(), policy: Some(Kept::Latest(None)), len: 2 }),
        Record::Join { to, room: RawValue::from_string("7".into()).unwrap() },
    ];
    let head = Head {
        from: "00000000000000a7".parse().unwrap(),
        on: Channel::of_room("\"lobby\""),
        first: 12,
        before: Some(9),
        ago: 250,
        counts: true,
        records,
    };
    let bytes = head.write([&b"{}"[..]].into_iter());
    let Message { head: read, bytes: rest } = Message::read(bytes.clone()).unwrap();
    assert_eq!((read.last(), &rest[..], read.on), (13, &b"{}"[..], head.on));
    assert_eq!(read.write([&rest[..]].into_iter()), bytes);
    for malformed in ["", "\n", "{}\n", "{}", "[1]\n"] {
        assert!(Message::read(malformed.into()).is_err(), "{malformed}");
    }
}

#[test]
fn what_a_newer_release_says_is_passed_over_with_its_bytes() {
    let line = concat!(
        r#"{"from":"00000000000000a7","on":"all","first":7,"more":[1],"counts":true,"records":["#,
        r#"{"sing":{"len":3,"song":"la"}},{"emit":{"to":{},"len":2,"loud":true}},"hum"]}"#
    );
    let Message { head, bytes } = Message::read(format!("{line}\nla!{{}}").into()).unwrap();
    let lens: Vec<_> = head.records.iter().map(Record::len).collect();
    assert_eq!((lens, head.last(), &bytes[..]), (vec![3, 2, 0], 9, &b"la!{}"[..]));
    assert!(matches!(head.records[1], Record::Emit(_)));
}

#[test]
fn a_channel_is_read_as_it_is_written() {
    let node: NodeId = "00000000000000a7".parse().unwrap();
    let socket = format!("{node}-67108867").parse().unwrap();
    for channel in [
        Channel::Control,
        Channel::All,
        Channel::of_room("7"),
        Channel::Node(node),
        Channel::Socket(socket),
    ] {
        let text = serde_json::to_string(&channel).unwrap();
        assert_eq!(serde_json::from_str::<Channel>(&text).unwrap(), channel, "{text}");
    }
    for text in ["", "room", "room.7", "all.x", "node.7", "socket.7", "socket.x.y"] {
        assert!(text.parse::<Channel>().is_err(), "{text}");
    }
}
