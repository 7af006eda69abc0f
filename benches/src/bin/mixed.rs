//! How long calls take while there are broadcasts, or while a handler computes: each server in turns,
//! under the same load. `tuned` of the yardstick, and whatever speaks `socketkit.v1.json`, are peers.
#![allow(clippy::print_stdout, missing_debug_implementations, missing_docs, unreachable_pub)]

use benches::{Server, client_frame};
use clap::Parser;
use std::{
    cell::RefCell,
    error::Error,
    io::{self, ErrorKind},
    net::SocketAddr,
    rc::Rc,
    str::FromStr,
    thread,
    time::Duration,
};
use tokio::{
    io::AsyncWriteExt,
    net::TcpStream,
    task::{JoinSet, LocalSet},
    time::{Instant, interval, sleep_until},
};

/// Latency of calls under mixed load
#[derive(Parser)]
struct Args {
    /// A server: its name and its command, in which `{addr}` is where it listens
    #[arg(long = "server", required = true, value_name = "NAME=COMMAND")]
    servers: Vec<Peer>,
    #[arg(long, default_value_t = 5)]
    rounds: usize,
    /// Sockets that call, and get every broadcast
    #[arg(long, default_value_t = 1_000)]
    sockets: u32,
    /// Calls of each socket a second
    #[arg(long, default_value_t = 1)]
    calls: u32,
    /// Broadcasts a second, published by one more socket
    #[arg(long, default_value_t = 200)]
    broadcasts: u32,
    /// Seconds of each round
    #[arg(long, default_value_t = 5)]
    secs: u64,
    /// One more socket calls a handler that computes for 50 ms, every 60 ms
    #[arg(long)]
    compute: bool,
    /// A thread of this process computes for 50 ms, every 60 ms
    #[arg(long, conflicts_with = "compute")]
    spin: bool,
}

#[derive(Clone)]
struct Peer {
    name: String,
    command: Vec<String>,
}

impl FromStr for Peer {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (name, command) = text.split_once('=').ok_or("NAME=COMMAND is expected")?;
        let command = command.split_whitespace().map(Into::into).collect();
        Ok(Self { name: name.into(), command })
    }
}

const POST: &str = r#""data":{"author":"ada","body":"x x x x x x x x x x x x x x x x x x x x"}}"#;

const BUSY: Duration = Duration::from_millis(50);
const EVERY: Duration = Duration::from_millis(60);

/// How long the calls took that were answered.
type Took = Rc<RefCell<Vec<Duration>>>;

/// A socket that is past its handshake.
async fn connect(addr: SocketAddr) -> io::Result<TcpStream> {
    let mut stream = TcpStream::connect(addr).await?;
    stream.set_nodelay(true)?;
    let request = format!(
        "GET /ws HTTP/1.1\r\nHost: {addr}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
         Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
    );
    stream.write_all(request.as_bytes()).await?;
    let mut buffer = [0; 4096];
    let count = read(&stream, &mut buffer).await?;
    let is_open = buffer[..count].starts_with(b"HTTP/1.1 101");
    if is_open { Ok(stream) } else { Err(io::Error::other("the upgrade was refused")) }
}

async fn read(stream: &TcpStream, buffer: &mut [u8]) -> io::Result<usize> {
    loop {
        stream.readable().await?;
        match stream.try_read(buffer) {
            Ok(0) => return Err(ErrorKind::UnexpectedEof.into()),
            Err(error) if error.kind() == ErrorKind::WouldBlock => {}
            read => return read,
        }
    }
}

/// Calls at each of its times, and reads whatever comes. A call that is late counts from when it was
/// due: who waits for an answer waits for that as well.
async fn call(
    mut stream: TcpStream,
    event: &str,
    (mut due, every): (Instant, Duration),
    took: Took,
) -> io::Result<()> {
    const REPLY: &[u8] = b"{\"reply\":";
    let mut buffer = [0; 16 * 1024];
    let (mut id, mut called, mut kept) = (0, None, 0);
    loop {
        let came = tokio::select! {
            biased;
            came = read(&stream, &mut buffer[kept..]) => came?,
            () = sleep_until(due), if called.is_none() => {
                id += 1;
                let frame = client_frame(&format!(r#"{{"event":"{event}","id":{id},{POST}"#));
                stream.write_all(&frame).await?;
                called = Some(due);
                due += every;
                continue;
            }
        };
        let bytes = &buffer[..kept + came];
        if let Some(since) = called.filter(|_| bytes.windows(REPLY.len()).any(|part| part == REPLY))
        {
            took.borrow_mut().push(since.elapsed());
            called = None;
            kept = 0;
            continue;
        }
        // The beginning of a reply may have come.
        kept = bytes.len().min(REPLY.len() - 1);
        let end = bytes.len();
        buffer.copy_within(end - kept..end, 0);
    }
}

/// Publishes at an even rate, and reads what comes.
async fn publish(mut stream: TcpStream, rate: u32) -> io::Result<()> {
    let frame = client_frame(&format!(r#"{{"event":"publish",{POST}"#));
    let (mut buffer, mut ticks) = ([0; 16 * 1024], interval(Duration::from_secs(1) / rate));
    loop {
        tokio::select! {
            _ = ticks.tick() => stream.write_all(&frame).await?,
            came = read(&stream, &mut buffer) => drop(came?),
        }
    }
}

/// The sorted times of one round.
async fn round(args: &Args, addr: SocketAddr) -> Result<Vec<Duration>, Box<dyn Error>> {
    let (took, mut tasks) = (Took::default(), JoinSet::new());
    let every = Duration::from_secs(1) / args.calls;
    let mut streams = Vec::new();
    for _ in 0..args.sockets {
        streams.push(connect(addr).await?);
    }
    let start = Instant::now() + Duration::from_millis(200);
    for (number, stream) in (0..).zip(streams) {
        let due = start + every * number / args.sockets;
        tasks.spawn_local(call(stream, "echo", (due, every), took.clone()));
    }
    if args.broadcasts > 0 {
        tasks.spawn_local(publish(connect(addr).await?, args.broadcasts));
    }
    if args.compute {
        tasks.spawn_local(call(connect(addr).await?, "compute", (start, EVERY), Took::default()));
    }
    tokio::select! {
        () = sleep_until(start + Duration::from_secs(args.secs)) => {}
        Some(ended) = tasks.join_next() => ended??,
    }
    let mut took = took.take();
    took.sort();
    Ok(took)
}

fn milliseconds(times: &[Duration], share: f64) -> f64 {
    let at = (times.len() as f64 * share) as usize;
    times.get(at).map_or(f64::NAN, |time| time.as_secs_f64() * 1e3)
}

fn median(mut figures: Vec<f64>) -> f64 {
    figures.sort_by(f64::total_cmp);
    figures[figures.len() / 2]
}

/// Computes most of the time.
fn spin() {
    loop {
        let start = std::time::Instant::now();
        while start.elapsed() < BUSY {
            std::hint::spin_loop();
        }
        thread::sleep(EVERY - BUSY);
    }
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let args = Args::parse();
    rlimit::increase_nofile_limit(u64::MAX)?;
    if args.spin {
        thread::spawn(spin);
    }
    let mut figures = vec![Vec::new(); args.servers.len()];
    for _ in 0..args.rounds {
        for (peer, figures) in args.servers.iter().zip(&mut figures) {
            let server = Server::start(&peer.command).await?;
            let times = LocalSet::new().run_until(round(&args, server.addr)).await?;
            figures.push((times.len(), milliseconds(&times, 0.5), milliseconds(&times, 0.99)));
        }
    }
    for (peer, figures) in args.servers.iter().zip(figures) {
        let calls: usize = figures.iter().map(|(count, ..)| count).sum();
        let p50 = median(figures.iter().map(|(_, p50, _)| *p50).collect());
        let p99 = median(figures.iter().map(|(.., p99)| *p99).collect());
        println!("{:12} {calls:7} calls, p50 {p50:8.2} ms, p99 {p99:8.2} ms", peer.name);
    }
    Ok(())
}
