//! The network between one client and its node.

use super::{
    Node,
    draws::Draws,
    stream::{End, Pair},
    trace::Trace,
};
use crate::{peer::lock, wire};
use std::{
    fmt,
    sync::{Arc, Mutex, Weak},
    time::Duration,
};

/// The longest delay.
const LONGEST: Duration = Duration::from_secs(365 * 24 * 3600);

/// The network between one client and its node: a handle to clone, that fails it on demand.
///
/// At first everything arrives at once. Terms hold for the connection that there is and for those that
/// come, until they are changed; each change is a line of the [trace](super::Kit::trace).
#[derive(Clone)]
pub struct Link(pub(super) Arc<Wire>);

/// What handles and connections of a link share.
pub(super) struct Wire {
    number: u64,
    pub(super) seed: u64,
    pub(super) trace: Arc<Trace>,
    draws: Draws,
    state: Mutex<State>,
}

struct State {
    terms: Terms,
    node: Node,
    /// Connections that may be open.
    pairs: Vec<Weak<Pair>>,
}

/// How bytes get through.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Terms {
    is_cut: bool,
    up_is_mute: bool,
    down_is_mute: bool,
    pub(super) delay: Duration,
    /// Bytes a second; zero is no limit.
    rate: u64,
}

impl Terms {
    /// How long the line is busy with so many bytes.
    pub(super) fn takes(&self, bytes: usize) -> Duration {
        match self.rate {
            0 => Duration::ZERO,
            rate => Duration::from_secs_f64(bytes as f64 / rate as f64),
        }
    }

    /// Bytes that arrive at once: what takes a twentieth of a second.
    pub(super) fn piece(&self) -> usize {
        match self.rate {
            0 => usize::MAX,
            rate => usize::try_from(rate / 20).unwrap_or(usize::MAX).max(1),
        }
    }
}

impl Link {
    pub(super) fn new(number: u64, seed: u64, trace: Arc<Trace>, node: Node) -> Self {
        let state = State { terms: Terms::default(), node, pairs: Vec::new() };
        let (draws, state) = (Draws::of_link(seed, number), Mutex::new(state));
        Self(Arc::new(Wire { number, seed, trace, draws, state }))
    }

    /// Breaks the connection: both ends learn of it at once, and what was on its way is lost. Those that
    /// the client tries are refused, until [`restore`](Self::restore).
    pub fn cut(&self) {
        let pairs = self.0.change(|terms| terms.is_cut = true);
        let lost = pairs.iter().map(|pair| pair.cut()).sum::<usize>();
        self.0.note(format_args!("is cut, {lost} bytes are lost"));
    }

    /// Lets new connections through, after [`cut`](Self::cut) and [`half_open`](Self::half_open). Delay
    /// and throughput stay as they are.
    ///
    /// A connection that was half open stays so, as one of which a router has forgotten: its ends find out
    /// by their heartbeats.
    pub fn restore(&self) {
        self.0.change(|terms| {
            (terms.is_cut, terms.up_is_mute, terms.down_is_mute) = (false, false, false);
        });
        self.0.note(format_args!("is restored"));
    }

    /// Has all bytes vanish from now on, both ways, and neither end learn of it: see
    /// [`restore`](Self::restore). Connections that the client tries meanwhile get no answer.
    pub fn half_open(&self) {
        self.mute(true, true);
    }

    /// The same for what the client sends: the server is heard.
    pub fn half_open_up(&self) {
        self.mute(true, false);
    }

    /// The same for what the server sends: the client is heard.
    pub fn half_open_down(&self) {
        self.mute(false, true);
    }

    fn mute(&self, up: bool, down: bool) {
        let pairs = self.0.change(|terms| {
            terms.up_is_mute |= up;
            terms.down_is_mute |= down;
        });
        let lost = pairs.iter().map(|pair| pair.mute(up, down)).sum::<usize>();
        let ways = match (up, down) {
            (true, false) => "upwards",
            (false, true) => "downwards",
            _ => "both ways",
        };
        self.0.note(format_args!("is half open {ways}, {lost} bytes are lost"));
    }

    /// Has what is sent from now on arrive so much later, each way: at most a year. A shorter delay lets
    /// nothing overtake what is on its way.
    pub fn delay(&self, delay: Duration) {
        let delay = delay.min(LONGEST);
        self.0.change(|terms| terms.delay = delay);
        self.0.note(format_args!("delays by {delay:?}"));
    }

    /// Lets through so many bytes a second from now on, each way; zero is no limit.
    ///
    /// Up to 64 KiB wait for it, as in a socket's buffer; then the sender is held back.
    pub fn throttle(&self, bytes_per_s: u64) {
        self.0.change(|terms| terms.rate = bytes_per_s);
        self.0.note(format_args!("lets through {bytes_per_s} bytes/s"));
    }

    /// Has the next connections go to another node, as a balancer would; the one that there is stays. They
    /// are refused where the kit has no such node, and the trace says so.
    pub fn route(&self, node: Node) {
        lock(&self.0.state).node = node;
        self.0.note(format_args!("leads to node {}", node.0));
    }

    /// Makes one change that is drawn from the [seed](super::Kit::seeded): it cuts, restores, delays,
    /// throttles, or is half open.
    pub fn random(&self) {
        let draws = &self.0.draws;
        match draws.below(10) {
            0..3 => self.cut(),
            3..6 => self.restore(),
            6..8 => self.delay(draws.millis(300)),
            8 => self.throttle(draws.below(4) * 5_000),
            _ => match draws.below(3) {
                0 => self.half_open(),
                1 => self.half_open_up(),
                _ => self.half_open_down(),
            },
        }
    }

    /// Ends what [`random`](Self::random) began: everything arrives at once.
    pub fn calm(&self) {
        self.0.change(|terms| (terms.delay, terms.rate) = (Duration::ZERO, 0));
        self.restore();
    }

    /// Which link of its kit it is in the trace: they count from 1.
    pub fn number(&self) -> u64 {
        self.0.number
    }

    /// A new connection, if there can be one: the ends of the client and of the server, and whether the
    /// server hears of it.
    pub(super) fn open(&self, request: &http::Request<()>) -> Option<(End, End, bool)> {
        let ticket = ticket(request);
        let ticket = self.0.trace.masked(&ticket, token(&ticket)).into_owned();
        let (uri, terms) = (request.uri(), self.0.terms());
        if terms.is_cut {
            self.0.note(format_args!("refuses {uri}{ticket}"));
            return None;
        }
        self.0.note(format_args!("opens {uri}{ticket}"));
        let (near, far, pair) = End::pair(&self.0);
        // Of an opening that vanishes nobody hears anything.
        pair.mute(terms.up_is_mute, terms.down_is_mute || terms.up_is_mute);
        let mut state = lock(&self.0.state);
        state.pairs.retain(|pair| pair.strong_count() > 0);
        state.pairs.push(Arc::downgrade(&pair));
        Some((near, far, !terms.up_is_mute))
    }

    pub(super) fn node(&self) -> Node {
        lock(&self.0.state).node
    }

    /// See [`Pipe::jitter`](crate::dial::Pipe::jitter).
    pub(super) fn jitter(&self) -> f64 {
        self.0.draws.unit()
    }
}

/// What a request offers beside the protocol itself.
fn ticket(request: &http::Request<()>) -> String {
    let offers = request.headers().get(http::header::SEC_WEBSOCKET_PROTOCOL);
    let offers = offers.and_then(|offers| offers.to_str().ok()).unwrap_or_default();
    offers.strip_prefix(wire::SUBPROTOCOL).unwrap_or(offers).replacen(',', "", 1)
}

/// The secret in a ticket, `resume.TOKEN.SEEN.ATTEMPT`.
fn token(ticket: &str) -> &str {
    ticket
        .trim_start()
        .strip_prefix("resume.")
        .and_then(|rest| rest.split('.').next())
        .unwrap_or_default()
}

impl Wire {
    pub(super) fn terms(&self) -> Terms {
        lock(&self.state).terms
    }

    /// Changes the terms. The connections that there are.
    fn change(&self, change: impl FnOnce(&mut Terms)) -> Vec<Arc<Pair>> {
        let mut state = lock(&self.state);
        change(&mut state.terms);
        state.pairs.iter().filter_map(Weak::upgrade).collect()
    }

    pub(super) fn note(&self, what: fmt::Arguments<'_>) {
        self.trace.note(self.number, what);
    }

    /// A frame was received.
    pub(super) fn frame(&self, arrow: char, what: &str) {
        let secret = what.strip_prefix(r#"{"hello":"#).and_then(|hello| {
            let (_, rest) = hello.split_once(r#""token":""#)?;
            Some(rest.split_once('"')?.0)
        });
        let what = self.trace.masked(what, secret.unwrap_or_default());
        self.note(format_args!("{arrow} {what}"));
    }
}

impl fmt::Debug for Link {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (number, terms) = (self.0.number, self.0.terms());
        f.debug_struct("Link").field("number", &number).field("terms", &terms).finish()
    }
}
