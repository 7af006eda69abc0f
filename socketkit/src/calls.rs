//! Calls of ours that wait for the peer's reply, by their ids.

use std::collections::{BTreeMap, btree_map::Entry};

/// See the module; `C` is what waits for a reply.
#[derive(Debug)]
pub(crate) struct Calls<C> {
    last: u32,
    /// How often calls of the peer were over: their handlers report no more.
    over: u32,
    /// Who waits, and whether the call is in the queue or was sent. An idle session owns no memory for it.
    #[expect(clippy::box_collection, reason = "one word in each of very many peers")]
    waiting: Option<Box<BTreeMap<u32, (C, bool)>>>,
}

impl<C> Calls<C> {
    pub(crate) fn new() -> Self {
        Self { last: 0, over: 0, waiting: None }
    }

    /// Those of a session that another node has had, whose last call had this id.
    #[cfg(feature = "cluster")]
    pub(crate) fn after(last: u32) -> Self {
        Self { last, ..Self::new() }
    }

    #[cfg(feature = "cluster")]
    pub(crate) fn last(&self) -> u32 {
        self.last
    }

    /// Begins a call and gives its id, or `waiter` back if `limit` are in flight.
    pub(crate) fn begin(&mut self, waiter: C, limit: usize) -> Result<u32, C> {
        let waiting = self.waiting.get_or_insert_default();
        if waiting.len() >= limit {
            return Err(waiter);
        }
        loop {
            self.last = self.last.wrapping_add(1);
            // After 2^32 calls an old one may still be in flight.
            if let Entry::Vacant(free) = waiting.entry(self.last) {
                free.insert((waiter, false));
                return Ok(self.last);
            }
        }
    }

    /// A call was put into the queue.
    pub(crate) fn pushed(&mut self, id: u32) {
        let waiting = self.waiting.as_mut().and_then(|waiting| waiting.get_mut(&id));
        if let Some((_, is_pushed)) = waiting {
            *is_pushed = true;
        }
    }

    /// Ends a call: who waits for it, unless it is not in flight.
    pub(crate) fn settle(&mut self, id: u32) -> Option<C> {
        let waiting = self.waiting.as_mut()?;
        let (waiter, _) = waiting.remove(&id)?;
        if waiting.is_empty() {
            self.waiting = None;
        }
        Some(waiter)
    }

    /// Who waits for a call.
    pub(crate) fn find(&self, id: u32) -> Option<&C> {
        self.waiting.as_ref()?.get(&id).map(|(waiter, _)| waiter)
    }

    /// The call of the peer that is handled is over: it is answered or cancelled, or its session is.
    pub(crate) fn end_handled(&mut self) {
        self.over = self.over.wrapping_add(1);
    }

    /// Tells the calls of the peer that are over from the one that is handled.
    pub(crate) fn handled(&self) -> u32 {
        self.over
    }

    /// Ends the calls that were put into the queue and of which `is_lost` says so.
    pub(crate) fn lose(&mut self, is_lost: impl Fn(u32) -> bool) -> Vec<C> {
        let Some(waiting) = &mut self.waiting else { return Vec::new() };
        let lost = waiting.extract_if(.., |id, (_, is_pushed)| *is_pushed && is_lost(*id));
        lost.map(|(_, (waiter, _))| waiter).collect()
    }

    /// Ends every call.
    pub(crate) fn settle_all(&mut self) -> impl Iterator<Item = C> + use<C> {
        let waiting = self.waiting.take().into_iter();
        waiting.flat_map(|waiting| waiting.into_values()).map(|(waiter, _)| waiter)
    }

    /// Whether a reply is waited for.
    pub(crate) fn is_empty(&self) -> bool {
        self.waiting.as_ref().is_none_or(|waiting| waiting.is_empty())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_call_is_settled_once() {
        let mut calls = Calls::new();
        let first = calls.begin("a", 2).unwrap();
        let second = calls.begin("b", 2).unwrap();
        assert_eq!(calls.begin("c", 2), Err("c"));
        assert_eq!((calls.settle(first), calls.settle(first)), (Some("a"), None));
        calls.last = second - 1;
        assert_ne!(calls.begin("d", 2).unwrap(), second, "an id in flight is not given again");
        assert_eq!(calls.settle_all().count(), 2);
        assert!(calls.is_empty());
    }
}
