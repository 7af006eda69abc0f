//! A server process, and what the kernel knows of it.

use std::{
    error::Error,
    fs, io,
    net::{SocketAddr, TcpListener},
    process::{self, Child, Command, Stdio},
    str::FromStr,
    time::Duration,
};
use tokio::{net::TcpStream, time::sleep};

/// The kernel's clock tick in `/proc`: 10 ms wherever it runs.
const TICK: Duration = Duration::from_millis(10);

/// A running server; it is killed when this is dropped.
#[derive(Debug)]
pub struct Server {
    child: Child,
    /// Where it listens.
    pub addr: SocketAddr,
}

impl Server {
    /// Starts a command with `{addr}` filled in, or `{port}`; ready when it takes connections.
    ///
    /// # Errors
    ///
    /// When it cannot be started, ends, or takes none for ten seconds.
    pub async fn start(command: &[String]) -> Result<Self, Box<dyn Error>> {
        let addr = TcpListener::bind("127.0.0.1:0")?.local_addr()?;
        let (whole, port) = (addr.to_string(), addr.port().to_string());
        let fill = |word: &String| word.replace("{addr}", &whole).replace("{port}", &port);
        let mut words = command.iter().map(fill);
        let child = Command::new(words.next().ok_or("no command")?)
            .args(words)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()?;
        let mut server = Self { child, addr };
        for _ in 0..200 {
            if let Some(status) = server.child.try_wait()? {
                return Err(format!("the server ended: {status}").into());
            }
            if TcpStream::connect(addr).await.is_ok() {
                // What it does at its start is no figure of ours.
                sleep(Duration::from_millis(500)).await;
                return Ok(server);
            }
            sleep(Duration::from_millis(50)).await;
        }
        Err("the server did not start".into())
    }

    /// CPU time so far, in user and kernel mode, of all threads.
    ///
    /// # Errors
    ///
    /// When it has ended, or the system is not Linux.
    pub fn cpu(&self) -> io::Result<Duration> {
        cpu(self.child.id())
    }

    /// Resident bytes.
    ///
    /// # Errors
    ///
    /// As [`cpu`](Self::cpu).
    pub fn resident(&self) -> io::Result<usize> {
        let status = fs::read_to_string(format!("/proc/{}/status", self.child.id()))?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
        let kib =
            line.and_then(|line| line.trim().strip_suffix("kB")?.trim().parse::<usize>().ok());
        kib.map(|kib| kib * 1024).ok_or_else(|| io::ErrorKind::InvalidData.into())
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// CPU time of this process so far, as [`Server::cpu`].
///
/// # Errors
///
/// When the system is not Linux.
pub fn own_cpu() -> io::Result<Duration> {
    cpu(process::id())
}

/// CPU time of all processes so far.
///
/// # Errors
///
/// When the system is not Linux.
pub fn machine_cpu() -> io::Result<Duration> {
    let stat = fs::read_to_string("/proc/stat")?;
    let fields = stat.lines().next().unwrap_or_default().split_whitespace().skip(1).take(8);
    let ticks: Vec<u32> = fields.filter_map(|n| n.parse().ok()).collect();
    // The fourth and fifth are idle.
    let idle: u32 = ticks.iter().skip(3).take(2).sum();
    Ok(TICK * (ticks.iter().sum::<u32>() - idle))
}

fn cpu(pid: u32) -> io::Result<Duration> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat"))?;
    // The name in parentheses may hold anything; `utime` and `stime` are the 12th and 13th after it.
    let fields = stat.rsplit(')').next().unwrap_or_default();
    let ticks = fields.split_whitespace().skip(11).take(2).filter_map(|n| n.parse::<u32>().ok());
    Ok(TICK * ticks.sum::<u32>())
}

/// A server that is measured against others, as `NAME=COMMAND`.
#[derive(Debug, Clone)]
pub struct Contender {
    /// What it is called in the figures.
    pub name: String,
    command: Vec<String>,
}

impl Contender {
    /// As [`Server::start`].
    ///
    /// # Errors
    ///
    /// As [`Server::start`].
    pub async fn start(&self) -> Result<Server, Box<dyn Error>> {
        Server::start(&self.command).await
    }
}

impl FromStr for Contender {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (name, command) = text.split_once('=').ok_or("NAME=COMMAND is expected")?;
        let command = command.split_whitespace().map(Into::into).collect();
        Ok(Self { name: name.into(), command })
    }
}
