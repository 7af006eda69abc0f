//! Ends all sessions of somebody.

use crate::{CloseCode, Disconnect, Io, Protocol, hub::Hub, peer::Peer};
use serde::Serialize;
use std::sync::Arc;

impl<P: Protocol> Io<P> {
    /// Closes every socket of somebody with 4401, those that are away included, so that none of their sessions goes
    /// on: after a logout, a ban, a new password. How many were closed here.
    ///
    /// `identity` is what [`Server::identify`](crate::Server::identify) makes of them, of the same type; without it
    /// nobody is found. On all nodes of a cluster, which compare what it serialises to; those that are connected at
    /// this moment hear of it. Clients do not come back by themselves; whether they may is for
    /// [`authorize`](crate::Server::authorize) to decide.
    ///
    /// ```
    /// # use socketkit::{Io, Protocol};
    /// # fn run<P: Protocol>(io: &Io<P>) {
    /// let user = 7_u64;
    /// io.revoke(&user);
    /// # }
    /// ```
    pub fn revoke<I>(&self, identity: &I) -> usize
    where
        I: Eq + Serialize + Send + Sync + 'static,
    {
        self.hub.forward_revoke(identity, self.scope);
        self.hub.revoke(|peer| {
            let owner = peer.seat().owner();
            owner.is(Some(identity))
        })
    }
}

impl<P: Protocol> Hub<P> {
    /// Closes the sockets of which `is_meant` says so.
    pub(crate) fn revoke(&self, is_meant: impl Fn(&Arc<Peer>) -> bool) -> usize {
        let peers = self.everybody();
        let meant = peers.iter().filter(|peer| is_meant(peer));
        meant.map(|peer| peer.dismiss(Disconnect::new(CloseCode::UNAUTHORIZED, "revoked"))).count()
    }
}
