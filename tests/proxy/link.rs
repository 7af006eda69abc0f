//! One connection through a proxy, and what a test has ordered for it.

use super::pump::{self, End};
use crate::chat::soon;
use crate::dice::Dice;
use std::{io, net::SocketAddr, sync::Arc, time::Duration};
use tokio::{
    io::{AsyncWriteExt, copy, sink},
    net::TcpStream,
    sync::watch,
};

/// A direction of a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Way {
    /// From the client to the server.
    Up,
    /// From the server to the client.
    Down,
    /// Each of them.
    Both,
}

/// How a connection ends on both sides; what was not forwarded yet is lost.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cut {
    /// As if the other side had closed: a FIN after what was forwarded.
    Fin,
    /// As if the other side had crashed: a RST.
    Rst,
}

/// One connection; a cheap clone.
#[derive(Debug, Clone)]
pub struct Link {
    number: u64,
    terms: Arc<watch::Sender<Terms>>,
}

/// What is ordered, and how far it has come.
#[derive(Debug, Clone, Default)]
pub(super) struct Terms {
    pub(super) held: bool,
    pub(super) server: Option<SocketAddr>,
    pub(super) delay: Duration,
    pub(super) rate: Option<u32>,
    pub(super) split: Option<u32>,
    pub(super) up: Course,
    pub(super) down: Course,
    pub(super) cut: Option<Cut>,
    pub(super) over: bool,
}

/// One direction of it.
#[derive(Debug, Clone, Default)]
pub(super) struct Course {
    pub(super) frozen: bool,
    /// Bytes that are forwarded or about to be: they are beyond what can be ordered.
    pub(super) begun: u64,
    written: u64,
    /// Where in the stream to cut.
    pub(super) end: Option<(u64, Cut)>,
}

impl Link {
    pub(super) fn new(number: u64, terms: Terms) -> Self {
        Self { number, terms: Arc::new(watch::Sender::new(terms)) }
    }

    /// Which connection of its proxy it is, from 0.
    pub fn number(&self) -> u64 {
        self.number
    }

    /// Which server it goes to; `None` before it is connected to any.
    pub fn server(&self) -> Option<SocketAddr> {
        self.terms.borrow().server
    }

    /// Bytes that were forwarded, in both directions together for [`Way::Both`].
    pub fn forwarded(&self, way: Way) -> u64 {
        self.terms.borrow().courses(way).map(|course| course.written).sum()
    }

    /// Whether nothing is forwarded any more: it was cut, or both sides have ended.
    pub fn is_over(&self) -> bool {
        self.terms.borrow().over
    }

    /// Waits until nothing is forwarded any more.
    ///
    /// # Panics
    ///
    /// When it goes on for [`PATIENCE`](crate::chat::PATIENCE).
    pub async fn ended(&self) {
        let mut terms = self.terms.subscribe();
        soon(terms.wait_for(|terms| terms.over)).await.expect("its sender is here");
    }

    /// Cuts it now.
    pub fn cut(&self, how: Cut) {
        self.change(|terms| terms.cut = Some(how));
    }

    /// Cuts it as soon as so many further bytes were forwarded in one direction, not one more; a
    /// receiver that reads gets all of them before the end.
    pub fn cut_after(&self, way: Way, bytes: u64, how: Cut) {
        self.change(|terms| terms.cut_after(way, bytes, how));
    }

    /// Lets no byte pass that is sent from now on, and no end; both sides stay connected.
    pub fn freeze(&self, way: Way) {
        self.change(|terms| terms.freeze(way, true));
    }

    /// Lets bytes pass again, first those that waited.
    pub fn thaw(&self, way: Way) {
        self.change(|terms| terms.freeze(way, false));
    }

    /// Connects it to the server, if it is [held](super::Proxy::hold).
    pub fn release(&self) {
        self.change(|terms| terms.held = false);
    }

    /// Forwards what is read so much later, its end too.
    pub fn delay(&self, delay: Duration) {
        self.change(|terms| terms.delay = delay);
    }

    /// Forwards no more bytes a second in each direction than these.
    pub fn throttle(&self, bytes_per_s: u32) {
        self.change(|terms| terms.rate = Some(bytes_per_s));
    }

    /// Forwards in pieces of random length, at most `max` bytes, and gives way after each.
    pub fn split(&self, max: u32) {
        self.change(|terms| terms.split = Some(max));
    }

    /// Forwards plainly from now on.
    pub fn calm(&self) {
        self.change(Terms::calm);
    }

    pub(super) fn change(&self, change: impl FnOnce(&mut Terms)) {
        self.terms.send_modify(change);
    }

    /// Changes what nobody waits for.
    pub(super) fn count(&self, change: impl FnOnce(&mut Terms)) {
        self.terms.send_if_modified(|terms| {
            change(terms);
            false
        });
    }

    pub(super) fn watch(&self) -> watch::Receiver<Terms> {
        self.terms.subscribe()
    }

    pub(super) fn leads_to(&self, server: SocketAddr) {
        self.change(|terms| terms.server = Some(server));
    }

    /// So many bytes were written.
    pub(super) fn wrote(&self, way: Way, bytes: u64) {
        self.terms.send_if_modified(|terms| {
            terms.course(way).written += bytes;
            terms.due().is_some()
        });
    }

    /// Forwards until the end.
    pub(super) async fn carry(
        &self,
        client: TcpStream,
        connect: impl Future<Output = io::Result<TcpStream>>,
        seed: u64,
    ) {
        let mut sides = vec![client];
        let mut terms = self.watch();
        let held = terms.wait_for(|terms| !terms.held || terms.due().is_some()).await;
        let mut cut = held.ok().and_then(|terms| terms.due());
        if cut.is_none() {
            cut = match connect.await {
                Ok(server) => {
                    sides.push(server);
                    self.forward(&mut sides, seed).await
                }
                // As if there were no proxy, but a moment later.
                Err(_) => Some(Cut::Rst),
            };
        }
        match cut {
            Some(Cut::Rst) => {
                for side in sides {
                    // Dropped, it is reset.
                    let _ = side.set_zero_linger();
                }
                self.change(|terms| terms.over = true);
            }
            Some(Cut::Fin) => {
                for side in &mut sides {
                    // It may have ended by itself.
                    let _ = side.shutdown().await;
                }
                self.change(|terms| terms.over = true);
                // Closed with something unread, it would be reset.
                for mut side in sides {
                    let _ = copy(&mut side, &mut sink()).await;
                }
            }
            None => self.change(|terms| terms.over = true),
        }
    }

    /// How it is to be cut; `None` if both sides have said farewell.
    async fn forward(&self, sides: &mut [TcpStream], seed: u64) -> Option<Cut> {
        let [client, server] = sides else { return None };
        // Else the pieces would be put together again.
        let _ = (client.set_nodelay(true), server.set_nodelay(true));
        let ((from_client, to_client), (from_server, to_server)) = (client.split(), server.split());
        let dice = |way: u64| Dice(seed ^ (self.number * 2 + way));
        let up = pump::run(from_client, to_server, self, Way::Up, dice(0));
        let down = pump::run(from_server, to_client, self, Way::Down, dice(1));
        let mut terms = self.watch();
        let (up, down) = (reset_or(up), reset_or(down));
        tokio::select! {
            biased;
            cut = terms.wait_for(|terms| terms.due().is_some()) => {
                cut.ok().and_then(|terms| terms.due())
            }
            ends = async { tokio::try_join!(up, down) } => match ends {
                Ok((End::Said, End::Said)) => None,
                _ => Some(Cut::Rst),
            },
        }
    }
}

/// A reset ends both directions, anything else only one.
async fn reset_or(direction: impl Future<Output = End>) -> Result<End, ()> {
    match direction.await {
        End::Reset => Err(()),
        end @ (End::Said | End::Broken) => Ok(end),
    }
}

impl Terms {
    pub(super) fn course(&mut self, way: Way) -> &mut Course {
        if way == Way::Down { &mut self.down } else { &mut self.up }
    }

    fn courses(&self, way: Way) -> impl Iterator<Item = &Course> {
        let (up, down) = (way != Way::Down, way != Way::Up);
        up.then_some(&self.up).into_iter().chain(down.then_some(&self.down))
    }

    fn each(&mut self, way: Way, change: impl Fn(&mut Course)) {
        if way != Way::Down {
            change(&mut self.up);
        }
        if way != Way::Up {
            change(&mut self.down);
        }
    }

    pub(super) fn freeze(&mut self, way: Way, frozen: bool) {
        self.each(way, |course| course.frozen = frozen);
    }

    pub(super) fn cut_after(&mut self, way: Way, bytes: u64, how: Cut) {
        self.each(way, |course| course.end = Some((course.begun + bytes, how)));
    }

    pub(super) fn calm(&mut self) {
        (self.held, self.delay, self.rate, self.split) = (false, Duration::ZERO, None, None);
        self.each(Way::Both, |course| (course.frozen, course.end) = (false, None));
    }

    /// How it is to be cut now.
    fn due(&self) -> Option<Cut> {
        let reached = |course: &Course| {
            course.end.and_then(|(at, how)| (course.written >= at).then_some(how))
        };
        self.cut.or_else(|| reached(&self.up)).or_else(|| reached(&self.down))
    }
}
