//! What the network does to the connections of a client.

use crate::{
    stage::Guest,
    track::{Course, Side},
};
use std::time::Duration;
use tests::{
    dice::Dice,
    proxy::{Link, Way},
};

/// How a connection is cut.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Kind {
    /// While events go over it: now, or within the next frames.
    Live,
    /// Nothing comes any more, one way or both, until each side finds out; what was on its way comes when
    /// the session goes on over another connection.
    HalfOpen,
    /// In the bytes of the request, of the response or of `hello`.
    Handshake,
    /// The request is held back until the next connection of the client has the session.
    Overtaken,
    /// In what is sent again.
    Replay,
}

pub(crate) const KINDS: [Kind; 5] =
    [Kind::Live, Kind::HalfOpen, Kind::Handshake, Kind::Overtaken, Kind::Replay];

/// Bytes that the handshake of a client that comes back has at least and at most, `hello` included, on any fixture.
const HANDSHAKE: [(u64, u64); 2] = [(200, 480), (290, 540)];

/// Frames that are sent into a connection that does not forward them, and the bytes of the smallest.
const AGAIN: u64 = 20;
const FRAME: u64 = 41;

/// How many connections were cut, by [`Kind`].
pub(crate) type Cuts = [usize; KINDS.len()];

/// See the module.
pub(crate) struct Torment<'a> {
    guest: &'a mut Guest,
    dice: Dice,
    cuts: Cuts,
    /// Connections that have something yet to deliver.
    late: Vec<Link>,
}

impl<'a> Torment<'a> {
    pub(crate) fn new(guest: &'a mut Guest) -> Self {
        let dice = Dice(guest.number as u64);
        Self { guest, dice, cuts: Cuts::default(), late: Vec::new() }
    }

    /// Cuts so many connections while so many events go each way, and waits until all have come.
    pub(crate) async fn run(mut self, cuts: u64, each: u64) -> Cuts {
        self.measure().await;
        let step = each / cuts;
        assert!(
            (2 * AGAIN..=160).contains(&step),
            "{step} events a cut: a window is too small, or a queue"
        );
        for at in 0..cuts {
            let before = at * step;
            self.guest.track.allow(before + step / 2);
            let flows = before + 1 + self.dice.below(step / 2);
            self.flow(|course| course.both(|side| course.heard[side as usize] >= flows)).await;
            let kind = KINDS[(self.guest.number + at as usize) % KINDS.len()];
            self.strike(kind, before + step).await;
        }
        self.guest.track.allow(each);
        self.flow(|course| {
            let is_heard = |side| course.heard[side as usize] == each;
            let is_over = |side| course.over(side) == crate::track::calls(each);
            course.both(|side| is_heard(side) && is_over(side))
        })
        .await;
        // One that came after the farewell would begin another session.
        for late in self.late {
            late.ended().await;
        }
        self.cuts
    }

    /// The bounds of a handshake are what is taken for it: one that comes back says more than the first.
    async fn measure(&self) {
        for (way, (least, most)) in [Way::Up, Way::Down].into_iter().zip(HANDSHAKE) {
            self.guest
                .track
                .soon(async {
                    while self.guest.link.forwarded(way) < least {
                        tokio::task::yield_now().await;
                    }
                })
                .await;
            assert!(self.guest.link.forwarded(way) + 120 <= most);
        }
    }

    /// Lets connections through, in whatever weather, until it has come so far, and then what is late.
    async fn flow(&mut self, is_reached: impl Fn(&Course) -> bool) {
        self.guest.reach(is_reached).await;
        for late in &self.late {
            late.thaw(Way::Both);
            late.release();
        }
    }

    /// The next connection, which is not let through yet.
    async fn next(&mut self) -> Link {
        let link = self.guest.proxy.accepted().await;
        if self.dice.below(2) == 0 {
            link.delay(Duration::from_millis(self.dice.below(5)));
        }
        if self.dice.below(2) == 0 {
            link.split(20 + self.dice.below(100) as u32);
        }
        link
    }

    /// Cuts a connection, while so many events are emitted.
    async fn strike(&mut self, kind: Kind, allowed: u64) {
        let (how, way) = (self.dice.cut(), self.dice.way());
        let link = self.guest.link.clone();
        let is_live = !link.is_over() && self.guest.remote.status().borrow().is_connected();
        match kind {
            Kind::Live => {
                self.guest.track.allow(allowed);
                match self.dice.below(2) {
                    0 => link.cut(how),
                    _ => link.cut_after(way, 1 + self.dice.below(10 * FRAME), how),
                }
                link.ended().await;
                self.count(kind, is_live);
            }
            Kind::HalfOpen => {
                link.freeze([Way::Up, Way::Down, Way::Both][self.dice.below(3) as usize]);
                self.guest.track.allow(allowed);
                self.guest.link = self.next().await;
                self.guest.link.release();
                self.late.push(link);
                self.count(kind, is_live);
            }
            Kind::Handshake => {
                link.cut(how);
                self.count(Kind::Live, is_live);
                let link = self.next().await;
                let bytes = 1 + self.dice.below(HANDSHAKE[way as usize].0);
                link.cut_after(way, bytes, how);
                link.release();
                link.ended().await;
                self.count(kind, link.forwarded(way) == bytes);
            }
            Kind::Overtaken => {
                link.cut(how);
                self.count(Kind::Live, is_live);
                let held = self.next().await;
                self.guest.link = self.next().await;
                self.guest.link.release();
                self.count(kind, held.forwarded(Way::Both) == 0);
                self.late.push(held);
            }
            Kind::Replay => {
                link.freeze(Way::Both);
                let before = self.guest.track.now();
                self.guest.track.allow(allowed);
                let is_sent = |course: &Course, side: Side| {
                    course.emitted[side as usize] >= before.emitted[side as usize] + AGAIN
                };
                self.guest.reach_quietly(|course| course.both(|side| is_sent(course, side))).await;
                link.cut(how);
                self.count(Kind::HalfOpen, is_live);
                let link = self.next().await;
                let (least, most) = HANDSHAKE[way as usize];
                let bytes = most + self.dice.below(least + AGAIN * FRAME - most);
                link.cut_after(way, bytes, how);
                link.release();
                link.ended().await;
                self.count(kind, link.forwarded(way) == bytes);
            }
        }
        self.guest.track.allow(allowed);
    }

    fn count(&mut self, kind: Kind, has_hit: bool) {
        self.cuts[kind as usize] += usize::from(has_hit);
    }
}
