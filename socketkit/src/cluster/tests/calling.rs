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
