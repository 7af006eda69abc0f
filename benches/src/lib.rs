//! What the benches share: sockets in memory, server processes, and the bytes between these and us.
#![forbid(unsafe_code)]

mod client;
mod program;
mod server;
mod socket;
mod tally;
mod wire;

pub use client::{Client, Dialect};
pub use program::{build, fetch, output};
pub use server::{Contender, Server, machine_cpu, own_cpu};
pub use socket::{Peer, limits, open, runtime};
pub use tally::{Tally, percentile};
pub use wire::{client_frame, server_frame, upgrade_request, upgraded};
