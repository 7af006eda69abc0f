//! One sender and one who listens, where something was missed.

use super::*;
use crate::cluster::message::Head;

const ROOM: Channel = Channel::Room(1);
const HALL: Channel = Channel::Room(2);
const YARD: Channel = Channel::Room(3);

struct Listener {
    heard: Heard,
    start: Instant,
    now: Instant,
    /// Since when it listens to each room.
    since: HashMap<Channel, Instant>,
}

#[derive(Debug, PartialEq)]
enum Did {
    Deliver(u64),
    Ask(Missed),
    Gap(Channel),
}

fn node() -> NodeId {
    NodeId::from_bytes([7; 8])
}

fn message(on: Channel, first: u64, before: Option<(u64, u64)>) -> Message {
    let (before, ago) = (before.map(|(before, _)| before), before.map_or(0, |(_, ago)| ago));
    let records = vec![Record::Here(Default::default())];
    let head = Head { from: node(), on, first, before, ago, counts: true, records };
    Message { head, bytes: "a".into() }
}

fn marks(first: u64, marks: Vec<Mark>) -> Message {
    let (on, records) = (Channel::Control, vec![Record::Marks(marks)]);
    let head = Head { from: node(), on, first, before: None, ago: 0, counts: false, records };
    Message { head, bytes: "".into() }
}

impl Listener {
    /// One that has listened to both rooms for a minute.
    fn new() -> Self {
        let start = Instant::now();
        let since = [ROOM, HALL, YARD].map(|channel| (channel, start)).into();
        let now = start + Duration::from_secs(60);
        Self { heard: Heard::new(WAITING), start, now, since }
    }

    fn act(&mut self, act: impl FnOnce(&mut Heard, Moment<'_>, &mut Vec<Act>)) -> Vec<Did> {
        let (mut acts, listened) = (Vec::new(), self.since.clone());
        let since = |channel| listened.get(&channel).copied();
        act(&mut self.heard, Moment { now: self.now, since: &since }, &mut acts);
        let counts = |act: &Act| !matches!(act, Act::Deliver(message) if !message.head.counts);
        let done = acts.into_iter().filter(counts).map(|act| match act {
            Act::Deliver(message) => Did::Deliver(message.head.first),
            Act::Ask(_, missed) => Did::Ask(Missed { age: Duration::ZERO, ..missed }),
            Act::Gap(_, channel) => Did::Gap(channel),
        });
        done.collect()
    }

    fn hear(&mut self, message: Message) -> Vec<Did> {
        self.act(|heard, moment, acts| heard.hear(message, moment, acts))
    }

    fn heal(
        &mut self,
        ask: u64,
        part: u64,
        messages: Vec<Message>,
        ends: Option<bool>,
    ) -> Vec<Did> {
        let answer = Answer { ask, part, messages, ends };
        self.act(|heard, moment, acts| heard.heal(node(), answer, moment, acts))
    }

    fn expire(&mut self, after: Duration) -> Vec<Did> {
        self.now += after;
        self.act(Heard::expire)
    }

    fn missed(&self, ask: u64, channel: Channel, after: Option<u64>, until: u64) -> Did {
        let within = self.now - self.start + PATIENCE;
        Did::Ask(Missed { ask, channel, after, within, until, age: Duration::ZERO })
    }
}

#[test]
fn the_first_on_a_channel_is_missed_if_it_was_said_while_that_was_listened_to() {
    let mut listener = Listener::new();
    let ask = listener.missed(1, ROOM, None, 5);
    assert_eq!(listener.hear(message(ROOM, 9, Some((4, 30_000)))), [ask]);
    let again = listener.heal(1, 0, vec![message(ROOM, 4, None)], Some(false));
    assert_eq!(again, [Did::Deliver(4), Did::Deliver(9)]);
    // What was said before is not.
    assert_eq!(listener.hear(message(HALL, 10, Some((2, 60_000)))), [Did::Deliver(10)]);
}

#[test]
fn a_mark_is_looked_at_before_what_came_after_it() {
    let mut listener = Listener::new();
    assert_eq!(listener.hear(message(ROOM, 1, None)), [Did::Deliver(1)]);
    let ask = listener.missed(1, ROOM, Some(1), 3);
    assert_eq!(listener.hear(marks(2, vec![Mark { on: ROOM, last: 2, age: 100 }])), [ask]);
    // The sender does not know the number before any more.
    assert_eq!(listener.hear(message(ROOM, 3, None)), []);
    assert_eq!(listener.expire(ANSWER), [Did::Gap(ROOM), Did::Deliver(3)]);
}

#[test]
fn an_answer_of_which_a_part_is_lost_is_a_gap() {
    let mut listener = Listener::new();
    listener.hear(message(ROOM, 1, None));
    let ask = listener.missed(1, ROOM, Some(1), 4);
    assert_eq!(listener.hear(message(ROOM, 4, Some((3, 0)))), [ask]);
    let again = listener.heal(1, 1, vec![message(ROOM, 3, Some((2, 0)))], Some(false));
    assert_eq!(again, [Did::Deliver(3), Did::Gap(ROOM), Did::Deliver(4)]);
}

#[test]
fn an_answer_that_comes_late_is_not_taken_for_another() {
    let mut listener = Listener::new();
    let mark = || marks(5, vec![Mark { on: ROOM, last: 5, age: 10 }]);
    assert_eq!(listener.hear(mark()), [listener.missed(1, ROOM, None, 6)]);
    listener.heard.leave(ROOM, listener.now);
    listener.expire(Duration::ZERO);
    assert!(matches!(listener.hear(mark())[..], [Did::Ask(Missed { ask: 2, .. })]));
    assert_eq!(listener.heal(1, 0, vec![message(ROOM, 3, None)], Some(false)), []);
    assert_eq!(listener.heal(2, 0, Vec::new(), Some(false)), []);
    assert_eq!(listener.heard.deadline(), None);
}

#[test]
fn what_came_before_a_channel_was_left_does_not_come_again() {
    let mut listener = Listener::new();
    assert_eq!(listener.hear(message(ROOM, 5, None)), [Did::Deliver(5)]);
    listener.heard.leave(ROOM, listener.now);
    listener.now += Duration::from_millis(10);
    assert_eq!(listener.hear(message(HALL, 6, None)), [Did::Deliver(6)]);
    listener.since.insert(ROOM, listener.now);
    listener.heard.begin(ROOM);
    listener.now += Duration::from_millis(10);
    // It is not known how much was said in between, and what it was is not of interest.
    let ask = listener.hear(message(ROOM, 9, Some((8, 5))));
    assert!(matches!(ask[..], [Did::Ask(Missed { after: None, until: 9, .. })]), "{ask:?}");
    let again = vec![message(ROOM, 5, None), message(ROOM, 8, Some((7, 1)))];
    let again = listener.heal(1, 0, again, Some(false));
    assert_eq!(again, [Did::Deliver(8), Did::Deliver(9)]);
}

#[test]
fn what_was_said_before_a_later_one_that_was_heard_before_is_not_missed() {
    let mut listener = Listener::new();
    assert_eq!(listener.hear(message(HALL, 6, None)), [Did::Deliver(6)]);
    listener.heard.begin(ROOM);
    assert_eq!(listener.hear(message(ROOM, 7, Some((5, 10)))), [Did::Deliver(7)]);
}

#[test]
fn what_waits_on_a_channel_that_is_left_does_not_hold_up_the_others() {
    let mut listener = Listener::new();
    listener.hear(message(ROOM, 1, None));
    listener.hear(message(ROOM, 3, Some((2, 0))));
    assert_eq!(listener.hear(message(HALL, 4, None)), []);
    listener.heard.leave(ROOM, listener.now);
    assert_eq!(listener.heard.deadline(), Some(listener.now));
    assert_eq!(listener.expire(Duration::ZERO), [Did::Deliver(4)]);
}

#[test]
fn the_numbers_of_a_silent_node_are_known_when_it_comes_back() {
    let mut listener = Listener::new();
    listener.hear(message(ROOM, 1, None));
    listener.expire(AWAY - Duration::from_secs(1));
    assert_eq!(listener.hear(marks(1, vec![Mark { on: ROOM, last: 1, age: 10 }])), []);
    let missed = marks(2, vec![Mark { on: ROOM, last: 2, age: 10 }]);
    assert_eq!(listener.hear(missed), [listener.missed(1, ROOM, Some(1), 3)]);
}

#[test]
fn no_more_than_there_is_room_for_waits() {
    let mut listener = Listener::new();
    listener.heard = Heard::new(Room { messages: 3, bytes: 100 });
    listener.hear(message(ROOM, 1, None));
    for first in [3, 4, 5] {
        let done = listener.hear(message(ROOM, first, Some((first - 1, 0))));
        assert!(done.iter().all(|did| matches!(did, Did::Ask(_))), "{done:?}");
    }
    let done = listener.hear(message(ROOM, 6, Some((5, 0))));
    let all = [3, 4, 5, 6].map(Did::Deliver);
    assert!(done[0] == Did::Gap(ROOM) && done[1..] == all, "{done:?}");
    // What is missed first lets nothing pass of what waits.
    listener.hear(marks(7, vec![Mark { on: ROOM, last: 7, age: 0 }]));
    for first in [9, 10, 11] {
        listener.hear(message(HALL, first, Some((first - 1, 0))));
    }
    listener.hear(message(HALL, 12, Some((11, 0))));
    assert!(listener.heard.waiting() <= 3);
}

#[test]
fn a_socket_that_comes_back_misses_nothing_of_what_it_has_heard_elsewhere() {
    let mut listener = Listener::new();
    let id = crate::SocketId::nowhere(node(), 7);
    let own = Channel::Socket(id);
    listener.since.insert(own, listener.start);
    assert_eq!(listener.hear(message(own, 3, None)), [Did::Deliver(3)]);
    // It has left, and what is known of its channel goes.
    listener.heard.forget_sockets(|_| false);
    let heard = HashMap::from([((node(), own), 8), ((node(), ROOM), 9)]);
    listener.heard.come(id, &heard, listener.now);
    assert_eq!(listener.hear(message(own, 8, Some((3, 10)))), []);
    assert_eq!(listener.hear(message(own, 12, Some((8, 10)))), [Did::Deliver(12)]);
    let ask = listener.missed(1, own, Some(12), 16);
    assert_eq!(listener.hear(message(own, 20, Some((15, 10)))), [ask]);
    listener.heal(1, 0, vec![message(own, 15, Some((12, 10)))], Some(false));
    // Others are in its room, who have heard less.
    assert!(matches!(listener.hear(message(ROOM, 21, Some((9, 10))))[..], [Did::Ask(_)]));
}

#[test]
fn what_a_log_is_to_tell_comes_from_that_in_its_place() {
    let mut listener = Listener::new();
    assert_eq!(listener.hear(message(ROOM, 1, None)), [Did::Deliver(1)]);
    let missed = listener.hear(message(ROOM, 4, Some((3, 10))));
    assert_eq!(missed, [listener.missed(1, ROOM, Some(1), 4)]);
    assert_eq!(listener.hear(message(HALL, 5, None)), []);
    let mut waiting = Vec::new();
    let acts = listener.act(|heard, moment, acts| waiting = heard.give_back(moment, acts));
    assert_eq!(acts, []);
    assert!(!listener.heard.is_waiting() && listener.heard.deadline().is_none());
    let logged = [(1, None), (3, Some((1, 10))), (4, Some((3, 10)))];
    let logged = logged.map(|(number, before)| message(ROOM, number, before));
    let recall = |listener: &mut Listener, message| {
        listener.act(|heard, moment, acts| heard.recall(message, true, moment, acts))
    };
    let told: Vec<_> =
        logged.into_iter().flat_map(|message| recall(&mut listener, message)).collect();
    assert_eq!(told, [Did::Deliver(3), Did::Deliver(4)]);
    let rest: Vec<_> = waiting.into_iter().flat_map(|message| listener.hear(message)).collect();
    assert_eq!(rest, [Did::Deliver(5)]);
    // What was said before that was listened to is known by the log not to be missed.
    let early = message(YARD, 8, Some((7, 1)));
    let acts = listener.act(|heard, moment, acts| heard.recall(early, false, moment, acts));
    assert_eq!(acts, []);
    assert_eq!(recall(&mut listener, message(YARD, 9, Some((8, 1)))), [Did::Deliver(9)]);
}

#[test]
fn what_no_log_keeps_is_asked_of_its_sender_still() {
    let mut listener = Listener::new();
    let own = Channel::Node(node());
    listener.since.insert(own, listener.start);
    listener.hear(message(ROOM, 1, None));
    listener.hear(message(own, 2, None));
    assert!(matches!(listener.hear(message(own, 5, Some((4, 10))))[..], [Did::Ask(_)]));
    let marked = listener.hear(marks(6, vec![Mark { on: ROOM, last: 6, age: 10 }]));
    assert_eq!(marked, []);
    let mut waiting = Vec::new();
    listener.act(|heard, moment, acts| waiting = heard.give_back(moment, acts));
    assert!(waiting.is_empty() && listener.heard.is_waiting());
    let again = listener.heal(1, 0, vec![message(own, 4, Some((2, 10)))], Some(false));
    assert!(matches!(again[..], [Did::Deliver(4), Did::Deliver(5), Did::Ask(_)]), "{again:?}");
}

#[test]
fn what_was_missed_is_waited_for_as_long_as_parts_of_it_come() {
    let mut listener = Listener::new();
    assert_eq!(listener.hear(message(ROOM, 1, None)), [Did::Deliver(1)]);
    let ask = listener.missed(1, ROOM, Some(1), 4);
    assert_eq!(listener.hear(marks(5, vec![Mark { on: ROOM, last: 3, age: 100 }])), [ask]);
    let most = ANSWER - Duration::from_millis(1);
    assert_eq!(listener.expire(most), []);
    assert_eq!(listener.heal(1, 0, vec![message(ROOM, 2, Some((1, 0)))], None), []);
    assert_eq!(listener.expire(most), []);
    let healed = listener.heal(1, 1, vec![message(ROOM, 3, Some((2, 0)))], Some(false));
    assert_eq!(healed, [Did::Deliver(2), Did::Deliver(3)]);
}
