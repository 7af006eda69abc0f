//! What tells events apart of which only the newest is sent: `#[event(latest)]`.

use crate::Events;
use std::{
    hash::{BuildHasher, Hash, Hasher, RandomState},
    sync::LazyLock,
};

/// Keyed at random, so that no peer can choose values that meet.
static STATE: LazyLock<RandomState> = LazyLock::new(RandomState::new);

/// The event and the values of the fields that it names: a newer one replaces an older one of the
/// same key.
///
/// Not of 64 bits, so that a frame that waits is no larger for it. Two others have the same key by
/// chance, 1 to 2^56 for any two that wait for one receiver.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(crate) struct Key([u8; 7]);

impl Key {
    /// The key of an event; only one that names fields is hashed.
    pub(crate) fn of<E: Events>(event: &E, index: usize) -> Self {
        if E::latest_by(index).is_empty() {
            return Self::new(index as u64);
        }
        let mut hasher = STATE.build_hasher();
        hasher.write_usize(index);
        event.latest_key(&mut hasher);
        Self::new(hasher.finish())
    }

    /// As other nodes are told.
    #[cfg(feature = "cluster")]
    pub(crate) fn number(self) -> u64 {
        let mut bytes = [0; 8];
        bytes.iter_mut().zip(self.0).for_each(|(byte, own)| *byte = own);
        u64::from_le_bytes(bytes)
    }

    /// That of an event of which only the newest is kept.
    #[cfg(feature = "cluster")]
    pub(crate) fn of_name(index: usize) -> Self {
        Self::new(index as u64)
    }

    /// One that another node has made: keys of two nodes do not meet, as each draws its own.
    #[cfg(feature = "cluster")]
    pub(crate) fn of_other(key: u64, node: crate::NodeId) -> Self {
        Self::new(key ^ u64::from_be_bytes(node.to_bytes()))
    }

    fn new(key: u64) -> Self {
        let [low @ .., _] = key.to_le_bytes();
        Self(low)
    }
}

/// What may be the key of a `latest` event: anything that implements [`Hash`].
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be the key of a `latest` event",
    label = "the key needs a field that implements `Hash`, and `{Self}` does not"
)]
pub trait LatestKey {
    #[doc(hidden)]
    fn add_to(&self, hasher: &mut dyn Hasher);
}

#[diagnostic::do_not_recommend]
impl<T: Hash + ?Sized> LatestKey for T {
    fn add_to(&self, mut hasher: &mut dyn Hasher) {
        self.hash(&mut hasher);
    }
}

/// Adds a field to the key of its event.
pub fn add_to_key<T: LatestKey + ?Sized>(field: &T, hasher: &mut dyn Hasher) {
    field.add_to(hasher);
}
