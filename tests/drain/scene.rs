//! Servers that are told to stop, and what they are asked.

use socketkit::{Disconnect, Limits, Serve, Server, Service, Socket};
use std::{
    net::SocketAddr,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering::SeqCst},
    },
    time::Instant,
};
use tests::{
    chat::{Chat, ClientEvent, ServerEvent, client_event::*, soon, until},
    raw::{Bytes, CLOSE, TEXT, code, frame},
};
use tokio::{
    sync::{Semaphore, mpsc, oneshot},
    task::JoinHandle,
};

/// A server that runs, and what makes it stop.
pub(crate) struct Running {
    pub(crate) addr: SocketAddr,
    pub(crate) stop: oneshot::Sender<()>,
    pub(crate) ended: JoinHandle<std::io::Result<()>>,
}

impl Running {
    /// Has it stop, and waits until it drains: it does as soon as the port is closed.
    pub(crate) async fn stop(self) -> Stopping {
        self.stop.send(()).unwrap();
        until(|| std::net::TcpStream::connect(self.addr).is_err()).await;
        Stopping(self.ended)
    }
}

/// A server that stops.
pub(crate) struct Stopping(pub(crate) JoinHandle<std::io::Result<()>>);

impl Stopping {
    pub(crate) async fn end(self) {
        soon(self.0).await.unwrap().unwrap();
    }
}

pub(crate) async fn start(serve: Serve) -> Running {
    let ((ready, addr), (stop, stopped)) = (oneshot::channel(), oneshot::channel::<()>());
    let serve = serve.until(stopped).ready(|addr| ready.send(addr).unwrap());
    let ended = tokio::spawn(serve.into_future());
    Running { addr: soon(addr).await.unwrap(), stop, ended }
}

pub(crate) fn service(limits: Limits) -> Service<Chat> {
    Server::<Chat>::new().limits(limits).fallback(async |_: ClientEvent| {}).build()
}

/// A service whose `ask` is at work until it gets a permit of `gate`: then it emits and replies. What it
/// is told is sent on, and so is how its sockets ended.
pub(crate) struct Scene {
    pub(crate) service: Service<Chat>,
    pub(crate) begun: Arc<AtomicUsize>,
    pub(crate) gate: Arc<Semaphore>,
    pub(crate) ended: Arc<Mutex<Vec<(Instant, Disconnect)>>>,
    pub(crate) seen: mpsc::UnboundedReceiver<String>,
}

pub(crate) fn scene(limits: Limits) -> Scene {
    let (begun, gate) = (Arc::new(AtomicUsize::new(0)), Arc::new(Semaphore::new(0)));
    let (sender, seen) = mpsc::unbounded_channel();
    let (begins, opens, told) = (begun.clone(), gate.clone(), sender.clone());
    let ended = Arc::new(Mutex::new(Vec::new()));
    let ends = ended.clone();
    let service = Server::<Chat>::new()
        .limits(limits)
        .on(async move |ask: Ask, socket: Socket<Chat>| {
            begins.fetch_add(1, SeqCst);
            opens.acquire().await.unwrap().forget();
            socket.emit(ServerEvent::Told("done".into()));
            ask.text
        })
        .on(async move |Tell(text): Tell| drop(told.send(text)))
        .on_disconnect(async move |why: Disconnect| {
            let _ = sender.send(why.code.to_string());
            ends.lock().unwrap().push((Instant::now(), why));
        })
        .fallback(async |_: ClientEvent| {})
        .build();
    Scene { service, begun, gate, ended, seen }
}

pub(crate) fn ask(id: u32) -> Vec<u8> {
    frame(TEXT, format!(r#"{{"event":"ask","id":{id},"data":{{"text":"{id}"}}}}"#))
}

pub(crate) fn tell(text: &str) -> Vec<u8> {
    frame(TEXT, format!(r#"{{"event":"tell","data":"{text}"}}"#))
}

/// Asks a server how it stands, over a connection that stays open.
pub(crate) async fn probe(peer: &mut Bytes, path: &str) -> (u16, String) {
    peer.write(format!("GET {path} HTTP/1.1\r\nhost: x\r\n\r\n").as_bytes()).await;
    let head = peer.head().await;
    let length = head.split("content-length: ").nth(1).and_then(|rest| rest.lines().next());
    let body = peer.take(length.expect(&head).parse().unwrap()).await;
    let status = head.split(' ').nth(1).unwrap().parse().unwrap();
    (status, String::from_utf8(body).unwrap())
}

/// What N is when a socket was closed with 1012 and `retry N`.
pub(crate) fn retry((first, payload): (u8, Vec<u8>)) -> u64 {
    assert_eq!((first, code(&payload)), (CLOSE, 1012));
    let reason = String::from_utf8(payload[2..].to_vec()).unwrap();
    reason.strip_prefix("retry ").expect(&reason).parse().unwrap()
}
