//! What a client keeps while it is not connected.

use crate::{
    CallError, Limits, Policy,
    call::{InFlight, Question},
    delivery::Pushed,
    frame::Draft,
};
use std::collections::VecDeque;
use tokio::sync::oneshot;

/// Events and calls in the order in which they were emitted.
#[derive(Debug, Default)]
pub(crate) struct Unsent {
    items: VecDeque<Item>,
    bytes: usize,
}

/// What waits for a connection.
#[derive(Debug)]
pub(crate) enum Item {
    Event(Draft, (Policy, usize)),
    Call(Question, Turn),
}

/// Is told what became of a call when its turn has come.
pub(crate) type Turn = oneshot::Sender<Result<InFlight, CallError>>;

impl Unsent {
    /// Keeps an event: of a `latest` one the newest, and no `volatile` one.
    pub(crate) fn push_event(
        &mut self,
        draft: Draft,
        policy: (Policy, usize),
        limits: &Limits,
    ) -> Pushed {
        if policy.0 == Policy::Volatile {
            return Pushed::Dropped;
        }
        let is_older = |item: &Item| match item {
            Item::Event(_, older) => policy.0 == Policy::Latest && *older == policy,
            Item::Call(..) => false,
        };
        let at = self.items.iter().position(is_older);
        let older = at.and_then(|at| self.items.remove(at));
        self.bytes -= older.as_ref().map_or(0, Item::size);
        if self.push(Item::Event(draft, policy), limits) {
            return if older.is_some() { Pushed::Replaced } else { Pushed::Queued };
        }
        if let (Some(at), Some(older)) = (at, older) {
            self.bytes += older.size();
            self.items.insert(at.min(self.items.len()), older);
        }
        Pushed::Dropped
    }

    /// Keeps a call, which `None` says there is no room for.
    pub(crate) fn push_call(
        &mut self,
        question: Question,
        limits: &Limits,
    ) -> Option<oneshot::Receiver<Result<InFlight, CallError>>> {
        let (turn, later) = oneshot::channel();
        self.push(Item::Call(question, turn), limits).then_some(later)
    }

    /// Takes all of it, but for calls that nobody waits for any more.
    pub(crate) fn take(&mut self) -> impl Iterator<Item = Item> + use<> {
        std::mem::take(self).items.into_iter().filter(Item::is_wanted)
    }

    fn push(&mut self, item: Item, limits: &Limits) -> bool {
        let size = item.size();
        if self.is_full(size, limits) {
            self.items.retain(Item::is_wanted);
            self.bytes = self.items.iter().map(Item::size).sum();
            if self.is_full(size, limits) {
                return false;
            }
        }
        self.bytes += size;
        self.items.push_back(item);
        true
    }

    fn is_full(&self, more: usize, limits: &Limits) -> bool {
        let is_too_much = !self.items.is_empty() && self.bytes + more > limits.queue_bytes;
        is_too_much || self.items.len() >= limits.unsent
    }
}

impl Item {
    fn size(&self) -> usize {
        match self {
            Self::Event(draft, _) => draft.text().len(),
            Self::Call(question, _) => question.payload.len(),
        }
    }

    fn is_wanted(&self) -> bool {
        !matches!(self, Self::Call(_, turn) if turn.is_closed())
    }
}
