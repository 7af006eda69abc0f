//! Who is present in one room, without clock and sockets: what changes when somebody comes, goes, is lost
//! or comes back.

use super::said::{Said, Stay};
use crate::{NodeId, Present, SocketId};
use std::{
    collections::{BTreeMap, HashMap},
    time::{Duration, Instant},
};

/// How long somebody whose last page was closed is still there: it may be loaded again.
pub(super) const RELOAD: Duration = Duration::from_secs(2);

/// How long somebody whose last connection was lost is still there.
pub(super) const LOST: Duration = Duration::from_secs(10);

/// See the module.
#[derive(Debug)]
pub(super) struct Roster<M> {
    people: BTreeMap<String, Person<M>>,
    /// Sockets that were or are present, with whose they are.
    sockets: HashMap<SocketId, Standing<M>>,
}

#[derive(Debug)]
struct Person<M> {
    said: Said<M>,
    /// Those that are shown, in their order: on every node the same.
    sockets: Vec<SocketId>,
}

/// How a socket stands to its person.
#[derive(Debug)]
pub(super) struct Standing<M> {
    pub(super) key: String,
    /// When it is shown no more; `None` for one that is connected.
    pub(super) until: Option<Instant>,
    /// What it was there as, of one that is shown no more and may come back.
    pub(super) hidden: Option<Said<M>>,
    /// It does not come back.
    pub(super) has_ended: bool,
    pub(super) stay: Stay,
}

/// What everybody in the room is told: somebody's entry is this now, or there is none any more.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Change(pub(super) String);

impl<M: Clone + PartialEq> Roster<M> {
    pub(super) fn new() -> Self {
        Self { people: BTreeMap::new(), sockets: HashMap::new() }
    }

    /// Whether no socket of a node is or was there.
    pub(super) fn is_without(&self, node: NodeId) -> bool {
        self.sockets.values().all(|standing| standing.stay.node != node)
    }

    /// Whether a socket is or was there.
    pub(super) fn has(&self, id: SocketId) -> bool {
        self.sockets.contains_key(&id)
    }

    /// Everybody, in the order of their keys.
    pub(super) fn each(&self) -> impl Iterator<Item = Present<M>> {
        self.people.iter().map(|(key, person)| present(key, &person.said, &person.sockets))
    }

    /// Everybody by their sockets of one node, in the same order.
    pub(super) fn each_of(&self, node: NodeId) -> impl Iterator<Item = Present<M>> {
        let is_there = move |id: &&SocketId| {
            self.sockets.get(*id).is_some_and(|standing| standing.stay.node == node)
        };
        self.people.iter().filter_map(move |(key, person)| {
            let sockets: Vec<_> = person.sockets.iter().filter(is_there).copied().collect();
            (!sockets.is_empty()).then(|| present(key, &person.said, &sockets))
        })
    }

    /// Somebody's entry.
    pub(super) fn find(&self, key: &str) -> Option<Present<M>> {
        self.people.get(key).map(|person| present(key, &person.said, &person.sockets))
    }

    pub(super) fn len(&self) -> usize {
        self.people.len()
    }

    /// A socket is there for somebody.
    pub(super) fn present(
        &mut self,
        id: SocketId,
        key: String,
        said: Said<M>,
        stay: Stay,
    ) -> Vec<Change> {
        self.show(id, said, Standing { key, until: None, hidden: None, has_ended: false, stay })
    }

    fn show(&mut self, id: SocketId, said: Said<M>, standing: Standing<M>) -> Vec<Change> {
        let mut changes = Vec::new();
        let (key, is_connected) = (standing.key.clone(), standing.until.is_none());
        if self.sockets.get(&id).is_some_and(|standing| standing.key != key) {
            changes.extend(self.leave(id));
        }
        let before = self.find(&key);
        self.sockets.insert(id, standing);
        let person = self
            .people
            .entry(key.clone())
            .or_insert_with(|| Person { said: said.clone(), sockets: Vec::new() });
        if said.stamp > person.said.stamp {
            person.said = said;
        }
        if let Err(at) = person.sockets.binary_search(&id) {
            person.sockets.insert(at, id);
        }
        // The page that this one comes after is waited for no more.
        let has_ended = |id: &mut SocketId| {
            is_connected && self.sockets.get(id).is_some_and(|standing| standing.has_ended)
        };
        for ended in person.sockets.extract_if(.., has_ended).collect::<Vec<_>>() {
            self.sockets.remove(&ended);
        }
        if before != self.find(&key) {
            changes.push(Change(key));
        }
        changes
    }

    /// A socket is there no more, of its own will.
    pub(super) fn leave(&mut self, id: SocketId) -> Option<Change> {
        let standing = self.sockets.remove(&id)?;
        self.hide(id, &standing.key)
    }

    /// A socket has lost its connection. When it is to be looked at again.
    pub(super) fn lose(&mut self, id: SocketId, now: Instant) -> Option<Instant> {
        let standing = self.sockets.get_mut(&id).filter(|standing| standing.until.is_none())?;
        standing.until = Some(now + LOST);
        standing.until
    }

    /// A socket has a connection again.
    pub(super) fn find_again(&mut self, id: SocketId) -> Vec<Change> {
        let Some(standing) = self.sockets.get_mut(&id) else { return Vec::new() };
        standing.until = None;
        let hidden = standing.hidden.take();
        // Others of the same person may have said something else meanwhile.
        let (key, stay) = (standing.key.clone(), standing.stay);
        let shown = self.people.get(&key).map(|person| person.said.clone());
        hidden.or(shown).map(|said| self.present(id, key, said, stay)).unwrap_or_default()
    }

    /// A socket has ended. What changes by that, and when it is to be looked at again.
    pub(super) fn end(
        &mut self,
        id: SocketId,
        was_lost: bool,
        now: Instant,
    ) -> (Option<Change>, Option<Instant>) {
        let Some(standing) = self.sockets.get_mut(&id) else { return (None, None) };
        if std::mem::replace(&mut standing.has_ended, true) {
            return (None, None);
        }
        let grace = if was_lost { LOST } else { RELOAD };
        let until = *standing.until.get_or_insert(now + grace);
        let person = self.people.get(&standing.key).filter(|_| standing.hidden.is_none());
        let is_waited_for = person.is_some_and(|person| {
            // Somebody who is connected otherwise is there all the same.
            let others = person.sockets.iter().filter_map(|id| self.sockets.get(id));
            others.into_iter().all(|other| other.until.is_some())
        });
        if is_waited_for { (None, Some(until)) } else { (self.leave(id), None) }
    }

    /// Looks at a socket for which no more is waited.
    pub(super) fn expire(&mut self, id: SocketId, now: Instant) -> Option<Change> {
        let standing = self.sockets.get_mut(&id)?;
        if standing.until.is_none_or(|until| until > now) {
            return None;
        }
        if standing.has_ended {
            return self.leave(id);
        }
        if standing.hidden.is_some() {
            return None;
        }
        standing.hidden = self.people.get(&standing.key).map(|person| person.said.clone());
        let key = standing.key.clone();
        self.hide(id, &key)
    }

    /// Takes a socket from its person, and the person with the last.
    fn hide(&mut self, id: SocketId, key: &str) -> Option<Change> {
        let person = self.people.get_mut(key)?;
        let at = person.sockets.binary_search(&id).ok()?;
        person.sockets.remove(at);
        if person.sockets.is_empty() {
            self.people.remove(key);
        }
        Some(Change(key.to_owned()))
    }
}

/// What has to be known where there are several nodes.
#[cfg(feature = "cluster")]
impl<M: Clone + PartialEq> Roster<M> {
    /// The sockets that are or were there, in no order.
    pub(super) fn standings(&self) -> impl Iterator<Item = (SocketId, &Standing<M>)> {
        self.sockets.iter().map(|(id, standing)| (*id, standing))
    }

    /// Where a socket is, if it is known.
    pub(super) fn stay(&self, id: SocketId) -> Option<Stay> {
        self.sockets.get(&id).map(|standing| standing.stay)
    }

    /// What a socket is or was there as.
    pub(super) fn said(&self, id: SocketId) -> Option<(&str, &Said<M>)> {
        let standing = self.sockets.get(&id)?;
        let shown = || self.people.get(&standing.key).map(|person| &person.said);
        Some((&standing.key, standing.hidden.as_ref().or_else(shown)?))
    }

    /// A socket goes to another node, and is soon present there: until then it is as if it was lost, but for that
    /// its person is shown by it all the same. When it is to be looked at again.
    pub(super) fn depart(&mut self, id: SocketId, now: Instant) -> Option<Instant> {
        let standing = self.sockets.get_mut(&id)?;
        standing.has_ended = true;
        standing.until = Some(now + LOST);
        standing.until
    }

    /// A socket is there as its node says: until a time, if it has no connection or has ended.
    pub(super) fn restore(
        &mut self,
        id: SocketId,
        (key, said): (String, Said<M>),
        stay: Stay,
        (until, has_ended): (Option<Instant>, bool),
        now: Instant,
    ) -> Vec<Change> {
        let before = self.find(&key);
        let standing = Standing { key: key.clone(), until, hidden: None, has_ended, stay };
        let mut changes = self.show(id, said, standing);
        let _ = self.expire(id, now);
        // It may not be shown any more.
        changes.retain(|Change(changed)| *changed != key);
        if before != self.find(&key) {
            changes.push(Change(key));
        }
        changes
    }
}

fn present<M: Clone>(key: &str, said: &Said<M>, sockets: &[SocketId]) -> Present<M> {
    let sockets = sockets.iter().map(ToString::to_string).collect();
    Present { key: key.to_owned(), member: said.member.clone(), sockets }
}
