//! How far the log has come, and how much of that has come here.

use super::{Durable, State};
use crate::{
    cluster::{engine::Recall, nodes::BEAT},
    peer::lock,
};
use std::{sync::Arc, time::Instant};

/// See the module.
#[derive(Debug, Default)]
pub(super) struct LogPlace {
    /// Everything up to this number has come here, where somebody is concerned.
    pub(super) passed: u64,
    /// The last number when it was asked.
    end: u64,
    asked: Option<Instant>,
}

impl Durable {
    /// There is a connection, and the log ends there: for the first time, or again.
    pub(crate) fn log_begins(&self, end: u64, is_first: bool) {
        let mut state = lock(&self.state);
        let mut heard = lock(&self.heard);
        let log = &mut heard.log;
        let is_another = end < log.end;
        log.end = end;
        if is_first || is_another {
            // Nothing that came before is for whoever was here alone; of another log, nothing is known.
            let passed = if is_first { end } else { 0 };
            log.passed = passed;
            let State { sessions, due, .. } = &mut *state;
            for (id, session) in sessions {
                session.floors().for_each(|floor| floor.log = passed);
                due.changed.insert(*id);
            }
        }
    }

    /// Whether it is time to ask how far the log has come.
    pub(crate) fn asks(&self, now: Instant) -> bool {
        let asked = &mut lock(&self.heard).log.asked;
        let is_time = asked.is_none_or(|at| now.saturating_duration_since(at) >= BEAT);
        *asked = asked.filter(|_| !is_time).or(Some(now));
        is_time
    }

    /// The log had come so far when it was asked.
    pub(crate) fn log_ends(&self, recall: &Arc<dyn Recall>, end: u64) {
        let present = lock(&self.recall);
        // It may be another by now.
        if present.as_ref().is_some_and(|present| Arc::ptr_eq(present, recall)) {
            let log = &mut lock(&self.heard).log;
            log.end = end.max(log.end);
        }
    }

    pub(crate) fn log_end(&self) -> u64 {
        lock(&self.heard).log.end
    }

    /// All that the log had up to there has come.
    pub(crate) fn has_come(&self, passed: u64) {
        lock(&self.heard).log.passed = passed;
    }
}
