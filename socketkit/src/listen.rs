//! A listener of its own: several services and a folder of files on one port, until a signal.

use crate::{
    Limits, Protocol, Server, Service,
    admission::Admission,
    public::Public,
    site::{Route, Site},
    slots::Exhaustive,
};
use socket2::SockRef;
use std::{
    fmt,
    future::{Future, IntoFuture, pending, poll_fn},
    io,
    net::{Shutdown, SocketAddr},
    path::Path,
    pin::Pin,
    sync::{Arc, Weak},
    task::Poll,
    time::Duration,
};
use tokio::{
    net::{TcpListener, TcpSocket, TcpStream, ToSocketAddrs, lookup_host},
    sync::{Semaphore, watch},
    task::JoinSet,
    time::{sleep, timeout},
};

/// Connections that the kernel keeps for us while we are busy: with the usual 128 a storm of
/// reconnecting clients loses packets and takes seconds.
const BACKLOG: u32 = 4096;

type Boxed<T> = Pin<Box<dyn Future<Output = T> + Send>>;

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
    /// The future fails when `addr` cannot be bound or the folder is not there.
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

/// Several services on several paths of one listener, and a folder of files beside them.
///
/// ```no_run
/// # use socketkit::{NoEvents, NoRoom, Protocol, Routes, Server};
/// # struct Forum;
/// # impl Protocol for Forum { type Client = NoEvents; type Server = NoEvents; type Room = NoRoom; }
/// # async fn run() -> std::io::Result<()> {
/// let forum = Server::<Forum>::new().build();
/// let lobby = Server::<Forum>::new().build();
/// Routes::new().at("/forum", forum).at("/lobby", lobby).public("public").listen("127.0.0.1:3000").await
/// # }
/// ```
#[must_use = "routes do nothing until `.listen(..)`"]
#[derive(Default)]
pub struct Routes {
    routes: Vec<Route>,
    public: Public,
    limits: Option<Arc<Limits>>,
}

impl Routes {
    /// No services, no files.
    pub fn new() -> Self {
        Self::default()
    }

    /// Mounts a service at a path, such as `/ws`, as it stands in a request: segments of letters, digits
    /// and `-._~`, no patterns. Any other fails [`listen`](Self::listen); so do two at one path, and one
    /// that ends like a file of the client, such as `/client.js`.
    ///
    /// What the listener itself limits, such as handshakes, the first service says.
    pub fn at<P: Protocol>(mut self, path: impl Into<String>, service: Service<P>) -> Self {
        let path: String = path.into();
        let path = path.trim_matches('/');
        // At the root every other path begins with it.
        let path = if path.is_empty() { String::new() } else { format!("/{path}") };
        // The listener's own limits are those of the first service.
        self.limits.get_or_insert_with(|| service.limits().clone());
        self.routes.push(Route::new(path, service));
        self
    }

    /// Serves the files of a folder on all other paths: see [`Server::public`].
    pub fn public(mut self, folder: impl AsRef<Path>) -> Self {
        self.public.folder(folder.as_ref());
        self
    }

    /// Adds a header to every file of [`public`](Self::public): see [`Server::header`].
    pub fn header(mut self, name: impl AsRef<str>, value: impl AsRef<str>) -> Self {
        self.public.header(name.as_ref(), value.as_ref());
        self
    }

    /// Listens on `addr`.
    ///
    /// The future fails when `addr` cannot be bound, the folder is not there, a header is invalid, two
    /// services have one path, or one has that of a file.
    pub fn listen<A>(self, addr: A) -> Serve
    where
        A: ToSocketAddrs + Send + 'static,
        A::Future: Send,
    {
        let bound =
            async move { Ok(Listening { listener: Arc::new(bind(addr).await?), ours: true }) };
        self.over(Box::pin(bound))
    }

    /// Listens with a socket that was bound elsewhere, and that others may have as well, such as a process
    /// that takes over from this one.
    pub fn serve(self, listener: TcpListener) -> Serve {
        let listening = Listening { listener: Arc::new(listener), ours: false };
        self.over(Box::pin(async move { Ok(listening) }))
    }

    fn over(self, listener: Boxed<io::Result<Listening>>) -> Serve {
        Serve { routes: self, listener, ready: Box::new(|_| {}), until: Box::pin(pending()) }
    }

    fn check(&self) -> io::Result<()> {
        let fail = |problem| Err(io::Error::new(io::ErrorKind::InvalidInput, problem));
        for (at, route) in self.routes.iter().enumerate() {
            let path = if route.path.is_empty() { "/" } else { &route.path };
            if self.routes.iter().skip(at + 1).any(|other| other.path == route.path) {
                return fail(format!("two services at `{path}`"));
            }
            if !path.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"/-._~".contains(&byte)) {
                return fail(format!("`{path}` is no path for a service"));
            }
            if path.rsplit('/').next().is_some_and(|name| (route.has_file)(name)) {
                return fail(format!("a service at `{path}`, a file of its client"));
            }
        }
        Ok(())
    }
}

impl fmt::Debug for Routes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.routes.iter().map(|route| &route.path)).finish()
    }
}

/// A server that listens: a future that ends with it, or with an error if it could not start.
///
/// # Cancel safety
///
/// Dropping it closes the listener; the sockets that are open stay so until their runtime ends. To
/// close them as well use [`until`](Self::until).
#[must_use = "a server does nothing until it is awaited"]
pub struct Serve {
    routes: Routes,
    listener: Boxed<io::Result<Listening>>,
    ready: Box<dyn FnOnce(SocketAddr) + Send>,
    until: Boxed<()>,
}

impl Serve {
    /// Calls `ready` with the address when the listener is bound: with port 0 it tells which.
    pub fn ready(mut self, ready: impl FnOnce(SocketAddr) + Send + 'static) -> Self {
        self.ready = Box::new(ready);
        self
    }

    /// Serves until `signal` is ready, such as `tokio::signal::ctrl_c()`.
    ///
    /// It then stops to accept, closes every socket with 1001 after what was emitted to it, gives
    /// handlers [`Limits::grace`] to finish, and ends when all are gone.
    pub fn until<T>(mut self, signal: impl Future<Output = T> + Send + 'static) -> Self {
        self.until = Box::pin(async move { drop(signal.await) });
        self
    }

    async fn run(self) -> io::Result<()> {
        let Self { routes, listener, ready, until } = self;
        routes.check()?;
        let limits = routes.limits.clone().unwrap_or_default();
        let site = Site::new(routes.routes, routes.public.open()?);
        let listening = listener.await?;
        ready(listening.listener.local_addr()?);
        // What HTTP still answers ends with this future.
        let (_open, ended) = watch::channel(());
        let listener = Arc::downgrade(&listening.listener);
        let accepting = Accepting { listener, site, limits, ended };
        let (site, limits) = (accepting.site.clone(), accepting.limits.clone());
        // On a worker, which then serves what it accepted: whoever waits for this future may be a thread
        // of its own, and would be woken for each connection.
        let mut accept = JoinSet::new();
        accept.spawn(accepting.run());
        let accepted = tokio::select! {
            () = until => None,
            accepted = accept.join_next() => accepted,
        };
        // Not waited for: all workers may be at something else, and the port is to be free.
        accept.abort_all();
        drop(listening);
        let mut stopped = JoinSet::new();
        for route in site.routes() {
            stopped.spawn((route.shutdown)());
        }
        // Handlers and `on_disconnect` have their grace, farewells some time on top.
        let patience = 2 * (limits.grace + limits.handshake);
        let ended = async {
            while accept.join_next().await.is_some() {}
            while stopped.join_next().await.is_some() {}
        };
        if timeout(patience, ended).await.is_err() {
            tracing::warn!("sockets were still open when the server ended");
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

/// Keeps a listener open.
struct Listening {
    listener: Arc<TcpListener>,
    /// Bound here: nobody else has it.
    ours: bool,
}

impl Drop for Listening {
    fn drop(&mut self) {
        if self.ours {
            // A worker may be about to accept, and have it for a little longer.
            let _ = SockRef::from(&*self.listener).shutdown(Shutdown::Both);
        }
    }
}

/// The task that accepts connections.
struct Accepting {
    /// Gone when whoever listens is: the port is free at once.
    listener: Weak<TcpListener>,
    site: Site,
    limits: Arc<Limits>,
    ended: watch::Receiver<()>,
}

impl Accepting {
    async fn run(self) {
        let Self { listener, site, limits, ended } = self;
        let admission = Arc::new(Admission::new(usize::MAX, limits.handshakes_per_address));
        let places = Arc::new(Semaphore::new(limits.handshakes.min(Semaphore::MAX_PERMITS)));
        let mut patience = limits.handshake;
        while let Some((stream, peer)) = accept(&listener).await {
            let Some(permit) = admission.enter(Some(peer.ip())) else { continue };
            // In a storm all the others wait in the kernel; but not for places that are held on to.
            let Ok(Ok(place)) = timeout(patience, places.clone().acquire_owned()).await else {
                patience = Duration::ZERO;
                continue;
            };
            patience = limits.handshake;
            let connection = site.clone().connection(stream, peer, limits.clone());
            let mut ended = ended.clone();
            // In a box of its own, which is gone when the socket is there.
            let arrival = Box::pin(async move {
                let _held = (permit, place);
                tokio::select! {
                    connection = connection => connection,
                    _ = ended.changed() => None,
                }
            });
            tokio::spawn(async move {
                let Some(life) = arrival.await else { return };
                life.run().await;
            });
        }
    }
}

/// Binds the first address that can be bound.
async fn bind(addr: impl ToSocketAddrs) -> io::Result<TcpListener> {
    let mut result = Err(io::Error::new(io::ErrorKind::InvalidInput, "no address to listen on"));
    for addr in lookup_host(addr).await? {
        result = listen(addr).map_err(|error| {
            io::Error::new(error.kind(), format!("cannot listen on {addr}: {error}"))
        });
        if result.is_ok() {
            break;
        }
    }
    result
}

fn listen(addr: SocketAddr) -> io::Result<TcpListener> {
    let socket = if addr.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() }?;
    if cfg!(unix) {
        // On Windows it would let two servers have one port.
        socket.set_reuseaddr(true)?;
    }
    socket.bind(addr)?;
    socket.listen(BACKLOG)
}

/// The next connection, while the listener is there. When none can be had, as with too many open
/// files, it waits a little.
async fn accept(listener: &Weak<TcpListener>) -> Option<(TcpStream, SocketAddr)> {
    loop {
        let accepted = poll_fn(|cx| match listener.upgrade() {
            Some(listener) => listener.poll_accept(cx).map(Some),
            None => Poll::Ready(None),
        });
        match accepted.await? {
            Ok(accepted) => return Some(accepted),
            Err(error)
                if matches!(
                    error.kind(),
                    io::ErrorKind::ConnectionAborted | io::ErrorKind::ConnectionReset
                ) => {}
            Err(_) if listener.strong_count() == 0 => return None,
            Err(error) => {
                tracing::error!(%error, "no connection can be accepted");
                sleep(Duration::from_millis(200)).await;
            }
        }
    }
}
