//! The sockets of all nodes: on each one that has it emit, and the others, which are read by a task each.

use benches::{Client, Dialect, Tally};
use std::{
    error::Error,
    io,
    net::SocketAddr,
    sync::Arc,
    time::{Duration, Instant},
};
use tokio::{
    task::JoinSet,
    time::{interval, timeout},
};

/// Members of a room.
pub(crate) const MEMBERS: usize = 3;

/// For all to get what was said.
const PATIENCE: Duration = Duration::from_secs(120);

/// Between writes of what is due.
const WRITES: Duration = Duration::from_millis(5);

/// Whom a broadcast is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Scope {
    /// All, from this node.
    From(usize),
    /// Those of each node, from itself.
    Each,
}

/// See the module.
pub(crate) struct Crowd {
    masters: Vec<Client>,
    /// Rooms of each node: those of one come after those of another.
    rooms: usize,
    /// Updates that each socket got, or none has.
    said: usize,
    got: Arc<Tally>,
    readers: JoinSet<io::Error>,
    filler: String,
}

impl Crowd {
    /// Opens so many sockets on each node, in rooms of three.
    pub(crate) async fn open(
        nodes: &[SocketAddr],
        dialect: Dialect,
        sockets: usize,
        payload: usize,
    ) -> Result<Self, Box<dyn Error>> {
        let rooms = (sockets - 1) / MEMBERS;
        let (got, mut readers, mut masters) = (Arc::new(Tally::default()), JoinSet::new(), vec![]);
        for (node, addr) in nodes.iter().enumerate() {
            let mut clients = Client::open_many(*addr, dialect, sockets).await?;
            masters.extend(clients.pop());
            for (at, mut client) in clients.into_iter().enumerate() {
                // One or two that are left over are in the last.
                client.enter(node * rooms + (at / MEMBERS).min(rooms - 1)).await?;
                let got = got.clone();
                readers.spawn(async move {
                    loop {
                        match client.update().await {
                            Ok(()) => got.add(1),
                            Err(error) => break error,
                        }
                    }
                });
            }
        }
        let filler = "x".repeat(payload.saturating_sub(11));
        Ok(Self { masters, rooms, said: 0, got, readers, filler })
    }

    /// Has so many broadcasts emitted, each when all have got the one before.
    pub(crate) async fn broadcast(
        &mut self,
        scope: Scope,
        count: usize,
    ) -> Result<(), Box<dyn Error>> {
        for _ in 0..count {
            let text = format!("{:010} {}", self.said, self.filler);
            match scope {
                Scope::From(node) => self.masters[node].say("publish", &text).await?,
                Scope::Each => {
                    for master in &mut self.masters {
                        master.say("publish_here", &text).await?;
                    }
                }
            }
            for master in &mut self.masters {
                timeout(PATIENCE, master.update()).await??;
            }
            self.said += 1;
            self.until(self.said * self.readers.len()).await?;
        }
        Ok(())
    }

    /// Has messages emitted to all rooms in turn, each from the node after that of its members. How many, and
    /// how long it took until all were received. There are no broadcasts afterwards.
    pub(crate) async fn tell(
        mut self,
        rate: usize,
        time: Duration,
    ) -> Result<(usize, Duration), Box<dyn Error>> {
        let nodes = self.masters.len();
        let rooms = nodes * self.rooms;
        // Each room is told equally often.
        let rounds = (rate as f64 * time.as_secs_f64() / rooms as f64).ceil() as usize;
        let count = rounds * rooms;
        let before = self.got.count();
        let (start, mut ticks, mut told) = (Instant::now(), interval(WRITES), 0);
        while told < count {
            ticks.tick().await;
            let due = (start.elapsed().as_secs_f64() * rate as f64) as usize;
            let mut texts = vec![Vec::new(); nodes];
            for number in told..due.min(count) {
                // Neighbours in turn are of different nodes.
                let room = number % nodes * self.rooms + number % rooms / nodes;
                let text = format!("{:010} {}", self.said + number / rooms, self.filler);
                texts[(room / self.rooms + 1) % nodes].push((room, text));
            }
            told = told.max(due.min(count));
            for (master, texts) in self.masters.iter_mut().zip(texts) {
                master.say_to("tell", &texts).await?;
            }
        }
        let extra = self.readers.len() - rooms * MEMBERS;
        self.until(before + count * MEMBERS + extra * rounds).await?;
        Ok((count, start.elapsed()))
    }

    /// Waits until the readers have got so much.
    async fn until(&mut self, count: usize) -> Result<(), Box<dyn Error>> {
        tokio::select! {
            reached = timeout(PATIENCE, self.got.until(count)) => {
                reached.map_err(|_| format!("{} of {count} received", self.got.count()).into())
            }
            // A reader only ends where something is wrong.
            Some(failed) = self.readers.join_next() => Err(failed?.into()),
        }
    }
}
