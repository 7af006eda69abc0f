//! How far a client and its server have come, as a test sees it that knows both.

use socketkit::{CallError, Gap};
use std::{fmt, future::Future, time::Duration};
use tokio::{sync::watch, time::timeout};

/// Long enough for anything that happens at all, where hundreds are at work.
const PATIENCE: Duration = Duration::from_secs(60);

/// Events after which calls are made, and how many are made at once.
const EVENTS_A_ROUND: u64 = 40;
pub(crate) const CALLS_A_ROUND: u64 = 4;

/// How many calls belong to so many events.
pub(crate) fn calls(events: u64) -> u64 {
    events / EVENTS_A_ROUND * CALLS_A_ROUND
}

/// A direction: from the client to the server, and back. Calls are of the direction in which they go.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Side {
    Up = 0,
    Down = 1,
}

/// What happened so far, each way.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Course {
    pub(crate) emitted: [u64; 2],
    /// The last event that came, and numbers before it that did not.
    pub(crate) heard: [u64; 2],
    pub(crate) missed: [u64; 2],
    /// Calls that were made, the last that ran, how many ran, and how they ended.
    pub(crate) asked: [u64; 2],
    pub(crate) ran: [u64; 2],
    pub(crate) runs: [u64; 2],
    pub(crate) answered: [u64; 2],
    pub(crate) lost: [u64; 2],
    pub(crate) unsent: [u64; 2],
    /// Frames that the server sent again, of the resumptions that its application was told of.
    pub(crate) replayed: u64,
    /// Sessions.
    pub(crate) begun: u64,
    pub(crate) ended: u64,
    /// What the client was told of those that did not go on.
    pub(crate) resets: Vec<(Gap, u64)>,
    fault: Option<String>,
}

impl Course {
    /// How many calls have ended.
    pub(crate) fn over(&self, side: Side) -> u64 {
        let at = side as usize;
        self.answered[at] + self.lost[at] + self.unsent[at]
    }

    pub(crate) fn both(&self, is_so: impl Fn(Side) -> bool) -> bool {
        is_so(Side::Up) && is_so(Side::Down)
    }
}

/// See the module.
#[derive(Debug)]
pub(crate) struct Track {
    /// Events that may be emitted each way.
    allowed: watch::Sender<u64>,
    course: watch::Sender<Course>,
    /// What may become of a session.
    fate: Fate,
}

/// What may become of the sessions of a client.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Fate {
    /// Each goes on, where it is.
    Stays,
    /// Each goes on, on other nodes: a call of the server that is in flight meanwhile is lost, and is known to be.
    Moves,
    /// It may end, and with it what was on its way.
    Ends,
}

impl Track {
    pub(crate) fn new(fate: Fate) -> Self {
        Self { allowed: watch::Sender::default(), course: watch::Sender::default(), fate }
    }

    pub(crate) fn fate(&self) -> Fate {
        self.fate
    }

    pub(crate) fn now(&self) -> Course {
        self.course.borrow().clone()
    }

    pub(crate) fn note(&self, change: impl FnOnce(&mut Course)) {
        self.course.send_modify(change);
    }

    pub(crate) fn fault(&self, fault: impl fmt::Display) {
        self.note(|course| {
            course.fault.get_or_insert(fault.to_string());
        });
    }

    /// So many events may be emitted, and the calls made that belong to them.
    pub(crate) fn allow(&self, events: u64) {
        self.allowed.send_modify(|allowed| *allowed = events.max(*allowed));
    }

    /// Waits until so much is allowed.
    pub(crate) async fn allowed(&self, is_enough: impl Fn(u64) -> bool) {
        let mut allowed = self.allowed.subscribe();
        allowed.wait_for(|allowed| is_enough(*allowed)).await.expect("its sender is here");
    }

    /// The number of the next event to emit, unless that is not allowed yet.
    pub(crate) fn emits(&self, side: Side) -> Option<u64> {
        let (allowed, mut next) = (*self.allowed.borrow(), None);
        self.note(|course| {
            let emitted = &mut course.emitted[side as usize];
            if *emitted < allowed {
                *emitted += 1;
                next = Some(*emitted);
            }
        });
        next
    }

    /// The last number before those of the next calls to make.
    pub(crate) fn asks(&self, side: Side) -> u64 {
        let mut before = 0;
        self.note(|course| {
            before = course.asked[side as usize];
            course.asked[side as usize] += CALLS_A_ROUND;
        });
        before
    }

    /// An event came.
    pub(crate) fn hears(&self, side: Side, number: u64) {
        self.note(|course| {
            let due = course.heard[side as usize] + 1;
            let may_miss = self.fate == Fate::Ends;
            check(course, (number, due), may_miss, format_args!("{side:?}: event"));
            course.missed[side as usize] += number.saturating_sub(due);
            course.heard[side as usize] = number;
        });
    }

    /// A call runs.
    pub(crate) fn runs(&self, side: Side, number: u64) {
        self.note(|course| {
            let due = course.ran[side as usize] + 1;
            let may_miss = self.may_lose(side);
            check(course, (number, due), may_miss, format_args!("{side:?}: call"));
            course.ran[side as usize] = number;
            course.runs[side as usize] += 1;
        });
    }

    /// Whether calls may be lost.
    fn may_lose(&self, side: Side) -> bool {
        match self.fate {
            Fate::Stays => false,
            Fate::Moves => side == Side::Down,
            Fate::Ends => true,
        }
    }

    /// How a call ended. Whether others are made in its session.
    pub(crate) fn ends(&self, side: Side, number: u64, answer: Result<u64, CallError>) -> bool {
        let (at, goes_on) = (side as usize, answer.is_ok() || self.fate != Fate::Ends);
        match answer {
            Ok(reply) if reply == number => self.note(|course| course.answered[at] += 1),
            Err(CallError::Lost) if self.may_lose(side) => self.note(|course| course.lost[at] += 1),
            Err(CallError::Closed) if self.fate == Fate::Ends => {
                self.note(|course| course.unsent[at] += 1)
            }
            other => self.fault(format_args!("{side:?}: call {number} ends with {other:?}")),
        }
        goes_on
    }

    /// Waits until it has come so far.
    ///
    /// # Panics
    ///
    /// When something was wrong before.
    pub(crate) async fn reach(&self, is_reached: impl Fn(&Course) -> bool) -> Course {
        let mut course = self.course.subscribe();
        let course = course.wait_for(|course| course.fault.is_some() || is_reached(course)).await;
        let course = course.expect("its sender is here").clone();
        assert!(course.fault.is_none(), "{course:?}");
        course
    }

    /// Waits for what has to happen.
    ///
    /// # Panics
    ///
    /// When it does not.
    pub(crate) async fn soon<T>(&self, what: impl Future<Output = T>) -> T {
        match timeout(PATIENCE, what).await {
            Ok(value) => value,
            Err(_) => panic!("it goes no further: {:?}", self.now()),
        }
    }
}

/// None comes twice or late, and none is left out where none may be missed.
fn check(course: &mut Course, (number, due): (u64, u64), may_miss: bool, what: fmt::Arguments<'_>) {
    if number < due || (number > due && !may_miss) {
        course.fault.get_or_insert(format!("{what} {number}, and {due} is due"));
    }
}
