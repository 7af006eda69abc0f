//! Two sides and the connections between them, at random: whatever is cut, late or overtaken, each event is
//! processed once, in order and not in vain, or both sides know that there is a gap.
//!
//! `SESSION_SCHEDULES` is how many schedules are tried, 100,000 by default. That the model finds what it has
//! to is shown by leaving rules out, one at a time.

mod network;
mod side;

use super::{Claims, Room};
use network::{Frame, Network};
use side::Side;
use std::{
    collections::VecDeque,
    env,
    time::{Duration, Instant},
};

/// A rule that is left out.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Mutant {
    None,
    /// What arrives over a connection that is the session's no more is processed.
    NoGeneration,
    /// A connection takes over however late it comes.
    NoAttempt,
    /// Frames count as processed when they were read, and nobody has looked at them.
    ReportEarly,
    /// One frame of the window is left out when it is sent again.
    WrongNumber,
}

/// Random numbers that a seed repeats: splitmix64.
struct Dice(u64);

impl Dice {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ (z >> 31)) % bound
    }
}

struct Model {
    dice: Dice,
    mutant: Mutant,
    now: Instant,
    room: Room,
    client: Side,
    server: Side,
    /// The session that each side is in.
    ours: Option<u64>,
    theirs: u64,
    claims: Claims,
    attempts: u32,
    net: Network,
    /// The server has said hello on the client's present connection.
    is_greeted: bool,
    /// What the server has read of its present connection, and not looked at.
    read: VecDeque<Frame>,
    /// How many sessions there were.
    sessions: u64,
}

type Broken = Result<(), String>;

impl Model {
    fn new(seed: u64, mutant: Mutant) -> Self {
        let mut dice = Dice(seed);
        let frames = 4 + dice.below(70) as usize;
        Self {
            mutant,
            now: Instant::now(),
            room: Room { frames, bytes: 10 * (frames - dice.below(3) as usize) },
            client: Side::new(),
            server: Side::new(),
            ours: None,
            theirs: 0,
            claims: Claims::default(),
            attempts: 0,
            net: Network::default(),
            is_greeted: false,
            read: VecDeque::new(),
            sessions: 0,
            dice,
        }
    }

    fn run(&mut self) -> Broken {
        for _ in 0..200 {
            self.step(true)?;
        }
        // At last the network is good, and everything arrives.
        for _ in 0..100 {
            for _ in 0..200 {
                self.step(false)?;
            }
            if self.is_complete().is_ok() {
                return Ok(());
            }
        }
        self.is_complete()
    }

    fn step(&mut self, is_bad: bool) -> Broken {
        let bound = if is_bad { 20 } else { 15 };
        match self.dice.below(bound) {
            0..2 if is_bad => self.client.emit(),
            2..4 if is_bad => self.server.emit(),
            4 => self.client.handle(),
            5 => self.server.handle(),
            6 => self.now += Duration::from_millis(1 + self.dice.below(700)),
            7 => self.dial(),
            8..10 => self.server_reads()?,
            10..12 => self.client_reads()?,
            12 => self.accept()?,
            13 => self.client_writes(),
            14 => self.server_writes(),
            15 => self.cut_by_client(),
            16 => self.cut_by_server(),
            17 if self.dice.below(8) == 0 => self.expire(),
            _ => {}
        }
        Ok(())
    }

    /// The client opens a connection, whatever became of the last.
    fn dial(&mut self) {
        if self.net.is_dialled() {
            return;
        }
        self.attempts += 1;
        let ticket = self.ours.map(|session| (session, self.client.tally.resume()));
        self.net.dial(self.attempts, ticket.unwrap_or((u64::MAX, 0)));
        self.is_greeted = false;
    }

    /// The server comes to a request of a client.
    fn accept(&mut self) -> Broken {
        let Some((line, (session, seen))) = self.net.request(&mut self.dice) else {
            return Ok(());
        };
        let attempt = self.net.lines[line].attempt;
        if session == self.theirs && self.theirs > 0 {
            let claimed = self.claims.claim(attempt);
            if !claimed && self.mutant != Mutant::NoAttempt {
                self.net.lines[line].is_cut = true;
                if Some(line) == self.net.dialled {
                    return Err("the newest connection is told that it is superseded".into());
                }
                return Ok(());
            }
            if let Some(old) = self.net.accepted {
                self.net.lines[old].is_cut = true;
                if self.net.dialled == Some(old) && old != line {
                    return Err("the newest connection gives way to an older one".into());
                }
            }
            if self.server.again(seen, self.mutant) {
                self.net.accepted = Some(line);
                self.read.clear();
                let seen = Some(self.server.tally.resume());
                self.net.lines[line].down.push_back(Frame::Hello { session, seen });
                return Ok(());
            }
            // A gap: what the client has not seen is not there any more.
        }
        self.begin(line);
        Ok(())
    }

    /// The server begins a session.
    fn begin(&mut self, line: usize) {
        if let Some(old) = self.net.accepted.take() {
            self.net.lines[old].is_cut = true;
        }
        self.sessions += 1;
        self.theirs = self.sessions;
        self.claims = Claims::default();
        let emitted = self.server.emitted;
        self.server = Side { emitted, ..Side::new() };
        self.net.accepted = Some(line);
        self.read.clear();
        self.net.lines[line].down.push_back(Frame::Hello { session: self.theirs, seen: None });
    }

    fn server_reads(&mut self) -> Broken {
        if self.net.lines.is_empty() {
            return Ok(());
        }
        if self.dice.below(2) == 0
            && let Some(frame) = self.read.pop_front()
        {
            return self.server_looks(frame);
        }
        let Some((line, frame)) = self.net.arrival(&mut self.dice) else { return Ok(()) };
        if Some(line) == self.net.accepted {
            if self.mutant == Mutant::ReportEarly && matches!(frame, Frame::Event(_)) {
                self.server.tally.count();
            }
            self.read.push_back(frame);
            return Ok(());
        }
        if self.mutant == Mutant::NoGeneration { self.server_looks(frame) } else { Ok(()) }
    }

    fn server_looks(&mut self, frame: Frame) -> Broken {
        let window = &mut self.server.window;
        match frame {
            Frame::Event(event) => {
                self.server.receive(event, self.mutant == Mutant::ReportEarly)?;
            }
            Frame::Seen(seen) if self.mutant == Mutant::NoGeneration => {
                let _ = window.see(seen, 0);
            }
            Frame::Seen(seen) => {
                window.see(seen, 0).map_err(|_| "seen out of range")?;
            }
            Frame::Hello { .. } => return Err("a client says no hello".into()),
        }
        Ok(())
    }

    fn client_reads(&mut self) -> Broken {
        let Some(line) = self.net.dialled else { return Ok(()) };
        let Some(frame) = self.net.lines[line].down.pop_front() else { return Ok(()) };
        match frame {
            Frame::Event(event) => self.client.receive(event, false)?,
            Frame::Seen(seen) => {
                self.client.window.see(seen, 0).map_err(|_| "seen out of range")?;
            }
            Frame::Hello { session, seen: Some(seen) } => {
                if self.ours != Some(session) || !self.client.again(seen, self.mutant) {
                    return Err(format!("hello with {seen}, which is out of range"));
                }
                self.is_greeted = true;
            }
            Frame::Hello { session, seen: None } => {
                let was = self.ours.replace(session);
                if was == Some(session) {
                    return Err("the same session began twice".into());
                }
                let (queue, emitted) =
                    (std::mem::take(&mut self.client.queue), self.client.emitted);
                let handled = std::mem::take(&mut self.client.backlog);
                drop(handled);
                self.client = Side { queue, emitted, ..Side::new() };
                self.is_greeted = true;
            }
        }
        Ok(())
    }

    fn client_writes(&mut self) {
        let Some(line) = self.net.dialled.filter(|_| self.is_greeted) else { return };
        let mut out = VecDeque::new();
        self.client.send(&mut out, self.room, true);
        out.extend(self.client.report(self.now, self.mutant));
        self.net.send_up(line, out);
    }

    fn server_writes(&mut self) {
        let Some(line) = self.net.accepted else { return };
        let mut out = VecDeque::new();
        self.server.send(&mut out, self.room, false);
        out.extend(self.server.report(self.now, self.mutant));
        self.net.send_down(line, out);
    }

    fn cut_by_client(&mut self) {
        if self.net.cut_by_client(&mut self.dice) {
            self.is_greeted = false;
        }
    }

    fn cut_by_server(&mut self) {
        if self.net.cut_by_server(&mut self.dice) {
            self.read.clear();
        }
    }

    /// The session ends without a connection.
    fn expire(&mut self) {
        if self.net.accepted.is_none() && self.theirs > 0 {
            let emitted = self.server.emitted;
            self.server = Side { emitted, ..Side::new() };
            self.theirs = 0;
        }
    }

    /// Everything that was emitted since the last session began has arrived.
    fn is_complete(&self) -> Broken {
        if self.ours != Some(self.theirs) {
            return Err(format!("two sessions: {:?} and {}", self.ours, self.theirs));
        }
        for (from, to, what) in
            [(&self.client, &self.server, "client"), (&self.server, &self.client, "server")]
        {
            let last = to.handled.map_or(0, |event| event.0);
            let left = from.queue.len() + to.backlog.len();
            if left > 0 || (last > 0 && last != from.emitted) {
                return Err(format!("{left} of the {what} wait; {last} of {}", from.emitted));
            }
        }
        Ok(())
    }
}

fn schedules() -> u64 {
    env::var("SESSION_SCHEDULES").ok().and_then(|count| count.parse().ok()).unwrap_or(100_000)
}

/// The first seed that breaks the rules.
fn broken(mutant: Mutant, seeds: u64) -> Option<(u64, String)> {
    (0..seeds).find_map(|seed| {
        let broken = Model::new(seed, mutant).run().err()?;
        Some((seed, broken))
    })
}

#[test]
fn nothing_is_lost_doubled_or_reordered_whatever_the_network_does() {
    assert_eq!(broken(Mutant::None, schedules()), None);
}

#[test]
fn each_rule_is_missed_when_it_is_left_out() {
    for mutant in
        [Mutant::NoGeneration, Mutant::NoAttempt, Mutant::ReportEarly, Mutant::WrongNumber]
    {
        assert!(broken(mutant, 2_000).is_some(), "{mutant:?}");
    }
}
