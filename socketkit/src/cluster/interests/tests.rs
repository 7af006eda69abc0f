//! The channels against a plain set: what the engine was asked for is what is wanted, whatever is begun and ended
//! in between.

use super::*;
use proptest::prelude::*;
use std::time::Duration;

/// What happens.
#[derive(Debug, Clone)]
enum Act {
    Begin(u64),
    End(u64),
    /// The engine is asked, with an echo or without.
    Change(bool),
    Echo,
    /// The connection is lost, and there is another.
    Lose,
    Connect,
}

fn act() -> impl Strategy<Value = Act> {
    prop_oneof![
        5 => (0..8u64).prop_map(Act::Begin),
        4 => (0..8u64).prop_map(Act::End),
        4 => any::<bool>().prop_map(Act::Change),
        2 => Just(Act::Echo),
        1 => Just(Act::Lose),
        1 => Just(Act::Connect),
    ]
}

fn channel(number: u64) -> Channel {
    if number == 0 { Channel::All } else { Channel::Room(number) }
}

/// The real one, what is wanted, and what an engine was asked for.
struct Both {
    interests: Interests,
    now: Instant,
    most: usize,
    wanted: HashMap<Channel, u32>,
    /// `None` without a connection.
    asked: Option<HashSet<Interest>>,
    /// Those that are known to be listened to, until they are left.
    held: HashSet<Channel>,
    echo: u64,
}

impl Both {
    fn new(most: usize) -> Self {
        Self {
            interests: Interests::new(most),
            now: Instant::now(),
            most,
            wanted: HashMap::new(),
            asked: None,
            held: HashSet::new(),
            echo: 0,
        }
    }

    fn act(&mut self, act: &Act) {
        self.now += Duration::from_millis(1);
        match *act {
            Act::Begin(number) => {
                *self.wanted.entry(channel(number)).or_default() += 1;
                self.interests.begin(channel(number), self.now);
            }
            Act::End(number) => {
                if let Some(count) = self.wanted.get_mut(&channel(number)) {
                    *count -= 1;
                    self.wanted.retain(|_, count| *count > 0);
                    self.interests.end(channel(number));
                }
            }
            Act::Change(has_echo) => self.change(has_echo),
            Act::Echo => {
                self.interests.confirm(self.echo, self.now);
                assert_eq!(self.interests.awaited(), None);
                // Those that were left without a connection are told of when there is one.
                let held = self.held.iter().filter(|_| self.asked.is_some());
                held.for_each(|channel| assert!(self.interests.is_sure(*channel)));
            }
            Act::Lose => {
                self.asked = None;
                self.interests.lose();
            }
            Act::Connect if self.asked.is_none() => {
                let (changes, left) = self.interests.all(self.now);
                self.asked = Some(HashSet::new());
                self.follow(changes, left);
            }
            Act::Connect => {}
        }
        if self.asked.is_some() {
            // Whoever listens is told at once.
            self.interests.begun();
        }
        for number in 0..8 {
            let (channel, interests) = (channel(number), &self.interests);
            assert_eq!(interests.wants(channel), self.wanted.contains_key(&channel));
            assert_eq!(interests.is_sure(channel), interests.since(channel).is_some());
            assert!(interests.hears(channel) || !interests.is_sure(channel));
        }
    }

    fn change(&mut self, has_echo: bool) {
        if self.asked.is_none() {
            return;
        }
        let echo = has_echo.then(|| self.echo + 1);
        self.echo = echo.unwrap_or(self.echo);
        let held = self.held.clone();
        let before: Vec<_> = held.iter().map(|held| (*held, self.interests.since(*held))).collect();
        let (changes, left) = self.interests.change(self.now, echo);
        self.follow(changes, left);
        for (channel, since) in before.into_iter().filter(|(on, _)| self.held.contains(on)) {
            assert_eq!(self.interests.since(channel), since, "it was listened to all the time");
        }
        for channel in self.held.difference(&held).filter(|_| has_echo) {
            assert!(!self.interests.is_sure(*channel), "before the echo");
        }
    }

    /// The engine does what it is asked for.
    fn follow(&mut self, changes: Vec<Change>, left: Vec<Channel>) {
        let asked = self.asked.get_or_insert_default();
        for change in changes {
            match change {
                Change::Begin(interest) => asked.insert(interest),
                Change::End(interest) => asked.remove(&interest),
            };
            // At no time is there nothing by which a room is heard that goes on.
            let goes_on = self.held.iter().filter(|channel| {
                matches!(channel, Channel::Room(_)) && self.wanted.contains_key(channel)
            });
            for room in goes_on.filter(|_| asked.contains(&Interest::In(Channel::Control))) {
                assert!(asked.contains(&Interest::In(*room)) || asked.contains(&Interest::Rooms));
            }
        }
        for channel in left {
            assert!(self.held.remove(&channel), "{channel} is left once");
        }
        self.held.extend(self.wanted.keys());
        assert!(self.held.iter().all(|channel| self.wanted.contains_key(channel)));
        let rooms = self.wanted.keys().filter(|channel| matches!(channel, Channel::Room(_)));
        let (rooms, all_rooms) = (rooms.count(), asked.contains(&Interest::Rooms));
        assert!(if all_rooms { rooms >= self.most / 2 } else { rooms <= self.most });
        let each = self.wanted.keys().filter(|on| !all_rooms || **on == Channel::All);
        let mut expected: HashSet<_> = each.map(|channel| Interest::In(*channel)).collect();
        expected.extend(all_rooms.then_some(Interest::Rooms));
        assert_eq!(*asked, expected);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1_000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn the_engine_is_asked_for_what_is_wanted(
        most in 1..6usize,
        acts in prop::collection::vec(act(), 1..80),
    ) {
        let mut both = Both::new(most);
        both.act(&Act::Connect);
        acts.iter().for_each(|act| both.act(act));
        both.act(&Act::Connect);
        both.act(&Act::Change(true));
        both.act(&Act::Echo);
    }
}

#[test]
fn a_channel_that_is_left_and_wanted_again_at_once_was_not_left() {
    let mut both = Both::new(4);
    for act in [Act::Connect, Act::Begin(1), Act::Change(true), Act::Echo, Act::End(1)] {
        both.act(&act);
    }
    let since = both.interests.since(channel(1));
    assert!(both.interests.hears(channel(1)), "what comes until then is heard");
    both.act(&Act::Begin(1));
    let (changes, left) = both.interests.change(both.now, None);
    assert!(changes.is_empty() && left.is_empty() && since == both.interests.since(channel(1)));
}

#[test]
fn a_channel_that_is_left_and_wanted_again_without_a_connection_was_left() {
    let mut both = Both::new(4);
    let acts = [Act::Connect, Act::Begin(1), Act::Change(true), Act::Echo, Act::Lose, Act::End(1)];
    acts.iter().for_each(|act| both.act(act));
    assert!(!both.interests.is_sure(channel(1)));
    both.act(&Act::Begin(1));
    let since = Some(both.now);
    both.act(&Act::Begin(2));
    both.act(&Act::End(2));
    both.act(&Act::Begin(3));
    let (_, left) = both.interests.all(both.now);
    assert_eq!(left, [channel(1)]);
    assert_eq!(both.interests.since(channel(1)), since, "what is said meanwhile is missed");
    assert_eq!(both.interests.begun(), HashSet::from([1, 3].map(channel)));
}

#[test]
fn a_room_that_is_wanted_while_a_connection_is_made_is_listened_to_since_then() {
    for is_lost in [false, true] {
        let mut both = Both::new(4);
        for act in [Act::Connect, Act::Lose, Act::Connect, Act::Begin(1)] {
            both.act(&act);
        }
        let since = both.now;
        both.act(&if is_lost { Act::Lose } else { Act::Change(false) });
        both.now += Duration::from_secs(1);
        both.act(&Act::Connect);
        assert_eq!(both.interests.since(channel(1)), Some(since));
    }
}
