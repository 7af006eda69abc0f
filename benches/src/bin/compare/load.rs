//! The load generator: sockets that check all that they are sent, while one of them publishes.

use benches::{Client, Dialect, Server, Tally};
use std::{
    error::Error,
    io,
    sync::Arc,
    time::{Duration, Instant},
};
use tokio::{task::JoinSet, time::timeout};

/// Long enough for anything that happens at all.
const PATIENCE: Duration = Duration::from_secs(60);

/// The open sockets; all but the one that publishes are read by a task each.
pub(crate) struct Load {
    publisher: Client,
    idle: Vec<Client>,
}

impl Load {
    /// Opens so many sockets.
    pub(crate) async fn open(
        server: &Server,
        dialect: Dialect,
        count: usize,
    ) -> Result<Self, Box<dyn Error>> {
        let mut open = Client::open_many(server.addr, dialect, count).await?;
        Ok(Self { publisher: open.pop().ok_or("no sockets")?, idle: open })
    }

    /// Publishes as fast as all get it, one after the other. Microseconds of the server's CPU time for
    /// each delivery.
    pub(crate) async fn broadcast(
        &mut self,
        server: &Server,
        payload: usize,
        time: Duration,
    ) -> Result<f64, Box<dyn Error>> {
        let (got, mut receivers) = (Arc::new(Tally::default()), JoinSet::new());
        for mut client in self.idle.drain(..) {
            let got = got.clone();
            receivers.spawn(async move {
                let failed: io::Error = loop {
                    match client.update().await {
                        Ok(()) => got.add(1),
                        Err(error) => break error,
                    }
                };
                failed
            });
        }
        let count = receivers.len();
        let filler = "x".repeat(payload.saturating_sub(11));
        let measure = async {
            let mut published = 0;
            let mut begun = None;
            loop {
                let (cpu, now) = (server.cpu()?, Instant::now());
                match begun {
                    // The first broadcasts fill caches, and compile what is compiled late.
                    None if published == 200 => begun = Some((cpu, now)),
                    Some((before, start)) if now.duration_since(start) >= time => {
                        let deliveries = (published - 200) * (count + 1);
                        return Ok((cpu - before).as_secs_f64() * 1e6 / deliveries as f64);
                    }
                    _ => {}
                }
                self.publisher.say("publish", &format!("{published:010} {filler}")).await?;
                self.publisher.update().await?;
                published += 1;
                timeout(PATIENCE, got.until(published * count)).await?;
            }
        };
        tokio::select! {
            cpu = measure => cpu,
            // A receiver only ends where something is wrong.
            Some(failed) = receivers.join_next() => Err(failed?.into()),
        }
    }
}
