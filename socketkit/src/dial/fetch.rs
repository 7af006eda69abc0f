//! Files that a server has for its clients.

use super::{ConnectError, Dialer, Reached, To, host};
use bytes::Bytes;
use futures_util::FutureExt;
use http::{Request, StatusCode, Uri, header};
use http_body_util::{BodyExt, Collected, Empty, Limited};
use hyper_util::rt::TokioIo;
use std::{io, pin::pin};
use tokio::io::{AsyncRead, AsyncWrite};

impl Dialer {
    /// A file below the mount, of at most so many bytes.
    pub(crate) async fn fetch(&self, name: &str, most: usize) -> Result<Bytes, ConnectError> {
        let To::Url(uri) = &self.to else {
            return Err(ConnectError::Url("there is no server behind this pipe"));
        };
        match self.reach(uri).await? {
            Reached::Tcp(stream) => self.get(uri, name, most, stream).await,
            #[cfg(feature = "tls")]
            Reached::Tls(stream) => self.get(uri, name, most, *stream).await,
        }
    }

    async fn get<S>(
        &self,
        uri: &Uri,
        name: &str,
        most: usize,
        stream: S,
    ) -> Result<Bytes, ConnectError>
    where
        S: AsyncRead + AsyncWrite + Send + Unpin + 'static,
    {
        let mut request = Request::get(format!("{}/{name}", uri.path().trim_end_matches('/')))
            .header(header::HOST, host(uri))
            .body(Empty::<Bytes>::new())
            .map_err(|_| ConnectError::Url("it does not make a valid request"))?;
        request.headers_mut().extend(self.headers.clone());
        let (mut sender, connection) =
            hyper::client::conn::http1::handshake(TokioIo::new(stream)).await?;
        let mut connection = pin!(connection.fuse());
        let mut reply = pin!(async {
            let reply = sender.send_request(request).await?;
            if reply.status() != StatusCode::OK {
                return Err(ConnectError::Refused(reply.status()));
            }
            let body = Limited::new(reply.into_body(), most).collect().await;
            body.map(Collected::to_bytes).map_err(|error| io::Error::other(error).into())
        });
        tokio::select! {
            reply = &mut reply => reply,
            _ = &mut connection => reply.await,
        }
    }
}
