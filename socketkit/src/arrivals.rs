//! Connections of a listener that are no sockets yet, and how many there may be.

use crate::{
    Limits,
    admission::{Admission, Permit},
    bind::accept,
    health::Phase,
    life::Life,
    site::Site,
};
use std::{
    net::SocketAddr,
    sync::{Arc, Weak},
    time::Duration,
};
use tokio::{
    net::{TcpListener, TcpStream},
    sync::{OwnedSemaphorePermit, Semaphore, watch},
    time::timeout,
};

/// See the module.
#[derive(Clone)]
pub(crate) struct Arrivals {
    site: Site,
    limits: Arc<Limits>,
    admission: Arc<Admission>,
    places: Arc<Semaphore>,
    phase: watch::Receiver<Phase>,
}

impl Arrivals {
    /// What HTTP still answers ends with the sender of `phase`.
    pub(crate) fn new(site: Site, limits: Arc<Limits>, phase: watch::Receiver<Phase>) -> Self {
        let admission = Arc::new(Admission::new(usize::MAX, limits.handshakes_per_address));
        let places = Arc::new(Semaphore::new(limits.handshakes.min(Semaphore::MAX_PERMITS)));
        Self { site, limits, admission, places, phase }
    }

    /// Takes connections while the listener is there.
    pub(crate) async fn accept(self, listener: Weak<TcpListener>) {
        let mut patience = self.limits.handshake;
        while let Some((stream, peer)) = accept(&listener).await {
            let Some(permit) = self.admission.enter(Some(peer.ip())) else { continue };
            // At once where there is one: whoever was accepted is not lost if this ends.
            if let Ok(place) = self.places.clone().try_acquire_owned() {
                patience = self.limits.handshake;
                self.serve(stream, peer, (permit, place));
                continue;
            }
            // In a storm all the others wait in the kernel; but not for places that are held on to.
            let place = timeout(patience, self.places.clone().acquire_owned()).await;
            patience = match place {
                Ok(Ok(place)) => {
                    self.serve(stream, peer, (permit, place));
                    self.limits.handshake
                }
                _ => Duration::ZERO,
            };
        }
    }

    /// Takes one at once, if there is a place.
    pub(crate) fn take(&self, stream: TcpStream, peer: SocketAddr) {
        let place = self.places.clone().try_acquire_owned().ok();
        if let Some(held) = self.admission.enter(Some(peer.ip())).zip(place) {
            self.serve(stream, peer, held);
        }
    }

    fn serve(&self, stream: TcpStream, peer: SocketAddr, held: (Permit, OwnedSemaphorePermit)) {
        let connection = self.site.clone().connection(stream, peer, self.limits.clone());
        let mut phase = self.phase.clone();
        let arrival = async move {
            let _held = held;
            let ended = async { while phase.changed().await.is_ok() {} };
            tokio::select! {
                life = connection => life,
                () = ended => None,
            }
        };
        tokio::spawn(Life::run(Box::pin(arrival)));
    }
}
