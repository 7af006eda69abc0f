//! Whether the server is still there.

use super::link::Link;
use redis::{RedisResult, aio::MultiplexedConnection};
use std::{pin::pin, sync::Arc, time::Duration};
use tokio::time::{sleep, timeout};

/// Between questions; and how long an answer is waited for, some times.
const PING: Duration = Duration::from_secs(1);

/// So often without anything from the server. (Not once for three times as long: where this process itself stood
/// still, the answer may be there already.)
const SILENCES: u32 = 3;

/// Ends the link when the server does not answer any more; ready when it is over.
pub(super) async fn watch(connection: MultiplexedConnection, link: Arc<Link>) {
    tokio::select! {
        () = link.ended() => {}
        why = silence(connection, &link) => link.end(why),
    }
}

/// Ready when the server does not answer, with why.
async fn silence(mut connection: MultiplexedConnection, link: &Link) -> String {
    loop {
        sleep(PING).await;
        let ping = redis::cmd("PING");
        let mut answer = pin!(ping.query_async(&mut connection));
        let (mut silences, mut count) = (0, link.count());
        loop {
            let answered: Result<RedisResult<()>, _> = timeout(PING, &mut answer).await;
            match answered {
                Ok(Ok(())) => break,
                Ok(Err(error)) => return error.to_string(),
                // What comes meanwhile is as good as an answer, which waits behind it.
                Err(_) if link.count() != count => (silences, count) = (0, link.count()),
                Err(_) => silences += 1,
            }
            if silences == SILENCES {
                return "the server does not answer".to_owned();
            }
        }
    }
}
