//! What changed from one contract to another, and whom that breaks.

mod cases;
mod describe;
mod difference;
mod fields;
mod pairs;
mod policies;

use super::{Contract, EventContract};
use crate::wire::PRESENCE;
use cases::Form;
use difference::{Difference, Effect, Walk};
use serde_json::Value;
use std::{collections::BTreeSet, fmt};

/// One difference between two contracts, from [`Contract::compare`].
///
/// Displayed without what it breaks: ``client event `submit_post`, data.author: is required now``.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Change {
    /// The side that sends the event.
    pub from: Side,
    /// The event's name.
    pub event: String,
    /// Where in the event: `data.tags[].name`, `reply.id`, `data.scores.*` for what a map holds; empty for
    /// the event itself and how it travels.
    pub path: String,
    /// What is another, in words.
    pub what: String,
    /// Who fails by it.
    pub breaks: Breaks,
}

/// One of the two that speak a protocol.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Side {
    /// Pages and other clients.
    OfClient,
    /// The server.
    OfServer,
}

/// Whom a [`Change`] breaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Breaks {
    /// Clients of the old contract at a server of the new one, such as a page that is open still.
    OldClients,
    /// Clients of the new contract at a server of the old one, such as while servers are replaced one by one.
    OldServers,
    /// Each at the other.
    Both,
    /// Cannot be judged: there is no schema, or one says more than is compared here.
    Unknown,
    /// Each understands the other.
    Nobody,
}

impl Contract {
    /// What a newer contract changes, and whom that breaks: empty if it changes nothing.
    ///
    /// It goes by what serde makes of the types: unknown fields are skipped unless a type refuses them,
    /// a field that is missing is an error unless it is optional, and so is a value of an enum that its
    /// reader does not know. What is said of the types alone is compared: that a handler gives another
    /// meaning to a field is not seen, nor `#[event(alias)]` and `#[serde(alias)]`, by which an old name is
    /// understood still: what was renamed is gone, and new. Nor are documentation and the order of fields.
    ///
    /// What the server writes is judged as a page reads it, which has no defaults: a field that the old server
    /// does not write is missing there, though a Rust client may have one.
    ///
    /// Of a type without a schema, and of `serde_json::Value`, it says [`Breaks::Unknown`] each time.
    ///
    /// ```
    /// # use schemars::JsonSchema;
    /// # use serde::{Deserialize, Serialize};
    /// use socketkit::{Breaks, Contract, Events, Protocol, contract};
    ///
    /// #[derive(Events)]
    /// pub enum ClientEvent { SubmitPost { author: String, body: String } }
    ///
    /// #[derive(Protocol)]
    /// #[protocol(client = ClientEvent)]
    /// pub struct Forum;
    ///
    /// # fn main() {
    /// let new = contract::<Forum>();
    /// # let mut released = serde_json::to_value(&new).unwrap();
    /// # let payload = &mut released["client"]["submit_post"]["payload"];
    /// # payload["required"] = serde_json::json!(["body"]);
    /// # payload["properties"].as_object_mut().unwrap().remove("author");
    /// # let released = released.to_string();
    /// // The `contract.json` of the version that is out, which had no author.
    /// let old: Contract = serde_json::from_str(&released).unwrap();
    /// let changes = old.compare(&new);
    /// assert_eq!(
    ///     changes[0].to_string(),
    ///     "client event `submit_post`, data.author: is a new field, required"
    /// );
    /// assert_eq!(changes[0].breaks, Breaks::OldClients);
    /// # }
    /// ```
    #[must_use]
    pub fn compare(&self, newer: &Self) -> Vec<Change> {
        let mut changes = Vec::new();
        for (from, old, new) in [
            (Side::OfClient, &self.client, &newer.client),
            (Side::OfServer, &self.server, &newer.server),
        ] {
            for name in old.keys().chain(new.keys()).collect::<BTreeSet<_>>() {
                let mut about = About { from, event: name, changes: &mut changes };
                match (old.get(name), new.get(name)) {
                    (Some(old), Some(new)) => about.both(self, newer, old, new),
                    (Some(old), None) => about.gone(old),
                    (None, Some(new)) => about.added(new),
                    (None, None) => {}
                }
            }
        }
        let mut about = About { from: Side::OfServer, event: PRESENCE, changes: &mut changes };
        match (&self.presence, &newer.presence) {
            (Some(old), Some(new)) => {
                about.written("data.room", (self, &old.room), (newer, &new.room));
                about.written("data.member", (self, &old.member), (newer, &new.member));
            }
            (None, Some(_)) => about.say("", "is new: old clients skip it", Breaks::Nobody),
            (Some(_), None) => {
                about.say("", "is gone: old clients wait for it in vain", Breaks::Nobody);
            }
            (None, None) => {}
        }
        changes
    }
}

/// Collects what changed in one event.
struct About<'a> {
    from: Side,
    event: &'a str,
    changes: &'a mut Vec<Change>,
}

impl About<'_> {
    fn say(&mut self, path: &str, what: impl Into<String>, breaks: Breaks) {
        let (event, path) = (self.event.to_owned(), path.to_owned());
        self.changes.push(Change { from: self.from, event, path, what: what.into(), breaks });
    }

    /// A part of what the server writes.
    fn written(
        &mut self,
        part: &'static str,
        (older, old): (&Contract, &Value),
        (newer, new): (&Contract, &Value),
    ) {
        let mut walk = Walk::new(older, newer);
        walk.schemas(part, old, new);
        for Difference { path, what, effect } in walk.into_found(part) {
            self.say(&path, what, effect.breaks(false));
        }
    }

    fn gone(&mut self, event: &EventContract) {
        match (self.from, &event.reply) {
            (Side::OfClient, _) => self.say(
                "",
                "is gone: a client that sends it is answered `unknown_event`",
                Breaks::OldClients,
            ),
            (Side::OfServer, None) => {
                self.say("", "is gone: old clients wait for it in vain", Breaks::Nobody);
            }
            (Side::OfServer, Some(_)) => self.say(
                "",
                "is gone: an old server that calls it is answered `unknown_event`",
                Breaks::OldServers,
            ),
        }
    }

    fn added(&mut self, event: &EventContract) {
        match (self.from, &event.reply) {
            (Side::OfClient, _) => self.say(
                "",
                "is new: a client that sends it to an old server is answered `unknown_event`",
                Breaks::OldServers,
            ),
            (Side::OfServer, None) => self.say("", "is new: old clients skip it", Breaks::Nobody),
            (Side::OfServer, Some(_)) => self.say(
                "",
                "is new: a call of it is answered `unknown_event` by old clients",
                Breaks::OldClients,
            ),
        }
    }

    fn both(
        &mut self,
        older: &Contract,
        newer: &Contract,
        old: &EventContract,
        new: &EventContract,
    ) {
        for (part, old, new) in [
            ("data", &old.payload, &new.payload),
            ("reply", &old.reply, &new.reply),
            ("progress", &old.progress, &new.progress),
        ] {
            let mut walk = Walk::new(older, newer);
            match (old, new) {
                (Some(old), Some(new)) => walk.schemas(part, old, new),
                (None, None) => {}
                // An event without a payload may come with any, which is not looked at.
                (None, Some(new)) if part == "data" => {
                    let effect = Effect::narrower(!walk.new_reads_null(new), false);
                    walk.note(part, "carries data now", effect);
                }
                (Some(old), None) if part == "data" => {
                    let effect = Effect::narrower(false, !walk.old_reads_null(old));
                    walk.note(part, "carries no data now", effect);
                }
                (None, Some(_)) if part == "progress" => {
                    self.say(part, "is reported now", Breaks::Nobody);
                }
                (Some(_), None) if part == "progress" => {
                    self.say(part, "is not reported any more", Breaks::Nobody);
                }
                (None, Some(new)) => walk.forms(part, &Form::null(), &walk.form_of_new(new)),
                (Some(old), None) => walk.forms(part, &walk.form_of_old(old), &Form::null()),
            }
            let client_writes = (self.from == Side::OfClient) == (part == "data");
            for Difference { path, what, effect } in walk.into_found(part) {
                self.say(&path, what, effect.breaks(client_writes));
            }
        }
        for (what, effect) in policies::compare(old, new) {
            self.say("", what, effect.breaks(self.from == Side::OfClient));
        }
    }
}

impl fmt::Display for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { from, event, path, what, .. } = self;
        let comma = if path.is_empty() { "" } else { ", " };
        write!(f, "{from} event `{event}`{comma}{path}: {what}")
    }
}

impl fmt::Display for Side {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::OfClient => "client",
            Self::OfServer => "server",
        })
    }
}
