//! Which sockets are in which rooms, both ways. To join and to leave costs the same, however many
//! there are.

use slab::Slab;
use std::{collections::HashMap, hash::Hash};

/// See the module. Sockets are named by their slots.
#[derive(Debug)]
pub(crate) struct Rooms<R> {
    keys: HashMap<R, u32>,
    rooms: Slab<Room<R>>,
    /// The rooms of each socket that is in one.
    sockets: HashMap<u32, Vec<u32>>,
    seats: HashMap<(u32, u32), Seat>,
}

#[derive(Debug)]
struct Room<R> {
    name: R,
    slots: Vec<u32>,
}

/// Where a membership stands in the two lists that it is in.
#[derive(Debug, Clone, Copy)]
struct Seat {
    of_room: u32,
    of_socket: u32,
}

impl<R: Clone + Eq + Hash> Rooms<R> {
    pub(crate) fn new() -> Self {
        let (keys, sockets, seats) = (HashMap::new(), HashMap::new(), HashMap::new());
        Self { keys, rooms: Slab::new(), sockets, seats }
    }

    /// How many rooms have somebody in them.
    pub(crate) fn len(&self) -> usize {
        self.rooms.len()
    }

    /// The rooms that have somebody in them.
    #[cfg(feature = "cluster")]
    pub(crate) fn names(&self) -> impl Iterator<Item = &R> {
        self.rooms.iter().map(|(_, room)| &room.name)
    }

    /// The key of a room that has somebody in it.
    pub(crate) fn key(&self, room: &R) -> Option<u32> {
        self.keys.get(room).copied()
    }

    /// The sockets in a room.
    pub(crate) fn slots(&self, key: u32) -> &[u32] {
        self.rooms.get(key as usize).map(|room| &*room.slots).unwrap_or_default()
    }

    pub(crate) fn contains(&self, key: u32, slot: u32) -> bool {
        self.seats.contains_key(&(key, slot))
    }

    /// The rooms that a socket is in.
    pub(crate) fn of(&self, slot: u32) -> impl Iterator<Item = &R> {
        let keys = self.sockets.get(&slot).map(|keys| &**keys).unwrap_or_default();
        keys.iter().filter_map(|key| self.rooms.get(*key as usize)).map(|room| &room.name)
    }

    /// Puts a socket into a room. Whether nobody was in it before.
    pub(crate) fn join(&mut self, slot: u32, room: &R) -> bool {
        let known = self.key(room);
        let key = known.unwrap_or_else(|| {
            let key = self.rooms.insert(Room { name: room.clone(), slots: Vec::new() }) as u32;
            self.keys.insert(room.clone(), key);
            key
        });
        let Some(Room { slots, .. }) = self.rooms.get_mut(key as usize) else { return false };
        let keys = self.sockets.entry(slot).or_default();
        let seat = Seat { of_room: slots.len() as u32, of_socket: keys.len() as u32 };
        self.seats.entry((key, slot)).or_insert_with(|| {
            slots.push(slot);
            keys.push(key);
            seat
        });
        known.is_none()
    }

    /// Takes a socket out of a room. What is returned is the name of one that is empty now, to be
    /// dropped by whoever holds no lock.
    pub(crate) fn leave(&mut self, slot: u32, room: &R) -> Option<(R, R)> {
        self.remove(self.key(room)?, slot)
    }

    /// Takes a socket out of all its rooms, as [`leave`](Self::leave) does.
    pub(crate) fn exit(&mut self, slot: u32) -> Vec<(R, R)> {
        let keys = self.sockets.get(&slot).cloned().unwrap_or_default();
        keys.into_iter().filter_map(|key| self.remove(key, slot)).collect()
    }

    fn remove(&mut self, key: u32, slot: u32) -> Option<(R, R)> {
        let Seat { of_room, of_socket } = self.seats.remove(&(key, slot))?;
        let keys = self.sockets.get_mut(&slot)?;
        keys.swap_remove(of_socket as usize);
        // The last of each list has taken the free place.
        if let Some(moved) = keys.get(of_socket as usize)
            && let Some(seat) = self.seats.get_mut(&(*moved, slot))
        {
            seat.of_socket = of_socket;
        }
        if keys.is_empty() {
            self.sockets.remove(&slot);
        }
        let slots = &mut self.rooms.get_mut(key as usize)?.slots;
        slots.swap_remove(of_room as usize);
        if let Some(moved) = slots.get(of_room as usize)
            && let Some(seat) = self.seats.get_mut(&(key, *moved))
        {
            seat.of_room = of_room;
        }
        if !slots.is_empty() {
            return None;
        }
        let Room { name, .. } = self.rooms.remove(key as usize);
        let (key, _) = self.keys.remove_entry(&name)?;
        Some((key, name))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::{BTreeMap, BTreeSet};

    #[derive(Debug, Clone)]
    enum Step {
        Join(u32, u8),
        Leave(u32, u8),
        Exit(u32),
    }

    fn step() -> impl Strategy<Value = Step> {
        prop_oneof![
            4 => (0..5u32, 0..5u8).prop_map(|(slot, room)| Step::Join(slot, room)),
            3 => (0..5u32, 0..5u8).prop_map(|(slot, room)| Step::Leave(slot, room)),
            1 => (0..5u32).prop_map(Step::Exit),
        ]
    }

    proptest! {
        #[test]
        fn both_lists_say_who_is_where(steps in prop::collection::vec(step(), 0..200)) {
            let mut rooms = Rooms::new();
            let mut expected: BTreeMap<u8, BTreeSet<u32>> = BTreeMap::new();
            for step in steps {
                match step {
                    Step::Join(slot, room) => {
                        rooms.join(slot, &room);
                        expected.entry(room).or_default().insert(slot);
                    }
                    Step::Leave(slot, room) => {
                        rooms.leave(slot, &room);
                        expected.entry(room).or_default().remove(&slot);
                    }
                    Step::Exit(slot) => {
                        rooms.exit(slot);
                        for slots in expected.values_mut() {
                            slots.remove(&slot);
                        }
                    }
                }
                expected.retain(|_, slots| !slots.is_empty());
                prop_assert_eq!(rooms.len(), expected.len());
                for room in 0..5 {
                    let key = rooms.key(&room);
                    let slots: BTreeSet<_> =
                        key.map(|key| rooms.slots(key).to_vec()).into_iter().flatten().collect();
                    prop_assert_eq!(&slots, &expected.get(&room).cloned().unwrap_or_default());
                    for slot in 0..5 {
                        let is_in = slots.contains(&slot);
                        prop_assert_eq!(key.is_some_and(|key| rooms.contains(key, slot)), is_in);
                        prop_assert_eq!(rooms.of(slot).any(|other| *other == room), is_in);
                    }
                }
            }
            for slot in 0..5 {
                rooms.exit(slot);
            }
            prop_assert!(rooms.keys.is_empty() && rooms.rooms.is_empty());
            prop_assert!(rooms.sockets.is_empty() && rooms.seats.is_empty());
        }
    }
}
