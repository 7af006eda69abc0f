//! A service that stops: nobody is let in, what is at work is finished, everybody is sent away.

use crate::{Disconnect, Limits, Protocol, Service, deadline::within, hub::Hub, stagger::Stagger};
use std::{sync::Arc, time::Duration};

impl Limits {
    /// How long the sockets of a server that stops may take to go.
    pub(crate) fn drain(&self) -> Duration {
        // Handlers have their grace, `on_disconnect` again, and both halves of the farewell their time.
        2 * (self.grace + self.handshake)
    }

    /// How long their sessions wait for another node: `on_disconnect` has its grace after that.
    fn kept(&self) -> Duration {
        self.drain() - self.grace
    }
}

impl<P: Protocol> Hub<P> {
    /// How whoever comes while the server stops is told to come back, if it does. It may have a session, which
    /// another node has or takes.
    pub(crate) fn refusal(&self) -> Option<Disconnect> {
        match self.has_others() && !self.stopping.is_silent() {
            true => self.stopping.parting(),
            false => self.stopping.farewell(),
        }
    }

    /// Has every session look what there is to do. Not under a lock: wakers are told.
    pub(crate) fn wake_all(&self) {
        self.everybody().iter().for_each(|peer| peer.queue().wake());
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
    /// Where there are other nodes of its cluster that do not stop as well, connections are closed with
    /// `retry N, resume` and sessions kept, those included whose clients are away: for
    /// `Limits::grace + 2 * Limits::handshake`, 20 s by default, or until their clients have come back to another
    /// node, which then has them. Meanwhile they hear what is emitted, `on_suspend` runs for them and not
    /// `on_disconnect`, and it is over when all have gone. A session whose handlers are not done within
    /// [`Limits::grace`] ends, and so does one that cannot resume.
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
        let hub = self.io().hub;
        hub.stopping.refuse(stagger);
        hub.announce_stop();
    }

    /// Closes the sockets, and waits until they are gone.
    pub(crate) async fn drain(&self) {
        let (hub, limits) = (self.io().hub, self.limits());
        hub.stopping.begin(limits.grace, hub.reaches_others().then(|| limits.kept()));
        // Whoever is let in later finds that it has begun.
        hub.wake_all();
        let leaving = async {
            hub.emptied().await;
            hub.handed_over().await;
            hub.leave_cluster();
            hub.left_cluster().await;
        };
        if within(limits.drain(), leaving).await.is_none() {
            tracing::warn!(sockets = hub.everybody().len(), "not all sockets went in time");
            hub.leave_cluster();
        }
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
