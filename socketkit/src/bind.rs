//! The listening socket: how it is bound, who has it, and how it is closed.

use socket2::SockRef;
use std::{
    future::poll_fn,
    io::{self, ErrorKind},
    net::{Shutdown, SocketAddr},
    sync::{Arc, Weak},
    task::Poll,
    time::Duration,
};
use tokio::{
    net::{TcpListener, TcpSocket, TcpStream},
    time::sleep,
};

/// Connections that the kernel keeps for us while we are busy: with the usual 128 a storm of
/// reconnecting clients loses packets and takes seconds.
const BACKLOG: u32 = 4096;

/// About so many bytes the kernel keeps for one socket before it sends them. It would take up to 4 MiB for each
/// that does not read, and beyond some thousand MiB in all it slows down every socket of the machine.
#[cfg(any(target_os = "linux", target_os = "android"))]
const UNSENT: u32 = 128 * 1024;

/// Keeps a listener open.
pub(crate) struct Listening {
    listener: Arc<TcpListener>,
    /// Bound here: nobody else has it.
    ours: bool,
}

impl Listening {
    /// A listener that others may have as well.
    pub(crate) fn shared(listener: TcpListener) -> Self {
        Self::new(listener, false)
    }

    /// Binds the first address that can be bound.
    pub(crate) fn bind(addrs: Vec<SocketAddr>, reuse_port: bool) -> io::Result<Self> {
        let mut result = Err(io::Error::new(ErrorKind::InvalidInput, "no address to listen on"));
        for addr in addrs {
            result = listen(addr, reuse_port).map_err(|error| {
                io::Error::new(error.kind(), format!("cannot listen on {addr}: {error}"))
            });
            if result.is_ok() {
                break;
            }
        }
        result.map(|listener| Self::new(listener, true))
    }

    fn new(listener: TcpListener, ours: bool) -> Self {
        bound_unsent(&listener);
        Self { listener: Arc::new(listener), ours }
    }

    pub(crate) fn local_addr(&self) -> io::Result<SocketAddr> {
        self.listener.local_addr()
    }

    /// For whoever accepts: gone when this is, so that the port is free at once.
    pub(crate) fn listener(&self) -> Weak<TcpListener> {
        Arc::downgrade(&self.listener)
    }

    /// Takes what the kernel has accepted for us, which it would reset when nobody has the listener any
    /// more. Where others have it, it is theirs.
    pub(crate) fn take_rest(&self, mut take: impl FnMut(TcpStream, SocketAddr)) {
        if !self.ours {
            return;
        }
        loop {
            match accept_now(&self.listener) {
                Ok((stream, peer)) => take(stream, peer),
                Err(error) if is_gone(&error) => {}
                Err(_) => return,
            }
        }
    }
}

impl Drop for Listening {
    fn drop(&mut self) {
        if self.ours {
            // A worker may be about to accept, and have it for a little longer.
            let _ = SockRef::from(&*self.listener).shutdown(Shutdown::Both);
        }
    }
}

/// Asks the kernel itself: what a runtime knows may be late.
fn accept_now(listener: &TcpListener) -> io::Result<(TcpStream, SocketAddr)> {
    let (stream, peer) = SockRef::from(listener).accept()?;
    stream.set_nonblocking(true)?;
    let peer = peer.as_socket().ok_or(ErrorKind::ConnectionAborted)?;
    Ok((TcpStream::from_std(stream.into())?, peer))
}

fn listen(addr: SocketAddr, reuse_port: bool) -> io::Result<TcpListener> {
    let socket = if addr.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() }?;
    if cfg!(unix) {
        // On Windows it would let two servers have one port.
        socket.set_reuseaddr(true)?;
    }
    if reuse_port {
        share_port(&socket)?;
    }
    socket.bind(addr)?;
    socket.listen(BACKLOG)
}

/// For all sockets that it accepts, unless whoever made it, or the system, has a bound of its own.
#[cfg(any(target_os = "linux", target_os = "android"))]
fn bound_unsent(listener: &TcpListener) {
    let listener = SockRef::from(listener);
    let system = std::fs::read_to_string("/proc/sys/net/ipv4/tcp_notsent_lowat");
    let is_bound = system.is_ok_and(|bound| bound.trim() != u32::MAX.to_string());
    if !is_bound && listener.tcp_notsent_lowat().is_ok_and(|bound| bound == 0) {
        // Where it fails there is none, as on other systems.
        let _ = listener.set_tcp_notsent_lowat(UNSENT);
    }
}

#[cfg(not(any(target_os = "linux", target_os = "android")))]
fn bound_unsent(_: &TcpListener) {}

#[cfg(target_os = "linux")]
fn share_port(socket: &TcpSocket) -> io::Result<()> {
    socket.set_reuseport(true)
}

#[cfg(not(target_os = "linux"))]
fn share_port(_: &TcpSocket) -> io::Result<()> {
    // Where it exists, it gives all connections to the newest, or leaves them to the oldest.
    Err(io::Error::new(ErrorKind::Unsupported, "a port is shared on Linux alone"))
}

/// The next connection, while the listener is there. When none can be had, as with too many open
/// files, it waits a little.
pub(crate) async fn accept(listener: &Weak<TcpListener>) -> Option<(TcpStream, SocketAddr)> {
    loop {
        let accepted = poll_fn(|cx| match listener.upgrade() {
            Some(listener) => listener.poll_accept(cx).map(Some),
            None => Poll::Ready(None),
        });
        match accepted.await? {
            Ok(accepted) => return Some(accepted),
            Err(error) if is_gone(&error) => {}
            Err(_) if listener.strong_count() == 0 => return None,
            Err(error) => {
                tracing::error!(%error, "no connection can be accepted");
                sleep(Duration::from_millis(200)).await;
            }
        }
    }
}

/// Whether the peer had left before it was accepted.
fn is_gone(error: &io::Error) -> bool {
    matches!(error.kind(), ErrorKind::ConnectionAborted | ErrorKind::ConnectionReset)
}
