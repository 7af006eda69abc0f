//! Rooms and selections: who is reached, whichever node they are at.

use socketkit::{Client, Server, Service, Socket, SocketId, Target};
use tests::{
    chat::{Chat, ClientEvent, ServerEvent, client_event::*, next, soon, until},
    nodes::{Fixture, Nodes},
    on_each_fixture,
};

on_each_fixture! {
    a_room_reaches_those_who_joined_and_not_those_who_left,
    a_socket_in_two_selected_rooms_is_reached_once,
    except_removes_a_socket_or_a_room,
    broadcast_of_a_socket_reaches_all_others,
    a_selection_joins_leaves_and_closes_as_one,
    a_socket_is_reached_by_its_id_from_every_node,
}

/// Who asks is told its id.
fn service(server: Server<Chat>) -> Service<Chat> {
    server
        .on(async |Join(room): Join, socket: Socket<Chat>| socket.join(room))
        .on(async |Leave(room): Leave, socket: Socket<Chat>| socket.leave(room))
        .on(async |_: Ask, id: SocketId| id.to_string())
        .on(async |Tell(text): Tell, socket: Socket<Chat>| {
            socket.broadcast(ServerEvent::Told(text))
        })
        .fallback(async |_: ClientEvent| {})
        .build()
}

fn told(text: &str) -> ServerEvent {
    ServerEvent::Told(text.into())
}

async fn join(client: &Client<Chat>, room: &str) {
    soon(client.call(Join(room.into()))).await.unwrap();
}

async fn id(client: &Client<Chat>) -> SocketId {
    soon(client.call(Ask { text: String::new() })).await.unwrap().parse().unwrap()
}

async fn a_room_reaches_those_who_joined_and_not_those_who_left(on: Fixture) {
    let nodes = on.nodes(service).await;
    let [mut a, mut b, mut c] = nodes.clients().await;
    join(&a, "x").await;
    join(&b, "x").await;
    nodes.shuffle().await;
    soon(b.call(Leave("x".into()))).await.unwrap();
    nodes.shuffle().await;
    assert_eq!(nodes.sum(|io| io.to("x").len()), 1);
    let io = nodes.io();
    io.to("x").emit(told("in x"));
    io.broadcast(told("all"));
    assert_eq!(next(&mut a).await, told("in x"));
    for client in [&mut a, &mut b, &mut c] {
        assert_eq!(next(client).await, told("all"));
    }
}

async fn a_socket_in_two_selected_rooms_is_reached_once(on: Fixture) {
    let nodes = on.nodes(service).await;
    let [a, b] = nodes.clients().await;
    for room in ["x", "y"] {
        join(&a, room).await;
    }
    join(&b, "y").await;
    nodes.shuffle().await;
    assert_eq!(nodes.sum(|io| io.to("x").to("y").len()), 2);
    let io = nodes.io();
    io.to("x").to("y").emit(told("once"));
    io.broadcast(told("end"));
    for mut client in [a, b] {
        assert_eq!(next(&mut client).await, told("once"));
        assert_eq!(next(&mut client).await, told("end"));
    }
}

/// The ids of a selection, over all nodes.
fn chosen(
    nodes: &Nodes<Chat>,
    select: impl Fn(socketkit::Io<Chat>) -> Target<Chat>,
) -> Vec<SocketId> {
    let mut ids: Vec<_> =
        nodes.ios().flat_map(|io| select(io).sockets()).map(|socket| socket.id()).collect();
    ids.sort();
    ids
}

async fn except_removes_a_socket_or_a_room(on: Fixture) {
    let nodes = on.nodes(service).await;
    let [mut a, mut b, mut c] = nodes.clients().await;
    let (first, second, third) = (id(&a).await, id(&b).await, id(&c).await);
    join(&b, "quiet").await;
    join(&c, "x").await;
    nodes.shuffle().await;
    let sorted = |mut ids: Vec<SocketId>| {
        ids.sort();
        ids
    };
    assert_eq!(chosen(&nodes, |io| io.all().except(first)), sorted(vec![second, third]));
    assert_eq!(chosen(&nodes, |io| io.all().except("quiet")), sorted(vec![first, third]));
    assert_eq!(chosen(&nodes, |io| io.to("quiet").to("x").except(third).except("quiet")), []);
    assert_eq!(chosen(&nodes, |io| io.to("nobody")), []);
    // And they are not reached.
    let io = nodes.io();
    io.all().except(first).emit(told("not a"));
    io.all().except("quiet").emit(told("not b"));
    io.to("quiet").to("x").except(third).except("quiet").emit(told("nobody"));
    io.broadcast(told("end"));
    for (client, missed) in [(&mut a, "not a"), (&mut b, "not b"), (&mut c, "")] {
        for text in ["not a", "not b", "end"] {
            if text != missed {
                assert_eq!(next(client).await, told(text));
            }
        }
    }
}

async fn broadcast_of_a_socket_reaches_all_others(on: Fixture) {
    let nodes = on.nodes(service).await;
    let [mut a, mut b] = nodes.clients().await;
    soon(a.call(Tell("from a".into()))).await.unwrap();
    nodes.shuffle().await;
    soon(b.call(Tell("from b".into()))).await.unwrap();
    assert_eq!(next(&mut a).await, told("from b"));
    assert_eq!(next(&mut b).await, told("from a"));
}

async fn a_selection_joins_leaves_and_closes_as_one(on: Fixture) {
    let nodes = on.nodes(service).await;
    let [mut a, mut b, mut c] = nodes.clients().await;
    let third = id(&c).await;
    nodes.io().all().except(third).join("pair");
    until(|| nodes.sum(|io| io.to("pair").len()) == 2).await;
    nodes.shuffle().await;
    let io = nodes.io();
    io.to("pair").emit(told("pair"));
    io.broadcast(told("all"));
    for client in [&mut a, &mut b] {
        assert_eq!(next(client).await, told("pair"));
    }
    for client in [&mut a, &mut b, &mut c] {
        assert_eq!(next(client).await, told("all"));
    }
    nodes.io().to("pair").leave("pair");
    until(|| nodes.sum(|io| io.to("pair").len()) == 0).await;
    nodes.io().all().except(third).close();
    nodes.count(1).await;
    assert!(nodes.ios().all(|io| io.socket(third).is_some()));
    soon(c.call(Leave("alive".into()))).await.unwrap();
    for client in [&mut a, &mut b] {
        assert_eq!(soon(client.recv()).await, None);
    }
}

async fn a_socket_is_reached_by_its_id_from_every_node(on: Fixture) {
    let nodes = on.nodes(service).await;
    let [mut a, mut b] = nodes.clients().await;
    let first = id(&a).await;
    for io in nodes.ios() {
        nodes.shuffle().await;
        let socket = io.socket(first).expect("it has not ended");
        assert_eq!(socket.id(), first);
        socket.emit(told("to a"));
        socket.broadcast(told("to others"));
        assert_eq!(next(&mut a).await, told("to a"));
        assert_eq!(next(&mut b).await, told("to others"));
        socket.join("x");
        until(|| nodes.sum(|io| io.to("x").len()) == 1).await;
        nodes.settle().await;
        nodes.io().to("x").emit(told("in x"));
        assert_eq!(next(&mut a).await, told("in x"));
        socket.leave("x");
        until(|| nodes.sum(|io| io.to("x").len()) == 0).await;
    }
    let socket = nodes.socket(first);
    socket.emit(told("bye"));
    socket.close();
    assert_eq!(next(&mut a).await, told("bye"));
    assert_eq!(soon(a.recv()).await, None);
    nodes.count(1).await;
    assert!(nodes.sockets().iter().all(|socket| socket.id() != first));
}
