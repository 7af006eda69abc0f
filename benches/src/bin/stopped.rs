//! Receivers that stop reading while a server broadcasts on: what the others notice, what the server
//! keeps for them, and what they are told.
//!
//! Everybody is in a session that can resume and says what it has seen. The server is a process of its
//! own; times are from before an emit until a receiver has read it.
#![allow(clippy::print_stdout, missing_debug_implementations, missing_docs, unreachable_pub)]

#[path = "stopped/receiver.rs"]
mod receiver;

use benches::{Server as Process, percentile};
use clap::Parser;
use receiver::{OVER, Outcome, PHASES, Phase, Receiver, Times};
use socketkit::{Client, Events, Io, Limits, Protocol, Server, State};
use std::{
    error::Error,
    net::SocketAddr,
    sync::{Arc, Mutex, atomic::Ordering},
    time::{Duration, SystemTime, UNIX_EPOCH},
};
use tokio::{sync::watch, task::JoinSet, time};

#[derive(Events)]
pub enum ClientEvent {
    /// Broadcasts so often a second from now on, until it is told otherwise.
    Pace { rate: u32 },
    /// How many events were sent, and how many of them not delivered since their receivers were too slow.
    #[event(reply = (u64, u64))]
    Sent,
}

#[derive(Events)]
pub enum ServerEvent {
    /// Its number, when it was emitted in microseconds since 1970, and bytes without a meaning.
    Tick { number: u64, at: u64, body: String },
}

#[derive(Protocol)]
#[protocol(client = ClientEvent, server = ServerEvent)]
pub struct Feed;

/// Receivers that stop reading while a server broadcasts on
#[derive(Parser, Clone)]
struct Args {
    /// Receivers that read on
    #[arg(long, default_value_t = 500)]
    readers: usize,
    /// Receivers that stop
    #[arg(long, default_value_t = 500)]
    stopped: usize,
    /// Broadcasts a second
    #[arg(long, default_value_t = 1_000)]
    rate: u32,
    /// Bytes of each
    #[arg(long, default_value_t = 1_024)]
    bytes: usize,
    /// Seconds for which they stop
    #[arg(long, default_value_t = 60)]
    seconds: u64,
    /// Seconds of broadcasts that may wait for one receiver, instead of the default limits
    #[arg(long)]
    patience: Option<u64>,
    /// Be the server, at this address
    #[arg(long, hide = true)]
    serve: Option<SocketAddr>,
}

impl Args {
    fn limits(&self) -> Limits {
        let limits = Limits::default();
        let Some(patience) = self.patience else { return limits };
        let frames = patience as usize * self.rate as usize;
        let bytes = frames * (self.bytes + 64);
        let stall = Duration::from_secs(patience);
        limits.queue(frames).queue_bytes(bytes).queue_hard_bytes(bytes).stall(stall)
    }
}

fn micros() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_micros() as u64
}

/// Emits what is due, as often as the clock allows.
async fn broadcast(io: Io<Feed>, mut pace: watch::Receiver<u32>, bytes: usize) {
    let (body, mut number) = ("x".repeat(bytes), 0);
    while pace.changed().await.is_ok() {
        let rate = *pace.borrow_and_update();
        let (start, mut emitted) = (time::Instant::now(), 0);
        let mut clock = time::interval(Duration::from_millis(1));
        while rate > 0 && !pace.has_changed().unwrap_or(true) {
            clock.tick().await;
            let due = (start.elapsed().as_secs_f64() * f64::from(rate)) as u64;
            for _ in emitted..due {
                number += 1;
                io.broadcast(ServerEvent::Tick { number, at: micros(), body: body.clone() });
            }
            emitted = emitted.max(due);
        }
    }
}

async fn serve(addr: SocketAddr, args: &Args) -> std::io::Result<()> {
    let (pace, paced) = watch::channel(0);
    let service = Server::<Feed>::new()
        .limits(args.limits())
        .state(pace)
        .on(
            async |client_event::Pace { rate }: client_event::Pace,
                   pace: State<watch::Sender<u32>>| {
                pace.send_replace(rate);
            },
        )
        .on(async |_: client_event::Sent, io: Io<Feed>| {
            let stats = io.stats();
            stats.event("tick").map_or((0, 0), |tick| (tick.emitted, tick.too_slow + tick.closed))
        })
        .build();
    tokio::spawn(broadcast(service.io(), paced, args.bytes));
    service.listen(addr).await
}

/// What is recorded, in the order of its names.
const NAMES: [&str; PHASES] = [
    "without those that stop, before",
    "while they do not read",
    "while they come back",
    "without them, after",
];

/// What is recorded while nothing is.
const NOTHING: usize = PHASES;

/// Prints the times of a phase, of all who read. Their 99th percentile.
fn print(what: &str, mut times: Vec<Duration>) -> f64 {
    times.sort_unstable();
    let [p50, p99, most] = [0.5, 0.99, 1.0].map(|share| percentile(&times, share));
    let count = times.len();
    println!("{what:34} p50 {p50:6.2} ms  p99 {p99:6.2} ms  max {most:7.2} ms  of {count}");
    p99
}

/// Sets the largest seen until it is asked to end.
async fn watch_memory(server: Arc<Process>, most: Arc<Mutex<usize>>) {
    let mut clock = time::interval(Duration::from_millis(200));
    loop {
        clock.tick().await;
        if let (Ok(now), Ok(mut most)) = (server.resident(), most.lock()) {
            *most = now.max(*most);
        }
    }
}

async fn open(addr: SocketAddr, count: usize, phase: &Phase) -> std::io::Result<Vec<Receiver>> {
    let mut receivers = Vec::with_capacity(count);
    for _ in 0..count {
        receivers.push(Receiver::open(addr, phase, None).await?);
    }
    Ok(receivers)
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let args = Args::parse();
    rlimit::increase_nofile_limit(u64::MAX)?;
    if let Some(addr) = args.serve {
        return Ok(serve(addr, &args).await?);
    }
    let command = std::env::args().chain(["--serve".into(), "{addr}".into()]).collect::<Vec<_>>();
    let server = Arc::new(Process::start(&command).await?);
    let most = Arc::new(Mutex::new(0));
    let watching = tokio::spawn(watch_memory(server.clone(), most.clone()));
    let addr = server.addr;
    let mut client = Client::<Feed>::connect(&format!("ws://{addr}/ws")).await?;
    let control = client.remote().clone();
    // It is a receiver as well.
    tokio::spawn(async move { while client.recv().await.is_some() {} });
    let phase = Phase::new(NOTHING.into());
    let record = async |number: usize, seconds: u64| {
        phase.store(number, Ordering::Relaxed);
        time::sleep(Duration::from_secs(seconds)).await;
    };
    let mut readers = JoinSet::new();
    for receiver in open(addr, args.readers, &phase).await? {
        readers.spawn(receiver.read_all());
    }
    control.emit(client_event::Pace { rate: args.rate });
    record(NOTHING, 3).await;
    let alone = args.seconds / 2;
    record(0, alone).await;

    phase.store(NOTHING, Ordering::Relaxed);
    let at_start = server.resident()?;
    let stopping = open(addr, args.stopped, &phase).await?;
    record(1, args.seconds).await;

    phase.store(2, Ordering::Relaxed);
    let mut outcomes = JoinSet::new();
    for receiver in stopping {
        outcomes.spawn(receiver.come_back(addr));
    }
    let outcomes = outcomes.join_all().await.into_iter().collect::<Result<Vec<_>, _>>()?;
    let (sent, too_slow) = control.call(client_event::Sent).await?;
    record(NOTHING, 1).await;
    record(3, alone).await;
    control.emit(client_event::Pace { rate: 0 });
    phase.store(OVER, Ordering::Relaxed);

    let mut times = Times::default();
    for of_one in readers.join_all().await {
        times.iter_mut().zip(of_one?).for_each(|(all, more)| all.extend(more));
    }
    let p99 = NAMES.iter().zip(times).map(|(name, times)| print(name, times));
    if let [before, during, _, after] = p99.collect::<Vec<_>>()[..] {
        println!("p99 of the others: {:.2} times", during * 2.0 / (before + after));
    }

    let count = |of: Outcome| outcomes.iter().filter(|outcome| **outcome == of).count();
    println!(
        "of {} that stopped: {} missed nothing, {} were told that they had",
        outcomes.len(),
        count(Outcome::Whole),
        count(Outcome::Told)
    );
    println!("deliveries emitted {sent}, counted as not delivered {too_slow}");
    watching.abort();
    let most = most.lock().map_or(0, |most| *most);
    let limits = args.limits();
    let each = limits.queue_hard_bytes + limits.window_bytes;
    println!(
        "server's memory: {} MiB at the start, {} MiB at most; the limits allow {} MiB",
        at_start >> 20,
        most >> 20,
        (each * (args.readers + args.stopped)) >> 20
    );
    Ok(())
}
