//! A listener of its own, until a signal.

use crate::{
    Protocol, Routes, Server, Service,
    arrivals::Arrivals,
    bind::Listening,
    deadline::within,
    health::{Health, Phase},
    site::{Route, Site},
    slots::Exhaustive,
    stagger::Stagger,
};
use futures_util::future::join_all;
use std::{
    fmt,
    future::{Future, IntoFuture, pending},
    io,
    net::SocketAddr,
    path::Path,
    pin::Pin,
    sync::Arc,
    time::{Duration, Instant},
};
use tokio::{
    net::{TcpListener, ToSocketAddrs},
    sync::watch,
    task::JoinSet,
};

type Boxed<T> = Pin<Box<dyn Future<Output = T> + Send>>;

/// What requests that have begun have at least when the sockets are gone.
const MOMENT: Duration = Duration::from_secs(1);

impl<P, St, Se, Slots> Server<P, St, Se, Slots>
where
    P: Protocol,
    St: Send + Sync + 'static,
    Se: Send + Sync + 'static,
{
    /// Serves the files of a folder beside the sockets, `index.html` for folders. Files and folders
    /// whose names begin with a dot are not served, but for `.well-known`.
    ///
    /// For [`listen`](Self::listen), which fails if the folder is not there.
    pub fn public(mut self, folder: impl AsRef<Path>) -> Self {
        self.settings().public.folder(folder.as_ref());
        self
    }

    /// Adds a header to every file of [`public`](Self::public), such as `Content-Security-Policy`.
    ///
    /// Without it `Cache-Control: no-cache` is sent, so that a browser asks whether a file has changed,
    /// and `X-Content-Type-Options: nosniff`. An invalid one fails [`listen`](Self::listen).
    pub fn header(mut self, name: impl AsRef<str>, value: impl AsRef<str>) -> Self {
        self.settings().public.header(name.as_ref(), value.as_ref());
        self
    }

    /// Listens on `addr`, serves the sockets at `/ws`, and the folder of [`public`](Self::public).
    ///
    /// The future fails when `addr` cannot be bound, the folder is not there, or the engine of its cluster cannot
    /// be reached.
    pub fn listen<A>(mut self, addr: A) -> Serve
    where
        A: ToSocketAddrs + Send + 'static,
        A::Future: Send,
        Slots: Exhaustive,
    {
        let public = std::mem::take(&mut self.settings().public);
        Routes { public, ..Routes::new() }.at("/ws", self.build()).listen(addr)
    }
}

impl<P: Protocol> Service<P> {
    /// Listens on `addr` and serves the sockets at `/ws`.
    pub fn listen<A>(&self, addr: A) -> Serve
    where
        A: ToSocketAddrs + Send + 'static,
        A::Future: Send,
    {
        Routes::new().at("/ws", self.clone()).listen(addr)
    }
}

/// A server that listens: a future that ends with it, or with an error if it could not start.
///
/// At `/healthz`, or where [`health`](Self::health) says, it answers `GET` with 200 and `ok`, and with 503 from
/// the signal of [`until`](Self::until) on.
///
/// # Cancel safety
///
/// Dropping it closes the listener; the sockets that are open stay so until their runtime ends. To
/// close them as well use [`until`](Self::until).
#[must_use = "a server does nothing until it is awaited"]
pub struct Serve {
    routes: Routes,
    listener: Listener,
    health: String,
    reuse_port: bool,
    linger: Duration,
    ready: Box<dyn FnOnce(SocketAddr) + Send>,
    until: Boxed<()>,
    abort: Boxed<()>,
}

/// Where a server listens.
pub(crate) enum Listener {
    At(Boxed<io::Result<Vec<SocketAddr>>>),
    Bound(TcpListener),
}

impl Serve {
    pub(crate) fn new(routes: Routes, listener: Listener) -> Self {
        Self {
            routes,
            listener,
            health: "/healthz".into(),
            reuse_port: false,
            linger: Duration::ZERO,
            ready: Box::new(|_| {}),
            until: Box::pin(pending()),
            abort: Box::pin(pending()),
        }
    }

    /// Calls `ready` with the address when the listener is bound: with port 0 it tells which.
    pub fn ready(mut self, ready: impl FnOnce(SocketAddr) + Send + 'static) -> Self {
        self.ready = Box::new(ready);
        self
    }

    /// Moves the health endpoint from `/healthz` to another path: segments of letters, digits and `-._~`.
    ///
    /// It comes before a file of that name. A path of a service fails the future.
    pub fn health(mut self, path: impl AsRef<str>) -> Self {
        self.health = format!("/{}", path.as_ref().trim_matches('/'));
        self
    }

    /// Shares the port with other processes that do so too (`SO_REUSEPORT`), on Linux: a new server starts
    /// on the port of the one that it replaces, which then gets its signal.
    ///
    /// While both listen each gets a share of the connections; when the old one stops, all that come go
    /// to the new one. What the old one's share of the kernel's queue holds is taken and told to come back;
    /// a connection that comes in the very moment in which it closes may be reset, and its client comes
    /// back after a pause. [`Routes::serve`] with a socket that outlives both has no such moment: prefer
    /// it where something can keep that socket.
    ///
    /// Any process of the same user can then take a share of the port, and no process of another user;
    /// and a server that is started twice by mistake does not fail. On other systems the future fails. For
    /// [`Routes::serve`] it does nothing.
    pub fn reuse_port(mut self) -> Self {
        self.reuse_port = true;
        self
    }

    /// Time between the signal of [`until`](Self::until) and the drain: zero.
    ///
    /// The listener stays open that long, the health endpoint says 503, and the sockets go on; new ones are
    /// refused. For load balancers that have to notice before the port is closed: longer than they take.
    /// Not for a server whose place another takes on the same port: that would have to share clients
    /// with it.
    pub fn linger(mut self, linger: Duration) -> Self {
        self.linger = linger;
        self
    }

    /// Serves until `signal` is ready, such as `tokio::signal::ctrl_c()`, and then drains.
    ///
    /// The health endpoint says 503, and no socket opens any more. After [`linger`](Self::linger) the port is
    /// closed, with what the kernel had accepted taken and told to come back, and every socket is sent away
    /// with 1012 and `retry N`, in a cluster to the other nodes: see [`Service::shutdown`]. Meanwhile HTTP goes on
    /// over connections that are open. The future ends when all are gone, after
    /// `2 * (Limits::grace + Limits::handshake)` and one second at the latest, 31 s by default; of several services
    /// the longest counts.
    pub fn until<T>(mut self, signal: impl Future<Output = T> + Send + 'static) -> Self {
        self.until = Box::pin(async move { drop(signal.await) });
        self
    }

    /// Cuts the drain short when `signal` is ready, which is looked at from the signal of
    /// [`until`](Self::until) on: with `tokio::signal::ctrl_c()` for both, a second Ctrl-C ends at once.
    ///
    /// The future then ends without waiting for anybody. Handlers at work are left to their runtime, and
    /// end with it; sockets are closed with 1012 as far as that runtime still gets to it.
    pub fn abort<T>(mut self, signal: impl Future<Output = T> + Send + 'static) -> Self {
        self.abort = Box::pin(async move { drop(signal.await) });
        self
    }

    async fn run(self) -> io::Result<()> {
        let Self { routes, listener, health, reuse_port, linger, ready, until, abort } = self;
        routes.check(&health)?;
        let limits = routes.limits.clone().unwrap_or_default();
        let files = routes.public.open()?;
        #[cfg(feature = "cluster")]
        for route in &routes.routes {
            (route.joined)().await.map_err(io::Error::other)?;
        }
        let listening = match listener {
            Listener::At(addrs) => Listening::bind(addrs.await?, reuse_port)?,
            Listener::Bound(listener) => Listening::shared(listener),
        };
        ready(listening.local_addr()?);
        let services: Arc<[Route]> = routes.routes.into();
        let (phase, phases) = watch::channel(Phase::Serving);
        let health = Health { path: health, phase: phases.clone() };
        let site = Site::new(services.clone(), files, health);
        let arrivals = Arrivals::new(site, limits.clone(), phases);
        // On a worker, which then serves what it accepted: whoever waits for this future may be a thread
        // of its own, and would be woken for each connection.
        let mut accept = JoinSet::new();
        accept.spawn(arrivals.clone().accept(listening.listener()));
        let accepted = tokio::select! {
            () = until => None,
            accepted = accept.join_next() => accepted,
        };
        let stopping = async {
            phase.send_replace(Phase::Draining);
            let (stagger, signal) = (Arc::new(Stagger::new(&limits)), Instant::now());
            services.iter().for_each(|service| (service.refuse)(stagger.clone()));
            if accepted.is_none() && !linger.is_zero() {
                within(linger, pending::<()>()).await;
            }
            // Not waited for: all workers may be at something else, and the port is to be free.
            accept.abort_all();
            listening.take_rest(|stream, peer| arrivals.take(stream, peer));
            drop((listening, arrivals));
            join_all(services.iter().map(|service| (service.drain)())).await;
            phase.send_replace(Phase::Ending);
            let left = limits.grace.saturating_sub(signal.elapsed()).max(MOMENT);
            if within(left, phase.closed()).await.is_none() {
                tracing::warn!("requests were still being answered when the server ended");
            }
        };
        tokio::select! {
            () = stopping => {}
            () = abort => services.iter().for_each(|service| (service.abort)()),
        }
        // It panicked, or its runtime is about to end.
        accepted.unwrap_or(Ok(())).map_err(io::Error::other)
    }
}

impl IntoFuture for Serve {
    type Output = io::Result<()>;
    type IntoFuture = Pin<Box<dyn Future<Output = io::Result<()>> + Send>>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(self.run())
    }
}

impl fmt::Debug for Serve {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Serve").field("routes", &self.routes).finish_non_exhaustive()
    }
}
