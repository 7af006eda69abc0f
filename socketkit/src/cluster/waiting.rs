//! Sockets that have joined a room which their node does not listen to yet. What they are sent waits, for one
//! round trip to the engine: whoever hears of the join from them can count on it.

use crate::{
    flusher::Flusher,
    peer::{Peer, lock},
};
use std::{
    collections::VecDeque,
    mem,
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};
use tokio::sync::oneshot;

/// Beyond it they wait no longer.
const PATIENCE: Duration = Duration::from_millis(250);

/// See the module.
#[derive(Debug)]
pub(crate) struct Waiting {
    flusher: Arc<Flusher>,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    /// Those for whom it is yet to be asked.
    new: Held,
    emitted: Vec<Emitted>,
    /// The engine has been away for so long that nobody waits for it any more.
    has_given_up: bool,
    /// Those that wait for the echo of a number, and since when.
    asked: VecDeque<(u64, Instant, Held)>,
    last: u64,
}

/// A socket whose handlers emitted something, up to this number, that is not with the engine yet.
#[derive(Debug)]
pub(crate) struct Emitted {
    peer: Arc<Peer>,
    number: u64,
}

/// Whoever waits.
#[derive(Debug, Default)]
struct Held {
    peers: Vec<Arc<Peer>>,
    /// Told when it is over, and whether the echo came.
    probes: Vec<oneshot::Sender<bool>>,
}

impl Emitted {
    /// Has a socket wait for what is said next, once that is given to those who [wait](Waiting::wait_on).
    pub(crate) fn nothing(peer: &Arc<Peer>) -> Self {
        peer.queue().hold_back();
        Self { peer: peer.clone(), number: 0 }
    }
}

impl Waiting {
    pub(crate) fn new(flusher: Arc<Flusher>) -> Self {
        Self { flusher, state: Mutex::default() }
    }

    /// A socket waits from now on.
    pub(crate) fn add(&self, peer: &Arc<Peer>) {
        let mut state = lock(&self.state);
        peer.queue().hold_back();
        state.new.peers.push(peer.clone());
    }

    /// A socket waits until everything up to a number, which its handler has emitted, is with the engine.
    pub(crate) fn commit(&self, peer: &Arc<Peer>, number: u64) {
        let mut state = lock(&self.state);
        match state.emitted.last_mut() {
            // The same handler mostly emits several times.
            Some(last) if Arc::ptr_eq(&last.peer, peer) => last.number = last.number.max(number),
            _ => {
                peer.queue().hold_back();
                state.emitted.push(Emitted { peer: peer.clone(), number });
            }
        }
    }

    /// Those who have emitted nothing behind a number; they [go on](Self::committed) when it is with the engine.
    pub(crate) fn emitted(&self, number: u64) -> Vec<Emitted> {
        let emitted = &mut lock(&self.state).emitted;
        emitted.extract_if(.., |emitted| emitted.number <= number).collect()
    }

    /// They wait again: it was not taken.
    pub(crate) fn wait_on(&self, emitted: Vec<Emitted>) {
        let mut state = lock(&self.state);
        if state.has_given_up {
            drop(state);
            self.go_without(emitted);
        } else {
            state.emitted.extend(emitted);
        }
    }

    /// What they emitted is with the engine, or will not be soon.
    pub(crate) fn committed(&self, emitted: Vec<Emitted>) {
        let peers = emitted.into_iter().map(|emitted| emitted.peer).collect();
        self.go_on(Held { peers, probes: Vec::new() }, true);
    }

    /// Whoever has emitted something goes on, and nobody waits for the engine until it is [there](Self::resume).
    pub(crate) fn give_up(&self) {
        let mut state = lock(&self.state);
        state.has_given_up = true;
        let emitted = mem::take(&mut state.emitted);
        drop(state);
        self.go_without(emitted);
    }

    /// They go on, but for those who would hear of what nobody else may ever know.
    fn go_without(&self, emitted: Vec<Emitted>) {
        emitted.iter().for_each(|emitted| emitted.peer.lose_unheard());
        self.committed(emitted);
    }

    /// The engine is there again.
    pub(crate) fn resume(&self) {
        lock(&self.state).has_given_up = false;
    }

    pub(crate) fn has_given_up(&self) -> bool {
        lock(&self.state).has_given_up
    }

    /// Somebody wants to know when what is asked for by now holds.
    pub(crate) fn probe(&self, probe: oneshot::Sender<bool>) {
        lock(&self.state).new.probes.push(probe);
    }

    /// The number to listen for, if somebody has begun to wait.
    pub(crate) fn ticket(&self) -> Option<u64> {
        let mut state = lock(&self.state);
        if state.new.peers.is_empty() && state.new.probes.is_empty() {
            return None;
        }
        state.last += 1;
        let asked = (state.last, Instant::now(), mem::take(&mut state.new));
        state.asked.push_back(asked);
        Some(state.last)
    }

    /// A number has come back.
    pub(crate) fn release(&self, ticket: u64) {
        self.release_while(true, |last, _| last <= ticket);
    }

    /// When somebody has waited long enough.
    pub(crate) fn deadline(&self) -> Option<Instant> {
        lock(&self.state).asked.front().map(|(_, since, _)| *since + PATIENCE)
    }

    pub(crate) fn expire(&self, now: Instant) {
        self.release_while(false, |_, since| now.saturating_duration_since(since) >= PATIENCE);
    }

    /// There is nobody to listen to.
    pub(crate) fn release_all(&self) {
        let new = mem::take(&mut lock(&self.state).new);
        self.go_on(new, false);
        self.release_while(false, |_, _| true);
    }

    fn release_while(&self, has_come: bool, is_over: impl Fn(u64, Instant) -> bool) {
        let mut released = Vec::new();
        let mut state = lock(&self.state);
        while let Some((last, since, _)) = state.asked.front()
            && is_over(*last, *since)
        {
            released.extend(state.asked.pop_front().map(|(_, _, held)| held));
        }
        drop(state);
        released.into_iter().for_each(|held| self.go_on(held, has_come));
    }

    fn go_on(&self, Held { peers, probes }: Held, has_come: bool) {
        for probe in probes {
            let _ = probe.send(has_come);
        }
        peers.iter().for_each(|peer| peer.queue().go_on());
        self.flusher.ask_all(peers);
    }
}
