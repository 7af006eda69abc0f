//! How the examples start: where they listen, what they log, when they stop.
#![allow(clippy::print_stdout)]

use clap::Args;
use fast_qr::QRBuilder;
use socketkit::Serve;
use std::{
    io::{self, IsTerminal},
    net::{IpAddr, SocketAddr, UdpSocket},
};
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
    /// Serves until Ctrl-C, when every socket is closed with 1001. Prints the address when it is
    /// ready, and as a QR code if others can reach it.
    ///
    /// # Errors
    ///
    /// When the address cannot be bound, or a folder of the server is not there.
    pub async fn serve(self, serve: impl FnOnce(SocketAddr) -> Serve) -> io::Result<()> {
        serve(self.listen).ready(announce).until(tokio::signal::ctrl_c()).await
    }
}

/// Logs to standard error, as much as `RUST_LOG` says: `info`, or `debug`, `warn`, `error`.
pub fn log() {
    let level = std::env::var("RUST_LOG").ok().and_then(|level| level.parse().ok());
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
