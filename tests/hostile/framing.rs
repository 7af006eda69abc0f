//! Faults of the WebSocket framing, and what is odd but allowed.

use crate::scene::{ANSWER, ASK, Scene, TOLD_BEFORE, closes};
use socketkit::Limits;
use tests::raw::{self, Bytes, CLOSE, PING, PONG, TEXT, announce, frame};

#[tokio::test]
async fn faults_of_the_framing_close_with_1002() {
    let text = |first: u8| frame(first, "{}");
    let ping = |payload: usize| frame(PING, "x".repeat(payload));
    for (what, bytes) in [
        ("first reserved bit", text(TEXT | 0x40)),
        ("second reserved bit", text(TEXT | 0x20)),
        ("third reserved bit", text(TEXT | 0x10)),
        ("reserved bit of a control frame", frame(PING | 0x40, "")),
        ("reserved data opcode 3", text(0x83)),
        ("reserved data opcode 7", text(0x87)),
        ("reserved control opcode 11", text(0x8b)),
        ("reserved control opcode 15", text(0x8f)),
        ("fragmented ping", frame(0x09, "")),
        ("fragmented close", frame(0x08, "")),
        ("ping of 126 bytes", ping(126)),
        ("pong of 64 KiB", frame(PONG, "x".repeat(65_535))),
        ("unmasked", [announce(TEXT, false, 2), b"{}".to_vec()].concat()),
        ("unmasked ping", announce(PING, false, 0)),
        ("continuation without start", frame(0x80, "{}")),
        ("new text inside a fragmented message", [frame(0x01, "{"), frame(TEXT, "{}")].concat()),
        ("new binary inside a fragmented message", [frame(0x01, "{"), frame(0x02, "{}")].concat()),
        (
            "continuation after the end",
            [frame(0x01, "{"), frame(0x80, "}"), frame(0x80, "")].concat(),
        ),
        ("close with one byte", frame(CLOSE, [3])),
        ("close of 126 bytes", frame(CLOSE, [3; 126])),
    ] {
        closes(what, &bytes, &[1002]).await;
    }
}

#[tokio::test]
async fn a_close_with_a_code_that_must_not_be_sent_is_answered_with_1002() {
    for code in [0_u16, 999, 1004, 1005, 1006, 1015, 1016, 1100, 2000, 2999, 5000, 65_535] {
        let mut scene = Scene::new(Limits::default()).await;
        let mut peer = Bytes::greeted(scene.addr).await;
        scene.before();
        peer.write(&frame(CLOSE, code.to_be_bytes())).await;
        assert_eq!(peer.line().await, TOLD_BEFORE);
        assert_eq!(peer.closed().await, 1002, "{code}");
        scene.undisturbed().await;
    }
}

#[tokio::test]
async fn a_close_that_is_allowed_is_echoed() {
    // 1001 leaves the session: see resume.rs.
    for code in [1000_u16, 1003, 1007, 1011, 3000, 4000, 4999] {
        let payload = [&code.to_be_bytes()[..], b"bye"].concat();
        closes("echo", &frame(CLOSE, payload), &[code]).await;
    }
    closes("empty", &frame(CLOSE, ""), &[1005]).await;
}

#[tokio::test]
async fn text_that_is_not_utf8_closes_with_1007() {
    for (what, bytes) in [
        ("invalid byte", frame(TEXT, b"{\"event\":\"\xff\"}")),
        ("surrogate", frame(TEXT, b"\xed\xa0\x80")),
        ("overlong", frame(TEXT, b"\xc0\xaf")),
        ("beyond the last character", frame(TEXT, b"\xf4\x90\x80\x80")),
        ("cut character", frame(TEXT, b"{\"x\":\"\xe2\x82")),
        (
            "cut character at the end of fragments",
            [frame(0x01, "{"), frame(0x80, b"\xe2\x82")].concat(),
        ),
        (
            "wrong byte in the next fragment",
            [frame(0x01, b"{\"x\":\"\xe2\x82"), frame(0x80, b"\"}")].concat(),
        ),
        ("reason of a close", frame(CLOSE, [&1000_u16.to_be_bytes()[..], b"\xff"].concat())),
    ] {
        closes(what, &bytes, &[1007]).await;
    }
}

#[tokio::test]
async fn fragments_with_a_ping_between_them_are_one_message() {
    let mut scene = Scene::new(Limits::default()).await;
    let mut peer = Bytes::greeted(scene.addr).await;
    scene.before();
    assert_eq!(peer.line().await, TOLD_BEFORE);
    let (start, end) = ASK.split_at(20);
    let (middle, end) = end.split_at(1);
    for bytes in [
        frame(0x01, start),
        frame(PING, "are you there?"),
        frame(0x00, middle),
        frame(PONG, "unasked"),
        frame(0x00, ""),
        frame(0x80, end),
    ] {
        peer.write(&bytes).await;
    }
    let pong = peer.frame().await.unwrap();
    assert_eq!(pong, (PONG, b"are you there?".to_vec()));
    assert_eq!(peer.line().await, ANSWER);
    scene.undisturbed().await;
}

#[tokio::test]
async fn a_frame_may_come_byte_by_byte_and_with_the_handshake() {
    let mut scene = Scene::new(Limits::default()).await;
    let mut peer = Bytes::connect(scene.addr).await;
    peer.stream().set_nodelay(true).unwrap();
    let first = [raw::upgrade(&[]), frame(TEXT, ASK)].concat();
    peer.write(&first).await;
    assert_eq!(peer.status().await, 101);
    assert!(peer.line().await.starts_with(r#"{"hello":"#));
    assert_eq!(peer.line().await, ANSWER);
    scene.before();
    assert_eq!(peer.line().await, TOLD_BEFORE);
    for byte in frame(TEXT, ASK) {
        peer.write(&[byte]).await;
    }
    assert_eq!(peer.line().await, ANSWER);
    scene.undisturbed().await;
}
