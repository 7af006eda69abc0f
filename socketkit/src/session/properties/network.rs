//! The connections between the two sides: what is sent may arrive late, and is lost from some point on where
//! one is cut.

use super::Dice;
use std::collections::VecDeque;

/// A frame on its way.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Frame {
    Event(Event),
    Seen(u64),
    Hello { session: u64, seen: Option<u64> },
}

/// The how-many-th event of a side.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Event(pub(super) u64);

impl AsRef<[u8]> for Event {
    fn as_ref(&self) -> &[u8] {
        &[0; 10]
    }
}

/// A connection, whose bytes may arrive long after it was given up.
pub(super) struct Line {
    pub(super) attempt: u32,
    /// The session that its client wants, and how far that is; until the server has read it.
    pub(super) ticket: Option<(u64, u64)>,
    pub(super) up: VecDeque<Frame>,
    pub(super) down: VecDeque<Frame>,
    /// Nothing more is sent into it.
    pub(super) is_cut: bool,
}

/// See the module.
#[derive(Default)]
pub(super) struct Network {
    pub(super) lines: Vec<Line>,
    /// The client's present connection, and the server's.
    pub(super) dialled: Option<usize>,
    pub(super) accepted: Option<usize>,
}

impl Network {
    /// Whether the client's present connection is one that it can send into.
    pub(super) fn is_dialled(&self) -> bool {
        self.dialled.is_some_and(|line| !self.lines[line].is_cut)
    }

    /// The client opens a connection.
    pub(super) fn dial(&mut self, attempt: u32, ticket: (u64, u64)) {
        self.lines.push(Line {
            attempt,
            ticket: Some(ticket),
            up: VecDeque::new(),
            down: VecDeque::new(),
            is_cut: false,
        });
        self.dialled = Some(self.lines.len() - 1);
    }

    /// One of the requests that the server has not read: in whatever order they arrive.
    pub(super) fn request(&mut self, dice: &mut Dice) -> Option<(usize, (u64, u64))> {
        let waiting: Vec<_> =
            (0..self.lines.len()).filter(|line| self.lines[*line].ticket.is_some()).collect();
        if waiting.is_empty() {
            return None;
        }
        let line = waiting[dice.below(waiting.len() as u64) as usize];
        Some((line, self.lines[line].ticket.take()?))
    }

    /// What the server reads next of any connection whose request it has read.
    pub(super) fn arrival(&mut self, dice: &mut Dice) -> Option<(usize, Frame)> {
        let line = dice.below(self.lines.len() as u64) as usize;
        let from = self.lines.get_mut(line).filter(|from| from.ticket.is_none())?;
        Some((line, from.up.pop_front()?))
    }

    pub(super) fn send_up(&mut self, line: usize, mut frames: VecDeque<Frame>) {
        if !self.lines[line].is_cut {
            self.lines[line].up.append(&mut frames);
        }
    }

    pub(super) fn send_down(&mut self, line: usize, mut frames: VecDeque<Frame>) {
        if !self.lines[line].is_cut {
            self.lines[line].down.append(&mut frames);
        }
    }

    /// The client gives its connection up: what it sent may still arrive, some of it, and nothing that is
    /// sent to it is read. Whether it had one.
    pub(super) fn cut_by_client(&mut self, dice: &mut Dice) -> bool {
        let Some(line) = self.dialled.take() else { return false };
        let line = &mut self.lines[line];
        lose(&mut line.up, dice);
        line.down.clear();
        line.is_cut = true;
        true
    }

    /// The server finds its connection lost. Whether it had one.
    pub(super) fn cut_by_server(&mut self, dice: &mut Dice) -> bool {
        let Some(line) = self.accepted.take() else { return false };
        let line = &mut self.lines[line];
        lose(&mut line.down, dice);
        line.is_cut = true;
        true
    }
}

/// The last of what is on its way does not arrive.
fn lose(frames: &mut VecDeque<Frame>, dice: &mut Dice) {
    let lost = dice.below(frames.len() as u64 + 1) as usize;
    frames.truncate(frames.len() - lost);
}
