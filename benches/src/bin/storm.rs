//! How long a handshake takes when very many clients come at once: each server in turns. A full
//! backlog of the listener shows as a second or more, which the kernel waits before it tries again.
#![allow(clippy::print_stdout, missing_debug_implementations, missing_docs, unreachable_pub)]

use benches::Server;
use clap::Parser;
use std::{
    error::Error,
    io::{self, ErrorKind},
    net::SocketAddr,
    time::{Duration, Instant},
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    task::JoinSet,
};

/// Handshakes of a storm
#[derive(Parser)]
struct Args {
    /// A server: its name and its command, in which `{addr}` is where it listens
    #[arg(long = "server", required = true, value_name = "NAME=COMMAND")]
    servers: Vec<String>,
    #[arg(long, default_value_t = 3)]
    rounds: usize,
    /// Clients that connect at once
    #[arg(long, default_value_t = 5_000)]
    clients: usize,
}

/// Opens a socket; how long that took.
async fn open(addr: SocketAddr) -> io::Result<(Duration, TcpStream)> {
    let start = Instant::now();
    let mut stream = TcpStream::connect(addr).await?;
    let request = format!(
        "GET /ws HTTP/1.1\r\nHost: {addr}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
         Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
    );
    stream.write_all(request.as_bytes()).await?;
    let mut head = Vec::new();
    while !head.windows(4).any(|end| end == b"\r\n\r\n") {
        if stream.read_buf(&mut head).await? == 0 {
            return Err(ErrorKind::UnexpectedEof.into());
        }
    }
    Ok((start.elapsed(), stream))
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let args = Args::parse();
    rlimit::increase_nofile_limit(u64::MAX)?;
    for round in 1..=args.rounds {
        for server in &args.servers {
            let (name, command) = server.split_once('=').ok_or("NAME=COMMAND is expected")?;
            let words: Vec<String> = command.split_whitespace().map(Into::into).collect();
            let server = Server::start(&words).await?;
            let addr = server.addr;
            let clients: JoinSet<_> = (0..args.clients).map(|_| open(addr)).collect();
            let opened: Vec<_> = clients.join_all().await.into_iter().collect::<Result<_, _>>()?;
            let mut times: Vec<_> = opened.iter().map(|(time, _)| *time).collect();
            times.sort();
            let of = |share: f64| times[((times.len() - 1) as f64 * share) as usize].as_millis();
            println!(
                "round {round} {name:12} p50 {:5} ms, p99 {:5} ms, last {:5} ms",
                of(0.5),
                of(0.99),
                of(1.0)
            );
        }
    }
    Ok(())
}
