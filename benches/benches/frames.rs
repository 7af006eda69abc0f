//! What it costs to read and to write a frame, against serde_json alone on the same payload.
#![allow(missing_debug_implementations, missing_docs, unreachable_pub)]

use benches::{Tally, client_frame, limits, open, runtime};
use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use serde::{Deserialize, Serialize};
use socketkit::{Events, Protocol, Server};
use std::{hint::black_box, sync::Arc};

#[derive(Clone, Serialize, Deserialize)]
pub struct Post {
    author: String,
    body: String,
}

#[derive(Events)]
pub enum ClientEvent {
    /// Answered with itself.
    #[event(reply = Post)]
    Echo(Post),
}

#[derive(Events)]
pub enum ServerEvent {
    Update(Post),
}

#[derive(Protocol)]
#[protocol(client = ClientEvent, server = ServerEvent)]
pub struct Frames;

async fn echo(client_event::Echo(post): client_event::Echo) -> Post {
    post
}

fn frames(criterion: &mut Criterion) {
    let runtime = runtime();
    let service = Server::<Frames>::new().limits(limits()).on(echo).build();
    let written = Arc::new(Tally::default());
    let peers = runtime.block_on(open(&service, &written, 1));
    let sockets = service.io().sockets();
    let (peer, socket) = (&peers[0], &sockets[0]);
    for size in [100, 10_000] {
        let post = Post { author: "ada".into(), body: "x".repeat(size) };
        let json = serde_json::to_string(&post).expect("a post is JSON");

        let mut group = criterion.benchmark_group("call");
        group.throughput(Throughput::Bytes(json.len() as u64));
        let call = client_frame(&format!(r#"{{"event":"echo","id":1,"data":{json}}}"#));
        // A frame's length in front of the text, which is never shorter than 126 bytes here.
        let reply = 4 + format!(r#"{{"reply":1,"data":{json}}}"#).len();
        group.bench_function(BenchmarkId::new("socketkit", size), |bencher| {
            bencher.iter_custom(|times| written.time(&runtime, times, reply, || peer.send(&call)));
        });
        group.bench_function(BenchmarkId::new("serde_json", size), |bencher| {
            bencher.iter(|| {
                let post: Post = serde_json::from_str(black_box(&json)).expect("it is a post");
                serde_json::to_string(&post)
            });
        });
        group.finish();

        let mut group = criterion.benchmark_group("emit");
        group.throughput(Throughput::Bytes(json.len() as u64));
        let update = 4 + format!(r#"{{"event":"update","data":{json}}}"#).len();
        group.bench_function(BenchmarkId::new("socketkit", size), |bencher| {
            bencher.iter_custom(|times| {
                written.time(&runtime, times, update, || {
                    socket.emit(ServerEvent::Update(post.clone()));
                })
            });
        });
        group.bench_function(BenchmarkId::new("serde_json", size), |bencher| {
            // Cloned as well: what is emitted is given away.
            bencher.iter(|| serde_json::to_string(&black_box(&post).clone()));
        });
        group.finish();
    }
}

criterion_group!(benches, frames);
criterion_main!(benches);
