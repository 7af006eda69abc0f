//! The byte stream below a connection: a TCP socket that others may write to, or any stream.

use crate::{
    peer::Peer,
    turn::{self, Turn},
};
use std::{
    cell::RefCell,
    fmt,
    io::{self, ErrorKind},
    pin::Pin,
    task::{Context, Poll},
};
use tokio::{
    io::{AsyncRead, AsyncWrite, AsyncWriteExt, ReadBuf},
    net::{
        TcpStream,
        tcp::{OwnedReadHalf, OwnedWriteHalf},
    },
    time::Instant,
};

/// Bytes that one read brings at most.
const BATCH: usize = 64 * 1024;

thread_local! {
    /// What a worker reads into, so that an idle socket owns no buffer.
    static SCRATCH: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
}

/// A stream that is not a TCP socket.
pub(crate) trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}
impl<S: AsyncRead + AsyncWrite + Send + Unpin> Stream for S {}

/// The connection's end of the stream.
pub(crate) enum Transport {
    /// Emitters write to its other half, which is the [`Peer`]'s.
    Tcp(OwnedReadHalf),
    /// Read and written by the connection alone.
    Stream(Box<dyn Stream>),
}

/// What one read brought.
pub(crate) enum Batch<T> {
    /// The stream has ended.
    End,
    /// Bytes, and what they were turned into.
    Read(T),
}

impl Transport {
    /// Takes a TCP socket apart, or boxes any other stream.
    pub(crate) fn split<S: Stream + 'static>(stream: S) -> (Self, Option<OwnedWriteHalf>) {
        let mut stream = Some(stream);
        let tcp = (&mut stream as &mut dyn std::any::Any)
            .downcast_mut::<Option<TcpStream>>()
            .and_then(Option::take);
        match (tcp, stream) {
            (Some(tcp), _) => {
                // Frames are written when they are complete: there is nothing to wait for.
                let _ = tcp.set_nodelay(true);
                let (read, write) = tcp.into_split();
                (Self::Tcp(read), Some(write))
            }
            (None, Some(stream)) => (Self::Stream(Box::new(stream)), None),
            (None, None) => (Self::Stream(Box::new(tokio::io::empty())), None),
        }
    }

    /// Reads what is there with one system call and hands it to `decode`, which may overwrite it.
    pub(crate) fn poll_read<T>(
        &mut self,
        cx: &mut Context<'_>,
        decode: impl FnOnce(&mut [u8], &mut Context<'_>) -> T,
    ) -> Poll<io::Result<Batch<T>>> {
        match self {
            Self::Tcp(stream) => poll_batch(stream, cx, decode),
            Self::Stream(stream) => poll_batch(stream, cx, decode),
        }
    }

    /// Whether it may hold back what it took, and has to be flushed again.
    pub(crate) fn is_buffered(&self) -> bool {
        matches!(self, Self::Stream(_))
    }

    /// Writes what waits for `peer`, as far as the stream takes it. Whether it takes no more: the task
    /// is woken when it does.
    pub(crate) fn poll_flush(
        &mut self,
        peer: &Peer,
        now: Instant,
        cx: &mut Context<'_>,
    ) -> io::Result<bool> {
        match self {
            Self::Tcp(stream) => {
                let mut blocked = peer.flush(false, now);
                while blocked && let Poll::Ready(ready) = stream.as_ref().poll_write_ready(cx) {
                    ready?;
                    blocked = peer.flush(true, now);
                }
                Ok(blocked)
            }
            Self::Stream(stream) => {
                loop {
                    let Some(Turn { frames, sent, .. }) = peer.queue().take(true, &peer.limits)
                    else {
                        break;
                    };
                    let written = turn::write(frames, sent, |slices| {
                        match Pin::new(&mut *stream).poll_write_vectored(cx, slices) {
                            Poll::Ready(taken) => taken,
                            Poll::Pending => Err(ErrorKind::WouldBlock.into()),
                        }
                    });
                    if !peer.queue().put_back(None, written, &peer.limits, now) {
                        break;
                    }
                }
                if let Poll::Ready(flushed) = Pin::new(stream).poll_flush(cx) {
                    flushed?;
                }
                Ok(peer.queue().is_blocked())
            }
        }
    }

    /// Writes the last bytes, to the other half of a TCP socket if it is there, and ends the direction to
    /// the peer.
    pub(crate) async fn write(
        &mut self,
        half: Option<OwnedWriteHalf>,
        bytes: &[u8],
    ) -> io::Result<()> {
        match (self, half) {
            (Self::Tcp(_), Some(mut half)) => {
                half.write_all(bytes).await?;
                half.shutdown().await
            }
            (Self::Tcp(_), None) => Err(ErrorKind::NotConnected.into()),
            (Self::Stream(stream), _) => {
                stream.write_all(bytes).await?;
                stream.shutdown().await
            }
        }
    }

    /// Ends the direction to the peer.
    pub(crate) fn poll_shutdown(
        &mut self,
        peer: &Peer,
        cx: &mut Context<'_>,
    ) -> Poll<io::Result<()>> {
        match self {
            Self::Tcp(_) => {
                peer.queue().shut();
                Poll::Ready(Ok(()))
            }
            Self::Stream(stream) => Pin::new(stream).poll_shutdown(cx),
        }
    }
}

/// Reads what is there into the worker's buffer and hands it to `decode`.
pub(crate) fn poll_batch<S: AsyncRead + Unpin + ?Sized, T>(
    stream: &mut S,
    cx: &mut Context<'_>,
    decode: impl FnOnce(&mut [u8], &mut Context<'_>) -> T,
) -> Poll<io::Result<Batch<T>>> {
    // Taken out, since a stream of users may come back here.
    let mut scratch = SCRATCH.take();
    scratch.resize(BATCH, 0);
    let mut buffer = ReadBuf::new(&mut scratch);
    let read = Pin::new(stream).poll_read(cx, &mut buffer);
    let batch = read.map_ok(|()| match buffer.filled_mut() {
        [] => Batch::End,
        bytes => Batch::Read(decode(bytes, cx)),
    });
    SCRATCH.set(scratch);
    batch
}

impl fmt::Debug for Transport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Tcp(_) => "Tcp",
            Self::Stream(_) => "Stream",
        })
    }
}
