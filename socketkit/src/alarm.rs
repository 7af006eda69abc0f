//! When a connection has to look at the clock next.

use std::{future::Future, pin::Pin, task::Context};
use tokio::{
    task::coop,
    time::{Instant, Sleep},
};

/// A timer that is asked only when its time has come: with all traffic it would cost more than the
/// traffic.
#[derive(Debug)]
pub(crate) struct Alarm<'a> {
    sleep: Pin<&'a mut Sleep>,
    /// The task is woken when it goes off.
    is_set: bool,
}

impl<'a> Alarm<'a> {
    pub(crate) fn new(sleep: Pin<&'a mut Sleep>) -> Self {
        Self { sleep, is_set: false }
    }

    /// Whether it goes off. If not, the task is woken when it does.
    pub(crate) fn is_due(&mut self, now: Instant, cx: &mut Context<'_>) -> bool {
        if self.is_set && now < self.sleep.deadline() {
            return false;
        }
        let due = self.sleep.as_mut().poll(cx).is_ready();
        // Without budget it was not asked, and the task is woken at once.
        self.is_set = !due && coop::has_budget_remaining();
        due
    }

    pub(crate) fn set(&mut self, deadline: Instant) {
        self.sleep.as_mut().reset(deadline);
        self.is_set = false;
    }

    /// Another task is to be woken.
    pub(crate) fn forget(&mut self) {
        self.is_set = false;
    }

    /// Sets it to an earlier time. Whether that has come already.
    pub(crate) fn advance(
        &mut self,
        deadline: Instant,
        now: Instant,
        cx: &mut Context<'_>,
    ) -> bool {
        if deadline >= self.sleep.deadline() {
            return false;
        }
        self.set(deadline);
        self.is_due(now, cx)
    }
}
