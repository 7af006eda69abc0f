//! A node as a process: this program, started again.

use socketkit::{ClusterOptions, Io, Server, Socket};
use std::{
    env,
    net::SocketAddr,
    process::{Child, Command, Stdio},
    thread,
    time::Duration,
};
use tests::{
    chat::{Chat, ClientEvent, ServerEvent, client_event::*},
    engine::{Engine, Kind},
};

/// Where it is to listen.
pub(crate) const NODE: &str = "CLUSTER_CHAOS_NODE";
const ENGINE: &str = "CLUSTER_CHAOS_ENGINE";

/// A running node, killed when it is dropped.
pub(crate) struct Node {
    addr: SocketAddr,
    child: Child,
    /// Its engine keeps a log.
    is_durable: bool,
}

impl Node {
    pub(crate) fn start(engine: &Engine, is_durable: bool) -> Self {
        let addr = tests::engine::free();
        let mut node = Self { addr, child: spawn(addr, engine, is_durable), is_durable };
        node.wait(engine);
        node
    }

    pub(crate) fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// As `kill -9` does.
    pub(crate) fn kill(&mut self) {
        self.child.kill().expect("it was started here");
        self.child.wait().expect("it was started here");
    }

    /// Starts it again at its address.
    pub(crate) fn restart(&mut self, engine: &Engine) {
        self.child = spawn(self.addr, engine, self.is_durable);
        self.wait(engine);
    }

    fn wait(&mut self, engine: &Engine) {
        while std::net::TcpStream::connect(self.addr).is_err() {
            if self.child.try_wait().expect("it was started here").is_some() {
                // The engine was not there in that moment.
                self.child = spawn(self.addr, engine, self.is_durable);
            }
            thread::sleep(Duration::from_millis(5));
        }
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn spawn(addr: SocketAddr, engine: &Engine, is_durable: bool) -> Child {
    Command::new(env::current_exe().expect("this program"))
        .args(["a_node_of_the_others", "--exact", "--ignored", "--nocapture"])
        .env(NODE, addr.to_string())
        .env(ENGINE, format!("{:?} {is_durable} {}", engine.kind(), engine.url()))
        .stdout(Stdio::null())
        .spawn()
        .expect("it starts")
}

/// What it does.
pub(crate) async fn serve() {
    let (addr, engine) = (env::var(NODE).unwrap(), env::var(ENGINE).unwrap());
    let words: Vec<_> = engine.split(' ').collect();
    let (nats, redis) = (socketkit::nats::connect(words[2]), socketkit::redis::connect(words[2]));
    let options: ClusterOptions = match (words[0] == format!("{:?}", Kind::Nats), words[1]) {
        (true, "true") => nats.durable().into(),
        (true, _) => nats.into(),
        (false, "true") => redis.durable().into(),
        (false, _) => redis.into(),
    };
    let listening = Server::<Chat>::new()
        .cluster(options)
        .on(async |ask: Ask, socket: Socket<Chat>, io: Io<Chat>| {
            let mut words = ask.text.splitn(3, ' ');
            let (what, room) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
            match what {
                "join" => socket.join(room),
                _ => drop(io.to(room).emit(ServerEvent::Told(ask.text.clone()))),
            }
            String::new()
        })
        .fallback(async |_: ClientEvent| {})
        .listen(addr);
    // It fails where the engine is just being killed, and is started again.
    listening.await.expect("the engine is there");
}
