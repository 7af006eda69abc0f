//! How long an emit of a plain thread takes to be received, against a bare write to the same kind of
//! socket: interleaved, while nothing else happens.
#![allow(clippy::print_stdout, missing_debug_implementations, missing_docs, unreachable_pub)]

use benches::upgrade_request;
use clap::Parser;
use socketkit::{Events, Io, NoEvents, Protocol, Server};
use std::{
    io::{self, Read, Write},
    net::{TcpListener, TcpStream},
    sync::mpsc,
    thread,
    time::{Duration, Instant},
};

#[derive(Events)]
pub enum ServerEvent {
    Tick { body: String },
}

#[derive(Protocol)]
#[protocol(client = NoEvents, server = ServerEvent)]
pub struct Clock;

/// How often to measure
#[derive(Parser)]
struct Args {
    #[arg(long, default_value_t = 5_000)]
    rounds: usize,
}

/// A thread that says when something has come.
fn receive(mut stream: TcpStream) -> mpsc::Receiver<Instant> {
    let (came, times) = mpsc::channel();
    thread::spawn(move || {
        let mut buffer = [0; 4096];
        while let Ok(1..) = stream.read(&mut buffer) {
            if came.send(Instant::now()).is_err() {
                return;
            }
        }
    });
    times
}

/// Microseconds from before `send` to when it has come, after a pause in which all fall asleep.
fn measure(send: impl FnOnce(), came: &mpsc::Receiver<Instant>) -> f64 {
    thread::sleep(Duration::from_micros(300));
    let start = Instant::now();
    send();
    came.recv().map_or(f64::NAN, |came| (came - start).as_secs_f64() * 1e6)
}

fn connect(io: &Io<Clock>, addr: std::net::SocketAddr) -> io::Result<mpsc::Receiver<Instant>> {
    let mut stream = TcpStream::connect(addr)?;
    stream.write_all(upgrade_request(addr, "/ws", "").as_bytes())?;
    let mut read = Vec::new();
    // The answer and the `hello` behind it.
    while !read.ends_with(b"}}") {
        let mut byte = [0];
        stream.read_exact(&mut byte)?;
        read.extend(byte);
    }
    while io.is_empty() {
        thread::yield_now();
    }
    Ok(receive(stream))
}

fn main() -> io::Result<()> {
    let Args { rounds } = Args::parse();
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let mut bare = TcpStream::connect(listener.local_addr()?)?;
    bare.set_nodelay(true)?;
    let at_bare = receive(listener.accept()?.0);

    let runtime = tokio::runtime::Runtime::new()?;
    let service = Server::<Clock>::new().build();
    let (ready, addr) = mpsc::channel();
    let serve = service
        .listen("127.0.0.1:0")
        .ready(move |addr| ready.send(addr).expect("main waits for it"));
    runtime.spawn(serve.into_future());
    let addr = addr.recv().map_err(io::Error::other)?;
    let io = service.io();
    let at_socket = connect(&io, addr)?;
    let socket = io.sockets().remove(0);

    let body = "x".repeat(100);
    let frame = vec![b'x'; 140];
    let event = || ServerEvent::Tick { body: body.clone() };
    let mut times = [(); 3].map(|()| Vec::with_capacity(rounds));
    for _ in 0..rounds {
        times[0].push(measure(|| bare.write_all(&frame).expect("a socket that is open"), &at_bare));
        times[1].push(measure(|| assert_eq!(socket.emit(event()).queued, 1), &at_socket));
        times[2].push(measure(|| assert_eq!(io.broadcast(event()).queued, 1), &at_socket));
    }
    let mut limit = None;
    for (name, times) in ["bare write", "emit", "broadcast"].into_iter().zip(&mut times) {
        times.sort_by(f64::total_cmp);
        let (p50, p99) = (times[rounds / 2], times[rounds * 99 / 100]);
        let (limit50, limit99) = *limit.get_or_insert((p50, p99));
        let (r50, r99) = (p50 / limit50, p99 / limit99);
        println!("{name:10}  p50 {p50:6.1} us ({r50:.2})  p99 {p99:6.1} us ({r99:.2})");
    }
    Ok(())
}
