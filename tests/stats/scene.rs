//! The server whose counters are looked at, and its peers.

use socketkit::{
    CloseCode, Disconnect, EventStats, Handshake, Io, Limits, Server, Service, Socket, State,
};
use std::net::SocketAddr;
use tests::{
    chat::{Chat, ClientEvent, ServerEvent, until},
    raw::{Bytes, Plain, SUBPROTOCOL},
};
use tokio::{io::DuplexStream, sync::mpsc};

/// Bytes that are on their way to a slow peer at most.
const PIPE: usize = 64;

pub(crate) type Ended = mpsc::UnboundedReceiver<CloseCode>;

/// A service, and how its sessions end.
pub(crate) fn service(limits: Limits) -> (Service<Chat>, Ended) {
    let (sender, ended) = mpsc::unbounded_channel();
    let service = Server::<Chat>::new()
        .limits(limits)
        .state(sender)
        .on_disconnect(async |why: Disconnect, ended: State<mpsc::UnboundedSender<CloseCode>>| {
            let _ = ended.send(why.code);
        })
        .fallback(async |_: ClientEvent| {})
        .build();
    (service, ended)
}

/// A peer that has read its `hello` and reads no more by itself; it can resume if `ours`.
pub(crate) async fn slow(
    service: &Service<Chat>,
    ours: bool,
) -> (Bytes<DuplexStream>, Socket<Chat>) {
    let before = service.io().len();
    let (stream, theirs) = tokio::io::duplex(PIPE);
    let offered = if ours { SUBPROTOCOL } else { "" };
    let request = http::Request::builder().header("sec-websocket-protocol", offered);
    let handshake = Handshake::from(request.body(()).unwrap());
    tokio::spawn({
        let service = service.clone();
        async move { service.upgraded(theirs, handshake).await }
    });
    let mut peer = Bytes::over(stream);
    assert!(peer.line().await.starts_with(r#"{"hello":"#));
    until(|| service.io().len() > before).await;
    let newest = service.io().sockets().into_iter().max_by_key(Socket::id);
    (peer, newest.expect("a socket"))
}

/// A text longer than the pipe.
pub(crate) fn told(number: usize) -> ServerEvent {
    ServerEvent::Told(format!("{number:0>100}"))
}

pub(crate) fn flash() -> ServerEvent {
    ServerEvent::Flash("f".into())
}

/// What became of an event.
pub(crate) fn of(io: &Io<Chat>, name: &str) -> EventStats {
    io.stats().event(name).expect("an event of the server").clone()
}

/// `emitted`, and all the reasons that are not zero.
pub(crate) fn sum(io: &Io<Chat>, name: &str) -> (u64, Vec<(&'static str, u64)>) {
    let event = of(io, name);
    let reasons = [
        ("volatile", event.volatile),
        ("replaced", event.replaced),
        ("closed", event.closed),
        ("too_slow", event.too_slow),
        ("ended", event.ended),
        ("withdrawn", event.withdrawn),
        ("unconfirmed", event.unconfirmed),
    ];
    assert_eq!(event.undelivered(), reasons.iter().map(|(_, count)| count).sum::<u64>());
    (event.emitted, reasons.into_iter().filter(|(_, count)| *count > 0).collect())
}

/// A client with a session that resumes, and its token.
pub(crate) async fn guest(addr: SocketAddr) -> (Plain, String) {
    let mut peer = Plain::open(addr, true).await;
    let hello = peer.next().await;
    (peer, hello["hello"]["token"].as_str().expect("a token").to_owned())
}
