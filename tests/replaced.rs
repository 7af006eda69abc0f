//! A server whose place another process takes, on the same port: its clients end up there.

use socketkit::{CallError, Client, Gap, Limits, Status};
use std::{
    io::{BufRead, BufReader},
    net::{SocketAddr, TcpListener},
    os::fd::OwnedFd,
    process::{Child, Command, Stdio},
    time::Duration,
};
use tests::{
    chat::{Chat, ServerEvent, client_event::Ask, next, soon},
    process::signal,
};
use tokio::{task::JoinSet, time::Instant};

const CLIENTS: usize = 200;

/// A server, killed when it is dropped.
struct Process {
    child: Child,
    addr: SocketAddr,
}

impl Process {
    fn start(configure: impl FnOnce(&mut Command) -> &mut Command) -> Self {
        let mut command = Command::new(env!("CARGO_BIN_EXE_stand_in"));
        let mut child = configure(&mut command).stdout(Stdio::piped()).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let addr = line.trim().strip_prefix("listening on ").expect(&line).parse().unwrap();
        Self { child, addr }
    }

    /// Shares its port.
    fn sharing(addr: SocketAddr) -> Self {
        Self::start(|command| command.arg(addr.to_string()))
    }

    /// Is handed a listener that this process keeps.
    fn inheriting(listener: &TcpListener) -> Self {
        let listener = OwnedFd::from(listener.try_clone().unwrap());
        Self::start(|command| command.stdin(listener))
    }

    fn id(&self) -> String {
        self.child.id().to_string()
    }

    /// Asks it to stop, and waits until it has.
    async fn stop(mut self) {
        signal(&self.child, "-TERM");
        let stopped = tokio::task::spawn_blocking(move || self.child.wait().unwrap());
        assert!(soon(stopped).await.unwrap().success());
    }

    /// Ends it without a word, as `kill -9` does.
    fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

async fn ask(client: &Client<Chat>) -> Option<String> {
    soon(client.call(Ask { text: String::new() })).await.ok()
}

/// Clients of one server, each of which then waits for another: how often each had to try.
async fn move_over(addr: SocketAddr, old: String) -> JoinSet<(String, usize)> {
    let mut moving = JoinSet::new();
    for _ in 0..CLIENTS {
        let backoff = (Duration::from_millis(500), Duration::from_secs(5));
        let client = Client::<Chat>::builder(format!("ws://{addr}/ws"));
        let client = soon(client.limits(Limits::default().backoff(backoff)).connect()).await;
        let client = client.unwrap();
        assert_eq!(ask(&client).await.as_ref(), Some(&old));
        let old = old.clone();
        let mut status = client.status();
        status.mark_unchanged();
        moving.spawn(async move {
            let mut tries = 0;
            loop {
                soon(status.changed()).await.unwrap();
                let now = status.borrow_and_update().clone();
                match now {
                    Status::Waiting { .. } => tries += 1,
                    Status::Open | Status::Reset { .. } => match ask(&client).await {
                        Some(other) if other != old => return (other, tries),
                        _ => {}
                    },
                    Status::Closed { .. } => panic!("it gave up: {now:?}"),
                    _ => {}
                }
            }
        });
    }
    moving
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn clients_move_to_a_server_that_shares_the_port() {
    let old = Process::sharing(([127, 0, 0, 1], 0).into());
    let addr = old.addr;
    let mut moving = move_over(addr, old.id()).await;
    let new = Process::sharing(addr);
    old.stop().await;
    let mut again = 0;
    while let Some(moved) = soon(moving.join_next()).await {
        let (server, tries) = moved.unwrap();
        assert_eq!(server, new.id());
        // One that came in the moment in which the port was closed may have been reset.
        assert!(tries <= 2, "{tries}");
        again += usize::from(tries > 1);
    }
    assert!(again <= CLIENTS / 50, "{again}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn clients_wait_in_the_kernel_for_a_server_that_inherits_the_listener() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let old = Process::inheriting(&listener);
    let mut moving = move_over(old.addr, old.id()).await;
    old.stop().await;
    // Nobody accepts, and some come back.
    let new = Process::inheriting(&listener);
    while let Some(moved) = soon(moving.join_next()).await {
        let (server, tries) = moved.unwrap();
        assert_eq!(server, new.id());
        // A pause that is hardly one is over before anybody has looked.
        assert!(tries <= 1, "{tries}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn clients_of_a_server_that_was_killed_know_what_is_lost_and_come_back_to_the_next() {
    const LONGEST_PAUSE: Duration = Duration::from_millis(500);
    let old = Process::sharing(([127, 0, 0, 1], 0).into());
    let addr = old.addr;
    let mut clients = Vec::new();
    for _ in 0..50 {
        let limits = Limits::default().backoff((Duration::from_millis(50), LONGEST_PAUSE));
        let client = Client::<Chat>::builder(format!("ws://{addr}/ws")).limits(limits).connect();
        let mut client = soon(client).await.unwrap();
        let call = tokio::spawn(client.call(Ask { text: "wait".into() }));
        assert_eq!(next(&mut client).await, ServerEvent::Told("waiting".into()));
        let mut status = client.status();
        assert_eq!(*status.borrow_and_update(), Status::Open);
        clients.push((client, call, status));
    }
    old.kill();
    for (_, call, status) in &mut clients {
        soon(status.wait_for(|status| !status.is_connected())).await.unwrap();
        assert!(!call.is_finished(), "its server may yet be there");
    }
    let new = Process::sharing(addr);
    let started = Instant::now();
    for (client, call, status) in &mut clients {
        let reset = soon(status.wait_for(Status::is_connected)).await.unwrap().clone();
        // A pause is no longer, and a connection to this machine takes no time to speak of.
        assert!(started.elapsed() < LONGEST_PAUSE + Duration::from_secs(2));
        assert_eq!(reset, Status::Reset { reason: Gap::Unknown, unconfirmed: 1 });
        assert!(matches!(soon(call).await.unwrap(), Err(CallError::Lost)));
        assert_eq!(ask(client).await, Some(new.id()));
    }
}
