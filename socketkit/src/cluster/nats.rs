//! Several nodes by [NATS](https://nats.io), server 2.9 or later.

mod link;
mod log;
mod login;
mod publisher;
mod recall;
mod receiver;
mod stream;
#[cfg(test)]
mod tests;

use self::{link::Link, log::Streams, login::Login, publisher::Publisher, receiver::Receiver};
use super::{
    address::address,
    engine::{Boxed, Engine, EngineError, Line, Log, Recall},
    settings::ClusterOptions,
};
use async_nats::{ConnectErrorKind, ConnectOptions, ServerAddr};
use std::{fmt, path::PathBuf, sync::Arc, time::Duration};

/// For one address of a server to answer.
const ANSWER: Duration = Duration::from_secs(2);

/// For any of them to.
const CONNECT: Duration = Duration::from_secs(5);

/// Between pings while a server says nothing. At the third that is due, two of them are not answered: the
/// connection is over.
const PING: Duration = Duration::from_secs(1);

/// Messages of one channel that wait to be received. More than that are lost, which their numbers tell.
const WAITING: usize = 65_536;

/// Nothing is ever found there.
const NOWHERE: &str = "nats://127.0.0.1:0";

/// Prepares to join a cluster by NATS.
///
/// `url` names a server, or several of one cluster of NATS, separated by commas: `nats://a:4222,nats://b:4222`.
/// With `tls://` a server has to speak TLS. A user, or a token, may be in it: `nats://user:password@host`.
/// Nothing is connected yet: what is wrong about it comes out when the server starts.
///
/// ```
/// let engine = socketkit::nats::connect("nats://localhost:4222").named("forum");
/// ```
pub fn connect(url: impl Into<String>) -> Nats {
    Nats {
        url: url.into(),
        login: Login::OfUrl,
        requires_tls: false,
        roots: Vec::new(),
        certificate: None,
        name: None,
        is_standalone: false,
        is_durable: false,
    }
}

/// How a cluster is joined by NATS: see [`connect`].
#[derive(Clone)]
#[must_use = "nothing is joined until a server is given it"]
pub struct Nats {
    url: String,
    login: Login,
    requires_tls: bool,
    roots: Vec<PathBuf>,
    certificate: Option<(PathBuf, PathBuf)>,
    name: Option<String>,
    is_standalone: bool,
    is_durable: bool,
}

impl Nats {
    /// Logs in with a token. Of several ways to log in, the last that is set counts.
    pub fn token(mut self, token: impl Into<String>) -> Self {
        self.login = Login::Token(token.into());
        self
    }

    /// Logs in as a user with a password.
    pub fn user(mut self, name: impl Into<String>, password: impl Into<String>) -> Self {
        self.login = Login::User(name.into(), password.into());
        self
    }

    /// Logs in with a file of credentials, as `nsc` makes it. It is read for each connection.
    pub fn credentials_file(mut self, path: impl Into<PathBuf>) -> Self {
        self.login = Login::CredentialsFile(path.into());
        self
    }

    /// Logs in with the seed of an NKey: a text that begins with `SU`.
    pub fn nkey(mut self, seed: impl Into<String>) -> Self {
        self.login = Login::Nkey(seed.into());
        self
    }

    /// Does not connect without TLS, whatever the URL and the server say.
    pub fn tls_required(mut self) -> Self {
        self.requires_tls = true;
        self
    }

    /// Trusts the certificates in a PEM file, instead of those that the machine trusts. Several add up.
    pub fn tls_roots(mut self, path: impl Into<PathBuf>) -> Self {
        self.roots.push(path.into());
        self
    }

    /// Shows the server a certificate, with its key, both PEM files.
    pub fn tls_client_certificate(
        mut self,
        certificate: impl Into<PathBuf>,
        key: impl Into<PathBuf>,
    ) -> Self {
        self.certificate = Some((certificate.into(), key.into()));
        self
    }

    /// Names the cluster: letters and digits of ASCII, `_` and `-`. Nodes of one name find each other; by default
    /// it is that of the protocol.
    pub fn named(mut self, name: impl Into<String>) -> Self {
        self.name = Some(name.into());
        self
    }

    /// Starts without the engine if it cannot be reached, and joins the others once it can. Without this, a
    /// server does not start then.
    pub fn standalone_until_connected(mut self) -> Self {
        self.is_standalone = true;
        self
    }

    /// Keeps sessions, and what is emitted to them, in the JetStream of the server, so that they outlive their node: where
    /// one is lost, other nodes go on with its sessions.
    ///
    /// It needs a server with JetStream, and a folder for its files: `nats-server -js -sd <folder>`, or
    /// `jetstream { store_dir: <folder> }`. To one without, nothing is connected. A user with permissions needs
    /// `$JS.API.>` too. Two streams are made, if they are not there:
    ///
    /// - `SOCKETKIT_<name>_LOG` keeps what is emitted to rooms, to sockets and to all, for twice
    ///   [`Limits::resume`](crate::Limits::resume), two heartbeats and a minute, and up to
    ///   [`Limits::logged_bytes`](crate::Limits::logged_bytes). Where nodes have different limits, the highest count:
    ///   they are never lowered but by hand.
    /// - `SOCKETKIT_<name>_SESSIONS` keeps the last state of each session; once it has ended, that alone, for an hour,
    ///   in a hundred bytes.
    ///
    /// Both have one replica. In a cluster of NATS they can be given more by hand, with `nats stream edit`. What is
    /// kept survives the end of the server. It survives that of its machine but for what was not synced to the disk,
    /// by default up to two minutes: see `sync_interval` of NATS.
    ///
    /// An event goes out to other nodes as soon as without this. A node says no more before the server has answered
    /// that it is kept.
    pub fn durable(mut self) -> Self {
        self.is_durable = true;
        self
    }

    fn servers(&self) -> Result<Vec<ServerAddr>, EngineError> {
        let parse = |url: &str| -> Result<ServerAddr, EngineError> {
            let server: ServerAddr = url.trim().parse()?;
            // Compiled out of the client, which would take it for plain TCP.
            match server.is_websocket() {
                true => Err("the URL of a NATS server begins with nats:// or tls://".into()),
                false => Ok(server),
            }
        };
        self.url.split(',').map(parse).collect()
    }

    async fn options(&self, servers: &[ServerAddr]) -> Result<ConnectOptions, EngineError> {
        let options = ConnectOptions::new()
            .name("socketkit")
            .connection_timeout(ANSWER)
            .ping_interval(PING)
            .subscription_capacity(WAITING)
            .require_tls(self.requires_tls)
            .ignore_discovered_servers()
            // Each is tried once.
            .max_reconnects(servers.len())
            .reconnect_delay_callback(|_| Duration::ZERO);
        let roots = self.roots.iter().cloned();
        let options = roots.fold(options, ConnectOptions::add_root_certificates);
        let options = match self.certificate.clone() {
            Some((certificate, key)) => options.add_client_certificate(certificate, key),
            None => options,
        };
        self.login.apply(options, servers).await
    }

    async fn open(&self, cluster: &str, log: Option<Log>) -> Result<Line, EngineError> {
        let servers = self.servers()?;
        let link = Arc::new(Link::default());
        let events = link.events();
        let options = self.options(&servers).await?;
        let options = options.event_callback(move |event| {
            events.happened(&event);
            std::future::ready(())
        });
        let client = options.connect(&servers[..]).await.map_err(|error| match error.kind() {
            ConnectErrorKind::AuthorizationViolation => {
                format!("the NATS server {self:?} refuses the login").into()
            }
            _ => EngineError::from(format!("the NATS server {self:?}: {error}")),
        })?;
        // It does not connect again by itself: what was on its way would be lost without a word.
        client.set_server_pool(NOWHERE).await?;
        let streams = match log {
            Some(log) => {
                let opened = Streams::open(client.clone(), cluster, link.clone(), log).await;
                let opened =
                    opened.map_err(|error| format!("the NATS server {self:?}: {error}"))?;
                Some(Arc::new(opened.ok_or_else(|| {
                    format!("the NATS server {self:?} has no JetStream, which durable() needs")
                })?))
            }
            None => None,
        };
        let recall = streams.clone().map(|streams| streams as Arc<dyn Recall>);
        let publisher = Publisher::new(client, cluster.to_owned(), link.clone(), streams);
        Ok(Line { publisher: Box::new(publisher), receiver: Box::new(Receiver::new(link)), recall })
    }
}

impl Engine for Nats {
    fn name(&self) -> &'static str {
        "nats"
    }

    fn connect<'a>(
        &'a self,
        cluster: &'a str,
        log: Option<Log>,
    ) -> Boxed<'a, Result<Line, EngineError>> {
        Box::pin(async move {
            let opened = tokio::time::timeout(CONNECT, self.open(cluster, log)).await;
            opened
                .unwrap_or_else(|_| Err(format!("the NATS server {self:?} does not answer").into()))
        })
    }
}

impl From<Nats> for ClusterOptions {
    fn from(nats: Nats) -> Self {
        let (is_standalone, is_durable) = (nats.is_standalone, nats.is_durable);
        Self { name: nats.name.clone(), engine: Box::new(nats), is_standalone, is_durable }
    }
}

/// The servers, without what is secret.
impl fmt::Debug for Nats {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut servers = self.url.split(',').map(address);
        f.write_str(servers.next().unwrap_or_default())?;
        servers.try_for_each(|server| write!(f, ",{server}"))
    }
}
