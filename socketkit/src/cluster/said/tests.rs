//! What is said again, and what is known to be gone.

use super::*;
use crate::cluster::message::{Here, Message};

const ROOM: Channel = Channel::Room(1);
const HALL: Channel = Channel::Room(2);

fn said(messages: usize) -> (Said, Instant) {
    let room = Room { messages, bytes: 1 << 20 };
    (Said::new(NodeId::from_bytes([7; 8]), room), Instant::now())
}

fn say(said: &mut Said, channel: Channel, now: Instant) -> Message {
    let records = vec![Record::Here(Here::default())];
    Message::read(said.say(channel, records, [].into_iter(), now).payload).unwrap()
}

/// The numbers of what is said again, and whether some is gone.
fn again(said: &Said, after: Option<u64>, since: Instant, until: u64) -> (Vec<u64>, bool) {
    let Again { messages, gone } = said.again(ROOM, after, since, until);
    let number = |message| Message::read(message).unwrap().head.first;
    (messages.into_iter().map(number).collect(), gone)
}

#[test]
fn a_message_says_what_was_before_it_and_how_long_ago() {
    let (mut said, start) = said(10);
    let (first, later) = (say(&mut said, ROOM, start), start + Duration::from_millis(250));
    say(&mut said, HALL, start);
    let next = say(&mut said, ROOM, later);
    assert_eq!((first.head.before, next.head.before, next.head.ago), (None, Some(1), 250));
}

#[test]
fn what_is_kept_is_said_again_and_the_rest_is_gone() {
    let (mut said, start) = said(3);
    let second = Duration::from_secs(1);
    for time in 0..5 {
        say(&mut said, ROOM, start + second * time);
    }
    assert_eq!(again(&said, Some(2), start, 6), (vec![3, 4, 5], false));
    assert_eq!(again(&said, Some(3), start, 5), (vec![4], false));
    assert_eq!(again(&said, Some(1), start, 6), (vec![3, 4, 5], true));
    assert_eq!(again(&said, None, start + second * 2, 6), (vec![3, 4, 5], false));
    assert_eq!(again(&said, None, start + second, 6), (vec![3, 4, 5], true));
    // What was said before whoever asks has listened is not meant, whatever the last number was.
    assert_eq!(again(&said, Some(1), start + second * 3, 6), (vec![4, 5], false));
    // All of it is gone.
    assert_eq!(again(&said, Some(1), start, 3), (vec![], true));
}

#[test]
fn what_is_not_kept_of_a_channel_is_known() {
    let (mut said, start) = said(3);
    let second = Duration::from_secs(1);
    say(&mut said, ROOM, start);
    for time in 1..4 {
        say(&mut said, ROOM, start + second * time);
    }
    let after = |said: &Said, number| said.lacks(ROOM, (Some(number), start));
    assert!(after(&said, 0) && !after(&said, 1) && !after(&said, 4));
    let since = |seconds| said.lacks(ROOM, (None, start + second * seconds));
    assert!(since(0) && !since(1) && !since(9));
    assert!(!said.lacks(HALL, (Some(0), start)));
    said.skip(ROOM, said.last() + 1, start + second * 4);
    assert!(after(&said, 4) && !after(&said, 5));
    say(&mut said, ROOM, start + second * 5);
    assert!(after(&said, 4) && !after(&said, 5));
}

#[test]
fn what_was_not_said_is_gone() {
    let (mut said, start) = said(10);
    say(&mut said, ROOM, start);
    said.skip(ROOM, said.last() + 1, start);
    assert_eq!(again(&said, Some(1), start, 3), (vec![], true), "nothing was said since");
    say(&mut said, ROOM, start);
    assert_eq!(again(&said, Some(1), start, 4), (vec![3], true));
    said.forget(start + KNOWN);
    assert_eq!(again(&said, Some(1), start, 3), (vec![], true));
}

#[test]
fn what_was_not_said_is_gone_when_its_channel_is_forgotten() {
    let (mut said, start) = said(10);
    say(&mut said, ROOM, start);
    said.skip(ROOM, said.last() + 1, start);
    let marks = said.forget(start + KNOWN);
    assert_eq!(marks, [Mark { on: ROOM, last: 2, age: 60_000 }]);
    assert_eq!(again(&said, Some(1), start, 3), (vec![], true));
    let next = say(&mut said, ROOM, start + KNOWN);
    assert_eq!(next.head.before, None);
    assert_eq!(again(&said, Some(1), start, 4), (vec![3], true));
}

#[test]
fn a_node_knows_that_it_has_forgotten_something() {
    let (mut said, start) = said(10);
    say(&mut said, ROOM, start);
    let later = start + Duration::from_secs(1);
    assert_eq!(said.forget(start + KNOWN - Duration::from_millis(1)), []);
    assert!(!said.has_forgotten(start));
    assert_eq!(said.forget(start + KNOWN).len(), 1);
    assert!(said.has_forgotten(start) && !said.has_forgotten(later));
    assert_eq!((said.marks(start, later), said.last()), (vec![], 1));
}
