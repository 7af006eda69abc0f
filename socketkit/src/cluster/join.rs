//! A server joins its cluster.

use super::{
    codec::Codec,
    forward::Joined,
    run,
    settings::ClusterOptions,
    shared::{Role, Shared},
    status::{ClusterError, ClusterStatus},
};
use crate::{Io, Limits, NodeId, Protocol, Server, Service, hub::Hub};
use serde::{Serialize, de::DeserializeOwned};
use std::{any::type_name, sync::Arc};
use tokio::{runtime::Handle, sync::watch};

/// An engine, and how rooms are named to other nodes.
pub(crate) struct Joining<R> {
    options: ClusterOptions,
    codec: Codec<R>,
    role: Role,
}

impl<P, St, Se, Slots> Server<P, St, Se, Slots>
where
    P: Protocol<Room: Serialize + DeserializeOwned>,
    St: Send + Sync + 'static,
    Se: Send + Sync + 'static,
{
    /// Makes the server a node of a cluster: of all servers that name the same engine, whatever process or machine
    /// they run in, and whichever of them a client comes to.
    ///
    /// What is emitted, joined, left, closed and called through [`Io`], [`Target`](crate::Target) and
    /// [`Socket`](crate::Socket) then reaches the sockets of all nodes, and handlers stay as they are. Servers of
    /// protocols of one name are one cluster, unless they are given another name.
    ///
    /// Rooms are named as JSON between nodes, so that their type has to be `Serialize` and `Deserialize`. The engine is
    /// connected to when the server listens, which fails if it cannot be reached; where the service is embedded, when
    /// it is built or a socket comes: see [`Service::joined`].
    ///
    /// ```no_run
    /// # #[cfg(all(feature = "macros", feature = "nats", feature = "http"))]
    /// # mod example {
    /// # use socketkit::{NoEvents, Protocol, Server, nats};
    /// # #[derive(Protocol)]
    /// # #[protocol(client = NoEvents, server = NoEvents, room = String)]
    /// # pub struct Chat;
    /// # pub async fn run() -> std::io::Result<()> {
    /// Server::<Chat>::new()
    ///     .cluster(nats::connect("nats://127.0.0.1:4222"))
    ///     .listen("127.0.0.1:3000")
    ///     .await
    /// # }
    /// # }
    /// ```
    pub fn cluster(mut self, engine: impl Into<ClusterOptions>) -> Self {
        let joining = Joining::new(engine.into(), Codec::new(), Role::Server);
        self.settings.cluster = Some(joining);
        self
    }
}

impl<R> Joining<R> {
    pub(crate) fn new(options: ClusterOptions, codec: Codec<R>, role: Role) -> Self {
        Self { options, codec, role }
    }

    /// Joins with a hub, whose server is built.
    pub(crate) fn join<P: Protocol<Room = R>>(self, hub: &Arc<Hub<P>>, limits: &Limits) {
        let Self { options, codec, role } = self;
        let name = options.name.clone();
        let name = name.unwrap_or_else(|| name_of::<P>());
        let (limits, flusher) = (limits.clone(), hub.flusher.clone());
        let shared = Arc::new(Shared::new(options, name, role, limits, flusher));
        let _ = hub.cluster.set(Joined { shared, codec });
        if let Ok(runtime) = Handle::try_current() {
            run::start(hub, &runtime);
        }
    }
}

/// The name of a protocol, in letters of a channel.
fn name_of<P>() -> String {
    let whole = type_name::<P>();
    let plain = whole.split('<').next().unwrap_or(whole);
    let last = plain.rsplit("::").next().unwrap_or(plain);
    last.chars().filter(|letter| letter.is_ascii_alphanumeric() || *letter == '_').collect()
}

impl<P: Protocol> Service<P> {
    /// Waits until the node has joined its cluster; at once without one, and where
    /// `standalone_until_connected` was asked for.
    ///
    /// For hosts that embed the service, to end with an error rather than refuse everybody: until the engine was
    /// reached for the first time, sockets are refused with 503 or 1013. A listener of this crate waits by itself.
    ///
    /// # Errors
    ///
    /// When an attempt to reach the engine has failed, since none has succeeded. Others follow, at intervals of up to
    /// 1 s.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future has no effect.
    ///
    /// # Panics
    ///
    /// Outside of a tokio runtime.
    pub async fn joined(&self) -> Result<(), ClusterError> {
        joined(self.hub()).await
    }
}

/// See [`Service::joined`].
pub(crate) async fn joined<P: Protocol>(hub: &Arc<Hub<P>>) -> Result<(), ClusterError> {
    let Some(Joined { shared, .. }) = hub.cluster.get() else { return Ok(()) };
    run::start(hub, &Handle::current());
    let (mut status, mut failed) = (shared.status.subscribe(), shared.failed.subscribe());
    loop {
        if shared.is_standalone || *status.borrow_and_update() != ClusterStatus::Connecting {
            return Ok(());
        }
        if let Some(why) = failed.borrow_and_update().clone() {
            return Err(shared.unreachable(why));
        }
        // Both senders live as long as the hub does.
        tokio::select! {
            _ = status.changed() => {}
            _ = failed.changed() => {}
        }
    }
}

impl<P: Protocol> Io<P> {
    /// How this node stands to its engine, now and whenever that changes.
    pub fn cluster(&self) -> watch::Receiver<ClusterStatus> {
        match self.hub.cluster.get() {
            Some(joined) => joined.shared.status.subscribe(),
            None => watch::channel(ClusterStatus::Alone).1,
        }
    }

    /// Which node of its cluster this is: zero without one.
    pub fn node(&self) -> NodeId {
        self.hub.node()
    }

    /// The other nodes that are known to be there, in no order: each says so every second, and is gone when it has not
    /// for 3.5 s.
    pub fn nodes(&self) -> Vec<NodeId> {
        self.hub.others()
    }
}
