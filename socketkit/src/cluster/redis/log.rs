//! What Redis keeps of a cluster: a stream of each channel, and keys that go when nobody sets them again.

use crate::{
    NodeId, SocketId,
    cluster::{channel::Channel, durable, engine::Log},
};
use bytes::Bytes;
use redis::{Cmd, InfoDict, RedisResult, aio::MultiplexedConnection, cmd};
use std::time::Duration;

/// Messages of a channel that are kept, and some more.
pub(super) const MESSAGES: usize = 65_536;

/// Keeps a message and publishes it: both, or nothing. Numbers are microseconds, so that none is given again where what
/// was kept is lost, unless the clock goes back as well.
const KEEP: &str = "
local time = redis.call('TIME')
local last = tonumber(redis.call('GET', KEYS[2]) or 0)
local number = string.format('%.0f', math.max(last + 1, time[1] * 1000000 + time[2]))
redis.call('SET', KEYS[2], number)
redis.call('XADD', KEYS[1], 'MAXLEN', '~', ARGV[3], '*', 'm', ARGV[4], 'n', number)
redis.call('XTRIM', KEYS[1], 'MINID', '~', time[1] * 1000 - ARGV[2])
redis.call('PEXPIRE', KEYS[1], ARGV[2])
return redis.call('PUBLISH', ARGV[1], ARGV[4])
";

/// Changes a session if its number is still that, or takes it out.
const REPLACE: &str = "
if redis.call('GETRANGE', KEYS[1], 0, 7) ~= ARGV[1] then return 0 end
if ARGV[2] == '' then return redis.call('DEL', KEYS[1]) end
redis.call('SET', KEYS[1], ARGV[2], 'PX', ARGV[3])
return 1
";

/// See the module. Names are those of a cluster.
#[derive(Debug, Clone)]
pub(super) struct Keys {
    cluster: String,
    /// Of the scripts.
    keep: String,
    replace: String,
    time: Duration,
}

impl Keys {
    pub(super) async fn open(
        connection: &mut MultiplexedConnection,
        cluster: &str,
        log: Log,
    ) -> RedisResult<Self> {
        let keep = cmd("SCRIPT").arg("LOAD").arg(KEEP).query_async(connection).await?;
        let replace = cmd("SCRIPT").arg("LOAD").arg(REPLACE).query_async(connection).await?;
        // Not everybody may ask.
        let info: RedisResult<InfoDict> =
            cmd("INFO").arg("persistence").query_async(connection).await;
        if info.is_ok_and(|info| info.get::<u8>("aof_enabled") == Some(0)) {
            tracing::warn!(
                "Redis forgets what is kept when it ends: durable() needs `appendonly yes`"
            );
        }
        Ok(Self { cluster: cluster.to_owned(), keep, replace, time: log.time })
    }

    /// The stream of a channel.
    pub(super) fn log(&self, channel: Channel) -> String {
        format!("{}.log.{channel}", self.cluster)
    }

    /// The number of the last message of all streams.
    fn last(&self) -> String {
        format!("{}.log", self.cluster)
    }

    fn session(&self, id: SocketId) -> String {
        format!("{}.session.{id}", self.cluster)
    }

    fn here(&self, node: NodeId) -> String {
        format!("{}.here.{node}", self.cluster)
    }

    /// Publishes a message, once it is kept.
    pub(super) fn publish(&self, channel: Channel, payload: &[u8]) -> Cmd {
        let mut publish = cmd("EVALSHA");
        publish.arg(&self.keep).arg(2).arg(self.log(channel)).arg(self.last());
        publish.arg(format!("{}.{channel}", self.cluster)).arg(millis(self.time));
        publish.arg(MESSAGES).arg(payload);
        publish
    }

    /// Says that a node is there: the time that is left tells how much has gone by.
    pub(super) fn set_here(&self, node: NodeId) -> Cmd {
        let mut set = cmd("SET");
        set.arg(self.here(node)).arg("").arg("PX").arg(millis(durable::FORGOTTEN));
        set
    }

    /// Writes a session down in the place of what has this number, or takes that out: the number that it has then, if
    /// that is answered with 1.
    pub(super) fn replace(&self, id: SocketId, number: u64, session: Option<&[u8]>) -> (Cmd, u64) {
        let mut replace = cmd("EVALSHA");
        replace.arg(&self.replace).arg(1).arg(self.session(id));
        match number {
            0 => replace.arg(""),
            number => replace.arg(&number.to_be_bytes()[..]),
        };
        let number = rand::random_range(1..=u64::MAX);
        match session {
            Some(session) => replace.arg([&number.to_be_bytes(), session].concat()),
            None => replace.arg(""),
        };
        replace.arg(millis(durable::FORGOTTEN));
        (replace, number)
    }

    pub(super) fn get_last(&self) -> Cmd {
        let mut get = cmd("GET");
        get.arg(self.last());
        get
    }

    pub(super) fn get_session(&self, id: SocketId) -> Cmd {
        let mut get = cmd("GET");
        get.arg(self.session(id));
        get
    }

    /// Answers for how many milliseconds a node will be known, below zero if it is not.
    pub(super) fn time_left(&self, node: NodeId) -> Cmd {
        let mut left = cmd("PTTL");
        left.arg(self.here(node));
        left
    }
}

/// The session, and its number.
pub(super) fn session(kept: Bytes) -> Option<(Bytes, u64)> {
    let number = u64::from_be_bytes(*kept.first_chunk()?);
    Some((kept.slice(size_of::<u64>()..), number))
}

fn millis(time: Duration) -> u64 {
    time.as_millis().try_into().unwrap_or(u64::MAX)
}
