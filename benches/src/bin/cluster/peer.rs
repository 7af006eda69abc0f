//! The servers that are compared: each with an adapter, and the engine that it is for.

use crate::engine::{Engine, Kind};
use benches::{Dialect, Server, build, fetch};
use std::{error::Error, path::Path};

/// A server whose nodes are measured.
pub(crate) struct Peer {
    pub(crate) name: &'static str,
    pub(crate) dialect: Dialect,
    pub(crate) engine: Kind,
    /// The engine keeps what is said.
    pub(crate) has_log: bool,
    command: Vec<String>,
}

impl Peer {
    /// Starts a node.
    pub(crate) async fn start(&self, engine: &Engine) -> Result<Server, Box<dyn Error>> {
        let mut command = self.command.clone();
        command.extend(["{addr}".into(), engine.url()]);
        command.extend(self.has_log.then(|| "durable".into()));
        Server::start(&command).await
    }
}

/// All that can be had, of those with this in their name, and why others cannot.
pub(crate) fn all(only: &str) -> (Vec<Peer>, Vec<(&'static str, String)>) {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("compare/socketio_cluster.js");
    let node = || vec!["node".into(), script.to_string_lossy().into_owned()];
    let built = |bin, features| Ok(vec![build(bin, features)?.to_string_lossy().into_owned()]);
    let (mut peers, mut missing) = (Vec::new(), Vec::new());
    for (name, dialect, engine) in [
        ("socketkit by NATS", Dialect::Socketkit, Kind::Nats),
        ("socketkit by Redis", Dialect::Socketkit, Kind::Redis),
        ("socketkit by NATS with a log", Dialect::Socketkit, Kind::Nats),
        ("socketkit by Redis with a log", Dialect::Socketkit, Kind::Redis),
        ("socketioxide by Redis", Dialect::SocketIo, Kind::Redis),
        ("Socket.IO by Redis", Dialect::SocketIo, Kind::Redis),
    ] {
        if !name.to_lowercase().contains(&only.to_lowercase()) {
            continue;
        }
        let command = match name.split(' ').next() {
            Some("socketkit") => built("cluster_node", "cluster"),
            Some("socketioxide") => built("socketioxide_cluster", "peers"),
            _ => fetch().map(|()| node()),
        };
        match command {
            Ok(command) => {
                let has_log = name.ends_with("with a log");
                peers.push(Peer { name, dialect, engine, has_log, command });
            }
            Err(why) => missing.push((name, why)),
        }
    }
    (peers, missing)
}
