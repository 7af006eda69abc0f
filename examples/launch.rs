//! How the examples start: where they listen, what they log, when they stop.
#![allow(clippy::print_stdout)]

use clap::Args;
use fast_qr::QRBuilder;
use socketkit::{BrowserClient, Handshake, Serve, SocketId};
use std::{
    env,
    future::Future,
    hash::{BuildHasher, DefaultHasher, Hash, Hasher, RandomState},
    io::{self, IsTerminal},
    net::{IpAddr, SocketAddr, UdpSocket},
    path::PathBuf,
    sync::LazyLock,
};
#[cfg(unix)]
use std::{future::poll_fn, task::Poll};
use tracing::Level;

/// The `Content-Security-Policy` of the pages: they run and load what is served here and nothing else.
pub const CSP: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; \
                       connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/// The option that every example has.
#[derive(Debug, Clone, Copy, Args)]
pub struct Listen {
    /// Address and port to listen on; 0.0.0.0 for the whole network, port 0 for any
    #[arg(long, env = "LISTEN", value_name = "ADDR", default_value = "127.0.0.1:3000")]
    pub listen: SocketAddr,
}

impl Listen {
    /// Serves until a [`signal`], when every socket is sent away, and ends at once on another. Prints the
    /// address when it is ready, and as a QR code if others can reach it.
    ///
    /// # Errors
    ///
    /// When the address cannot be bound, or a folder of the server is not there.
    pub async fn serve(self, serve: impl FnOnce(SocketAddr) -> Serve) -> io::Result<()> {
        let again = async { signal().await };
        serve(self.listen).ready(announce).until(signal()).abort(again).await
    }
}

/// The key under which a browser is shown to others: made of the secret by which it names itself in the
/// query of its URL, or else of its socket. It is another after a restart, and on another server: unless
/// they are given the same `VISITOR_KEY`, a secret.
#[must_use]
pub fn visitor(handshake: &Handshake, socket: SocketId) -> String {
    static KEY: LazyLock<String> = LazyLock::new(|| {
        env::var("VISITOR_KEY").unwrap_or_else(|_| RandomState::new().hash_one(()).to_string())
    });
    let mut hash = DefaultHasher::new();
    KEY.hash(&mut hash);
    match handshake.query("visitor") {
        Some(secret) => secret.hash(&mut hash),
        None => socket.hash(&mut hash),
    }
    format!("{:016x}", hash.finish())
}

/// The option of the examples that have a page.
#[derive(Debug, Clone, Args)]
pub struct Types {
    /// Folder to write the page's client and its types to, as an npm package, before serving
    #[arg(long, value_name = "DIR")]
    pub types: Option<PathBuf>,
}

impl Types {
    /// Writes the client under a name, if it is wanted: it is made only then.
    ///
    /// # Errors
    ///
    /// When a file cannot be written.
    pub fn write(&self, name: &str, client: impl FnOnce() -> BrowserClient) -> Result<(), Failure> {
        let Some(folder) = &self.types else { return Ok(()) };
        let written = client().write_package(folder, name, env!("CARGO_PKG_VERSION"));
        about(folder.display(), written)
    }
}

/// Ready on Ctrl-C, or on SIGTERM, as service managers send it. Signals are noticed from the call on, not
/// from the first poll.
pub fn signal() -> impl Future<Output = ()> {
    let mut signals = Signals::new();
    async move { signals.next().await }
}

/// Ready when the program is to stop, on a [`signal`]. A second one ends it at once.
pub fn stopped() -> impl Future<Output = ()> {
    let signalled = signal();
    async move {
        signalled.await;
        let again = signal();
        tokio::spawn(async move {
            again.await;
            std::process::exit(130);
        });
    }
}

/// The signals that end a program; where they cannot be had it simply runs on.
#[cfg(unix)]
struct Signals(Vec<tokio::signal::unix::Signal>);

#[cfg(unix)]
impl Signals {
    fn new() -> Self {
        use tokio::signal::unix::{SignalKind, signal};
        let kinds = [SignalKind::interrupt(), SignalKind::terminate()];
        Self(kinds.into_iter().filter_map(|kind| signal(kind).ok()).collect())
    }

    async fn next(&mut self) {
        poll_fn(|cx| match self.0.iter_mut().any(|signal| signal.poll_recv(cx).is_ready()) {
            true => Poll::Ready(()),
            false => Poll::Pending,
        })
        .await;
    }
}

#[cfg(not(unix))]
struct Signals;

#[cfg(not(unix))]
impl Signals {
    fn new() -> Self {
        Self
    }

    async fn next(&mut self) {
        if tokio::signal::ctrl_c().await.is_err() {
            std::future::pending::<()>().await;
        }
    }
}

/// Why a program ended, in words: what `main` returns is printed as `Debug`.
pub struct Failure(String);

impl<E: std::error::Error> From<E> for Failure {
    fn from(error: E) -> Self {
        let mut text = error.to_string();
        let mut source = error.source();
        while let Some(cause) = source {
            text = format!("{text}: {cause}");
            source = cause.source();
        }
        Self(text)
    }
}

impl std::fmt::Debug for Failure {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

/// Says of an error which file or address it is about.
pub fn about<T, E: std::error::Error>(
    what: impl std::fmt::Display,
    result: Result<T, E>,
) -> Result<T, Failure> {
    result.map_err(|error| Failure(format!("{what}: {}", Failure::from(error).0)))
}

/// Logs to standard error, as much as `RUST_LOG` says: `info`, or `debug`, `warn`, `error`.
pub fn log() {
    let level = env::var("RUST_LOG").ok().and_then(|level| level.parse().ok());
    tracing_subscriber::fmt()
        .with_max_level(level.unwrap_or(Level::INFO))
        .with_writer(io::stderr)
        .with_ansi(io::stderr().is_terminal())
        .init();
}

/// Prints where a server listens.
pub fn announce(addr: SocketAddr) {
    println!("listening on http://{addr}");
    if let Some(reachable) = reachable(addr) {
        let url = format!("http://{reachable}");
        println!("from other devices: {url}");
        if let Ok(code) = QRBuilder::new(url).build() {
            println!("{}", code.to_str());
        }
    }
}

/// The address under which other devices reach a listener, if they do.
fn reachable(addr: SocketAddr) -> Option<SocketAddr> {
    let ip = match addr.ip() {
        ip if ip.is_loopback() => return None,
        ip if ip.is_unspecified() => lan_ip()?,
        ip => ip,
    };
    Some(SocketAddr::new(ip, addr.port()))
}

/// The address of this machine towards the network: connecting a UDP socket sends nothing.
fn lan_ip() -> Option<IpAddr> {
    let socket = UdpSocket::bind("0.0.0.0:0").ok()?;
    socket.connect("192.0.2.1:9").ok()?;
    socket.local_addr().ok().map(|addr| addr.ip()).filter(|ip| !ip.is_loopback())
}
