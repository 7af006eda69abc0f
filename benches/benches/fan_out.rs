//! What a broadcast costs, from the call until every socket has written it.
#![allow(missing_debug_implementations, missing_docs, unreachable_pub)]

use benches::{Tally, limits, open, runtime};
use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use socketkit::{Events, NoEvents, Protocol, Server};
use std::sync::Arc;

#[derive(Events)]
pub enum ServerEvent {
    Tick(u32),
}

#[derive(Protocol)]
#[protocol(client = NoEvents, server = ServerEvent)]
pub struct Clock;

fn fan_out(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("fan_out");
    for sockets in [1, 100, 10_000] {
        let runtime = runtime();
        let service = Server::<Clock>::new().limits(limits()).build();
        let written = Arc::new(Tally::default());
        let _peers = runtime.block_on(open(&service, &written, sockets));
        let io = service.io();
        let frame = 2 + r#"{"event":"tick","data":1}"#.len();
        group.throughput(Throughput::Elements(sockets as u64));
        group.bench_function(BenchmarkId::from_parameter(sockets), |bencher| {
            bencher.iter_custom(|times| {
                written.time(&runtime, times, frame * sockets, || {
                    io.broadcast(ServerEvent::Tick(1));
                })
            });
        });
    }
    group.finish();
}

criterion_group!(benches, fan_out);
criterion_main!(benches);
