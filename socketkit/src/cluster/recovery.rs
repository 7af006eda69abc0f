//! A client whose node was lost: its session goes on here, from what the engine has kept.

use super::{
    arrivals::MakePeer,
    channel::Channel,
    durable::{self, Durable, LAG, Places, Replay, Returning, SessionRecord},
    engine::EngineError,
    forward::Joined,
    moving::{Former, NoSession, Pass, SessionState},
    nodes::GONE,
    shared::Shared,
    takeover::{Found, peer},
};
use crate::{
    NodeId, Protocol, Service, SocketId,
    entry::Successor,
    peer::lock,
    ticket::{Secret, Ticket},
};
use std::time::{Duration, Instant};
use tokio::time::sleep;

/// How long before what is kept is asked for again, where it could not be read.
const PAUSE: Duration = Duration::from_millis(50);

/// How often it is asked whether all that was said has come: for some 10 s, as a node may be late. Each time anew, as
/// the connection may have been lost.
const ECHOES: usize = 40;

/// A session that is this node's by what is written down, and that its task is to take in.
struct Claimed {
    record: SessionRecord,
    number: u64,
    /// The node that had it.
    former: NodeId,
    /// Its client does not know that this one was not the first to go on with it.
    is_again: bool,
}

impl<P: Protocol> Service<P> {
    /// Goes on with a session that no node has, since its client came: `asked` does not have it, whatever is written
    /// down.
    pub(super) async fn recover(
        &self,
        successor: &mut Successor,
        ticket: &Ticket,
        pass: &Pass,
        (asked, begun): (Option<NodeId>, Instant),
    ) -> Result<Found, NoSession> {
        let hub = self.hub();
        let Some(Joined { shared, .. }) = hub.cluster.get() else { return Err(NoSession::Unknown) };
        let Some(durable) = &shared.durable else { return Err(NoSession::Unknown) };
        let (id, places) = (pass.id, Places::of(&successor.entry.handshake));
        let longest = durable::longest(&shared.limits);
        // As far as its client knows, it has heard everything before that.
        let away = places.away().map(|away| away.saturating_add(LAG));
        let is_here = || {
            hub.peer(id).is_some_and(|peer| {
                let owner = peer.seat().owner();
                owner.is_named(pass.identity.as_deref()) && peer.seat().is_of(ticket)
            })
        };
        let Claimed { record, number, former, is_again } = loop {
            if is_here() || shared.arrivals.expects(id) {
                return Err(NoSession::Coming);
            }
            match claim(shared, durable, (ticket, away), pass, asked).await {
                Ok(claimed) => break claimed?,
                // The engine is away: there is nothing to do without it.
                Err(error) => {
                    tracing::debug!(%error, "what is kept of a session cannot be read");
                    sleep(PAUSE).await;
                }
            }
        };
        let rooms = record.rooms().map(|room| Channel::of_room(room.get())).collect();
        let (terms, handshake) = (self.terms().clone(), successor.entry.handshake.clone());
        let make: MakePeer =
            Box::new(move |state: &SessionState, bytes| peer(state, bytes, terms, handshake));
        let ask = shared.asks.number();
        self.take_place(successor)?;
        let mut arriving = shared.expect((id, ask), rooms, make)?;
        if is_here() {
            // It has just come, and is written down as what it is.
            durable.stored(id, number);
            durable.changed(id, None);
            return Err(NoSession::Coming);
        }
        // Before it goes on here, what was said before has come to all who are here.
        for _ in 0..ECHOES {
            if arriving.listens().await {
                break;
            }
        }
        while !durable.is_up_to_date() {
            sleep(PAUSE).await;
        }
        let channels = arriving.channels();
        let (mut within, mut is_anew) = (away.unwrap_or(longest), false);
        // Who has come twice, or does not say, may be away for longer than anybody else.
        let done = begun.checked_sub(longest).filter(|_| !is_again && away.is_some());
        let (kept, since) = loop {
            let recall = durable.recall();
            arriving.reads();
            // And that took its time.
            let time = within + begun.elapsed();
            let read = match &recall {
                Some(recall) => durable.reading.read(recall, &channels, time).await,
                None => None,
            };
            let Some(kept) = read else {
                sleep(PAUSE).await;
                continue;
            };
            let replay = Replay::new(&record, &places, &channels, (&kept, done));
            let is_whole = replay.is_whole() && kept.is_whole(&channels);
            if is_whole || (within == longest && is_anew) {
                break (kept, begun.checked_sub(within).unwrap_or(begun));
            }
            if within == longest {
                // Perhaps something came to it late.
                durable.reading.forget_all();
                is_anew = true;
            }
            within = longest;
        };
        // That took its time.
        if !holds(durable, id, number).await {
            return Err(NoSession::Coming);
        }
        durable.returns(Returning { id, ask, record, number, former, places, kept, since, done });
        shared.outbound.wake.notify_one();
        let come = (&mut arriving.come).await;
        let (peer, received) = come.map_err(|_| NoSession::Overflow)?.keep(shared);
        Ok(self.come_to(successor, peer, received))
    }
}

/// Whether nobody else has made a session theirs. Where that cannot be told, it is found out later.
async fn holds(durable: &Durable, id: SocketId, number: u64) -> bool {
    let Some(recall) = durable.recall() else { return true };
    recall.session(id).await.ok().flatten().is_none_or(|(_, kept)| kept == number)
}

/// Makes a session this node's, where its client proves that it is their own, and nobody else has it.
async fn claim(
    shared: &Shared,
    durable: &Durable,
    (ticket, away): (&Ticket, Option<Duration>),
    pass: &Pass,
    asked: Option<NodeId>,
) -> Result<Result<Claimed, NoSession>, EngineError> {
    let recall = durable.recall().ok_or("there is no connection")?;
    let Some((kept, number)) = recall.session(pass.id).await? else {
        return Ok(Err(NoSession::Unknown));
    };
    let Some(record) = SessionRecord::read(&kept) else { return Ok(Err(NoSession::Unknown)) };
    let proven = match (Secret::read(&record.secret), record.former.as_ref().and_then(Former::read))
    {
        (Some(secret), _) if ticket.proves(&secret) => Ok(secret),
        // The same attempt comes again where it has not found its way yet.
        (_, Some((former, last)))
            if ticket.proves(&former)
                && (ticket.attempt > last
                    || (ticket.attempt == last && record.owner == shared.node)) =>
        {
            Err(former)
        }
        (_, Some((former, _))) if ticket.proves(&former) => {
            return Ok(Err(NoSession::Superseded));
        }
        _ => return Ok(Err(NoSession::Unknown)),
    };
    let name = |identity: &Option<Box<serde_json::value::RawValue>>| {
        identity.as_ref().map(|identity| identity.get().to_owned())
    };
    if name(&record.identity) != name(&pass.identity) {
        return Ok(Err(NoSession::Unknown));
    }
    // What it has not seen of that is nowhere.
    if proven.is_ok() && ticket.seen < record.ready() {
        return Ok(Err(NoSession::Overflow));
    }
    let owner = record.owner;
    if owner != shared.node {
        let is_there = lock(&shared.others).nodes.contains_key(&owner);
        let silent = recall.silent(owner).await?;
        if Some(owner) != asked && (is_there || silent.is_some_and(|silent| silent < GONE)) {
            return Ok(Err(NoSession::Moved(owner)));
        }
        // It would have ended.
        if silent.is_none_or(|silent| silent > shared.limits.resume) {
            return Ok(Err(NoSession::Unknown));
        }
    }
    // So much is not kept.
    if away.is_some_and(|away| away > durable::longest(&shared.limits)) {
        return Ok(Err(NoSession::Overflow));
    }
    let is_again = proven.is_err();
    let former = Former::new((proven.unwrap_or_else(|former| former), ticket.attempt));
    let record = record.claimed(shared.node, Secret::new().write(), former);
    let record = record.of_log(durable.log_end());
    let number = recall.claim(pass.id, number, record.write()).await?;
    // If there is none, somebody else was faster, or has just written it down.
    let claimed = number.map(|number| Claimed { record, number, former: owner, is_again });
    Ok(claimed.ok_or(NoSession::Coming))
}
