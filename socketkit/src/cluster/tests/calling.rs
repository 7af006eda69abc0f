//! Calls to sockets of other nodes that take long.

use super::{Memory, confirming, node, nodes, replies, server_event::Confirm, soon, until};
use crate::{CallError, Client, Limits};
use std::{future::pending, sync::Arc, time::Duration};
use tokio::sync::Notify;

#[tokio::test]
async fn a_call_to_all_nodes_may_take_for_ever() {
    let engine = Memory::default();
    let [one, two] = nodes(&engine).await;
    let _bob = confirming(&two, "bob").await;
    let call = one.io().all().call(Confirm("?".into())).timeout(Duration::MAX);
    assert_eq!(replies(call).await, (vec!["bob ?".to_owned()], 0));
}

#[tokio::test]
async fn what_a_node_has_asked_is_given_up_when_it_goes() {
    let engine = Memory::default();
    let (one, two) = (node(&engine, Limits::default()), node(&engine, Limits::default().calls(1)));
    soon(two.joined()).await.unwrap();
    until(|| one.io().nodes().len() + two.io().nodes().len() == 2).await;
    let begun = Arc::new(Notify::new());
    let begins = begun.clone();
    let never = async move |_: Confirm| -> String {
        begins.notify_one();
        pending().await
    };
    let _bob = soon(Client::to(&two).on(never).connect()).await.unwrap();
    let socket = two.io().local().sockets().remove(0);
    let refused = async || {
        let call = socket.call(Confirm("!".into())).timeout(Duration::from_millis(1));
        match call.await {
            Err(CallError::Rejected { .. }) => true,
            Err(CallError::Timeout) => false,
            other => panic!("{other:?}"),
        }
    };
    let hour = Duration::from_secs(3_600);
    let mut call = one.io().all().call(Confirm("?".into())).timeout(hour);
    let asking = tokio::spawn(async move { call.next().await });
    soon(begun.notified()).await;
    assert!(refused().await);
    soon(one.shutdown()).await;
    soon(async {
        while refused().await {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    })
    .await;
    asking.abort();
}
