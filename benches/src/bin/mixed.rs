//! How long calls take while there are broadcasts, or while a handler computes: each server in turns,
//! under the same load. `tuned` of the yardstick, and whatever speaks `socketkit.v1.json`, are peers.
#![allow(clippy::print_stdout, missing_debug_implementations, missing_docs, unreachable_pub)]

use benches::{
    Contender, client_frame, machine_cpu, own_cpu, percentile, server_frame, upgrade_request,
    upgraded,
};
use clap::Parser;
use std::{
    cell::RefCell,
    error::Error,
    io::{self, ErrorKind, Read, Write},
    net::{SocketAddr, TcpStream},
    rc::Rc,
    thread,
    time::{Duration, Instant},
};
use tokio::{
    io::AsyncReadExt,
    task::{JoinSet, LocalSet},
    time::sleep_until,
};

/// Latency of calls under mixed load
#[derive(Parser)]
struct Args {
    /// A server: its name and its command, in which `{addr}` is where it listens
    #[arg(long = "server", required = true, value_name = "NAME=COMMAND")]
    servers: Vec<Contender>,
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
    secs: u32,
    /// One more socket calls a handler that computes for 50 ms, every 60 ms
    #[arg(long)]
    compute: bool,
    /// A thread of this process computes for 50 ms, every 60 ms
    #[arg(long, conflicts_with = "compute")]
    spin: bool,
}

const POST: &str = r#""data":{"author":"ada","body":"x x x x x x x x x x x x x x x x x x x x"}}"#;

const BUSY: Duration = Duration::from_millis(50);
const EVERY: Duration = Duration::from_millis(60);

/// How long after the last call an answer may come that counts.
const GRACE: Duration = Duration::from_millis(500);

/// When a socket sends. A call that is late counts from when it was due: who waits for an answer waits
/// for that as well.
#[derive(Debug, Clone, Copy)]
struct Schedule {
    first: Instant,
    every: Duration,
}

impl Schedule {
    fn due(self, number: u32) -> Instant {
        self.first + self.every * number
    }
}

/// What a socket sends.
#[derive(Debug, Clone, Copy)]
enum Role {
    Call(&'static str),
    Publish,
}

impl Role {
    fn frame(self, id: u32) -> Vec<u8> {
        client_frame(&match self {
            Self::Call(event) => format!(r#"{{"event":"{event}","id":{id},{POST}"#),
            Self::Publish => format!(r#"{{"event":"publish",{POST}"#),
        })
    }
}

/// A socket past its handshake, in the hand of who writes.
struct Sender {
    stream: TcpStream,
    role: Role,
    schedule: Schedule,
}

/// The same socket, in the hand of who reads.
struct Receiver {
    stream: TcpStream,
    input: Vec<u8>,
    schedule: Schedule,
    /// Whether its calls are what is measured.
    counts: bool,
}

/// What was received in one round.
#[derive(Default)]
struct Got {
    /// How long each call took that was answered.
    took: Vec<Duration>,
    updates: usize,
}

/// Opens a socket.
fn open(addr: SocketAddr, role: Role, schedule: Schedule) -> io::Result<(Sender, Receiver)> {
    let mut stream = TcpStream::connect(addr)?;
    stream.set_nodelay(true)?;
    stream.write_all(upgrade_request(addr, "/ws", "").as_bytes())?;
    let (mut input, mut buffer) = (Vec::new(), [0; 4096]);
    let head = loop {
        match stream.read(&mut buffer)? {
            0 => return Err(ErrorKind::UnexpectedEof.into()),
            count => input.extend_from_slice(&buffer[..count]),
        }
        if let Some(head) = upgraded(&input)? {
            break head;
        }
    };
    input.drain(..head);
    stream.set_nonblocking(true)?;
    let sender = Sender { stream: stream.try_clone()?, role, schedule };
    let counts = matches!(role, Role::Call("echo"));
    Ok((sender, Receiver { stream, input, schedule, counts }))
}

/// Sends what is due, on a thread of its own, for the timers of tokio are a millisecond coarse.
/// How late each was sent.
fn send(mut senders: Vec<Sender>, until: Instant) -> io::Result<Vec<Duration>> {
    let due = senders.iter().enumerate().flat_map(|(at, sender)| {
        let due = (0..).map(move |number| (sender.schedule.due(number), at, number));
        due.take_while(|(due, ..)| *due < until)
    });
    let mut due: Vec<_> = due.collect();
    due.sort();
    let mut late = Vec::with_capacity(due.len());
    for (due, at, number) in due {
        let sender = &mut senders[at];
        let frame = sender.role.frame(number);
        thread::sleep(due.saturating_duration_since(Instant::now()));
        late.push(due.elapsed());
        sender.stream.write_all(&frame)?;
    }
    Ok(late)
}

/// Receives all that comes. A server answers the calls of one socket in order.
async fn receive(receiver: Receiver, got: Rc<RefCell<Got>>) -> io::Result<()> {
    let Receiver { stream, mut input, schedule, counts } = receiver;
    let mut stream = tokio::net::TcpStream::from_std(stream)?;
    let mut replies = 0;
    loop {
        let mut taken = 0;
        while let Some((opcode, payload)) = server_frame(&input[taken..]) {
            let text = &input[taken..][payload.clone()];
            taken += payload.end;
            if opcode == 8 {
                return Err(io::Error::other(format!("closed: {}", text.escape_ascii())));
            } else if text.starts_with(b"{\"event\":") {
                got.borrow_mut().updates += 1;
            } else if text.starts_with(b"{\"reply\":") && counts {
                got.borrow_mut().took.push(schedule.due(replies).elapsed());
                replies += 1;
            }
        }
        input.drain(..taken);
        if stream.read_buf(&mut input).await? == 0 {
            return Err(ErrorKind::UnexpectedEof.into());
        }
    }
}

/// The sockets of a round, in both hands.
fn sockets(args: &Args, addr: SocketAddr) -> io::Result<(Vec<Sender>, Vec<Receiver>, Instant)> {
    // Opening them is no part of it; it takes 0.1 ms each.
    let first =
        Instant::now() + Duration::from_millis(500) + Duration::from_millis(1) * args.sockets;
    let every = Duration::from_secs(1) / args.calls;
    let echo = (0..args.sockets).map(|number| {
        (Role::Call("echo"), Schedule { first: first + every * number / args.sockets, every })
    });
    let publish = (args.broadcasts > 0).then(|| {
        (Role::Publish, Schedule { first, every: Duration::from_secs(1) / args.broadcasts })
    });
    let compute = args.compute.then_some((Role::Call("compute"), Schedule { first, every: EVERY }));
    let opened =
        echo.chain(publish).chain(compute).map(|(role, schedule)| open(addr, role, schedule));
    let (senders, receivers) = opened.collect::<io::Result<(Vec<_>, Vec<_>)>>()?;
    Ok((senders, receivers, first))
}

/// Figures of one round.
#[derive(Debug, Default, Clone)]
struct Figures {
    /// Milliseconds.
    p50: f64,
    p99: f64,
    /// How late 99 % of what was due was sent, in milliseconds: where this machine has no more to give.
    late: f64,
    /// Shares of what was due.
    answered: f64,
    delivered: f64,
    /// Cores that were busy.
    server: f64,
    load: f64,
    /// Cores that others were busy with, which makes figures void.
    others: f64,
}

async fn round(args: &Args, server: &Contender) -> Result<Figures, Box<dyn Error>> {
    let server = server.start().await?;
    let (senders, receivers, first) = sockets(args, server.addr)?;
    let (got, mut tasks) = (Rc::default(), JoinSet::new());
    let hearers = receivers.len();
    for receiver in receivers {
        tasks.spawn_local(receive(receiver, Rc::clone(&got)));
    }
    let until = first + Duration::from_secs(args.secs.into());
    let sending = thread::spawn(move || send(senders, until));
    sleep_until(first.into()).await;
    let before = (server.cpu()?, own_cpu()?, machine_cpu()?);
    tokio::select! {
        () = sleep_until(until.into()) => {}
        Some(ended) = tasks.join_next() => ended??,
    }
    let secs = f64::from(args.secs);
    let cores = |now: Duration, before: Duration| (now - before).as_secs_f64() / secs;
    let (at_server, at_load) = (cores(server.cpu()?, before.0), cores(own_cpu()?, before.1));
    let all = cores(machine_cpu()?, before.2);
    tokio::time::sleep(GRACE).await;
    let mut late = sending.join().map_err(|_| "the sender panicked")??;
    late.sort();
    let mut got = got.take();
    got.took.sort();
    let called = f64::from(args.sockets * args.calls * args.secs);
    let updates = f64::from(args.broadcasts * args.secs) * hearers as f64;
    Ok(Figures {
        p50: percentile(&got.took, 0.5),
        p99: percentile(&got.took, 0.99),
        late: percentile(&late, 0.99),
        answered: got.took.len() as f64 / called,
        delivered: got.updates as f64 / updates,
        server: at_server,
        load: at_load,
        others: all - at_server - at_load,
    })
}

fn median(rounds: &[Figures], of: impl Fn(&Figures) -> f64) -> f64 {
    let mut figures: Vec<_> = rounds.iter().map(of).collect();
    figures.sort_by(f64::total_cmp);
    figures.get(figures.len() / 2).copied().unwrap_or(f64::NAN)
}

/// Computes most of the time.
fn spin() {
    loop {
        let start = Instant::now();
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
    let mut rounds = vec![Vec::new(); args.servers.len()];
    for _ in 0..args.rounds {
        for (server, rounds) in args.servers.iter().zip(&mut rounds) {
            rounds.push(LocalSet::new().run_until(round(&args, server)).await?);
        }
    }
    let mut first = None;
    for (server, rounds) in args.servers.iter().zip(rounds) {
        let of = |figure: fn(&Figures) -> f64| median(&rounds, figure);
        let (p50, p99) = (of(|round| round.p50), of(|round| round.p99));
        let (first50, first99) = *first.get_or_insert((p50, p99));
        let (r50, r99) = (p50 / first50, p99 / first99);
        print!("{:12} p50 {p50:7.2} ms ({r50:.2})  p99 {p99:7.2} ms ({r99:.2})", server.name);
        print!("  answered {:.1} %", of(|round| round.answered) * 1e2);
        if args.broadcasts > 0 {
            print!("  delivered {:.1} %", of(|round| round.delivered) * 1e2);
        }
        let (server, load) = (of(|round| round.server), of(|round| round.load));
        let (others, late) = (of(|round| round.others), of(|round| round.late));
        print!("  cores {server:.2}, {load:.2} here, {others:.2} of others");
        println!("  sent {late:.2} ms late");
    }
    Ok(())
}
