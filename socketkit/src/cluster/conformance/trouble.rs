//! Servers that are not there, do not answer, or do not want to.

use super::{CONTROL, Kind, Node, SOON, message, room};
use crate::cluster::{
    channel::{Channel, Interest},
    engine::{Change, Engine, Line},
    server::free_port,
};
use std::time::{Duration, Instant};
use tokio::time::timeout;

pub(super) async fn a_line_without_messages_stays(kind: &Kind) {
    let (_server, engine) = kind.start();
    let mut node = Node::of(&*engine).await;
    node.begin(&[room(1)]).await;
    // Longer than a server has for an answer.
    let nothing = timeout(Duration::from_secs(5), node.0.receiver.receive()).await;
    assert!(nothing.is_err());
    node.say(Channel::Room(1), "there").await;
    assert_eq!(node.hear(1).await, ["there"]);
}

async fn connect_error(engine: &dyn Engine) -> (String, Duration) {
    let since = Instant::now();
    let connected = timeout(SOON, engine.connect("forum", None)).await.unwrap();
    (connected.err().unwrap().to_string(), since.elapsed())
}

pub(super) async fn a_port_that_is_closed_is_an_error_at_once(kind: &Kind) {
    let host = format!("127.0.0.1:{}", free_port());
    let engine = (kind.engine)(host.clone());
    let (error, after) = connect_error(&*engine).await;
    assert!(error.contains(&host) && error.contains("refused"), "{error}");
    assert!(after < Duration::from_secs(1), "after {after:?}");
}

pub(super) async fn a_server_that_does_not_answer_is_an_error_in_time(kind: &Kind) {
    let (server, engine) = kind.start();
    server.signal("STOP");
    let (error, after) = connect_error(&*engine).await;
    assert!(error.contains(&server.port.to_string()), "{error}");
    assert!(after < Duration::from_secs(6), "after {after:?}");
}

pub(super) async fn a_wrong_password_is_named_as_such(kind: &Kind) {
    let server = (kind.server)(kind.password);
    for login in ["default:wrong@", ""] {
        let engine = (kind.engine)(format!("{login}127.0.0.1:{}", server.port));
        let (error, _) = connect_error(&*engine).await;
        assert!(error.contains("refuses the login"), "{error}");
        assert!(!error.contains("wrong") && !format!("{engine:?}").contains("wrong"), "{error}");
    }
}

pub(super) async fn a_right_password_opens(kind: &Kind) {
    let server = (kind.server)(kind.password);
    // The `g`, percent-encoded.
    let engine = (kind.engine)(format!("default:ri%67ht@127.0.0.1:{}", server.port));
    let mut node = Node::of(&*engine).await;
    node.begin(&[room(1)]).await;
    node.say(Channel::Room(1), "in").await;
    assert_eq!(node.hear(1).await, ["in"]);
}

/// Neither half has anything to say any more.
async fn assert_over(node: &mut Node) {
    let publisher = &mut node.0.publisher;
    let published = timeout(SOON, publisher.publish(vec![message(Channel::All, "late")])).await;
    published.unwrap().unwrap_err();
    let changes = vec![Change::Begin(Interest::Rooms)];
    timeout(SOON, publisher.subscribe(changes)).await.unwrap().unwrap_err();
    node.fail().await;
}

pub(super) async fn the_end_of_the_server_ends_both_halves(kind: &Kind) {
    let (server, engine) = kind.start();
    let mut node = Node::of(&*engine).await;
    node.begin(&[CONTROL, room(1)]).await;
    server.signal("KILL");
    let (_, after) = node.fail().await;
    assert!(after < Duration::from_secs(3), "after {after:?}");
    assert_over(&mut node).await;
}

pub(super) async fn a_server_that_hangs_ends_both_halves(kind: &Kind) {
    let (server, engine) = kind.start();
    let mut node = Node::of(&*engine).await;
    node.begin(&[CONTROL, room(1)]).await;
    server.signal("STOP");
    let (_, after) = node.fail().await;
    assert!(after < Duration::from_secs(6), "after {after:?}");
    assert_over(&mut node).await;
}

pub(super) async fn a_half_that_is_dropped_ends_the_other(kind: &Kind) {
    let (_server, engine) = kind.start();
    let Line { publisher, mut receiver, .. } = engine.connect("forum", None).await.unwrap();
    drop(publisher);
    timeout(SOON, receiver.receive()).await.unwrap().unwrap_err();
    let Line { mut publisher, receiver, .. } = engine.connect("forum", None).await.unwrap();
    drop(receiver);
    publisher.publish(vec![message(Channel::All, "late")]).await.unwrap_err();
}
