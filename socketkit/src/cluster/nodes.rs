//! Which nodes there are, by what they say of themselves.

use super::{heard::AWAY, message::Here};
use crate::NodeId;
use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

/// How often a node says that it is there, at least.
pub(crate) const BEAT: Duration = Duration::from_secs(1);

/// A node that was silent for so long may have said something that did not come.
const SILENCE: Duration = Duration::from_millis(2_500);

/// One that was silent for so long is gone.
pub(crate) const GONE: Duration = Duration::from_millis(3_500);

/// See the module: all but this one.
#[derive(Debug, Default)]
pub(crate) struct Nodes {
    here: BTreeMap<NodeId, Node>,
    /// Those that went without a word: they may come back.
    away: BTreeMap<NodeId, Node>,
    /// The number of the last question.
    asks: u64,
}

#[derive(Debug)]
struct Node {
    here: Here,
    heard: Instant,
    behind: Option<Behind>,
}

/// What a node said since may not have come, as long as it has not answered a question.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Behind {
    pub(crate) ask: u64,
    pub(crate) since: Instant,
    /// It was heard before, and then not.
    is_owed: bool,
}

impl Node {
    /// It is not asked any more. Since when it owes an answer.
    fn give_up(&mut self) -> Option<Instant> {
        self.behind.take().filter(|behind| behind.is_owed).map(|behind| behind.since)
    }
}

impl Nodes {
    /// A node says that it is there: whether it was not. It may have been for as long as this one, which began
    /// then.
    pub(crate) fn hear(&mut self, node: NodeId, here: Here, begun: Instant, now: Instant) -> bool {
        let was = self.here.remove(&node);
        let is_new = was.is_none();
        let was = was.or_else(|| self.away.remove(&node));
        let silence = was.as_ref().map(|was| now.saturating_duration_since(was.heard));
        let mut behind = was.and_then(|was| was.behind);
        let since = match silence {
            None => Some(begun),
            Some(silence) if silence >= SILENCE => now.checked_sub(silence * 2).or(Some(begun)),
            Some(_) => None,
        };
        if let Some(since) = since {
            self.asks += 1;
            let since = behind.map_or(since, |behind| behind.since.min(since));
            let is_owed = silence.is_some() || behind.is_some_and(|behind| behind.is_owed);
            behind = Some(Behind { ask: self.asks, since, is_owed });
        }
        self.here.insert(node, Node { here, heard: now, behind });
        is_new
    }

    /// What is to be asked of a node, again and again.
    pub(crate) fn behind(&self, node: NodeId) -> Option<Behind> {
        self.here.get(&node)?.behind
    }

    /// Whether what some node said may not have come.
    pub(crate) fn is_behind(&self) -> bool {
        self.here.values().any(|node| node.behind.is_some())
    }

    /// Nothing may have come since: what is to be asked of all.
    pub(crate) fn fall_behind(&mut self, since: Instant) -> Behind {
        self.asks += 1;
        let all = self.here.values().chain(self.away.values());
        let since = all.filter_map(|node| Some(node.behind?.since)).fold(since, Instant::min);
        let behind = Behind { ask: self.asks, since, is_owed: true };
        for node in self.here.values_mut().chain(self.away.values_mut()) {
            node.behind = Some(behind);
        }
        behind
    }

    /// Nothing is missed of anybody that was said since a time.
    pub(crate) fn healed(&mut self, since: Instant) {
        for node in self.here.values_mut().chain(self.away.values_mut()) {
            node.behind = node.behind.filter(|behind| behind.since < since);
        }
    }

    /// A node has answered.
    pub(crate) fn sync(&mut self, node: NodeId, ask: u64) {
        if let Some(node) = self.here.get_mut(&node) {
            node.behind = node.behind.filter(|behind| behind.ask != ask);
        }
    }

    /// It says that it goes. Since when it owes an answer, if it does.
    pub(crate) fn leave(&mut self, node: NodeId) -> Option<Instant> {
        let here = self.here.remove(&node);
        here.or_else(|| self.away.remove(&node))?.give_up()
    }

    /// Those that are gone by now, and since when they owe an answer.
    pub(crate) fn expire(&mut self, now: Instant) -> Vec<(NodeId, Option<Instant>)> {
        let silence = |heard: Instant| now.saturating_duration_since(heard);
        self.away.retain(|_, node| silence(node.heard) < AWAY);
        let gone = self.here.extract_if(.., |_, node| silence(node.heard) >= GONE);
        let mut gone: Vec<_> = gone.collect();
        let ids = gone.iter_mut().map(|(id, node)| (*id, node.give_up())).collect();
        self.away.extend(gone);
        ids
    }

    /// Nobody was listened to for a while: they have time to say again that they are there.
    pub(crate) fn excuse(&mut self, now: Instant) {
        self.here.values_mut().for_each(|node| node.heard = now);
    }

    pub(crate) fn contains(&self, node: NodeId) -> bool {
        self.ids().any(|known| known == node)
    }

    pub(crate) fn ids(&self) -> impl Iterator<Item = NodeId> {
        self.here.keys().copied()
    }

    /// When each has said last that it is there.
    pub(crate) fn heard(&self) -> impl Iterator<Item = (NodeId, Instant)> {
        self.here.iter().map(|(id, node)| (*id, node.heard))
    }

    /// What they have together.
    pub(crate) fn total(&self) -> Here {
        self.here.values().fold(Here::default(), |sum, node| Here {
            sockets: sum.sockets + node.here.sockets,
            connected: sum.connected + node.here.connected,
            stops: false,
        })
    }

    /// Whether any of them takes sessions.
    pub(crate) fn are_open(&self) -> bool {
        self.here.values().any(|node| !node.here.stops)
    }

    /// How long a node that has changed waits before it says so: the more nodes hear of it, the longer.
    pub(crate) fn pause(&self) -> Duration {
        let count = u32::try_from(self.here.len()).unwrap_or(u32::MAX);
        Duration::from_millis(20).saturating_mul(count + 1).clamp(Duration::from_millis(50), BEAT)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_node_is_gone_when_it_says_so_or_was_silent_for_long() {
        let (mut nodes, start) = (Nodes::default(), Instant::now());
        let [one, two] = [1, 2].map(|number: u64| NodeId::from_bytes(number.to_be_bytes()));
        let here = |sockets| Here { sockets, connected: 1, stops: false };
        assert!(nodes.hear(one, here(3), start, start));
        assert!(nodes.hear(two, here(4), start, start));
        assert_eq!(nodes.total(), Here { sockets: 7, connected: 2, stops: false });
        assert!(!nodes.hear(one, here(5), start, start + SILENCE));
        let ask = nodes.behind(one).unwrap().ask;
        nodes.sync(one, ask);
        assert_eq!(nodes.expire(start + GONE), [(two, None)]);
        assert!(nodes.hear(two, here(4), start, start + GONE), "it was cut off");
        assert!(nodes.leave(two).is_some(), "it has not said what it said meanwhile");
        assert!(nodes.ids().eq([one]));
        assert!(nodes.leave(one).is_none() && nodes.ids().next().is_none());
    }

    #[test]
    fn sessions_may_come_as_long_as_one_node_does_not_stop() {
        let (mut nodes, now) = (Nodes::default(), Instant::now());
        let [one, two] = [1, 2].map(|number: u64| NodeId::from_bytes(number.to_be_bytes()));
        let here = |stops| Here { stops, ..Here::default() };
        for (node, stops, are_open) in [(one, false, true), (two, true, true), (one, true, false)] {
            nodes.hear(node, here(stops), now, now);
            assert_eq!(nodes.are_open(), are_open);
        }
    }

    #[test]
    fn a_node_that_was_not_heard_is_asked_until_it_has_answered() {
        let (mut nodes, start) = (Nodes::default(), Instant::now() + GONE * 9);
        let node = NodeId::from_bytes([1; 8]);
        let hear = |nodes: &mut Nodes, now| {
            nodes.hear(node, Here::default(), start, now);
            nodes.behind(node).map(|behind| (behind.since, behind.ask))
        };
        let first = hear(&mut nodes, start);
        assert_eq!(first.unwrap().0, start);
        assert_eq!(hear(&mut nodes, start + BEAT), first);
        nodes.sync(node, first.unwrap().1);
        assert_eq!(hear(&mut nodes, start + BEAT), None);
        // A silence, and then one that is longer: it is gone meanwhile.
        let later = start + BEAT + SILENCE;
        let (since, ask) = hear(&mut nodes, later).unwrap();
        assert_eq!(since, later - SILENCE * 2);
        nodes.sync(node, ask - 1);
        assert!(nodes.behind(node).is_some(), "an older question");
        nodes.sync(node, ask);
        nodes.expire(later + GONE * 2);
        let (since, ask) = hear(&mut nodes, later + GONE * 2).unwrap();
        assert_eq!(since, later - GONE * 2);
        // The connection is lost before it answers.
        let behind = nodes.fall_behind(later);
        assert!(behind.since == since && behind.ask > ask, "for all of it");
        assert_eq!(hear(&mut nodes, later + GONE * 2), Some((since, behind.ask)));
    }
}
