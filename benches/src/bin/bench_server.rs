//! The server that is measured: on `/ws` it answers `echo` and broadcasts what is published.
//!
//! All limits are the defaults but for the incoming rate, which a load generator has to exceed.
#![allow(clippy::print_stdout, missing_debug_implementations, missing_docs, unreachable_pub)]

use clap::Parser;
use socketkit::{Events, Io, Limits, Protocol, Server};
use std::{
    net::SocketAddr,
    time::{Duration, Instant},
};

#[derive(Events)]
pub enum ClientEvent {
    /// Answered with 1.
    #[event(reply = u32)]
    Echo { author: String, body: String },
    /// Answered after 50 ms of computing, which a handler should leave to `spawn_blocking`.
    #[event(reply = u32)]
    Compute,
    /// Sent to every socket, the sender's too.
    Publish { author: String, body: String },
}

#[derive(Events)]
pub enum ServerEvent {
    PostUpdate { author: String, body: String },
}

#[derive(Protocol)]
#[protocol(client = ClientEvent, server = ServerEvent)]
pub struct Bench;

async fn echo(_: client_event::Echo) -> u32 {
    1
}

async fn compute(_: client_event::Compute) -> u32 {
    let start = Instant::now();
    while start.elapsed() < Duration::from_millis(50) {
        std::hint::spin_loop();
    }
    1
}

async fn publish(post: client_event::Publish, io: Io<Bench>) {
    io.broadcast(ServerEvent::PostUpdate { author: post.author, body: post.body });
}

/// The server that is measured
#[derive(Parser)]
struct Args {
    /// Address to listen on
    #[arg(long, default_value = "127.0.0.1:4000")]
    listen: SocketAddr,
}

#[tokio::main]
async fn main() -> std::io::Result<()> {
    let args = Args::parse();
    // Each socket is an open file.
    rlimit::increase_nofile_limit(u64::MAX)?;
    Server::<Bench>::new()
        .limits(Limits::default().rate(0))
        .on(echo)
        .on(compute)
        .on(publish)
        .listen(args.listen)
        .ready(|addr| println!("listening on http://{addr}"))
        .until(tokio::signal::ctrl_c())
        .await
}
