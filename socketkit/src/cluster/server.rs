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
    /// Of NATS, with more arguments.
    pub(crate) fn nats(arguments: &[&str]) -> Self {
        Self::start("nats-server", "Server is ready", |command, port, _| {
            command.args(["-a", "127.0.0.1", "-p"]).arg(port.to_string()).args(arguments);
            command.stderr(Stdio::piped());
        })
    }

    /// Of Redis, with more arguments.
    pub(crate) fn redis(arguments: &[&str]) -> Self {
        Self::start("redis-server", "Ready to accept connections", |command, port, dir| {
            command.args(["--bind", "127.0.0.1", "--save", "", "--port"]).arg(port.to_string());
            command.arg("--dir").arg(dir).args(arguments).stdout(Stdio::piped());
        })
    }

    fn start(program: &str, ready: &str, arguments: impl Fn(&mut Command, u16, &Path)) -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        let dir = env::temp_dir().join(format!("socketkit-{}-{count}", std::process::id()));
        fs::create_dir_all(&dir).unwrap();
        // Somebody may take a port before the server does.
        for _ in 0..5 {
            let port = free_port();
            let mut command = Command::new(program);
            command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
            arguments(&mut command, port, &dir);
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

/// One that nobody listens on.
pub(crate) fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}
