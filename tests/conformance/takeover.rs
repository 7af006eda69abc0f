//! Who has a session when several connections ask for it, and who may have it.

use crate::guest::{Guest, Seen, nodes};
use socketkit::{CloseCode, Limits, Reject, Server};
use tests::{
    chat::{Chat, ClientEvent, soon, until},
    nodes::Fixture,
    on_each_fixture,
    raw::{Plain, SUBPROTOCOL},
};

// On one thread: of several, one may find an old connection in the midst of a write, and such a one
// ends without a farewell.
on_each_fixture! {
    #[tokio::test]
    the_newest_connection_has_the_session_however_late_another_comes,
    of_a_storm_with_one_token_one_has_the_session,
    who_is_let_in_is_decided_on_every_connection,
    who_comes_back_takes_no_second_place,
}

async fn the_newest_connection_has_the_session_however_late_another_comes(on: Fixture) {
    let (nodes, mut seen) = nodes(on, Limits::default()).await;
    let mut guest = Guest::new(nodes.addr()).await;
    let mut second = Plain::resuming(nodes.addr(), &guest.token, 0, 2).await;
    assert_eq!(second.next().await["hello"]["seen"], 0);
    assert_eq!(soon(guest.peer.closed()).await.0, 4409);
    assert_eq!(soon(seen.recv()).await, Some(Seen::Resumed(0)));
    for attempt in [0, 1, 2] {
        let mut late = Plain::resuming(nodes.addr(), &guest.token, 0, attempt).await;
        assert_eq!(soon(late.closed()).await.0, 4409, "{attempt}");
    }
    second.send(r#"{"event":"ask","id":1,"data":{"text":"still here"}}"#).await;
    assert_eq!(second.line().await, r#"{"reply":1,"data":"still here"}"#);
    nodes.count(1).await;
}

async fn of_a_storm_with_one_token_one_has_the_session(on: Fixture) {
    let (nodes, _seen) = nodes(on, Limits::default()).await;
    let mut other = Guest::new(nodes.addr()).await;
    let guest = Guest::new(nodes.addr()).await;
    let storm = (1..=1_000).map(|attempt| {
        let (token, addr) = (guest.token.clone(), nodes.addr());
        tokio::spawn(async move {
            let mut peer = Plain::resuming(addr, &token, 0, attempt).await;
            match peer.first().await {
                Ok(hello) => {
                    // What one before it asked may be processed.
                    assert!(hello["hello"]["seen"].is_u64(), "its session goes on: {hello}");
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
    other.is_undisturbed().await;
    nodes.count(2).await;
}

async fn who_is_let_in_is_decided_on_every_connection(on: Fixture) {
    let build = |server: Server<Chat>| {
        server
            .authorize(async |handshake: socketkit::Handshake| match handshake.query("user") {
                Some("nobody") => Err(Reject::new("unauthorized", "not any more")),
                user => Ok(user.unwrap_or("ada").to_owned()),
            })
            .identify(|user: &String| user.clone())
            .on(async |ask: tests::chat::client_event::Ask, user: socketkit::Session<String>| {
                format!("{} {}", *user, ask.text)
            })
            .fallback(async |_: ClientEvent| {})
            .build()
    };
    let nodes = on.nodes(build).await;
    let guest = Guest::new(nodes.addr()).await;
    let as_user = async |user: &str, attempt: u32| {
        let ticket = format!("{SUBPROTOCOL}, resume.{}.0.{attempt}", guest.token);
        Plain::at(nodes.addr(), &format!("/ws?user={user}"), &ticket).await
    };
    // Another has a session of its own.
    let mut other = as_user("bob", 1).await;
    assert_eq!(other.next().await["hello"]["gap"], "unknown");
    until(|| nodes.ios().all(|io| io.connected() == 2)).await;
    let mut same = as_user("ada", 1).await;
    assert_eq!(same.next().await["hello"]["seen"], 0);
    same.send(r#"{"event":"ask","id":1,"data":{"text":"hi"}}"#).await;
    assert_eq!(same.line().await, r#"{"reply":1,"data":"ada hi"}"#);
    let mut refused = as_user("nobody", 2).await;
    assert_eq!(soon(refused.closed()).await, (4401, "not any more".into()));
    assert_eq!(soon(same.closed()).await.0, 4401, "and its session is over");
    nodes.count(1).await;
}

async fn who_comes_back_takes_no_second_place(on: Fixture) {
    let (nodes, mut seen) = nodes(on, Limits::default().sockets(1)).await;
    // Of one node: another has a place for each of them.
    let addr = nodes.addr();
    let guest = Guest::new(addr).await;
    drop(guest.peer);
    assert_eq!(soon(seen.recv()).await, Some(Seen::Suspended(CloseCode::LOST)));
    let mut other = Plain::open(addr, true).await;
    assert_eq!(soon(other.closed()).await.0, 1013);
    let mut peer = Plain::resuming(addr, &guest.token, 0, 1).await;
    assert_eq!(peer.next().await["hello"]["seen"], 0);
}
