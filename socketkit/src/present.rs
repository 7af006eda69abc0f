//! Somebody who is present in a room.

use serde::{Deserialize, Deserializer, Serialize, Serializer, de::DeserializeOwned};

/// Whoever can be present in a room: what `#[protocol(presence = T)]` names.
///
/// It is what the others get to see: a name, a picture, a state. It is the same person as another when
/// their keys are equal: two tabs of one browser, or a page before and after it is loaded again.
///
/// ```
/// use serde::{Deserialize, Serialize};
/// use socketkit::Member;
///
/// #[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
/// pub struct Reader { id: u64, name: String }
///
/// impl Member for Reader {
///     fn key(&self) -> String {
///         self.id.to_string()
///     }
/// }
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be present in a room",
    label = "expected a type with `impl socketkit::Member`",
    note = "`Member` says by its `key` who is one person"
)]
pub trait Member: Clone + PartialEq + Serialize + DeserializeOwned + Send + Sync + 'static {
    /// Whose entry it is: everybody who is told of it sees this as well.
    fn key(&self) -> String;
}

/// Somebody who is present in a room: one entry a person.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Present<M> {
    /// Whose entry it is: [`Member::key`].
    pub key: String,
    /// What the others get to see, as it was said last.
    pub member: M,
    /// Ids of the sockets over which the person is connected, as text: one at least.
    pub sockets: Vec<String>,
}

/// The member of a protocol without presence.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NoMember {}

impl Member for NoMember {
    fn key(&self) -> String {
        match *self {}
    }
}

impl Serialize for NoMember {
    fn serialize<S: Serializer>(&self, _: S) -> Result<S::Ok, S::Error> {
        match *self {}
    }
}

impl<'de> Deserialize<'de> for NoMember {
    fn deserialize<D: Deserializer<'de>>(_: D) -> Result<Self, D::Error> {
        Err(serde::de::Error::custom("a protocol without presence"))
    }
}
