//! What one listener serves: services by their paths, and files.

use crate::{
    Limits, PeerAddr, Protocol, Service,
    arrival::Arrival,
    life::Life,
    public::{Body, Files},
    stalling::Stalling,
};
use http::{Request, Response};
use http_body_util::Either;
use hyper::{body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use std::{convert::Infallible, future::Future, net::SocketAddr, pin::Pin, sync::Arc};
use tokio::{net::TcpStream, time::timeout};
use tower_service::Service as _;

/// A socket, unless it was refused; or a connection that HTTP has to answer.
type Arrived = Result<Option<Life>, Arrival>;
type Boxed<T> = Pin<Box<dyn Future<Output = T> + Send>>;

/// A service without the type of its protocol.
pub(crate) struct Route {
    pub(crate) path: String,
    arrive: Box<dyn Fn(Arrival) -> Boxed<Arrived> + Send + Sync>,
    call: Box<dyn Fn(Request<Incoming>) -> Boxed<Response<Body>> + Send + Sync>,
    pub(crate) has_file: Box<dyn Fn(&str) -> bool + Send + Sync>,
    pub(crate) shutdown: Box<dyn Fn() -> Boxed<()> + Send + Sync>,
}

impl Route {
    pub(crate) fn new<P: Protocol>(path: String, service: Service<P>) -> Self {
        let (arriving, files, stopped) = (service.clone(), service.clone(), service.clone());
        Self {
            path,
            arrive: Box::new(move |arrival| Box::pin(arriving.clone().arrive(arrival))),
            call: Box::new(move |request| {
                let answer = service.clone().call(request);
                Box::pin(async move {
                    let Ok(reply) = answer.await;
                    reply.map(Either::Left)
                })
            }),
            has_file: Box::new(move |name| files.has_file(name)),
            shutdown: Box::new(move || {
                let service = stopped.clone();
                Box::pin(async move { service.shutdown().await })
            }),
        }
    }
}

/// See the module.
#[derive(Clone)]
pub(crate) struct Site {
    routes: Arc<[Route]>,
    files: Files,
}

impl Site {
    pub(crate) fn new(routes: Vec<Route>, files: Files) -> Self {
        Self { routes: routes.into(), files }
    }

    pub(crate) fn routes(&self) -> &[Route] {
        &self.routes
    }

    /// Serves one TCP connection until it ends, or has become a socket.
    pub(crate) async fn connection(
        self,
        stream: TcpStream,
        peer: SocketAddr,
        limits: Arc<Limits>,
    ) -> Option<Life> {
        let limit = limits.longest_head();
        let (stream, unread) =
            match timeout(limits.handshake, Arrival::read(stream, peer, limit)).await {
                Ok(Ok(Ok(arrival))) => match self.arrive(arrival).await {
                    Ok(life) => return life,
                    Err(arrival) => arrival.into_http(),
                },
                Ok(Ok(Err(other))) => other,
                Ok(Err(error)) => {
                    tracing::debug!(%peer, %error, "a connection failed");
                    return None;
                }
                Err(_) => {
                    tracing::debug!(%peer, "a request took too long");
                    return None;
                }
            };
        // In a box of its own: most connections never come here.
        Box::pin(self.http(stream, unread, peer, limits)).await;
        None
    }

    /// Opens a socket, if one is to be had at its path.
    async fn arrive(&self, arrival: Arrival) -> Arrived {
        match self.route(arrival.handshake.path()) {
            Some((route, true)) => (route.arrive)(arrival).await,
            _ => Err(arrival),
        }
    }

    /// Whose path it is, and whether it is that of the sockets or of a file of theirs.
    fn route(&self, path: &str) -> Option<(&Route, bool)> {
        self.routes.iter().find_map(|route| match path.strip_prefix(&*route.path)? {
            "" | "/" => Some((route, true)),
            rest => {
                let is_file = rest.strip_prefix('/').is_some_and(|name| (route.has_file)(name));
                is_file.then_some((route, false))
            }
        })
    }

    async fn http(self, stream: TcpStream, unread: Vec<u8>, peer: SocketAddr, limits: Arc<Limits>) {
        let service = service_fn(move |mut request: Request<Incoming>| {
            request.extensions_mut().insert(PeerAddr(peer));
            let site = self.clone();
            async move { Ok::<_, Infallible>(site.answer(request).await) }
        });
        let mut http = http1::Builder::new();
        http.timer(TokioTimer::new())
            .header_read_timeout(limits.handshake)
            .max_buf_size(limits.longest_head());
        let stream = TokioIo::new(Stalling::new(stream, unread, limits.stall));
        let connection = http.serve_connection(stream, service).with_upgrades();
        if let Err(error) = connection.await {
            tracing::debug!(%peer, %error, "a connection failed");
        }
    }

    async fn answer(mut self, request: Request<Incoming>) -> Response<Body> {
        match self.route(request.uri().path()) {
            Some((route, _)) => (route.call)(request).await,
            None => self.files.answer(request).await,
        }
    }
}
