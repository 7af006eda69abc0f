//! What tells events apart of which only the newest is sent: `#[event(latest)]`.

/// The event, by its index: a newer one replaces an older one of the same key.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(crate) struct Key(u32);

impl Key {
    pub(crate) fn of(index: usize) -> Self {
        Self(index as u32)
    }
}
