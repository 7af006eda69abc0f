//! Reads what was kept for many sessions at once: whoever comes while that goes on shares what is read next, and what
//! was read lately is not read again.

use super::Kept;
use crate::{
    cluster::{
        channel::Channel,
        engine::{EngineError, Recall},
    },
    peer::lock,
};
use std::{
    collections::HashSet,
    mem,
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};
use tokio::{select, sync::watch};

/// How much of what was read is read again: clocks do not go alike.
const AGAIN: Duration = Duration::from_secs(2);

/// `None` if it could not be read.
type Read = Option<Arc<Kept>>;

/// See the module.
#[derive(Debug, Default)]
pub(crate) struct Reading {
    /// What is read next, while something is being read.
    next: Mutex<Option<Round>>,
    turn: tokio::sync::Mutex<()>,
    last: Mutex<Read>,
}

#[derive(Debug)]
struct Round {
    channels: HashSet<Channel>,
    within: Duration,
    read: watch::Sender<Option<Read>>,
}

impl Reading {
    /// What is kept of some channels, at least until now, and of others.
    ///
    /// # Cancel safety
    ///
    /// Others who share what is read are not concerned, unless this one is reading it: then they have none.
    pub(crate) async fn read(
        &self,
        recall: &Arc<dyn Recall>,
        channels: &[Channel],
        within: Duration,
    ) -> Read {
        let mut read = {
            let mut next = lock(&self.next);
            let round = next.get_or_insert_with(|| Round {
                channels: HashSet::new(),
                within,
                read: watch::Sender::new(None),
            });
            round.channels.extend(channels);
            round.within = round.within.max(within);
            round.read.subscribe()
        };
        // Whoever comes to it first reads for all.
        let turn = select! {
            biased;
            found = read.wait_for(Option::is_some) => return found.ok()?.clone().flatten(),
            turn = self.turn.lock() => turn,
        };
        let round = mem::take(&mut *lock(&self.next));
        if let Some(Round { channels, within, read }) = round {
            let last = mem::take(&mut *lock(&self.last));
            let kept = match go_on(&**recall, last, channels, within).await {
                Ok(kept) => Some(Arc::new(kept)),
                Err(error) => {
                    tracing::warn!(%error, "the log of the cluster cannot be read");
                    None
                }
            };
            lock(&self.last).clone_from(&kept);
            read.send_replace(Some(kept));
        }
        drop(turn);
        read.wait_for(Option::is_some).await.ok()?.clone().flatten()
    }

    /// Forgets what nobody has asked for lately.
    pub(crate) fn forget(&self, now: Instant) {
        let is_over = |last: &mut Arc<Kept>| !Arc::make_mut(last).forget(now);
        let forgotten = lock(&self.last).take_if(is_over);
        drop(forgotten);
    }

    /// Forgets all that was read: the log may be another.
    pub(crate) fn forget_all(&self) {
        *lock(&self.last) = None;
    }
}

/// Reads what is not known of what was said on some channels.
async fn go_on(
    recall: &dyn Recall,
    last: Read,
    channels: HashSet<Channel>,
    within: Duration,
) -> Result<Kept, EngineError> {
    let now = Instant::now();
    let mut kept = last.map(Arc::unwrap_or_clone).unwrap_or_default();
    kept.forget(now);
    let (mut known, mut new, mut since) = (Vec::new(), Vec::new(), now);
    for channel in channels {
        match kept.known(channel, within, now) {
            Some(until) => {
                known.push(channel);
                since = since.min(until);
            }
            None => {
                new.push(channel);
                kept.begin(channel, within, now);
            }
        }
    }
    let begun = now.checked_sub(within).unwrap_or(now);
    for (channels, since) in [(known, since.checked_sub(AGAIN).unwrap_or(since)), (new, begun)] {
        if !channels.is_empty() {
            let read = recall.read(channels.clone(), since.elapsed()).await?;
            kept.add(&channels, read, now);
        }
    }
    Ok(kept)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        NodeId, SocketId,
        cluster::{
            engine::{Boxed, Logged, Read},
            message::Record,
            said::{Room, Said},
        },
    };
    use bytes::Bytes;
    use futures_util::future::poll_immediate;
    use tokio::time::timeout;

    /// A log of which is known what was asked for.
    #[derive(Debug, Default)]
    struct Asked {
        messages: Mutex<Vec<(Channel, Bytes)>>,
        asked: Mutex<Vec<(Vec<Channel>, Duration)>>,
    }

    impl Asked {
        fn say(&self, said: &mut Said, channel: Channel) {
            let record = Record::Echo(0);
            let message = said.say(channel, vec![record], [].into_iter(), Instant::now());
            lock(&self.messages).push((channel, message.payload));
        }

        /// What was read since, and for how many seconds.
        fn asked(&self) -> Vec<(Vec<Channel>, Duration)> {
            let asked = mem::take(&mut *lock(&self.asked)).into_iter();
            asked.map(|(on, within)| (on, Duration::from_secs(within.as_secs()))).collect()
        }
    }

    impl Recall for Asked {
        fn end(&self) -> Boxed<'_, Result<u64, EngineError>> {
            unreachable!()
        }

        fn session(&self, _: SocketId) -> Boxed<'_, Result<Option<(Bytes, u64)>, EngineError>> {
            unreachable!()
        }

        fn claim(
            &self,
            _: SocketId,
            _: u64,
            _: Bytes,
        ) -> Boxed<'_, Result<Option<u64>, EngineError>> {
            unreachable!()
        }

        fn silent(&self, _: NodeId) -> Boxed<'_, Result<Option<Duration>, EngineError>> {
            unreachable!()
        }

        fn read(
            &self,
            channels: Vec<Channel>,
            within: Duration,
        ) -> Boxed<'_, Result<Read, EngineError>> {
            let all = (1..).zip(lock(&self.messages).clone());
            let read = all.filter(|(_, (channel, _))| channels.contains(channel));
            let at = Instant::now();
            let messages = read.map(|(number, (_, payload))| Logged { number, at, payload });
            let messages = messages.collect();
            lock(&self.asked).push((channels, within));
            Box::pin(async { Ok(Read { messages, is_whole: true }) })
        }
    }

    fn numbers(kept: &Kept, channels: &[Channel]) -> Vec<u64> {
        kept.on(channels).map(|kept| kept.message.head.first).collect()
    }

    #[tokio::test]
    async fn what_was_read_lately_is_not_read_again() {
        let logged = Arc::new(Asked::default());
        let log: Arc<dyn Recall> = logged.clone();
        let mut said = Said::new(NodeId::default(), Room { messages: 100, bytes: 10_000 });
        let (one, two, within) = (Channel::Room(1), Channel::Room(2), Duration::from_secs(60));
        let reading = Reading::default();
        for channel in [one, two, one] {
            logged.say(&mut said, channel);
        }
        let kept = reading.read(&log, &[one], within).await.unwrap();
        assert_eq!(numbers(&kept, &[one, two]), [1, 3]);
        assert_eq!(logged.asked(), [(vec![one], within)]);
        logged.say(&mut said, one);
        logged.say(&mut said, two);
        // The rest of the one, and all of the other; a session that still has the first is not concerned.
        let both = reading.read(&log, &[one, two], within).await.unwrap();
        assert_eq!(numbers(&both, &[one, two]), [1, 2, 3, 4, 5]);
        assert!(both.is_whole(&[one, two]) && !kept.is_whole(&[two]));
        let [(again, lately), (new, whole)] = &logged.asked()[..] else { panic!("two reads") };
        assert_eq!((&again[..], &new[..], *whole), (&[one][..], &[two][..], within));
        assert!(*lately < within / 2);
        assert_eq!(numbers(&kept, &[one]), [1, 3]);
        // What goes back farther is read as a whole, and so is everything when the log may be another.
        reading.read(&log, &[one], within * 2).await.unwrap();
        assert_eq!(logged.asked(), [(vec![one], within * 2)]);
        reading.forget_all();
        reading.read(&log, &[one], within).await.unwrap();
        assert_eq!(logged.asked(), [(vec![one], within)]);
        reading.forget(Instant::now());
        assert!(lock(&reading.last).is_some());
        reading.forget(Instant::now() + Duration::from_secs(11));
        assert!(lock(&reading.last).is_none());
    }

    #[tokio::test]
    async fn who_waits_no_longer_leaves_what_is_next_to_the_others() {
        let log: Arc<dyn Recall> = Arc::new(Asked::default());
        let (reading, one) = (Reading::default(), [Channel::Room(1)]);
        let turn = reading.turn.lock().await;
        let mut first = Box::pin(reading.read(&log, &one, Duration::ZERO));
        let mut second = Box::pin(reading.read(&log, &one, Duration::ZERO));
        assert!(poll_immediate(&mut first).await.is_none());
        assert!(poll_immediate(&mut second).await.is_none());
        drop((first, turn));
        assert!(timeout(Duration::from_secs(10), second).await.unwrap().is_some());
    }
}
