//! Who is present in one room, without clock and sockets: what changes when somebody comes, goes, is lost
//! or comes back.

use crate::{Present, SocketId};
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
    member: M,
    /// Those that are shown.
    sockets: Vec<SocketId>,
}

/// How a socket stands to its person.
#[derive(Debug)]
struct Standing<M> {
    key: String,
    /// When it is shown no more; `None` for one that is connected.
    until: Option<Instant>,
    /// What it was there as, of one that is shown no more and may come back.
    hidden: Option<M>,
    /// It does not come back.
    has_ended: bool,
}

/// What everybody in the room is told: somebody's entry is this now, or there is none any more.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Change(pub(super) String);

impl<M: Clone + PartialEq> Roster<M> {
    pub(super) fn new() -> Self {
        Self { people: BTreeMap::new(), sockets: HashMap::new() }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.sockets.is_empty()
    }

    /// Everybody, in the order of their keys.
    pub(super) fn each(&self) -> impl Iterator<Item = Present<M>> {
        self.people.iter().map(|(key, person)| present(key, person))
    }

    /// Somebody's entry.
    pub(super) fn find(&self, key: &str) -> Option<Present<M>> {
        self.people.get_key_value(key).map(|(key, person)| present(key, person))
    }

    pub(super) fn len(&self) -> usize {
        self.people.len()
    }

    /// A socket is there for somebody.
    pub(super) fn present(&mut self, id: SocketId, key: String, member: M) -> Vec<Change> {
        let mut changes = Vec::new();
        if self.sockets.get(&id).is_some_and(|standing| standing.key != key) {
            changes.extend(self.leave(id));
        }
        let before = self.find(&key);
        let standing = Standing { key: key.clone(), until: None, hidden: None, has_ended: false };
        self.sockets.insert(id, standing);
        let person = self
            .people
            .entry(key.clone())
            .or_insert_with(|| Person { member: member.clone(), sockets: Vec::new() });
        person.member = member;
        if !person.sockets.contains(&id) {
            person.sockets.push(id);
        }
        // The page that this one comes after is waited for no more.
        let ended = person
            .sockets
            .extract_if(.., |id| self.sockets.get(id).is_some_and(|standing| standing.has_ended));
        for ended in ended.collect::<Vec<_>>() {
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
        let key = standing.key.clone();
        let shown = self.people.get(&key).map(|person| person.member.clone());
        shown.or(hidden).map(|member| self.present(id, key, member)).unwrap_or_default()
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
        standing.hidden = self.people.get(&standing.key).map(|person| person.member.clone());
        let key = standing.key.clone();
        self.hide(id, &key)
    }

    /// Takes a socket from its person, and the person with the last.
    fn hide(&mut self, id: SocketId, key: &str) -> Option<Change> {
        let person = self.people.get_mut(key)?;
        let at = person.sockets.iter().position(|known| *known == id)?;
        person.sockets.remove(at);
        if person.sockets.is_empty() {
            self.people.remove(key);
        }
        Some(Change(key.to_owned()))
    }
}

fn present<M: Clone>(key: &str, person: &Person<M>) -> Present<M> {
    let sockets = person.sockets.iter().map(ToString::to_string).collect();
    Present { key: key.to_owned(), member: person.member.clone(), sockets }
}
