//! A session that another node asks for, as its own node lets it go.

use super::{
    channel::Channel,
    forward::{Joined, Scope},
    message::Record,
    moving::{Former, NoSession, Pass, SessionState},
    outbound::Item,
    shared::Shared,
};
use crate::{
    Disconnect, NodeId, Protocol, SocketId,
    frame::FrameBytes,
    hub::{Hub, LetGo},
    outbox::Packed,
    peer::{Peer, lock},
    seat::Newcomer,
};
use serde_json::value::RawValue;
use std::{
    collections::HashMap,
    pin::pin,
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};
use tokio::{
    sync::{Notify, oneshot},
    time::{sleep, timeout},
};

/// Sessions of which it is known where they went; beyond, whoever looks for one here is told that there is none.
const KNOWN: usize = 65_536;

/// How long a session waits to be let go, unless it is written down: whoever asked for it waits no longer.
const PATIENCE: Duration = Duration::from_secs(1);

/// For how long a session that was let go may be on its way, at least: with a log for longer than it is waited for.
const ON_ITS_WAY: Duration = Duration::from_secs(5);

/// Sessions that leave this node, and that have left it.
#[derive(Debug, Default)]
pub(crate) struct Departures {
    leaving: Mutex<Vec<Departure>>,
    /// Who is told that a session has arrived.
    on_their_way: Mutex<HashMap<SocketId, oneshot::Sender<()>>>,
    settled: Notify,
    left: Mutex<HashMap<SocketId, (NodeId, Instant)>>,
}

/// A session whose own task has let go of it, and of which so much was received.
#[derive(Debug)]
pub(crate) struct Departure {
    pub(crate) mover: Mover,
    pub(crate) peer: Arc<Peer>,
    pub(crate) received: u64,
    /// Whether it went.
    gone: oneshot::Sender<Result<(), NoSession>>,
}

/// Another node that takes over, as the task of the session knows it: in place of a connection.
#[derive(Debug, Clone)]
pub(crate) struct Mover {
    shared: Arc<Shared>,
    pub(crate) to: NodeId,
    pub(crate) ask: u64,
    pub(crate) seen: u64,
}

impl Mover {
    /// Lets a session go of which so much was received. Whether it went; where it did, `Err` when nobody says
    /// that it has arrived.
    pub(crate) async fn take(
        self,
        peer: Arc<Peer>,
        received: u64,
    ) -> Result<Result<(), Lost>, NoSession> {
        let (shared, to, id) = (self.shared.clone(), self.to, peer.id);
        let (arrived, has_arrived) = oneshot::channel();
        lock(&shared.departures.on_their_way).insert(id, arrived);
        let (gone, mut is_gone) = oneshot::channel();
        let departure = Departure { mover: self, peer: peer.clone(), received, gone };
        lock(&shared.departures.leaving).push(departure);
        shared.outbound.wake.notify_one();
        let went = loop {
            tokio::select! {
                biased;
                went = &mut is_gone => break went,
                // Once more if it was just being looked at.
                () = shared.gives_up(&peer, to) => shared.departures.give_up(id),
            }
        };
        let went = went.unwrap_or(Err(NoSession::Unknown));
        let longest = shared.on_its_way();
        let arrived = match went {
            Ok(()) => timeout(longest, has_arrived).await.is_ok_and(|arrived| arrived.is_ok()),
            Err(_) => false,
        };
        shared.departures.settle(id);
        went.map(|()| if arrived { Ok(()) } else { Err(Lost) })
    }
}

/// A session that has left and has not arrived.
#[derive(Debug)]
pub(crate) struct Lost;

impl Shared {
    /// Waits until a session does not go any more to the node that has asked for it: the engine is away, the task of this
    /// node has ended with the server, that node is gone or its client has come back. With a log, this node may only be
    /// late, and that node waits.
    async fn gives_up(&self, peer: &Peer, to: NodeId) {
        let begun = Instant::now();
        let is_waited_for = || {
            self.is_connected()
                && begun.elapsed() < self.limits.handshake
                && !peer.seat().is_claimed()
                && !peer.queue().is_ending()
                && lock(&self.others).nodes.contains_key(&to)
        };
        sleep(PATIENCE).await;
        while self.durable.is_some() && is_waited_for() {
            sleep(PATIENCE / 10).await;
        }
    }

    fn on_its_way(&self) -> Duration {
        let waits = self.durable.as_ref().map(|_| self.limits.handshake + PATIENCE * 2);
        waits.map_or(ON_ITS_WAY, |waits| waits.max(ON_ITS_WAY))
    }
}

impl Departures {
    pub(crate) fn leaving(&self) -> Vec<Departure> {
        std::mem::take(&mut lock(&self.leaving))
    }

    /// One that does not go yet.
    pub(crate) fn wait(&self, departure: Departure) {
        lock(&self.leaving).push(departure);
    }

    /// A session does not go, unless it just does.
    fn give_up(&self, id: SocketId) {
        let is_it = |departure: &mut Departure| departure.peer.id == id;
        let stays: Vec<_> = lock(&self.leaving).extract_if(.., is_it).collect();
        for departure in stays {
            let is_claimed = departure.peer.seat().is_claimed();
            departure.refuse(if is_claimed { NoSession::Superseded } else { NoSession::Unknown });
        }
    }

    /// A session is not on its way any more.
    fn settle(&self, id: SocketId) {
        let mut on_their_way = lock(&self.on_their_way);
        on_their_way.remove(&id);
        let are_settled = on_their_way.is_empty();
        drop(on_their_way);
        if are_settled {
            self.settled.notify_waiters();
        }
    }

    /// Waits until no session is on its way.
    pub(crate) async fn settled(&self) {
        loop {
            let mut settled = pin!(self.settled.notified());
            settled.as_mut().enable();
            if lock(&self.on_their_way).is_empty() {
                return;
            }
            settled.await;
        }
    }

    /// Another node has a session that was here.
    pub(crate) fn arrived(&self, id: SocketId) {
        if let Some(waiting) = lock(&self.on_their_way).remove(&id) {
            let _ = waiting.send(());
        }
    }

    /// Where a session went that was here.
    pub(crate) fn find(&self, id: SocketId) -> Option<NodeId> {
        lock(&self.left).get(&id).map(|(node, _)| *node)
    }

    fn note(&self, id: SocketId, to: NodeId, forget: Duration) {
        let mut left = lock(&self.left);
        let now = Instant::now();
        if left.len() >= KNOWN {
            left.retain(|_, (_, at)| now.duration_since(*at) < forget);
        }
        if left.len() < KNOWN {
            left.insert(id, (to, now));
        }
    }

    /// It is here again.
    pub(crate) fn returned(&self, id: SocketId) {
        lock(&self.left).remove(&id);
    }
}

impl Departure {
    /// Says why it does not go after all.
    fn refuse(self, why: NoSession) {
        self.mover.refuse(why);
        let _ = self.gone.send(Err(why));
    }
}

impl<P: Protocol> Hub<P> {
    /// Another node asks for a session, since its client has come there. First it is told in which rooms the session
    /// is, so that it hears of these before the session goes; when it does, `goes` says so.
    pub(super) fn part(&self, from: NodeId, ask: u64, pass: &Pass, goes: bool) {
        let Some(Joined { shared, .. }) = self.reach(Scope::Everywhere) else { return };
        let refuse = |why| shared.say(Channel::Node(from), Record::NoSession { ask, why }, None);
        let Some(peer) = self.peer(pass.id) else {
            if shared.arrivals.expects(pass.id) {
                return refuse(NoSession::Coming);
            }
            let moved = shared.departures.find(pass.id);
            return refuse(moved.map_or(NoSession::Unknown, NoSession::Moved));
        };
        let owner = peer.seat().owner();
        let ticket = pass.ticket().filter(|_| owner.is_named(pass.identity.as_deref()));
        let mut seat = peer.seat();
        let Some(ticket) = ticket.filter(|ticket| seat.is_of(ticket)) else {
            return refuse(NoSession::Unknown);
        };
        if seat.is_late(&ticket) {
            return refuse(NoSession::Superseded);
        }
        if !goes {
            drop(seat);
            let rooms = self.room_names(pass.id);
            return shared.say(Channel::Node(from), Record::Offer { ask, rooms }, None);
        }
        // Who has not heard of a new beginning has seen nothing of it.
        let seen = if seat.is_former(&ticket) { 0 } else { pass.seen };
        let (shared, to) = (shared.clone(), from);
        let mover: Newcomer = Box::new(Mover { shared, to, ask, seen });
        match seat.claim(&ticket, mover) {
            Ok(earlier) => {
                peer.queue().hold();
                drop(seat);
                if let Some(earlier) = earlier {
                    supersede(earlier);
                }
            }
            Err(_) => refuse(NoSession::Superseded),
        }
    }

    /// Ends a session whose client is not let in any more, here or where it has gone.
    pub(super) fn expel(&self, pass: &Pass, why: Disconnect, record: &Record) {
        let Some(Joined { shared, .. }) = self.reach(Scope::Everywhere) else { return };
        match self.peer(pass.id) {
            Some(peer) => {
                if pass.ticket().is_some_and(|ticket| peer.seat().is_of(&ticket)) {
                    peer.close(why);
                }
            }
            None => {
                if let Some(to) = shared.departures.find(pass.id) {
                    shared.say(Channel::Node(to), record.clone(), None);
                }
            }
        }
    }

    pub(super) fn room_names(&self, id: SocketId) -> Vec<Box<RawValue>> {
        let rooms = self.rooms(id).into_iter();
        rooms.filter_map(|room| self.reach(Scope::Everywhere)?.codec.write(&room)).collect()
    }

    /// Lets a session go: from one moment to the next it is not here any more, and all that it is is on its way.
    /// `heard` is how far other nodes were heard on the channels that it hears.
    pub(super) fn depart(
        self: &Arc<Self>,
        departure: Departure,
        heard: impl Fn(&[Channel]) -> (Vec<(NodeId, Channel, u64)>, Vec<(Channel, u64)>),
    ) {
        let Departure { mover, peer, .. } = &departure;
        let Mover { shared, to, ask, seen } = mover.clone();
        if !peer.queue().reaches(seen) {
            return departure.refuse(NoSession::Overflow);
        }
        let id = peer.id;
        let owner = peer.seat().owner();
        let (secret, former) = peer.seat().secrets();
        let identity = owner.name();
        let durable = shared.durable.as_ref();
        let kept = durable.and_then(|_| self.session_record(id)).map(Box::new);
        let (presences, present) = self.presence_leaves(id);
        // Known before it is gone: whoever comes for it in between goes after it.
        shared.departures.note(id, to, shared.limits.resume * 2);
        let is_gone = loop {
            // Their names are made by code of the application: not under a lock.
            let (known, rooms) = (self.rooms(id), self.room_names(id));
            let of_rooms = rooms.iter().map(|room| Channel::of_room(room.get()));
            let channels: Vec<_> =
                [Channel::All, Channel::Socket(id)].into_iter().chain(of_rooms).collect();
            let (heard, listened) = heard(&channels);
            let send = |Packed { before, sent, frames }: Packed| {
                // Calls that begin from now on are not among the frames.
                let call = peer.calls().last();
                let lens: Vec<_> = frames.iter().map(|frame| frame.len()).collect();
                let len = lens.iter().sum();
                let (secret, received) = (secret.write(), departure.received);
                let (identity, rooms) = (identity.clone(), rooms.clone());
                let (heard, listened) = (heard.clone(), listened.clone());
                let presences = presences.clone();
                let former = former.map(Former::new).map(Former::yet_to_come);
                let kept = kept.clone();
                let state = Box::new(SessionState {
                    id,
                    secret,
                    former,
                    identity,
                    received,
                    before,
                    sent,
                    lens,
                    call,
                    rooms,
                    heard,
                    listened,
                    presences,
                    kept,
                });
                let bytes: Vec<u8> =
                    frames.iter().flat_map(|frame| frame.iter().copied()).collect();
                // Behind all that was emitted here until now, which it has.
                shared.outbound.push_always(Item {
                    channel: Channel::Node(to),
                    counts: false,
                    record: Record::Moved { ask, state, len },
                    bytes: Some(FrameBytes::from(bytes)),
                });
            };
            match self.let_go(peer, &known, send) {
                Ok(()) => break Ok(()),
                Err(LetGo::Changed) => {}
                Err(LetGo::Gone) => break Err(NoSession::Unknown),
            }
        };
        self.presence_left(peer, present, is_gone.is_ok());
        if let Err(why) = is_gone {
            shared.departures.returned(id);
            return departure.refuse(why);
        }
        self.counters.cluster.left.add(1);
        durable.into_iter().for_each(|durable| durable.has_left(id));
        // Whoever came for it meanwhile goes after it.
        let newcomer = peer.seat().close();
        newcomer.into_iter().for_each(|newcomer| redirect(newcomer, to));
        peer.lose_calls();
        peer.end_tasks();
        let _ = departure.gone.send(Ok(()));
    }
}

impl Mover {
    /// Says to the other node why the session does not come.
    pub(crate) fn refuse(&self, why: NoSession) {
        let record = Record::NoSession { ask: self.ask, why };
        self.shared.insist(Channel::Node(self.to), record);
    }
}

/// Says to whoever was about to take over that somebody else does.
pub(crate) fn supersede(newcomer: Newcomer) {
    match newcomer.downcast::<Mover>() {
        Ok(mover) => mover.refuse(NoSession::Superseded),
        Err(newcomer) => crate::entry::supersede(newcomer),
    }
}

/// Says to whoever was about to take over that the session has ended.
pub(crate) fn turn_away(newcomer: Newcomer) {
    match newcomer.downcast::<Mover>() {
        Ok(mover) => mover.refuse(NoSession::Unknown),
        Err(newcomer) => crate::entry::turn_away(newcomer),
    }
}

/// Whoever was about to take over goes after a session that has gone to another node.
pub(crate) fn redirect(newcomer: Newcomer, to: NodeId) {
    match newcomer.downcast::<Mover>() {
        Ok(mover) => mover.refuse(NoSession::Moved(to)),
        Err(newcomer) => crate::entry::redirect(newcomer, to),
    }
}
