//! Reads what was kept for many sessions at once: whoever comes while that goes on shares what is read next.

use crate::{
    cluster::{
        channel::Channel,
        engine::{Read as Found, Recall},
        message::Message,
    },
    peer::lock,
};
use std::{
    collections::{HashMap, HashSet},
    mem,
    sync::{Arc, Mutex},
    time::Duration,
};
use tokio::sync::watch;

/// What was read of all that was asked for.
#[derive(Debug)]
pub(crate) struct Kept {
    /// Each with its place among all.
    messages: HashMap<Channel, Vec<(usize, Message)>>,
    /// None of it has gone yet.
    pub(crate) is_whole: bool,
}

impl Kept {
    fn new(Found { messages, is_whole }: Found) -> Self {
        let read = messages.into_iter().flat_map(Message::read);
        let mut messages: HashMap<_, Vec<_>> = HashMap::new();
        for (place, message) in read.filter(|message| message.head.counts).enumerate() {
            messages.entry(message.head.on).or_default().push((place, message));
        }
        Self { messages, is_whole }
    }

    /// What was said on some channels, in the order in which it was kept.
    pub(crate) fn on(&self, channels: &[Channel]) -> impl Iterator<Item = &Message> {
        let on = channels.iter().flat_map(|channel| self.messages.get(channel));
        let mut messages: Vec<_> = on.flatten().collect();
        messages.sort_unstable_by_key(|(place, _)| *place);
        messages.into_iter().map(|(_, message)| message)
    }
}

/// `None` if it could not be read.
type Read = Option<Arc<Kept>>;

/// See the module.
#[derive(Debug, Default)]
pub(crate) struct Reading {
    /// What is read next, while something is being read.
    next: Mutex<Option<Round>>,
    turn: tokio::sync::Mutex<()>,
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
    /// Others who share what is read are not concerned, unless this one reads: then they have none.
    pub(crate) async fn read(
        &self,
        recall: &Arc<dyn Recall>,
        channels: &[Channel],
        within: Duration,
    ) -> Read {
        let (is_first, mut read) = {
            let mut next = lock(&self.next);
            let is_first = next.is_none();
            let round = next.get_or_insert_with(|| Round {
                channels: HashSet::new(),
                within,
                read: watch::Sender::new(None),
            });
            round.channels.extend(channels);
            round.within = round.within.max(within);
            (is_first, round.read.subscribe())
        };
        if is_first {
            let recall = recall.clone();
            let _turn = self.turn.lock().await;
            let round = mem::take(&mut *lock(&self.next))?;
            let asked = round.channels.into_iter().collect();
            let found = recall.read(asked, round.within).await;
            if let Err(error) = &found {
                tracing::warn!(%error, "the log of the cluster cannot be read");
            }
            let kept = found.ok().map(|found| Arc::new(Kept::new(found)));
            round.read.send_replace(Some(kept));
        }
        read.wait_for(Option::is_some).await.ok()?.clone().flatten()
    }
}
