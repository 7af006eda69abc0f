//! How long a handshake takes when very many clients come at once: each server in turns. A full
//! backlog of the listener shows as a second or more, which the kernel waits before it tries again.
#![allow(clippy::print_stdout, missing_debug_implementations, missing_docs, unreachable_pub)]

use benches::{Contender, percentile, server_frame, upgrade_request, upgraded};
use clap::Parser;
use std::{
    error::Error,
    fs,
    io::{self, ErrorKind},
    net::SocketAddr,
    time::{Duration, Instant},
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    task::JoinSet,
    time::timeout,
};

/// Handshakes of a storm
#[derive(Parser)]
struct Args {
    /// A server: its name and its command, in which `{addr}` is where it listens
    #[arg(long = "server", required = true, value_name = "NAME=COMMAND")]
    servers: Vec<Contender>,
    #[arg(long, default_value_t = 3)]
    rounds: usize,
    /// Clients that connect at once
    #[arg(long, default_value_t = 5_000)]
    clients: usize,
}

/// Opens a socket, up to its `hello` where the server says it; how long that took.
async fn open(addr: SocketAddr, greets: bool) -> io::Result<(Duration, TcpStream)> {
    let start = Instant::now();
    let mut stream = TcpStream::connect(addr).await?;
    stream.write_all(upgrade_request(addr, "/ws", "").as_bytes()).await?;
    let mut input = Vec::new();
    loop {
        if stream.read_buf(&mut input).await? == 0 {
            return Err(ErrorKind::UnexpectedEof.into());
        }
        if let Some(frames) = upgraded(&input)?
            && (!greets || server_frame(&input[frames..]).is_some())
        {
            return Ok((start.elapsed(), stream));
        }
    }
}

/// Counters of the kernel, summed over the machine: connections that found a backlog full, and first
/// packets that were sent again.
fn kernel() -> io::Result<[u64; 2]> {
    let stat = fs::read_to_string("/proc/net/netstat")?;
    let mut lines = stat.lines().filter_map(|line| line.strip_prefix("TcpExt: "));
    let (names, values) = (lines.next().unwrap_or_default(), lines.next().unwrap_or_default());
    let counters = names.split(' ').zip(values.split(' '));
    let of = |wanted| counters.clone().find(|(name, _)| *name == wanted);
    let [overflows, again] = [of("ListenOverflows"), of("TCPSynRetrans")]
        .map(|found| found.and_then(|(_, value)| value.parse().ok()).unwrap_or_default());
    Ok([overflows, again])
}

/// One storm; a line of figures.
async fn storm(server: &Contender, clients: usize) -> Result<String, Box<dyn Error>> {
    let server = server.start().await?;
    let addr = server.addr;
    let greets = timeout(Duration::from_millis(500), open(addr, true)).await.is_ok();
    let before = kernel()?;
    // A task begins to connect before any goes on: they run in turns.
    let clients: JoinSet<_> = (0..clients).map(|_| open(addr, greets)).collect();
    let opened: Vec<_> = clients.join_all().await.into_iter().collect::<Result<_, _>>()?;
    let after = kernel()?;
    let mut times: Vec<_> = opened.iter().map(|(time, _)| *time).collect();
    times.sort();
    let late = times.iter().filter(|time| **time > Duration::from_secs(1)).count();
    let [p50, p99, last] = [0.5, 0.99, 1.0].map(|share| percentile(&times, share));
    let [overflows, again] = [0, 1].map(|at| after[at] - before[at]);
    Ok(format!(
        "p50 {p50:5.0} ms, p99 {p99:5.0} ms, last {last:5.0} ms, {late:4} after 1 s; \
         backlog full {overflows}, SYN again {again}"
    ))
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let args = Args::parse();
    rlimit::increase_nofile_limit(u64::MAX)?;
    for round in 1..=args.rounds {
        for server in &args.servers {
            let figures = storm(server, args.clients).await?;
            println!("round {round} {:12} {figures}", server.name);
        }
    }
    Ok(())
}
