//! What a node says: composed of what waits, one thing at a time.

use super::{PATIENCE, STALLED, Talk, stalled};
use crate::{
    Protocol,
    cluster::{
        channel::Channel,
        durable::Due,
        engine::{Boxed, EngineError, Outgoing, Publish, Stored},
        message::{Mark, Record},
        outbound::{Item, Refused},
        waiting::Emitted,
    },
    peer::lock,
};
use std::{future::pending, mem, sync::atomic::Ordering, time::Instant};
use tokio::time::timeout;

/// Bytes of one message, unless a single record is longer.
const BATCH: usize = 256 * 1024;

/// Bytes that are handed to the engine at once.
const TURN: usize = 1024 * 1024;

/// What is being said.
pub(super) struct Underway {
    /// Sockets whose handlers emitted it.
    pub(super) emitted: Vec<Emitted>,
    pub(super) since: Instant,
    /// The number of the last.
    pub(super) last: u64,
    /// Sessions that are being written down, and forgotten.
    pub(super) due: Due,
}

/// The half of a connection that says something: free, or at it.
pub(super) enum Mouth {
    Free(Box<dyn Publish>),
    Busy(Saying),
}

pub(super) type Saying = Boxed<'static, Result<(Box<dyn Publish>, Vec<Stored>), EngineError>>;

impl<P: Protocol> Talk<P> {
    /// What was being said is with the engine.
    pub(super) fn committed(&mut self) {
        if let Some(Underway { emitted, last, .. }) = self.underway.take() {
            self.kept = last;
            self.shared.waiting.committed(emitted);
        }
    }

    /// Waits for what is being said no longer, if that takes too long.
    pub(super) fn give_up(&mut self, now: Instant) {
        if self.patience().is_some_and(|until| until <= now)
            && let Some(underway) = &mut self.underway
        {
            self.shared.waiting.committed(mem::take(&mut underway.emitted));
        }
    }

    /// Until when somebody waits for what is being said; where the engine keeps that, for as long as it takes.
    pub(super) fn patience(&self) -> Option<Instant> {
        let underway = self.underway.as_ref().filter(|underway| !underway.emitted.is_empty())?;
        self.shared.durable.is_none().then_some(underway.since + PATIENCE)
    }

    /// Begins to say what waits, unless something is being said; `Err` with the last words when the server is
    /// over.
    pub(super) fn speak(&mut self, mouth: Mouth) -> Result<Mouth, Saying> {
        let Mouth::Free(mut publisher) = mouth else { return Ok(mouth) };
        let now = Instant::now();
        let is_closed = self.shared.is_closed.load(Ordering::Acquire);
        // Before what is to be listened to: who asks on a channel listens to it when that is said.
        let items = self.shared.outbound.take(TURN);
        let ticket = self.shared.waiting.ticket();
        let (changes, left) = lock(&self.shared.interests).change(now, ticket);
        self.listen(left, now);
        let mut messages = self.again();
        for Item { channel, record, bytes, .. } in mem::take(&mut self.asides) {
            messages.push(self.said.mention(channel, vec![record], bytes.as_deref().into_iter()));
        }
        self.compose(items, now, &mut messages);
        let last = self.said.last();
        let emitted = self.shared.waiting.emitted(last);
        // Behind those who wait for it.
        let (entries, due) = self.due();
        if let Some(ticket) = ticket {
            // Behind all that was asked for and said.
            let echo = vec![Record::Echo(ticket)];
            let own = Channel::Node(self.shared.node);
            messages.push(self.said.mention(own, echo, [].into_iter()));
        }
        let is_over = is_closed && self.shared.outbound.is_empty();
        if is_over {
            messages.push(self.said.mention(Channel::Control, vec![Record::Gone], [].into_iter()));
        } else if changes.is_empty() && messages.is_empty() && entries.is_empty() {
            self.shared.waiting.committed(emitted);
            return Ok(Mouth::Free(publisher));
        }
        self.underway = Some(Underway { emitted, since: now, last, due });
        self.counters.cluster.said.add(messages.len() as u64);
        let saying = async move {
            if !changes.is_empty() {
                publisher.subscribe(changes).await?;
            }
            if !messages.is_empty() {
                publisher.publish(messages).await?;
            }
            let stored = match entries.is_empty() {
                true => Vec::new(),
                false => publisher.store(entries).await?,
            };
            Ok((publisher, stored))
        };
        let saying: Saying =
            Box::pin(async { timeout(STALLED, saying).await.unwrap_or_else(|_| Err(stalled())) });
        if is_over { Err(saying) } else { Ok(Mouth::Busy(saying)) }
    }

    /// Makes messages of what waits: what follows on one channel shares one.
    pub(super) fn compose(&mut self, items: Vec<Item>, now: Instant, messages: &mut Vec<Outgoing>) {
        let mut items = items.into_iter().peekable();
        while let Some(first) = items.next() {
            let (channel, counts) = (first.channel, first.counts);
            let mut size = first.len();
            let (mut records, mut bytes) = (vec![first.record], vec![first.bytes]);
            let is_next = |item: &Item| item.channel == channel && item.counts == counts;
            while let Some(next) = items.next_if(|item| is_next(item) && size + item.len() <= BATCH)
            {
                size += next.len();
                records.push(next.record);
                bytes.push(next.bytes);
            }
            let bytes = bytes.iter().flatten().map(|bytes| &**bytes);
            messages.push(match counts {
                true => self.said.say(channel, records, bytes, now),
                false => self.said.mention(channel, records, bytes),
            });
        }
        let Some(Refused { channels, number }) = self.shared.outbound.refused() else { return };
        let refused = channels.unwrap_or_else(|()| {
            // Among them may be channels on which nothing was said until then.
            self.said.channels().chain([Channel::All]).collect()
        });
        for channel in refused {
            // Whoever listens learns that there is something that it will not hear.
            self.said.skip(channel, number, now);
            let mark = Mark { on: channel, last: self.said.last(), age: 0 };
            let marks = vec![Record::Marks(vec![mark])];
            messages.push(self.said.mention(Channel::Control, marks, [].into_iter()));
        }
    }
}

pub(super) async fn said(
    mouth: &mut Mouth,
) -> Result<(Box<dyn Publish>, Vec<Stored>), EngineError> {
    match mouth {
        Mouth::Free(_) => pending().await,
        Mouth::Busy(saying) => saying.await,
    }
}
