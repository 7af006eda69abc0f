//! Bad input: what the peer gets for it, and that nobody else notices.

use serde_json::{Value, json};
use socketkit::{Client, Disconnect, Handshake, Io, Limits, Reject, Server, Service, State};
use std::{net::SocketAddr, time::Duration};
use tests::{
    chat::{Chat, ClientEvent, ServerEvent, client_event::*, listen, next, soon, until},
    raw::{self, BINARY, Bytes, CLOSE, PING, PONG, Plain, SUBPROTOCOL, TEXT, announce, frame},
};
use tokio::sync::mpsc;

const ASK: &str = r#"{"event":"ask","id":1,"data":{"text":"hi"}}"#;
const ANSWER: &str = r#"{"reply":1,"data":"HI"}"#;

/// A server and a client of it that minds its own business.
struct Scene {
    service: Service<Chat>,
    addr: SocketAddr,
    bystander: Client<Chat>,
    /// How the sockets ended.
    ended: mpsc::UnboundedReceiver<Disconnect>,
}

impl Scene {
    async fn new(limits: Limits) -> Self {
        let (sender, ended) = mpsc::unbounded_channel();
        let service = Server::<Chat>::new()
            .state(sender)
            .limits(limits.grace(Duration::from_millis(1)))
            .on_disconnect(
                async |disconnect: Disconnect, ended: State<mpsc::UnboundedSender<Disconnect>>| {
                    let _ = ended.send(disconnect);
                },
            )
            .on(async |ask: Ask| ask.text.to_uppercase())
            .on(async |Tell(text): Tell, io: Io<Chat>| {
                io.broadcast(ServerEvent::Told(text));
            })
            // A handler that never ends, for calls that stay in flight.
            .on(async |_: Join| std::future::pending::<()>().await)
            .fallback(async |_: ClientEvent| {})
            .build();
        let addr = listen(&service).await;
        let bystander = soon(Client::connect(format!("ws://{addr}/ws"))).await;
        Self { service, addr, bystander: bystander.unwrap(), ended }
    }

    /// Emits what must arrive, whatever follows.
    fn before(&self) {
        self.service.io().broadcast(ServerEvent::Told("before".into()));
    }

    /// The other connection goes on: it got what was emitted before, its calls are answered, and it
    /// gets what is emitted now.
    async fn undisturbed(&mut self) {
        assert_eq!(next(&mut self.bystander).await, told("before"));
        let ask = Ask { text: "hi".into() };
        assert_eq!(soon(self.bystander.call(ask)).await.unwrap(), "HI");
        self.service.io().broadcast(ServerEvent::Told("after".into()));
        assert_eq!(next(&mut self.bystander).await, told("after"));
    }
}

fn told(text: &str) -> ServerEvent {
    ServerEvent::Told(text.into())
}

const TOLD_BEFORE: &str = r#"{"event":"told","data":"before"}"#;

/// A text is answered with a frame, and the connection lives.
async fn is_answered(text: &str, expected: impl Fn(&Value) -> bool) {
    let mut scene = Scene::new(Limits::default()).await;
    let mut peer = Plain::greeted(scene.addr).await;
    scene.before();
    peer.send(text).await;
    assert_eq!(peer.line().await, TOLD_BEFORE);
    let answer = peer.next().await;
    assert!(expected(&answer), "{text:.200}: {answer}");
    peer.send(ASK).await;
    assert_eq!(peer.line().await, ANSWER, "after {text:.200}");
    scene.undisturbed().await;
}

/// Bytes after the handshake close the socket with one of `codes`, after what was emitted before.
async fn closes(what: &str, bytes: &[u8], codes: &[u16]) {
    let mut scene = Scene::new(Limits::default()).await;
    let mut peer = Bytes::greeted(scene.addr).await;
    scene.before();
    // Were the first one taken, the second would be answered.
    peer.write(&[bytes, &frame(TEXT, ASK)].concat()).await;
    assert_eq!(peer.line().await, TOLD_BEFORE, "{what}");
    let (first, payload) = peer.frame().await.expect("a farewell");
    let text = String::from_utf8_lossy(&payload);
    assert_eq!(first, CLOSE, "{what:.200} is answered with {text}");
    let code = raw::code(&payload);
    assert!(codes.contains(&code), "{what:.200}: {code}");
    assert!(peer.frame().await.is_none(), "the close frame is the last");
    let disconnect = soon(scene.ended.recv()).await.unwrap();
    assert!(codes.contains(&disconnect.code.0), "{what:.200}: {disconnect}");
    scene.undisturbed().await;
}

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
        r#"{"reply":9,"error":{]}"#,
        r#"{"error":{"code":"c","message":"m","event":"told"}}"#,
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
    for code in [1000_u16, 1001, 1003, 1007, 1011, 3000, 4000, 4999] {
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

#[tokio::test]
async fn a_peer_that_vanishes_in_the_middle_of_a_frame_is_lost() {
    for how in ["drop", "half close", "reset"] {
        let mut scene = Scene::new(Limits::default()).await;
        let mut peer = Bytes::greeted(scene.addr).await;
        scene.before();
        assert_eq!(peer.line().await, TOLD_BEFORE);
        let whole = frame(TEXT, ASK);
        peer.write(&whole[..whole.len() / 2]).await;
        match how {
            "reset" => peer.reset(),
            "drop" => drop(peer),
            _ => {
                peer.half_close().await;
                assert_eq!(peer.closed().await, 1006);
            }
        }
        let disconnect = soon(scene.ended.recv()).await.unwrap();
        assert_eq!(disconnect.code.0, 1006, "{how}");
        scene.undisturbed().await;
    }
}

#[tokio::test]
async fn a_peer_that_vanishes_without_reading_what_was_sent_is_lost() {
    let mut scene = Scene::new(Limits::default()).await;
    let peer = Bytes::upgraded(scene.addr).await;
    until(|| scene.service.io().len() == 2).await;
    scene.before();
    peer.reset();
    let disconnect = soon(scene.ended.recv()).await.unwrap();
    assert_eq!(disconnect.code.0, 1006);
    scene.undisturbed().await;
}

#[tokio::test]
async fn a_mebibyte_of_heartbeats_harms_nobody() {
    let mut scene = Scene::new(Limits::default().rate(0)).await;
    let mut peer = Bytes::greeted(scene.addr).await;
    scene.before();
    peer.write(&frame(TEXT, "{}").repeat(1024 * 1024 / 2)).await;
    peer.write(&frame(TEXT, ASK)).await;
    assert_eq!(peer.line().await, TOLD_BEFORE);
    assert_eq!(peer.line().await, ANSWER);
    scene.undisturbed().await;
}

#[tokio::test]
async fn a_flood_is_held_back_and_loses_nothing() {
    const EVENTS: u32 = 400;
    let limits = Limits::default().rate(1_000).burst(100);
    let (sender, mut told) = mpsc::unbounded_channel();
    let service = Server::<Chat>::new()
        .limits(limits)
        .state(sender)
        .on(async |Tell(text): Tell, told: State<mpsc::UnboundedSender<String>>| {
            let _ = told.send(text);
        })
        .on(async |ask: Ask| ask.text)
        .fallback(async |_: ClientEvent| {})
        .build();
    let addr = listen(&service).await;
    let mut peer = Bytes::greeted(addr).await;
    let mut other = Plain::greeted(addr).await;
    let started = std::time::Instant::now();
    for number in 0..EVENTS {
        let text = format!(r#"{{"event":"tell","data":"{number}"}}"#);
        peer.write(&frame(TEXT, text)).await;
    }
    other.send(ASK).await;
    other.line().await;
    let undisturbed = started.elapsed();
    for number in 0..EVENTS {
        assert_eq!(soon(told.recv()).await.unwrap(), number.to_string());
    }
    peer.write(&frame(TEXT, ASK)).await;
    assert_eq!(peer.line().await, r#"{"reply":1,"data":"hi"}"#);
    // All but the burst came at the rate.
    let least = Duration::from_millis(u64::from(EVENTS) - 100);
    assert!(started.elapsed() >= least, "{:?}", started.elapsed());
    assert!(undisturbed < least, "{undisturbed:?}");
}

#[tokio::test]
async fn a_page_of_another_origin_is_refused_with_403() {
    let mut scene = Scene::new(Limits::default()).await;
    scene.before();
    for (origin, status) in [
        ("http://evil.example", 403),
        ("https://here.example:444", 403),
        ("null", 403),
        ("garbage", 403),
        ("", 403),
        ("http://here.example", 101),
    ] {
        for protocol in ["", SUBPROTOCOL] {
            let mut peer = Bytes::connect(scene.addr).await;
            let headers = [("origin", origin), ("sec-websocket-protocol", protocol)];
            peer.write(&raw::upgrade(&headers)).await;
            assert_eq!(peer.status().await, status, "{origin}");
        }
    }
    scene.undisturbed().await;
}

#[tokio::test]
async fn what_is_no_upgrade_gets_a_status() {
    let mut scene = Scene::new(Limits::default()).await;
    scene.before();
    let upgrade = String::from_utf8(raw::upgrade(&[])).unwrap();
    for (from, to, status) in [
        ("GET", "POST", 405),
        ("upgrade: websocket\r\n", "", 426),
        ("connection: Upgrade\r\n", "", 426),
        ("version: 13", "version: 8", 426),
        ("sec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n", "", 400),
        ("sec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==", "sec-websocket-key: x", 400),
        ("HTTP/1.1", "HTTP/1.0", 426),
        ("HTTP/1.1", "HTTP/9", 400),
        ("GET /ws", "GET /nothing", 404),
        ("GET", "\0\u{1}\u{2}", 400),
    ] {
        let mut peer = Bytes::connect(scene.addr).await;
        let request = upgrade.replacen(from, to, 1);
        assert_ne!(request, upgrade);
        peer.write(request.as_bytes()).await;
        assert_eq!(peer.status().await, status, "{to} for {from}");
    }
    scene.undisturbed().await;
}

#[tokio::test]
async fn a_refused_handshake_is_told_in_the_way_that_the_client_can_see() {
    let service = Server::<Chat>::new()
        .authorize(async |handshake: Handshake| -> Result<(), Reject> {
            match handshake.token() {
                Some("good") => Ok(()),
                Some("banned") => Err(Reject::new("banned", "you were banned")),
                _ => Err(Reject::new("unauthorized", "who are you?")),
            }
        })
        .fallback(async |_: ClientEvent| {})
        .build();
    let addr = listen(&service).await;
    for (token, status, code, reason) in [
        ("Bearer none", 401, 4401_u16, "who are you?"),
        ("Bearer banned", 403, 4403, "you were banned"),
    ] {
        let mut other = Bytes::connect(addr).await;
        other.write(&raw::upgrade(&[("authorization", token)])).await;
        assert_eq!(other.status().await, status);
        let mut ours = Bytes::connect(addr).await;
        let headers =
            [("authorization", token), ("sec-websocket-protocol", "chat, socketkit.v1.json")];
        ours.write(&raw::upgrade(&headers)).await;
        // What comes after the refusal is not looked at.
        ours.write(&frame(TEXT, ASK)).await;
        let head = ours.head().await;
        assert!(head.starts_with("HTTP/1.1 101"), "{head}");
        assert!(head.contains("sec-websocket-protocol: socketkit.v1.json\r\n"));
        let close = [&code.to_be_bytes()[..], reason.as_bytes()].concat();
        assert_eq!(ours.frame().await.unwrap(), (CLOSE, close));
        assert!(ours.frame().await.is_none());
    }
    assert!(service.io().is_empty());
}

#[tokio::test]
async fn a_head_that_is_not_complete_in_time_is_closed() {
    let mut scene = Scene::new(Limits::default().handshake(Duration::from_millis(100))).await;
    scene.before();
    for start in ["", "GET", "GET /ws HTTP/1.1\r\nhost: here.example\r\nx: "] {
        let mut peer = Bytes::connect(scene.addr).await;
        peer.write(start.as_bytes()).await;
        let head = peer.head().await;
        assert!(head.is_empty() || head.starts_with("HTTP/1.1 408"), "{head}");
        assert!(peer.frame().await.is_none());
    }
    scene.undisturbed().await;
}

#[tokio::test]
async fn a_head_that_is_too_long_is_answered_431() {
    let mut scene = Scene::new(Limits::default()).await;
    scene.before();
    let long = "x".repeat(20 * 1024);
    let mut peer = Bytes::connect(scene.addr).await;
    peer.write(&raw::upgrade(&[("x", &long)])).await;
    assert_eq!(peer.status().await, 431);
    let many: Vec<_> = (0..200).map(|_| ("x", "y")).collect();
    let mut peer = Bytes::connect(scene.addr).await;
    peer.write(&raw::upgrade(&many)).await;
    assert_eq!(peer.status().await, 431);
    scene.undisturbed().await;
}
