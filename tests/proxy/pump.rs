//! One direction of a connection through a proxy.

use super::link::{Link, Terms, Way};
use crate::dice::Dice;
use std::{future::pending, time::Duration};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::tcp::{ReadHalf, WriteHalf},
    sync::mpsc,
    task::yield_now,
    time::{Instant, sleep_until},
};

/// Bytes of one read, and how many of them wait: 64 KiB; then the sender is held back.
const CHUNK: usize = 4096;
const CHUNKS: usize = 16;

/// How a direction ended.
#[derive(Debug)]
pub(super) enum End {
    /// With a FIN, which was forwarded.
    Said,
    /// Its sender was reset.
    Reset,
    /// Its receiver takes no more.
    Broken,
}

/// What a read brought.
#[derive(Debug)]
enum Read {
    Bytes(Vec<u8>),
    Fin,
    Rst,
}

/// Forwards until one of the ends.
pub(super) async fn run(
    from: ReadHalf<'_>,
    to: WriteHalf<'_>,
    link: &Link,
    way: Way,
    dice: Dice,
) -> End {
    let (sender, queue) = mpsc::channel(CHUNKS);
    let read = async {
        read(from, sender).await;
        pending().await
    };
    tokio::select! {
        end = write(to, queue, Gate { link, way, pace: Pace::new(dice) }) => end,
        never = read => never,
    }
}

async fn read(mut from: ReadHalf<'_>, queue: mpsc::Sender<(Instant, Read)>) {
    loop {
        let mut bytes = Vec::with_capacity(CHUNK);
        let read = match from.read_buf(&mut bytes).await {
            Ok(0) => Read::Fin,
            Ok(_) => Read::Bytes(bytes),
            Err(_) => Read::Rst,
        };
        let goes_on = matches!(read, Read::Bytes(_));
        if queue.send((Instant::now(), read)).await.is_err() || !goes_on {
            return;
        }
    }
}

async fn write(
    mut to: WriteHalf<'_>,
    mut queue: mpsc::Receiver<(Instant, Read)>,
    mut gate: Gate<'_>,
) -> End {
    loop {
        match queue.recv().await {
            Some((arrived, Read::Bytes(bytes))) => {
                let mut rest = &bytes[..];
                while !rest.is_empty() {
                    let length = gate.pass(arrived, rest.len()).await;
                    let (piece, behind) = rest.split_at(length);
                    rest = behind;
                    if to.write_all(piece).await.is_err() {
                        return End::Broken;
                    }
                    gate.link.wrote(gate.way, length as u64);
                    // The receiver's turn, before the next piece comes.
                    yield_now().await;
                }
            }
            Some((arrived, Read::Fin)) => {
                gate.pass(arrived, 0).await;
                return to.shutdown().await.map_or(End::Broken, |()| End::Said);
            }
            Some((arrived, Read::Rst)) => {
                gate.pass(arrived, 0).await;
                return End::Reset;
            }
            None => return pending().await,
        }
    }
}

/// Lets pieces pass when the terms of the link say so.
struct Gate<'a> {
    link: &'a Link,
    way: Way,
    pace: Pace,
}

impl Gate<'_> {
    /// How many of `wanted` bytes pass, as soon as any do.
    async fn pass(&mut self, arrived: Instant, wanted: usize) -> usize {
        let mut changes = self.link.watch();
        loop {
            changes.mark_unchanged();
            // In one step: what is frozen now does not pass, what is to be cut is not exceeded.
            let (times, mut step) = ((arrived, Instant::now()), Step::Stop);
            self.link.count(|terms| step = self.pace.step(terms, self.way, times, wanted));
            let changed = async {
                if changes.changed().await.is_err() {
                    pending().await
                }
            };
            match step {
                Step::Pass(length) => return length,
                Step::Wait(until) => tokio::select! {
                    () = changed => {}
                    () = sleep_until(until) => {}
                },
                Step::Stop => changed.await,
            }
        }
    }
}

#[derive(Debug, PartialEq)]
enum Step {
    Pass(usize),
    /// Nothing passes before.
    Wait(Instant),
    /// Nothing passes until the terms change.
    Stop,
}

/// How far a direction has come in its pieces and its rate.
#[derive(Debug)]
struct Pace {
    dice: Dice,
    /// Bytes until the end of the piece.
    left: usize,
    /// When the rate allows more.
    due: Instant,
}

impl Pace {
    fn new(dice: Dice) -> Self {
        Self { dice, left: 0, due: Instant::now() }
    }

    fn step(
        &mut self,
        terms: &mut Terms,
        way: Way,
        (arrived, now): (Instant, Instant),
        wanted: usize,
    ) -> Step {
        let Terms { delay, rate, split, .. } = *terms;
        let course = terms.course(way);
        let paced = if rate.is_some() { self.due } else { now };
        let due = paced.max(arrived + delay);
        if course.frozen {
            return Step::Stop;
        }
        if due > now {
            return Step::Wait(due);
        }
        let mut length = wanted;
        if let Some((at, _)) = course.end {
            length = length.min(usize::try_from(at - course.begun).unwrap_or(usize::MAX));
        }
        if length < wanted.min(1) {
            return Step::Stop;
        }
        if let Some(rate) = rate {
            // A hundred times a second, so that it flows.
            length = length.min((rate / 100).max(1) as usize);
        }
        if let Some(max) = split {
            if self.left == 0 {
                self.left = self.dice.below(u64::from(max.max(1))) as usize + 1;
            }
            length = length.min(self.left);
            self.left -= length;
        }
        if let Some(rate) = rate {
            let pause = Duration::from_secs(length as u64) / rate.max(1);
            self.due = now + pause;
        }
        course.begun += length as u64;
        Step::Pass(length)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Where a stream of 1,000 bytes is split that comes in reads of this length.
    fn places(seed: u64, read: usize) -> Vec<u64> {
        let mut terms = Terms { split: Some(7), ..Terms::default() };
        let mut pace = Pace::new(Dice(seed));
        let now = Instant::now();
        let mut places = Vec::new();
        for _ in 0..1000 / read {
            let mut left = read;
            while left > 0 {
                let Step::Pass(length) = pace.step(&mut terms, Way::Up, (now, now), left) else {
                    panic!("nothing keeps it");
                };
                assert!((1..=7).contains(&length));
                left -= length;
                if pace.left == 0 {
                    places.push(terms.up.begun);
                }
            }
        }
        places
    }

    #[test]
    fn a_stream_is_split_in_the_same_places_under_the_same_seed_however_it_is_read() {
        assert_eq!(places(1, 1000), places(1, 10));
        assert_ne!(places(1, 1000), places(2, 1000));
    }
}
