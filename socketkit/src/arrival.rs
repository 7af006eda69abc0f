//! A connection whose first request asks for a socket: answered without an HTTP server, which would
//! take as long as all the rest of the handshake, and much more memory.

use crate::{
    Handshake, Protocol, Service,
    head::{First, Head},
    transport::{Batch, poll_batch},
    upgrade::{closing_bytes, refusal_of, switching_bytes},
};
use http::{Method, Version};
use std::{future::poll_fn, io, net::SocketAddr};
use tokio::{io::AsyncWriteExt, net::TcpStream, time::timeout};

/// A connection that asks for a socket.
pub(crate) struct Arrival {
    pub(crate) stream: TcpStream,
    pub(crate) handshake: Handshake,
    /// What came behind the request.
    pub(crate) unread: Vec<u8>,
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
                    if read.is_empty() {
                        return (Head::read(bytes), bytes.to_vec());
                    }
                    read.extend_from_slice(bytes);
                    (Head::read(&read), std::mem::take(&mut read))
                })
            });
            let Batch::Read((first, mut bytes)) = batch.await? else {
                return Err(io::ErrorKind::UnexpectedEof.into());
            };
            match first {
                First::Upgrade(head, length) if length <= limit => {
                    bytes.drain(..length);
                    let handshake = Handshake::read(head, peer);
                    return Ok(Ok(Self { stream, handshake, unread: bytes }));
                }
                First::Unfinished if bytes.len() < limit => read = bytes,
                _ => return Ok(Err((stream, bytes))),
            }
        }
    }

    /// Leaves it to an HTTP server.
    pub(crate) fn into_http(self) -> (TcpStream, Vec<u8>) {
        let head = self.handshake.head().map(Head::bytes).unwrap_or_default();
        (self.stream, [head, &self.unread].concat())
    }
}

impl<P: Protocol> Service<P> {
    /// Opens the socket. Gives the connection back where HTTP has to answer.
    pub(crate) async fn arrive(self, arrival: Arrival) -> Result<(), Arrival> {
        let refusal = refusal_of(&Method::GET, Version::HTTP_11, &arrival.handshake);
        if refusal.is_some() || !self.is_welcome(&arrival.handshake) {
            return Err(arrival);
        }
        let opened = self.opened(&arrival.handshake).await;
        let Arrival { mut stream, handshake, unread } = arrival;
        match opened {
            Ok(opened) => {
                let reply = switching_bytes(&handshake);
                let connection = self.connect(stream, unread, handshake, opened, Some(reply));
                tokio::spawn(connection.run());
            }
            Err(reply) => {
                let answer = async {
                    stream.write_all(&closing_bytes(*reply)).await?;
                    stream.shutdown().await
                };
                // Whoever does not read it is given up.
                let _ = timeout(self.limits().stall, answer).await;
            }
        }
        Ok(())
    }
}
