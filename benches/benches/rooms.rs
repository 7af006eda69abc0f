//! What it costs to join a room and to leave it again, however many other memberships there are.
#![allow(missing_debug_implementations, missing_docs, unreachable_pub)]

use benches::{limits, open, runtime};
use criterion::{BenchmarkId, Criterion, criterion_group, criterion_main};
use socketkit::{Events, NoEvents, Protocol, Server};
use std::sync::Arc;

/// Sockets that are in ten rooms each.
const MEMBERS: usize = 10_000;

#[derive(Events)]
pub enum ServerEvent {
    Tick,
}

#[derive(Protocol)]
#[protocol(client = NoEvents, server = ServerEvent, room = u64)]
pub struct Clock;

fn rooms(criterion: &mut Criterion) {
    let runtime = runtime();
    let service = Server::<Clock>::new().limits(limits()).build();
    let _peers = runtime.block_on(open(&service, &Arc::default(), 1 + MEMBERS));
    let sockets = service.io().sockets();
    let Some((socket, members)) = sockets.split_first() else { return };
    let mut group = criterion.benchmark_group("join_and_leave");
    group.bench_function(BenchmarkId::new("a room of its own", 0), |bencher| {
        bencher.iter(|| {
            socket.join(0_u64);
            socket.leave(0_u64);
        });
    });
    for (at, member) in members.iter().enumerate() {
        // Rooms of 100, but for room 1, which all are in.
        (0..9).for_each(|room| member.join(2 + (at as u64 / 100 * 9) + room));
        member.join(1_u64);
    }
    for (name, room) in [("a room of its own", 0_u64), ("a room of 10,000", 1)] {
        group.bench_function(BenchmarkId::new(name, 10 * MEMBERS), |bencher| {
            bencher.iter(|| {
                socket.join(room);
                socket.leave(room);
            });
        });
    }
    group.finish();
}

criterion_group!(benches, rooms);
criterion_main!(benches);
