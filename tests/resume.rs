//! A session outlives its connections, frame by frame: what the server makes of a client that comes back.

#[path = "resume/guest.rs"]
mod guest;

use guest::{Guest, Seen, service};
use serde_json::json;
use socketkit::{CloseCode, Limits, Reject, Server, Socket};
use std::time::Duration;
use tests::{
    chat::{Chat, ClientEvent, ServerEvent, clients, listen, soon, until},
    raw::{Plain, SUBPROTOCOL},
};

fn told(text: &str) -> String {
    format!(r#"{{"event":"told","data":"{text}"}}"#)
}

#[tokio::test]
async fn who_comes_back_misses_nothing_and_repeats_nothing() {
    let (service, mut seen) = service(Limits::default());
    let addr = listen(&service).await;
    let mut guest = Guest::new(addr).await;
    guest.peer.send(r#"{"event":"ask","id":1,"data":{"text":"one"}}"#).await;
    assert_eq!(guest.peer.line().await, r#"{"reply":1,"data":"one"}"#);
    service.io().broadcast(ServerEvent::Told("seen".into()));
    assert_eq!(guest.peer.line().await, told("seen"));
    service.io().broadcast(ServerEvent::Told("missed".into()));
    assert_eq!(guest.peer.line().await, told("missed"));
    drop(guest.peer);
    assert_eq!(soon(seen.recv()).await, Some(Seen::Suspended(CloseCode::LOST)));
    assert_eq!((service.io().len(), service.io().connected()), (1, 0));
    assert!(!service.io().sockets()[0].is_connected());
    service.io().broadcast(ServerEvent::Told("while away".into()));
    service.io().broadcast(ServerEvent::Flash("volatile".into()));
    service.io().broadcast(ServerEvent::Count(1));
    service.io().broadcast(ServerEvent::Count(2));
    // It has processed the reply and the first text.
    let mut peer = Plain::resuming(addr, &guest.token, 2, 1).await;
    let hello = peer.next().await;
    assert_eq!(hello["hello"]["token"], guest.token.as_str());
    assert_eq!((&hello["hello"]["seen"], &hello["hello"]["replay"]), (&json!(1), &json!(3)));
    assert_eq!(peer.line().await, told("missed"));
    assert_eq!(peer.line().await, told("while away"));
    assert_eq!(peer.line().await, r#"{"event":"count","data":2}"#);
    assert_eq!(soon(seen.recv()).await, Some(Seen::Resumed(3)));
    assert_eq!((service.io().len(), service.io().connected()), (1, 1));
    peer.send(r#"{"event":"ask","id":2,"data":{"text":"two"}}"#).await;
    assert_eq!(peer.line().await, r#"{"reply":2,"data":"two"}"#);
    drop(peer);
    assert_eq!(soon(seen.recv()).await, Some(Seen::Suspended(CloseCode::LOST)));
    // The fifth frame to it was the count, the sixth the reply.
    let mut peer = Plain::resuming(addr, &guest.token, 5, 2).await;
    assert_eq!(peer.next().await["hello"]["seen"], 2);
    assert_eq!(peer.line().await, r#"{"reply":2,"data":"two"}"#);
}

#[tokio::test]
async fn a_call_is_answered_once_over_whatever_connection() {
    let (service, mut seen) = service(Limits::default());
    let addr = listen(&service).await;
    let mut guest = Guest::new(addr).await;
    guest.peer.send(r#"{"event":"ask","id":7,"data":{"text":"wait"}}"#).await;
    let Some(Seen::Waiting(go_on)) = soon(seen.recv()).await else { panic!("it waits") };
    let socket = service.io().sockets().remove(0);
    let question = tests::chat::server_event::Question { text: "who?".into() };
    let call = tokio::spawn(socket.call(question));
    assert_eq!(guest.peer.line().await, r#"{"event":"question","id":1,"data":{"text":"who?"}}"#);
    guest.peer.send(r#"{"reply":1,"data":"ada"}"#).await;
    assert_eq!(soon(call).await.unwrap().unwrap(), "ada");
    drop(guest.peer);
    until(|| !socket.is_connected()).await;
    // A handler goes on, and what it answers waits.
    go_on.send(()).unwrap();
    let mut peer = Plain::resuming(addr, &guest.token, 1, 1).await;
    // The question was asked, and the answer was taken: neither comes again.
    assert_eq!(peer.next().await["hello"]["seen"], 2);
    assert_eq!(peer.line().await, r#"{"reply":7,"data":"wait"}"#);
    assert!(matches!(soon(seen.recv()).await, Some(Seen::Suspended(_))));
}

#[tokio::test]
async fn what_was_processed_is_said_after_64_frames_or_a_second() {
    let (service, _seen) = service(Limits::default());
    let mut guest = Guest::new(listen(&service).await).await;
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

#[tokio::test]
async fn what_was_processed_is_said_before_a_farewell() {
    let (service, _seen) = service(Limits::default());
    let mut guest = Guest::new(listen(&service).await).await;
    for _ in 0..3 {
        guest.peer.send(r#"{"event":"tell","data":"x"}"#).await;
    }
    guest.peer.send(r#"{"event":"nonsense"}"#).await;
    assert_eq!(guest.peer.next().await["error"]["code"], "unknown_event");
    service.io().sockets().iter().for_each(Socket::close);
    assert_eq!(guest.control().await, r#"{"seen":4}"#);
}

#[tokio::test]
async fn a_token_that_is_none_begins_a_new_session() {
    let (service, mut seen) = service(Limits::default());
    let addr = listen(&service).await;
    let guest = Guest::new(addr).await;
    let forged = format!("{}AAAA", &guest.token[..guest.token.len() - 4]);
    for token in ["", "x", &forged, &"A".repeat(32), &"A".repeat(5_000)] {
        let mut peer = Plain::resuming(addr, token, 0, 1).await;
        let hello = peer.next().await;
        assert_eq!((&hello["hello"]["gap"], hello["hello"].get("seen")), (&json!("unknown"), None));
        assert_ne!(hello["hello"]["token"], guest.token.as_str());
        soon(peer.leave(1000)).await;
        assert_eq!(soon(seen.recv()).await, Some(Seen::Ended(CloseCode::DONE)));
    }
    assert_eq!(service.io().len(), 1, "nobody else noticed");
}

#[tokio::test]
async fn numbers_that_are_none_close_with_4400() {
    let (service, _seen) = service(Limits::default());
    let addr = listen(&service).await;
    let guest = Guest::new(addr).await;
    let token = &guest.token;
    for ticket in
        [format!("{token}.0"), format!("{token}.-1.1"), format!("{token}.01.1"), token.clone()]
    {
        let mut peer = Plain::offering(addr, &format!("{SUBPROTOCOL}, resume.{ticket}")).await;
        assert_eq!(soon(peer.closed()).await.0, 4400, "{ticket}");
    }
    for frames in [
        &[r#"{"seen":1}"#][..],
        &[r#"{"seen":18446744073709551615}"#],
        &[r#"{"event":"ask","id":1,"data":{"text":"x"}}"#, r#"{"seen":1}"#, r#"{"seen":0}"#],
        &[r#"{"seen":-1}"#],
    ] {
        let mut bad = Guest::new(addr).await;
        for frame in frames {
            bad.peer.send(*frame).await;
            if frame.contains("ask") {
                assert!(bad.peer.line().await.contains("reply"));
            }
        }
        assert_eq!(soon(bad.peer.closed()).await.0, 4400, "{frames:?}");
    }
    assert!(service.io().socket(service.io().sockets()[0].id()).is_some());
}

#[tokio::test]
async fn what_cannot_be_sent_again_is_a_gap() {
    let limits = Limits::default().window(4);
    let (service, mut seen) = service(limits);
    let addr = listen(&service).await;
    for (read, frames, claimed) in [(0, 6, 1), (0, 2, 3), (2, 2, 1)] {
        let mut guest = Guest::new(addr).await;
        for number in 0..frames {
            service.io().broadcast(ServerEvent::Told(number.to_string()));
            assert_eq!(guest.peer.line().await, told(&number.to_string()));
        }
        if read > 0 {
            guest.peer.send(format!(r#"{{"seen":{read}}}"#)).await;
        }
        drop(guest.peer);
        assert_eq!(soon(seen.recv()).await, Some(Seen::Suspended(CloseCode::LOST)));
        let mut peer = Plain::resuming(addr, &guest.token, claimed, 1).await;
        assert_eq!(peer.next().await["hello"]["gap"], "overflow", "{frames} {claimed}");
        assert_eq!(soon(seen.recv()).await, Some(Seen::Ended(CloseCode::LOST)));
        soon(peer.leave(1000)).await;
        assert_eq!(soon(seen.recv()).await, Some(Seen::Ended(CloseCode::DONE)));
    }
}

#[tokio::test]
async fn the_newest_connection_has_the_session_however_late_another_comes() {
    let (service, mut seen) = service(Limits::default());
    let addr = listen(&service).await;
    let mut guest = Guest::new(addr).await;
    let mut second = Plain::resuming(addr, &guest.token, 0, 2).await;
    assert_eq!(second.next().await["hello"]["seen"], 0);
    assert_eq!(soon(guest.peer.closed()).await.0, 4409);
    assert_eq!(soon(seen.recv()).await, Some(Seen::Resumed(0)));
    for attempt in [0, 1, 2] {
        let mut late = Plain::resuming(addr, &guest.token, 0, attempt).await;
        assert_eq!(soon(late.closed()).await.0, 4409, "{attempt}");
    }
    second.send(r#"{"event":"ask","id":1,"data":{"text":"still here"}}"#).await;
    assert_eq!(second.line().await, r#"{"reply":1,"data":"still here"}"#);
    assert_eq!(service.io().len(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_that_comes_in_the_moment_in_which_the_loss_is_noticed_is_not_overlooked() {
    let (service, _seen) = service(Limits::default());
    let addr = listen(&service).await;
    let mut guests = Vec::new();
    for _ in 0..8 {
        let Guest { mut peer, token } = Guest::new(addr).await;
        guests.push(tokio::spawn(async move {
            for attempt in 1..=400 {
                // Nobody waits until the server knows.
                drop(peer);
                peer = Plain::resuming(addr, &token, 0, attempt).await;
                assert_eq!(peer.next().await["hello"]["seen"], 0, "{attempt}");
            }
        }));
    }
    for guest in guests {
        guest.await.unwrap();
    }
}

#[tokio::test]
async fn of_a_storm_with_one_token_one_has_the_session() {
    let (service, _seen) = service(Limits::default());
    let addr = listen(&service).await;
    let mut other = Guest::new(addr).await;
    let guest = Guest::new(addr).await;
    let storm = (1..=1_000).map(|attempt| {
        let token = guest.token.clone();
        tokio::spawn(async move {
            let mut peer = Plain::resuming(addr, &token, 0, attempt).await;
            match peer.first().await {
                Ok(hello) => {
                    assert_eq!(hello["hello"]["seen"], 0);
                    peer.send(r#"{"event":"ask","id":1,"data":{"text":"me?"}}"#).await;
                    peer.first().await.map(|reply| assert_eq!(reply["reply"], 1))
                }
                Err(code) => Err(code),
            }
        })
    });
    let mut served = 0;
    for one in storm.collect::<Vec<_>>() {
        match soon(one).await.unwrap() {
            Ok(()) => served += 1,
            Err(code) => assert_eq!(code, 4409),
        }
    }
    assert!(served >= 1, "the last attempt at least");
    other.peer.send(r#"{"event":"ask","id":1,"data":{"text":"undisturbed"}}"#).await;
    assert_eq!(other.peer.line().await, r#"{"reply":1,"data":"undisturbed"}"#);
    assert_eq!(service.io().len(), 2);
}

#[tokio::test]
async fn who_leaves_on_purpose_or_stays_away_has_no_session() {
    for (how, code) in [(1000, CloseCode::DONE), (0, CloseCode::LOST)] {
        let (service, mut seen) = service(Limits::default().resume(Duration::from_millis(100)));
        let addr = listen(&service).await;
        let mut guest = Guest::new(addr).await;
        if how == 0 {
            drop(guest.peer);
            assert_eq!(soon(seen.recv()).await, Some(Seen::Suspended(CloseCode::LOST)));
        } else {
            soon(guest.peer.leave(how)).await;
        }
        assert_eq!(soon(seen.recv()).await, Some(Seen::Ended(code)));
        let mut peer = Plain::resuming(addr, &guest.token, 0, 1).await;
        assert_eq!(peer.next().await["hello"]["gap"], "unknown");
    }
}

#[tokio::test]
async fn a_browser_that_says_1001_of_a_connection_does_not_speak_for_the_session() {
    let (service, mut seen) = service(Limits::default());
    let addr = listen(&service).await;
    let mut guest = Guest::new(addr).await;
    soon(guest.peer.leave(1001)).await;
    assert_eq!(soon(seen.recv()).await, Some(Seen::Suspended(CloseCode::AWAY)));
    let mut peer = Plain::resuming(addr, &guest.token, 0, 1).await;
    assert_eq!(peer.next().await["hello"]["seen"], 0);
    assert_eq!(soon(seen.recv()).await, Some(Seen::Resumed(0)));
}

#[tokio::test]
async fn without_time_to_come_back_there_is_no_token() {
    let (service, mut seen) = service(Limits::default().resume(Duration::ZERO));
    let mut peer = Plain::open(listen(&service).await, true).await;
    assert_eq!(peer.next().await["hello"].get("token"), None);
    drop(peer);
    assert_eq!(soon(seen.recv()).await, Some(Seen::Ended(CloseCode::LOST)));
}

#[tokio::test]
async fn who_is_let_in_is_decided_on_every_connection() {
    let service = Server::<Chat>::new()
        .authorize(async |handshake: socketkit::Handshake| match handshake.query("user") {
            Some("nobody") => Err(Reject::new("unauthorized", "not any more")),
            user => Ok(user.unwrap_or("ada").to_owned()),
        })
        .identify(|user: &String| user.clone())
        .on(async |ask: tests::chat::client_event::Ask, user: socketkit::Session<String>| {
            format!("{} {}", *user, ask.text)
        })
        .fallback(async |_: ClientEvent| {})
        .build();
    let addr = listen(&service).await;
    let guest = Guest::new(addr).await;
    let as_user = async |user: &str, attempt: u32| {
        let ticket = format!("{SUBPROTOCOL}, resume.{}.0.{attempt}", guest.token);
        Plain::at(addr, &format!("/ws?user={user}"), &ticket).await
    };
    // Another has a session of its own.
    let mut other = as_user("bob", 1).await;
    assert_eq!(other.next().await["hello"]["gap"], "unknown");
    assert_eq!(service.io().connected(), 2);
    let mut same = as_user("ada", 1).await;
    assert_eq!(same.next().await["hello"]["seen"], 0);
    same.send(r#"{"event":"ask","id":1,"data":{"text":"hi"}}"#).await;
    assert_eq!(same.line().await, r#"{"reply":1,"data":"ada hi"}"#);
    let mut refused = as_user("nobody", 2).await;
    assert_eq!(soon(refused.closed()).await, (4401, "not any more".into()));
    assert_eq!(soon(same.closed()).await.0, 4401, "and its session is over");
    until(|| service.io().len() == 1).await;
}

#[tokio::test]
async fn who_comes_back_takes_no_second_place() {
    let (service, mut seen) = service(Limits::default().sockets(1));
    let addr = listen(&service).await;
    let guest = Guest::new(addr).await;
    drop(guest.peer);
    assert_eq!(soon(seen.recv()).await, Some(Seen::Suspended(CloseCode::LOST)));
    let mut other = Plain::open(addr, true).await;
    assert_eq!(soon(other.closed()).await.0, 1013);
    let mut peer = Plain::resuming(addr, &guest.token, 0, 1).await;
    assert_eq!(peer.next().await["hello"]["seen"], 0);
}

#[tokio::test]
async fn one_that_stays_away_while_too_much_comes_ends() {
    let limits = Limits::default().queue(8).stall(Duration::ZERO);
    let (service, mut seen) = service(limits);
    let [mut other] = clients(&service).await;
    let addr = listen(&service).await;
    let guest = Guest::new(addr).await;
    drop(guest.peer);
    assert_eq!(soon(seen.recv()).await, Some(Seen::Suspended(CloseCode::LOST)));
    for number in 0..20 {
        service.io().broadcast(ServerEvent::Told(number.to_string()));
        assert_eq!(tests::chat::next(&mut other).await, ServerEvent::Told(number.to_string()));
    }
    assert_eq!(soon(seen.recv()).await, Some(Seen::Ended(CloseCode::TOO_SLOW)));
    let mut peer = Plain::resuming(addr, &guest.token, 0, 1).await;
    assert_eq!(peer.next().await["hello"]["gap"], "unknown");
}

#[tokio::test]
async fn one_that_is_silent_for_too_long_can_come_back() {
    let (service, mut seen) = service(Limits::default().heartbeat(Duration::from_millis(50)));
    let addr = listen(&service).await;
    let mut guest = Guest::quiet(addr).await;
    assert_eq!(soon(seen.recv()).await, Some(Seen::Suspended(CloseCode::TIMEOUT)));
    assert_eq!(guest.closed().await, 4408);
    let mut peer = Plain::resuming(addr, &guest.token, 0, 1).await;
    assert_eq!(peer.next().await["hello"]["seen"], 0);
}
