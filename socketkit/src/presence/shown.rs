//! What somebody is shown as.

use super::said::{Said, Saying};
use crate::{Member, Present};
use serde::{Serialize, Serializer};
use serde_json::value::{RawValue, to_raw_value};
use std::sync::Arc;

/// A member and its JSON. That is made once, where no lock is held: it is code of users that makes it, and
/// may fail, panic, or ask who is present.
#[derive(Debug)]
pub(crate) struct Shown<M> {
    member: Arc<M>,
    json: Arc<RawValue>,
}

impl<M: Member> Shown<M> {
    /// What a member is shown as, with its key.
    pub(super) fn new(member: M) -> serde_json::Result<(String, Self)> {
        let json = to_raw_value(&member)?.into();
        Ok((member.key(), Self { member: Arc::new(member), json }))
    }

    /// What a member of another node is shown as; `None` if it cannot be read here.
    #[cfg(feature = "cluster")]
    pub(super) fn read(json: &RawValue) -> Option<Self> {
        let member = serde_json::from_str(json.get());
        if let Err(error) = &member {
            tracing::error!(%error, "a member of another node cannot be read");
        }
        Some(Self { member: Arc::new(member.ok()?), json: json.to_owned().into() })
    }

    /// An entry as it is asked for.
    pub(super) fn member(entry: Present<Self>) -> Present<M> {
        let Present { key, member, sockets } = entry;
        Present { key, member: (*member.member).clone(), sockets }
    }
}

impl<M> Clone for Shown<M> {
    fn clone(&self) -> Self {
        Self { member: self.member.clone(), json: self.json.clone() }
    }
}

/// As those see it who are told.
impl<M> PartialEq for Shown<M> {
    fn eq(&self, other: &Self) -> bool {
        self.json.get() == other.json.get()
    }
}

impl<M> Serialize for Shown<M> {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        self.json.serialize(to)
    }
}

impl<M> Said<Shown<M>> {
    /// As nodes tell each other, of somebody of this key.
    pub(super) fn saying(&self, key: &str) -> Saying {
        let (key, stamp) = (key.to_owned(), self.stamp);
        Saying { key, member: (*self.member.json).to_owned(), stamp }
    }
}
