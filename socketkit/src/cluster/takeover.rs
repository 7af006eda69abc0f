//! A client that comes to another node than its session is on: the session comes as well.

use super::{
    arrivals::ask_for,
    asks::What,
    channel::Channel,
    forward::Joined,
    message::Record,
    moving::{NoSession, Pass, SessionState},
    shared::Shared,
};
use crate::{
    Disconnect, Handshake, NodeId, Protocol, Service,
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
use tokio::time::{Instant, sleep, timeout};

/// How long a client waits for each answer of the node that has its session; for all of them, for as long as a
/// handshake may take. Then it is given another.
const PATIENCE: Duration = Duration::from_secs(1);

/// How long before it is looked for again where it is about to be.
const MOMENT: Duration = Duration::from_millis(5);

impl<P: Protocol> Service<P> {
    /// Has the session of a ticket come if another node has it, and goes on with it over a connection; or begins
    /// another.
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
            let found = service.find(&mut successor, &ticket, owner, identity);
            let patience = service.limits().handshake;
            match timeout(patience, found).await.unwrap_or(Err(NoSession::Unknown)) {
                Ok(Found::Here(peer)) => service.follow(&peer, successor, &ticket),
                Ok(Found::Come(life)) => {
                    service.follow(&life.peer().clone(), successor, &ticket);
                    life.start();
                }
                Err(NoSession::Superseded) => {
                    successor.refuse(crate::CloseCode::SUPERSEDED.into());
                }
                Err(why) => successor.begin(why.gap()),
            }
        });
    }

    /// Which node to ask first for the session of a ticket, if another may have it.
    pub(crate) fn elsewhere(&self, ticket: &Ticket) -> Option<NodeId> {
        let Joined { shared, .. } = self.hub().cluster.get()?;
        let token = ticket.token()?;
        let owner = match token.owner == shared.node {
            // It may be on its way back.
            true if shared.arrivals.expects(token.id) => token.owner,
            true => shared.departures.find(token.id)?,
            false => token.owner,
        };
        shared.is_connected().then_some(owner)
    }

    /// Has the node that has a session end it.
    pub(crate) fn expel_elsewhere(&self, ticket: &Ticket, refusal: &Disconnect) {
        let pass = self.elsewhere(ticket).zip(Pass::new(ticket, None));
        if let (Some((owner, pass)), Some(joined)) = (pass, self.hub().cluster.get()) {
            let (code, reason) = (refusal.code.0, refusal.reason.clone());
            joined.shared.say(Channel::Node(owner), Record::Expel { pass, code, reason }, None);
        }
    }

    /// Finds a session, wherever it goes meanwhile: others may ask for it as well.
    async fn find(
        &self,
        successor: &mut Successor,
        ticket: &Ticket,
        mut owner: NodeId,
        identity: Option<Box<RawValue>>,
    ) -> Result<Found, NoSession> {
        let hub = self.hub();
        let Some(Joined { shared, .. }) = hub.cluster.get() else { return Err(NoSession::Unknown) };
        let pass = Pass::new(ticket, identity).ok_or(NoSession::Unknown)?;
        loop {
            if let Some(peer) = hub.peer(pass.id) {
                let owner = peer.seat().owner();
                let is_ours = owner.is_named(pass.identity.as_deref()) && peer.seat().is_of(ticket);
                return if is_ours { Ok(Found::Here(peer)) } else { Err(NoSession::Unknown) };
            }
            let is_expected = shared.arrivals.expects(pass.id);
            if owner == shared.node || is_expected {
                sleep(MOMENT).await;
                owner = match shared.departures.find(pass.id) {
                    Some(to) => to,
                    // It came, and has ended.
                    None if !is_expected && hub.peer(pass.id).is_none() => {
                        return Err(NoSession::Unknown);
                    }
                    None => owner,
                };
                continue;
            }
            if !lock(&shared.others).ids.contains(&owner) {
                return Err(NoSession::Unknown);
            }
            let handshake = successor.entry.handshake.clone();
            // Let in without a place where the session was here, it needs one by now.
            successor.permit = successor.permit.take().or_else(|| self.place(&handshake));
            if successor.permit.is_none() {
                return Err(NoSession::Unknown);
            }
            match self.come(shared, owner, &pass, handshake).await {
                Ok((peer, received)) => {
                    let session = successor.admitted.session.clone();
                    let permit = successor.permit.take();
                    let app = self.authorizer().open(session, peer.clone(), permit);
                    let conversation = Conversation::moved(peer, app, Tally::of(received));
                    return Ok(Found::Come(Box::new(Life::waiting(conversation))));
                }
                Err(NoSession::Moved(to)) => owner = to,
                Err(NoSession::Coming) => sleep(MOMENT).await,
                Err(why) => return Err(why),
            }
        }
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
        let offer = async {
            loop {
                match asking.answers.recv().await.map(|said| (said.node, said.what)) {
                    Some((_, What::Offer(rooms))) => return Ok(rooms),
                    Some((_, What::NoSession(why))) => return Err(why),
                    Some((node, What::Gone)) if node == owner => return Err(NoSession::Unknown),
                    Some(_) => {}
                    None => return Err(NoSession::Unknown),
                }
            }
        };
        let rooms = timeout(PATIENCE, offer).await.unwrap_or(Err(NoSession::Unknown))?;
        let terms = self.terms().clone();
        let rooms = rooms.iter().map(|room| Channel::of_room(room.get())).collect();
        let make =
            Box::new(move |state: &SessionState, bytes| peer(state, bytes, terms, handshake));
        let mut arriving = shared.expect((pass.id, asking.id), rooms, make)?;
        let _ = timeout(PATIENCE, arriving.listens()).await;
        ask_for(shared, owner, asking.id, pass, true);
        let moved = async {
            loop {
                tokio::select! {
                    biased;
                    come = &mut arriving.come => {
                        let arrived = come.map_err(|_| NoSession::Unknown)?;
                        return Ok(arrived.keep(shared));
                    }
                    said = asking.answers.recv() => match said.map(|said| (said.node, said.what)) {
                        Some((_, What::NoSession(why))) => return Err(why),
                        Some((node, What::Gone)) if node == owner => return Err(NoSession::Unknown),
                        Some(_) => {}
                        None => return Err(NoSession::Unknown),
                    },
                }
            }
        };
        timeout(PATIENCE, moved).await.unwrap_or(Err(NoSession::Unknown))
    }
}

/// Where a session is.
enum Found {
    /// On this node, since somebody else had it come.
    Here(Arc<Peer>),
    /// It has just come.
    Come(Box<Life>),
}

/// The peer of a session as another node describes it.
pub(super) fn peer(
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
