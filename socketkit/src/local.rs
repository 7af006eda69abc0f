//! Clients of a service in one process, without a port.

use crate::{
    Client, ClientBuilder, Protocol, Service, Status,
    dial::{Dialer, Pipe, To},
    transport::Stream,
};
use std::{io, sync::Arc};
use tokio::io::duplex;

/// Bytes that one direction of the pipe holds.
const PIPE: usize = 64 * 1024;

impl<P: Protocol> Service<P> {
    /// Connects a client over an in-memory pipe, with the real encoding on the way: for tests.
    ///
    /// Ready when the server has said hello, or has refused: [`Client::status`] then says so. With
    /// handlers, headers or a token use [`Client::to`].
    ///
    /// # Panics
    ///
    /// Outside of a tokio runtime.
    pub async fn local(&self) -> Client<P> {
        let client = Client::to(self).start(Dialer::new(pipe(self)), None);
        // The sender lives as long as the client.
        let _ = client.status().wait_for(|status| *status != Status::Connecting).await;
        client
    }
}

impl<P: Protocol> Client<P> {
    /// Prepares to connect to a service of this process over an in-memory pipe.
    pub fn to(service: &Service<P>) -> ClientBuilder<P> {
        ClientBuilder::new(Ok(pipe(service)))
    }
}

/// A service as something to dial.
fn pipe<P: Protocol>(service: &Service<P>) -> To {
    To::Pipe(Arc::new(Local(service.clone())), http::Uri::from_static("/"))
}

struct Local<P: Protocol>(Service<P>);

impl<P: Protocol> Pipe for Local<P> {
    fn open(&self, request: http::Request<()>) -> io::Result<Box<dyn Stream>> {
        let (near, far) = duplex(PIPE);
        let service = self.0.clone();
        tokio::spawn(async move { service.upgraded(far, request).await });
        Ok(Box::new(near))
    }
}
