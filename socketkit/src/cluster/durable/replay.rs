//! What the client of a lost node has not seen, of all that was said to its session lately.

use super::{Floor, Places, Session, SessionRecord};
use crate::{
    NodeId,
    cluster::{
        channel::Channel,
        message::{Emit, Message, Record},
    },
};
use std::collections::{BTreeSet, HashMap, HashSet};

/// See the module. Messages are added from wherever they are kept, some of them twice, and given in that order.
pub(crate) struct Replay<'a> {
    session: Session,
    as_of: Floor,
    places: &'a Places,
    channels: &'a [Channel],
    messages: Vec<&'a Message>,
    /// Whose they are, and their numbers.
    added: HashSet<(NodeId, u64)>,
}

impl<'a> Replay<'a> {
    pub(crate) fn new(record: &SessionRecord, places: &'a Places, channels: &'a [Channel]) -> Self {
        let (session, as_of) = (record.session(0), record.as_of());
        let (messages, added) = (Vec::new(), HashSet::new());
        Self { session, as_of, places, channels, messages, added }
    }

    pub(crate) fn add(&mut self, messages: impl IntoIterator<Item = &'a Message>) {
        for message in messages {
            let head = &message.head;
            let is_asked = head.counts && self.channels.contains(&head.on);
            if is_asked && self.added.insert((head.from, head.first)) {
                self.messages.push(message);
            }
        }
    }

    /// Up to which number nothing of a node is new on a channel.
    fn seen(&self, from: NodeId, on: Channel) -> u64 {
        self.places.seen(from).max(self.session.floor(on).of(from))
    }

    /// How far it has been told what nodes said on its channels, when all this has been.
    pub(crate) fn heard(&self) -> HashMap<(NodeId, Channel), u64> {
        let spoken = self.messages.iter().map(|message| message.head.from);
        let nodes: BTreeSet<_> =
            spoken.chain(self.places.nodes()).chain(self.session.since.nodes()).collect();
        let all = nodes.iter().flat_map(|node| self.channels.iter().map(|on| (*node, *on)));
        let mut heard: HashMap<_, _> =
            all.map(|(node, on)| ((node, on), self.seen(node, on))).collect();
        for message in &self.messages {
            let heard = heard.entry((message.head.from, message.head.on)).or_default();
            *heard = (*heard).max(message.head.last());
        }
        heard
    }

    /// Whether they are all that there ought to be: each says which came before it.
    pub(crate) fn is_whole(&self) -> bool {
        let mut known = HashMap::new();
        self.messages.iter().all(|message| {
            let (from, on, last) = (message.head.from, message.head.on, message.head.last());
            let known = known.entry((from, on)).or_insert_with(|| self.seen(from, on));
            let is_next = message.head.before.is_none_or(|before| before <= *known);
            let is_whole = is_next || last <= *known;
            *known = last.max(*known);
            is_whole
        })
    }

    /// Gives each message, and whether a record of it is new, by its number.
    pub(crate) fn each(&self, mut give: impl FnMut(&Message, &dyn Fn(u64, &Record) -> bool)) {
        for message in &self.messages {
            let (from, on) = (message.head.from, message.head.on);
            give(message, &|number, record| self.is_new(from, on, number, record));
        }
    }

    fn is_new(&self, from: NodeId, on: Channel, number: u64, record: &Record) -> bool {
        match record {
            Record::Emit(Emit { to, .. }) => {
                // Whatever it came on, it is for whoever is in one of its rooms.
                let rooms = to.rooms.iter().map(|room| Channel::of_room(room.get()));
                let floors = rooms.filter_map(|room| self.session.rooms.get(&room));
                let floor = floors.map(|floor| floor.of(from)).min();
                let floor = floor.unwrap_or_else(|| self.session.floor(on).of(from));
                number > floor.max(self.places.seen(from))
            }
            Record::Join { .. }
            | Record::Leave { .. }
            | Record::Close { .. }
            | Record::Revoke { .. } => number > self.as_of.of(from),
            _ => false,
        }
    }
}
