//! What a client has said and heard, and what is wrong about it.

use std::{
    collections::{BTreeSet, HashMap},
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

/// See the module.
#[derive(Debug, Default)]
pub(crate) struct Ledger(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    /// Numbers of its own of which it was told that they were said.
    accepted: BTreeSet<u64>,
    /// The last number of each other member in this session.
    last: HashMap<usize, u64>,
    /// Numbers of others that were passed over within a session.
    missing: Vec<(usize, u64)>,
    /// Since when it is in its room: nothing before that is missed.
    is_in: bool,
    heard: u64,
    doubled: u64,
    reordered: u64,
    resets: u64,
    recovered: u64,
}

/// All of them together.
#[derive(Debug, Default)]
pub(crate) struct Report {
    pub(crate) accepted: u64,
    heard: u64,
    pub(crate) resets: u64,
    /// Sessions that went on on another node when theirs was killed.
    pub(crate) recovered: u64,
    pub(crate) doubled: u64,
    pub(crate) reordered: u64,
    /// Events that somebody missed without being told.
    pub(crate) unreported: usize,
}

impl Ledger {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A session begins in place of another: it knows that it missed something.
    pub(crate) fn reset(&self) {
        let mut state = self.lock();
        state.last.clear();
        state.is_in = false;
        state.resets += 1;
    }

    /// Its session goes on, with all that it has not heard.
    pub(crate) fn recovered(&self) {
        self.lock().recovered += 1;
    }

    pub(crate) fn is_in(&self) -> bool {
        self.lock().is_in
    }

    pub(crate) fn joined(&self) {
        self.lock().is_in = true;
    }

    pub(crate) fn accepted(&self, number: u64) {
        self.lock().accepted.insert(number);
    }

    /// `say room member number`
    pub(crate) fn hear(&self, text: &str) {
        let mut words = text.split(' ').skip(2).map(|word| word.parse::<u64>().expect("a number"));
        let (member, number) = (words.next().expect("who"), words.next().expect("which"));
        let member = usize::try_from(member).expect("small");
        let mut state = self.lock();
        state.heard += 1;
        match state.last.insert(member, number) {
            Some(last) if last == number => state.doubled += 1,
            Some(last) if last > number => {
                state.last.insert(member, last);
                state.reordered += 1;
            }
            Some(last) => {
                let missing = (last + 1..number).map(|missing| (member, missing));
                state.missing.extend(missing);
            }
            None => {}
        }
    }
}

/// What is wrong, of members that share rooms of this size.
pub(crate) fn report(ledgers: &[Arc<Ledger>], room: usize) -> Report {
    let mut report = Report::default();
    for (number, ledger) in ledgers.iter().enumerate() {
        let state = ledger.lock();
        report.accepted += state.accepted.len() as u64;
        report.heard += state.heard;
        report.resets += state.resets.saturating_sub(1);
        report.recovered += state.recovered;
        report.doubled += state.doubled;
        report.reordered += state.reordered;
        let (missing, last, is_in) = (state.missing.clone(), state.last.clone(), state.is_in);
        drop(state);
        let was_said =
            |member: usize, missing: u64| ledgers[member].lock().accepted.contains(&missing);
        let passed_over = missing.iter().filter(|(member, number)| was_said(*member, *number));
        report.unreported += passed_over.count();
        // At the end each has heard the last word of all.
        let first = number / room * room;
        for member in (first..first + room).filter(|_| is_in) {
            let heard = last.get(&member).copied();
            let end = ledgers[member].lock().accepted.last().copied();
            let is_missed = heard.is_some_and(|heard| end.is_some_and(|end| heard < end));
            report.unreported += usize::from(is_missed);
        }
    }
    report
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { accepted, heard, resets, recovered, doubled, reordered, unreported } = self;
        write!(
            f,
            "{accepted} events said and {heard} heard: {doubled} doubled, {reordered} reordered, {unreported} lost \
             without a word; {resets} gaps told, {recovered} sessions recovered"
        )
    }
}
