//! The places that events have in a cluster with a log: what a client says of those that it has seen, and
//! that servers take it.

use serde_json::json;
use socketkit::{CallError, Client, Gap, Limits, Server, Status};
use std::time::Duration;
use tests::{
    chat::{Chat, ClientEvent, ServerEvent, client_event::*, listen, next, soon},
    raw::{Plain, SUBPROTOCOL},
    stage::{Peer, Stage},
};

/// As many as a client keeps.
const MOST: u64 = 99;

/// Nodes of which a client says places, beside how long it heard nothing.
const NODES: u64 = MOST - 1;

fn place(node: u64, number: u64) -> String {
    format!("{node:016x}{number:012x}")
}

fn ticket(start: &str, places: impl IntoIterator<Item = (u64, u64)>) -> String {
    let places = places.into_iter().map(|(node, number)| format!(".{}", place(node, number)));
    format!("{SUBPROTOCOL}, resume.{start}{}", places.collect::<String>())
}

/// A client, and the server's end of its first connection.
async fn connected() -> (Client<Chat>, Stage, Peer) {
    let mut stage = Stage::open([("/", "")]).await;
    let limits = Limits::default().backoff((Duration::from_millis(1), Duration::from_millis(5)));
    let url = stage.url("/ws").replacen("http", "ws", 1);
    let connecting = tokio::spawn(Client::<Chat>::builder(url).limits(limits).connect());
    let mut peer = stage.accept().await;
    peer.welcome(r#""token":"t""#).await;
    (soon(connecting).await.unwrap().unwrap(), stage, peer)
}

/// Sends an event that is at a place, and waits until the client has it.
async fn tell(client: &mut Client<Chat>, peer: &mut Peer, at: &str) {
    peer.send(&format!(r#"{{"event":"told","at":{at},"data":"x"}}"#)).await;
    assert_eq!(next(client).await, ServerEvent::Told("x".into()));
}

async fn tell_all(
    client: &mut Client<Chat>,
    peer: &mut Peer,
    places: impl IntoIterator<Item = (u64, u64)>,
) {
    for (node, number) in places {
        tell(client, peer, &json!(place(node, number)).to_string()).await;
    }
}

/// Ends the connection: the client comes back and offers this.
async fn comes_back(stage: &mut Stage, peer: Peer, offer: &str) -> Peer {
    drop(peer);
    let knock = stage.knock().await;
    assert_eq!(offered(knock.header("sec-websocket-protocol")), offer);
    knock.accept().await
}

/// What a client offers, but for how long it heard nothing: that comes last, behind places, for a node of zeros.
fn offered(header: Option<&str>) -> String {
    let offer = header.expect("it offers something");
    let Some((rest, away)) = offer.rsplit_once(".0000000000000000") else { return offer.into() };
    let away = u64::from_str_radix(away, 16).unwrap();
    assert!(away > 0 && Duration::from_millis(away) < tests::chat::PATIENCE, "{offer}");
    rest.into()
}

#[tokio::test]
async fn a_client_says_the_newest_place_of_each_node_whatever_the_session() {
    let (mut client, mut stage, mut peer) = connected().await;
    // Nothing, where no event has a place.
    peer.send(r#"{"event":"told","data":"x"}"#).await;
    next(&mut client).await;
    let mut peer = comes_back(&mut stage, peer, &ticket("t.1.1", [])).await;
    peer.welcome(r#""token":"t","seen":0"#).await;
    tell_all(&mut client, &mut peer, [(1, 1), (2, 1), (1, 2)]).await;
    // An event that the client does not know is one all the same.
    peer.send(&format!(r#"{{"event":"unheard_of","at":"{}"}}"#, place(3, 1))).await;
    tell_all(&mut client, &mut peer, [(0, 0)]).await;
    for none in [r#""ABCDEF0123456789abcdef012345""#, r#""000000000000000400000000001""#, "7"] {
        tell(&mut client, &mut peer, none).await;
    }
    let mut peer = comes_back(&mut stage, peer, &ticket("t.9.2", [(2, 1), (1, 2), (3, 1)])).await;
    peer.welcome(r#""token":"t","seen":0"#).await;
    tell_all(&mut client, &mut peer, [(2, 2)]).await;
    let mut peer = comes_back(&mut stage, peer, &ticket("t.10.3", [(1, 2), (3, 1), (2, 2)])).await;
    peer.welcome(r#""token":"u","gap":"unknown""#).await;
    tell_all(&mut client, &mut peer, [(1, 3)]).await;
    comes_back(&mut stage, peer, &ticket("u.1.4", [(3, 1), (2, 2), (1, 3)])).await;
}

#[tokio::test]
async fn a_client_forgets_the_place_that_was_changed_longest_ago() {
    let (mut client, mut stage, mut peer) = connected().await;
    let all = (1..=NODES).map(|node| (node, 1));
    tell_all(&mut client, &mut peer, all.chain([(1, 2), (NODES + 1, 1)])).await;
    let kept = (3..=NODES).map(|node| (node, 1)).chain([(1, 2), (NODES + 1, 1)]);
    comes_back(&mut stage, peer, &ticket("t.100.1", kept)).await;
}

#[tokio::test]
async fn a_session_that_another_node_goes_on_with_is_reset_and_its_calls_are_lost() {
    let (mut client, mut stage, mut peer) = connected().await;
    let mut status = client.status();
    tell_all(&mut client, &mut peer, [(1, 1)]).await;
    let sent = tokio::spawn(client.call(Ask { text: "sent".into() }));
    assert_eq!(peer.json().await["data"]["text"], "sent");
    client.emit(Tell("sent".into()));
    assert_eq!(peer.json().await["data"], "sent");
    drop(peer);
    soon(status.wait_for(|status| !status.is_connected())).await.unwrap();
    let waiting = tokio::spawn(client.call(Ask { text: "waits".into() }));
    let knock = stage.knock().await;
    assert_eq!(offered(knock.header("sec-websocket-protocol")), ticket("t.1.1", [(1, 1)]));
    let mut peer = knock.accept().await;
    peer.welcome(r#""token":"u","gap":"recovered""#).await;
    let reset = Status::Reset { reason: Gap::Recovered, unconfirmed: 2 };
    assert_eq!(*soon(status.wait_for(Status::is_connected)).await.unwrap(), reset);
    assert!(matches!(soon(sent).await.unwrap(), Err(CallError::Lost)));
    // What was never sent goes out, and what the client has not seen comes.
    let call = peer.json().await;
    assert_eq!(call["data"]["text"], "waits");
    tell_all(&mut client, &mut peer, [(1, 2), (2, 7)]).await;
    peer.send(&json!({ "reply": call["id"], "data": "heard" }).to_string()).await;
    assert_eq!(soon(waiting).await.unwrap().unwrap(), "heard");
    comes_back(&mut stage, peer, &ticket("u.3.2", [(1, 2), (2, 7)])).await;
}

#[tokio::test]
async fn a_server_without_a_log_takes_a_ticket_with_places_and_none_that_are_malformed() {
    let service = Server::<Chat>::new().fallback(async |_: ClientEvent| {}).build();
    let addr = listen(&service).await;
    let mut first = Plain::open(addr, true).await;
    let hello = first.next().await;
    let token = hello["hello"]["token"].as_str().expect("a token");
    let most = (1..=MOST).map(|node| (node, u64::from(u32::MAX)));
    let offer = ticket(&format!("{token}.0.1"), most.clone());
    assert!(offer.len() > 2_900);
    let mut peer = Plain::offering(addr, &offer).await;
    let again = peer.next().await;
    assert_eq!(
        (&again["hello"]["session"], &again["hello"]["seen"]),
        (&hello["hello"]["session"], &json!(0))
    );
    let too_many = ticket(&format!("{token}.0.2"), most.chain([(100, 1)]));
    let valid = ticket(&format!("{token}.0.2"), [(1, 1)]);
    for offer in [too_many, format!("{valid}0"), format!("{valid}."), valid.replace("01", "0A")] {
        let mut peer = Plain::offering(addr, &offer).await;
        assert_eq!(peer.first().await, Err(4400), "{offer}");
    }
    let mut peer = Plain::offering(addr, &valid).await;
    assert_eq!(peer.next().await["hello"]["seen"], 0);
}
