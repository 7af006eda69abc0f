//! Integers that travel as strings: what a page gets is what the server has.

use serde::{Deserialize, Serialize, de::DeserializeOwned};
use serde_json::{Value, json};
use socketkit::{
    Events, Protocol, Server,
    as_string::{self, AsString},
};
use std::{
    fmt::Debug,
    num::{NonZeroI64, NonZeroU64},
};
use tests::{
    chat::listen,
    raw::{Bytes, TEXT, frame},
};

#[derive(Debug, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
struct Id<T: AsString>(#[serde(with = "as_string")] T);

#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct Few {
    #[serde(with = "as_string", default)]
    some: Option<u64>,
    #[serde(with = "as_string", default)]
    all: Vec<i64>,
}

/// It is written as `text`, and nothing else is read as it.
fn is_written<T: AsString + Debug + PartialEq>(integer: T, text: &str)
where
    Id<T>: Serialize + DeserializeOwned,
{
    let id = Id(integer);
    assert_eq!(serde_json::to_value(&id).unwrap(), json!(text));
    assert_eq!(serde_json::from_value::<Id<T>>(json!(text)).unwrap(), id);
}

/// What is said of a value that is none.
fn refusal<T: AsString + Debug>(value: Value) -> String
where
    Id<T>: DeserializeOwned,
{
    serde_json::from_value::<Id<T>>(value).unwrap_err().to_string()
}

#[test]
fn every_integer_is_the_string_of_its_digits() {
    is_written(0_u8, "0");
    is_written(i8::MIN, "-128");
    is_written(u64::MAX, "18446744073709551615");
    is_written(i64::MIN, "-9223372036854775808");
    is_written(u128::MAX, "340282366920938463463374607431768211455");
    is_written(i128::MIN, "-170141183460469231731687303715884105728");
    is_written(usize::MAX, &usize::MAX.to_string());
    is_written(NonZeroU64::MAX, "18446744073709551615");
    is_written(NonZeroI64::MIN, "-9223372036854775808");
}

#[test]
fn an_id_has_one_name() {
    for other in ["+1", "01", " 1", "1 ", "", "1.0", "1e3", "-0", "0x1", "18446744073709551616"] {
        let expected = format!(
            "invalid value: string \"{other}\", expected a string with the digits of a `u64`"
        );
        assert_eq!(refusal::<u64>(json!(other)), expected);
    }
    let number = refusal::<u64>(json!(1));
    assert_eq!(number, "invalid type: integer `1`, expected a string with the digits of a `u64`");
    assert!(refusal::<NonZeroU64>(json!("0")).contains("NonZeroU64"));
    assert!(refusal::<i8>(json!("128")).contains("`i8`"));
}

#[test]
fn options_and_vectors_of_integers_hold_strings() {
    for (few, text) in [
        (Few { some: Some(1), all: vec![-1, 2] }, r#"{"some":"1","all":["-1","2"]}"#),
        (Few { some: None, all: vec![] }, r#"{"some":null,"all":[]}"#),
    ] {
        assert_eq!(serde_json::to_string(&few).unwrap(), text);
        assert_eq!(serde_json::from_str::<Few>(text).unwrap(), few);
    }
    assert_eq!(serde_json::from_str::<Few>("{}").unwrap(), Few { some: None, all: vec![] });
    assert!(serde_json::from_str::<Few>(r#"{"all":[1]}"#).is_err());
}

#[derive(Debug, Events)]
enum ClientEvent {
    #[event(reply = Id<u64>)]
    Next {
        #[serde(with = "as_string")]
        id: u64,
    },
}

#[derive(Debug, Protocol)]
#[protocol(client = ClientEvent)]
struct Ids;

#[tokio::test]
async fn ids_of_64_bits_pass_a_socket_unharmed_and_numbers_are_refused() {
    let service = Server::<Ids>::new().on(async |next: client_event::Next| Id(next.id - 1)).build();
    let mut peer = Bytes::greeted(listen(&service).await).await;
    peer.write(&frame(TEXT, r#"{"event":"next","id":1,"data":{"id":"18446744073709551615"}}"#))
        .await;
    assert_eq!(peer.line().await, r#"{"reply":1,"data":"18446744073709551614"}"#);
    peer.write(&frame(TEXT, r#"{"event":"next","id":2,"data":{"id":18446744073709551615}}"#)).await;
    let refusal = peer.line().await;
    assert!(
        refusal.contains(r#""code":"bad_data""#) && refusal.contains("digits of a `u64`"),
        "{refusal}"
    );
}
