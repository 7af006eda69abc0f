//! What sockets and their rooms cost in memory: many of them over in-memory streams in one process.
//!
//! Every socket is sent two broadcasts and has to get both in order; then each joins ten rooms of 100,
//! and one room is emitted to, alone and among all the others.
#![allow(clippy::print_stdout, missing_debug_implementations, missing_docs, unreachable_pub)]

use clap::Parser;
use socketkit::{Events, Handshake, Io, NoEvents, Protocol, Server, Service};
use std::{
    io,
    pin::{Pin, pin},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    task::{Context, Poll, Waker},
    time::Instant,
};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

#[derive(Events)]
pub enum ServerEvent {
    /// Its number, from 1 on.
    Tick(usize),
}

#[derive(Protocol)]
#[protocol(client = NoEvents, server = ServerEvent, room = String)]
pub struct Clock;

/// How much to open
#[derive(Parser)]
struct Args {
    /// Sockets
    #[arg(long, default_value_t = 1_000_000)]
    sockets: usize,
    /// Of these in ten rooms each
    #[arg(long, default_value_t = 100_000)]
    members: usize,
}

/// How many receivers have got each tick, and how many were sent anything else.
#[derive(Default)]
struct Got {
    ticks: [AtomicUsize; 2],
    wrong: AtomicUsize,
    room: AtomicUsize,
}

/// A peer that says nothing and looks at what it is sent.
struct Quiet {
    got: Arc<Got>,
    frames: usize,
}

impl AsyncRead for Quiet {
    fn poll_read(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
        _: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Poll::Pending
    }
}

impl AsyncWrite for Quiet {
    fn poll_write(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let text = String::from_utf8_lossy(bytes.get(2..).unwrap_or_default());
        let got = &self.got;
        let counter = match self.frames {
            0 if text.starts_with("{\"hello\"") => None,
            1 if text.ends_with(":1}") => Some(&got.ticks[0]),
            2 if text.ends_with(":2}") => Some(&got.ticks[1]),
            3.. if text.ends_with(":3}") => Some(&got.room),
            _ => Some(&got.wrong),
        };
        if let Some(counter) = counter {
            counter.fetch_add(1, Ordering::Relaxed);
        }
        self.frames += 1;
        Poll::Ready(Ok(bytes.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

/// Resident bytes of this process.
fn resident() -> io::Result<usize> {
    let status = std::fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kib = line.and_then(|line| line.trim().strip_suffix(" kB")?.trim().parse::<usize>().ok());
    Ok(kib.unwrap_or_default() * 1024)
}

async fn until(done: impl Fn() -> bool) {
    while !done() {
        tokio::task::yield_now().await;
    }
}

/// Opens sockets that stay open: each is served by a task of its own.
fn open(service: &Service<Clock>, got: &Arc<Got>, count: usize) {
    let mut cx = Context::from_waker(Waker::noop());
    for _ in 0..count {
        let stream = Quiet { got: got.clone(), frames: 0 };
        let _ = pin!(service.upgraded(stream, Handshake::default())).poll(&mut cx);
    }
}

/// Microseconds of an emit to a room of 100, until all have it: the median of many.
async fn emit(io: &Io<Clock>, got: &Got) -> f64 {
    let mut times = Vec::new();
    for _ in 0..201 {
        let (before, start) = (got.room.load(Ordering::Relaxed), Instant::now());
        let reached = io.to("room 0").emit(ServerEvent::Tick(3)).queued;
        until(|| got.room.load(Ordering::Relaxed) == before + reached).await;
        times.push(start.elapsed().as_secs_f64() * 1e6);
    }
    times.sort_by(f64::total_cmp);
    times[100]
}

#[tokio::main]
async fn main() -> io::Result<()> {
    let Args { sockets, members } = Args::parse();
    let service = Server::<Clock>::new().build();
    let (io, got) = (service.io(), Arc::new(Got::default()));
    let before = resident()?;
    let start = Instant::now();
    open(&service, &got, sockets);
    until(|| io.len() == sockets).await;
    println!("{sockets} sockets opened in {:.2} s", start.elapsed().as_secs_f64());
    for tick in [1, 2] {
        let start = Instant::now();
        io.broadcast(ServerEvent::Tick(tick));
        until(|| got.ticks[tick - 1].load(Ordering::Relaxed) == sockets).await;
        let each = start.elapsed().as_secs_f64() * 1e6 / sockets as f64;
        println!("broadcast {tick}: all have it, {each:.2} us a delivery");
    }
    assert_eq!(got.wrong.load(Ordering::Relaxed), 0, "lost, doubled or out of order");
    let opened = resident()?;
    println!("{} resident bytes a socket", opened.saturating_sub(before) / sockets);

    let all = io.sockets();
    let chosen = all.get(..members.min(sockets)).unwrap_or(&all);
    let listed = resident()?;
    chosen.iter().take(100).for_each(|socket| socket.join("room 0"));
    let alone = emit(&io, &got).await;
    let start = Instant::now();
    for (at, socket) in chosen.iter().enumerate() {
        for room in 0..10 {
            // Rooms of 100, each of other sockets.
            socket.join(format!("room {}", (at / 100 * 10) + room));
        }
    }
    let joined = start.elapsed().as_secs_f64() * 1e6 / (chosen.len() * 10) as f64;
    let bytes = resident()?.saturating_sub(listed) / (chosen.len() * 10);
    println!("{} rooms, {bytes} resident bytes a membership", io.room_count());
    let among = emit(&io, &got).await;
    println!("an emit to a room of 100: {alone:.1} us alone, {among:.1} us among all the others");
    let start = Instant::now();
    for (at, socket) in chosen.iter().enumerate() {
        for room in 0..10 {
            socket.leave(format!("room {}", (at / 100 * 10) + room));
        }
    }
    let left = start.elapsed().as_secs_f64() * 1e6 / (chosen.len() * 10) as f64;
    println!("joining {joined:.2} us, leaving {left:.2} us; {} rooms left", io.room_count());
    Ok(())
}
