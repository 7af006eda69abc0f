//! A service that stops: nobody is let in, what is at work is finished, everybody is sent away.

use crate::{Limits, Protocol, Service, deadline::within, stagger::Stagger};
use std::{sync::Arc, time::Duration};

impl Limits {
    /// How long the sockets of a server that stops may take to go.
    pub(crate) fn drain(&self) -> Duration {
        // Handlers have their grace, `on_disconnect` again, and both halves of the farewell their time.
        2 * (self.grace + self.handshake)
    }
}

impl<P: Protocol> Service<P> {
    /// Sends every socket away and takes no more; ready when all are gone.
    ///
    /// Each socket is closed with 1012 ([`CloseCode::RESTART`](crate::CloseCode::RESTART)) and a time of its
    /// own at which its client may come back, `retry N`: see [`Limits::drain_batch`]. Before that comes
    /// what was emitted to it until now, the handler at work and those of events that had come in have
    /// [`Limits::grace`], and what they reply and emit to their own socket goes out. Broadcasts reach
    /// nobody any more. Events that come later are not handled: a call among them ends as lost.
    /// `on_disconnect` runs for all. Clients that come now are refused in the same way, or with 503 and
    /// `Retry-After` if they did not offer our subprotocol.
    ///
    /// It ends after `2 * (Limits::grace + Limits::handshake)` at the latest, 30 s by default, also where
    /// a handler holds its thread or a runtime stands still: their sockets are then left as they are.
    ///
    /// For hosts that stop by themselves; a listener of this crate does it: see `Serve::until`.
    ///
    /// # Cancel safety
    ///
    /// Dropped after its first poll, the sockets are closed all the same.
    pub async fn shutdown(&self) {
        self.refuse_all(Arc::new(Stagger::new(self.limits())));
        self.drain().await;
    }

    /// Lets nobody in from now on.
    pub(crate) fn refuse_all(&self, stagger: Arc<Stagger>) {
        self.io().hub.stopping.refuse(stagger);
    }

    /// Closes the sockets, and waits until they are gone.
    pub(crate) async fn drain(&self) {
        let (hub, limits) = (self.io().hub, self.limits());
        hub.stopping.begin(limits.grace);
        // Whoever is let in later finds that it has begun. Not under a lock: wakers are told.
        hub.everybody().iter().for_each(|peer| peer.queue().wake());
        if within(limits.drain(), hub.emptied()).await.is_none() {
            tracing::warn!(sockets = hub.everybody().len(), "not all sockets went in time");
        }
        hub.leave_cluster();
    }

    /// Closes the sockets that are still there, whatever is at work.
    #[cfg(feature = "http")]
    pub(crate) fn abort(&self) {
        let hub = self.io().hub;
        for peer in hub.everybody() {
            hub.stopping.farewell().into_iter().for_each(|disconnect| peer.close(disconnect));
        }
    }
}
