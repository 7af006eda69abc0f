//! What one listener is to serve: several services on several paths, and a folder of files.

use crate::{Limits, Protocol, Serve, Service, listen::Listener, public::Public, site::Route};
use std::{fmt, io, path::Path, sync::Arc};
use tokio::net::{TcpListener, ToSocketAddrs, lookup_host};

/// Several services on several paths of one listener, and a folder of files beside them.
///
/// ```no_run
/// # use socketkit::{NoEvents, NoMember, NoRoom, Protocol, Routes, Server};
/// # struct Forum;
/// # impl Protocol for Forum { type Client = NoEvents; type Server = NoEvents; type Room = NoRoom; type Member = NoMember; }
/// # async fn run() -> std::io::Result<()> {
/// let forum = Server::<Forum>::new().build();
/// let lobby = Server::<Forum>::new().build();
/// Routes::new().at("/forum", forum).at("/lobby", lobby).public("public").listen("127.0.0.1:3000").await
/// # }
/// ```
#[must_use = "routes do nothing until `.listen(..)`"]
#[derive(Default)]
pub struct Routes {
    pub(crate) routes: Vec<Route>,
    pub(crate) public: Public,
    pub(crate) limits: Option<Arc<Limits>>,
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

    /// Serves the files of a folder on all other paths: see
    /// [`Server::public`](crate::Server::public).
    pub fn public(mut self, folder: impl AsRef<Path>) -> Self {
        self.public.folder(folder.as_ref());
        self
    }

    /// Adds a header to every file of [`public`](Self::public): see
    /// [`Server::header`](crate::Server::header).
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
        let addrs = async move { Ok(lookup_host(addr).await?.collect()) };
        Serve::new(self, Listener::At(Box::pin(addrs)))
    }

    /// Listens with a socket that was bound elsewhere, and that others may have as well, such as a process
    /// that takes over from this one.
    ///
    /// This is the way to replace a running server without a client that is refused: connections that
    /// come while nobody accepts wait in the kernel. Whoever starts the servers keeps the socket, such as
    /// systemd for a service with a socket unit. Where it is the standard input of the service
    /// (`StandardInput=socket`) it is to be had without further crates:
    ///
    /// ```no_run
    /// # use socketkit::{Protocol, Routes, Serve, Service};
    /// # #[cfg(unix)]
    /// # fn run<P: Protocol>(service: Service<P>) -> std::io::Result<Serve> {
    /// use std::os::fd::AsFd;
    ///
    /// let inherited = std::io::stdin().as_fd().try_clone_to_owned()?;
    /// let listener = std::net::TcpListener::from(inherited);
    /// listener.set_nonblocking(true)?;
    /// let listener = tokio::net::TcpListener::from_std(listener)?;
    /// Ok(Routes::new().at("/ws", service).serve(listener).until(tokio::signal::ctrl_c()))
    /// # }
    /// ```
    pub fn serve(self, listener: TcpListener) -> Serve {
        Serve::new(self, Listener::Bound(listener))
    }

    /// Looks whether the paths are fine, that of the health endpoint among them.
    pub(crate) fn check(&self, health: &str) -> io::Result<()> {
        let fail = |problem| Err(io::Error::new(io::ErrorKind::InvalidInput, problem));
        let is_path = |path: &str| {
            path.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"/-._~".contains(&byte))
        };
        if !is_path(health) {
            return fail(format!("`{health}` is no path to ask at"));
        }
        for (at, route) in self.routes.iter().enumerate() {
            let path = if route.path.is_empty() { "/" } else { &route.path };
            if self.routes.iter().skip(at + 1).any(|other| other.path == route.path) {
                return fail(format!("two services at `{path}`"));
            }
            if !is_path(path) {
                return fail(format!("`{path}` is no path for a service"));
            }
            if path.rsplit('/').next().is_some_and(|name| (route.has_file)(name)) {
                return fail(format!("a service at `{path}`, a file of its client"));
            }
            if route.serves(health).is_some() {
                return fail(format!("`{health}` is a path of the service at `{path}`"));
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
