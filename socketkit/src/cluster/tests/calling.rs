//! Calls to sockets of other nodes that take long.

use super::{
    Join, Memory, ServerEvent, confirming, node, nodes, replies, said,
    server_event::{Confirm, Said},
    soon, until,
};
use crate::{
    CallError, Client, Limits,
    cluster::{
        channel::Channel,
        message::{Message, Record},
    },
};
use bytes::Bytes;
use futures_util::future::join_all;
use std::{
    future::pending,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};
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

#[tokio::test]
async fn a_call_that_comes_after_its_end_is_not_made() {
    let engine = Memory::default();
    let [one, two] = nodes(&engine).await;
    let asked = Arc::new(AtomicUsize::new(0));
    let counts = asked.clone();
    let confirm = async move |_: Confirm| -> String {
        counts.fetch_add(1, Ordering::SeqCst);
        pending().await
    };
    let mut bob = soon(Client::to(&two).on(confirm).connect()).await.unwrap();
    let mut eve = soon(two.local()).await;
    soon(bob.call(Join("lobby".into()))).await.unwrap();
    soon(eve.call(Join("hall".into()))).await.unwrap();
    let say = |room: &str, text: &str| one.io().to(room).emit(ServerEvent::Said(text.into()));
    say("hall", "before");
    assert_eq!(said(&mut eve).await, "before");
    // What was lost in one room is asked for in vain: what comes in others waits meanwhile.
    let cancelled = Arc::new(AtomicUsize::new(0));
    let (counts, hall) = (cancelled.clone(), Channel::of_room("\"hall\""));
    let mut lost = 0;
    engine.lose(move |_, channel, message| {
        let message = Message::read(Bytes::copy_from_slice(message)).unwrap();
        let has = |is_it: fn(&Record) -> bool| message.head.records.iter().any(is_it);
        let is_cancel = has(|record| matches!(record, Record::Cancel { .. }));
        counts.fetch_add(is_cancel.into(), Ordering::SeqCst);
        lost += usize::from(channel == hall);
        (channel == hall && lost == 1) || has(|record| matches!(record, Record::Resend { .. }))
    });
    for text in ["lost", "late"] {
        let published = engine.published();
        say("hall", text);
        until(|| engine.published() > published).await;
    }
    let mut call = one.io().to("lobby").call(Confirm("?".into()));
    let published = engine.published();
    let calling = tokio::spawn(async move { call.next().await });
    until(|| engine.published() > published).await;
    calling.abort();
    until(|| cancelled.load(Ordering::SeqCst) > 0).await;
    say("lobby", "later");
    assert_eq!(said(&mut bob).await, "later");
    assert_eq!(asked.load(Ordering::SeqCst), 0);
}

#[tokio::test]
async fn calls_and_events_of_another_node_come_in_the_order_in_which_they_were_made() {
    let engine = Memory::default();
    let [one, two] = nodes(&engine).await;
    let told = Arc::new(Mutex::new(Vec::new()));
    let (asked, said) = (told.clone(), told.clone());
    let bob = Client::to(&two)
        .on(async move |Confirm(text): Confirm| {
            asked.lock().unwrap().push(text.clone());
            text
        })
        .on(async move |Said(text): Said| said.lock().unwrap().push(text));
    let _bob = soon(bob.connect()).await.unwrap();
    let id = two.io().local().sockets()[0].id();
    until(|| one.io().socket(id).is_some()).await;
    let socket = one.io().socket(id).unwrap();
    let numbers: Vec<_> = (0..40).map(|number: usize| number.to_string()).collect();
    let made = numbers.iter().enumerate().map(async |(place, number)| match place % 2 {
        0 => drop(soon(socket.call(Confirm(number.clone()))).await.unwrap()),
        _ => drop(socket.emit(ServerEvent::Said(number.clone()))),
    });
    join_all(made).await;
    until(|| told.lock().unwrap().len() == numbers.len()).await;
    assert_eq!(*told.lock().unwrap(), numbers);
}
