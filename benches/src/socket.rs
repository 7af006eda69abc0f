//! Sockets in memory: what they write is counted and dropped, what they read is fed.

use crate::Tally;
use socketkit::{Handshake, Limits, Protocol, Service};
use std::{
    io,
    pin::{Pin, pin},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    task::{Context, Poll, Waker},
    time::Duration,
};
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    runtime::{Builder, Runtime},
};

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
