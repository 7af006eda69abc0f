//! What it costs that there are several nodes: CPU time of each, and of the engine between them.
//!
//! `cargo run --release -p benches --features cluster,peers --bin cluster` measures socketkit and its peers in turns:
//! broadcasts to the sockets of three nodes beside broadcasts of each node to its own, and messages to rooms that
//! are on one node each. Linux only, with `nats-server` and `redis-server`.
#![forbid(unsafe_code)]
#![allow(clippy::print_stdout)]

mod crowd;
mod engine;
mod figures;
mod peer;

use benches::Server;
use clap::Parser;
use crowd::{Crowd, Scope};
use engine::Engine;
use figures::{Broadcasts, Figures, Told};
use peer::Peer;
use std::{error::Error, time::Duration};
use tokio::time::sleep;

/// Measures nodes of a cluster
#[derive(Parser)]
struct Args {
    /// Sockets of each node
    #[arg(long, default_value_t = 1_000)]
    sockets: usize,
    #[arg(long, default_value_t = 3)]
    nodes: usize,
    /// Bytes of what is emitted
    #[arg(long, default_value_t = 100)]
    payload: usize,
    /// Rounds, each of as many broadcasts within nodes as across them
    #[arg(long, default_value_t = 6)]
    rounds: usize,
    /// Broadcasts of one round
    #[arg(long, default_value_t = 200)]
    broadcasts: usize,
    /// Messages to rooms, a second
    #[arg(long, default_value_t = 10_000)]
    rate: usize,
    /// Seconds of these
    #[arg(long, default_value_t = 5.0)]
    seconds: f64,
    /// Measures only those with this in their name
    #[arg(long, default_value = "")]
    only: String,
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let args = Args::parse();
    if cfg!(debug_assertions) {
        return Err("measure what is optimised: run it with --release".into());
    }
    rlimit::increase_nofile_limit(u64::MAX)?;
    let (peers, missing) = peer::all(&args.only);
    for (name, why) in missing {
        println!("left out: {name} ({why})");
    }
    for peer in &peers {
        match measure(peer, &args).await {
            Ok(figures) => println!("{figures}"),
            Err(error) => println!("{}: {error}\n", peer.name),
        }
    }
    Ok(())
}

async fn measure(peer: &Peer, args: &Args) -> Result<Figures, Box<dyn Error>> {
    let engine = Engine::start(peer.engine, peer.has_log).await?;
    let mut nodes = Vec::new();
    for _ in 0..args.nodes {
        nodes.push(peer.start(&engine).await?);
    }
    let addrs: Vec<_> = nodes.iter().map(|node| node.addr).collect();
    let mut crowd = Crowd::open(&addrs, peer.dialect, args.sockets, args.payload).await?;
    // What is compiled late is compiled, and what nodes say of new sockets is said.
    for scope in [Scope::Each, Scope::From(0), Scope::From(1)] {
        crowd.broadcast(scope, args.broadcasts).await?;
    }
    let quiet = Duration::from_secs(4);
    sleep(quiet).await;
    let before = engine.counts().await?;
    sleep(quiet).await;
    let beats = (&engine.counts().await? - &before).messages as f64 / quiet.as_secs_f64();

    let mut figures = Figures {
        name: peer.name,
        engine: engine.version().await?,
        sockets: args.sockets,
        nodes: args.nodes,
        beats,
        rounds: Vec::new(),
        told: Told::default(),
    };
    for round in 0..args.rounds {
        let from = round % args.nodes;
        let local = phase(&mut crowd, &nodes, &engine, Scope::Each, args.broadcasts).await?;
        let across = phase(&mut crowd, &nodes, &engine, Scope::From(from), args.broadcasts).await?;
        figures.rounds.push((from, local, across));
    }
    let (cpu, before) = (cpu(&nodes)?, engine.counts().await?);
    let (count, took) = crowd.tell(args.rate, Duration::from_secs_f64(args.seconds)).await?;
    let counts = &engine.counts().await? - &before;
    figures.told = Told { count, took, cpu: since(&nodes, &cpu)?, counts };
    Ok(figures)
}

/// Some broadcasts, and what they cost.
async fn phase(
    crowd: &mut Crowd,
    nodes: &[Server],
    engine: &Engine,
    scope: Scope,
    count: usize,
) -> Result<Broadcasts, Box<dyn Error>> {
    let (before, counts) = (cpu(nodes)?, engine.counts().await?);
    let start = std::time::Instant::now();
    crowd.broadcast(scope, count).await?;
    let took = start.elapsed();
    let (cpu, counts) = (since(nodes, &before)?, &engine.counts().await? - &counts);
    Ok(Broadcasts { count, took, cpu, counts })
}

fn cpu(nodes: &[Server]) -> std::io::Result<Vec<Duration>> {
    nodes.iter().map(Server::cpu).collect()
}

fn since(nodes: &[Server], before: &[Duration]) -> std::io::Result<Vec<Duration>> {
    Ok(cpu(nodes)?.iter().zip(before).map(|(now, before)| *now - *before).collect())
}
