//! Where a connection goes after its handshake: it begins a session, goes on with one, or is told why not.

use crate::{
    CloseCode, Disconnect, Gap, Handshake, Protocol, Reject, Service,
    admission::Permit,
    application::{Admitted, Refused},
    connection::Connection,
    conversation::Conversation,
    end::refusal,
    frame::{Draft, FrameBytes},
    life::Life,
    peer::Peer,
    seat::{Newcomer, Seat},
    ticket::{Secret, Ticket},
    transport::{Stream, Transport},
    wire::{self, Hello},
};
use std::{borrow::Cow, sync::Arc};
use tokio::{net::tcp::OwnedWriteHalf, sync::oneshot};
use tokio_tungstenite::tungstenite::protocol::Role;

/// A connection that is open.
pub(crate) struct Entry {
    pub(crate) transport: Transport,
    pub(crate) write: Option<OwnedWriteHalf>,
    /// Bytes that came with the handshake.
    pub(crate) unread: Box<[u8]>,
    /// What it is sent before all else.
    pub(crate) reply: Option<FrameBytes>,
    pub(crate) handshake: Handshake,
    pub(crate) told: Told,
}

/// Whoever is told when a connection is over: in a box, since few have one.
pub(crate) type Told = Option<Box<oneshot::Sender<Disconnect>>>;

/// One that goes on with a session, from the frame after the `seen`th of its server, unless that has ended.
pub(crate) struct Successor {
    pub(crate) entry: Entry,
    pub(crate) seen: u64,
    pub(crate) admitted: Admitted,
    pub(crate) permit: Option<Permit>,
    #[cfg(feature = "cluster")]
    pub(crate) ticket: Ticket,
    /// What becomes of it where the session does not go on.
    otherwise: Otherwise,
}

type Otherwise = Box<dyn FnOnce(Entry, Option<Permit>, How) -> Option<Life> + Send>;

/// What becomes of a connection whose session does not go on here.
enum How {
    /// It begins one of its own.
    Begin(Admitted, Gap),
    Refuse(Disconnect),
    /// It has the session come from where it has gone.
    #[cfg(feature = "cluster")]
    Follow(Admitted, Ticket, crate::NodeId),
}

impl Successor {
    /// Begins a session, since the one that it came for does not go on.
    pub(crate) fn begin(self, gap: Gap) {
        let life = (self.otherwise)(self.entry, self.permit, How::Begin(self.admitted, gap));
        life.into_iter().for_each(Life::start);
    }

    /// Says that it is not to begin another.
    pub(crate) fn refuse(self, why: Disconnect) {
        let life = (self.otherwise)(self.entry, self.permit, How::Refuse(why));
        life.into_iter().for_each(Life::start);
    }
}

/// Has whoever was about to take over go after the session to another node.
#[cfg(feature = "cluster")]
pub(crate) fn redirect(newcomer: Newcomer, to: crate::NodeId) {
    if let Ok(successor) = newcomer.downcast::<Successor>() {
        let Successor { entry, ticket, admitted, permit, otherwise, .. } = *successor;
        otherwise(entry, permit, How::Follow(admitted, ticket, to))
            .into_iter()
            .for_each(Life::start);
    }
}

/// Has whoever was about to take over begin a session, since that one has ended.
#[cfg(feature = "cluster")]
pub(crate) fn turn_away(newcomer: Newcomer) {
    if let Ok(successor) = newcomer.downcast::<Successor>() {
        successor.begin(Gap::Unknown);
    }
}

/// Says to whoever was about to take over that somebody else does.
pub(crate) fn supersede(newcomer: Newcomer) {
    if let Ok(late) = newcomer.downcast::<Successor>() {
        late.refuse(CloseCode::SUPERSEDED.into());
    }
}

impl Entry {
    pub(crate) fn new<S: Stream + 'static>(
        stream: S,
        unread: Box<[u8]>,
        handshake: Handshake,
        reply: Option<FrameBytes>,
    ) -> Self {
        let (transport, write) = Transport::split(stream);
        Self { transport, write, unread, reply, handshake, told: None }
    }

    /// What is sent first, before a frame of ours perhaps.
    pub(crate) fn first(
        reply: Option<FrameBytes>,
        frame: Option<FrameBytes>,
    ) -> Option<FrameBytes> {
        match (reply, frame) {
            (Some(reply), Some(frame)) => Some([&*reply, &*frame].concat().into()),
            (reply, frame) => reply.or(frame),
        }
    }
}

impl<P: Protocol> Service<P> {
    /// Finds the place of a connection that was let in, or tells it why not. What serves it, unless the
    /// task of its session does.
    pub(crate) fn enter(
        &self,
        entry: Entry,
        admitted: Result<Admitted, Disconnect>,
        permit: Option<Permit>,
    ) -> Option<Life> {
        let ticket = match entry.handshake.offers_subprotocol() {
            true => Ticket::of(&entry.handshake),
            false => Ok(None),
        };
        match (admitted, ticket) {
            (Ok(admitted), Ok(None)) => Some(self.begin(entry, admitted, permit, None)),
            (Ok(admitted), Ok(Some(ticket))) => self.go_on(entry, admitted, permit, &ticket),
            (Ok(_), Err(_)) => {
                let fault = Disconnect::new(CloseCode::BAD_FRAME, "malformed resume");
                Some(self.refuse(entry, permit, fault))
            }
            (Err(refusal), ticket) => {
                if let Ok(Some(ticket)) = ticket
                    && matches!(refusal.code, CloseCode::UNAUTHORIZED | CloseCode::FORBIDDEN)
                {
                    self.expel(&ticket, &refusal);
                }
                Some(self.refuse(entry, permit, refusal))
            }
        }
    }

    /// Begins a session, or a new one in place of one that does not go on.
    fn begin(
        &self,
        entry: Entry,
        admitted: Admitted,
        permit: Option<Permit>,
        gap: Option<Gap>,
    ) -> Life {
        // Who was let in without, to go on with a session that has one, does not.
        let Some(permit) = permit.or_else(|| self.place(&entry.handshake)) else {
            return self.refuse(entry, None, refusal(&Reject::full()));
        };
        let (hub, limits) = (self.hub(), self.terms());
        let Entry { transport, write, unread, reply, handshake, told } = entry;
        let Admitted { session, identity } = admitted;
        let resumes = handshake.offers_subprotocol() && !limits.resume.is_zero();
        let seat = match resumes {
            true => Seat::new(Secret::new(), identity),
            false => Seat::of_one_connection(identity),
        };
        let (peer, closed) = hub.enter(|id| {
            let peer = Peer::new(id, Role::Server, limits.clone(), handshake, write, Some(seat));
            let hello = hello(&peer, peer.seat().token(id, hub.node()), None, gap);
            // Before anybody can find the socket, and emit to it.
            if let Some(first) = Entry::first(reply, Some(hello)) {
                peer.queue().push_first(first);
            }
            Arc::new(peer)
        });
        let app = match closed {
            None => {
                hub.counters.sessions.add(1);
                hub.counters.gaps.add(gap.is_some().into());
                hub.flusher.start(&peer.runtime);
                self.authorizer().open(session, peer.clone(), Some(permit))
            }
            Some(disconnect) => {
                peer.close(disconnect);
                Box::new(Refused { _permit: Some(permit) })
            }
        };
        let connection = Connection::new(transport, unread);
        Life::new(connection, Conversation::new(peer, app, resumes), told)
    }

    /// Says why a connection is not let in, and nothing else.
    fn refuse(&self, entry: Entry, permit: Option<Permit>, refusal: Disconnect) -> Life {
        let Entry { transport, write, unread, reply, handshake, told } = entry;
        let (id, limits) = (self.hub().id(), self.terms().clone());
        let peer = Arc::new(Peer::new(id, Role::Server, limits, handshake, write, None));
        if let Some(first) = reply {
            peer.queue().push_first(first);
        }
        peer.close(refusal);
        let conversation = Conversation::new(peer, Box::new(Refused { _permit: permit }), false);
        Life::new(Connection::new(transport, unread), conversation, told)
    }

    /// Hands a connection to the task of its session, which sends `hello` when it has done with what came
    /// before.
    fn go_on(
        &self,
        entry: Entry,
        admitted: Admitted,
        permit: Option<Permit>,
        ticket: &Ticket,
    ) -> Option<Life> {
        let Some(peer) = ticket.session().and_then(|id| self.hub().peer(id)) else {
            return self.go_on_elsewhere(entry, admitted, permit, ticket);
        };
        let owner = peer.seat().owner();
        if !owner.is(admitted.identity.as_deref()) || !peer.seat().is_of(ticket) {
            #[cfg(feature = "cluster")]
            if self.is_stale(ticket) {
                return self.go_on_elsewhere(entry, admitted, permit, ticket);
            }
            return Some(self.begin(entry, admitted, permit, Some(Gap::Unknown)));
        }
        let successor = self.successor(entry, admitted, permit, ticket);
        self.follow(&peer, successor, ticket);
        None
    }

    /// Leaves a connection to the task of a session.
    pub(crate) fn follow(&self, peer: &Arc<Peer>, successor: Successor, ticket: &Ticket) {
        let mut seat = peer.seat();
        if !seat.is_open() {
            // It has ended just now, or has gone to another node.
            drop(seat);
            return self.miss(successor);
        }
        let late = match seat.claim(ticket, Box::new(successor)) {
            Ok(earlier) => {
                peer.queue().hold();
                earlier
            }
            Err(late) => Some(late),
        };
        drop(seat);
        late.into_iter().for_each(|late| self.supersede(late));
    }

    #[cfg(not(feature = "cluster"))]
    fn expel_elsewhere(&self, _: &Ticket, _: &Disconnect) {}

    #[cfg(not(feature = "cluster"))]
    fn miss(&self, successor: Successor) {
        successor.begin(Gap::Unknown);
    }

    #[cfg(feature = "cluster")]
    fn miss(&self, successor: Successor) {
        match self.elsewhere(&successor.ticket) {
            Some(to) => redirect(Box::new(successor), to),
            None => successor.begin(Gap::Unknown),
        }
    }

    #[cfg(not(feature = "cluster"))]
    fn supersede(&self, late: Newcomer) {
        supersede(late);
    }

    #[cfg(feature = "cluster")]
    fn supersede(&self, late: Newcomer) {
        crate::cluster::supersede(late);
    }

    fn successor(
        &self,
        entry: Entry,
        admitted: Admitted,
        permit: Option<Permit>,
        ticket: &Ticket,
    ) -> Successor {
        let service = self.clone();
        let otherwise: Otherwise = Box::new(move |entry, permit, how| match how {
            How::Begin(admitted, gap) => Some(service.begin(entry, admitted, permit, Some(gap))),
            How::Refuse(refusal) => Some(service.refuse(entry, permit, refusal)),
            #[cfg(feature = "cluster")]
            How::Follow(admitted, ticket, to) => {
                service.go_to(entry, admitted, permit, &ticket, Some(to))
            }
        });
        let seen = ticket.seen;
        Successor {
            entry,
            seen,
            admitted,
            permit,
            #[cfg(feature = "cluster")]
            ticket: *ticket,
            otherwise,
        }
    }

    /// Begins a session in place of one that is not here.
    #[cfg(not(feature = "cluster"))]
    fn go_on_elsewhere(
        &self,
        entry: Entry,
        admitted: Admitted,
        permit: Option<Permit>,
        _: &Ticket,
    ) -> Option<Life> {
        Some(self.begin(entry, admitted, permit, Some(Gap::Unknown)))
    }

    /// The same, unless another node has it: then it comes.
    #[cfg(feature = "cluster")]
    fn go_on_elsewhere(
        &self,
        entry: Entry,
        admitted: Admitted,
        permit: Option<Permit>,
        ticket: &Ticket,
    ) -> Option<Life> {
        self.go_to(entry, admitted, permit, ticket, self.elsewhere(ticket))
    }

    #[cfg(feature = "cluster")]
    fn go_to(
        &self,
        entry: Entry,
        admitted: Admitted,
        permit: Option<Permit>,
        ticket: &Ticket,
        owner: Option<crate::NodeId>,
    ) -> Option<Life> {
        let Some(owner) = owner else {
            return Some(self.begin(entry, admitted, permit, Some(Gap::Unknown)));
        };
        let identity = admitted.identity.as_ref();
        let name = identity.map(|identity| identity.name());
        // Who cannot be named is nobody whom another node could know.
        if let Some(None) = name {
            return Some(self.begin(entry, admitted, permit, Some(Gap::Unknown)));
        }
        let successor = self.successor(entry, admitted, permit, ticket);
        self.fetch(successor, *ticket, owner, name.flatten());
        None
    }

    /// Ends the session of a client that is not let in any more.
    fn expel(&self, ticket: &Ticket, refusal: &Disconnect) {
        match self.session_of(ticket) {
            Some(peer) => peer.close(refusal.clone()),
            None => self.expel_elsewhere(ticket, refusal),
        }
    }
}

/// What the server says first: on the first connection of a session, or on another when so many frames of
/// the client were processed and so many go out again.
pub(crate) fn hello(
    peer: &Peer,
    token: Option<String>,
    resumed: Option<(u64, u64)>,
    gap: Option<Gap>,
) -> FrameBytes {
    let mut hello = Draft::new(192);
    wire::write_hello(
        hello.out(),
        &Hello {
            session: Cow::Owned(peer.id.to_string()),
            heartbeat: u64::try_from(peer.limits.heartbeat.as_millis()).unwrap_or(u64::MAX),
            limit: peer.limits.frame as u64,
            token: token.map(Cow::Owned),
            seen: resumed.map(|(seen, _)| seen),
            replay: resumed.map(|(_, replayed)| replayed).filter(|replayed| *replayed > 0),
            gap: gap.map(|gap| Cow::Borrowed(gap.word())),
            schema: peer.limits.schema.as_deref().map(Cow::Borrowed),
        },
    );
    hello.finish(Role::Server)
}
