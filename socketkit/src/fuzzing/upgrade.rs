//! The first bytes of a connection, read by us and by hyper.

use super::Input;
use crate::{
    Handshake, Limits, PeerAddr,
    arrival::look,
    head::{First, Upgrade},
    upgrade::{refusal_of, switching, switching_bytes},
};
use futures_util::FutureExt;
use http::{HeaderMap, Request, StatusCode, Uri};
use hyper::{body::Incoming, server::conn::http1, service::service_fn, upgrade::OnUpgrade};
use hyper_util::rt::TokioIo;
use std::{
    collections::VecDeque,
    convert::Infallible,
    io,
    net::SocketAddr,
    pin::Pin,
    sync::{Arc, Mutex, PoisonError},
    task::{Context, Poll},
};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// Reads bytes as the first request of a connection. A zero and a byte stand for 64 times as many
/// letters as the byte says, so that small inputs reach every limit.
///
/// # Panics
///
/// When it depends on how the bytes are cut whether they are a request to upgrade; when hyper takes
/// such a request as something else, or sees another target, header or rest; and when the answers
/// differ.
pub(crate) fn upgrade(data: &[u8]) {
    let Some(input) = Input::read(data) else { return };
    let limit = Limits::default().head([1, 9000, 16_384, 200_000][usize::from(input.flags & 3)]);
    let limit = limit.longest_head();
    let bytes = stretched(input.bytes);
    let parts = input.parts(&bytes);
    let peer = ([127, 0, 0, 1], 7).into();
    let ours = in_parts(&parts, limit);
    match (&ours, First::read(&bytes)) {
        (Arrived::Upgrade(ours), First::Upgrade(whole)) => {
            assert_eq!(format!("{ours:?}"), format!("{whole:?}"));
        }
        (Arrived::Upgrade(_), whole) => panic!("only when it is cut: {whole:?}"),
        (_, First::Upgrade(whole)) => assert!(whole.length > limit, "only when it is not cut"),
        _ => {}
    }
    let theirs = by_hyper(&parts, limit, peer);
    match (ours, theirs) {
        (Arrived::Upgrade(ours), Some(theirs)) => {
            let rest = bytes.get(ours.length..).unwrap_or_default();
            let (key, target) = (ours.key, ours.head.target().to_owned());
            theirs.agrees_with(&Handshake::read(ours.head, peer), (&key, &target), rest);
        }
        (Arrived::Upgrade(_), None) => panic!("hyper sees no request"),
        (Arrived::Unfinished, Some(theirs)) => panic!("hyper sees {:?}", theirs.handshake),
        (Arrived::Unfinished | Arrived::Other, _) => {}
    }
}

fn stretched(bytes: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(bytes.len());
    let mut rest = bytes.iter();
    while let Some(byte) = rest.next() {
        match (byte, rest.as_slice().first()) {
            (0, Some(1..)) => {
                let times = rest.next().copied().unwrap_or_default();
                out.resize(out.len() + usize::from(times) * 64, b'a');
            }
            _ => out.push(*byte),
        }
    }
    out
}

/// Headers that a listener leaves out.
const OF_THE_UPGRADE: [&str; 4] =
    ["connection", "upgrade", "sec-websocket-key", "sec-websocket-version"];

/// What the reads of a connection come to.
#[derive(Debug)]
enum Arrived {
    Unfinished,
    Upgrade(Upgrade),
    Other,
}

fn in_parts(parts: &[&[u8]], limit: usize) -> Arrived {
    let mut read = Vec::new();
    for part in parts {
        match look(&mut read, part) {
            First::Upgrade(upgrade) if upgrade.length <= limit => return Arrived::Upgrade(upgrade),
            First::Unfinished if read.len() < limit => {}
            _ => return Arrived::Other,
        }
    }
    Arrived::Unfinished
}

/// The first request that hyper sees.
struct Seen {
    handshake: Handshake,
    uri: Uri,
    /// Of one that is no upgrade.
    refused: Option<StatusCode>,
    /// What hyper writes, and gives back when it has upgraded.
    upgraded: Option<(Vec<u8>, Vec<u8>)>,
}

fn by_hyper(parts: &[&[u8]], limit: usize, peer: SocketAddr) -> Option<Seen> {
    let requests = Arc::new(Mutex::new(Vec::<(Seen, OnUpgrade)>::new()));
    let service = service_fn({
        let requests = requests.clone();
        move |mut request: Request<Incoming>| {
            request.extensions_mut().insert(PeerAddr(peer));
            let upgrade = hyper::upgrade::on(&mut request);
            let (method, version) = (request.method().clone(), request.version());
            let uri = request.uri().clone();
            let handshake = Handshake::from(request);
            let refusal = refusal_of(&method, version, &handshake);
            let refused = refusal.as_ref().map(http::Response::status);
            let reply = refusal.unwrap_or_else(|| switching(&handshake));
            let seen = Seen { handshake, uri, refused, upgraded: None };
            requests.lock().unwrap_or_else(PoisonError::into_inner).push((seen, upgrade));
            async { Ok::<_, Infallible>(reply) }
        }
    });
    let wire = Wire { unread: parts.iter().map(|part| part.to_vec()).collect(), written: vec![] };
    let mut http = http1::Builder::new();
    http.max_buf_size(limit);
    let connection = http.serve_connection(TokioIo::new(wire), service).with_upgrades();
    // It fails at what is no request.
    let _ = connection.now_or_never();
    let mut requests = requests.lock().unwrap_or_else(PoisonError::into_inner);
    requests.iter().for_each(|(seen, _)| drop(facts(&seen.handshake)));
    let (mut seen, upgrade) = requests.drain(..).next()?;
    if let Some(Ok(upgraded)) = upgrade.now_or_never() {
        let Ok(parts) = upgraded.downcast::<TokioIo<Wire>>() else { panic!("another stream") };
        let Wire { unread, written } = parts.io.into_inner();
        let unread = unread.into_iter().flatten();
        seen.upgraded = Some((written, parts.read_buf.iter().copied().chain(unread).collect()));
    }
    Some(seen)
}

impl Seen {
    fn agrees_with(self, ours: &Handshake, (key, target): (&str, &str), rest: &[u8]) {
        let Self { handshake: theirs, uri, refused, upgraded } = self;
        assert_eq!(refused, None, "hyper sees no upgrade");
        assert_eq!(theirs.only("sec-websocket-key"), Some(key));
        assert_eq!(facts(ours), facts(&theirs));
        assert_eq!(uri, *target);
        let mut headers = theirs.headers().clone();
        OF_THE_UPGRADE.iter().for_each(|name| drop(headers.remove(*name)));
        assert_eq!(*ours.headers(), headers);
        let Some((written, unread)) = upgraded else { panic!("hyper does not upgrade") };
        assert_eq!(unread, rest);
        let (status, mut headers) = answered(&written);
        headers.remove("date");
        // It repeats `close` to whoever said it, also where that is the end of HTTP.
        if headers.get("connection").is_some_and(|value| value == "Upgrade, close") {
            headers.insert("connection", http::HeaderValue::from_static("Upgrade"));
        }
        assert_eq!((status, headers), answered(&switching_bytes(key, ours.offers_subprotocol())));
    }
}

/// What a handshake says of itself.
fn facts(it: &Handshake) -> Vec<Option<String>> {
    let names = it.headers().keys().map(http::HeaderName::as_str);
    let names = names.filter(|name| !OF_THE_UPGRADE.contains(name));
    let headers = names.flat_map(|name| [Some(name), it.header(name), it.only(name)]);
    let facts = [
        Some(it.path()),
        it.query("token"),
        it.query("a"),
        it.token(),
        it.cookie("token"),
        it.cookie("a"),
        it.origin(),
        it.has("origin").then_some("of an origin"),
        it.is_same_origin().then_some("of the same origin"),
        it.offers_subprotocol().then_some("of our subprotocol"),
    ];
    let facts = facts.into_iter().chain(headers).map(|fact| fact.map(str::to_owned));
    facts.chain([it.peer().map(|peer| peer.to_string())]).collect()
}

/// Status and headers of an answer that is there as a whole.
fn answered(bytes: &[u8]) -> (u16, HeaderMap) {
    let mut headers = [httparse::EMPTY_HEADER; 16];
    let mut response = httparse::Response::new(&mut headers);
    assert_eq!(response.parse(bytes), Ok(httparse::Status::Complete(bytes.len())));
    let headers = response.headers.iter().filter_map(|header| {
        let name = http::HeaderName::try_from(header.name).ok()?;
        Some((name, http::HeaderValue::from_bytes(header.value).ok()?))
    });
    (response.code.unwrap_or_default(), headers.collect())
}

/// A connection on which nothing more comes.
struct Wire {
    unread: VecDeque<Vec<u8>>,
    written: Vec<u8>,
}

impl AsyncRead for Wire {
    fn poll_read(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
        out: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let Some(mut part) = self.unread.pop_front() else { return Poll::Pending };
        let rest = part.split_off(part.len().min(out.remaining()));
        out.put_slice(&part);
        if !rest.is_empty() {
            self.unread.push_front(rest);
        }
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Wire {
    fn poll_write(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.written.extend_from_slice(bytes);
        Poll::Ready(Ok(bytes.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}
