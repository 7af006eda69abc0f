//! The engines of a cluster, each a private server on a port of the loopback interface: NATS with
//! JetStream, and Redis.
//!
//! They are Debian's `nats-server` and `redis-server`, or what `$NATS_SERVER` and `$REDIS_SERVER`
//! name. Starting one blocks its thread for some 50 ms.

mod ready;

use crate::{chat::PATIENCE, process::signal, proxy::Proxy};
use ready::is_ready;
use std::{
    env,
    fs::{self, File},
    hash::{BuildHasher, RandomState},
    net::{Ipv4Addr, SocketAddr, TcpListener},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::{Mutex, MutexGuard, PoisonError},
    thread,
    time::{Duration, Instant},
};
use tempfile::TempDir;

/// How long to wait before one that starts is asked again.
const POLL: Duration = Duration::from_millis(2);

/// Ports that the system gives to nobody who asks for any: an engine that is down finds its own free.
const PORTS: std::ops::Range<u16> = 10_000..32_000;

/// NATS with JetStream.
#[derive(Debug)]
pub struct Nats;

/// Redis that keeps what it is told in a file.
#[derive(Debug)]
pub struct Redis;

impl Nats {
    /// Starts one, and waits until it answers.
    ///
    /// # Panics
    ///
    /// When there is no `nats-server` on this machine, or it does not start.
    pub fn start() -> Engine {
        Engine::start(Kind::Nats)
    }
}

impl Redis {
    /// Starts one, and waits until it answers.
    ///
    /// # Panics
    ///
    /// When there is no `redis-server` on this machine, or it does not start.
    pub fn start() -> Engine {
        Engine::start(Kind::Redis)
    }
}

/// Which of the engines.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// See [`Nats`].
    Nats,
    /// See [`Redis`].
    Redis,
}

/// A running engine; killed, and all that it kept removed, when it is dropped.
#[derive(Debug)]
pub struct Engine {
    kind: Kind,
    addr: SocketAddr,
    process: Mutex<Child>,
    folder: TempDir,
}

impl Engine {
    /// Starts one, and waits until it answers.
    ///
    /// # Panics
    ///
    /// When it is not on this machine, or does not start.
    pub fn start(kind: Kind) -> Self {
        let folder = TempDir::new().expect("a temporary folder");
        loop {
            let addr = free();
            let mut child = kind.spawn(addr, folder.path());
            if kind.is_up(addr, &mut child, folder.path()) {
                return Self { kind, addr, process: Mutex::new(child), folder };
            }
            let log = log(folder.path());
            // Somebody else may have taken the port meanwhile.
            assert!(log.contains("ddress already in use"), "{kind:?} does not start:\n{log}");
        }
    }

    /// Which of the engines it is.
    pub fn kind(&self) -> Kind {
        self.kind
    }

    /// Where it listens, after a restart too.
    pub fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// The url of it for a client.
    pub fn url(&self) -> String {
        self.kind.url(self.addr)
    }

    /// The url for a client that reaches it through a proxy: one [to its address](Self::addr).
    pub fn url_through(&self, proxy: &Proxy) -> String {
        self.kind.url(proxy.addr())
    }

    /// The id of its process, another one after a restart.
    pub fn pid(&self) -> u32 {
        self.process().id()
    }

    /// Kills it, as `kill -9` does; what it has kept stays.
    ///
    /// # Panics
    ///
    /// When it cannot be killed.
    pub fn kill(&self) {
        let mut process = self.process();
        process.kill().expect("it was started here");
        process.wait().expect("it was started here");
    }

    /// Starts it again on its port and with what it kept, killed before if it runs, and waits until
    /// it answers.
    ///
    /// # Panics
    ///
    /// When it does not start.
    pub fn restart(&self) {
        self.kill();
        let mut process = self.process();
        *process = self.kind.spawn(self.addr, self.folder.path());
        let is_up = self.kind.is_up(self.addr, &mut process, self.folder.path());
        assert!(is_up, "{:?} does not start again:\n{}", self.kind, log(self.folder.path()));
    }

    /// Stops it where it is: its connections stay, and nothing is answered.
    ///
    /// # Panics
    ///
    /// When it does not run.
    pub fn pause(&self) {
        signal(&self.process(), "-STOP");
    }

    /// Lets it go on.
    ///
    /// # Panics
    ///
    /// When it does not run.
    pub fn resume(&self) {
        signal(&self.process(), "-CONT");
    }

    fn process(&self) -> MutexGuard<'_, Child> {
        self.process.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Engine {
    fn drop(&mut self) {
        let mut process = self.process();
        // It may have ended by itself.
        let _ = process.kill();
        let _ = process.wait();
    }
}

impl Kind {
    fn url(self, addr: SocketAddr) -> String {
        match self {
            Self::Nats => format!("nats://{addr}"),
            Self::Redis => format!("redis://{addr}"),
        }
    }

    fn spawn(self, addr: SocketAddr, folder: &Path) -> Child {
        let mut command = Command::new(self.program());
        match self {
            Self::Nats => command.args(["-n", &name(folder), "-js", "-sd"]).arg(folder),
            Self::Redis => command.args(["--appendonly", "yes", "--save", "", "--dir"]).arg(folder),
        };
        let (host, port) = (addr.ip().to_string(), addr.port().to_string());
        match self {
            Self::Nats => command.args(["-a", &host, "-p", &port]),
            Self::Redis => command.args(["--bind", &host, "--port", &port]),
        };
        let out = File::create(folder.join(LOG)).expect("a temporary file");
        let err = out.try_clone().expect("a temporary file");
        command.current_dir(folder).stdin(Stdio::null()).stdout(out).stderr(err);
        command.spawn().unwrap_or_else(|error| panic!("{command:?}: {error}"))
    }

    /// Waits until it answers; false if it ends before.
    fn is_up(self, addr: SocketAddr, child: &mut Child, folder: &Path) -> bool {
        let started = Instant::now();
        while !is_ready(self, addr, child.id(), &name(folder)) {
            if child.try_wait().expect("it was started here").is_some() {
                return false;
            }
            if started.elapsed() > PATIENCE {
                let _ = child.kill();
                panic!("{self:?} does not answer");
            }
            thread::sleep(POLL);
        }
        true
    }

    fn program(self) -> PathBuf {
        let (name, variable) = match self {
            Self::Nats => ("nats-server", "NATS_SERVER"),
            Self::Redis => ("redis-server", "REDIS_SERVER"),
        };
        if let Some(named) = env::var_os(variable) {
            return named.into();
        }
        // Where `./test --setup` unpacks it, and where Debian has daemons that not every path has.
        let further = [concat!(env!("CARGO_MANIFEST_DIR"), "/../target/tools/bin"), "/usr/sbin"];
        let path = env::var_os("PATH").unwrap_or_default();
        let found = env::split_paths(&path)
            .chain(further.map(PathBuf::from))
            .map(|folder| folder.join(name))
            .find(|candidate| candidate.is_file());
        found.unwrap_or_else(|| {
            panic!("no {name}: `./test --setup` gets it, or name one in ${variable}")
        })
    }
}

const LOG: &str = "log";

fn log(folder: &Path) -> String {
    fs::read_to_string(folder.join(LOG)).unwrap_or_default()
}

/// What tells it from any other.
fn name(folder: &Path) -> String {
    folder.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default()
}

/// An address on which nobody listens.
pub fn free() -> SocketAddr {
    loop {
        let dice = RandomState::new().hash_one(std::process::id());
        let port = PORTS.start + (dice % PORTS.len() as u64) as u16;
        let addr = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
        if TcpListener::bind(addr).is_ok() {
            return addr;
        }
    }
}
