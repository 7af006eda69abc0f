//! Events reach their handlers, and what handlers emit reaches sockets.

use socketkit::{Io, Limits, Server, Service, Socket, SocketId};
use std::sync::Arc;
use tests::{
    chat::{Chat, ClientEvent, ServerEvent, client_event::*, next, server_event::Told, soon},
    nodes::Fixture,
    on_each_fixture,
};
use tokio::sync::{Notify, mpsc};

on_each_fixture! {
    events_without_a_handler_reach_the_fallback_as_the_enum,
    several_listeners_run_in_order_on_connect_and_on_disconnect,
    what_on_connect_emits_comes_before_what_is_broadcast_meanwhile,
    a_panic_in_a_handler_is_answered_and_the_socket_lives,
    send_waits_for_room_and_loses_nothing,
    on_connect_may_send_however_much_is_broadcast_meanwhile,
}

async fn events_without_a_handler_reach_the_fallback_as_the_enum(on: Fixture) {
    let (sender, mut seen) = mpsc::unbounded_channel();
    let nodes = on
        .nodes(|server: Server<Chat>| {
            let sender = sender.clone();
            server
                .ignore::<Blip>()
                .fallback(async move |event: ClientEvent| drop(sender.send(event)))
                .build()
        })
        .await;
    let [client] = nodes.clients().await;
    client.emit(ClientEvent::Blip);
    client.emit(ClientEvent::Join("a".into()));
    nodes.shuffle().await;
    client.emit(ClientEvent::Join("b".into()));
    for room in ["a", "b"] {
        assert_eq!(soon(seen.recv()).await, Some(ClientEvent::Join(room.into())));
    }
}

async fn several_listeners_run_in_order_on_connect_and_on_disconnect(on: Fixture) {
    let (sender, mut seen) = mpsc::unbounded_channel();
    let say = |word: &'static str| {
        let sender = sender.clone();
        move |id: SocketId| {
            let _ = sender.send((word, id));
            std::future::ready(())
        }
    };
    let build = |server: Server<Chat>| {
        let server = server.on_connect(say("one")).on_connect(say("two"));
        let server = server.on_disconnect(say("three")).on_disconnect(say("four"));
        server.fallback(async |_: ClientEvent| {}).build()
    };
    let nodes = on.nodes(build).await;
    nodes.ios().for_each(|io| io.on_connect(say("later")));
    let [client] = nodes.clients().await;
    nodes.shuffle().await;
    drop(client);
    let mut id = None;
    for expected in ["one", "two", "later", "three", "four"] {
        let (word, socket) = soon(seen.recv()).await.unwrap();
        assert_eq!((word, socket), (expected, *id.get_or_insert(socket)));
    }
    nodes.count(0).await;
    assert!(seen.try_recv().is_err(), "each ran once");
}

async fn what_on_connect_emits_comes_before_what_is_broadcast_meanwhile(on: Fixture) {
    let gate = Arc::new(Notify::new());
    let nodes = on
        .nodes(|server: Server<Chat>| {
            let wait = gate.clone();
            server
                .on_connect(async move |socket: Socket<Chat>| {
                    wait.notified().await;
                    socket.emit(ServerEvent::Told("snapshot".into()));
                })
                .fallback(async |_: ClientEvent| {})
                .build()
        })
        .await;
    for io in nodes.ios() {
        let mut client = nodes.connect().await;
        nodes.count(1).await;
        nodes.settle().await;
        io.broadcast(ServerEvent::Told("live".into()));
        gate.notify_one();
        assert_eq!(next(&mut client).await, ServerEvent::Told("snapshot".into()));
        assert_eq!(next(&mut client).await, ServerEvent::Told("live".into()));
        client.close().await;
        nodes.count(0).await;
    }
}

async fn a_panic_in_a_handler_is_answered_and_the_socket_lives(on: Fixture) {
    async fn tell(Tell(text): Tell, socket: Socket<Chat>) {
        assert_ne!(text, "boom");
        socket.emit(ServerEvent::Told(text));
    }
    let build = |server: Server<Chat>| {
        let server = server.on(tell).on(async |ask: Ask| -> String { panic!("{}", ask.text) });
        server.fallback(async |_: ClientEvent| {}).build()
    };
    let nodes = on.nodes(build).await;
    let [mut client] = nodes.clients().await;
    client.emit(Tell("boom".into()));
    let error = soon(client.call(Ask { text: "why".into() })).await.unwrap_err();
    assert_eq!(error.to_string(), "refused: internal error (internal)");
    nodes.shuffle().await;
    client.emit(Tell("alive".into()));
    assert_eq!(next(&mut client).await, ServerEvent::Told("alive".into()));
}

async fn send_waits_for_room_and_loses_nothing(on: Fixture) {
    let build = |server: Server<Chat>| {
        let limits = Limits::default().queue(4).queue_hard_bytes(64 * 1024);
        let server = server.limits(limits).on(async |_: Tell, socket: Socket<Chat>| {
            for number in 0..2_000 {
                let delivery = socket.send(Told(format!("{number:0>1000}"))).await;
                assert_eq!(delivery.queued, 1);
            }
        });
        server.fallback(async |_: ClientEvent| {}).build()
    };
    let nodes = on.nodes(build).await;
    let [mut client] = nodes.clients().await;
    client.emit(Tell("go".into()));
    for number in 0..2_000 {
        assert_eq!(next(&mut client).await, ServerEvent::Told(format!("{number:0>1000}")));
    }
}

fn snapshots(server: Server<Chat>) -> Service<Chat> {
    server
        .limits(Limits::default().queue(4))
        .on_connect(async |socket: Socket<Chat>, io: Io<Chat>| {
            for number in 0..300 {
                io.broadcast(ServerEvent::Told(format!("live {number}")));
            }
            for number in 0..10 {
                socket.send(ServerEvent::Told(format!("snapshot {number}"))).await;
            }
        })
        .fallback(async |_: ClientEvent| {})
        .build()
}

async fn on_connect_may_send_however_much_is_broadcast_meanwhile(on: Fixture) {
    let nodes = on.nodes(snapshots).await;
    let mut client = nodes.connect().await;
    for (what, count) in [("snapshot", 10), ("live", 300)] {
        for number in 0..count {
            assert_eq!(next(&mut client).await, ServerEvent::Told(format!("{what} {number}")));
        }
    }
}
