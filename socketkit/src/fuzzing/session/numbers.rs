//! The numbers of a session, beside those of somebody who forgets nothing.

use crate::session::{Claims, OutOfRange, REPORT, REPORT_WITHIN, Room, Tally, Window};
use std::{
    collections::VecDeque,
    ops::RangeInclusive,
    time::{Duration, Instant},
};

/// A frame that was sent: its number, and its bytes.
#[derive(Debug, Clone, PartialEq)]
struct Sent(u64, Vec<u8>);

impl AsRef<[u8]> for Sent {
    fn as_ref(&self) -> &[u8] {
        &self.1
    }
}

/// `FRAMES BYTES KEEPS`, then what is done, each with its numbers.
pub(super) fn hold(data: &[u8]) {
    let mut script = Script(data);
    let room = Room { frames: script.byte() % 20, bytes: script.byte() * 2 };
    let keeps = script.byte() % 4 > 0;
    let mut sender = Sender {
        room,
        window: Window::new(keeps),
        all: Vec::new(),
        // Nobody forgets what was not sent.
        kept_from: 0,
        seen: 0,
        keeps,
        can_say: keeps,
    };
    let mut receiver = Receiver::new();
    let (mut claims, mut last) = (Claims::default(), 0);
    while !script.0.is_empty() {
        match script.byte() % 10 {
            0 => sender.send(script.byte(), 1),
            1 => sender.send(script.byte() % 8, script.byte()),
            2 => sender.see(script.number(sender.sent()), script.byte() % 4),
            3 => sender.go_back_to(script.number(sender.sent())),
            4 if script.byte() == 0 => return sender.end(),
            5 => receiver.receive(script.byte()),
            6 => receiver.process(script.byte()),
            7 => receiver.wait(script.byte()),
            8 => receiver.come_back(),
            9 => {
                let attempt = script.number(last.into()) as u32;
                assert_eq!(claims.claim(attempt), attempt > last, "{attempt} after {last}");
                last = last.max(attempt);
            }
            _ => sender.has_room(script.byte(), script.byte()),
        }
        sender.holds();
        receiver.report();
    }
}

/// What bytes say; nothing but zeros behind them.
struct Script<'a>(&'a [u8]);

impl Script<'_> {
    fn byte(&mut self) -> usize {
        let Some((&byte, rest)) = self.0.split_first() else { return 0 };
        self.0 = rest;
        byte.into()
    }

    /// A number: near the one that would be right, near none at all, or any.
    fn number(&mut self, near: u64) -> u64 {
        let byte = self.byte() as u64;
        match byte {
            0..=119 => near.wrapping_sub(byte),
            120..=179 => near.wrapping_add(byte - 119),
            180..=209 => byte - 180,
            210..=229 => u64::MAX - (byte - 210),
            230..=249 => u64::from(u32::MAX) + 10 - (byte - 230),
            _ => (0..8).fold(0, |number, _| number << 8 | self.byte() as u64),
        }
    }
}

/// A window, and all that was ever sent.
struct Sender {
    room: Room,
    window: Window<Sent>,
    all: Vec<Sent>,
    /// How many of them may be forgotten, since they were seen or there was no room.
    kept_from: usize,
    seen: u64,
    keeps: bool,
    /// One who never said what he has seen, and could have, has not seen it.
    can_say: bool,
}

impl Sender {
    fn sent(&self) -> u64 {
        self.all.len() as u64
    }

    fn send(&mut self, length: usize, count: usize) {
        for _ in 0..count {
            let sent = Sent(self.sent() + 1, vec![b'x'; length]);
            self.window.push(sent.clone(), self.room);
            self.all.push(sent);
            self.forget();
        }
    }

    /// Forgets what there is no room for, and all of one who never says what he has seen.
    fn forget(&mut self) {
        if !self.keeps || self.sent() <= self.seen {
            self.kept_from = self.all.len();
        }
        while !fits(&self.all[self.kept_from..], self.room) {
            self.kept_from += 1;
            if self.seen == 0 && self.all.len() > self.room.frames {
                (self.keeps, self.kept_from) = (false, self.all.len());
            }
        }
    }

    fn see(&mut self, seen: u64, writing: usize) {
        let range = self.seen..=self.sent() + writing as u64;
        let saw = self.window.see(seen, writing);
        if !range.contains(&seen) {
            assert_eq!(saw, Err(OutOfRange), "{seen} of {range:?}");
            return;
        }
        assert_eq!(saw, Ok(()), "{seen} of {range:?}");
        (self.seen, self.keeps, self.can_say) = (seen, true, true);
        self.kept_from = self.kept_from.max(self.all.len().min(seen as usize));
        // What was being written has been by the time of which anything else is asked.
        let written = seen.saturating_sub(self.sent()) as usize;
        self.send(1, written);
    }

    /// From where everything is there to be sent again.
    fn reach(&self) -> RangeInclusive<u64> {
        self.seen.max(self.kept_from as u64)..=self.sent()
    }

    fn go_back_to(&mut self, seen: u64) {
        let reach = self.reach();
        let again = self.window.rewind(seen);
        if !reach.contains(&seen) {
            assert_eq!(again, None, "{seen} of {reach:?}");
            return;
        }
        let seen_of_all = self.all.len().min(seen as usize);
        let missed = self.all.split_off(seen_of_all);
        assert_eq!(again, Some(missed.clone().into()), "after {seen}");
        (self.seen, self.kept_from) = (seen, seen_of_all);
        (self.keeps, self.can_say) = (true, true);
        // They go out again, with the numbers that they had.
        for sent in missed {
            assert_eq!(sent.0, self.sent() + 1);
            self.window.push(sent.clone(), self.room);
            self.all.push(sent);
            self.forget();
        }
    }

    fn has_room(&self, frames: usize, bytes: usize) {
        let kept = &self.all[self.kept_from..];
        let (count, length) = (kept.len() + frames, length(kept) + bytes);
        let has_room =
            !self.keeps || count <= 1 || (count <= self.room.frames && length <= self.room.bytes);
        assert_eq!(self.window.has_room((frames, bytes), self.room), has_room);
    }

    fn holds(&self) {
        let kept = &self.all[self.kept_from..];
        assert!(fits(kept, self.room), "{kept:?} in {:?}", self.room);
        let (unseen, window) = self.window.unseen();
        assert_eq!(unseen, self.sent() - self.seen);
        assert!(window.eq(kept), "{:?} keeps {kept:?}", self.window);
        let reach = self.reach();
        for seen in [0, *reach.start(), *reach.end()] {
            for seen in [seen, seen.wrapping_sub(1), seen.saturating_add(1)] {
                assert_eq!(self.window.reaches(seen), reach.contains(&seen), "{seen}, {reach:?}");
            }
        }
    }

    fn end(mut self) {
        let (lost, kept) = self.window.end();
        let unseen = if self.can_say { self.sent() - self.seen } else { 0 };
        assert_eq!(lost + kept.len() as u64, unseen);
        assert_eq!(kept, VecDeque::from(self.all[self.kept_from..].to_vec()));
        assert_eq!(self.window.unseen().0, 0);
    }
}

fn length(frames: &[Sent]) -> usize {
    frames.iter().map(|frame| frame.1.len()).sum()
}

fn fits(frames: &[Sent], room: Room) -> bool {
    frames.len() <= room.frames && length(frames) <= room.bytes
}

/// A tally, and what came when.
struct Receiver {
    tally: Tally,
    now: Instant,
    /// When each frame came.
    came: Vec<Instant>,
    processed: u64,
    reported: u64,
    /// Since when the other side is owed a report.
    owed: Option<Instant>,
}

impl Receiver {
    fn new() -> Self {
        let (now, came) = (Instant::now(), Vec::new());
        Self { tally: Tally::default(), now, came, processed: 0, reported: 0, owed: None }
    }

    fn receive(&mut self, count: usize) {
        for _ in 0..count {
            self.came.push(self.now);
            assert_eq!(self.tally.count(), self.came.len() as u64);
        }
    }

    fn process(&mut self, count: usize) {
        self.processed = (self.processed + count as u64).min(self.came.len() as u64);
    }

    fn wait(&mut self, time: usize) {
        self.now += Duration::from_millis(time as u64 * 10);
    }

    /// Another connection: the other side is told how much came.
    fn come_back(&mut self) {
        let came = self.came.len() as u64;
        assert_eq!(self.tally.resume(), came);
        (self.reported, self.owed) = (came, None);
    }

    fn report(&mut self) {
        let came = self.came.len() as u64;
        if came > self.reported && self.owed.is_none() {
            self.owed = Some(self.now);
            assert_eq!(self.tally.note(self.now), Some(self.now + REPORT_WITHIN));
        } else {
            assert_eq!(self.tally.note(self.now), None);
        }
        assert_eq!(self.tally.deadline(), self.owed.map(|owed| owed + REPORT_WITHIN));
        let pending = (self.processed < came).then_some(self.processed + 1);
        let is_late = self.owed.is_some_and(|owed| self.now >= owed + REPORT_WITHIN);
        let is_due = is_late || self.processed >= self.reported + REPORT;
        let report = self.tally.report(pending, self.now);
        let expected = (is_due && self.processed > self.reported).then_some(self.processed);
        assert_eq!(report, expected, "{} of {came}, told {}", self.processed, self.reported);
        if is_due {
            self.owed = (self.processed < came).then_some(self.now);
        }
        self.reported = self.reported.max(report.unwrap_or_default());
    }
}
