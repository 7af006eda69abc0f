//! What it costs to bring an event without payload to its handler.
//!
//! The events come 32 in one read; a time is that of all 32.
#![allow(missing_debug_implementations, missing_docs, unreachable_pub)]

use benches::{Tally, client_frame, limits, open, runtime};
use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use socketkit::{Events, Io, Protocol, Server, Service, Socket, SocketId, State};
use std::sync::Arc;

/// Fewer than `Limits::waiting`, so that reading never stops.
const EVENTS: usize = 32;

#[derive(Events)]
pub enum ClientEvent {
    Ping,
}

#[derive(Protocol)]
#[protocol(client = ClientEvent)]
pub struct Pings;

type Handled = State<Arc<Tally>>;

async fn alone(_: client_event::Ping, handled: Handled) {
    handled.add(1);
}

async fn with_extractors(
    _: client_event::Ping,
    handled: Handled,
    _: Socket<Pings>,
    _: Io<Pings>,
    _: SocketId,
) {
    handled.add(1);
}

async fn waiting(_: client_event::Ping, handled: Handled) {
    tokio::task::yield_now().await;
    handled.add(1);
}

fn measure(criterion: &mut Criterion, name: &str, service: &Service<Pings>, handled: &Tally) {
    let runtime = runtime();
    let peers = runtime.block_on(open(service, &Arc::default(), 1));
    let frames = client_frame(r#"{"event":"ping"}"#).repeat(EVENTS);
    let mut group = criterion.benchmark_group("dispatch");
    group.throughput(Throughput::Elements(EVENTS as u64));
    group.bench_function(name, |bencher| {
        bencher
            .iter_custom(|times| handled.time(&runtime, times, EVENTS, || peers[0].send(&frames)));
    });
    group.finish();
}

fn dispatch(criterion: &mut Criterion) {
    let handled = Arc::new(Tally::default());
    let server = || Server::<Pings>::new().limits(limits()).state(handled.clone());
    measure(criterion, "handler", &server().on(alone).build(), &handled);
    let service = server().on(with_extractors).build();
    measure(criterion, "handler with four extractors", &service, &handled);
    measure(criterion, "handler that yields", &server().on(waiting).build(), &handled);
}

criterion_group!(benches, dispatch);
criterion_main!(benches);
