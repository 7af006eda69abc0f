//! Several nodes by [Redis](https://redis.io), 6 or later, or what speaks its protocol.

mod link;
mod log;
mod publisher;
mod pulse;
mod recall;
mod receiver;
#[cfg(test)]
mod tests;

use self::{link::Link, log::Keys, publisher::Publisher, recall::Reader, receiver::Receiver};
use super::{
    address::address,
    engine::{Boxed, Engine, EngineError, Line, Log, Recall},
    settings::ClusterOptions,
};
use redis::{
    AsyncConnectionConfig, Client, ClientTlsConfig, ErrorKind, IntoConnectionInfo, ProtocolVersion,
    RedisError, TlsCertificates,
};
use std::{
    fmt,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

/// For the server to answer when it is connected to.
const ANSWER: Duration = Duration::from_secs(3);

/// Prepares to join a cluster by Redis.
///
/// `url` names a server, `redis://localhost:6379`, with the user and the password if it needs them,
/// `redis://user:password@host:6379`; with `rediss://` it has to speak TLS. Nothing is connected yet: what is wrong
/// about it comes out when the server starts.
///
/// ```
/// let engine = socketkit::redis::connect("redis://localhost:6379").named("forum");
/// ```
pub fn connect(url: impl Into<String>) -> Redis {
    Redis {
        url: url.into(),
        roots: None,
        certificate: None,
        name: None,
        is_standalone: false,
        is_durable: false,
    }
}

/// How a cluster is joined by Redis: see [`connect`].
#[derive(Clone)]
#[must_use = "nothing is joined until a server is given it"]
pub struct Redis {
    url: String,
    roots: Option<PathBuf>,
    certificate: Option<(PathBuf, PathBuf)>,
    name: Option<String>,
    is_standalone: bool,
    is_durable: bool,
}

impl Redis {
    /// Trusts the certificates in a PEM file, instead of those that the machine trusts.
    ///
    /// It needs a URL that begins with `rediss://`, and is read for each connection.
    pub fn tls_roots(mut self, path: impl Into<PathBuf>) -> Self {
        self.roots = Some(path.into());
        self
    }

    /// Shows the server a certificate, with its key, both PEM files.
    ///
    /// It needs a URL that begins with `rediss://`; both are read for each connection.
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

    /// Keeps sessions, and what is emitted to them, in Redis, so that they outlive their node: where one is lost, other
    /// nodes go on with its sessions.
    ///
    /// It needs Redis 7 or later: with `appendonly yes`, if what is kept is to survive the end of the server; with
    /// `appendfsync always`, if not even its last second may be lost; with `maxmemory-policy noeviction`, if there is
    /// a `maxmemory`. Of Redis Cluster it knows nothing. All keys begin with the name of the cluster and a dot:
    ///
    /// - `<name>.log.…` keep what is emitted to each room, to each socket and to all, for twice
    ///   [`Limits::resume`](crate::Limits::resume), two heartbeats and a minute: of each the last 65,536 messages, and
    ///   some more.
    /// - `<name>.session.…` keep the last state of each session until it ends, and `<name>.here.…` when a node was last
    ///   there, for up to an hour.
    ///
    /// All of that takes memory of the server. If it has none left, it refuses events, which ends the connection. An
    /// event is kept and goes out to other nodes in one step, by a script; a node says no more before the server has
    /// answered, which it does once that is on its disk if it is to sync always.
    pub fn durable(mut self) -> Self {
        self.is_durable = true;
        self
    }

    async fn client(&self) -> Result<Client, EngineError> {
        let info = self.url.as_str().into_connection_info()?;
        // Messages and replies come over one connection.
        let settings = info.redis_settings().clone().set_protocol(ProtocolVersion::RESP3);
        let info = info.set_redis_settings(settings);
        let client_tls = match &self.certificate {
            Some((certificate, key)) => Some(ClientTlsConfig {
                client_cert: read(certificate).await?,
                client_key: read(key).await?,
            }),
            None => None,
        };
        let root_cert = match &self.roots {
            Some(path) => Some(read(path).await?),
            None => None,
        };
        Ok(match client_tls.is_some() || root_cert.is_some() {
            true => Client::build_with_tls(info, TlsCertificates { client_tls, root_cert })?,
            false => Client::open(info)?,
        })
    }

    async fn open(&self, cluster: &str, log: Option<Log>) -> Result<Line, EngineError> {
        let error = |error: EngineError| format!("the Redis server {self:?}: {error}");
        let client = self.client().await.map_err(error)?;
        let link = Arc::new(Link::default());
        let pushed = link.clone();
        let config = AsyncConnectionConfig::new()
            .set_connection_timeout(None)
            // A pulse tells whether there will be any.
            .set_response_timeout(None)
            .set_push_sender(move |push| {
                pushed.heard(push);
                Ok::<_, ()>(())
            });
        let connected = client.get_multiplexed_async_connection_with_config(&config).await;
        let mut connection = connected.map_err(|refused| match is_login(&refused) {
            true => format!("the Redis server {self:?} refuses the login"),
            false => error(refused.into()),
        })?;
        let keys = match log {
            Some(log) => {
                let opened = Keys::open(&mut connection, cluster, log).await;
                Some(opened.map_err(|refused| error(refused.into()))?)
            }
            None => None,
        };
        tokio::spawn(pulse::watch(connection.clone(), link.clone()));
        let recall = keys.clone().map(|keys| {
            Arc::new(Reader::new(connection.clone(), keys, link.clone())) as Arc<dyn Recall>
        });
        let publisher = Publisher::new(connection, cluster.to_owned(), link.clone(), keys);
        Ok(Line { publisher: Box::new(publisher), receiver: Box::new(Receiver::new(link)), recall })
    }
}

/// It is small, and read before there is anybody to wait.
async fn read(path: &Path) -> Result<Vec<u8>, EngineError> {
    std::fs::read(path).map_err(|error| format!("{}: {error}", path.display()).into())
}

fn is_login(error: &RedisError) -> bool {
    let code = error.code().unwrap_or_default();
    error.kind() == ErrorKind::AuthenticationFailed || matches!(code, "NOAUTH" | "WRONGPASS")
}

impl Engine for Redis {
    fn name(&self) -> &'static str {
        "redis"
    }

    fn connect<'a>(
        &'a self,
        cluster: &'a str,
        log: Option<Log>,
    ) -> Boxed<'a, Result<Line, EngineError>> {
        Box::pin(async move {
            let opened = tokio::time::timeout(ANSWER, self.open(cluster, log)).await;
            opened.unwrap_or_else(|_| {
                Err(format!("the Redis server {self:?} does not answer").into())
            })
        })
    }
}

impl From<Redis> for ClusterOptions {
    fn from(redis: Redis) -> Self {
        let (is_standalone, is_durable) = (redis.is_standalone, redis.is_durable);
        Self { name: redis.name.clone(), engine: Box::new(redis), is_standalone, is_durable }
    }
}

/// The server, without what is secret.
impl fmt::Debug for Redis {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(address(&self.url))
    }
}
