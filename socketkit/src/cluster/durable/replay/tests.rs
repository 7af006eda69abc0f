use super::*;
use crate::{
    cluster::{
        durable::Whose,
        engine::{Logged, Read},
        said::{Room, Said},
    },
    presence::Presences,
};
use serde_json::value::to_raw_value;

/// How long ago the first of two messages of a node was kept, and the second.
const AGES: [Duration; 2] = [Duration::from_secs(200), Duration::from_secs(50)];

/// Whether the second is all that there ought to be, where what was said before an age is done.
fn is_whole(done: Option<Duration>) -> bool {
    let now = Instant::now();
    let name = to_raw_value("lobby").unwrap();
    let on = Channel::of_room(name.get());
    let mut said = Said::new(NodeId::new(), Room { messages: 10, bytes: 10_000 });
    let [_, second] = AGES.map(|age| {
        let message = said.say(on, vec![Record::Echo(0)], [].into_iter(), now - age);
        Logged { number: 1, at: now - age, payload: message.payload }
    });
    let mut log = Kept::default();
    log.begin(on, AGES[1] * 2, now);
    log.add(&[on], Read { messages: vec![second], is_whole: true }, now);
    let (owner, secret) = (NodeId::new(), String::new());
    let whose = Whose { owner, secret, former: None, identity: None };
    let (floor, rooms) = (Floor::default(), HashMap::new());
    let session = Session::new(0, floor.clone(), rooms);
    let record = SessionRecord::new(whose, &session, &floor, vec![name], Presences::default());
    let done = done.map(|done| now - done);
    Replay::new(&record, &Places::default(), &[on], (&log, done)).is_whole()
}

#[test]
fn what_was_said_before_is_missed_unless_that_is_done() {
    assert!(!is_whole(None));
    assert!(!is_whole(Some(AGES[0] + Duration::from_secs(1))));
    assert!(is_whole(Some(AGES[0] - Duration::from_secs(1))));
}
