//! What was measured, as it is written down.

use crate::{
    machine::Machine,
    peer::{Missing, Peer},
};
use serde::Serialize;
use std::fmt;

/// One round of one peer.
pub(crate) struct Figures {
    /// Microseconds of CPU time for each delivery.
    pub(crate) cpu: f64,
    /// KiB for each idle socket.
    pub(crate) memory: f64,
}

/// How it was measured.
#[derive(Serialize)]
pub(crate) struct Settings {
    pub(crate) receivers: usize,
    pub(crate) idle: usize,
    pub(crate) seconds: f64,
    pub(crate) payload: usize,
    pub(crate) rounds: usize,
}

/// The figure of every round, and the median.
#[derive(Default, Serialize)]
pub(crate) struct Figure {
    pub(crate) median: f64,
    rounds: Vec<f64>,
}

impl Figure {
    fn settle(&mut self) {
        let mut sorted = self.rounds.clone();
        sorted.sort_by(f64::total_cmp);
        let middle = sorted.len() / 2;
        self.median = match sorted.len() {
            0 => 0.0,
            even if even % 2 == 0 => f64::midpoint(sorted[middle - 1], sorted[middle]),
            _ => sorted[middle],
        };
    }
}

/// All rounds of one peer.
#[derive(Serialize)]
pub(crate) struct Row {
    pub(crate) name: &'static str,
    version: String,
    pub(crate) cpu_us_per_delivery: Figure,
    pub(crate) kib_per_idle_socket: Figure,
    /// Why a round has no figures.
    #[serde(skip)]
    pub(crate) failed: Option<String>,
}

impl Row {
    pub(crate) fn new(peer: &Peer) -> Self {
        Self {
            name: peer.name,
            version: peer.version.clone(),
            cpu_us_per_delivery: Figure::default(),
            kib_per_idle_socket: Figure::default(),
            failed: None,
        }
    }

    pub(crate) fn add(&mut self, cpu: f64, memory: f64) {
        // More digits than a measurement has would only be noise.
        let round = |figure: f64| (figure * 1000.0).round() / 1000.0;
        self.cpu_us_per_delivery.rounds.push(round(cpu));
        self.kib_per_idle_socket.rounds.push(round(memory));
    }

    pub(crate) fn settle(&mut self) {
        self.cpu_us_per_delivery.settle();
        self.kib_per_idle_socket.settle();
    }
}

/// Everything.
#[derive(Serialize)]
pub(crate) struct Report {
    pub(crate) date: String,
    pub(crate) machine: Machine,
    pub(crate) settings: Settings,
    pub(crate) peers: Vec<Row>,
    pub(crate) left_out: Vec<Missing>,
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}: {}", self.date, self.machine)?;
        writeln!(f, "{:<20} {:>16} {:>16}", "medians", "us a delivery", "KiB a socket")?;
        for Row { name, version, cpu_us_per_delivery: cpu, kib_per_idle_socket: memory, .. } in
            &self.peers
        {
            let (cpu, memory) = (cpu.median, memory.median);
            writeln!(f, "{name:<20} {cpu:>16.2} {memory:>16.2}   {version}")?;
        }
        for Missing { name, why } in &self.left_out {
            writeln!(f, "{name:<20} left out: {why}")?;
        }
        Ok(())
    }
}
