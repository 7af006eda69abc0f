//! A client that comes to another node than its session is on: the session comes as well.

use super::{
    arrivals::ask_for,
    asks::What,
    channel::Channel,
    forward::Joined,
    moving::{NoSession, Pass, SessionState},
    shared::Shared,
};
use crate::{
    Handshake, NodeId, Protocol, Service,
    calls::Calls,
    conversation::Conversation,
    counters::Terms,
    entry::Successor,
    life::Life,
    outbox::Queue,
    peer::{Peer, lock},
    seat::Seat,
    session::Tally,
    ticket::{Secret, Ticket},
};
use bytes::Bytes;
use serde_json::value::RawValue;
use std::{sync::Arc, time::Duration};
use tokio::time::{Instant, timeout};

/// How long a client waits for its session. Then it is given another.
const PATIENCE: Duration = Duration::from_secs(1);

/// How often a session may have moved on when it is asked for.
const MOVES: usize = 3;

impl<P: Protocol> Service<P> {
    /// The node that has a session, if another has it, and can be asked.
    pub(crate) fn elsewhere(&self, ticket: &Ticket) -> Option<NodeId> {
        let Joined { shared, .. } = self.hub().cluster.get()?;
        let owner = ticket.token()?.owner;
        let is_known = || lock(&shared.others).ids.contains(&owner);
        (owner != shared.node && shared.is_connected() && is_known()).then_some(owner)
    }

    /// Has a session come, and goes on with it over a connection; or begins another.
    pub(crate) fn fetch(
        &self,
        successor: Successor,
        ticket: Ticket,
        owner: NodeId,
        identity: Option<Box<RawValue>>,
    ) {
        let service = self.clone();
        tokio::spawn(async move {
            let mut successor = successor;
            match service.take_over(&mut successor, &ticket, owner, identity).await {
                Ok(life) => {
                    let peer = life.peer().clone();
                    let mut seat = peer.seat();
                    // It is the first that comes for it here.
                    let refused = seat.claim(&ticket, Box::new(successor));
                    peer.queue().hold();
                    drop(seat);
                    drop(refused);
                    life.start();
                }
                Err(NoSession::Superseded) => {
                    successor.refuse(crate::CloseCode::SUPERSEDED.into());
                }
                Err(why) => successor.begin(why.gap()),
            }
        });
    }

    async fn take_over(
        &self,
        successor: &mut Successor,
        ticket: &Ticket,
        mut owner: NodeId,
        identity: Option<Box<RawValue>>,
    ) -> Result<Life, NoSession> {
        let hub = self.hub();
        let Some(Joined { shared, .. }) = hub.cluster.get() else { return Err(NoSession::Unknown) };
        let pass = Pass::new(ticket, identity).ok_or(NoSession::Unknown)?;
        for _ in 0..MOVES {
            let handshake = successor.entry.handshake.clone();
            let came = timeout(PATIENCE, self.come(shared, owner, &pass, handshake)).await;
            match came.unwrap_or(Err(NoSession::Unknown)) {
                Ok((peer, received)) => {
                    let session = successor.admitted.session.clone();
                    let permit = successor.permit.take();
                    let app = self.authorizer().open(session, peer.clone(), permit);
                    let conversation = Conversation::moved(peer, app, Tally::of(received));
                    return Ok(Life::waiting(conversation));
                }
                Err(NoSession::Moved(to)) if to != shared.node => owner = to,
                Err(why) => return Err(why),
            }
        }
        Err(NoSession::Unknown)
    }

    /// Has a session come: the peer, and how many frames of its client were processed.
    async fn come(
        &self,
        shared: &Arc<Shared>,
        owner: NodeId,
        pass: &Pass,
        handshake: Handshake,
    ) -> Result<(Arc<Peer>, u64), NoSession> {
        let mut asking = shared.ask(None);
        ask_for(shared, owner, asking.id, pass, false);
        let rooms = loop {
            match asking.answers.recv().await.map(|said| (said.node, said.what)) {
                Some((_, What::Offer(rooms))) => break rooms,
                Some((_, What::NoSession(why))) => return Err(why),
                Some((node, What::Gone)) if node == owner => return Err(NoSession::Unknown),
                Some(_) => {}
                None => return Err(NoSession::Unknown),
            }
        };
        let terms = self.terms().clone();
        let rooms = rooms.iter().map(|room| Channel::of_room(room.get())).collect();
        let make =
            Box::new(move |state: &SessionState, bytes| peer(state, bytes, terms, handshake));
        let mut arriving = shared.expect((pass.id, asking.id), rooms, make);
        arriving.listens().await;
        ask_for(shared, owner, asking.id, pass, true);
        loop {
            tokio::select! {
                biased;
                come = &mut arriving.come => return come.map_err(|_| NoSession::Unknown),
                said = asking.answers.recv() => match said.map(|said| (said.node, said.what)) {
                    Some((_, What::NoSession(why))) => return Err(why),
                    Some((node, What::Gone)) if node == owner => return Err(NoSession::Unknown),
                    Some(_) => {}
                    None => return Err(NoSession::Unknown),
                },
            }
        }
    }
}

/// The peer of a session as another node describes it.
fn peer(
    state: &SessionState,
    bytes: Bytes,
    terms: Arc<Terms>,
    handshake: Handshake,
) -> Option<Arc<Peer>> {
    let queue = Queue::unpack(state.queue(bytes)?, Instant::now());
    let seat = Seat::moved(Secret::read(&state.secret)?, state.identity.clone());
    let calls = Calls::after(state.call);
    Some(Arc::new(Peer::moved(state.id, terms, handshake, (queue, seat, calls))))
}
