//! What a document says of who is present.

use super::{errors, payload, protocols::*};
use serde_json::{Value, json};
use socketkit::{Server, Socket, contract};
use tests::{chat::listen, raw::Plain};

#[tokio::test]
async fn what_is_told_of_presence_is_a_frame_of_its_message() {
    let document = contract::<Meeting>().to_asyncapi("Meeting");
    let message = payload(&document, "server.socketkit..presence");
    let service = Server::<Meeting>::new()
        .on_connect(async |socket: Socket<Meeting>| {
            socket.present(Room::Table(7), Guest { name: socket.id().to_string(), glass: None });
        })
        .fallback(async |_: Move, socket: Socket<Meeting>| socket.leave(Room::Table(7)))
        .build();
    let addr = listen(&service).await;
    let mut ada = Plain::open(addr, true).await;
    ada.next().await;
    let list = ada.next().await;
    let mut bob = Plain::open(addr, true).await;
    let change = ada.next().await;
    bob.send(r#"{"event":"leave"}"#).await;
    let gone = ada.next().await;
    assert!(list["data"]["from"] == 0 && change["data"]["members"][0]["member"].is_object());
    assert_eq!(gone["data"]["members"][0].as_object().unwrap().len(), 1, "its key");
    for frame in [&list, &change, &gone] {
        assert_eq!(errors(&message, frame), [""; 0], "{frame}");
    }
    let told = |data: &str| {
        let data: Value = serde_json::from_str(data).unwrap();
        json!({ "event": "socketkit:presence", "data": data })
    };
    let all = told(r#"{"room":"hall","from":256,"members":[]}"#);
    assert_eq!(errors(&message, &all), [""; 0]);
    for data in [
        r#"{"room":"hall","from":0,"members":[{"key":"1"}]}"#,
        r#"{"room":"hall","from":-1,"members":[]}"#,
        r#"{"room":"cellar","members":[]}"#,
        r#"{"room":"hall"}"#,
        r#"{"room":"hall","members":[{"key":"1","sockets":["a"]}]}"#,
    ] {
        assert!(!message.is_valid(&told(data)), "{data}");
    }
    let operation = &document["operations"]["send.socketkit..presence"];
    let reference = json!({ "$ref": "#/channels/socket/messages/server.socketkit..presence" });
    assert_eq!(operation["messages"], json!([reference]));
    let examples = &document["components"]["messages"]["server.socketkit..presence"]["examples"];
    assert_eq!(examples.as_array().unwrap().len(), 3);
    for example in examples.as_array().unwrap() {
        assert_eq!(errors(&message, &example["payload"]), [""; 0]);
    }
}

#[test]
fn a_protocol_without_presence_says_nothing_of_it() {
    for (name, contract) in all() {
        let document = contract.to_asyncapi(name).to_string();
        assert_eq!(document.contains("presence"), contract.presence.is_some(), "{name}");
    }
}
