//! The roster against plain sets: who joins, leaves, loads a page again, is cut off, comes back or is taken
//! over, in any order and at any time.

use super::{
    roster::{Change, LOST, RELOAD, Roster},
    said::{Said, Stamp, Stay},
};
use crate::{Member, NodeId, Present, SocketId};
use proptest::prelude::*;
use serde::{Deserialize, Serialize};
use std::{
    collections::{BTreeMap, BTreeSet},
    time::{Duration, Instant},
};

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Person {
    name: u8,
    says: u8,
}

impl Member for Person {
    fn key(&self) -> String {
        self.name.to_string()
    }
}

/// What happens to one of a few sockets.
#[derive(Debug, Clone)]
enum Act {
    /// It is there as somebody.
    Present(u8, Person),
    Leave(u8),
    Lose(u8),
    Return(u8),
    /// Its session ends, by a lost connection or not.
    End(u8, bool),
    /// Time goes by; ms.
    Wait(u64),
}

fn act() -> impl Strategy<Value = Act> {
    let socket = 0..6u8;
    let person = (0..3u8, 0..2u8).prop_map(|(name, says)| Person { name, says });
    prop_oneof![
        4 => (socket.clone(), person).prop_map(|(socket, person)| Act::Present(socket, person)),
        1 => socket.clone().prop_map(Act::Leave),
        3 => socket.clone().prop_map(Act::Lose),
        3 => socket.clone().prop_map(Act::Return),
        2 => (socket, any::<bool>()).prop_map(|(socket, was_lost)| Act::End(socket, was_lost)),
        3 => prop_oneof![Just(1), Just(500), Just(1_999), Just(2_000), Just(8_000), Just(10_000)]
            .prop_map(Act::Wait),
    ]
}

/// One socket, as plain as can be.
#[derive(Debug, Clone)]
struct Plain {
    key: String,
    since: Since,
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Since {
    Here,
    /// It may come back, and is shown until then.
    Lost(Instant),
    /// It never does.
    Ended(Instant),
}

/// The real one beside the plain one, and what somebody knows who was told of each change.
struct Both {
    now: Instant,
    roster: Roster<Person>,
    /// When each socket is to be looked at.
    timers: Vec<(Instant, SocketId)>,
    plain: BTreeMap<u8, Plain>,
    /// Generation of each slot: a socket that has ended never comes again.
    generation: BTreeMap<u8, u64>,
    known: BTreeMap<String, Present<Person>>,
    /// How often somebody has said something.
    said: u64,
}

impl Both {
    fn new() -> Self {
        Self {
            now: Instant::now(),
            roster: Roster::new(),
            timers: Vec::new(),
            plain: BTreeMap::new(),
            generation: BTreeMap::new(),
            known: BTreeMap::new(),
            said: 0,
        }
    }

    fn id(&self, socket: u8) -> SocketId {
        let count = self.generation.get(&socket).copied().unwrap_or_default();
        SocketId::new(NodeId::default(), count, socket.into()).unwrap()
    }

    fn hear(&mut self, changes: impl IntoIterator<Item = Change>) {
        for Change(key) in changes {
            match self.roster.find(&key) {
                Some(present) => self.known.insert(key, present),
                None => self.known.remove(&key),
            };
        }
    }

    fn act(&mut self, act: Act) {
        match act {
            Act::Present(socket, person) => {
                let (id, key) = (self.id(socket), person.key());
                self.said += 1;
                let said = Said { member: person, stamp: Stamp { at: self.said, by: id } };
                let changes = self.roster.present(id, key.clone(), said, Stay::default());
                self.hear(changes);
                self.plain.insert(socket, Plain { key, since: Since::Here });
            }
            Act::Leave(socket) => {
                let id = self.id(socket);
                let change = self.roster.leave(id);
                self.hear(change);
                self.plain.remove(&socket);
            }
            Act::Lose(socket) => {
                let id = self.id(socket);
                self.timers.extend(self.roster.lose(id, self.now).map(|until| (until, id)));
                if let Some(plain) =
                    self.plain.get_mut(&socket).filter(|it| it.since == Since::Here)
                {
                    plain.since = Since::Lost(self.now + LOST);
                }
            }
            Act::Return(socket) => {
                let id = self.id(socket);
                let changes = self.roster.find_again(id);
                self.hear(changes);
                if let Some(plain) = self.plain.get_mut(&socket) {
                    plain.since = Since::Here;
                }
            }
            Act::End(socket, was_lost) => {
                let id = self.id(socket);
                let (change, until) = self.roster.end(id, was_lost, self.now);
                self.hear(change);
                self.timers.extend(until.map(|until| (until, id)));
                if let Some(plain) = self.plain.remove(&socket) {
                    let until = match plain.since {
                        Since::Lost(until) => until,
                        _ => self.now + if was_lost { LOST } else { RELOAD },
                    };
                    // Under a slot of its own, which nobody uses.
                    let slot = 100 + u8::try_from(self.plain.len()).unwrap();
                    let free = (slot..).find(|slot| !self.plain.contains_key(slot)).unwrap();
                    self.plain.insert(free, Plain { since: Since::Ended(until), ..plain });
                }
                *self.generation.entry(socket).or_default() += 1;
            }
            Act::Wait(ms) => self.wait(Duration::from_millis(ms)),
        }
        self.compare();
    }

    fn wait(&mut self, time: Duration) {
        let end = self.now + time;
        self.timers.sort_unstable_by_key(|(until, _)| *until);
        while self.timers.first().is_some_and(|(until, _)| *until <= end) {
            let (until, id) = self.timers.remove(0);
            self.now = until;
            let change = self.roster.expire(id, until);
            self.hear(change);
            // At one instant several are looked at, one after the other.
            if self.timers.first().is_none_or(|(next, _)| *next > until) {
                self.compare();
            }
        }
        self.now = end;
    }

    /// Who is there by the plain rule: who has a socket that is connected, was lost less than 10 s ago, or
    /// has ended less than 2 s ago (10 s by a lost connection) while no other was connected.
    fn compare(&mut self) {
        let connected: BTreeSet<_> = self
            .plain
            .values()
            .filter(|it| it.since == Since::Here)
            .map(|it| it.key.clone())
            .collect();
        let now = self.now;
        // An ended one is forgotten where another is connected: that has taken its place.
        self.plain.retain(|_, it| match it.since {
            Since::Ended(until) => until > now && !connected.contains(&it.key),
            Since::Here | Since::Lost(_) => true,
        });
        let there: BTreeSet<_> = self
            .plain
            .values()
            .filter(|it| !matches!(it.since, Since::Lost(until) if until <= now))
            .map(|it| it.key.clone())
            .collect();
        let real: BTreeSet<_> = self.roster.each().map(|present| present.key).collect();
        assert_eq!(real, there, "who is there");
        let known: Vec<_> = self.known.values().cloned().collect();
        assert_eq!(self.roster.each().collect::<Vec<_>>(), known, "what is told");
        assert_eq!(self.roster.len(), known.len());
        for present in &known {
            assert!(!present.sockets.is_empty() && present.member.key() == present.key);
        }
        // Each connected socket is in the list of its person, and in no other.
        for (socket, plain) in self.plain.iter().filter(|(_, it)| it.since == Since::Here) {
            let id = self.id(*socket).to_string();
            let of = known.iter().filter(|present| present.sockets.contains(&id));
            assert_eq!(of.map(|present| &present.key).collect::<Vec<_>>(), [&plain.key]);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn who_is_there_is_who_a_plain_set_says_and_everybody_is_told(
        acts in prop::collection::vec(act(), 1..60),
    ) {
        let mut both = Both::new();
        acts.into_iter().for_each(|act| both.act(act));
        // When all have ended, nobody is left, and nothing is kept of them.
        for socket in 0..6 {
            both.act(Act::End(socket, true));
        }
        both.act(Act::Wait(10_000));
        prop_assert!(both.known.is_empty() && both.roster.is_without(NodeId::default()));
    }
}

#[test]
fn one_that_is_looked_at_twice_comes_back_all_the_same() {
    let mut both = Both::new();
    both.act(Act::Present(0, Person { name: 1, says: 0 }));
    // Two of its connections were lost at one instant.
    for act in [Act::Lose(0), Act::Return(0), Act::Lose(0), Act::Wait(10_000)] {
        both.act(act);
    }
    assert!(both.known.is_empty());
    both.act(Act::Return(0));
    assert_eq!(both.known.len(), 1);
}

#[test]
fn a_page_that_is_loaded_again_is_neither_a_leave_nor_a_join() {
    let mut both = Both::new();
    both.act(Act::Present(0, Person { name: 1, says: 0 }));
    both.act(Act::End(0, false));
    both.act(Act::Wait(1_999));
    assert_eq!(both.known.len(), 1);
    both.act(Act::Present(1, Person { name: 1, says: 0 }));
    both.act(Act::Wait(10_000));
    assert_eq!(both.known["1"].sockets, [both.id(1).to_string()]);
    both.act(Act::End(1, false));
    both.act(Act::Wait(2_000));
    assert!(both.known.is_empty());
}
