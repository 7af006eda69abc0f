//! Requests that do not become a socket.

use crate::scene::{ASK, Scene};
use socketkit::{Handshake, Limits, Reject, Server};
use std::time::Duration;
use tests::{
    chat::{Chat, ClientEvent, listen},
    raw::{self, Bytes, CLOSE, SUBPROTOCOL, TEXT, frame},
};

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
async fn a_page_is_of_no_origin_when_the_host_is_not_named() {
    let mut scene = Scene::new(Limits::default()).await;
    scene.before();
    let upgrade = String::from_utf8(raw::upgrade(&[("origin", "http://here.example")])).unwrap();
    let mut peer = Bytes::connect(scene.addr).await;
    peer.write(upgrade.replace("host: here.example\r\n", "").as_bytes()).await;
    assert_eq!(peer.status().await, 403);
    scene.undisturbed().await;
}

#[tokio::test]
async fn our_subprotocol_is_found_among_others() {
    let mut scene = Scene::new(Limits::default()).await;
    scene.before();
    let (name, echo) = ("sec-websocket-protocol", "sec-websocket-protocol: socketkit.v1.json\r\n");
    for (headers, ours) in [
        (&[(name, "a, socketkit.v1.json,b")][..], true),
        (&[(name, "a"), (name, "socketkit.v1.json")], true),
        (&[(name, "a, SOCKETKIT.v1.json2")], false),
        (&[], false),
    ] {
        let mut peer = Bytes::connect(scene.addr).await;
        peer.write(&raw::upgrade(headers)).await;
        let head = peer.head().await;
        assert!(head.starts_with("HTTP/1.1 101"), "{head}");
        assert_eq!(head.contains(echo), ours, "{head}");
        assert!(head.contains("sec-websocket-accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n"));
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
