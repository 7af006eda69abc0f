//! Services, the clients that connect to them, and the clock of the test.

use super::{Link, TestClient, draws::Draws, trace::Trace};
use crate::{
    ClientBuilder, ConnectError, Io, Limits, Protocol, Service,
    dial::{Pipe, To},
    peer::lock,
    transport::Stream,
};
use std::{
    fmt, hint,
    io::{self, ErrorKind},
    sync::{Arc, Mutex},
    time::Duration,
};
use tokio::{
    runtime::{Handle, RuntimeFlavor},
    time::{Instant, sleep},
};

/// Changes of [`Kit::chaos`] are less than this apart, in milliseconds.
const APART: u64 = 2_000;

/// Events that wait for a client of a kit, which a test may ask for late.
const RECEIVED: usize = 4_096;

/// Services and their clients in one test, on a network in memory, by a clock that only tests turn.
///
/// ```
/// # #[cfg(feature = "macros")]
/// # mod example {
/// use socketkit::{Events, Io, Protocol, Server, test::Kit};
///
/// #[derive(Debug, Events)]
/// pub enum ClientEvent {
///     Say(String),
/// }
///
/// #[derive(Debug, Events)]
/// pub enum ServerEvent {
///     Said(String),
/// }
///
/// #[derive(Protocol)]
/// #[protocol(client = ClientEvent, server = ServerEvent)]
/// pub struct Chat;
///
/// # use client_event::Say;
/// # use server_event::Said;
/// # // In a test: `#[tokio::test(start_paused = true)]`.
/// # #[tokio::main(flavor = "current_thread", start_paused = true)]
/// # pub async fn main() {
/// async fn say(Say(text): Say, io: Io<Chat>) {
///     io.broadcast(Said(text));
/// }
///
/// let kit = Kit::new(Server::<Chat>::new().on(say).build());
/// let (ada, mut bob) = (kit.connect().await, kit.connect().await);
///
/// bob.link().cut();
/// ada.emit(Say("hello".into()));
/// kit.advance(std::time::Duration::from_secs(30)).await;
/// bob.link().restore();
/// // Bob comes back by himself, and has missed nothing.
/// assert_eq!(bob.expect::<Said>().await.0, "hello");
/// # }
/// # }
/// # #[cfg(feature = "macros")]
/// # example::main();
/// ```
pub struct Kit<P: Protocol> {
    nodes: Nodes<P>,
    links: Mutex<Vec<Link>>,
    seed: u64,
    draws: Draws,
    trace: Arc<Trace>,
}

type Nodes<P> = Arc<Mutex<Vec<Service<P>>>>;

/// A service of a [`Kit`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Node(pub(super) usize);

impl Node {
    /// The service that the kit began with.
    pub const FIRST: Self = Self(0);
}

impl<P: Protocol> Kit<P> {
    /// Begins a test of a service; with several nodes see [`node`](Self::node).
    ///
    /// # Panics
    ///
    /// Outside of a tokio runtime; on one with several threads, or whose clock is not paused: there what
    /// happens is different each time. `#[tokio::test(start_paused = true)]` makes the right one.
    pub fn new(service: Service<P>) -> Self {
        Self::seeded(service, 0)
    }

    /// The same with a seed for all that is left to chance: what [`chaos`](Self::chaos) and
    /// [`Link::random`] draw, and how long clients wait before they come back.
    ///
    /// The same test with the same seed has the same [`trace`](Self::trace), if the application leaves
    /// nothing else to chance. Another client does not change what the links of others draw.
    ///
    /// # Panics
    ///
    /// As [`new`](Self::new).
    pub fn seeded(service: Service<P>, seed: u64) -> Self {
        let flavor = Handle::try_current().map(|runtime| runtime.runtime_flavor());
        assert!(
            matches!(flavor, Ok(RuntimeFlavor::CurrentThread)) && is_paused(),
            "a kit needs a runtime of one thread whose clock is paused: #[tokio::test(start_paused = true)]"
        );
        let (trace, draws) = (Arc::new(Trace::new()), Draws::new(seed));
        let (nodes, links) = (Nodes::default(), Mutex::default());
        let kit = Self { nodes, links, seed, draws, trace };
        kit.node(service);
        kit
    }

    /// Adds a service, as another node beside the first.
    pub fn node(&self, service: Service<P>) -> Node {
        service.hub().flusher.leave_alone();
        let mut nodes = lock(&self.nodes);
        nodes.push(service);
        Node(nodes.len() - 1)
    }

    /// All sockets of the first node.
    pub fn io(&self) -> Io<P> {
        self.service(Node::FIRST).io()
    }

    /// The service of a node.
    ///
    /// # Panics
    ///
    /// When it is a node of another kit.
    pub fn service(&self, node: Node) -> Service<P> {
        match lock(&self.nodes).get(node.0) {
            Some(service) => service.clone(),
            None => panic!("there is no {node:?}"),
        }
    }

    /// Connects a client to the first node, over a [`Link`] of its own.
    ///
    /// # Panics
    ///
    /// When it is refused.
    pub async fn connect(&self) -> TestClient<P> {
        self.connect_to(Node::FIRST).await
    }

    /// Connects a client to a node.
    ///
    /// # Panics
    ///
    /// When it is refused, or it is a node of another kit.
    pub async fn connect_to(&self, node: Node) -> TestClient<P> {
        match self.connect_with(node, |builder| builder).await {
            Ok(client) => client,
            Err(error) => panic!("a client could not connect: {error}\n  {}", self.trace.end(20)),
        }
    }

    /// Connects a client to a node, with what `prepare` adds: handlers, a token, limits.
    ///
    /// The limits begin with [`Limits::received`] of 4,096, and else as those of any client.
    ///
    /// # Errors
    ///
    /// As [`ClientBuilder::connect`].
    ///
    /// # Panics
    ///
    /// When it is a node of another kit.
    pub async fn connect_with<St: Send + Sync + 'static, Slots>(
        &self,
        node: Node,
        prepare: impl FnOnce(ClientBuilder<P>) -> ClientBuilder<P, St, Slots>,
    ) -> Result<TestClient<P>, ConnectError> {
        // Whether there is such a node.
        self.service(node);
        let link = self.link(node);
        let path = Path { nodes: self.nodes.clone(), link: link.clone() };
        let builder = ClientBuilder::new(Ok(To::Pipe(Arc::new(path), http::Uri::from_static("/"))));
        let limits = Limits::default().frame(16 * 1024 * 1024).received(RECEIVED);
        let client = prepare(builder.limits(limits)).connect().await?;
        Ok(TestClient::new(client, link))
    }

    fn link(&self, node: Node) -> Link {
        let mut links = lock(&self.links);
        let link = Link::new(links.len() as u64 + 1, self.seed, self.trace.clone(), node);
        links.push(link.clone());
        link
    }

    /// Lets so much time pass, and all happen that happens in it.
    ///
    /// The clock also goes on by itself whenever everybody waits for it.
    pub async fn advance(&self, time: Duration) {
        sleep(time).await;
    }

    /// Makes so many changes to links, drawn from the seed and up to two seconds apart, as
    /// [`Link::random`] does; then [calms](Link::calm) all.
    ///
    /// What a test wants to happen meanwhile runs in tasks of its own.
    pub async fn chaos(&self, steps: usize) {
        for _ in 0..steps {
            let links = lock(&self.links).clone();
            let link = links.get(self.draws.below(links.len() as u64) as usize);
            link.into_iter().for_each(Link::random);
            self.advance(self.draws.millis(APART)).await;
        }
        lock(&self.links).iter().for_each(Link::calm);
    }

    /// What passed the links until now, in lines: the seconds since the kit was made, the number of the
    /// link, and a connection that was opened or refused, a change of the link, or a frame when its receiver
    /// has read it whole, `>` from the client and `<` from the server.
    ///
    /// It is the same text for the same test and seed: frames are shown without their masks, and secrets of
    /// sessions as `TOKEN1`, `TOKEN2`. Beyond 100,000 lines they are counted; of a longer frame the first
    /// 4 KiB are shown.
    pub fn trace(&self) -> String {
        self.trace.text()
    }
}

/// Whether time stands still.
fn is_paused() -> bool {
    let (clock, real) = (Instant::now(), std::time::Instant::now());
    while real.elapsed().is_zero() {
        hint::spin_loop();
    }
    clock == Instant::now()
}

/// How the client of a link gets to its node.
struct Path<P: Protocol> {
    nodes: Nodes<P>,
    link: Link,
}

impl<P: Protocol> Pipe for Path<P> {
    fn open(&self, request: http::Request<()>) -> io::Result<Box<dyn Stream>> {
        let refused = || io::Error::from(ErrorKind::ConnectionRefused);
        let node = self.link.node();
        let Some(service) = lock(&self.nodes).get(node.0).cloned() else {
            self.link.0.note(format_args!("finds no node {}", node.0));
            return Err(refused());
        };
        let (near, far, is_heard) = self.link.open(&request).ok_or_else(refused)?;
        let delay = self.link.0.terms().delay;
        if is_heard {
            tokio::spawn(async move {
                if !delay.is_zero() {
                    sleep(delay).await;
                }
                if !far.is_cut() {
                    service.upgraded(far, request).await;
                }
            });
        }
        Ok(Box::new(near))
    }

    fn jitter(&self) -> f64 {
        self.link.jitter()
    }

    fn is_alone(&self) -> bool {
        true
    }
}

impl<P: Protocol> fmt::Debug for Kit<P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Kit").field("seed", &self.seed).finish_non_exhaustive()
    }
}
