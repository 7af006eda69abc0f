//! Who may open one more: a bound in all, and one for each address.

use crate::{handshake::counted, peer::lock};
use std::{
    collections::HashMap,
    net::IpAddr,
    sync::{Arc, Mutex},
};

/// Counts what is open.
#[derive(Debug)]
pub(crate) struct Admission {
    all: usize,
    per_address: usize,
    open: Mutex<Open>,
}

#[derive(Debug, Default)]
struct Open {
    all: usize,
    addresses: HashMap<IpAddr, usize>,
}

/// A place that was given; free again when it is dropped.
#[derive(Debug)]
pub(crate) struct Permit {
    admission: Arc<Admission>,
    address: Option<IpAddr>,
}

impl Admission {
    pub(crate) fn new(all: usize, per_address: usize) -> Self {
        Self { all, per_address, open: Mutex::default() }
    }

    /// Gives a place to an address, as far as it is known.
    pub(crate) fn enter(self: &Arc<Self>, address: Option<IpAddr>) -> Option<Permit> {
        let address = address.and_then(counted);
        let mut open = lock(&self.open);
        if open.all >= self.all {
            return None;
        }
        if let Some(address) = address {
            let count = open.addresses.get(&address).copied().unwrap_or_default();
            if count >= self.per_address {
                return None;
            }
            open.addresses.insert(address, count + 1);
        }
        open.all += 1;
        Some(Permit { admission: self.clone(), address })
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        let mut open = lock(&self.admission.open);
        open.all -= 1;
        let Some(address) = self.address else { return };
        match open.addresses.get_mut(&address) {
            Some(count) if *count > 1 => *count -= 1,
            _ => drop(open.addresses.remove(&address)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_free_again_when_its_permit_is_dropped() {
        let admission = Arc::new(Admission::new(3, 2));
        let address = |text: &str| Some(text.parse().unwrap());
        let first = admission.enter(address("192.0.2.1"));
        let second = admission.enter(address("192.0.2.1"));
        assert!(first.is_some() && second.is_some());
        assert!(admission.enter(address("192.0.2.1")).is_none(), "two of one address");
        let other = admission.enter(address("192.0.2.2"));
        assert!(other.is_some() && admission.enter(None).is_none(), "three in all");
        drop((first, second, other));
        assert_eq!(lock(&admission.open).all, 0);
        assert!(lock(&admission.open).addresses.is_empty());
    }

    #[test]
    fn loopback_addresses_only_count_in_all() {
        let admission = Arc::new(Admission::new(3, 1));
        let permits: Vec<_> =
            (0..4).map(|_| admission.enter(Some([127, 0, 0, 1].into()))).collect();
        assert_eq!(permits.iter().flatten().count(), 3);
    }
}
