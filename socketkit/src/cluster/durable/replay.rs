//! What the client of a lost node has not seen, of all that was said to its session lately.

#[cfg(test)]
mod tests;

use super::{Floor, Kept, Places, Session, SessionRecord, kept::KeptMessage};
use crate::{
    NodeId,
    cluster::{
        channel::Channel,
        message::{Emit, Message, Record},
    },
};
use std::{
    collections::{BTreeSet, HashMap, HashSet},
    time::{Duration, Instant},
};

/// See the module. Messages of the log come first, and others are added from wherever they are kept, some of them
/// twice; they are given in that order.
pub(crate) struct Replay<'a> {
    session: Session,
    as_of: Floor,
    places: &'a Places,
    channels: &'a [Channel],
    added: Vec<Added<'a>>,
    /// Whose they are, and their numbers.
    known: HashSet<(NodeId, u64)>,
}

struct Added<'a> {
    message: &'a Message,
    /// Its place in the log, if it comes from there.
    log: Option<u64>,
    /// When it was said, or a little later.
    at: Instant,
    /// What was said before does not matter, if that is known.
    done: Option<Instant>,
}

impl Added<'_> {
    /// Whether it is behind a floor, with this number.
    fn is_after(&self, floor: &Floor, number: u64) -> bool {
        number > floor.of(self.message.head.from) && !self.is_before(floor)
    }

    /// Whether the log tells that it was before a floor.
    fn is_before(&self, floor: &Floor) -> bool {
        self.log.is_some_and(|log| log <= floor.log)
    }
}

impl<'a> Replay<'a> {
    pub(crate) fn new(
        record: &SessionRecord,
        places: &'a Places,
        channels: &'a [Channel],
        (log, done): (&'a Kept, Option<Instant>),
    ) -> Self {
        let (session, as_of) = (record.session(0), record.as_of());
        let (added, known) = (Vec::new(), HashSet::new());
        let mut replay = Self { session, as_of, places, channels, added, known };
        for KeptMessage { message, number, at } in log.on(channels) {
            replay.push(Added { message, log: Some(*number), at: *at, done });
        }
        replay
    }

    /// Messages that came, or were said here, lately; what was said before `done` does not matter.
    pub(crate) fn add(
        &mut self,
        messages: impl IntoIterator<Item = &'a Message>,
        done: Option<Instant>,
    ) {
        let at = Instant::now();
        for message in messages {
            self.push(Added { message, log: None, at, done });
        }
    }

    fn push(&mut self, added: Added<'a>) {
        let head = &added.message.head;
        let is_asked = head.counts && self.channels.contains(&head.on);
        if is_asked && self.known.insert((head.from, head.first)) {
            self.added.push(added);
        }
    }

    /// Up to which number nothing of a node is new on a channel.
    fn seen(&self, from: NodeId, on: Channel) -> u64 {
        self.places.seen(from).max(self.session.floor(on).of(from))
    }

    /// How far it has been told what nodes said on its channels, when all this has been.
    pub(crate) fn heard(&self) -> HashMap<(NodeId, Channel), u64> {
        let spoken = self.added.iter().map(|added| added.message.head.from);
        let nodes: BTreeSet<_> =
            spoken.chain(self.places.nodes()).chain(self.session.since.nodes()).collect();
        let all = nodes.iter().flat_map(|node| self.channels.iter().map(|on| (*node, *on)));
        let mut heard: HashMap<_, _> =
            all.map(|(node, on)| ((node, on), self.seen(node, on))).collect();
        for Added { message, .. } in &self.added {
            let heard = heard.entry((message.head.from, message.head.on)).or_default();
            *heard = (*heard).max(message.head.last());
        }
        heard
    }

    /// Whether they are all that there ought to be: each says which came before it, and when.
    pub(crate) fn is_whole(&self) -> bool {
        let mut known = HashMap::new();
        self.added.iter().all(|added| {
            let head = &added.message.head;
            let (from, on, last) = (head.from, head.on, head.last());
            let known = known.entry((from, on)).or_insert_with(|| self.seen(from, on));
            let is_next = head.before.is_none_or(|before| before <= *known);
            let then = added.at.checked_sub(Duration::from_millis(head.ago));
            let is_done = added.done.is_some_and(|done| then.is_none_or(|then| then < done));
            let is_past = last <= *known || added.is_before(self.session.floor(on));
            *known = last.max(*known);
            is_next || is_done || is_past
        })
    }

    /// Gives each message, and whether a record of it is new, by its number.
    pub(crate) fn each(&self, mut give: impl FnMut(&Message, &dyn Fn(u64, &Record) -> bool)) {
        for added in &self.added {
            give(added.message, &|number, record| self.is_new(added, number, record));
        }
    }

    fn is_new(&self, added: &Added<'_>, number: u64, record: &Record) -> bool {
        let head = &added.message.head;
        match record {
            Record::Emit(Emit { to, .. }) => {
                // Whatever it came on, it is for whoever is in one of its rooms.
                let rooms = to.rooms.iter().map(|room| Channel::of_room(room.get()));
                let mut floors = rooms.filter_map(|room| self.session.rooms.get(&room)).peekable();
                let is_after = match floors.peek() {
                    Some(_) => floors.any(|floor| added.is_after(floor, number)),
                    None => added.is_after(self.session.floor(head.on), number),
                };
                is_after && number > self.places.seen(head.from)
            }
            Record::Join { .. }
            | Record::Leave { .. }
            | Record::Close { .. }
            | Record::Revoke { .. } => added.is_after(&self.as_of, number),
            _ => false,
        }
    }
}
