//! Sessions that left a node and come back, where something still holds what they were there.

use super::{
    Join, Memory, Say, ServerEvent,
    departing::count,
    moving::{Roaming, resumed},
    nodes, said, server_event, soon, until,
};
use crate::{Protocol, Server, Service, Socket, cluster::message::Record};
use std::sync::{Arc, atomic::Ordering};
use tokio::sync::Notify;

/// Cuts the connection, and waits until the session has come to this node.
pub(super) async fn moved<P: Protocol>(roaming: &Arc<Roaming<P>>, nodes: &[Service<P>], to: usize) {
    roaming.go_to(to);
    let io = nodes[to].io().local();
    until(|| io.sockets().iter().any(Socket::is_connected)).await;
}

#[tokio::test]
async fn a_handle_of_a_socket_that_went_and_came_back_reaches_it() {
    let engine = Memory::default();
    let all = nodes::<2>(&engine).await;
    let roaming = Roaming::new(&all);
    let confirm = async |confirm: server_event::Confirm| confirm.0;
    let mut ada = soon(roaming.client().on(confirm).connect()).await.unwrap();
    let socket = all[0].io().local().sockets().remove(0);
    moved(&roaming, &all, 1).await;
    assert!(!socket.is_here());
    moved(&roaming, &all, 0).await;
    resumed(&ada).await;
    assert!(socket.is_here() && socket.is_connected());
    let delivery = socket.emit(ServerEvent::Said("event".into()));
    assert_eq!(delivery.queued, 1);
    assert_eq!(said(&mut ada).await, "event");
    let asked = server_event::Confirm("call".into());
    assert_eq!(soon(socket.call(asked)).await.unwrap(), "call");
    socket.join("lobby");
    assert_eq!(all[0].io().to("lobby").len(), 1);
    socket.leave("lobby");
    assert_eq!(all[0].io().room_count(), 0);
    socket.close();
    assert_eq!(soon(ada.recv()).await, None);
}

#[tokio::test]
async fn a_handler_that_is_at_work_until_its_session_is_back_answers_its_call() {
    let engine = Memory::default();
    let (begun, go) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
    let node = || {
        let (begun, go) = (begun.clone(), go.clone());
        let say = async move |_: Say| {
            begun.notify_one();
            go.notified().await;
        };
        Server::<super::Chat>::new().cluster(engine.clone()).ignore::<Join>().on(say).build()
    };
    let all = [node(), node()];
    for node in &all {
        soon(node.joined()).await.unwrap();
    }
    until(|| all.iter().all(|node| node.io().nodes().len() == 1)).await;
    let roaming = Roaming::new(&all);
    let ada = soon(roaming.client().connect()).await.unwrap();
    let call = ada.call(Say { room: None, text: "slow".into() });
    let call = tokio::spawn(call);
    soon(begun.notified()).await;
    moved(&roaming, &all, 1).await;
    moved(&roaming, &all, 0).await;
    go.notify_one();
    soon(call).await.unwrap().unwrap();
}

#[tokio::test]
async fn what_a_socket_has_heard_is_not_said_again_when_it_is_back_where_it_began() {
    let engine = Memory::default();
    let all = nodes::<3>(&engine).await;
    let roaming = Roaming::new(&all);
    let mut ada = soon(roaming.client().connect()).await.unwrap();
    let id = all[0].io().local().sockets()[0].id();
    let emit = |text: &str| all[2].io().socket(id).unwrap().emit(ServerEvent::Said(text.into()));
    let again = count(&engine, |record| matches!(record, Record::Resend { .. }));
    until(|| all[2].io().socket(id).is_some()).await;
    emit("at home");
    assert_eq!(said(&mut ada).await, "at home");
    moved(&roaming, &all, 1).await;
    emit("away");
    assert_eq!(said(&mut ada).await, "away");
    moved(&roaming, &all, 0).await;
    for number in 0..3 {
        emit(&format!("back {number}"));
        assert_eq!(said(&mut ada).await, format!("back {number}"));
    }
    assert_eq!(again.load(Ordering::SeqCst), 0);
}
