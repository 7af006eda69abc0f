//! What is for a session that goes on by the log, and what is not.

use super::{
    super::{memory::Memory, message::Record},
    Chat, Join,
    departing::count,
    durable::{durable, event, flushed, is_gap, node, nodes, recovered},
    moving::Roaming,
    node_of, said, soon, until,
};
use crate::{Emitter, Limits};
use std::{sync::atomic::Ordering, time::Duration};

#[tokio::test]
async fn what_nodes_said_that_were_gone_before_a_session_began_is_not_for_it() {
    let engine = Memory::default();
    let ([stays, gone], lines) = nodes::<2>(&engine).await;
    for text in ["old", "older than the session"] {
        gone.io().to("lobby").emit(event(text));
        gone.io().broadcast(event(text));
    }
    flushed(&gone).await;
    lines[1].cut_off();
    let line = engine.for_one();
    let dies = node(&line);
    soon(dies.joined()).await.unwrap();
    until(|| dies.io().nodes().contains(&stays.io().node())).await;
    let roaming = Roaming::new(&[dies.clone(), stays.clone()]);
    let mut ada = soon(roaming.client().connect()).await.unwrap();
    soon(ada.call(Join("lobby".into()))).await.unwrap();
    dies.io().to("lobby").emit(event("new"));
    assert_eq!(said(&mut ada).await, "new");
    flushed(&dies).await;
    roaming.go_to(1);
    line.cut_off();
    recovered(&ada).await;
    stays.io().to("lobby").emit(event("newest"));
    assert_eq!(said(&mut ada).await, "newest");
}

#[tokio::test]
async fn what_was_said_in_a_room_before_somebody_came_is_not_for_them() {
    let engine = Memory::default();
    let ([stays, dies], lines) = nodes::<2>(&engine).await;
    // Nobody hears of it, as nobody is in its room.
    let emitter = soon(Emitter::<Chat>::connect(durable(&engine))).await.unwrap();
    emitter.to("lobby").emit(event("old"));
    soon(emitter.flush()).await.unwrap();
    stays.io().to("lobby").emit(event("old"));
    flushed(&stays).await;
    let beats = count(&engine, |record| matches!(record, Record::Here(_)));
    // Both have heard each of them so often that it is known how far the log had come.
    until(|| beats.load(Ordering::SeqCst) >= 4 * 5).await;
    let roaming = Roaming::new(&[dies.clone(), stays.clone()]);
    let mut ada = soon(roaming.client().connect()).await.unwrap();
    soon(ada.call(Join("lobby".into()))).await.unwrap();
    emitter.to("lobby").emit(event("new"));
    assert_eq!(said(&mut ada).await, "new");
    roaming.go_to(usize::MAX);
    emitter.to("lobby").emit(event("newer"));
    soon(emitter.flush()).await.unwrap();
    flushed(&dies).await;
    lines[1].cut_off();
    roaming.go_to(1);
    recovered(&ada).await;
    stays.io().to("lobby").emit(event("newest"));
    for text in ["newer", "newest"] {
        assert_eq!(said(&mut ada).await, text);
    }
}

#[tokio::test]
async fn a_session_for_which_too_much_waited_ends_when_it_would_have_ended_anyway() {
    let engine = Memory::default();
    let second = Duration::from_secs(1);
    let limits = Limits::default().resume(second).handshake(second).stall(Duration::ZERO);
    let node = node_of(durable(&engine), limits);
    let roaming = Roaming::new(std::slice::from_ref(&node));
    let ada = soon(roaming.client().connect()).await.unwrap();
    soon(ada.call(Join("lobby".into()))).await.unwrap();
    let id = node.io().local().sockets()[0].id();
    flushed(&node).await;
    roaming.go_to(usize::MAX);
    until(|| !node.io().local().sockets()[0].is_connected()).await;
    for _ in 0..2_000 {
        node.io().to("lobby").emit(event("too much"));
    }
    until(|| node.io().local().is_empty()).await;
    assert!(engine.has(id));
    // What it missed would not be in the log for ever.
    until(|| !engine.has(id)).await;
    roaming.go_to(0);
    let mut status = ada.status();
    soon(status.wait_for(is_gap)).await.unwrap();
}
