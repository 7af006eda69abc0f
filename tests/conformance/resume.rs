//! A session outlives its connections, frame by frame: what is made of a client
//! that comes back, to whichever node.

use crate::guest::{Guest, Seen, nodes};
use serde_json::json;
use socketkit::{CloseCode, Limits, Socket};
use std::time::Duration;
use tests::{
    chat::{ServerEvent, soon, until},
    nodes::Fixture,
    on_each_fixture,
    raw::{Plain, SUBPROTOCOL},
};

on_each_fixture! {
    who_comes_back_misses_nothing_and_repeats_nothing,
    a_call_is_answered_once_over_whatever_connection,
    what_was_processed_is_said_after_64_frames_or_a_second,
    what_was_processed_is_said_before_a_farewell,
    a_token_that_is_none_begins_a_new_session,
    numbers_that_are_none_close_with_4400,
    what_cannot_be_sent_again_is_a_gap,
    one_that_comes_in_the_moment_in_which_the_loss_is_noticed_is_not_overlooked,
    who_leaves_on_purpose_or_stays_away_has_no_session,
    a_browser_that_says_1001_of_a_connection_does_not_speak_for_the_session,
    without_time_to_come_back_there_is_no_token,
    one_that_stays_away_while_too_much_comes_ends,
    one_that_is_silent_for_too_long_can_come_back,
}

fn told(text: &str) -> String {
    format!(r#"{{"event":"told","data":"{text}"}}"#)
}

async fn who_comes_back_misses_nothing_and_repeats_nothing(on: Fixture) {
    let (nodes, mut seen) = nodes(on, Limits::default()).await;
    let mut guest = Guest::new(nodes.addr()).await;
    guest.peer.send(r#"{"event":"ask","id":1,"data":{"text":"one"}}"#).await;
    assert_eq!(guest.peer.line().await, r#"{"reply":1,"data":"one"}"#);
    // Where its session is: what is emitted there is in it at once.
    let socket = nodes.sockets().remove(0);
    let io = socket.io();
    io.broadcast(ServerEvent::Told("seen".into()));
    assert_eq!(guest.peer.line().await, told("seen"));
    io.broadcast(ServerEvent::Told("missed".into()));
    assert_eq!(guest.peer.line().await, told("missed"));
    drop(guest.peer);
    assert_eq!(soon(seen.recv()).await, Some(Seen::Suspended(CloseCode::LOST)));
    until(|| nodes.ios().all(|io| (io.len(), io.connected()) == (1, 0))).await;
    assert!(!socket.is_connected());
    io.broadcast(ServerEvent::Told("while away".into()));
    io.broadcast(ServerEvent::Flash("volatile".into()));
    io.broadcast(ServerEvent::Count(1));
    io.broadcast(ServerEvent::Count(2));
    // It has processed the reply and the first text.
    let mut peer = Plain::resuming(nodes.addr(), &guest.token, 2, 1).await;
    let hello = peer.next().await;
    // What comes before the secret says which node has the session.
    let secret = |token: &str| token[token.len() - 21..].to_owned();
    assert_eq!(secret(hello["hello"]["token"].as_str().unwrap()), secret(&guest.token));
    assert_eq!((&hello["hello"]["seen"], &hello["hello"]["replay"]), (&json!(1), &json!(3)));
    assert_eq!(peer.line().await, told("missed"));
    assert_eq!(peer.line().await, told("while away"));
    assert_eq!(peer.line().await, r#"{"event":"count","data":2}"#);
    assert_eq!(soon(seen.recv()).await, Some(Seen::Resumed(3)));
    until(|| nodes.ios().all(|io| (io.len(), io.connected()) == (1, 1))).await;
    peer.send(r#"{"event":"ask","id":2,"data":{"text":"two"}}"#).await;
    assert_eq!(peer.line().await, r#"{"reply":2,"data":"two"}"#);
    drop(peer);
    assert_eq!(soon(seen.recv()).await, Some(Seen::Suspended(CloseCode::LOST)));
    // The fifth frame to it was the count, the sixth the reply.
    let mut peer = Plain::resuming(nodes.addr(), &guest.token, 5, 2).await;
    assert_eq!(peer.next().await["hello"]["seen"], 2);
    assert_eq!(peer.line().await, r#"{"reply":2,"data":"two"}"#);
}

async fn a_call_is_answered_once_over_whatever_connection(on: Fixture) {
    let (nodes, mut seen) = nodes(on, Limits::default()).await;
    let mut guest = Guest::new(nodes.addr()).await;
    guest.peer.send(r#"{"event":"ask","id":7,"data":{"text":"wait"}}"#).await;
    let Some(Seen::Waiting(go_on)) = soon(seen.recv()).await else { panic!("it waits") };
    let socket = nodes.sockets().remove(0);
    let question = tests::chat::server_event::Question { text: "who?".into() };
    let call = tokio::spawn(socket.call(question));
    assert_eq!(guest.peer.line().await, r#"{"event":"question","id":1,"data":{"text":"who?"}}"#);
    guest.peer.send(r#"{"reply":1,"data":"ada"}"#).await;
    assert_eq!(soon(call).await.unwrap().unwrap(), "ada");
    drop(guest.peer);
    until(|| !socket.is_connected()).await;
    // A handler goes on, and what it answers waits.
    go_on.send(()).unwrap();
    let mut peer = Plain::resuming(nodes.addr(), &guest.token, 1, 1).await;
    // The question was asked, and the answer was taken: neither comes again.
    assert_eq!(peer.next().await["hello"]["seen"], 2);
    assert_eq!(peer.line().await, r#"{"reply":7,"data":"wait"}"#);
    assert!(matches!(soon(seen.recv()).await, Some(Seen::Suspended(_))));
}

async fn what_was_processed_is_said_after_64_frames_or_a_second(on: Fixture) {
    let (nodes, _seen) = nodes(on, Limits::default()).await;
    let mut guest = Guest::new(nodes.addr()).await;
    for _ in 0..64 {
        guest.peer.send(r#"{"event":"tell","data":"x"}"#).await;
    }
    assert_eq!(guest.control().await, r#"{"seen":64}"#);
    let before = tokio::time::Instant::now();
    guest.peer.send(r#"{"event":"tell","data":"x"}"#).await;
    assert_eq!(guest.control().await, r#"{"seen":65}"#);
    assert!(before.elapsed() >= Duration::from_millis(900), "{:?}", before.elapsed());
    // What waits behind a handler is not processed.
    guest.peer.send(r#"{"event":"ask","id":1,"data":{"text":"wait"}}"#).await;
    guest.peer.send(r#"{"event":"nonsense"}"#).await;
    assert_eq!(guest.peer.next().await["error"]["code"], "unknown_event");
    tokio::time::sleep(Duration::from_millis(1500)).await;
    guest.peer.send(r#"{"event":"nonsense"}"#).await;
    assert_eq!(guest.peer.next().await["error"]["code"], "unknown_event");
}

async fn what_was_processed_is_said_before_a_farewell(on: Fixture) {
    let (nodes, _seen) = nodes(on, Limits::default()).await;
    let mut guest = Guest::new(nodes.addr()).await;
    for _ in 0..3 {
        guest.peer.send(r#"{"event":"tell","data":"x"}"#).await;
    }
    guest.peer.send(r#"{"event":"nonsense"}"#).await;
    assert_eq!(guest.peer.next().await["error"]["code"], "unknown_event");
    nodes.sockets().iter().for_each(Socket::close);
    assert_eq!(guest.control().await, r#"{"seen":4}"#);
}

async fn a_token_that_is_none_begins_a_new_session(on: Fixture) {
    let (nodes, mut seen) = nodes(on, Limits::default()).await;
    let mut guest = Guest::new(nodes.addr()).await;
    let forged = format!("{}AAAA", &guest.token[..guest.token.len() - 4]);
    for token in ["", "x", &forged, &"A".repeat(32), &"A".repeat(5_000)] {
        let mut peer = Plain::resuming(nodes.addr(), token, 0, 1).await;
        let hello = peer.next().await;
        assert_eq!((&hello["hello"]["gap"], hello["hello"].get("seen")), (&json!("unknown"), None));
        assert_ne!(hello["hello"]["token"], guest.token.as_str());
        soon(peer.leave(1000)).await;
        assert_eq!(soon(seen.recv()).await, Some(Seen::Ended(CloseCode::DONE)));
    }
    nodes.count(1).await;
    guest.is_undisturbed().await;
}

async fn numbers_that_are_none_close_with_4400(on: Fixture) {
    let (nodes, _seen) = nodes(on, Limits::default()).await;
    let mut guest = Guest::new(nodes.addr()).await;
    let token = &guest.token;
    for ticket in
        [format!("{token}.0"), format!("{token}.-1.1"), format!("{token}.01.1"), token.clone()]
    {
        let mut peer =
            Plain::offering(nodes.addr(), &format!("{SUBPROTOCOL}, resume.{ticket}")).await;
        assert_eq!(soon(peer.closed()).await.0, 4400, "{ticket}");
    }
    for frames in [
        &[r#"{"seen":1}"#][..],
        &[r#"{"seen":18446744073709551615}"#],
        &[r#"{"event":"ask","id":1,"data":{"text":"x"}}"#, r#"{"seen":1}"#, r#"{"seen":0}"#],
        &[r#"{"seen":-1}"#],
    ] {
        let mut bad = Guest::new(nodes.addr()).await;
        for frame in frames {
            bad.peer.send(*frame).await;
            if frame.contains("ask") {
                assert!(bad.peer.line().await.contains("reply"));
            }
        }
        assert_eq!(soon(bad.peer.closed()).await.0, 4400, "{frames:?}");
    }
    guest.is_undisturbed().await;
}

async fn what_cannot_be_sent_again_is_a_gap(on: Fixture) {
    let limits = Limits::default().window(4);
    let (nodes, mut seen) = nodes(on, limits).await;
    for (read, frames, claimed) in [(0, 6, 1), (0, 2, 3), (2, 2, 1)] {
        let mut guest = Guest::new(nodes.addr()).await;
        nodes.settle().await;
        for number in 0..frames {
            nodes.io().broadcast(ServerEvent::Told(number.to_string()));
            assert_eq!(guest.peer.line().await, told(&number.to_string()));
        }
        if read > 0 {
            guest.peer.send(format!(r#"{{"seen":{read}}}"#)).await;
        }
        drop(guest.peer);
        assert_eq!(soon(seen.recv()).await, Some(Seen::Suspended(CloseCode::LOST)));
        let mut peer = Plain::resuming(nodes.addr(), &guest.token, claimed, 1).await;
        assert_eq!(peer.next().await["hello"]["gap"], "overflow", "{frames} {claimed}");
        assert_eq!(soon(seen.recv()).await, Some(Seen::Ended(CloseCode::LOST)));
        soon(peer.leave(1000)).await;
        assert_eq!(soon(seen.recv()).await, Some(Seen::Ended(CloseCode::DONE)));
    }
}

async fn one_that_comes_in_the_moment_in_which_the_loss_is_noticed_is_not_overlooked(on: Fixture) {
    let (nodes, _seen) = nodes(on, Limits::default()).await;
    let mut guests = Vec::new();
    for first in 0..8 {
        let addrs = nodes.addrs().to_vec();
        let Guest { mut peer, token } = Guest::new(nodes.addr()).await;
        guests.push(tokio::spawn(async move {
            for attempt in 1..=400 {
                // Nobody waits until the server knows.
                drop(peer);
                let addr = addrs[(first + attempt as usize) % addrs.len()];
                peer = Plain::resuming(addr, &token, 0, attempt).await;
                assert_eq!(peer.next().await["hello"]["seen"], 0, "{attempt}");
            }
        }));
    }
    for guest in guests {
        guest.await.unwrap();
    }
}

async fn who_leaves_on_purpose_or_stays_away_has_no_session(on: Fixture) {
    for (how, code) in [(1000, CloseCode::DONE), (0, CloseCode::LOST)] {
        let (nodes, mut seen) =
            nodes(on, Limits::default().resume(Duration::from_millis(100))).await;
        let mut guest = Guest::new(nodes.addr()).await;
        if how == 0 {
            drop(guest.peer);
            assert_eq!(soon(seen.recv()).await, Some(Seen::Suspended(CloseCode::LOST)));
        } else {
            soon(guest.peer.leave(how)).await;
        }
        assert_eq!(soon(seen.recv()).await, Some(Seen::Ended(code)));
        let mut peer = Plain::resuming(nodes.addr(), &guest.token, 0, 1).await;
        assert_eq!(peer.next().await["hello"]["gap"], "unknown");
    }
}

async fn a_browser_that_says_1001_of_a_connection_does_not_speak_for_the_session(on: Fixture) {
    let (nodes, mut seen) = nodes(on, Limits::default()).await;
    let mut guest = Guest::new(nodes.addr()).await;
    soon(guest.peer.leave(1001)).await;
    assert_eq!(soon(seen.recv()).await, Some(Seen::Suspended(CloseCode::AWAY)));
    let mut peer = Plain::resuming(nodes.addr(), &guest.token, 0, 1).await;
    assert_eq!(peer.next().await["hello"]["seen"], 0);
    assert_eq!(soon(seen.recv()).await, Some(Seen::Resumed(0)));
}

async fn without_time_to_come_back_there_is_no_token(on: Fixture) {
    let (nodes, mut seen) = nodes(on, Limits::default().resume(Duration::ZERO)).await;
    let mut peer = Plain::open(nodes.addr(), true).await;
    assert_eq!(peer.next().await["hello"].get("token"), None);
    drop(peer);
    assert_eq!(soon(seen.recv()).await, Some(Seen::Ended(CloseCode::LOST)));
}

async fn one_that_stays_away_while_too_much_comes_ends(on: Fixture) {
    let limits = Limits::default().queue(8).stall(Duration::ZERO);
    let (nodes, mut seen) = nodes(on, limits).await;
    let [mut other] = nodes.clients().await;
    let guest = Guest::new(nodes.addr()).await;
    drop(guest.peer);
    assert_eq!(soon(seen.recv()).await, Some(Seen::Suspended(CloseCode::LOST)));
    for number in 0..20 {
        nodes.io().broadcast(ServerEvent::Told(number.to_string()));
        assert_eq!(tests::chat::next(&mut other).await, ServerEvent::Told(number.to_string()));
    }
    assert_eq!(soon(seen.recv()).await, Some(Seen::Ended(CloseCode::TOO_SLOW)));
    let mut peer = Plain::resuming(nodes.addr(), &guest.token, 0, 1).await;
    assert_eq!(peer.next().await["hello"]["gap"], "unknown");
}

async fn one_that_is_silent_for_too_long_can_come_back(on: Fixture) {
    let (nodes, mut seen) = nodes(on, Limits::default().heartbeat(Duration::from_millis(50))).await;
    let mut guest = Guest::quiet(nodes.addr()).await;
    assert_eq!(soon(seen.recv()).await, Some(Seen::Suspended(CloseCode::TIMEOUT)));
    assert_eq!(guest.closed().await, 4408);
    let mut peer = Plain::resuming(nodes.addr(), &guest.token, 0, 1).await;
    assert_eq!(peer.next().await["hello"]["seen"], 0);
}
