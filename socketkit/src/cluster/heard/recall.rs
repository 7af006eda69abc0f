//! What a log tells of what was missed.

use super::{Act, Heard, Message, Missed, Moment, Sender};
use crate::{NodeId, cluster::channel::Channel};
use std::{mem, time::Duration};

impl Heard {
    /// A message that is read from a log, and may have come before. If nothing is known of its channel, it may not be
    /// meant: then it was said before that was listened to.
    pub(crate) fn recall(
        &mut self,
        message: Message,
        is_meant: bool,
        moment: Moment<'_>,
        acts: &mut Vec<Act>,
    ) {
        let (on, last) = (message.head.on, message.head.last());
        let sender = self.senders.entry(message.head.from);
        let sender = sender.or_insert_with(|| Sender::new(moment.now));
        match sender.channels.get(&on) {
            Some(known) if *known >= last => {}
            None if !is_meant => drop(sender.channels.insert(on, last)),
            _ => self.hear(message, moment, acts),
        }
    }

    /// What a node had said when a channel was begun to be listened to, on which nothing was heard since.
    pub(crate) fn floor(&self, node: NodeId, on: Channel) -> Option<u64> {
        self.senders.get(&node)?.floors.get(&on).copied()
    }

    /// A log is to tell what was missed of it: what waits for that is to come again behind it, and nobody is asked.
    pub(crate) fn give_back(&mut self, moment: Moment<'_>, acts: &mut Vec<Act>) -> Vec<Message> {
        let is_kept = |(missed, _): &(Missed, u64)| missed.channel.is_kept();
        let mut waiting = Vec::new();
        for (node, sender) in &mut self.senders {
            if sender.missed.extract_if(.., |missed| is_kept(missed)).count() == 0 {
                continue;
            }
            sender.healed.retain(|message| !message.head.on.is_kept());
            sender.passed.retain(|channel, _| !channel.is_kept());
            sender.gone.retain(|channel| !channel.is_kept());
            // Something else may be missed, that no log keeps.
            if sender.missed.is_empty() {
                sender.bytes = 0;
                waiting.extend(mem::take(&mut sender.waiting));
                sender.settle(*node, moment, acts);
            }
        }
        waiting
    }
}

impl Missed {
    /// The same as seen after a while.
    pub(crate) fn later(self, by: Duration) -> Self {
        Self { within: self.within + by, age: self.age + by, ..self }
    }
}
