//! What a test gets that asks its kit for what there is not, or for more time than there is.

use socketkit::{
    Reject, Server, Service, Socket, Status,
    test::{Kit, Node},
};
use std::time::Duration;
use tests::chat::{
    Chat, ClientEvent,
    client_event::{Ask, Tell},
    message,
    server_event::Told,
};

fn service() -> Service<Chat> {
    Server::<Chat>::new()
        .on(async |ask: Ask| ask.text)
        .on(async |Tell(text): Tell, socket: Socket<Chat>| {
            socket.io().broadcast(Told(text));
        })
        .fallback(async |_: ClientEvent| {})
        .build()
}

/// A node that only another kit has.
fn foreign() -> Node {
    let other = Kit::new(service());
    other.node(service())
}

#[tokio::test(start_paused = true)]
async fn an_event_may_be_waited_for_without_end() {
    let kit = Kit::new(service());
    let mut ada = kit.connect().await;
    ada.emit(Tell("hello".into()));
    assert_eq!(ada.expect_within::<Told>(Duration::MAX).await.0, "hello");
}

#[tokio::test(start_paused = true)]
async fn nothing_may_be_waited_for_without_end() {
    let kit = Kit::new(service());
    let mut ada = kit.connect().await;
    ada.emit(Tell("hello".into()));
    let said = message(async move { ada.expect_nothing(Duration::MAX).await }).await;
    assert!(said.contains("  told \"hello\"\n"), "{said}");
}

#[tokio::test(start_paused = true)]
async fn a_node_of_another_kit_is_named_when_a_client_connects_to_it() {
    let (kit, node) = (Kit::new(service()), foreign());
    let said = message(async move { _ = kit.connect_to(node).await }).await;
    assert!(said.contains("there is no Node(1)"), "{said}");
}

#[tokio::test(start_paused = true)]
async fn a_route_to_a_node_of_another_kit_is_told_by_the_trace() {
    let (kit, node) = (Kit::new(service()), foreign());
    let ada = kit.connect().await;
    ada.link().route(node);
    ada.link().cut();
    ada.link().restore();
    let said = message(async move { ada.connected().await }).await;
    assert!(said.contains("#1 finds no node 1"), "{said}");
    assert!(!kit.trace().ends_with("opens /\n"), "{}", kit.trace());
}

#[tokio::test(start_paused = true)]
async fn clients_outlive_their_kit() {
    let kit = Kit::new(service());
    let mut ada = kit.connect().await;
    drop(kit);
    ada.link().cut();
    ada.emit(Tell("hello".into()));
    ada.link().restore();
    assert_eq!(ada.expect::<Told>().await.0, "hello");
    assert!(matches!(*ada.status().borrow(), Status::Resumed { .. }));
}

#[tokio::test(start_paused = true)]
async fn terms_out_of_all_proportion_end_with_a_message() {
    for terms in [(Duration::MAX, 0), (Duration::ZERO, 1), (Duration::MAX, u64::MAX)] {
        let kit = Kit::new(service());
        let mut ada = kit.connect().await;
        ada.link().delay(terms.0);
        ada.link().throttle(terms.1);
        ada.emit(Tell("hello ".repeat(1_000)));
        let said = message(async move { _ = ada.expect::<Told>().await }).await;
        assert!(said.contains("no `told` within 120s"), "{said}");
    }
}

#[test]
fn a_refusal_is_read_by_people() {
    assert_eq!(
        Reject::new("empty", "a post needs a body").to_string(),
        "a post needs a body (empty)"
    );
    // Of what it stands for nothing is shown, as on the wire.
    assert_eq!(Reject::internal("the disk is full").to_string(), "internal error (internal)");
}
