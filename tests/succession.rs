//! Where a session does not simply go on: who has it and its place, and what of it counts as processed.

#[path = "resume/guest.rs"]
#[allow(dead_code, reason = "not all of it is needed here")]
mod guest;

use guest::Guest;
use socketkit::{Limits, Reject, Server};
use tests::{
    chat::{Chat, ClientEvent, listen, soon, until},
    raw::{Bytes, Plain, SUBPROTOCOL, upgrade},
};

#[tokio::test]
async fn whose_session_does_not_go_on_has_no_second_place() {
    let service = Server::<Chat>::new()
        .limits(Limits::default().sockets(1))
        .authorize(async |handshake: socketkit::Handshake| {
            Ok::<_, Reject>(handshake.query("user").unwrap_or("ada").to_owned())
        })
        .identify(|user: &String| user.clone())
        .fallback(async |_: ClientEvent| {})
        .build();
    let addr = listen(&service).await;
    let guest = Guest::new(addr).await;
    let ticket = format!("resume.{}.0.1", guest.token);
    let mut other = Plain::at(addr, "/ws?user=bob", &format!("{SUBPROTOCOL}, {ticket}")).await;
    assert_eq!(other.first().await, Err(1013), "of another identity");
    let mut plain = Bytes::connect(addr).await;
    plain.write(&upgrade(&[("sec-websocket-protocol", &ticket)])).await;
    assert_eq!(plain.status().await, 503, "without our subprotocol");
    // What was missed is not kept: the new session has the place of the old one.
    let mut again = Plain::resuming(addr, &guest.token, 99, 1).await;
    assert_eq!(again.next().await["hello"]["gap"], "overflow");
    until(|| service.io().len() == 1).await;
    let mut third = Plain::open(addr, true).await;
    assert_eq!(third.first().await, Err(1013), "and there is no other");
}
