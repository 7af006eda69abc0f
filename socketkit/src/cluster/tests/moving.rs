//! Sessions whose client comes to another node.

use super::{Join, Memory, Say, ServerEvent, nodes, said, server_event, soon, until};
use crate::{
    Client, ClientBuilder, ClusterStatus, Protocol, Service, Status,
    dial::{Pipe, To},
    peer::lock,
    transport::Stream,
};
use std::{
    io,
    sync::{Arc, Mutex},
    time::Duration,
};
use tokio::{
    io::{copy_bidirectional, duplex},
    task::AbortHandle,
};

/// Connects to one of several nodes, and cuts the connection on demand.
pub(super) struct Roaming<P: Protocol> {
    nodes: Mutex<Vec<Service<P>>>,
    at: Mutex<(usize, Option<AbortHandle>)>,
}

impl<P: Protocol> Roaming<P> {
    pub(super) fn new(nodes: &[Service<P>]) -> Arc<Self> {
        Arc::new(Self { nodes: Mutex::new(nodes.to_vec()), at: Mutex::new((0, None)) })
    }

    pub(super) fn client(self: &Arc<Self>) -> ClientBuilder<P> {
        let limits = crate::Limits::default().backoff((Duration::ZERO, Duration::ZERO));
        let to = To::Pipe(self.clone(), http::Uri::from_static("/"));
        ClientBuilder::new(Ok(to)).limits(limits)
    }

    /// Another node takes the place of one, which nobody comes to any more.
    pub(super) fn replace(&self, node: usize, by: &Service<P>) {
        lock(&self.nodes)[node] = by.clone();
        let mut at = lock(&self.at);
        if at.0 == node {
            at.1.take().into_iter().for_each(|cut| cut.abort());
        }
    }

    /// Cuts the connection; the next goes to this node, or nowhere if there is none.
    pub(super) fn go_to(&self, node: usize) {
        let mut at = lock(&self.at);
        at.0 = node;
        at.1.take().into_iter().for_each(|cut| cut.abort());
    }
}

impl<P: Protocol> Pipe for Roaming<P> {
    fn open(&self, request: http::Request<()>) -> io::Result<Box<dyn Stream>> {
        let mut at = lock(&self.at);
        let service = lock(&self.nodes).get(at.0).cloned();
        let service = service.ok_or(io::ErrorKind::ConnectionRefused)?;
        let (near, mut there) = duplex(64 * 1024);
        let (mut here, far) = duplex(64 * 1024);
        tokio::spawn(async move { service.upgraded(far, request).await });
        let task = tokio::spawn(async move { copy_bidirectional(&mut there, &mut here).await });
        at.1 = Some(task.abort_handle());
        Ok(Box::new(near))
    }
}

pub(super) async fn resumed<P: Protocol>(client: &Client<P>) -> u64 {
    let mut status = client.status();
    let is_back = |status: &Status| matches!(status, Status::Resumed { .. } | Status::Reset { .. });
    match &*soon(status.wait_for(is_back)).await.unwrap() {
        Status::Resumed { replayed } => *replayed,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_session_goes_on_on_another_node() {
    let engine = Memory::default();
    let all = nodes::<3>(&engine).await;
    let roaming = Roaming::new(&all);
    let confirm = async |confirm: server_event::Confirm| confirm.0;
    let mut ada = soon(roaming.client().on(confirm).connect()).await.unwrap();
    soon(ada.call(Join("lobby".into()))).await.unwrap();
    let id = all[0].io().local().sockets()[0].id();
    for (round, to) in [1, 2, 0, 1, 0].into_iter().enumerate() {
        let text = |what: &str| format!("{what} {round}");
        roaming.go_to(to);
        // From whatever node, whether or not it knows that the session has gone.
        for node in &all {
            node.io().to("lobby").emit(ServerEvent::Said(text("lobby")));
        }
        resumed(&ada).await;
        for _ in &all {
            assert_eq!(said(&mut ada).await, text("lobby"));
        }
        until(|| all[to].io().local().len() == 1).await;
        let others = all.iter().enumerate().filter(|(at, _)| *at != to);
        for (_, node) in others {
            assert!(node.io().local().is_empty(), "one node has it");
        }
        assert_eq!(all[to].io().local().sockets()[0].id(), id);
        soon(ada.call(Say { room: Some("lobby".into()), text: text("own") })).await.unwrap();
        assert_eq!(said(&mut ada).await, text("own"));
        for node in &all {
            let socket = node.io().socket(id).unwrap();
            let asked = server_event::Confirm(text("asked"));
            assert_eq!(soon(socket.call(asked)).await.unwrap(), text("asked"));
        }
        for node in &all {
            node.io().broadcast(ServerEvent::Said(text("all")));
            assert_eq!(said(&mut ada).await, text("all"));
        }
    }
    soon(ada.close()).await;
    until(|| all.iter().all(|node| node.io().local().is_empty())).await;
    until(|| all.iter().all(|node| node.io().room_count() == 0)).await;
}

#[tokio::test]
async fn a_session_whose_node_is_gone_is_a_gap_at_once() {
    let engine = Memory::default();
    let [one, two] = nodes(&engine).await;
    let roaming = Roaming::new(&[one, two.clone()]);
    let ada = soon(roaming.client().connect()).await.unwrap();
    let gone = lock(&roaming.nodes)[0].clone();
    gone.io().hub.leave_cluster();
    until(|| two.io().nodes().is_empty()).await;
    roaming.go_to(1);
    until(|| *gone.io().cluster().borrow() == ClusterStatus::Left).await;
    until(|| gone.io().nodes().is_empty()).await;
    let mut status = ada.status();
    soon(status.wait_for(|status| matches!(status, Status::Reset { .. }))).await.unwrap();
    assert_eq!(two.io().local().len(), 1);
}

#[tokio::test]
async fn what_its_last_node_says_while_it_moves_comes_once() {
    let engine = Memory::default();
    let all = nodes::<2>(&engine).await;
    let roaming = Roaming::new(&all);
    let mut ada = soon(roaming.client().connect()).await.unwrap();
    let mut next = 0;
    for round in 0..40 {
        let to = (round + 1) % 2;
        roaming.go_to(to);
        // Until it has come, from both.
        let mut status = ada.status();
        let mut sent = next;
        while !all[to].io().local().sockets().iter().any(super::Socket::is_connected) {
            for node in &all {
                node.io().broadcast(ServerEvent::Said(sent.to_string()));
                sent += 1;
            }
            tokio::task::yield_now().await;
        }
        soon(status.wait_for(Status::is_connected)).await.unwrap();
        let mut heard: Vec<usize> = Vec::new();
        while heard.len() < sent - next {
            heard.push(said(&mut ada).await.parse().unwrap());
        }
        let of = |node: usize| heard.iter().filter(move |number| *number % 2 == node);
        assert!((0..2).all(|node| of(node).is_sorted()), "{heard:?}");
        heard.sort_unstable();
        assert_eq!(heard, (next..sent).collect::<Vec<_>>(), "each once");
        next = sent;
    }
}
