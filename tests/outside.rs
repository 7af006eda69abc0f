//! Servers that nothing but their sockets keeps awake: what is emitted outside of handlers, by plain
//! threads, timers and other runtimes; and handlers that compute.

use socketkit::{Io, Server, Service};
use std::{
    io::{Read, Write},
    net::{SocketAddr, TcpStream},
    sync::{Arc, Mutex, mpsc},
    thread,
    time::Duration,
};
use tests::{
    chat::{Chat, ClientEvent, PATIENCE, ServerEvent, client_event::*},
    raw::{self, TEXT, frame},
};
use tokio::{
    runtime::{Builder, Handle, Runtime},
    sync::oneshot,
};

/// A server on a runtime that nothing else keeps awake.
fn serve(runtime: &Runtime) -> (Io<Chat>, SocketAddr) {
    let service = Server::<Chat>::new().fallback(async |_: ClientEvent| {}).build();
    (service.io(), listen(runtime.handle(), &service))
}

fn listen(runtime: &Handle, service: &Service<Chat>) -> SocketAddr {
    let (ready, addr) = mpsc::channel();
    runtime.spawn(
        service.listen("127.0.0.1:0").ready(move |addr| ready.send(addr).unwrap()).into_future(),
    );
    addr.recv_timeout(PATIENCE).unwrap()
}

/// A client without a runtime: it has read the `hello`.
fn connect(addr: SocketAddr) -> TcpStream {
    let mut stream = TcpStream::connect(addr).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    stream.write_all(&raw::upgrade(&[])).unwrap();
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(byte(&mut stream));
    }
    assert!(head.starts_with(b"HTTP/1.1 101 "));
    assert!(text(&mut stream).starts_with("{\"hello\":"));
    stream
}

fn byte(stream: &mut TcpStream) -> u8 {
    let mut byte = [0];
    stream.read_exact(&mut byte).unwrap();
    byte[0]
}

/// The next text frame, of less than 126 bytes.
fn text(stream: &mut TcpStream) -> String {
    assert_eq!(byte(stream), 0x81);
    let mut text = vec![0; byte(stream).into()];
    stream.read_exact(&mut text).unwrap();
    String::from_utf8(text).unwrap()
}

fn runtimes() -> [Runtime; 2] {
    let one = Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    [one, Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap()]
}

#[test]
fn an_emit_arrives_at_once_whoever_emits_while_the_server_is_idle() {
    for runtime in runtimes() {
        let (io, addr) = serve(&runtime);
        let mut client = connect(addr);
        let other = Builder::new_current_thread().enable_all().build().unwrap();
        for round in 0..50 {
            // Nothing happens until it is read: whatever does not arrive by itself never does.
            let mut arrives = |by: &str| {
                assert_eq!(
                    text(&mut client),
                    format!(r#"{{"event":"told","data":"{by} {round}"}}"#)
                );
            };
            let told = |by: &str| ServerEvent::Told(format!("{by} {round}"));
            thread::scope(|scope| drop(scope.spawn(|| io.broadcast(told("thread")))));
            arrives("thread");
            other.block_on(async { io.broadcast(told("other runtime")) });
            arrives("other runtime");
            io.sockets()[0].emit(told("main"));
            arrives("main");
            let (timer, event) = (io.clone(), told("timer"));
            runtime.spawn(async move {
                tokio::time::sleep(Duration::from_millis(1)).await;
                timer.broadcast(event);
            });
            arrives("timer");
            let (blocking, event) = (io.clone(), told("blocking"));
            runtime.spawn_blocking(move || blocking.broadcast(event));
            arrives("blocking");
        }
    }
}

#[test]
fn an_emit_after_the_end_of_the_runtime_does_no_harm() {
    // Its sockets have ended with it.
    let [runtime, _] = runtimes();
    let (io, addr) = serve(&runtime);
    let mut client = connect(addr);
    runtime.shutdown_timeout(PATIENCE);
    io.broadcast(ServerEvent::Told("late".into()));
    assert!(io.is_empty());
    let mut rest = Vec::new();
    client.read_to_end(&mut rest).unwrap();
    assert!(rest.is_empty());
}

#[test]
fn a_handler_that_computes_keeps_no_other_socket_waiting() {
    let [_, runtime] = runtimes();
    let ((begins, begun), (ends, ended)) = (mpsc::channel(), mpsc::channel());
    let (served, other) = mpsc::channel();
    let other = Arc::new(Mutex::new(other));
    let service = Server::<Chat>::new()
        .on(move |_: Tell| {
            begins.send(()).unwrap();
            // It gives its worker to nobody until another socket was served.
            ends.send(other.lock().unwrap().recv_timeout(PATIENCE)).unwrap();
            async {}
        })
        .on(async |ask: Ask| ask.text)
        .fallback(async |_: ClientEvent| {})
        .build();
    let addr = listen(runtime.handle(), &service);
    let (mut one, mut two) = (connect(addr), connect(addr));
    for id in 0..10 {
        one.write_all(&frame(TEXT, r#"{"event":"tell","data":""}"#)).unwrap();
        begun.recv_timeout(PATIENCE).unwrap();
        let call = format!(r#"{{"event":"ask","id":{id},"data":{{"text":"x"}}}}"#);
        two.write_all(&frame(TEXT, call)).unwrap();
        assert_eq!(text(&mut two), format!(r#"{{"reply":{id},"data":"x"}}"#));
        served.send(()).unwrap();
        assert_eq!(ended.recv_timeout(PATIENCE).unwrap(), Ok(()), "it was served afterwards");
    }
}

#[test]
fn what_others_emit_does_not_wait_for_a_handler_that_has_emitted_and_computes() {
    let [_, runtime] = runtimes();
    let (ends, ended) = mpsc::channel();
    let (heard, all) = mpsc::channel();
    let all = Arc::new(Mutex::new(all));
    let service = Server::<Chat>::new()
        .on(move |Tell(text): Tell, io: Io<Chat>| {
            io.broadcast(ServerEvent::Told(text));
            // It gives its worker to nobody until somebody heard what it and another said.
            ends.send(all.lock().unwrap().recv_timeout(PATIENCE)).unwrap();
            async {}
        })
        .on(async |ask: Ask, io: Io<Chat>| {
            io.broadcast(ServerEvent::Told(ask.text.clone()));
            ask.text
        })
        .fallback(async |_: ClientEvent| {})
        .build();
    let addr = listen(runtime.handle(), &service);
    let (mut one, mut two, mut three) = (connect(addr), connect(addr), connect(addr));
    let told = |text: &str| format!(r#"{{"event":"told","data":"{text}"}}"#);
    for round in 0..10 {
        one.write_all(&frame(TEXT, format!(r#"{{"event":"tell","data":"{round}"}}"#))).unwrap();
        assert_eq!(text(&mut three), told(&round.to_string()));
        let call = format!(r#"{{"event":"ask","id":{round},"data":{{"text":"x"}}}}"#);
        two.write_all(&frame(TEXT, call)).unwrap();
        assert_eq!(text(&mut three), told("x"));
        heard.send(()).unwrap();
        assert_eq!(ended.recv_timeout(PATIENCE).unwrap(), Ok(()), "it was heard afterwards");
    }
}

#[test]
fn a_runtime_that_stands_still_keeps_no_socket_of_another_waiting() {
    let [_, many] = runtimes();
    let one = Builder::new_current_thread().enable_all().build().unwrap();
    for other in [many, one] {
        let service = Server::<Chat>::new().fallback(async |_: ClientEvent| {}).build();
        let still = Builder::new_current_thread().enable_all().build().unwrap();
        let (ready, addr) = mpsc::channel();
        let serve = service.listen("127.0.0.1:0").ready(move |addr| ready.send(addr).unwrap());
        still.spawn(serve.into_future());
        let first = still.block_on(async {
            tokio::task::spawn_blocking(move || connect(addr.recv_timeout(PATIENCE).unwrap())).await
        });
        let runtime = other.handle().clone();
        let (ends, ended) = oneshot::channel::<()>();
        let driven = thread::spawn(move || other.block_on(ended).unwrap());
        let mut second = connect(listen(&runtime, &service));
        let io = service.io();
        runtime.spawn(async move { io.broadcast(ServerEvent::Told("x".into())) });
        assert_eq!(text(&mut second), r#"{"event":"told","data":"x"}"#);
        ends.send(()).unwrap();
        driven.join().unwrap();
        drop((first, still));
    }
}

#[test]
fn the_rest_of_a_broadcast_does_not_wait_for_tasks_that_compute() {
    let [_, runtime] = runtimes();
    let (io, addr) = serve(&runtime);
    let mut clients: Vec<_> = (0..1000).map(|_| connect(addr)).collect();
    // So many are not written to by this thread itself, and not by one turn of a task.
    io.broadcast(ServerEvent::Told("x".into()));
    text(&mut clients[0]);
    let computing = compute(&runtime);
    for client in &mut clients[1..] {
        assert_eq!(text(client), r#"{"event":"told","data":"x"}"#);
    }
    drop(computing);
}

/// Has every worker run a task that gives way to nobody until what is returned is dropped.
fn compute(runtime: &Runtime) -> Vec<mpsc::Sender<()>> {
    let tasks = (0..runtime.metrics().num_workers()).map(|_| {
        let (ends, ended) = mpsc::channel::<()>();
        runtime.spawn(async move {
            let _ = ended.recv_timeout(2 * PATIENCE);
        });
        ends
    });
    tasks.collect()
}

#[test]
fn nothing_is_kept_of_a_runtime_that_has_ended() {
    let kept = Arc::new(());
    let held = kept.clone();
    let runtime = Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .on_thread_start(move || drop(held.clone()))
        .build()
        .unwrap();
    let (io, addr) = serve(&runtime);
    drop(connect(addr));
    drop((io, runtime));
    // Threads end after their runtime; the last of them holds it until then.
    let late = std::time::Instant::now() + PATIENCE;
    while Arc::strong_count(&kept) > 1 {
        assert!(std::time::Instant::now() < late, "the runtime is still there");
        thread::yield_now();
    }
}

/// Spawns another of its kind when it is dropped, so often.
struct Chain(socketkit::Socket<Chat>, u8);

impl Drop for Chain {
    fn drop(&mut self) {
        if let Some(left) = self.1.checked_sub(1) {
            let next = Chain(self.0.clone(), left);
            self.0.spawn(async move {
                let _next = next;
                std::future::pending().await
            });
        }
    }
}

#[test]
fn what_spawns_when_its_runtime_drops_it_ends_with_the_runtime() {
    let [runtime, _] = runtimes();
    let (io, addr) = serve(&runtime);
    let client = connect(addr);
    let socket = io.sockets().remove(0);
    let (runs, running) = mpsc::channel();
    let chain = Chain(socket.clone(), 3);
    socket.spawn(async move {
        let _chain = chain;
        runs.send(()).unwrap();
        std::future::pending().await
    });
    running.recv_timeout(PATIENCE).unwrap();
    let (ends, ended) = mpsc::channel();
    thread::spawn(move || {
        drop(runtime);
        ends.send(()).unwrap();
    });
    ended.recv_timeout(PATIENCE).unwrap();
    drop(client);
}
