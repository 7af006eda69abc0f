//! What is in order on one node: what several emit to the same receivers, and what a client sends.

use socketkit::{Client, Io, Limits, Server, Service};
use std::sync::{Arc, Mutex};
use tests::chat::{Chat, ClientEvent, ServerEvent, client_event::*, clients, next, soon, until};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sockets_are_handled_beside_each_other() {
    let gate = Arc::new(tokio::sync::Barrier::new(2));
    let service = Server::<Chat>::new()
        .on(async move |_: Tell| {
            gate.wait().await;
        })
        .fallback(async |_: ClientEvent| {})
        .build();
    let [a, b] = clients(&service).await;
    let (a, b) =
        soon(async { tokio::join!(a.call(Tell(String::new())), b.call(Tell(String::new()))) })
            .await;
    a.unwrap();
    b.unwrap();
}

/// Several emit at once, from threads and handlers; all receivers see one order.
async fn agree(
    service: &Service<Chat>,
    mut receivers: Vec<Client<Chat>>,
    senders: Vec<Client<Chat>>,
) {
    const EACH: usize = 300;
    let io = service.io();
    let threads: Vec<_> = (0..3)
        .map(|thread| {
            let io = io.clone();
            std::thread::spawn(move || {
                for number in 0..EACH {
                    io.broadcast(ServerEvent::Told(format!("thread {thread} {number}")));
                }
            })
        })
        .collect();
    for number in 0..EACH {
        for sender in &senders {
            sender.emit(Tell(number.to_string()));
        }
    }
    let total = EACH * (threads.len() + senders.len());
    let mut orders = Vec::new();
    for receiver in &mut receivers {
        let mut order = Vec::new();
        while order.len() < total {
            order.push(next(receiver).await);
        }
        orders.push(order);
    }
    for thread in threads {
        thread.join().unwrap();
    }
    for order in &orders {
        assert!(*order == orders[0], "two receivers saw two orders");
    }
    for thread in 0..3 {
        let prefix = format!("thread {thread} ");
        let own = orders[0].iter().filter_map(|event| match event {
            ServerEvent::Told(text) => text.strip_prefix(&prefix),
            _ => None,
        });
        assert!(own.eq((0..EACH).map(|number| number.to_string())), "one emitter's own order");
    }
}

fn service() -> Service<Chat> {
    Server::<Chat>::new()
        .limits(Limits::default().rate(0))
        .on(async |Tell(text): Tell, io: Io<Chat>| io.broadcast(ServerEvent::Told(text)))
        .fallback(async |_: ClientEvent| {})
        .build()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn all_receivers_see_broadcasts_in_one_order_over_pipes() {
    let service = service();
    let receivers = clients::<4>(&service).await;
    let senders: Vec<_> =
        [(); 2].map(|()| Client::to(&service).ignore::<tests::chat::server_event::Told>()).into();
    let mut open = Vec::new();
    for sender in senders {
        open.push(soon(sender.connect()).await.unwrap());
    }
    agree(&service, receivers.into(), open).await;
}

#[tokio::test]
async fn what_is_emitted_while_connecting_arrives_in_order_with_calls_between() {
    let seen = Arc::new(Mutex::new(Vec::new()));
    let (log, asked) = (seen.clone(), seen.clone());
    let service = Server::<Chat>::new()
        .on(async move |Tell(text): Tell| log.lock().unwrap().push(text))
        .on(async move |ask: Ask| {
            asked.lock().unwrap().push(ask.text);
            String::new()
        })
        .fallback(async |_: ClientEvent| {})
        .build();
    let client = soon(service.local()).await;
    client.emit(Tell("1".into()));
    let mut call = std::pin::pin!(client.call(Ask { text: "2".into() }));
    assert!(futures_util::poll!(call.as_mut()).is_pending());
    client.emit(Tell("3".into()));
    soon(call).await.unwrap();
    until(|| seen.lock().unwrap().len() == 3).await;
    assert_eq!(*seen.lock().unwrap(), ["1", "2", "3"]);
}
