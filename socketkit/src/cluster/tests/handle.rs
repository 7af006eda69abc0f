//! Handles of sockets that go to another node at the very moment at which they are used.

use super::server_event::Confirm;
use super::{Chat, Memory, moving::Roaming, nodes, returning::moved, soon, until};
use crate::{CallError, Client, Service, Socket, SocketId, Status};
use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::{Duration, Instant},
};
use tokio::runtime::Handle;

/// A session that is on the first of three nodes.
struct Traveller {
    all: [Service<Chat>; 3],
    roaming: Arc<Roaming<Chat>>,
    client: Client<Chat>,
    socket: Socket<Chat>,
}

impl Traveller {
    async fn new() -> Self {
        let all = nodes::<3>(&Memory::default()).await;
        let roaming = Roaming::new(&all);
        let confirm = async |confirm: Confirm| confirm.0;
        let client = soon(roaming.client().on(confirm).connect()).await.unwrap();
        let socket = all[0].io().sockets().remove(0);
        Self { all, roaming, client, socket }
    }

    fn id(&self) -> SocketId {
        self.socket.id()
    }

    /// Goes to a node, while a thread does something to its handle again and again, for each of some numbers.
    async fn go(&self, to: usize, act: impl Fn(&Socket<Chat>, usize) + Send + 'static) {
        let socket = self.socket.clone();
        let acts = thread::spawn(move || {
            for number in 0..NUMBERS {
                act(&socket, number);
                let begun = Instant::now();
                while begun.elapsed() < Duration::from_micros(50) {
                    std::hint::spin_loop();
                }
            }
        });
        moved(&self.roaming, &self.all, to).await;
        until(|| acts.is_finished()).await;
    }
}

const NUMBERS: usize = 100;

#[tokio::test]
async fn a_socket_leaves_a_room_even_if_it_leaves_its_node() {
    let traveller = Traveller::new().await;
    let hubs = traveller.all.each_ref().map(|node| node.io().hub);
    for round in 0..40 {
        let (from, to) = (round % 2, (round + 1) % 2);
        let here = traveller.all[from].io().socket(traveller.id()).unwrap();
        (0..NUMBERS).for_each(|number| here.join(number.to_string()));
        until(|| hubs[from].rooms(traveller.id()).len() == NUMBERS).await;
        traveller.go(to, |socket, number| socket.leave(number.to_string())).await;
        until(|| hubs[to].rooms(traveller.id()).is_empty()).await;
    }
}

#[tokio::test]
async fn a_socket_is_closed_even_if_it_leaves_its_node() {
    for round in 0..30 {
        let traveller = Traveller::new().await;
        let socket = traveller.socket.clone();
        traveller.roaming.go_to(1);
        let closes = thread::spawn(move || {
            let begun = Instant::now();
            while begun.elapsed() < Duration::from_micros(round * 50) {
                std::hint::spin_loop();
            }
            socket.close();
        });
        until(|| closes.is_finished()).await;
        let is_closed =
            |status: &Status| matches!(status, Status::Closed { .. } | Status::Reset { .. });
        soon(traveller.client.status().wait_for(is_closed)).await.unwrap();
        let hubs = traveller.all.each_ref().map(|node| node.io().hub);
        until(|| hubs.iter().all(|hub| hub.peer(traveller.id()).is_none())).await;
    }
}

#[tokio::test]
async fn a_socket_that_goes_to_another_node_is_called_there() {
    let traveller = Traveller::new().await;
    let runtime = Handle::current();
    let sockets = traveller.all.each_ref().map(|node| node.io().socket(traveller.id()).unwrap());
    let is_over = Arc::new(AtomicBool::new(false));
    let callers = sockets.map(|socket| {
        let (runtime, is_over) = (runtime.clone(), is_over.clone());
        thread::spawn(move || {
            let mut answered = 0;
            while !is_over.load(Ordering::Relaxed) {
                match runtime.block_on(socket.call(Confirm("?".into()))) {
                    Ok(_) => answered += 1,
                    // It was in flight.
                    Err(CallError::Lost) => {}
                    Err(other) => return Err(other),
                }
            }
            Ok(answered)
        })
    });
    for round in 0..40 {
        moved(&traveller.roaming, &traveller.all, (round + 1) % 2).await;
    }
    is_over.store(true, Ordering::Relaxed);
    for caller in callers {
        until(|| caller.is_finished()).await;
        assert!(caller.join().unwrap().unwrap() > 0);
    }
}
