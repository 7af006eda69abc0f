//! The engines between nodes, each a private server, and what they count.

use benches::Server;
use serde_json::Value;
use std::{
    error::Error,
    net::{SocketAddr, TcpListener},
    ops::Sub,
    time::Duration,
};
use tempfile::TempDir;
use tokio::{
    io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader},
    net::TcpStream,
};

/// Which engine.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Nats,
    Redis,
}

/// See the module.
pub(crate) struct Engine {
    kind: Kind,
    server: Server,
    monitor: SocketAddr,
    /// What it keeps; dropped after the server.
    _folder: TempDir,
}

/// What an engine has counted since it started.
#[derive(Debug, Clone, Default)]
pub(crate) struct Counts {
    pub(crate) cpu: Duration,
    /// Messages that it was given.
    pub(crate) messages: u64,
    pub(crate) bytes_in: u64,
    pub(crate) bytes_out: u64,
    /// Messages to each connection, in the order in which they were made. Redis does not count them.
    pub(crate) out: Vec<u64>,
}

impl Engine {
    /// Starts one, that keeps a log on the disk if it is to.
    pub(crate) async fn start(kind: Kind, has_log: bool) -> Result<Self, Box<dyn Error>> {
        let folder = tempfile::tempdir()?;
        let monitor = TcpListener::bind("127.0.0.1:0")?.local_addr()?;
        let command = match kind {
            Kind::Nats => format!("nats-server -a 127.0.0.1 -p {{port}} -m {}", monitor.port()),
            Kind::Redis => "redis-server --bind 127.0.0.1 --port {port}".into(),
        };
        let mut command: Vec<_> = command.split(' ').map(String::from).collect();
        let path = folder.path().to_string_lossy().into_owned();
        match (kind, has_log) {
            (Kind::Nats, true) => command.extend(["-js".into(), "-sd".into(), path]),
            (Kind::Nats, false) => {}
            (Kind::Redis, _) => {
                let appends = if has_log { "yes" } else { "no" };
                let options = ["--save", "", "--dir", &path, "--appendonly", appends];
                command.extend(options.map(String::from));
            }
        }
        let server = Server::start(&command).await.map_err(|why| format!("{kind:?}: {why}"))?;
        Ok(Self { kind, server, monitor, _folder: folder })
    }

    pub(crate) fn url(&self) -> String {
        match self.kind {
            Kind::Nats => format!("nats://{}", self.server.addr),
            Kind::Redis => format!("redis://{}", self.server.addr),
        }
    }

    pub(crate) async fn version(&self) -> Result<String, Box<dyn Error>> {
        Ok(match self.kind {
            Kind::Nats => {
                let version = &self.monitored("varz").await?["version"];
                format!("NATS {}", version.as_str().unwrap_or_default())
            }
            Kind::Redis => {
                format!("Redis {}", field(&self.info().await?, "redis_version:").unwrap_or("?"))
            }
        })
    }

    pub(crate) async fn counts(&self) -> Result<Counts, Box<dyn Error>> {
        let cpu = self.server.cpu()?;
        match self.kind {
            Kind::Nats => {
                let whole = self.monitored("varz").await?;
                let each = self.monitored("connz?limit=64").await?;
                let connections = each["connections"].as_array().map_or(&[][..], |each| each);
                let out = connections.iter().map(|one| number(&one["out_msgs"])).collect();
                Ok(Counts {
                    cpu,
                    messages: number(&whole["in_msgs"]),
                    bytes_in: number(&whole["in_bytes"]),
                    bytes_out: number(&whole["out_bytes"]),
                    out,
                })
            }
            Kind::Redis => {
                let info = self.info().await?;
                let calls = |command| {
                    let stat = field(&info, &format!("cmdstat_{command}:calls="));
                    stat.and_then(|stat| stat.split(',').next()?.parse().ok()).unwrap_or(0)
                };
                let sum = |name| field(&info, name).and_then(|sum| sum.parse().ok()).unwrap_or(0);
                Ok(Counts {
                    cpu,
                    messages: ["publish", "spublish", "xadd"].into_iter().map(calls).sum(),
                    bytes_in: sum("total_net_input_bytes:"),
                    bytes_out: sum("total_net_output_bytes:"),
                    out: Vec::new(),
                })
            }
        }
    }

    async fn monitored(&self, what: &str) -> Result<Value, Box<dyn Error>> {
        let mut stream = TcpStream::connect(self.monitor).await?;
        stream.write_all(format!("GET /{what} HTTP/1.0\r\n\r\n").as_bytes()).await?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await?;
        let (_, body) = answer.split_once("\r\n\r\n").ok_or("no answer of NATS")?;
        Ok(serde_json::from_str(body)?)
    }

    async fn info(&self) -> Result<String, Box<dyn Error>> {
        let mut stream = BufReader::new(TcpStream::connect(self.server.addr).await?);
        stream.write_all(b"INFO everything\r\n").await?;
        let mut length = String::new();
        stream.read_line(&mut length).await?;
        let length = length.trim().strip_prefix('$').ok_or("no answer of Redis")?.parse()?;
        let mut info = vec![0; length];
        stream.read_exact(&mut info).await?;
        Ok(String::from_utf8(info)?)
    }
}

impl Sub for &Counts {
    type Output = Counts;

    fn sub(self, before: Self) -> Counts {
        let out = self.out.iter().zip(&before.out).map(|(now, before)| now - before);
        Counts {
            cpu: self.cpu - before.cpu,
            messages: self.messages - before.messages,
            bytes_in: self.bytes_in - before.bytes_in,
            bytes_out: self.bytes_out - before.bytes_out,
            out: out.collect(),
        }
    }
}

fn number(value: &Value) -> u64 {
    value.as_u64().unwrap_or(0)
}

/// What follows a name at the start of a line.
fn field<'a>(info: &'a str, name: &str) -> Option<&'a str> {
    info.lines().find_map(|line| line.strip_prefix(name))
}
