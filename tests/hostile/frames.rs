//! Texts that are no frames, or frames that ask for what is not there.

use crate::scene::{ANSWER, ASK, Scene, TOLD_BEFORE, closes, is_answered};
use serde_json::{Value, json};
use socketkit::{CallError, Limits};
use tests::{
    chat::{server_event::Question, soon},
    raw::{BINARY, Plain, TEXT, announce, frame},
};

#[tokio::test]
async fn an_unknown_event_is_named_to_the_sender() {
    for data in ["", r#","data":{"a":1}"#, r#","data":{]garbage"#, r#","data":"\ud800""#] {
        let text = format!(r#"{{"event":"nope"{data}}}"#);
        let expected = json!({"error": {
            "code": "unknown_event", "message": "unknown event", "event": "nope",
        }});
        is_answered(&text, |answer| *answer == expected).await;
        let text = format!(r#"{{"event":"nope","id":7{data}}}"#);
        let expected = json!({"reply": 7, "error": {
            "code": "unknown_event", "message": "unknown event",
        }});
        is_answered(&text, |answer| *answer == expected).await;
    }
}

#[tokio::test]
async fn a_payload_that_does_not_decode_is_refused_in_the_words_of_serde() {
    let deep = "[".repeat(100_000 / 4);
    for (data, words) in [
        ("", "invalid type: null"),
        (r#","data":{}"#, "missing field `text`"),
        (r#","data":{"text":7}"#, "invalid type: integer `7`, expected a string"),
        (r#","data":[]"#, "invalid length 0"),
        (r#","data":{"text":"\ud800"}"#, "hex escape"),
        (r#","data":{"text":"\udc00x"}"#, "lone leading surrogate"),
        (r#","data":{"text":"a","text":"b"}"#, "duplicate field `text`"),
        (r#","data":{"text":"a"} x"#, "trailing characters"),
        (r#","data":{"text":"a"}}"#, "trailing characters"),
        (r#","data":{"text":"a"#, "EOF"),
        (r#","data":{"text":"a"},"data":{"text":"b"}"#, "trailing characters"),
        (r#","data":{"text":1e999}"#, "number out of range"),
        (r#","data":{"text":-1e999999999999999999999}"#, "number out of range"),
        (&format!(r#","data":{{"text":"a","x":{deep}}}"#), "expected value"),
        (&format!(r#","data":{deep}"#), "expected a string"),
        (",\"data\":{\"text\":\"a\0\"}", "control character"),
        (",\"data\":\0", "expected value"),
    ] {
        let says = |answer: &Value| {
            answer["error"]["code"] == "bad_data"
                && answer["error"]["message"].as_str().unwrap().contains(words)
        };
        is_answered(&format!(r#"{{"event":"ask","id":7{data}}}"#), |answer| {
            answer["reply"] == 7 && answer["error"].get("event").is_none() && says(answer)
        })
        .await;
        is_answered(&format!(r#"{{"event":"ask"{data}}}"#), |answer| {
            answer.get("reply").is_none() && answer["error"]["event"] == "ask" && says(answer)
        })
        .await;
    }
}

#[tokio::test]
async fn what_is_no_frame_of_the_grammar_closes_with_4400() {
    let long_name = format!(r#"{{"event":"{}"}}"#, "a".repeat(65));
    let deep = format!(r#"{{"x":{},"event":"ask"}}"#, "[".repeat(10_000));
    for text in [
        "",
        " ",
        "\0",
        "hello",
        "[]",
        r#"["ask",{"text":"hi"}]"#,
        r#"42["ask"]"#,
        "7",
        "null",
        "true",
        r#""ask""#,
        "{",
        "{}{}",
        "{} x",
        "{}\0",
        r#"{"event":"ask""#,
        r#"{"event":7}"#,
        r#"{"event":null}"#,
        r#"{"event":""}"#,
        r#"{"event":"Ask"}"#,
        r#"{"event":"1ask"}"#,
        r#"{"event":"ask."}"#,
        r#"{"event":"a..b"}"#,
        r#"{"event":"a b"}"#,
        r#"{"event":"äsk"}"#,
        r#"{"event":"a\u0000"}"#,
        r#"{"event":"\ud800"}"#,
        &long_name,
        r#"{"event":"ask","id":-1}"#,
        r#"{"event":"ask","id":1.5}"#,
        r#"{"event":"ask","id":1e0}"#,
        r#"{"event":"ask","id":"1"}"#,
        r#"{"event":"ask","id":null}"#,
        r#"{"event":"ask","id":01}"#,
        r#"{"event":"ask","id":4294967296}"#,
        r#"{"event":"ask","id":99999999999999999999999999}"#,
        r#"{"event":"ask","id":1,"id":1}"#,
        r#"{"event":"ask","event":"ask"}"#,
        r#"{"data":1,"event":"tell","data":2}"#,
        r#"{"event":"ask","reply":1}"#,
        r#"{"event":"ask","error":{}}"#,
        r#"{"event":"ask","hello":{}}"#,
        r#"{"reply":1,"hello":{}}"#,
        r#"{"reply":-1}"#,
        r#"{"reply":1.0}"#,
        r#"{"reply":"1"}"#,
        r#"{"reply":null}"#,
        r#"{"reply":01}"#,
        r#"{"reply":4294967296}"#,
        r#"{"error":null}"#,
        r#"{"error":7}"#,
        r#"{"error":{"code":7}}"#,
        r#"{"error":{]}"#,
        r#"{"reply":9,"error":{]}"#,
        r#"{"hello":{"session":"1","heartbeat":1,"limit":1}}"#,
        r#"{"hello":null}"#,
        r#"{"event":"ask"} x"#,
        r#"{"x":1,}"#,
        "{\"event\":\"ask\"}\0",
        "\u{feff}{\"event\":\"ask\"}",
        &deep,
    ] {
        closes(text, &frame(TEXT, text), &[4400]).await;
    }
}

#[tokio::test]
async fn a_name_of_64_bytes_is_a_name() {
    let text = format!(r#"{{"event":"{}"}}"#, "a".repeat(64));
    is_answered(&text, |answer| answer["error"]["code"] == "unknown_event").await;
}

#[tokio::test]
async fn a_binary_frame_closes_with_1003() {
    closes("binary", &frame(BINARY, ASK), &[1003]).await;
    closes("empty", &frame(BINARY, ""), &[1003]).await;
}

#[tokio::test]
async fn a_frame_over_the_limit_closes_with_1009_before_its_payload_comes() {
    for first in [TEXT, BINARY, 0x01] {
        closes("1 GiB", &announce(first, true, 1 << 30), &[1009]).await;
        closes("one byte more", &announce(first, true, 65_537), &[1009]).await;
    }
    closes("all", &announce(TEXT, true, u64::MAX >> 1), &[1009]).await;
    // RFC 6455 section 5.2 wants the first bit to be 0.
    closes("more", &announce(TEXT, true, u64::MAX), &[1002, 1009]).await;
    let fragments = [frame(0x01, "x".repeat(60_000)), frame(0x80, "x".repeat(60_000))];
    closes("fragments", &fragments.concat(), &[1009]).await;
}

#[tokio::test]
async fn a_frame_as_long_as_the_limit_is_read() {
    let mut text = r#"{"event":"nope","data":""}"#.to_owned();
    text.insert_str(text.len() - 2, &"x".repeat(64 * 1024 - text.len()));
    assert_eq!(text.len(), 64 * 1024);
    is_answered(&text, |answer| answer["error"]["code"] == "unknown_event").await;
}

#[tokio::test]
async fn more_calls_in_flight_than_allowed_are_answered_busy() {
    let mut scene = Scene::new(Limits::default().calls(2)).await;
    let mut peer = Plain::greeted(scene.addr).await;
    scene.before();
    for id in 1..=4 {
        peer.send(format!(r#"{{"event":"join","id":{id},"data":"x"}}"#)).await;
    }
    assert_eq!(peer.line().await, TOLD_BEFORE);
    for id in 3..=4 {
        let busy = json!({"reply": id, "error": {
            "code": "busy", "message": "too many calls in flight",
        }});
        assert_eq!(peer.next().await, busy);
    }
    scene.undisturbed().await;
}

#[tokio::test]
async fn a_call_id_in_use_closes_with_4400() {
    let call = frame(TEXT, r#"{"event":"join","id":7,"data":"x"}"#);
    closes("twice", &[&*call, &*call].concat(), &[4400]).await;
}

#[tokio::test]
async fn a_call_id_in_use_closes_with_4400_wherever_it_stands_in_the_frame() {
    let first = frame(TEXT, r#"{"event":"join","id":7,"data":"x"}"#);
    let second = frame(TEXT, r#"{"data":"x","id":7,"event":"join"}"#);
    closes("twice", &[first, second].concat(), &[4400]).await;
}

#[tokio::test]
async fn an_id_is_free_again_when_its_call_was_answered() {
    let mut scene = Scene::new(Limits::default()).await;
    let mut peer = Plain::greeted(scene.addr).await;
    scene.before();
    assert_eq!(peer.line().await, TOLD_BEFORE);
    for _ in 0..3 {
        peer.send(ASK).await;
        assert_eq!(peer.line().await, ANSWER);
    }
    scene.undisturbed().await;
}

#[tokio::test]
async fn a_reply_to_a_call_that_is_not_in_flight_is_ignored() {
    for text in [
        r#"{"reply":9}"#,
        r#"{"reply":9,"data":{]"}"#,
        r#"{"reply":9,"error":{"code":"c","message":"m"}}"#,
        r#"{"reply":9,"error":{"code":"c","message":"m"},"trace":1}"#,
        r#"{"error":{"code":"c","message":"m","event":"told"}}"#,
        r#"{"error":{"code":"c","message":"m"},"trace":1}"#,
        r#"{"error":{"code":"c","message":"m"},"reply":9}"#,
    ] {
        let mut scene = Scene::new(Limits::default()).await;
        let mut peer = Plain::greeted(scene.addr).await;
        scene.before();
        peer.send(text).await;
        peer.send(ASK).await;
        assert_eq!(peer.line().await, TOLD_BEFORE, "{text}");
        assert_eq!(peer.line().await, ANSWER, "{text}");
        scene.undisturbed().await;
    }
}

#[tokio::test]
async fn a_reply_that_does_not_decode_fails_the_call_and_nothing_else() {
    let mut scene = Scene::new(Limits::default()).await;
    let mut peer = Plain::greeted(scene.addr).await;
    scene.before();
    assert_eq!(peer.line().await, TOLD_BEFORE);
    let sockets = scene.service.io().sockets();
    let newest = sockets.iter().max_by_key(|socket| socket.id()).unwrap();
    for (id, members) in
        ["", r#","data":7"#, r#","data":{]"#, r#","data":"x" "y""#, r#","error":7"#]
            .into_iter()
            .enumerate()
    {
        let id = id + 1;
        let call = tokio::spawn(newest.call(Question { text: "?".into() }));
        assert_eq!(peer.next().await["id"], id);
        peer.send(format!(r#"{{"reply":{id}{members}}}"#)).await;
        // It is not in flight any more.
        peer.send(format!(r#"{{"reply":{id},"data":"late"}}"#)).await;
        let answer = soon(call).await.unwrap();
        assert!(matches!(answer, Err(CallError::Decode(_))), "{members}: {answer:?}");
    }
    scene.undisturbed().await;
}
