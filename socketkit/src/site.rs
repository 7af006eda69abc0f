//! What one listener serves: services by their paths, and files.

use crate::{
    Limits, PeerAddr, Protocol, Service,
    arrival::Arrival,
    health::Health,
    life::Life,
    public::{Body, Files},
    stagger::Stagger,
    stalling::Stalling,
};
use http::{Request, Response};
use http_body_util::Either;
use hyper::{body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use std::{
    convert::Infallible,
    future::Future,
    net::SocketAddr,
    pin::{Pin, pin},
    sync::Arc,
    time::Duration,
};
use tokio::{
    net::TcpStream,
    time::{sleep, timeout},
};
use tower_service::Service as _;

/// A socket, unless it was refused; or a connection that HTTP has to answer.
type Arrived = Result<Option<Life>, Arrival>;
type Boxed<T> = Pin<Box<dyn Future<Output = T> + Send>>;

/// What a request that was on its way when all sockets had gone has to arrive.
const MOMENT: Duration = Duration::from_millis(500);

/// A service without the type of its protocol.
pub(crate) struct Route {
    pub(crate) path: String,
    arrive: Box<dyn Fn(Arrival) -> Boxed<Arrived> + Send + Sync>,
    call: Box<dyn Fn(Request<Incoming>) -> Boxed<Response<Body>> + Send + Sync>,
    pub(crate) has_file: Box<dyn Fn(&str) -> bool + Send + Sync>,
    #[cfg(feature = "cluster")]
    pub(crate) joined: Box<dyn Fn() -> Boxed<Result<(), crate::ClusterError>> + Send + Sync>,
    pub(crate) refuse: Box<dyn Fn(Arc<Stagger>) + Send + Sync>,
    pub(crate) drain: Box<dyn Fn() -> Boxed<()> + Send + Sync>,
    pub(crate) abort: Box<dyn Fn() + Send + Sync>,
}

impl Route {
    pub(crate) fn new<P: Protocol>(path: String, service: Service<P>) -> Self {
        let (arriving, files) = (service.clone(), service.clone());
        let (refusing, draining, aborted) = (service.clone(), service.clone(), service.clone());
        #[cfg(feature = "cluster")]
        let joining = service.clone();
        Self {
            path,
            #[cfg(feature = "cluster")]
            joined: Box::new(move || {
                let service = joining.clone();
                Box::pin(async move { service.joined().await })
            }),
            arrive: Box::new(move |arrival| Box::pin(arriving.clone().arrive(arrival))),
            call: Box::new(move |request| {
                let answer = service.clone().call(request);
                Box::pin(async move {
                    let Ok(reply) = answer.await;
                    reply.map(Either::Left)
                })
            }),
            has_file: Box::new(move |name| files.has_file(name)),
            refuse: Box::new(move |stagger| refusing.refuse_all(stagger)),
            drain: Box::new(move || {
                let service = draining.clone();
                Box::pin(async move { service.drain().await })
            }),
            abort: Box::new(move || aborted.abort()),
        }
    }

    /// Whether a path is its own: that of the sockets or of a file of theirs.
    pub(crate) fn serves(&self, path: &str) -> Option<Served> {
        match path.strip_prefix(&*self.path)? {
            "" | "/" => Some(Served::Sockets),
            rest => {
                let is_file = rest.strip_prefix('/').is_some_and(|name| (self.has_file)(name));
                is_file.then_some(Served::File)
            }
        }
    }
}

/// What a path of a service is.
#[derive(Debug, PartialEq)]
pub(crate) enum Served {
    Sockets,
    File,
}

/// See the module.
#[derive(Clone)]
pub(crate) struct Site {
    routes: Arc<[Route]>,
    files: Files,
    health: Health,
}

impl Site {
    pub(crate) fn new(routes: Arc<[Route]>, files: Files, health: Health) -> Self {
        Self { routes, files, health }
    }

    /// Serves one TCP connection until it ends, or has become a socket.
    pub(crate) async fn connection(
        self,
        stream: TcpStream,
        peer: SocketAddr,
        limits: Arc<Limits>,
    ) -> Option<Life> {
        let reading = Arrival::read(stream, peer, limits.longest_head());
        let read = tokio::select! {
            biased;
            read = timeout(limits.handshake, reading) => read,
            () = self.ended() => return None,
        };
        let (stream, unread) = match read {
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
            Some((route, Served::Sockets)) => (route.arrive)(arrival).await,
            _ => Err(arrival),
        }
    }

    /// Ready when a request that has not come yet does not count any more: one may be on its way.
    async fn ended(&self) {
        self.health.ending().await;
        sleep(MOMENT).await;
    }

    /// Whose path it is, and what it is of that.
    fn route(&self, path: &str) -> Option<(&Route, Served)> {
        self.routes.iter().find_map(|route| Some((route, route.serves(path)?)))
    }

    async fn http(self, stream: TcpStream, unread: Vec<u8>, peer: SocketAddr, limits: Arc<Limits>) {
        let health = self.health.clone();
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
        let mut connection = pin!(http.serve_connection(stream, service).with_upgrades());
        let served = tokio::select! {
            served = &mut connection => served,
            () = health.ending() => {
                // What it is at is answered.
                connection.as_mut().graceful_shutdown();
                connection.await
            }
        };
        if let Err(error) = served {
            tracing::debug!(%peer, %error, "a connection failed");
        }
    }

    async fn answer(mut self, request: Request<Incoming>) -> Response<Body> {
        if request.uri().path() == self.health.path {
            return self.health.answer(request.method());
        }
        match self.route(request.uri().path()) {
            Some((route, _)) => (route.call)(request).await,
            None => self.files.answer(request).await,
        }
    }
}
