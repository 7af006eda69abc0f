//! Two sides and the connections between them, at random: whatever is cut, late or overtaken, each event is
//! processed once, in order and not in vain, or both sides know that there is a gap.

mod side;

use super::{Claims, Room};
use side::{Frame, Side};
use std::{
    collections::VecDeque,
    time::{Duration, Instant},
};

/// A rule that is left out.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Mutant {
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

/// What a script says, then random numbers that a seed repeats: splitmix64.
struct Dice<'a>(u64, &'a [u8]);

impl Dice<'_> {
    fn below(&mut self, bound: u64) -> u64 {
        if let Some((&said, rest)) = self.1.split_first() {
            self.1 = rest;
            return u64::from(said) % bound;
        }
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ (z >> 31)) % bound
    }
}

/// A connection, whose bytes may arrive long after it was given up.
struct Line {
    attempt: u32,
    /// The session that its client wants, and how far that is; until the server has read it.
    ticket: Option<(u64, u64)>,
    up: VecDeque<Frame>,
    down: VecDeque<Frame>,
    /// Nothing more is sent into it.
    is_cut: bool,
}

pub(crate) struct Model<'a> {
    dice: Dice<'a>,
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
    lines: Vec<Line>,
    /// The client's present connection, whether the server has said hello on it, and the server's.
    dialled: Option<usize>,
    is_greeted: bool,
    accepted: Option<usize>,
    /// What the server has read of that, and not looked at.
    read: VecDeque<Frame>,
    /// How many sessions there were.
    sessions: u64,
}

pub(crate) type Broken = Result<(), String>;

impl<'a> Model<'a> {
    /// One that goes on as a script says, and then at random.
    pub(crate) fn new(seed: u64, script: &'a [u8], mutant: Mutant) -> Self {
        let mut dice = Dice(seed, script);
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
            lines: Vec::new(),
            dialled: None,
            is_greeted: false,
            accepted: None,
            read: VecDeque::new(),
            sessions: 0,
            dice,
        }
    }

    /// What is broken, if anything is.
    pub(crate) fn run(&mut self) -> Broken {
        for _ in 0..200 {
            self.step(true)?;
        }
        while !self.dice.1.is_empty() {
            self.step(true)?;
        }
        // At last the network is good, and everything arrives.
        for _ in 0..1_000 {
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
        if self.dialled.is_some_and(|line| !self.lines[line].is_cut) {
            return;
        }
        self.attempts += 1;
        let ticket = self.ours.map(|session| (session, self.client.tally.resume()));
        self.lines.push(Line {
            attempt: self.attempts,
            ticket: Some(ticket.unwrap_or((u64::MAX, 0))),
            up: VecDeque::new(),
            down: VecDeque::new(),
            is_cut: false,
        });
        self.dialled = Some(self.lines.len() - 1);
        self.is_greeted = false;
    }

    /// The server comes to a request of a client: in whatever order they arrive.
    fn accept(&mut self) -> Broken {
        let waiting: Vec<_> =
            (0..self.lines.len()).filter(|line| self.lines[*line].ticket.is_some()).collect();
        if waiting.is_empty() {
            return Ok(());
        }
        let line = waiting[self.dice.below(waiting.len() as u64) as usize];
        let Some((session, seen)) = self.lines[line].ticket.take() else { return Ok(()) };
        let attempt = self.lines[line].attempt;
        if session == self.theirs && self.theirs > 0 {
            let claimed = self.claims.claim(attempt);
            if !claimed && self.mutant != Mutant::NoAttempt {
                self.lines[line].is_cut = true;
                if Some(line) == self.dialled {
                    return Err("the newest connection is told that it is superseded".into());
                }
                return Ok(());
            }
            if let Some(old) = self.accepted {
                self.lines[old].is_cut = true;
                if self.dialled == Some(old) && old != line {
                    return Err("the newest connection gives way to an older one".into());
                }
            }
            if self.server.again(seen, self.mutant) {
                self.accepted = Some(line);
                self.read.clear();
                let seen = Some(self.server.tally.resume());
                self.lines[line].down.push_back(Frame::Hello { session, seen });
                return Ok(());
            }
            // A gap: what the client has not seen is not there any more.
        }
        self.begin(line);
        Ok(())
    }

    /// The server begins a session.
    fn begin(&mut self, line: usize) {
        if let Some(old) = self.accepted.take() {
            self.lines[old].is_cut = true;
        }
        self.sessions += 1;
        self.theirs = self.sessions;
        self.claims = Claims::default();
        let emitted = self.server.emitted;
        self.server = Side { emitted, ..Side::new() };
        self.accepted = Some(line);
        self.read.clear();
        self.lines[line].down.push_back(Frame::Hello { session: self.theirs, seen: None });
    }

    fn server_reads(&mut self) -> Broken {
        if self.dice.below(2) == 0
            && let Some(frame) = self.read.pop_front()
        {
            return self.server_looks(frame);
        }
        let is_sent_to = |line: &usize| {
            let Line { ticket, up, .. } = &self.lines[*line];
            ticket.is_none() && !up.is_empty()
        };
        let sent_to: Vec<_> = (0..self.lines.len()).filter(is_sent_to).collect();
        if sent_to.is_empty() {
            return Ok(());
        }
        let line = sent_to[self.dice.below(sent_to.len() as u64) as usize];
        let Some(frame) = self.lines[line].up.pop_front() else { return Ok(()) };
        if Some(line) == self.accepted {
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
        let Some(line) = self.dialled else { return Ok(()) };
        let Some(frame) = self.lines[line].down.pop_front() else { return Ok(()) };
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
        let Some(line) = self.dialled.filter(|_| self.is_greeted) else { return };
        let mut out = VecDeque::new();
        self.client.send(&mut out, self.room, true);
        out.extend(self.client.report(self.now, self.mutant));
        if !self.lines[line].is_cut {
            self.lines[line].up.append(&mut out);
        }
    }

    fn server_writes(&mut self) {
        let Some(line) = self.accepted else { return };
        let mut out = VecDeque::new();
        self.server.send(&mut out, self.room, false);
        out.extend(self.server.report(self.now, self.mutant));
        if !self.lines[line].is_cut {
            self.lines[line].down.append(&mut out);
        }
    }

    /// The client gives its connection up: what it sent may still arrive, some of it, and nothing that is
    /// sent to it is read.
    fn cut_by_client(&mut self) {
        let Some(line) = self.dialled.take() else { return };
        let sent = self.lines[line].up.len() as u64;
        let lost = self.dice.below(sent + 1) as usize;
        self.lines[line].up.truncate(sent as usize - lost);
        self.lines[line].down.clear();
        self.lines[line].is_cut = true;
        self.is_greeted = false;
    }

    /// The server finds its connection lost.
    fn cut_by_server(&mut self) {
        let Some(line) = self.accepted.take() else { return };
        self.read.clear();
        let sent = self.lines[line].down.len() as u64;
        let lost = self.dice.below(sent + 1) as usize;
        self.lines[line].down.truncate(sent as usize - lost);
        self.lines[line].is_cut = true;
    }

    /// The session ends without a connection.
    fn expire(&mut self) {
        if self.accepted.is_none() && self.theirs > 0 {
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
