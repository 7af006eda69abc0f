//! What holds for any payload, any text and any bytes.

use crate::{Forum, client_event::Echo, greeted, service};
use proptest::{
    prelude::*,
    test_runner::{Config, TestCaseError, TestRunner},
};
use serde_json::{Value, json};
use socketkit::{Client, Limits};
use std::net::SocketAddr;
use tests::{
    chat::{listen, soon},
    raw::{Bytes, Plain, announce},
};
use tokio::runtime::Runtime;
use tokio_tungstenite::tungstenite::Message;

/// A server for many cases of a property, and a client of it that must not be disturbed.
struct Bench {
    runtime: Runtime,
    addr: SocketAddr,
    client: Client<Forum>,
}

impl Bench {
    fn new() -> Self {
        let runtime = Runtime::new().expect("a runtime");
        let (addr, client) = runtime.block_on(async {
            let service = service(Limits::default().rate(0));
            (listen(&service).await, soon(service.local()).await)
        });
        Self { runtime, addr, client }
    }

    fn holds<S: Strategy>(
        &self,
        strategy: S,
        property: impl AsyncFn(S::Value) -> Result<(), TestCaseError>,
    ) {
        let config = Config { cases: 200, failure_persistence: None, ..Config::default() };
        let check = |value| self.runtime.block_on(property(value));
        if let Err(error) = TestRunner::new(config).run(&strategy, check) {
            panic!("{error}");
        }
    }

    async fn undisturbed(&self) -> Result<(), TestCaseError> {
        let answer = soon(self.client.call(Echo(json!("alive")))).await;
        prop_assert_eq!(answer.ok(), Some(json!("alive")));
        Ok(())
    }
}

/// Any JSON, with numbers that have an exact short decimal form.
fn payload() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        any::<i16>().prop_map(|number| Value::from(f64::from(number) / 64.0)),
        any::<String>().prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 32, 6, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..6).prop_map(Value::from),
            prop::collection::btree_map(any::<String>(), inner, 0..6)
                .prop_map(|map| Value::Object(map.into_iter().collect())),
        ]
    })
}

#[test]
fn any_payload_comes_back_equal_through_our_client() {
    let bench = Bench::new();
    bench.holds(payload(), async |value| {
        let answer = soon(bench.client.call(Echo(value.clone()))).await;
        prop_assert_eq!(answer.unwrap(), value);
        Ok(())
    });
}

#[test]
fn any_payload_comes_back_equal_whatever_the_order_of_members() {
    let bench = Bench::new();
    let space = "[ \t\r\n]{0,2}";
    let members = (payload(), any::<u32>(), payload()).prop_flat_map(|(value, id, other)| {
        let members = vec![
            r#""event":"echo""#.to_owned(),
            format!(r#""id":{id}"#),
            format!(r#""data":{value}"#),
            format!(r#""trace":{other}"#),
        ];
        (Just((value, id)), Just(members).prop_shuffle())
    });
    let frames = (members, space, space);
    let peer = bench.runtime.block_on(greeted(bench.addr));
    let peer = tokio::sync::Mutex::new(peer);
    bench.holds(frames, async |(((value, id), members), left, right)| {
        let mut peer = peer.lock().await;
        let members = members.join(&format!("{right},{left}"));
        peer.send(format!("{left}{{{right}{members}{left}}}{right}")).await;
        let answer = peer.next().await;
        prop_assert_eq!(&answer["reply"], id);
        prop_assert_eq!(&answer["data"], &value);
        Ok(())
    });
}

/// Texts that are frames, nearly frames, or anything.
fn text() -> impl Strategy<Value = String> {
    let frame = payload().prop_map(|value| format!(r#"{{"event":"echo","id":1,"data":{value}}}"#));
    let cut = (frame, any::<prop::sample::Index>(), any::<prop::sample::Index>(), ".{0,3}");
    prop_oneof![
        any::<String>(),
        r#"\{("(event|reply|id|data|error|hello|x)":[\{\}\[\]",:a-z0-9 ]{0,8},?){0,4}\}"#,
        r#"\{"event":"(echo|typing|nope|submit_post)"(,"id":[0-9]{1,11})?(,"data":.{0,20})?\}"#,
        cut.prop_map(|(text, from, to, between)| {
            let chars: Vec<char> = text.chars().collect();
            let (from, to) = (from.index(chars.len()), to.index(chars.len()));
            let (from, to) = (from.min(to), from.max(to));
            let text = chars[..from].iter().copied().chain(between.chars());
            text.chain(chars[to..].iter().copied()).collect()
        }),
    ]
}

#[test]
fn any_text_is_answered_or_closes_with_4400_and_disturbs_nobody() {
    const PROBE: &str = r#"{"event":"typing","id":77777}"#;
    let bench = Bench::new();
    bench.holds(text(), async |text| {
        let mut peer = Plain::greeted(bench.addr).await;
        peer.send(text).await;
        peer.send(PROBE).await;
        loop {
            match peer.any().await {
                Some(Message::Text(text)) if text.as_str() == r#"{"reply":77777}"# => break,
                Some(Message::Text(_)) => {}
                Some(Message::Close(Some(close))) => {
                    prop_assert_eq!(u16::from(close.code), 4400);
                    break;
                }
                other => return Err(TestCaseError::fail(format!("{other:?}"))),
            }
        }
        bench.undisturbed().await
    });
}

#[test]
fn any_bytes_are_answered_with_a_code_and_disturb_nobody() {
    let bench = Bench::new();
    let any_frame = (any::<u8>(), any::<bool>(), prop::collection::vec(any::<u8>(), 0..140));
    let frames = any_frame.prop_map(|(first, masked, payload)| {
        [announce(first, masked, payload.len() as u64), payload].concat()
    });
    let bytes = prop_oneof![
        prop::collection::vec(any::<u8>(), 0..200),
        prop::collection::vec(frames, 1..6).prop_map(|frames| frames.concat()),
    ];
    bench.holds(bytes, async |bytes| {
        let mut peer = Bytes::greeted(bench.addr).await;
        peer.write(&bytes).await;
        // What is incomplete stays so.
        peer.half_close().await;
        let code = peer.closed().await;
        let known = matches!(code, 1000..=1015 | 3000..=4999);
        prop_assert!(known, "{}", code);
        bench.undisturbed().await
    });
}
