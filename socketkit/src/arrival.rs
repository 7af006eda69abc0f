//! A connection whose first request asks for a socket: answered without an HTTP server, which would
//! take as long as all the rest of the handshake, and much more memory.

use crate::{
    Handshake, Protocol, Service,
    entry::Entry,
    head::{First, Upgrade},
    life::Life,
    transport::{Batch, poll_batch},
    upgrade::{closing_bytes, switching_bytes},
};
use std::{
    future::{pending, poll_fn},
    io,
    net::SocketAddr,
};
use tokio::{io::AsyncWriteExt, net::TcpStream, time::timeout};

/// A connection that asks for a socket.
pub(crate) struct Arrival {
    stream: TcpStream,
    pub(crate) handshake: Handshake,
    key: String,
    /// What was read, and how much of it is the request.
    read: Vec<u8>,
    length: usize,
}

impl Arrival {
    /// Reads the head of the first request, of `limit` bytes at most. What is read of anything else is
    /// for an HTTP server.
    ///
    /// # Errors
    ///
    /// When the connection ends before.
    pub(crate) async fn read(
        mut stream: TcpStream,
        peer: SocketAddr,
        limit: usize,
    ) -> io::Result<Result<Self, (TcpStream, Vec<u8>)>> {
        let mut read: Vec<u8> = Vec::new();
        loop {
            let batch = poll_fn(|cx| {
                poll_batch(&mut stream, cx, |bytes, _| {
                    (look(&mut read, bytes), std::mem::take(&mut read))
                })
            });
            let Batch::Read((first, bytes)) = batch.await? else {
                return Err(io::ErrorKind::UnexpectedEof.into());
            };
            match first {
                First::Upgrade(Upgrade { head, key, length }) if length <= limit => {
                    let handshake = Handshake::read(head, peer);
                    return Ok(Ok(Self { stream, handshake, key, read: bytes, length }));
                }
                First::Unfinished if bytes.len() < limit => read = bytes,
                _ => return Ok(Err((stream, bytes))),
            }
        }
    }

    /// Leaves it to an HTTP server.
    pub(crate) fn into_http(self) -> (TcpStream, Vec<u8>) {
        (self.stream, self.read)
    }
}

/// Appends what came to what was read, and looks at it if it may be complete now.
pub(crate) fn look(read: &mut Vec<u8>, bytes: &[u8]) -> First {
    let known = read.len();
    read.extend_from_slice(bytes);
    // Read anew when it may be complete, not with every byte.
    let is_end = |end: &[u8]| end == b"\n\r\n" || end.ends_with(b"\n\n");
    let tail = read.get(known.saturating_sub(2)..).unwrap_or_default();
    match known == 0 || tail.windows(3).any(is_end) {
        true => First::read(read),
        false => First::Unfinished,
    }
}

impl<P: Protocol> Service<P> {
    /// Opens the socket, or refuses it. Gives everything back where HTTP has to answer.
    pub(crate) async fn arrive(self, arrival: Arrival) -> Result<Option<Life>, Arrival> {
        if !self.is_welcome(&arrival.handshake) {
            return Err(arrival);
        }
        let opened = tokio::select! {
            biased;
            opened = self.opened(&arrival.handshake) => opened,
            () = gone(&arrival.stream) => return Ok(None),
        };
        let Arrival { mut stream, handshake, key, read, length } = arrival;
        match opened {
            Ok(opened) => {
                let reply = switching_bytes(&key, handshake.offers_subprotocol());
                // Mostly nothing: no memory is kept for it.
                let unread = read.get(length..).unwrap_or_default().into();
                let (admitted, permit) = opened;
                Ok(self.enter(Entry::new(stream, unread, handshake, Some(reply)), admitted, permit))
            }
            Err(reply) => {
                let answer = async {
                    stream.write_all(&closing_bytes(*reply)).await?;
                    stream.shutdown().await
                };
                // Whoever does not read it is given up.
                let _ = timeout(self.limits().stall, answer).await;
                Ok(None)
            }
        }
    }
}

/// Ready when the peer has left. What it sends is not taken.
async fn gone(stream: &TcpStream) {
    if let Ok(1..) = stream.peek(&mut [0]).await {
        pending::<()>().await;
    }
}
