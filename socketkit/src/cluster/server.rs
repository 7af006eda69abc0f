//! Servers of engines for tests: private, on free ports, gone when they are dropped.

use std::{
    env, fs,
    io::{BufRead, BufReader, Read},
    net::TcpListener,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::atomic::{AtomicU32, Ordering},
    thread,
};

/// One that runs.
pub(crate) struct Server {
    child: Child,
    pub(crate) port: u16,
    dir: PathBuf,
}

impl Server {
    /// Of NATS, with more arguments, in which `PORT` stands for its port.
    pub(crate) fn nats(arguments: &[&str]) -> Self {
        Self::start("nats-server", "Server is ready", |command, port, _| {
            command.args(["-a", "127.0.0.1", "-p", port]).args(with_port(arguments, port));
            command.stderr(Stdio::piped());
        })
    }

    /// Of Redis, likewise.
    pub(crate) fn redis(arguments: &[&str]) -> Self {
        Self::start("redis-server", "Ready to accept connections", |command, port, dir| {
            command.args(["--bind", "127.0.0.1", "--save", "", "--port", port]);
            command.arg("--dir").arg(dir).args(with_port(arguments, port)).stdout(Stdio::piped());
        })
    }

    fn start(program: &str, ready: &str, arguments: impl Fn(&mut Command, &str, &Path)) -> Self {
        let dir = new_dir();
        // Somebody may take a port before the server does.
        for _ in 0..5 {
            let port = free_port();
            let mut command = Command::new(program);
            command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
            command.env("PATH", path());
            arguments(&mut command, &port.to_string(), &dir);
            let mut child = command.spawn().unwrap_or_else(|error| {
                panic!("{program} does not start ({error}): `./test --setup` installs it")
            });
            let log: Box<dyn Read + Send> = match (child.stdout.take(), child.stderr.take()) {
                (Some(log), _) => Box::new(log),
                (None, log) => Box::new(log.unwrap()),
            };
            let mut lines = BufReader::new(log).lines();
            if lines.any(|line| line.is_ok_and(|line| line.contains(ready))) {
                thread::spawn(move || lines.for_each(drop));
                return Self { child, port, dir };
            }
            drop(child.kill());
            child.wait().unwrap();
        }
        panic!("{program} does not get a port");
    }

    /// Sends it a signal, by name.
    pub(crate) fn signal(&self, signal: &str) {
        let mut kill = Command::new("kill");
        let sent = kill.arg(format!("-{signal}")).arg(self.child.id().to_string()).status();
        assert!(sent.unwrap().success());
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // Of one that is stopped, too.
        drop(self.child.kill());
        drop(self.child.wait());
        drop(fs::remove_dir_all(&self.dir));
    }
}

/// A certificate for 127.0.0.1 that signs itself, and its key, as PEM files.
pub(crate) struct Certificate {
    dir: PathBuf,
    pub(crate) path: PathBuf,
    pub(crate) key: PathBuf,
}

impl Certificate {
    pub(crate) fn new() -> Self {
        let dir = new_dir();
        let (path, key) = (dir.join("cert.pem"), dir.join("key.pem"));
        let signed = rcgen::generate_simple_self_signed(["127.0.0.1".to_owned()]).unwrap();
        fs::write(&path, pem("CERTIFICATE", signed.cert.der())).unwrap();
        fs::write(&key, pem("PRIVATE KEY", &signed.signing_key.serialize_der())).unwrap();
        Self { dir, path, key }
    }
}

fn pem(name: &str, der: &[u8]) -> String {
    let base64 = data_encoding::BASE64.encode(der);
    let lines: Vec<_> = base64.as_bytes().chunks(64).map(String::from_utf8_lossy).collect();
    format!("-----BEGIN {name}-----\n{}\n-----END {name}-----\n", lines.join("\n"))
}

impl Drop for Certificate {
    fn drop(&mut self) {
        drop(fs::remove_dir_all(&self.dir));
    }
}

fn new_dir() -> PathBuf {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    let count = COUNT.fetch_add(1, Ordering::Relaxed);
    let dir = env::temp_dir().join(format!("socketkit-{}-{count}", std::process::id()));
    fs::create_dir_all(&dir).unwrap();
    dir
}

fn with_port<'a>(arguments: &[&'a str], port: &'a str) -> Vec<&'a str> {
    let arguments = arguments.iter().copied();
    arguments.map(|argument| if argument == "PORT" { port } else { argument }).collect()
}

/// With where Debian has servers, and where `./test --setup` puts them.
fn path() -> String {
    let tools = concat!(env!("CARGO_MANIFEST_DIR"), "/../target/tools/bin");
    format!("{}:/usr/sbin:{tools}", env::var("PATH").unwrap_or_default())
}

/// One that nobody listens on.
pub(crate) fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}
