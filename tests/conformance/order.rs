//! What is in order: the events of one socket, and what several emit to the same receivers.

use futures_util::future::join_all;
use socketkit::{Client, Io, Limits, Server, Service, Socket, SocketId};
use std::{
    collections::HashMap,
    ops::Range,
    sync::{Arc, Mutex},
};
use tests::{
    chat::{
        Chat, ClientEvent, ServerEvent, client_event::*, next, server_event::Told, soon, until,
    },
    nodes::{Fixture, Nodes},
    on_each_fixture,
};

on_each_fixture! {
    events_of_one_socket_are_handled_one_after_the_other,
    receivers_of_a_node_see_one_order_and_each_sender_its_own_everywhere,
    the_order_of_a_sender_is_kept_while_its_receivers_move,
    a_room_and_all_are_in_the_order_in_which_one_sender_emits,
}

async fn events_of_one_socket_are_handled_one_after_the_other(on: Fixture) {
    let seen = Arc::new(Mutex::new(Vec::new()));
    let nodes = on
        .nodes(|server: Server<Chat>| {
            let log = seen.clone();
            server
                .on(async move |Tell(text): Tell| {
                    // Later events would overtake this one if they were handled beside it.
                    for _ in 0..text.len() % 7 {
                        tokio::task::yield_now().await;
                    }
                    log.lock().unwrap().push(text);
                })
                .fallback(async |_: ClientEvent| {})
                .build()
        })
        .await;
    let [client] = nodes.clients().await;
    let texts: Vec<_> =
        (0..2_000usize).map(|number| "x".repeat(number % 11) + &number.to_string()).collect();
    for texts in texts.chunks(500) {
        for text in texts {
            client.emit(Tell(text.clone()));
        }
        nodes.shuffle().await;
    }
    until(|| seen.lock().unwrap().len() == texts.len()).await;
    assert_eq!(*seen.lock().unwrap(), texts);
}

fn service(server: Server<Chat>) -> Service<Chat> {
    server
        .limits(Limits::default().rate(0).queue(5 * EACH).window(5 * EACH))
        .on(async |Tell(text): Tell, io: Io<Chat>| io.broadcast(ServerEvent::Told(text)))
        .on(async |Join(room): Join, socket: Socket<Chat>| socket.join(room))
        .on(async |_: Ask, id: SocketId| id.to_string())
        .fallback(async |_: ClientEvent| {})
        .build()
}

/// What each emits, in so many rounds.
const EACH: usize = 300;
const ROUNDS: usize = 5;

/// Threads, each with the [`Io`] of a node, and clients whose handlers emit: these hear nothing, and
/// stay where they are.
struct Emitters {
    ios: Vec<Io<Chat>>,
    clients: Vec<Client<Chat>>,
}

impl Emitters {
    async fn new(nodes: &Nodes<Chat>) -> Self {
        let mut clients = Vec::new();
        for _ in 0..2 {
            let deaf = Client::builder(format!("ws://{}/ws", nodes.addr())).ignore::<Told>();
            clients.push(soon(deaf.connect()).await.unwrap());
        }
        Self { ios: (0..3).map(|_| nodes.io()).collect(), clients }
    }

    /// All emit these numbers at once, while something else is done.
    async fn emit(&self, numbers: Range<usize>, meanwhile: impl Future<Output = ()>) {
        let threads = self.ios.iter().cloned().enumerate().map(|(thread, io)| {
            let numbers = numbers.clone();
            tokio::task::spawn_blocking(move || {
                for number in numbers {
                    io.broadcast(ServerEvent::Told(format!("thread {thread} {number}")));
                }
            })
        });
        let threads: Vec<_> = threads.collect();
        for number in numbers {
            for (at, client) in self.clients.iter().enumerate() {
                client.emit(Tell(format!("client {at} {number}")));
            }
        }
        meanwhile.await;
        for thread in threads {
            soon(thread).await.unwrap();
        }
    }
}

async fn hear(receiver: &mut Client<Chat>, total: usize) -> Vec<String> {
    let mut order = Vec::new();
    while order.len() < total {
        let ServerEvent::Told(text) = next(receiver).await else { panic!("only this is emitted") };
        order.push(text);
    }
    order
}

/// What each emitter emits is there once, and in order.
fn check(order: &[String]) {
    let mut own = HashMap::<_, Vec<_>>::new();
    for text in order {
        let (emitter, number) = text.rsplit_once(' ').unwrap();
        own.entry(emitter).or_default().push(number.parse::<usize>().unwrap());
    }
    assert_eq!(own.len(), 5, "three threads, two clients");
    for (emitter, numbers) in own {
        assert!(numbers.into_iter().eq(0..EACH), "the order of {emitter}");
    }
}

async fn receivers_of_a_node_see_one_order_and_each_sender_its_own_everywhere(on: Fixture) {
    let nodes = on.nodes(service).await;
    let mut receivers = nodes.clients::<6>().await;
    let emitters = Emitters::new(&nodes).await;
    nodes.count(8).await;
    nodes.shuffle().await;
    let mut at = Vec::new();
    for receiver in &receivers {
        let id = soon(receiver.call(Ask { text: String::new() })).await.unwrap();
        let id: SocketId = id.parse().unwrap();
        let has = |io: Io<Chat>| io.all().sockets().iter().any(|socket| socket.id() == id);
        at.push(nodes.ios().position(has).expect("it is somewhere"));
    }
    emitters.emit(0..EACH, async {}).await;
    let hearing = receivers.iter_mut().map(|receiver| hear(receiver, 5 * EACH));
    let orders = join_all(hearing).await;
    for node in 0..nodes.len() {
        let here = at.iter().zip(&orders).filter(|(at, _)| **at == node);
        let mut here = here.map(|(_, order)| order);
        if let Some(first) = here.next() {
            assert!(here.all(|order| order == first), "two receivers saw two orders");
        }
    }
    orders.iter().for_each(|order| check(order));
}

async fn the_order_of_a_sender_is_kept_while_its_receivers_move(on: Fixture) {
    let nodes = on.nodes(service).await;
    let mut receivers = nodes.clients::<6>().await;
    let emitters = Emitters::new(&nodes).await;
    nodes.count(8).await;
    let emitting = async {
        for round in 0..ROUNDS {
            let (first, next) = (round * EACH / ROUNDS, (round + 1) * EACH / ROUNDS);
            emitters.emit(first..next, nodes.shuffle()).await;
        }
    };
    let hearing = join_all(receivers.iter_mut().map(|receiver| hear(receiver, 5 * EACH)));
    let ((), orders) = tokio::join!(emitting, hearing);
    orders.iter().for_each(|order| check(order));
}

async fn a_room_and_all_are_in_the_order_in_which_one_sender_emits(on: Fixture) {
    let nodes = on.nodes(service).await;
    let mut clients = nodes.clients::<3>().await;
    for (room, client) in clients.iter().enumerate() {
        soon(client.call(Join(room.to_string()))).await.unwrap();
        soon(client.call(Join("all".into()))).await.unwrap();
    }
    nodes.shuffle().await;
    let (io, emitted) = (nodes.io(), 0..EACH);
    for number in emitted.clone() {
        let told = ServerEvent::Told(number.to_string());
        match number % 3 {
            0 => io.broadcast(told),
            1 => io.to("all").emit(told),
            _ => io.to("0").to("1").to("2").emit(told),
        };
    }
    for client in &mut clients {
        for number in emitted.clone() {
            assert_eq!(next(client).await, ServerEvent::Told(number.to_string()));
        }
    }
}
