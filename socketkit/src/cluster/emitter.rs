//! An `Io` of a process that has no sockets.

use super::{ClusterError, ClusterOptions, codec::Codec, join::Joining, shared::Role};
use crate::{Io, Limits, Protocol, hub::Hub};
use serde::{Serialize, de::DeserializeOwned};
use std::{fmt, ops::Deref, sync::Arc, time::Duration};
use tokio::{
    sync::oneshot,
    time::{sleep, timeout},
};

/// Emits to the sockets of a cluster from a process that serves none: a job, another service.
///
/// It derefs to an [`Io`] of the same protocol, without sockets of its own. It is not counted among the nodes, and
/// while the engine is lost what it emits waits, as on a node: see [`Limits::forwarded`].
///
/// ```no_run
/// # #[cfg(all(feature = "macros", feature = "nats"))]
/// # mod example {
/// # use socketkit::{Emitter, Events, NoEvents, Protocol};
/// #[derive(Events)]
/// pub enum ServerEvent {
///     News(String),
/// }
/// # #[derive(Protocol)]
/// # #[protocol(client = NoEvents, server = ServerEvent, room = String)]
/// # pub struct Feed;
/// # pub async fn run() -> Result<(), socketkit::ClusterError> {
/// let emitter = Emitter::<Feed>::nats("nats://127.0.0.1:4222").await?;
/// emitter.to("sports").emit(ServerEvent::News("2:1".into()));
/// emitter.close().await
/// # }
/// # }
/// ```
pub struct Emitter<P: Protocol> {
    io: Io<P>,
}

impl<P: Protocol<Room: Serialize + DeserializeOwned>> Emitter<P> {
    /// Connects by NATS: see [`connect`](Self::connect) for one that needs more than a URL.
    ///
    /// # Errors
    ///
    /// When it cannot be reached.
    #[cfg(feature = "nats")]
    pub async fn nats(url: impl Into<String>) -> Result<Self, ClusterError> {
        Self::connect(super::nats::connect(url)).await
    }

    /// Connects by Redis: see [`connect`](Self::connect) for one that needs more than a URL.
    ///
    /// # Errors
    ///
    /// When it cannot be reached.
    #[cfg(feature = "redis")]
    pub async fn redis(url: impl Into<String>) -> Result<Self, ClusterError> {
        Self::connect(super::redis::connect(url)).await
    }

    /// Connects by an engine, named and configured as that of the servers.
    ///
    /// # Errors
    ///
    /// When it cannot be reached, unless it is told to be `standalone_until_connected`.
    ///
    /// # Panics
    ///
    /// Outside of a tokio runtime.
    pub async fn connect(engine: impl Into<ClusterOptions>) -> Result<Self, ClusterError> {
        let hub = Arc::new(Hub::new());
        let joining = Joining::new(engine.into(), Codec::new(), Role::Emitter);
        joining.join(&hub, &Limits::default().bounded());
        super::join::joined(&hub).await?;
        Ok(Self { io: Io::new(hub) })
    }
}

impl<P: Protocol> Emitter<P> {
    /// Waits until everything that was emitted by now is with the engine.
    ///
    /// # Errors
    ///
    /// When it is not within [`Limits::call`], 10 s.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future has no effect.
    pub async fn flush(&self) -> Result<(), ClusterError> {
        let Some(joined) = self.io.hub.cluster.get() else { return Ok(()) };
        let shared = &joined.shared;
        let flush = async {
            loop {
                let (probe, is_there) = oneshot::channel();
                shared.waiting.probe(probe);
                shared.outbound.wake.notify_one();
                let was_there = is_there.await == Ok(true);
                if was_there && shared.outbound.is_empty() {
                    return;
                }
                if !was_there {
                    sleep(Duration::from_millis(10)).await;
                }
            }
        };
        let flushed = timeout(shared.limits.call, flush).await;
        flushed.map_err(|_| shared.unreachable("it has not taken everything in time"))
    }

    /// Waits as [`flush`](Self::flush) does, and leaves the cluster: what a clone of its [`Io`] emits then is not
    /// forwarded.
    ///
    /// # Errors
    ///
    /// As there; it leaves all the same.
    pub async fn close(self) -> Result<(), ClusterError> {
        let flushed = self.flush().await;
        self.io.hub.leave_cluster();
        flushed
    }
}

impl<P: Protocol> Deref for Emitter<P> {
    type Target = Io<P>;

    fn deref(&self) -> &Io<P> {
        &self.io
    }
}

impl<P: Protocol> fmt::Debug for Emitter<P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Emitter").field("node", &self.io.node()).finish_non_exhaustive()
    }
}
