//! The comparison with other servers of events: the CPU time of a delivery and the memory of an idle
//! socket, over the loopback interface of one machine.
//!
//! `cargo run --release -p benches --bin compare` builds or fetches the peers, measures them in turns,
//! and writes `benches/results/compare.json` and `compare.svg`. Linux only: the figures are the
//! kernel's own, from `/proc`.
#![forbid(unsafe_code)]
#![allow(clippy::print_stdout)]

mod chart;
mod load;
mod machine;
mod peer;
mod report;

use clap::Parser;
use load::Load;
use report::{Figures, Report, Row, Settings};
use std::{error::Error, fs, path::Path, time::Duration};

/// Measures socketkit beside its peers
#[derive(Parser)]
struct Args {
    /// Sockets that get each broadcast
    #[arg(long, default_value_t = 1_000)]
    receivers: usize,
    /// Sockets that are opened to see what idle ones take
    #[arg(long, default_value_t = 8_000)]
    idle: usize,
    /// Seconds to broadcast
    #[arg(long, default_value_t = 3.0)]
    seconds: f64,
    /// Bytes of what is published
    #[arg(long, default_value_t = 100)]
    payload: usize,
    /// Rounds, of each of which every peer has one
    #[arg(long, default_value_t = 3)]
    rounds: usize,
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let args = Args::parse();
    if cfg!(debug_assertions) {
        return Err("measure what is optimised: run it with --release".into());
    }
    let files = rlimit::increase_nofile_limit(u64::MAX)?;
    // A hundred for everything else that is open.
    let idle = args.idle.min(usize::try_from(files)?.saturating_sub(100));
    let settings = Settings {
        receivers: args.receivers,
        idle,
        seconds: args.seconds,
        payload: args.payload,
        rounds: args.rounds,
    };
    let (peers, mut left_out) = peer::all()?;
    for missing in &left_out {
        println!("left out: {} ({})", missing.name, missing.why);
    }
    let mut rows: Vec<Row> = peers.iter().map(Row::new).collect();
    for round in 1..=args.rounds {
        for (peer, row) in peers.iter().zip(&mut rows) {
            match measure(peer, &settings).await {
                Ok(Figures { cpu, memory }) => {
                    println!("round {round}: {:<18} {cpu:>6.2} us {memory:>6.2} KiB", peer.name);
                    row.add(cpu, memory);
                }
                Err(error) => {
                    println!("round {round}: {:<18} {error}", peer.name);
                    row.failed = Some(error.to_string());
                }
            }
        }
    }
    // Half a comparison is none.
    rows.retain(|row| match &row.failed {
        Some(why) => {
            left_out.push(peer::Missing { name: row.name, why: why.clone() });
            false
        }
        None => true,
    });
    rows.iter_mut().for_each(Row::settle);
    let report = Report {
        date: machine::date()?,
        machine: machine::Machine::this()?,
        settings,
        peers: rows,
        left_out,
    };
    println!("\n{report}");
    let results = Path::new(env!("CARGO_MANIFEST_DIR")).join("results");
    fs::create_dir_all(&results)?;
    fs::write(results.join("compare.json"), serde_json::to_string_pretty(&report)? + "\n")?;
    fs::write(results.join("compare.svg"), chart::draw(&report)?)?;
    Ok(())
}

/// One round of one peer: its server is started anew for each figure.
async fn measure(peer: &peer::Peer, settings: &Settings) -> Result<Figures, Box<dyn Error>> {
    let server = peer.start().await?;
    let mut load = Load::open(&server, peer.dialect, settings.receivers).await?;
    let time = Duration::from_secs_f64(settings.seconds);
    let cpu = load.broadcast(&server, settings.payload, time).await?;
    drop((load, server));
    let server = peer.start().await?;
    let before = server.resident()?;
    let _load = Load::open(&server, peer.dialect, settings.idle).await?;
    // What only the handshakes needed may be given back.
    tokio::time::sleep(Duration::from_secs(2)).await;
    let grown = server.resident()?.saturating_sub(before);
    let memory = grown as f64 / 1024.0 / settings.idle as f64;
    Ok(Figures { cpu, memory })
}
