//! A client and a server of different versions: what the one makes of the other's contract.

use crate::{Change, Contract, Protocol, contract, dial::Dialer, peer::lock, remote::Shared};
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, Mutex, OnceLock},
};
use tokio::time::timeout;

/// How the server's contract differs from that of this program: see [`Remote::skew`](crate::Remote::skew).
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Skew {
    /// The hash of the server's contract.
    pub hash: String,
    /// Names of the events that only the server has, of either side.
    pub added: Vec<String>,
    /// Names of those that only this program has.
    pub removed: Vec<String>,
    /// Names of those whose data, reply or progress is of another form.
    pub changed: Vec<String>,
    /// Each difference by itself, and whom it breaks. Like the lists it is empty if the server's contract
    /// could not be fetched.
    pub changes: Vec<Change>,
}

impl Skew {
    fn between(ours: &Contract, theirs: &Contract) -> Self {
        let mut skew = Self::unknown(theirs.hash.clone());
        let (mut added, mut removed, mut changed) =
            <(BTreeSet<_>, BTreeSet<_>, BTreeSet<_>)>::default();
        for (ours, theirs) in [(&ours.client, &theirs.client), (&ours.server, &theirs.server)] {
            let lacks = |name: &&String, others: &BTreeMap<String, _>| !others.contains_key(*name);
            added.extend(theirs.keys().filter(|name| lacks(name, ours)).cloned());
            removed.extend(ours.keys().filter(|name| lacks(name, theirs)).cloned());
            let differs = ours.iter().filter(|(name, event)| {
                theirs.get(*name).is_some_and(|other| other.fingerprint != event.fingerprint)
            });
            changed.extend(differs.map(|(name, _)| name.clone()));
        }
        skew.added.extend(added);
        skew.removed.extend(removed);
        skew.changed.extend(changed);
        skew.changes = ours.compare(theirs);
        skew
    }

    fn unknown(hash: String) -> Self {
        Self { hash, added: vec![], removed: vec![], changed: vec![], changes: vec![] }
    }
}

/// Looks at the contract of each server that says hello.
#[derive(Clone)]
pub(crate) struct Watch {
    dialer: Dialer,
    ours: Arc<OnceLock<Contract>>,
    /// The hash that was heard last.
    heard: Arc<Mutex<Option<String>>>,
}

impl Watch {
    pub(crate) fn new(dialer: Dialer) -> Self {
        Self { dialer, ours: Arc::default(), heard: Arc::default() }
    }

    /// The server said hello, with the hash of its contract.
    pub(crate) fn hear<P: Protocol>(&self, hash: &str, shared: &Arc<Shared>) {
        let last = lock(&self.heard).replace(hash.to_owned());
        if last.as_deref() == Some(hash) {
            return;
        }
        let (watch, hash, shared) = (self.clone(), hash.to_owned(), shared.clone());
        tokio::spawn(async move {
            let skew = watch.look::<P>(&hash, &shared).await;
            if lock(&watch.heard).as_ref() == Some(&hash) {
                shared.skew.send_if_modified(|known| {
                    let is_other = *known != skew;
                    *known = skew;
                    is_other
                });
            }
        });
    }

    async fn look<P: Protocol>(&self, hash: &str, shared: &Shared) -> Option<Skew> {
        let ours = self.ours.get_or_init(contract::<P>);
        if ours.hash == hash {
            return None;
        }
        let limits = &shared.limits;
        let fetched = timeout(limits.handshake, self.dialer.fetch("contract.json", limits.frame));
        let theirs = match fetched.await {
            Ok(Ok(json)) => {
                serde_json::from_slice::<Contract>(&json).map_err(|error| error.to_string())
            }
            Ok(Err(error)) => Err(error.to_string()),
            Err(_) => Err("it took too long".to_owned()),
        };
        let skew = match theirs {
            Ok(theirs) => Skew::between(ours, &theirs),
            Err(error) => {
                tracing::warn!(error, "the contract of the server could not be fetched");
                Skew::unknown(hash.to_owned())
            }
        };
        let Skew { added, removed, changed, .. } = &skew;
        tracing::warn!(?added, ?removed, ?changed, "the server has another contract");
        Some(skew)
    }
}
