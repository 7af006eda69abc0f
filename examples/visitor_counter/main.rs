//! How many visitors are here, live on every screen: `cargo run --example visitor_counter`.
#![allow(missing_debug_implementations, missing_docs, unreachable_pub)]

mod counts;

use clap::Parser;
use counts::{Counts, SAMPLES};
use examples::Listen;
use socketkit::{Events, Io, Protocol, Server, Socket, State};
use std::{path::PathBuf, sync::Arc, time::Duration};
use tokio::time::{interval, sleep};

#[derive(Debug, Events)]
pub enum ServerEvent {
    /// Who is here, at most five times a second.
    #[event(latest)]
    Visitors { online: usize, total: u64, peak: usize },
    /// How many were here in each second of the last ten minutes, on connection.
    Samples(Vec<usize>),
    /// How many were here in this second.
    #[event(volatile)]
    Sample(usize),
}

#[derive(Protocol)]
#[protocol(server = ServerEvent)]
pub struct Counter;

/// How many visitors are here, live on every screen
#[derive(Parser)]
struct Args {
    #[command(flatten)]
    listen: Listen,
    /// File with the total and the peak
    #[arg(long, env = "COUNTER_DATA", default_value = "visitors.json")]
    data: PathBuf,
}

async fn arrived(socket: Socket<Counter>, io: Io<Counter>, counts: State<Arc<Counts>>) {
    socket.emit(ServerEvent::Samples(counts.samples()));
    counts.arrived(io.len());
}

async fn left(counts: State<Arc<Counts>>) {
    counts.left();
}

async fn announce(io: Io<Counter>, counts: Arc<Counts>) {
    loop {
        let (total, peak) = counts.changed().await;
        io.broadcast(ServerEvent::Visitors { online: io.len(), total, peak });
        sleep(Duration::from_millis(200)).await;
    }
}

async fn sample(io: Io<Counter>, counts: Arc<Counts>) {
    let mut second = interval(Duration::from_secs(1));
    loop {
        second.tick().await;
        counts.sample(io.len());
        io.broadcast(ServerEvent::Sample(io.len()));
    }
}

#[tokio::main]
async fn main() -> std::io::Result<()> {
    let args = Args::parse();
    examples::log();
    let counts = Arc::new(Counts::open(args.data, SAMPLES)?);
    let server = Server::<Counter>::new()
        .state(counts.clone())
        .on_connect(arrived)
        .on_disconnect(left)
        .public(concat!(env!("CARGO_MANIFEST_DIR"), "/visitor_counter/public"))
        .header("content-security-policy", examples::CSP);
    tokio::spawn(announce(server.io(), counts.clone()));
    tokio::spawn(sample(server.io(), counts.clone()));
    args.listen.serve(|addr| server.listen(addr)).await
}
