//! Where a client is among what each node has said: the places of the last events that it has seen.

use crate::{
    Handshake, NodeId,
    frame::{self, FrameBytes},
    ticket::offered,
    wire::{NODE, PLACES, is_place},
};
use std::{collections::HashMap, time::Duration};

/// See the module.
#[derive(Debug, Clone, Default)]
pub(crate) struct Places(HashMap<NodeId, u64>);

impl Places {
    /// Those that a client offers, behind its ticket.
    pub(crate) fn of(handshake: &Handshake) -> Self {
        let places = offered(handshake).into_iter().flat_map(|ticket| ticket.split('.').skip(3));
        Self(places.take(PLACES).filter_map(read).collect())
    }

    /// For how long it has heard nothing, if it says so.
    pub(crate) fn away(&self) -> Option<Duration> {
        let away = self.0.get(&NodeId::default()).copied();
        away.filter(|away| *away > 0).map(Duration::from_millis)
    }

    /// Whether it has seen an event.
    pub(crate) fn has(&self, frame: &FrameBytes) -> bool {
        let place = frame::place(frame).and_then(read);
        place.is_some_and(|(node, number)| number > 0 && number <= self.seen(node))
    }

    /// Whoever said something that it has seen.
    pub(super) fn nodes(&self) -> impl Iterator<Item = NodeId> {
        self.0.keys().copied().filter(|node| *node != NodeId::default())
    }

    /// How far it has seen what a node said.
    pub(crate) fn seen(&self, node: NodeId) -> u64 {
        self.0.get(&node).copied().unwrap_or_default()
    }
}

/// A place, as frames have it.
pub(crate) fn write(node: NodeId, number: u64) -> String {
    format!("{node}{:012x}", number & 0xffff_ffff_ffff)
}

fn read(place: &str) -> Option<(NodeId, u64)> {
    let (node, number) = place.split_at_checked(NODE).filter(|_| is_place(place))?;
    Some((node.parse().ok()?, u64::from_str_radix(number, 16).ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ticket::Ticket;

    fn places(offered: &str) -> Places {
        let request = http::Request::builder().header("sec-websocket-protocol", offered);
        let handshake = request.body(()).unwrap().into();
        assert!(Ticket::of(&handshake).is_ok(), "{offered}");
        Places::of(&handshake)
    }

    #[test]
    fn what_a_ticket_says_of_a_node_is_known() {
        let (one, other) = (NodeId::from_bytes([7; 8]), NodeId::new());
        let said = [write(one, 0), write(one, 9), write(other, (1 << 48) - 1)].join(".");
        let places = places(&format!("socketkit.v1.json, resume.x.0.1.{said}"));
        assert_eq!((places.seen(one), places.seen(other)), (9, (1 << 48) - 1));
        assert_eq!(places.seen(NodeId::default()), 0);
    }

    #[test]
    fn as_many_are_read_as_a_ticket_has() {
        let node = |number: usize| NodeId::from_bytes((number as u64).to_be_bytes());
        let all: Vec<_> = (1..=PLACES).map(|number| write(node(number), number as u64)).collect();
        let places = places(&format!("resume.x.0.1.{}", all.join(".")));
        assert!((1..=PLACES).all(|number| places.seen(node(number)) == number as u64));
    }

    #[test]
    fn who_offers_none_has_seen_nothing() {
        for offered in ["socketkit.v1.json", "socketkit.v1.json, resume.x.0.1"] {
            assert_eq!(places(offered).seen(NodeId::default()), 0);
        }
    }
}
