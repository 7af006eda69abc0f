//! Who is present in one room, and who is told: each change is one frame, made once.

use super::{
    LISTED, Queued, Telling,
    roster::{Change, Roster},
    told::{Entry, Told, frame},
};
use crate::{SocketId, delivery::Kind, peer::Peer};
use serde::Serialize;
use serde_json::value::RawValue;
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};
#[cfg(feature = "cluster")]
use {
    crate::NodeId,
    std::{collections::HashMap, time::Instant},
    xxhash_rust::xxh3::xxh3_64,
};

/// See the module.
pub(super) struct Room<M> {
    /// Its name on the wire.
    pub(super) name: Box<RawValue>,
    pub(super) roster: Roster<M>,
    /// The number of the last change that other nodes were told; zero if there was none.
    last: u64,
    /// Who is told.
    pub(super) told: BTreeMap<SocketId, Arc<Peer>>,
    /// Who is to be told the list when others have been gathered: it is made once for all of them.
    newcomers: BTreeMap<SocketId, Arc<Peer>>,
    /// Whose entries have changed since the last that was told, while others are gathered.
    gathered: Option<BTreeSet<String>>,
    /// Who was to tell of those has gone with its runtime: whoever comes next does.
    pub(super) is_abandoned: bool,
    /// Who was told the list by another node.
    #[cfg(feature = "cluster")]
    moved: BTreeMap<SocketId, Moved>,
    /// The digest of all entries, until they change.
    #[cfg(feature = "cluster")]
    digest: Option<u64>,
    /// How far other nodes were heard.
    #[cfg(feature = "cluster")]
    pub(super) heard: HashMap<NodeId, Heard>,
}

/// How far a node was heard.
#[cfg(feature = "cluster")]
#[derive(Debug, Default)]
pub(super) struct Heard {
    /// The number of the last change.
    pub(super) at: u64,
    /// Some before were missed: when it was asked for all, as long as it has not answered.
    pub(super) asked: Option<Instant>,
}

/// Somebody who knows a list, and its digest: nothing is told anew if it is so here, or soon.
#[cfg(feature = "cluster")]
struct Moved {
    peer: Arc<Peer>,
    knows: u64,
    /// How often it is looked at.
    looks: u8,
}

/// How often changes are gathered before somebody is told the list who may know it.
#[cfg(feature = "cluster")]
const LOOKS: u8 = 5;

impl<M: Clone + PartialEq + Serialize> Room<M> {
    /// One of which nobody is told yet. Who comes waits for what other nodes know, if it `waits`.
    pub(super) fn new(name: Box<RawValue>, waits: bool) -> Self {
        Self {
            name,
            roster: Roster::new(),
            last: 0,
            told: BTreeMap::new(),
            newcomers: BTreeMap::new(),
            gathered: waits.then(BTreeSet::new),
            is_abandoned: waits,
            #[cfg(feature = "cluster")]
            moved: BTreeMap::new(),
            #[cfg(feature = "cluster")]
            digest: None,
            #[cfg(feature = "cluster")]
            heard: HashMap::new(),
        }
    }

    /// The next change that other nodes are told, beside those of other rooms.
    pub(super) fn telling<'a>(&'a mut self, of_all: &'a mut u64) -> Telling<'a> {
        Telling { room: &self.name, last: (of_all, &mut self.last) }
    }

    /// Whether nobody is told, nor is to be.
    pub(super) fn is_told_to_nobody(&self) -> bool {
        #[cfg(feature = "cluster")]
        if !self.moved.is_empty() {
            return false;
        }
        // One for which changes are gathered is looked at after that.
        let is_settled = self.gathered.is_none() || self.is_abandoned;
        self.told.is_empty() && self.newcomers.is_empty() && is_settled
    }

    /// Tells of changes. Whether others are to be gathered from now on, by who asks.
    pub(super) fn changes(
        &mut self,
        changes: impl IntoIterator<Item = Change>,
        queued: &mut Queued,
    ) -> bool {
        let mut begins = std::mem::take(&mut self.is_abandoned);
        for change in changes {
            begins |= self.change(change, queued);
        }
        begins
    }

    /// Tells everybody of a change, now or with others. Whether the others begin to be gathered.
    fn change(&mut self, Change(key): Change, queued: &mut Queued) -> bool {
        #[cfg(feature = "cluster")]
        {
            self.digest = None;
        }
        match &mut self.gathered {
            Some(gathered) => {
                gathered.insert(key);
                false
            }
            None => {
                self.tell(&[key], self.told.values(), queued);
                self.gathered = Some(BTreeSet::new());
                true
            }
        }
    }

    /// The time is over for which changes are gathered. Whether it begins anew.
    pub(super) fn flush(&mut self, queued: &mut Queued) -> bool {
        let gathered: Vec<_> = self.gathered.take().into_iter().flatten().collect();
        self.tell(&gathered, self.told.values(), queued);
        #[cfg(feature = "cluster")]
        let waits = self.receive();
        #[cfg(not(feature = "cluster"))]
        let waits = false;
        let newcomers = std::mem::take(&mut self.newcomers);
        let goes_on = !gathered.is_empty() || !newcomers.is_empty() || waits;
        self.list(&newcomers, queued);
        self.told.extend(newcomers);
        self.gathered = goes_on.then(BTreeSet::new);
        goes_on
    }

    fn tell<'a>(
        &self,
        keys: &[String],
        told: impl Iterator<Item = &'a Arc<Peer>> + Clone,
        queued: &mut Queued,
    ) {
        let entry = |key: &String| match self.roster.find(key) {
            Some(present) => Entry::Present(present),
            None => Entry::Gone { key: key.clone() },
        };
        for keys in keys.chunks(LISTED) {
            let members: Vec<_> = keys.iter().map(entry).collect();
            let all = Told { room: &self.name, from: None, members: &members };
            if let Some(frame) = frame(&all) {
                told.clone().for_each(|peer| queued.push(peer, frame.clone(), Kind::Broadcast));
            }
        }
    }

    /// Has a socket told who everybody is, unless it knows: at once if nothing is gathered but what it has
    /// begun itself.
    pub(super) fn welcome(&mut self, peer: &Arc<Peer>, has_begun: bool, queued: &mut Queued) {
        #[cfg(feature = "cluster")]
        if self.moved.contains_key(&peer.id) {
            return;
        }
        if self.told.contains_key(&peer.id) {
            return;
        }
        let newcomer = (peer.id, peer.clone());
        if self.gathered.is_none() || has_begun {
            self.list(&BTreeMap::from([newcomer.clone()]), queued);
            self.told.extend([newcomer]);
        } else {
            self.newcomers.extend([newcomer]);
        }
    }

    pub(super) fn forget(&mut self, id: SocketId) {
        self.told.remove(&id);
        self.newcomers.remove(&id);
        #[cfg(feature = "cluster")]
        self.moved.remove(&id);
    }

    /// Tells some who everybody is.
    fn list(&self, newcomers: &BTreeMap<SocketId, Arc<Peer>>, queued: &mut Queued) {
        let all: Vec<_> = self.roster.each().collect();
        let mut from = 0;
        while !newcomers.is_empty() {
            let members = all.get(from..(from + LISTED).min(all.len())).unwrap_or_default();
            let told = Told { room: &self.name, from: Some(from), members };
            if let Some(frame) = frame(&told) {
                newcomers.values().for_each(|peer| queued.push(peer, frame.clone(), Kind::Emit));
            }
            from += LISTED;
            if from >= all.len() {
                return;
            }
        }
    }
}

/// What sockets know that move between nodes.
#[cfg(feature = "cluster")]
impl<M: Clone + PartialEq + Serialize> Room<M> {
    /// A socket goes to another node. The digest of what it knows then, if it was told.
    pub(super) fn dismiss(&mut self, id: SocketId, queued: &mut Queued) -> Option<u64> {
        if let Some(Moved { knows, .. }) = self.moved.remove(&id) {
            return Some(knows);
        }
        let told = self.told.remove(&id);
        if let Some(peer) = &told {
            let gathered: Vec<_> = self.gathered.iter().flatten().cloned().collect();
            self.tell(&gathered, std::iter::once(peer), queued);
        }
        self.forget(id);
        told.map(|_| self.digest())
    }

    /// A socket has come from another node, and knows what has this digest. Whether changes are to be gathered, by
    /// who asks, until other nodes have said what they know.
    pub(super) fn admit(&mut self, peer: &Arc<Peer>, knows: Option<u64>) -> bool {
        // What is gathered is not told to whoever knows it.
        let is_told = self.gathered.as_ref().is_none_or(BTreeSet::is_empty);
        match knows {
            Some(knows) if is_told && knows == self.digest() => {
                _ = self.told.insert(peer.id, peer.clone());
            }
            Some(knows) => {
                let moved = Moved { peer: peer.clone(), knows, looks: LOOKS };
                self.moved.insert(peer.id, moved);
            }
            None => _ = self.newcomers.insert(peer.id, peer.clone()),
        }
        let waits = !self.told.contains_key(&peer.id) && self.gathered.is_none();
        if waits {
            self.gathered = Some(BTreeSet::new());
        }
        waits
    }

    /// Of those that have come from other nodes, who knows what is so here is told of what comes; the rest is told
    /// the list, if it is not so soon. Whether some wait for that.
    fn receive(&mut self) -> bool {
        for (id, Moved { peer, knows, looks }) in std::mem::take(&mut self.moved) {
            if knows == self.digest() {
                self.told.insert(id, peer);
            } else if looks > 1 {
                self.moved.insert(id, Moved { peer, knows, looks: looks - 1 });
            } else {
                self.newcomers.insert(id, peer);
            }
        }
        !self.moved.is_empty()
    }

    /// The same for all nodes on which the same is shown.
    fn digest(&mut self) -> u64 {
        let (roster, digest) = (&self.roster, &mut self.digest);
        let of = |entry| serde_json::to_vec(&entry).map_or(0, |entry| xxh3_64(&entry));
        *digest.get_or_insert_with(|| {
            roster.each().map(of).fold(0, |digest: u64, entry| digest.rotate_left(1) ^ entry)
        })
    }
}
