//! Who is present, as a client is told.

use crate::{Member, Present, peer::lock, wire};
use serde::Deserialize;
use serde_json::value::RawValue;
use std::{collections::HashMap, sync::Mutex};
use tokio::sync::watch;

/// The rooms of which a client was told or has asked, by their JSON.
#[derive(Debug)]
pub(crate) struct PresenceStore<M>(Mutex<HashMap<String, watch::Sender<Vec<Present<M>>>>>);

/// What the server tells: entries that have changed, or a part of the list of all.
#[derive(Deserialize)]
struct Told<'a, M> {
    #[serde(borrow)]
    room: &'a RawValue,
    from: Option<usize>,
    members: Vec<Entry<M>>,
}

/// An entry; without a member of somebody who is there no more.
#[derive(Deserialize)]
struct Entry<M> {
    key: String,
    // It is there as `null`, too.
    #[serde(default = "none", deserialize_with = "wire::present", bound = "M: Deserialize<'de>")]
    member: Option<M>,
    #[serde(default)]
    sockets: Vec<String>,
}

fn none<M>() -> Option<M> {
    None
}

impl<M> Default for PresenceStore<M> {
    fn default() -> Self {
        Self(Mutex::default())
    }
}

impl<M: Member> PresenceStore<M> {
    pub(crate) fn room(&self, name: &str) -> watch::Receiver<Vec<Present<M>>> {
        lock(&self.0).entry(name.to_owned()).or_default().subscribe()
    }

    /// A new session begins: it is told anew.
    pub(crate) fn forget(&self) {
        lock(&self.0).values().for_each(|room| {
            room.send_if_modified(|members| !std::mem::take(members).is_empty());
        });
    }

    pub(crate) fn take(&self, data: &str) -> serde_json::Result<()> {
        let Told { room, from, members } = serde_json::from_str(data)?;
        let mut rooms = lock(&self.0);
        let room = rooms.entry(room.get().to_owned()).or_default();
        room.send_modify(|known| {
            if from == Some(0) {
                known.clear();
            }
            for Entry { key, member, sockets } in members {
                match (known.binary_search_by(|present| present.key.cmp(&key)), member) {
                    (Ok(at), Some(member)) => {
                        if let Some(present) = known.get_mut(at) {
                            *present = Present { key, member, sockets };
                        }
                    }
                    (Err(at), Some(member)) => known.insert(at, Present { key, member, sockets }),
                    (Ok(at), None) => _ = known.remove(at),
                    (Err(_), None) => {}
                }
            }
        });
        Ok(())
    }
}
