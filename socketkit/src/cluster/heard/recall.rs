//! What a log tells of what was missed.

use super::{Act, Heard, Message, Missed, Moment, Sender};
use std::mem;

impl Heard {
    /// A message that is read from a log, or comes behind that, and may have come before. If it is the first on a channel,
    /// nothing was missed there that is not in the log.
    pub(crate) fn recall(&mut self, message: Message, moment: Moment<'_>, acts: &mut Vec<Act>) {
        let (on, last) = (message.head.on, message.head.last());
        let sender = self.senders.entry(message.head.from);
        let sender = sender.or_insert_with(|| Sender::new(moment.now));
        // Not by how far it was heard of: that may be ahead of what is held until the log is read.
        if sender.channels.get(&on).is_some_and(|known| *known >= last) {
            return;
        }
        if let Some(before) = message.head.before {
            sender.channels.entry(on).or_insert(before);
        }
        self.hear(message, moment, acts);
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
