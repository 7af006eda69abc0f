//! What single frames are read and written as.

use super::*;

#[test]
fn canonical_frames_are_read_equal_by_both_paths() {
    for text in [
        "{}",
        r#"{"event":"typing"}"#,
        r#"{"event":"typing","id":0}"#,
        r#"{"event":"post.x-y","data":{"a":[1,"}"]}}"#,
        r#"{"event":"post","id":4294967295,"data":"x"}"#,
        r#"{"event":"post","at":"0123456789abcdef000000000001"}"#,
        r#"{"event":"post","at":"0123456789abcdef000000000001","id":7,"data":"x"}"#,
        r#"{"reply":7}"#,
        r#"{"reply":7,"data":{"b":1}}"#,
        r#"{"seen":0}"#,
        r#"{"seen":18446744073709551615}"#,
    ] {
        let frame = canonical(text).unwrap_or_else(|| panic!("{text} is canonical"));
        assert_eq!(frame, read_any(text).unwrap(), "{text}");
    }
}

#[test]
fn other_orders_spacings_and_unknown_members_are_read() {
    let text = r#"{ "data" : [1] , "trace":"x", "id":3, "event":"po\u0073t" }"#;
    let frame = Frame::Event { name: "post".into(), id: Some(3), data: "[1]" };
    assert_eq!(read(text).unwrap(), frame);
    assert_eq!(read(r#" {"trace":1}"#).unwrap(), Frame::Heartbeat);
    assert_eq!(read(r#"{"trace":1,"seen": 7}"#).unwrap(), Frame::Seen(7));
    assert_eq!(read(r#"{"hello":{"a":1}}"#).unwrap(), Frame::Hello(r#"{"a":1}"#));
}

#[test]
fn what_is_no_frame_is_refused() {
    for text in [
        "",
        "[]",
        "null",
        r#""x""#,
        "{",
        "{]",
        r#"["post",null]"#,
        r#"{"event":7}"#,
        r#"{"event":null}"#,
        r#"{"event":"a","id":null}"#,
        r#"{"reply":null}"#,
        r#"{"event":""}"#,
        r#"{"event":"a..b"}"#,
        r#"{"event":"a."}"#,
        r#"{"event":"_a"}"#,
        r#"{"event":"a","reply":1}"#,
        r#"{"event":"a","error":{}}"#,
        r#"{"event":"a","id":-1}"#,
        r#"{"event":"a","id":1.0}"#,
        r#"{"event":"a","id":01}"#,
        r#"{"event":"a","id":4294967296}"#,
        r#"{"reply":"1"}"#,
        r#"{"event":"a","event":"b"}"#,
        r#"{"event":"a"} x"#,
        r#"{"reply":1,"hello":{}}"#,
        r#"{"seen":-1}"#,
        r#"{"seen":1.5}"#,
        r#"{"seen":"1"}"#,
        r#"{"seen":null}"#,
        r#"{"seen":1,"reply":1}"#,
        r#"{"seen":18446744073709551616}"#,
    ] {
        assert!(read(text).is_err(), "{text}");
    }
    let long = format!(r#"{{"event":"{}"}}"#, "a".repeat(65));
    assert!(read(&long).is_err() && read(&long.replacen('a', "", 1)).is_ok());
}

#[test]
fn capitals_are_left_to_the_contract() {
    assert!(read(r#"{"event":"submitPost"}"#).is_ok() && is_name("submitPost", true));
    assert!(!is_name("submitPost", false) && is_name("submit_post", false));
}

#[test]
fn members_after_an_error_are_not_swallowed() {
    let error = r#"{"code":"c","message":"m"}"#;
    for (text, id) in [
        (r#"{"error":@}"#, None),
        (r#"{"error":@,"trace":1}"#, None),
        (r#"{"error":@,"reply":7}"#, Some(7)),
        (r#"{"reply":7,"error":@}"#, Some(7)),
        (r#"{"reply":7,"error":@,"trace":1}"#, Some(7)),
    ] {
        let text = text.replace('@', error);
        assert_eq!(read(&text).unwrap(), Frame::Failure { id, error }, "{text}");
    }
}

#[test]
fn members_after_data_are_not_swallowed() {
    // The canonical path hands out `1,"id":3`, which no type accepts as one value.
    let text = r#"{"event":"post","data":1,"id":3}"#;
    let Ok(Frame::Event { data, id: None, .. }) = read(text) else { panic!() };
    assert!(serde_json::from_str::<serde_json::Value>(data).is_err());
    let frame = Frame::Event { name: "post".into(), id: Some(3), data: "1" };
    assert_eq!(read_any(text).unwrap(), frame);
}

#[test]
fn absent_and_null_payloads_are_left_out() {
    let mut out = Vec::new();
    let null = |out: &mut Vec<u8>| serde_json::to_writer(out, &());
    write_event(&mut out, "typing", None, |_| Ok::<_, ()>(())).unwrap();
    write_event(&mut out, "typing", Some(7), null).unwrap();
    write_reply(&mut out, 7, null).unwrap();
    let text = r#"{"event":"typing"}{"event":"typing","id":7}{"reply":7}"#;
    assert_eq!(out, text.as_bytes());
}

#[test]
fn an_event_has_a_place_behind_its_name() {
    let place_of = place;
    let place = "0123456789abcdef000000000001";
    for text in [
        r#"{"event":"post","at":"@"}"#,
        r#"{"event":"post","at":"@","data":[1]}"#,
        r#"{"event":"post","at":"@","id":7,"data":{"at":"x"}}"#,
    ] {
        assert_eq!(place_of(&text.replace('@', place)), Some(place), "{text}");
    }
    for text in [
        r#"{"event":"post","data":{"event":"post","at":"@"}}"#,
        r#"{"event":"post","id":7,"at":"@"}"#,
        r#"{"reply":7,"at":"@"}"#,
        r#"{"event":"post","at":"0@"}"#,
        r#"{"event":"post","at":"@"#,
        "{}",
    ] {
        let text = text.replace('@', place);
        assert_eq!(place_of(&text), None, "{text}");
    }
}

#[test]
fn what_is_no_place_is_an_unknown_member() {
    let frame = Frame::Event { name: "post".into(), id: Some(3), data: "[1]" };
    for at in [
        r#""""#,
        r#""0123456789abcdef00000000001""#,
        r#""0123456789abcdef0000000000001""#,
        r#""0123456789ABCDEF000000000001""#,
        r#""0123456789abcdef00000000000g""#,
        r#""0123456789abcdef00000000000é""#,
        r#""0123456789abcdef00000000\u0030""#,
        "1234567890123456789012345678",
        "null",
        "[7]",
    ] {
        let text = format!(r#"{{"event":"post","at":{at},"id":3,"data":[1]}}"#);
        assert_eq!((&read(&text).unwrap(), place(&text)), (&frame, None), "{text}");
    }
}

#[test]
fn a_place_is_written_as_zeros_that_are_filled_in_later() {
    let mut out = Vec::new();
    write_placed(&mut out, "post", |out| serde_json::to_writer(out, &[1])).unwrap();
    let text = String::from_utf8(out).unwrap();
    assert_eq!(text, r#"{"event":"post","at":"0000000000000000000000000000","data":[1]}"#);
    assert_eq!(place(&text), Some("0".repeat(PLACE).as_str()));
    let mut out = Vec::new();
    write_placed(&mut out, "typing", |_| Ok::<_, ()>(())).unwrap();
    assert_eq!(out, br#"{"event":"typing","at":"0000000000000000000000000000"}"#);
}
