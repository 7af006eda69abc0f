//! The servers that are compared: how each is got, started and spoken to.

use benches::{Dialect, Server, build, fetch, output};
use serde::Serialize;
use std::{error::Error, fs, path::Path, process::Command};

/// A server to measure.
pub(crate) struct Peer {
    pub(crate) name: &'static str,
    pub(crate) version: String,
    pub(crate) dialect: Dialect,
    command: Vec<String>,
}

impl Peer {
    pub(crate) async fn start(&self) -> Result<Server, Box<dyn Error>> {
        Server::start(&self.command).await
    }
}

/// A server that cannot be measured here.
#[derive(Serialize)]
pub(crate) struct Missing {
    pub(crate) name: &'static str,
    pub(crate) why: String,
}

/// Builds and fetches all that can be had.
pub(crate) fn all() -> Result<(Vec<Peer>, Vec<Missing>), Box<dyn Error>> {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    let scripts = here.join("compare");
    let lock = fs::read_to_string(here.join("../Cargo.lock"))?;
    let (mut peers, mut missing) = (Vec::new(), Vec::new());

    for (name, bin, flag, dialect) in [
        ("socketkit", "bench_server", Some("--listen"), Dialect::Socketkit),
        ("socketioxide", "socketioxide_server", None, Dialect::SocketIo),
    ] {
        match build(bin, "peers") {
            Ok(program) => {
                let words = [Some(text(&program)), flag.map(String::from), Some("{addr}".into())];
                let command = words.into_iter().flatten().collect();
                let version = locked(&lock, name).unwrap_or_default();
                peers.push(Peer { name, version, dialect, command });
            }
            Err(why) => missing.push(Missing { name, why }),
        }
    }

    let fetched = fetch();
    let bun = text(&scripts.join("node_modules/@oven/bun-linux-x64/bin/bun"));
    for (name, package, runtime, script, dialect) in [
        ("uWebSockets (Bun)", "@oven/bun-linux-x64", &*bun, "uws.js", Dialect::Socketkit),
        ("ws (Node)", "ws", "node", "ws.js", Dialect::Socketkit),
        ("Socket.IO (Node)", "socket.io", "node", "socketio.js", Dialect::SocketIo),
    ] {
        let found = fetched.clone().and_then(|()| {
            let ran = output(Command::new(runtime).arg("--version"))?;
            Ok((installed(&scripts, package).ok_or(format!("{package} is not installed"))?, ran))
        });
        match found {
            Ok((version, ran)) => {
                let version = match runtime {
                    "node" => format!("{version} on Node {}", ran.trim_start_matches('v')),
                    _ => format!("in Bun {ran}"),
                };
                let command = vec![runtime.into(), text(&scripts.join(script)), "{addr}".into()];
                peers.push(Peer { name, version, dialect, command });
            }
            Err(why) => missing.push(Missing { name, why }),
        }
    }
    Ok((peers, missing))
}

/// The version of a crate in the lock file.
fn locked(lock: &str, name: &str) -> Option<String> {
    let rest = lock.split(&format!("name = \"{name}\"\nversion = \"")).nth(1)?;
    rest.split('"').next().map(String::from)
}

/// The version of an installed npm package.
fn installed(scripts: &Path, package: &str) -> Option<String> {
    #[derive(serde::Deserialize)]
    struct Package {
        version: String,
    }
    let path = scripts.join("node_modules").join(package).join("package.json");
    let package: Package = serde_json::from_slice(&fs::read(path).ok()?).ok()?;
    Some(package.version)
}

fn text(path: &Path) -> String {
    path.to_string_lossy().into_owned()
}
