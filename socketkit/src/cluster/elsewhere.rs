//! What sockets of other nodes answer, and which nodes do not.

use super::{
    asks::{Asking, Said, What},
    channel::Channel,
    forward::{Joined, Scope},
    message::Record,
    outbound::Item,
    selected::Selected,
    shared::Shared,
};
use crate::{
    CallError, Io, NodeId, Protocol, Socket, SocketId,
    call::Deadline,
    frame::FrameBytes,
    hub::{Hub, Of, Selection},
    peer::{Answer, Peer, lock},
    presence::Stands,
    question::Question,
    replies::{AskOthers, Others},
    reports::Reports,
};
use std::{
    collections::BTreeMap,
    fmt,
    future::poll_fn,
    sync::Arc,
    task::{Context, Poll, ready},
    time::Duration,
};
use tokio::runtime::Handle;

/// What an answer may take beyond what was asked for: its way.
const WAY: Duration = Duration::from_secs(1);

/// How long a node may take to say that it has a socket.
const FINDING: Duration = Duration::from_secs(2);

/// A question to all nodes that has not been asked yet.
#[derive(Debug)]
pub(crate) struct Inquiry {
    shared: Arc<Shared>,
    runtime: Handle,
    to: Selected,
}

/// The answers, as they come.
pub(crate) struct Elsewhere {
    shared: Arc<Shared>,
    asking: Asking,
    nodes: BTreeMap<NodeId, Progress>,
    missing: Vec<NodeId>,
    deadline: Deadline,
}

/// How far a node is.
#[derive(Debug, Default)]
struct Progress {
    /// Which of the channels it listens to, once it has said so, on which it has not asked its sockets.
    hears: Option<Vec<usize>>,
    /// Those on which it has, which may come first.
    asked: Vec<usize>,
    /// Sockets that have not answered.
    left: isize,
}

impl Progress {
    fn is_done(&self) -> bool {
        let has_asked = |at: &usize| self.asked.contains(at);
        self.left == 0 && self.hears.as_ref().is_some_and(|hears| hears.iter().all(has_asked))
    }
}

impl<P: Protocol> Hub<P> {
    /// What asks the sockets of a selection on other nodes, if there can be some.
    pub(crate) fn ask_others(
        &self,
        selection: &Selection<P::Room>,
        question: &Question,
        scope: Scope,
    ) -> Option<(AskOthers, Duration)> {
        let (inquiry, question) = (self.inquire(selection, scope)?, question.clone());
        let within = inquiry.shared.limits.call;
        Some((Box::new(move |within| Box::new(inquiry.call(&question, within))), within))
    }

    /// How many sockets of a selection other nodes have, and nodes that do not say.
    pub(crate) async fn count_elsewhere(
        self: &Arc<Self>,
        selection: &Selection<P::Room>,
        scope: Scope,
    ) -> (usize, Vec<NodeId>) {
        let Some(inquiry) = self.inquire(selection, scope) else { return Default::default() };
        let asked = inquiry.ask(|ask, to| Record::Count { ask, to });
        let (all, missing) = asked.all().await;
        let count = |what| if let What::Count(count) = what { count } else { 0 };
        (all.into_iter().map(count).sum(), missing)
    }

    /// Which sockets of a selection other nodes have, and nodes that do not say.
    pub(crate) async fn fetch_elsewhere(
        self: &Arc<Self>,
        selection: &Selection<P::Room>,
        scope: Scope,
    ) -> (Vec<Socket<P>>, Vec<NodeId>) {
        let Some(inquiry) = self.inquire(selection, scope) else { return Default::default() };
        let asked = inquiry.ask(|ask, to| Record::Fetch { ask, to });
        let (all, missing) = asked.all().await;
        let sockets = |what| if let What::Sockets(sockets) = what { sockets } else { Vec::new() };
        let sockets = all.into_iter().flat_map(sockets);
        (sockets.filter_map(|id| self.socket_elsewhere(id, scope)).collect(), missing)
    }

    /// Who is present in a room on other nodes, and nodes that do not say.
    pub(super) async fn fetch_presence_elsewhere(
        &self,
        room: &P::Room,
        scope: Scope,
    ) -> (Vec<Stands>, Vec<NodeId>) {
        let selection = Selection::of(Of::Rooms(vec![room.clone()]));
        let Some(inquiry) = self.inquire(&selection, scope) else { return Default::default() };
        let asked = inquiry.ask(|ask, to| Record::PresenceFetch { ask, to });
        let (all, missing) = asked.all().await;
        let sockets =
            |what| if let What::Presence(sockets, _) = what { sockets } else { Vec::new() };
        (all.into_iter().flat_map(sockets).collect(), missing)
    }

    /// A handle of a socket of another node.
    pub(crate) fn socket_elsewhere(
        self: &Arc<Self>,
        id: SocketId,
        scope: Scope,
    ) -> Option<Socket<P>> {
        let shared = &self.reach(scope)?.shared;
        let began_here = id.node() == shared.node;
        if id.node().is_none() || (began_here && shared.departures.find(id).is_none()) {
            return None;
        }
        let runtime = shared.runtime.get()?.clone();
        let peer = Peer::elsewhere(id, shared.terms.clone(), runtime);
        Some(Socket::new(Arc::new(peer), Io::new(self.clone())))
    }

    /// A question to the sockets of a selection on other nodes, if there are others.
    fn inquire(&self, selection: &Selection<P::Room>, scope: Scope) -> Option<Inquiry> {
        let Joined { shared, codec } = self.reach(scope)?;
        let runtime = shared.runtime.get()?.clone();
        Some(Inquiry { shared: shared.clone(), runtime, to: codec.select(selection)? })
    }

    /// Asks one socket of another node, and waits for what it answers.
    pub(crate) async fn ask_elsewhere(
        &self,
        id: SocketId,
        question: &Question,
        reports: Option<Arc<Reports>>,
        within: Duration,
    ) -> Answer {
        let shared = self.reach(Scope::Everywhere).map(|joined| joined.shared.clone());
        let Some(shared) = shared.filter(|shared| shared.is_connected()) else {
            return Err(CallError::Closed.into());
        };
        let Some(runtime) = shared.runtime.get().cloned() else {
            return Err(CallError::Closed.into());
        };
        let mut asking = shared.ask(reports);
        let ask = asking.id;
        let to = Selected::socket(id);
        let items = call(&shared, &to, ask, question, within);
        if !shared.forward(items) {
            return Err(CallError::Closed.into());
        }
        let mut deadline = Deadline::new(FINDING, runtime.clone());
        loop {
            let said = poll_fn(|cx| match asking.answers.poll_recv(cx) {
                Poll::Ready(said) => Poll::Ready(said),
                Poll::Pending => deadline.poll(cx).map(|()| None),
            });
            match said.await.map(|said| said.what) {
                None | Some(What::Asked { sockets: 0, .. }) => {
                    return Err(CallError::Closed.into());
                }
                // It is there; the caller knows how long to wait.
                Some(What::Asked { .. }) => {
                    deadline = Deadline::new(within.saturating_add(WAY), runtime.clone());
                }
                Some(What::Replied(_, answer)) => {
                    asking.is_over = true;
                    return answer;
                }
                Some(_) => {}
            }
        }
    }
}

/// A call for every channel by which the selected sockets are reached.
fn call(
    shared: &Shared,
    to: &Selected,
    ask: u64,
    question: &Question,
    within: Duration,
) -> Vec<Item> {
    let Question { name, payload, is_heard, .. } = question;
    let (bytes, len) = (FrameBytes::from(&**payload), payload.len());
    let within = u64::try_from(within.as_millis()).unwrap_or(u64::MAX);
    shared.route(to, true, Some(&bytes), |to| {
        let event = (*name).to_owned();
        Record::Call { ask, to, event, within, hears: *is_heard, len }
    })
}

impl Inquiry {
    /// Asks all sockets that are meant.
    fn call(self, question: &Question, within: Duration) -> Elsewhere {
        let Self { shared, runtime, to } = self;
        let asking = shared.ask(None);
        let mut items = call(&shared, &to, asking.id, question, within);
        let on = items.iter().map(|item| item.channel).collect();
        let record = Record::Roll { ask: asking.id, on };
        items.push(Item { channel: Channel::Control, counts: false, record, bytes: None });
        let deadline = Deadline::new(within.saturating_add(WAY), runtime);
        Elsewhere::ask(shared, asking, items, deadline)
    }

    /// Asks every node.
    fn ask(self, what: impl FnOnce(u64, Selected) -> Record) -> Elsewhere {
        let Self { shared, runtime, to } = self;
        let within = shared.limits.call;
        let asking = shared.ask(None);
        let record = what(asking.id, to);
        let item = Item { channel: Channel::Control, counts: false, record, bytes: None };
        Elsewhere::ask(shared, asking, vec![item], Deadline::new(within, runtime))
    }
}

impl Elsewhere {
    fn ask(shared: Arc<Shared>, asking: Asking, items: Vec<Item>, deadline: Deadline) -> Self {
        let ids = lock(&shared.others).ids();
        let is_asked = shared.is_connected() && shared.forward(items);
        let (asked, missing) = if is_asked { (ids, Vec::new()) } else { (Vec::new(), ids) };
        let nodes = asked.into_iter().map(|node| (node, Progress::default())).collect();
        Self { shared, asking, nodes, missing, deadline }
    }

    /// The next answer; `None` when every node has said all, or does not in time.
    pub(crate) fn poll_next(&mut self, cx: &mut Context<'_>) -> Poll<Option<What>> {
        loop {
            if self.nodes.values().all(Progress::is_done) {
                self.asking.is_over = true;
                return Poll::Ready(None);
            }
            let Said { node, what } = match self.asking.answers.poll_recv(cx) {
                Poll::Ready(Some(said)) => said,
                Poll::Ready(None) | Poll::Pending => {
                    if self.deadline.poll(cx).is_pending() {
                        return Poll::Pending;
                    }
                    let late = self.nodes.extract_if(.., |_, progress| !progress.is_done());
                    self.missing.extend(late.map(|(node, _)| node));
                    continue;
                }
            };
            // One that was not known when it was asked is as good.
            let progress = self.nodes.entry(node).or_default();
            match &what {
                What::Hears(on) => progress.hears = Some(on.clone()),
                What::Asked { at, sockets } => {
                    progress.asked.push(*at);
                    progress.left += sockets.cast_signed();
                }
                What::Replied(..) => {
                    progress.left -= 1;
                    return Poll::Ready(Some(what));
                }
                What::Presence(_, false) => return Poll::Ready(Some(what)),
                What::Count(_) | What::Sockets(_) | What::Presence(_, true) => {
                    progress.hears = Some(Vec::new());
                    return Poll::Ready(Some(what));
                }
                What::Offer(_) | What::NoSession(_) => {}
                What::Gone => {
                    if self.nodes.remove(&node).is_some_and(|progress| !progress.is_done()) {
                        self.missing.push(node);
                    }
                }
            }
        }
    }

    /// What each node says, and nodes that say nothing.
    async fn all(mut self) -> (Vec<What>, Vec<NodeId>) {
        let mut all = Vec::new();
        while let Some(what) = poll_fn(|cx| self.poll_next(cx)).await {
            all.push(what);
        }
        (all, self.missing)
    }
}

impl Others for Elsewhere {
    fn poll_reply(&mut self, cx: &mut Context<'_>) -> Poll<Option<(SocketId, Answer)>> {
        loop {
            match ready!(self.poll_next(cx)) {
                Some(What::Replied(id, answer)) => return Poll::Ready(Some((id, answer))),
                Some(_) => {}
                None => return Poll::Ready(None),
            }
        }
    }

    fn missing(&self) -> &[NodeId] {
        &self.missing
    }
}

impl fmt::Debug for Elsewhere {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let node = self.shared.node;
        f.debug_struct("Elsewhere").field("node", &node).field("nodes", &self.nodes).finish()
    }
}
