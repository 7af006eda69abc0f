//! A TCP proxy between a client and a server that does to connections what bad networks do; between
//! a client and several servers, it is their load balancer.
//!
//! Bytes of one connection are never lost or reordered while it lives, as TCP has it; what a test
//! orders is when they arrive, how many, in what pieces, and how the connection ends. What is
//! ordered from the [`Proxy`] holds for every connection there is and for those to come; a [`Link`]
//! orders it for one. Nothing here needs a sleep: wait for [`Proxy::accepted`], [`Proxy::refused`]
//! and [`Link::ended`].

mod link;
mod pump;
mod route;

pub use link::{Cut, Link, Way};

use crate::chat::soon;
use link::Terms;
use route::Route;
use std::{
    collections::VecDeque,
    io,
    net::SocketAddr,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};
use tokio::{
    net::{TcpListener, TcpStream},
    sync::{Notify, Semaphore},
    task::{AbortHandle, JoinSet},
};

/// Links that wait for [`Proxy::accepted`]; beyond, the oldest are forgotten, not cut.
const WAITING: usize = 1024;

/// See the module. Dropped, it ends every connection and frees its port.
#[derive(Debug)]
pub struct Proxy {
    addr: SocketAddr,
    shared: Arc<Shared>,
    listening: AbortHandle,
}

#[derive(Debug)]
struct Shared {
    state: Mutex<State>,
    accepted: Notify,
    /// One permit for each connection that was refused.
    refused: Semaphore,
}

#[derive(Debug)]
struct State {
    route: Route,
    /// What the next connection begins with.
    terms: Terms,
    refusing: bool,
    next: u64,
    links: Vec<Link>,
    waiting: VecDeque<Link>,
}

impl Proxy {
    /// Listens on a free port of the loopback interface, and forwards each connection to `addr`.
    ///
    /// # Panics
    ///
    /// When there is no free port.
    pub async fn to(addr: SocketAddr) -> Self {
        Self::seeded(addr, 0).await
    }

    /// The same; where [`split`](Self::split) cuts a connection follows from `seed` and the
    /// connection's number.
    ///
    /// # Panics
    ///
    /// When there is no free port.
    pub async fn seeded(addr: SocketAddr, seed: u64) -> Self {
        Self::among(&[addr], seed).await
    }

    /// Balances connections between servers: each goes to one of them, by a die, and to another than
    /// the one before if there is another.
    ///
    /// The die is of `seed`, as is where [`split`](Self::split) cuts.
    ///
    /// # Panics
    ///
    /// When there is no free port.
    pub async fn among(servers: &[SocketAddr], seed: u64) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let addr = listener.local_addr().expect("an address");
        let state = State {
            route: Route::new(servers, seed),
            terms: Terms::default(),
            refusing: false,
            next: 0,
            links: Vec::new(),
            waiting: VecDeque::new(),
        };
        let shared = Arc::new(Shared {
            state: Mutex::new(state),
            accepted: Notify::new(),
            refused: Semaphore::new(0),
        });
        let listening = tokio::spawn(listen(listener, Arc::clone(&shared), seed)).abort_handle();
        Self { addr, shared, listening }
    }

    /// Where it listens.
    pub fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// Forwards the connections to come to another server, such as one that was started again.
    pub fn redirect(&self, to: SocketAddr) {
        self.spread(&[to]);
    }

    /// Balances the connections to come between these servers; see [`among`](Self::among).
    pub fn spread(&self, servers: &[SocketAddr]) {
        self.shared.state().route.lead_to(servers);
    }

    /// Forwards no further connection to this server; those that there are go on. Where there is no
    /// other server, connections are reset as soon as they are accepted.
    pub fn exclude(&self, server: SocketAddr) {
        self.shared.state().route.exclude(server);
    }

    /// Forwards connections to this server again.
    pub fn include(&self, server: SocketAddr) {
        self.shared.state().route.include(server);
    }

    /// Cuts the connections to this server, and forwards no further one to it.
    pub fn drain(&self, server: SocketAddr, how: Cut) {
        self.exclude(server);
        let links = self.links().into_iter();
        links.filter(|link| link.server() == Some(server)).for_each(|link| link.cut(how));
    }

    /// The next connection that was accepted, each once and in order.
    ///
    /// Cancel safe.
    ///
    /// # Panics
    ///
    /// When none comes in [`PATIENCE`](crate::chat::PATIENCE).
    pub async fn accepted(&self) -> Link {
        soon(async {
            loop {
                let accepted = self.shared.accepted.notified();
                if let Some(link) = self.shared.state().waiting.pop_front() {
                    return link;
                }
                accepted.await;
            }
        })
        .await
    }

    /// Waits for a connection that was refused, each once.
    ///
    /// Cancel safe.
    ///
    /// # Panics
    ///
    /// When none comes in [`PATIENCE`](crate::chat::PATIENCE).
    pub async fn refused(&self) {
        soon(self.shared.refused.acquire()).await.expect("it is never closed").forget();
    }

    /// The connections that have not ended.
    pub fn links(&self) -> Vec<Link> {
        let state = self.shared.state();
        state.links.iter().filter(|link| !link.is_over()).cloned().collect()
    }

    /// Cuts the connections that there are.
    pub fn cut(&self, how: Cut) {
        self.links().iter().for_each(|link| link.cut(how));
    }

    /// Cuts each connection after so many further bytes in one direction, those to come too.
    pub fn cut_after(&self, way: Way, bytes: u64, how: Cut) {
        self.all(|terms| terms.cut_after(way, bytes, how));
    }

    /// Lets no byte pass in this direction; the connections stay open.
    pub fn freeze(&self, way: Way) {
        self.all(|terms| terms.freeze(way, true));
    }

    /// Lets bytes pass again, first those that waited.
    pub fn thaw(&self, way: Way) {
        self.all(|terms| terms.freeze(way, false));
    }

    /// Resets connections to come as soon as they are accepted.
    pub fn refuse(&self) {
        self.shared.state().refusing = true;
    }

    /// Accepts connections again.
    pub fn restore(&self) {
        self.shared.state().refusing = false;
    }

    /// Accepts connections to come, but does not connect them to the server.
    pub fn hold(&self) {
        self.shared.state().terms.held = true;
    }

    /// Connects what is held, and holds nothing more.
    pub fn release(&self) {
        self.all(|terms| terms.held = false);
    }

    /// Forwards what is read so much later, ends of connections too.
    pub fn delay(&self, delay: Duration) {
        self.all(|terms| terms.delay = delay);
    }

    /// Forwards no more bytes a second in each direction than these.
    pub fn throttle(&self, bytes_per_s: u32) {
        self.all(|terms| terms.rate = Some(bytes_per_s));
    }

    /// Forwards in pieces of random length, at most `max` bytes, and gives way after each.
    pub fn split(&self, max: u32) {
        self.all(|terms| terms.split = Some(max));
    }

    /// Forwards plainly from now on: nothing is held, frozen, delayed, throttled, split or to be cut,
    /// and nobody is refused.
    pub fn calm(&self) {
        self.restore();
        self.all(Terms::calm);
    }

    /// Changes the terms of every connection, and of those to come.
    fn all(&self, change: impl Fn(&mut Terms)) {
        let mut state = self.shared.state();
        change(&mut state.terms);
        state.links.iter().for_each(|link| link.change(&change));
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.listening.abort();
    }
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes up a connection; `None` if it is refused.
    fn accept(&self) -> Option<Link> {
        let mut state = self.state();
        if state.refusing {
            self.refused.add_permits(1);
            return None;
        }
        let link = Link::new(state.next, state.terms.clone());
        state.next += 1;
        state.links.retain(|link| !link.is_over());
        state.links.push(link.clone());
        if state.waiting.len() == WAITING {
            state.waiting.pop_front();
        }
        state.waiting.push_back(link.clone());
        self.accepted.notify_one();
        Some(link)
    }

    /// Which server a connection goes to, in one step: who excludes one finds all that go there.
    fn lead(&self, link: &Link) -> Option<SocketAddr> {
        let mut state = self.state();
        let server = state.route.next()?;
        link.leads_to(server);
        Some(server)
    }
}

async fn listen(listener: TcpListener, shared: Arc<Shared>, seed: u64) {
    let mut tasks = JoinSet::new();
    while let Ok((client, _)) = listener.accept().await {
        while tasks.try_join_next().is_some() {}
        let Some(link) = shared.accept() else {
            // Dropped, it is reset.
            let _ = client.set_zero_linger();
            continue;
        };
        let shared = Arc::clone(&shared);
        tasks.spawn(async move {
            let connect = async {
                let server = shared.lead(&link).ok_or(io::ErrorKind::NotConnected)?;
                TcpStream::connect(server).await
            };
            link.carry(client, connect, seed).await;
        });
    }
}
