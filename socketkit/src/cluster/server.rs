//! Servers of engines for tests: private, on free ports, gone when they are dropped.

use std::{
    env, fs,
    io::{self, BufRead, BufReader},
    net::TcpListener,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::atomic::{AtomicU32, Ordering},
    thread,
};

/// One that runs.
pub(crate) struct Server {
    program: Program,
    child: Child,
    pub(crate) port: u16,
    dir: PathBuf,
}

/// What it is, and what it says when it is ready. Of its arguments, `PORT` stands for its port, `DIR` for a folder
/// of its own.
struct Program {
    name: &'static str,
    ready: &'static str,
    arguments: Vec<String>,
}

impl Server {
    /// Of NATS, with more arguments.
    pub(crate) fn nats(arguments: &[&str]) -> Self {
        let own = ["-a", "127.0.0.1", "-p", "PORT"];
        Self::start("nats-server", "Server is ready", &[&own, arguments].concat())
    }

    /// Of Redis, likewise.
    pub(crate) fn redis(arguments: &[&str]) -> Self {
        let own = ["--bind", "127.0.0.1", "--save", "", "--port", "PORT", "--dir", "DIR"];
        let ready = "Ready to accept connections";
        Self::start("redis-server", ready, &[&own, arguments].concat())
    }

    fn start(name: &'static str, ready: &'static str, arguments: &[&str]) -> Self {
        let arguments = arguments.iter().copied().map(String::from).collect();
        let program = Program { name, ready, arguments };
        let dir = new_dir();
        // Somebody may take a port before the server does.
        for _ in 0..5 {
            let port = free_port();
            if let Some(child) = program.start(port, &dir) {
                return Self { program, child, port, dir };
            }
        }
        panic!("{name} does not get a port");
    }

    /// Ends it at once, and waits for that.
    pub(crate) fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// Starts one that was killed again: on its port, with its files.
    pub(crate) fn again(&mut self) {
        let mut attempts = 0..5;
        let started = attempts.find_map(|_| self.program.start(self.port, &self.dir));
        self.child = started.expect("it does not start again");
    }

    /// Sends it a signal, by name.
    pub(crate) fn signal(&self, signal: &str) {
        let mut kill = Command::new("kill");
        let sent = kill.arg(format!("-{signal}")).arg(self.child.id().to_string()).status();
        assert!(sent.unwrap().success());
    }
}

impl Program {
    /// `None` if it ends before it is ready.
    fn start(&self, port: u16, dir: &Path) -> Option<Child> {
        let mut command = Command::new(self.name);
        // Either of them is its log.
        let (log, out) = io::pipe().unwrap();
        command.stdin(Stdio::null()).stdout(out.try_clone().unwrap()).stderr(out);
        command.env("PATH", path());
        command.args(self.arguments.iter().map(|argument| match argument.as_str() {
            "PORT" => port.to_string().into(),
            "DIR" => dir.as_os_str().to_owned(),
            other => other.into(),
        }));
        let name = self.name;
        let mut child = command.spawn().unwrap_or_else(|error| {
            panic!("{name} does not start ({error}): `./test --setup` installs it")
        });
        // It holds the other end of the log.
        drop(command);
        let mut lines = BufReader::new(log).lines();
        if lines.any(|line| line.is_ok_and(|line| line.contains(self.ready))) {
            thread::spawn(move || lines.for_each(drop));
            return Some(child);
        }
        drop(child.kill());
        child.wait().unwrap();
        None
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

/// With where Debian has servers, and where `./test --setup` puts them.
fn path() -> String {
    let tools = concat!(env!("CARGO_MANIFEST_DIR"), "/../target/tools/bin");
    format!("{}:/usr/sbin:{tools}", env::var("PATH").unwrap_or_default())
}

/// One that nobody listens on.
pub(crate) fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}
