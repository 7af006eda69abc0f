//! How far the channels of single sockets were heard, which come and go with these.

use super::{Heard, Sender};
use crate::{NodeId, SocketId, cluster::channel::Channel};
use std::{collections::HashMap, time::Instant};

impl Heard {
    /// Forgets how far channels of sockets were heard that are not here any more.
    pub(crate) fn forget_sockets(&mut self, is_here: impl Fn(SocketId) -> bool) {
        let stays = |channel: &Channel| match channel {
            Channel::Socket(id) => is_here(*id),
            _ => true,
        };
        for sender in self.senders.values_mut() {
            sender.channels.retain(|channel, _| stays(channel));
        }
    }

    /// A socket has come that has heard so much by its own channel, which may have been left meanwhile.
    pub(crate) fn come(
        &mut self,
        id: SocketId,
        heard: &HashMap<(NodeId, Channel), u64>,
        now: Instant,
    ) {
        for ((node, channel), last) in heard {
            if *channel == Channel::Socket(id) && *last > 0 {
                let sender = self.senders.entry(*node).or_insert_with(|| Sender::new(now));
                let known = sender.channels.entry(*channel).or_default();
                *known = (*known).max(*last);
            }
        }
    }
}
