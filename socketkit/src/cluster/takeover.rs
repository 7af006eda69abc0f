//! A client that comes to another node than its session is on: the session comes as well.

use super::{
    arrivals::ask_for,
    asks::What,
    channel::Channel,
    forward::{Joined, Scope},
    message::Record,
    moving::{Former, NoSession, Pass, SessionState},
    shared::Shared,
};
use crate::{
    ClusterStatus, Disconnect, Handshake, NodeId, Protocol, Service,
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
use std::{pin::pin, sync::Arc, time::Duration};
use tokio::{
    sync::watch,
    time::{Instant, sleep, timeout},
};

/// How long a client waits for each answer of the node that has its session; with a log, for as long as a handshake
/// may take where that node may only be late. Then its session is looked for in the log, or it is given another.
const PATIENCE: Duration = Duration::from_secs(1);

/// How late a node may say that it is there.
const LATE: Duration = Duration::from_millis(250);

/// How long before it is looked for again where it is about to be: twice as long each time, up to the last.
const MOMENTS: (Duration, Duration) = (Duration::from_millis(5), Duration::from_millis(100));

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
            let is_durable = service.hub().is_durable(Scope::Everywhere);
            let limits = service.limits();
            // What is kept may be much. It comes, and waits for its client, whatever becomes of this connection.
            let patience = if is_durable { limits.resume } else { limits.handshake };
            let found = tokio::select! {
                found = timeout(patience, found) => found.unwrap_or(Err(NoSession::Unknown)),
                () = service.is_over() => Err(NoSession::Unknown),
            };
            match found {
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

    /// Waits until nothing comes of other nodes any more.
    async fn is_over(&self) {
        let over = self.hub().cluster.get().and_then(|joined| joined.shared.over.get().cloned());
        match over {
            Some(mut over) => drop(over.changed().await),
            None => std::future::pending().await,
        }
    }

    /// Which node to ask first for the session of a ticket, if another may have it.
    pub(crate) fn elsewhere(&self, ticket: &Ticket) -> Option<NodeId> {
        let Joined { shared, .. } = self.hub().cluster.get()?;
        let token = ticket.token()?;
        let owner = match token.owner == shared.node {
            // It may be on its way back.
            true if shared.arrivals.expects(token.id) => token.owner,
            true => match shared.departures.find(token.id) {
                None if shared.durable.is_some() => token.owner,
                left => left?,
            },
            false => token.owner,
        };
        // What is kept is worth waiting for.
        (shared.is_connected() || shared.durable.is_some()).then_some(owner)
    }

    /// Whether a session that is here may not be any more: another node has taken it over, and its client knows.
    pub(crate) fn is_stale(&self, ticket: &Ticket) -> bool {
        let shared = self.hub().cluster.get().map(|joined| &joined.shared);
        let owner = ticket.token().map(|token| token.owner);
        shared.is_some_and(|shared| shared.durable.is_some() && owner != Some(shared.node))
    }

    /// Has the node that has a session end it.
    pub(crate) fn expel_elsewhere(&self, ticket: &Ticket, refusal: &Disconnect) {
        let pass = self.elsewhere(ticket).zip(Pass::new(ticket, None));
        if let (Some((owner, pass)), Some(joined)) = (pass, self.hub().cluster.get()) {
            let (code, reason) = (refusal.code.0, refusal.reason.clone());
            joined.shared.say(Channel::Node(owner), Record::Expel { pass, code, reason }, None);
        }
    }

    /// Finds a session, with its node or in what is kept.
    async fn find(
        &self,
        successor: &mut Successor,
        ticket: &Ticket,
        owner: NodeId,
        identity: Option<Box<RawValue>>,
    ) -> Result<Found, NoSession> {
        let pass = Pass::new(ticket, identity).ok_or(NoSession::Unknown)?;
        let begun = Instant::now().into();
        let mut way = Way { owner, is_written: false, asked: None, went: None, moment: MOMENTS.0 };
        loop {
            let missed = match self.find_with(successor, ticket, &mut way, &pass).await {
                // What its node does not keep may be in the log.
                Err(missed @ (NoSession::Unknown | NoSession::Overflow)) => missed,
                found => return found,
            };
            match self.recover(successor, ticket, &pass, (way.asked, begun)).await {
                Err(NoSession::Unknown) => return Err(missed),
                Err(NoSession::Moved(to)) => (way.owner, way.is_written) = (to, true),
                Err(NoSession::Coming) => way.wait().await,
                recovered => return recovered,
            }
        }
    }

    /// Finds a session, wherever it goes meanwhile: others may ask for it as well.
    async fn find_with(
        &self,
        successor: &mut Successor,
        ticket: &Ticket,
        way: &mut Way,
        pass: &Pass,
    ) -> Result<Found, NoSession> {
        let hub = self.hub();
        let Some(Joined { shared, .. }) = hub.cluster.get() else { return Err(NoSession::Unknown) };
        loop {
            if let Some(peer) = hub.peer(pass.id) {
                let of = peer.seat().owner();
                let is_ours = of.is_named(pass.identity.as_deref()) && peer.seat().is_of(ticket);
                if is_ours {
                    return Ok(Found::Here(peer));
                } else if way.owner == shared.node || !self.is_stale(ticket) {
                    return Err(NoSession::Unknown);
                }
            }
            let is_expected = shared.arrivals.expects(pass.id);
            if way.owner == shared.node || is_expected {
                way.wait().await;
                way.owner = match shared.departures.find(pass.id) {
                    Some(to) => to,
                    // It came, and has ended.
                    None if !is_expected && hub.peer(pass.id).is_none() => {
                        return Err(NoSession::Unknown);
                    }
                    None => way.owner,
                };
                continue;
            }
            if !way.is_written && !lock(&shared.others).nodes.contains_key(&way.owner) {
                return Err(NoSession::Unknown);
            }
            let handshake = successor.entry.handshake.clone();
            self.take_place(successor)?;
            match self.come(shared, way, pass, handshake).await {
                Ok((peer, received)) => return Ok(self.come_to(successor, peer, received)),
                Err(NoSession::Moved(to)) => way.owner = to,
                Err(NoSession::Coming) => way.wait().await,
                // By this very attempt, of which its node is not done yet.
                Err(NoSession::Superseded) if way.is_under_way(shared) => way.wait().await,
                Err(why) => return Err(why),
            }
        }
    }

    /// Who was let in without a place where the session was here, needs one by now.
    pub(super) fn take_place(&self, successor: &mut Successor) -> Result<(), NoSession> {
        let permit = successor.permit.take().or_else(|| self.place(&successor.entry.handshake));
        successor.permit = permit;
        if successor.permit.is_some() { Ok(()) } else { Err(NoSession::Unknown) }
    }

    /// The life of a session that has come here, and of which so many frames of its client were processed.
    pub(super) fn come_to(
        &self,
        successor: &mut Successor,
        peer: Arc<Peer>,
        received: u64,
    ) -> Found {
        let (session, permit) = (successor.admitted.session.clone(), successor.permit.take());
        let app = self.authorizer().open(session, peer.clone(), permit);
        let conversation = Conversation::moved(peer, app, Tally::of(received));
        Found::Come(Box::new(Life::waiting(conversation)))
    }

    /// Has a session come: the peer, and how many frames of its client were processed.
    async fn come(
        &self,
        shared: &Arc<Shared>,
        way: &mut Way,
        pass: &Pass,
        handshake: Handshake,
    ) -> Result<(Arc<Peer>, u64), NoSession> {
        let owner = way.owner;
        let (mut asking, mut status) = (shared.ask(None), shared.status.subscribe());
        let unsaid = if shared.durable.is_some() { NoSession::Coming } else { NoSession::Unknown };
        if !ask_for(shared, owner, asking.id, pass, false) {
            return Err(unsaid);
        }
        way.asked = Some(owner);
        // What was asked may be lost.
        let ask = asking.id;
        let again = || {
            ask_for(shared, owner, ask, pass, false);
        };
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
        let rooms = in_time(shared, (owner, &mut status), again, offer).await?;
        let terms = self.terms().clone();
        let rooms = rooms.iter().map(|room| Channel::of_room(room.get())).collect();
        let make =
            Box::new(move |state: &SessionState, bytes| peer(state, bytes, terms, handshake));
        let mut arriving = shared.expect((pass.id, asking.id), rooms, make)?;
        let _ = timeout(PATIENCE, arriving.listens()).await;
        if !ask_for(shared, owner, asking.id, pass, true) {
            return Err(unsaid);
        }
        way.went = Some((owner, Instant::now()));
        let mut is_refused = false;
        let moved = async {
            loop {
                tokio::select! {
                    biased;
                    come = &mut arriving.come => {
                        let arrived = come.map_err(|_| NoSession::Unknown)?;
                        return Ok(arrived.keep(shared));
                    }
                    said = asking.answers.recv() => match said.map(|said| (said.node, said.what)) {
                        Some((_, What::NoSession(why))) => {
                            is_refused = true;
                            return Err(why);
                        }
                        Some((node, What::Gone)) if node == owner => return Err(NoSession::Unknown),
                        Some(_) => {}
                        None => return Err(NoSession::Unknown),
                    },
                }
            }
        };
        let moved = in_time(shared, (owner, &mut status), || {}, moved).await;
        if is_refused {
            // As somebody else came later, or it is not there.
            way.went = None;
        }
        moved
    }
}

/// The way to a session.
struct Way {
    /// Who may have it.
    owner: NodeId,
    /// That is written down: it may not be known here yet.
    is_written: bool,
    /// Who was asked last.
    asked: Option<NodeId>,
    /// Who was to let it go last, and when.
    went: Option<(NodeId, Instant)>,
    /// How long before it is looked for again.
    moment: Duration,
}

impl Way {
    /// Whether its owner may not have let it go yet, was told to, and has not refused.
    fn is_under_way(&self, shared: &Shared) -> bool {
        let longest = shared.limits.handshake * 2;
        let is_it = |(node, at): (NodeId, Instant)| node == self.owner && at.elapsed() < longest;
        shared.durable.is_some() && self.went.is_some_and(is_it)
    }

    async fn wait(&mut self) {
        sleep(self.moment).await;
        self.moment = (self.moment * 2).min(MOMENTS.1);
    }
}

/// What a node answers, if it does in time. With a log, that is for as long as a handshake may take where it has just said
/// that it is there: it may only be late, and nobody is to take its session from it. What is under way when the
/// connection is lost does not come.
async fn in_time<T>(
    shared: &Shared,
    (node, status): (NodeId, &mut watch::Receiver<ClusterStatus>),
    again: impl Fn(),
    answer: impl Future<Output = Result<T, NoSession>>,
) -> Result<T, NoSession> {
    let (mut answer, begun) = (pin!(answer), Instant::now());
    let is_durable = shared.durable.is_some();
    loop {
        let since = Instant::now();
        tokio::select! {
            biased;
            answer = &mut answer => return answer,
            _ = status.changed(), if is_durable => return Err(NoSession::Coming),
            () = sleep(PATIENCE) => {}
        }
        let heard = lock(&shared.others).nodes.get(&node).copied();
        let is_there = heard.is_some_and(|heard| Instant::from(heard) + LATE > since);
        if !is_durable || !is_there || begun.elapsed() >= shared.limits.handshake {
            return Err(NoSession::Unknown);
        }
        again();
    }
}

/// Where a session is.
pub(super) enum Found {
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
    let former = state.former.as_ref().and_then(Former::read);
    let seat = Seat::moved(Secret::read(&state.secret)?, former, state.identity.clone());
    let calls = Calls::after(state.call);
    Some(Arc::new(Peer::moved(state.id, terms, handshake, (queue, seat, calls))))
}
