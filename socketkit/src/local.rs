//! Clients of a service in one process, without a port.

use crate::{
    Client, ClientBuilder, Protocol, Service, Status,
    dial::{Dialer, To},
    transport::Stream,
};
use std::sync::Arc;
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
    let service = service.clone();
    let pipe = move |request: http::Request<()>| {
        let (near, far) = duplex(PIPE);
        let service = service.clone();
        tokio::spawn(async move { service.upgraded(far, request).await });
        Box::new(near) as Box<dyn Stream>
    };
    To::Pipe(Arc::new(pipe), http::Uri::from_static("/"))
}
