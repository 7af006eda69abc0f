//! The nodes that a case of the conformance suite runs on, and clients that move between them.
//!
//! A case uses what holds on one node and on several: it has the same [`Io`] emit what has to come in
//! order, and waits by [`until`] for what others do. Beside `len()` of a selection, which is of one
//! node, it asks [`Nodes::sum`]; where it matters that the other nodes know what one was told, it calls
//! [`Nodes::settle`] or [`Nodes::shuffle`] before.

use crate::{
    chat::{listen, soon, until},
    dice::Dice,
    engine::{Engine, Nats, Redis},
    proxy::{Cut, Proxy},
};
use futures_util::future::join_all;
use serde::{Serialize, de::DeserializeOwned};
use socketkit::{
    Client, ClientBuilder, ClusterOptions, ConnectError, Io, Limits, Protocol, Remote, Server,
    Service, Socket, SocketId, Status, nats, redis,
};
use std::{
    env,
    net::SocketAddr,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

/// What a case runs on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fixture {
    /// One node, without a cluster.
    One,
    /// Three nodes of a cluster whose engine is NATS.
    Nats,
    /// The same with Redis.
    Redis,
}

impl Fixture {
    /// Starts the nodes, each with a server that `build` completes.
    pub async fn nodes<P>(self, build: impl Fn(Server<P>) -> Service<P>) -> Nodes<P>
    where
        P: Protocol<Room: Serialize + DeserializeOwned>,
    {
        match self {
            Self::One => Nodes::of(vec![build(Server::new())]).await,
            Self::Nats => Nodes::three(Nats::start(), |url| nats::connect(url).into(), build).await,
            Self::Redis => {
                Nodes::three(Redis::start(), |url| redis::connect(url).into(), build).await
            }
        }
    }
}

/// Makes a test of each case, a function that takes a [`Fixture`], on every fixture:
/// `one::the_name_of_the_case`. They run on two threads, unless the first line says otherwise.
#[macro_export]
macro_rules! on_each_fixture {
    ($($case:ident),+ $(,)?) => {
        $crate::on_each_fixture! {
            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            $($case),+
        }
    };
    (#[$test:meta] $($case:ident),+ $(,)?) => {
        $crate::on_each_fixture! { @on one One #[$test] [$($case)+] }
        $crate::on_each_fixture! { @on nats Nats #[$test] [$($case)+] }
        $crate::on_each_fixture! { @on redis Redis #[$test] [$($case)+] }
    };
    (@on $module:ident $fixture:ident #[$test:meta] [$($case:ident)+]) => {
        mod $module {
            $(
                #[$test]
                async fn $case() {
                    super::$case($crate::nodes::Fixture::$fixture).await;
                }
            )+
        }
    };
}

/// A client comes back after so long.
const BACKOFF: (Duration, Duration) = (Duration::from_millis(1), Duration::from_millis(20));

/// See the module. `CONFORMANCE_SEED` says what happens where something is left to chance.
#[derive(Debug)]
pub struct Nodes<P: Protocol> {
    services: Vec<Service<P>>,
    addrs: Vec<SocketAddr>,
    guests: Mutex<Vec<Arc<Guest<P>>>>,
    turn: AtomicUsize,
    dice: Mutex<Dice>,
    /// Dropped after the services.
    engine: Option<Engine>,
}

/// A client behind a proxy of its own.
#[derive(Debug)]
struct Guest<P: Protocol> {
    remote: Remote<P>,
    proxy: Proxy,
}

impl<P: Protocol> Nodes<P> {
    /// Nodes of these services, each on a port of its own.
    ///
    /// # Panics
    ///
    /// When one cannot listen.
    pub async fn of(services: Vec<Service<P>>) -> Self {
        let seed = env::var("CONFORMANCE_SEED").map_or(1, |seed| seed.parse().expect("a number"));
        let addrs = join_all(services.iter().map(listen)).await;
        let (guests, turn, dice) = (Mutex::default(), AtomicUsize::new(0), Mutex::new(Dice(seed)));
        Self { services, addrs, guests, turn, dice, engine: None }
    }

    /// Three nodes of a cluster, which know of each other.
    ///
    /// # Panics
    ///
    /// When one cannot listen, or has not heard of the others in [`PATIENCE`](crate::chat::PATIENCE).
    pub async fn three(
        engine: Engine,
        options: impl Fn(String) -> ClusterOptions,
        build: impl Fn(Server<P>) -> Service<P>,
    ) -> Self
    where
        P: Protocol<Room: Serialize + DeserializeOwned>,
    {
        let join = |_| build(Server::new().cluster(options(engine.url())));
        let services = (0..3).map(join).collect();
        let mut nodes = Self::of(services).await;
        nodes.engine = Some(engine);
        until(|| nodes.ios().all(|io| io.nodes().len() == 2)).await;
        nodes
    }

    /// What they are a cluster by.
    ///
    /// # Panics
    ///
    /// When they are none.
    pub fn engine(&self) -> &Engine {
        self.engine.as_ref().expect("they are a cluster")
    }

    /// How many nodes there are.
    #[allow(clippy::len_without_is_empty)]
    pub fn len(&self) -> usize {
        self.services.len()
    }

    /// Their addresses.
    pub fn addrs(&self) -> &[SocketAddr] {
        &self.addrs
    }

    /// The address of one, in turn.
    pub fn addr(&self) -> SocketAddr {
        self.addrs[self.turn.fetch_add(1, Ordering::Relaxed) % self.addrs.len()]
    }

    /// That of one, by a die.
    pub fn io(&self) -> Io<P> {
        self.services[self.roll(self.services.len())].io()
    }

    /// That of each.
    pub fn ios(&self) -> impl Iterator<Item = Io<P>> {
        self.services.iter().map(Service::io)
    }

    /// The sum over all nodes.
    pub fn sum(&self, of: impl Fn(Io<P>) -> usize) -> usize {
        self.ios().map(of).sum()
    }

    /// The sockets of all nodes, in no order.
    pub fn sockets(&self) -> Vec<Socket<P>> {
        self.ios().flat_map(|io| io.sockets()).collect()
    }

    /// A socket, as one of the nodes has it, by a die.
    ///
    /// # Panics
    ///
    /// When it has ended.
    pub fn socket(&self, id: SocketId) -> Socket<P> {
        self.io().socket(id).expect("it has not ended")
    }

    /// Waits until each node counts so many sockets in the cluster.
    pub async fn count(&self, sockets: usize) {
        until(|| self.ios().all(|io| io.len() == sockets)).await;
    }

    /// A client of a node, in turn.
    ///
    /// # Panics
    ///
    /// When it cannot connect.
    pub async fn connect(&self) -> Client<P> {
        self.connect_with(async |client| client.connect().await).await
    }

    /// The same, completed by `connect`.
    ///
    /// # Panics
    ///
    /// When it cannot connect.
    pub async fn connect_with<F>(&self, connect: F) -> Client<P>
    where
        F: AsyncFnOnce(ClientBuilder<P>) -> Result<Client<P>, ConnectError>,
    {
        let proxy = Proxy::seeded(self.addr(), self.roll(usize::MAX) as u64).await;
        let client = Client::builder(format!("ws://{}/ws", proxy.addr()));
        let connecting = connect(client.limits(Limits::default().backoff(BACKOFF)));
        let client = soon(connecting).await.expect("it listens");
        proxy.spread(&self.addrs);
        let guest = Guest { remote: client.remote().clone(), proxy };
        lock(&self.guests).push(Arc::new(guest));
        client
    }

    /// Several clients, which every node counts.
    pub async fn clients<const N: usize>(&self) -> [Client<P>; N] {
        let mut clients = Vec::new();
        for _ in 0..N {
            clients.push(self.connect().await);
        }
        until(|| self.ios().all(|io| io.len() >= N)).await;
        let Ok(clients) = clients.try_into() else { unreachable!("there are N") };
        clients
    }

    /// Moves clients to other nodes, or has them come back where there is none: every other one, by a
    /// die, and one at least. Their sessions go on; then waits until the nodes have [settled].
    ///
    /// [settled]: Self::settle
    ///
    /// # Panics
    ///
    /// When a session does not go on.
    pub async fn shuffle(&self) {
        let mut guests = lock(&self.guests).clone();
        guests.retain(|guest| guest.remote.status().borrow().is_connected());
        let one = if guests.is_empty() { 0 } else { self.roll(guests.len()) };
        let mut at = 0..;
        guests.retain(|_| at.next() == Some(one) || self.roll(2) == 0);
        join_all(guests.iter().map(|guest| guest.move_on())).await;
        self.settle().await;
    }

    /// Waits until every node knows what each has been told.
    ///
    /// # Panics
    ///
    /// When one does not answer.
    pub async fn settle(&self) {
        // A node that answers has asked its engine before for what it is to hear.
        for io in self.ios() {
            let counted = soon(io.all().count()).await;
            assert!(counted.missing.is_empty(), "{counted:?}");
        }
        until(|| {
            let sockets = self.sum(|io| io.all().len());
            self.ios().all(|io| io.len() == sockets)
        })
        .await;
    }

    fn roll(&self, bound: usize) -> usize {
        lock(&self.dice).below(bound as u64) as usize
    }
}

impl<P: Protocol> Guest<P> {
    async fn move_on(&self) {
        let mut status = self.remote.status();
        status.mark_unchanged();
        self.proxy.cut(Cut::Rst);
        let came_back = soon(async {
            loop {
                status.changed().await.expect("the client is there");
                let now = status.borrow_and_update().clone();
                if now.is_connected() || matches!(now, Status::Closed { .. }) {
                    return now;
                }
            }
        });
        let status = came_back.await;
        assert!(matches!(status, Status::Resumed { .. }), "{status:?}");
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::chat::{Chat, ClientEvent, ServerEvent, next};

    #[tokio::test]
    async fn clients_are_spread_over_the_nodes_and_moved_to_others() {
        let service = Server::<Chat>::new().fallback(async |_: ClientEvent| {}).build();
        let mut nodes = Nodes::of(vec![service.clone()]).await;
        for _ in 1..3 {
            nodes.addrs.push(listen(&service).await);
        }
        let mut clients = nodes.clients::<6>().await;
        let servers = || {
            let guests = lock(&nodes.guests);
            let server = |guest: &Arc<Guest<Chat>>| guest.proxy.links()[0].server().unwrap();
            guests.iter().map(server).collect::<Vec<_>>()
        };
        let mut before = servers();
        for addr in nodes.addrs() {
            assert_eq!(before.iter().filter(|server| *server == addr).count(), 2);
        }
        let mut moved = [false; 6];
        for _ in 0..20 {
            nodes.shuffle().await;
            let now = servers();
            assert_ne!(now, before);
            for (moved, (now, before)) in moved.iter_mut().zip(now.iter().zip(&before)) {
                *moved |= now != before;
            }
            before = now;
        }
        assert_eq!(moved, [true; 6]);
        // Each has one session all the while.
        assert_eq!(nodes.io().len(), 6);
        nodes.io().broadcast(ServerEvent::Told("once".into()));
        nodes.io().broadcast(ServerEvent::Told("end".into()));
        for client in &mut clients {
            for text in ["once", "end"] {
                assert_eq!(next(client).await, ServerEvent::Told(text.into()));
            }
        }
    }
}
