//! What a node answers when others ask.

use super::{
    apply::Whom,
    channel::Channel,
    forward::Joined,
    message::{Outcome, Record},
    shared::Shared,
};
use crate::{
    Call, CallError, CloseCode, Disconnect, Events, Io, NodeId, Protocol, Reject,
    hub::Hub,
    peer::{Peer, lock},
    question::Question,
};
use futures_util::{FutureExt, StreamExt, stream::FuturesUnordered};
use serde_json::value::RawValue;
use std::{
    collections::{HashMap, VecDeque},
    future::ready,
    sync::{Arc, Mutex},
    time::Duration,
};
use tokio::task::{AbortHandle, unconstrained};

/// Questions of which it is known that they were cancelled before they came.
const CANCELLED: usize = 1_024;

/// Calls that this node makes for others.
#[derive(Debug, Default)]
pub(crate) struct Errands(Mutex<State>);

/// By who asked, and by the number of the question.
#[derive(Debug, Default)]
struct State {
    running: HashMap<(NodeId, u64), Vec<AbortHandle>>,
    /// The call may wait behind something else that was missed, and its end does not.
    cancelled: VecDeque<(NodeId, u64)>,
}

/// A call for another node: who asked, the number of the question, and how long it waits.
#[derive(Debug, Clone, Copy)]
struct Errand {
    from: NodeId,
    ask: u64,
    within: Duration,
}

impl Errands {
    /// Whoever asked does not wait any more.
    pub(crate) fn cancel(&self, node: NodeId, ask: u64) {
        let mut state = lock(&self.0);
        let errands = state.running.remove(&(node, ask));
        if errands.is_none() {
            state.cancelled.truncate(CANCELLED - 1);
            state.cancelled.push_front((node, ask));
        }
        drop(state);
        errands.into_iter().flatten().for_each(|errand| errand.abort());
    }

    /// A node is gone, and waits for nothing any more.
    pub(crate) fn gone(&self, node: NodeId) {
        let is_its = |(from, _): &(NodeId, u64), _: &mut Vec<AbortHandle>| *from == node;
        let gone: Vec<_> = lock(&self.0).running.extract_if(is_its).collect();
        gone.into_iter().flat_map(|(_, errands)| errands).for_each(|errand| errand.abort());
    }

    fn is_cancelled(&self, node: NodeId, ask: u64) -> bool {
        lock(&self.0).cancelled.contains(&(node, ask))
    }

    fn add(&self, errand: Errand, handle: AbortHandle) {
        let errands = &mut lock(&self.0).running;
        // Those that have ended are looked for when others begin.
        errands.retain(|_, handles| handles.iter().any(|handle| !handle.is_finished()));
        errands.entry((errand.from, errand.ask)).or_default().push(handle);
    }
}

impl<P: Protocol> Hub<P> {
    /// Answers a question of another node; its own sockets are asked by a task.
    pub(super) fn answer(
        self: &Arc<Self>,
        from: NodeId,
        record: &Record,
        bytes: &[u8],
        whom: &Whom<'_>,
    ) {
        let Some(Joined { shared, .. }) = self.cluster.get() else { return };
        let say = |record| shared.reply(from, record, &[]);
        match record {
            Record::Roll { ask, on } => {
                let interests = lock(&shared.interests);
                let hears = |(_, channel): &(usize, &Channel)| match channel {
                    Channel::Room(_) => interests.wants(**channel),
                    _ => true,
                };
                let on = on.iter().enumerate().filter(hears).map(|(at, _)| at).collect();
                drop(interests);
                say(Record::Hears { ask: *ask, on });
            }
            Record::Count { ask, to } => {
                let sockets = self.meant(to, whom).map_or(0, |selection| self.count(&selection));
                say(Record::Counted { ask: *ask, sockets });
            }
            Record::Fetch { ask, to } => {
                let peers = self.meant(to, whom).map(|selection| self.select(&selection));
                let sockets = peers.into_iter().flatten().map(|peer| peer.id).collect();
                say(Record::Sockets { ask: *ask, sockets });
            }
            Record::PresenceFetch { ask, to } => {
                let mut parts = Vec::new();
                for room in &to.rooms {
                    self.presence_asked(room, true, |_, sockets| parts.push(sockets));
                }
                let last = parts.pop().unwrap_or_default();
                let parts = parts.into_iter().map(|sockets| (sockets, false));
                for (sockets, is_last) in parts.chain([(last, true)]) {
                    say(Record::PresenceFetched { ask: *ask, is_last, sockets });
                }
            }
            Record::Call { ask, .. } if shared.errands.is_cancelled(from, *ask) => {}
            Record::Call { ask, to, event, within, hears, .. } => {
                let question = question::<P>(event, bytes, *hears);
                let peers = question.as_ref().and(self.meant(to, whom)).map(|of| self.select(&of));
                let (at, peers) = (to.at.unwrap_or(0), peers.unwrap_or_default());
                let moves =
                    |id| shared.departures.find(id).is_some() || shared.arrivals.expects(id);
                if peers.is_empty() && to.socket.is_some_and(moves) {
                    // The node on which it is hears of it as well; this one again when it has come.
                    return;
                }
                say(Record::Asked { ask: *ask, at, sockets: peers.len() });
                if let Some(question) = question.filter(|_| !peers.is_empty()) {
                    let within = Duration::from_millis(*within);
                    self.run(Errand { from, ask: *ask, within }, shared, &question, peers);
                }
            }
            Record::Cancel { ask } => shared.errands.cancel(from, *ask),
            Record::Take { ask, pass } => self.part(from, *ask, pass, false),
            Record::Go { ask, pass } => self.part(from, *ask, pass, true),
            Record::Expel { pass, code, reason } => {
                self.expel(pass, Disconnect::new(CloseCode(*code), reason.clone()), record);
            }
            Record::Kept { id } => shared.departures.arrived(*id),
            _ => {}
        }
    }

    /// Asks sockets for another node, and tells it what each answers.
    fn run(
        self: &Arc<Self>,
        errand: Errand,
        shared: &Arc<Shared>,
        question: &Question,
        peers: Vec<Arc<Peer>>,
    ) {
        let io = Io::new(self.clone()).local();
        let calls: FuturesUnordered<_> = peers
            .into_iter()
            .map(|peer| {
                let (id, question, shared) = (peer.id, question.clone(), shared.clone());
                let is_heard = question.is_heard;
                let call: Call<Box<RawValue>, Box<RawValue>> = io.ask(peer, Ok(question));
                let mut call = call.timeout(errand.within);
                async move {
                    let (ask, socket) = (errand.ask, id);
                    let say = |record, text: &str| {
                        shared.reply(errand.from, record, text.as_bytes());
                    };
                    while is_heard && let Some(report) = call.progress().await {
                        say(Record::Progress { ask, len: report.get().len() }, report.get());
                    }
                    let (outcome, reply) = outcome(call.or_reject().await);
                    let reply = reply.as_deref().map_or("", RawValue::get);
                    say(Record::Replied { ask, socket, outcome, len: reply.len() }, reply);
                }
            })
            .collect();
        let mut calls = calls.for_each(|()| ready(()));
        // Here they are asked: what comes next of that node is for those who have been.
        if unconstrained(&mut calls).now_or_never().is_none() {
            shared.errands.add(errand, tokio::spawn(calls).abort_handle());
        }
    }
}

/// An event of another node, if there is one of this name.
fn question<P: Protocol>(event: &str, payload: &[u8], is_heard: bool) -> Option<Question> {
    let index = P::Server::index_of(event)?;
    let name = P::Server::NAMES.get(index)?;
    let has_progress = P::Server::has_progress(index);
    Some(Question { index, name, payload: payload.into(), has_progress, is_heard })
}

/// How a call ended, and its reply.
fn outcome(
    answer: Result<Result<Box<RawValue>, Reject>, CallError>,
) -> (Outcome, Option<Box<RawValue>>) {
    let outcome = match answer {
        Ok(Ok(reply)) => return (Outcome::Reply, Some(reply)),
        Ok(Err(reject)) => {
            let data = reject.raw_data().map(ToOwned::to_owned);
            Outcome::Rejected { code: reject.code, message: reject.message, data }
        }
        Err(CallError::Timeout) => Outcome::Timeout,
        Err(CallError::Closed) => Outcome::Closed,
        Err(_) => Outcome::Lost,
    };
    (outcome, None)
}
