//! Which of several servers the next connection of a proxy goes to.

use crate::dice::Dice;
use std::net::SocketAddr;

/// Servers, and those of them that get no connection for now.
#[derive(Debug)]
pub(super) struct Route {
    servers: Vec<SocketAddr>,
    down: Vec<SocketAddr>,
    last: Option<SocketAddr>,
    dice: Dice,
}

impl Route {
    pub(super) fn new(servers: &[SocketAddr], seed: u64) -> Self {
        Self { servers: servers.to_vec(), down: Vec::new(), last: None, dice: Dice(seed) }
    }

    pub(super) fn lead_to(&mut self, servers: &[SocketAddr]) {
        self.servers = servers.to_vec();
    }

    pub(super) fn exclude(&mut self, server: SocketAddr) {
        self.down.push(server);
    }

    pub(super) fn include(&mut self, server: SocketAddr) {
        self.down.retain(|down| *down != server);
    }

    /// By the die; another than the last, if there is one; `None` if all are down.
    pub(super) fn next(&mut self) -> Option<SocketAddr> {
        let up = self.servers.iter().filter(|server| !self.down.contains(server));
        let mut up: Vec<_> = up.copied().collect();
        if up.iter().any(|server| Some(*server) != self.last) {
            up.retain(|server| Some(*server) != self.last);
        }
        if up.is_empty() {
            return None;
        }
        self.last = Some(up[self.dice.below(up.len() as u64) as usize]);
        self.last
    }
}
