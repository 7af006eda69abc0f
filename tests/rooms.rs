//! Rooms and selections of one node: what counts at once, and what is left when sockets go.

use socketkit::{Disconnect, Events, Io, Limits, Protocol, Server, Service, Socket};
use std::sync::Arc;
use tests::chat::{Chat, ClientEvent, ServerEvent, client_event::*, clients, soon, until};
use tokio::sync::mpsc;

fn service() -> Service<Chat> {
    Server::<Chat>::new()
        .on(async |Join(room): Join, socket: Socket<Chat>| socket.join(room))
        .on(async |Leave(room): Leave, socket: Socket<Chat>| socket.leave(room))
        .fallback(async |_: ClientEvent| {})
        .build()
}

fn told(text: &str) -> ServerEvent {
    ServerEvent::Told(text.into())
}

#[tokio::test]
async fn a_selection_and_a_delivery_count_each_socket_once_and_at_once() {
    let service = service();
    let [a, b, _c] = clients(&service).await;
    for (client, room) in [(&a, "x"), (&a, "y"), (&b, "x"), (&b, "y")] {
        soon(client.call(Join(room.into()))).await.unwrap();
    }
    soon(b.call(Leave("x".into()))).await.unwrap();
    let io = service.io();
    assert_eq!(io.to("x").emit(told("in x")).queued, 1);
    assert_eq!(io.to("x").to("y").len(), 2);
    assert_eq!(io.to("x").to("y").emit(told("once")).queued, 2);
    assert_eq!(io.broadcast(told("all")).queued, 3);
    assert!(io.to("nobody").is_empty());
    io.all().join("all");
    assert_eq!(io.to("all").len(), 3);
    io.to("all").leave("all");
    assert!(io.to("all").is_empty());
}

#[tokio::test]
async fn on_disconnect_finds_the_rooms_and_the_reason_and_a_lower_count() {
    let (sender, mut seen) = mpsc::unbounded_channel();
    let service = Server::<Chat>::new()
        .on(async |Join(room): Join, socket: Socket<Chat>| socket.join(room))
        .on_disconnect(async move |why: Disconnect, socket: Socket<Chat>, io: Io<Chat>| {
            let mut rooms = socket.rooms();
            rooms.sort();
            let _ = sender.send((why.code.0, rooms, io.len(), io.to("x").len()));
        })
        .fallback(async |_: ClientEvent| {})
        .build();
    let [a, b] = clients(&service).await;
    for client in [&a, &b] {
        soon(client.call(Join("x".into()))).await.unwrap();
    }
    soon(a.call(Join("y".into()))).await.unwrap();
    soon(a.close()).await;
    let (code, rooms, len, room) = soon(seen.recv()).await.unwrap();
    assert_eq!((code, rooms, len), (1000, vec!["x".to_owned(), "y".to_owned()], 1));
    assert_eq!(room, 2, "its rooms are still there");
    until(|| service.io().to("x").len() == 1).await;
    assert!(service.io().to("y").is_empty());
    assert!(seen.try_recv().is_err(), "it ran once");
}

#[tokio::test]
async fn a_closed_socket_joins_nothing_and_an_empty_room_takes_no_memory() {
    let service = service();
    let io = service.io();
    let [a] = clients(&service).await;
    let socket = io.sockets().remove(0);
    for room in 0..1_000 {
        socket.join(room.to_string());
        socket.join(room.to_string());
    }
    assert_eq!(io.room_count(), 1_000);
    for room in 0..500 {
        socket.leave(room.to_string());
    }
    assert_eq!(io.room_count(), 500);
    drop(a);
    until(|| io.room_count() == 0).await;
    socket.join("late");
    assert_eq!((io.room_count(), socket.rooms().len()), (0, 0));
    assert_eq!(socket.emit(told("late")).closed, 1);
}

#[tokio::test]
async fn a_handle_stays_usable_when_the_service_is_full() {
    let service = Server::<Chat>::new()
        .limits(Limits::default().sockets(1))
        .fallback(async |_: ClientEvent| {})
        .build();
    let [first] = clients(&service).await;
    let second = soon(service.local()).await;
    let status = second.status();
    assert!(
        matches!(&*status.borrow(), socketkit::Status::Waiting { .. }),
        "{:?}",
        status.borrow()
    );
    soon(first.call(Tell("alive".into()))).await.unwrap();
}

/// A room that tells everybody when nobody is left in it.
#[derive(Debug, Clone)]
#[expect(dead_code, reason = "it is dropped, which is enough")]
struct Lasting(u8, Option<Arc<Last>>);

#[derive(Debug)]
struct Last(Io<Rooms>);

impl Drop for Last {
    fn drop(&mut self) {
        self.0.broadcast(Told::Empty);
    }
}

impl PartialEq for Lasting {
    fn eq(&self, other: &Self) -> bool {
        self.0 == other.0
    }
}

impl Eq for Lasting {}

impl std::hash::Hash for Lasting {
    fn hash<H: std::hash::Hasher>(&self, state: &mut H) {
        self.0.hash(state);
    }
}

#[derive(Debug, PartialEq, Events)]
enum Told {
    Empty,
}

#[derive(Debug, Protocol)]
#[protocol(server = Told, room = Lasting)]
struct Rooms;

#[tokio::test]
async fn a_room_may_emit_when_it_is_dropped() {
    let service = Server::<Rooms>::new().build();
    let mut watching = soon(service.local()).await;
    let leaving = soon(service.local()).await;
    until(|| service.io().len() == 2).await;
    let io = service.io();
    let socket = io.sockets().into_iter().max_by_key(Socket::id).unwrap();
    let room = || Lasting(1, Some(Arc::new(Last(io.clone()))));
    socket.join(room());
    socket.leave(Lasting(1, None));
    socket.join(room());
    io.all().leave(Lasting(1, None));
    socket.join(room());
    drop(leaving);
    for _ in 0..3 {
        assert_eq!(soon(watching.recv()).await, Some(Told::Empty));
    }
    assert_eq!(io.room_count(), 0);
}
