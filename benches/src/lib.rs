//! What is measured: sockets in memory, of which what they write is counted and dropped and what they
//! read is fed; and server processes.
#![forbid(unsafe_code)]

mod server;

pub use server::{Contender, Server, machine_cpu, own_cpu};

use socketkit::{Handshake, Limits, Protocol, Service};
use std::{
    io,
    net::SocketAddr,
    ops::Range,
    pin::{Pin, pin},
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
    task::{Context, Poll, Waker},
    time::Duration,
};
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    runtime::{Builder, Runtime},
    sync::Notify,
};

/// A count that can be waited for.
#[derive(Debug, Default)]
pub struct Tally {
    count: AtomicUsize,
    awaited: AtomicUsize,
    reached: Notify,
}

impl Tally {
    /// What was counted so far.
    pub fn count(&self) -> usize {
        self.count.load(Ordering::SeqCst)
    }

    /// Counts some more.
    pub fn add(&self, more: usize) {
        let before = self.count.fetch_add(more, Ordering::SeqCst);
        let awaited = self.awaited.load(Ordering::SeqCst);
        if before < awaited && awaited <= before + more {
            self.reached.notify_one();
        }
    }

    /// Waits until so much was counted in all. One may wait at a time.
    pub async fn until(&self, count: usize) {
        self.awaited.store(count, Ordering::SeqCst);
        while self.count() < count {
            self.reached.notified().await;
        }
    }
}

/// What a socket is still to read.
#[derive(Debug, Default)]
struct Inbox {
    bytes: Vec<u8>,
    reader: Option<Waker>,
}

/// The peer of a socket in memory.
#[derive(Debug, Clone, Default)]
pub struct Peer(Arc<Mutex<Inbox>>);

impl Peer {
    fn inbox(&self) -> MutexGuard<'_, Inbox> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Has the socket read these bytes.
    pub fn send(&self, bytes: &[u8]) {
        let reader = {
            let mut inbox = self.inbox();
            inbox.bytes.extend_from_slice(bytes);
            inbox.reader.take()
        };
        if let Some(reader) = reader {
            reader.wake();
        }
    }
}

/// The stream below a socket.
struct Stream {
    peer: Peer,
    written: Arc<Tally>,
}

impl AsyncRead for Stream {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let mut inbox = self.peer.inbox();
        if inbox.bytes.is_empty() {
            inbox.reader = Some(cx.waker().clone());
            return Poll::Pending;
        }
        let count = inbox.bytes.len().min(buffer.remaining());
        buffer.put_slice(&inbox.bytes[..count]);
        inbox.bytes.drain(..count);
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Stream {
    fn poll_write(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.written.add(bytes.len());
        Poll::Ready(Ok(bytes.len()))
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let count = slices.iter().map(|slice| slice.len()).sum();
        self.written.add(count);
        Poll::Ready(Ok(count))
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

/// Opens sockets whose writes are counted in bytes; ready when each has said hello.
pub async fn open<P: Protocol>(
    service: &Service<P>,
    written: &Arc<Tally>,
    count: usize,
) -> Vec<Peer> {
    let mut cx = Context::from_waker(Waker::noop());
    let mut peers = Vec::with_capacity(count);
    for _ in 0..count {
        let (peer, before) = (Peer::default(), written.count());
        let stream = Stream { peer: peer.clone(), written: written.clone() };
        // The socket is served by a task of its own: nothing else is needed of the future.
        let _ = pin!(service.upgraded(stream, Handshake::default())).poll(&mut cx);
        written.until(before + 1).await;
        peers.push(peer);
    }
    peers
}

/// The limits of what is measured: a load is not held back, and no heartbeat comes between.
pub fn limits() -> Limits {
    Limits::default().rate(0).heartbeat(Duration::from_secs(24 * 3600))
}

/// A runtime of one thread, so that a time is all the work and no waiting for other cores.
///
/// # Panics
///
/// When the system has no room for one.
pub fn runtime() -> Runtime {
    Builder::new_current_thread().enable_time().build().expect("a runtime")
}

/// A text frame as a client sends it.
///
/// # Panics
///
/// When the text is longer than 64 KiB.
pub fn client_frame(text: &str) -> Vec<u8> {
    const KEY: [u8; 4] = [0x12, 0x34, 0x56, 0x78];
    let length = u16::try_from(text.len()).expect("a text of at most 64 KiB");
    let mut frame = vec![0x81];
    match length {
        0..126 => frame.push(0x80 | length as u8),
        126.. => {
            frame.push(0x80 | 126);
            frame.extend(length.to_be_bytes());
        }
    }
    frame.extend(KEY);
    frame.extend(text.bytes().zip(KEY.iter().cycle()).map(|(byte, key)| byte ^ key));
    frame
}

/// The first frame of a server, if it is complete: its opcode, and where its payload lies.
pub fn server_frame(bytes: &[u8]) -> Option<(u8, Range<usize>)> {
    let (start, length) = match *bytes.get(1)? {
        126 => (4, usize::from(u16::from_be_bytes(bytes.get(2..4)?.try_into().ok()?))),
        127 => (10, u64::from_be_bytes(bytes.get(2..10)?.try_into().ok()?) as usize),
        length => (2, usize::from(length)),
    };
    (bytes.len() >= start + length).then_some((bytes[0] & 0x0f, start..start + length))
}

/// The request for a WebSocket at a path, with further headers, each with its end of line.
pub fn upgrade_request(addr: SocketAddr, path: &str, headers: &str) -> String {
    format!(
        "GET {path} HTTP/1.1\r\nHost: {addr}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
         Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n{headers}\r\n"
    )
}

/// Where the frames behind the answer to such a request begin, if it is complete.
///
/// # Errors
///
/// When the upgrade was refused.
pub fn upgraded(input: &[u8]) -> io::Result<Option<usize>> {
    let Some(end) = input.windows(4).position(|end| end == b"\r\n\r\n") else {
        return Ok(None);
    };
    if !input.starts_with(b"HTTP/1.1 101") {
        let answer = String::from_utf8_lossy(input);
        return Err(io::Error::other(format!("the upgrade was refused: {answer}")));
    }
    Ok(Some(end + 4))
}

/// Of sorted times the one that so great a share is below, in milliseconds.
pub fn percentile(sorted: &[Duration], share: f64) -> f64 {
    let at = (sorted.len().saturating_sub(1) as f64 * share) as usize;
    sorted.get(at).map_or(f64::NAN, |time| time.as_secs_f64() * 1e3)
}
