//! What was measured, as it is printed.

use crate::engine::Counts;
use std::{fmt, time::Duration};

/// Some broadcasts.
pub(crate) struct Broadcasts {
    pub(crate) count: usize,
    pub(crate) took: Duration,
    /// Of each node.
    pub(crate) cpu: Vec<Duration>,
    pub(crate) counts: Counts,
}

/// Messages to rooms.
#[derive(Default)]
pub(crate) struct Told {
    pub(crate) count: usize,
    pub(crate) took: Duration,
    pub(crate) cpu: Vec<Duration>,
    pub(crate) counts: Counts,
}

/// Of one peer.
pub(crate) struct Figures {
    pub(crate) name: &'static str,
    pub(crate) engine: String,
    pub(crate) sockets: usize,
    pub(crate) nodes: usize,
    /// Messages a second while nothing is emitted.
    pub(crate) beats: f64,
    /// Which node emitted, broadcasts within each node, and those across them.
    pub(crate) rounds: Vec<(usize, Broadcasts, Broadcasts)>,
    pub(crate) told: Told,
}

impl Figures {
    /// Microseconds of a broadcast in nodes that emit, or do not: within the node, across them, and the ratio.
    fn cost(&self, emits: bool) -> [f64; 3] {
        let each = self.rounds.iter().flat_map(|(from, local, across)| {
            let nodes = local.cpu.iter().zip(&across.cpu).enumerate();
            nodes.filter(move |(node, _)| (node == from) == emits).map(|(_, (within, beyond))| {
                let (within, beyond) =
                    (micros(*within, local.count), micros(*beyond, across.count));
                [within, beyond, beyond / within]
            })
        });
        let each: Vec<_> = each.collect();
        [0, 1, 2].map(|of| median(each.iter().map(|figures| figures[of])))
    }

    /// Messages that were given to the engine, without those that are given to it anyway.
    fn messages(&self, counts: &Counts, took: Duration) -> f64 {
        counts.messages as f64 - self.beats * took.as_secs_f64()
    }

    /// The median over all rounds of something of the broadcasts across nodes.
    fn across(&self, of: impl Fn(&Broadcasts) -> f64) -> f64 {
        median(self.rounds.iter().map(|(_, _, across)| of(across) / across.count as f64))
    }
}

impl fmt::Display for Figures {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { name, engine, sockets, nodes, beats, told, .. } = self;
        writeln!(f, "{name} ({engine}), {nodes} nodes of {sockets} sockets")?;
        writeln!(f, "  us of a broadcast       local    across   ratio")?;
        for (who, emits) in [("the node that emits", true), ("each other node", false)] {
            let [local, across, ratio] = self.cost(emits);
            writeln!(f, "  {who:<20} {local:>8.0}  {across:>8.0}  {ratio:>6.2}")?;
        }
        let cpu = self.across(|across| across.counts.cpu.as_secs_f64() * 1e6);
        writeln!(f, "  {:<20} {:>8}  {cpu:>8.0}", "the engine", "")?;
        let messages = self.across(|across| self.messages(&across.counts, across.took));
        let bytes_in = self.across(|across| across.counts.bytes_in as f64);
        let bytes_out = self.across(|across| across.counts.bytes_out as f64);
        write!(f, "  a broadcast is {messages:.3} messages to the engine, ")?;
        writeln!(f, "{bytes_in:.0} bytes in and {bytes_out:.0} out; {beats:.2} a second without")?;

        let Told { count, took, cpu, counts } = told;
        let rate = *count as f64 / took.as_secs_f64();
        writeln!(
            f,
            "  {count} messages to rooms on one node each: received at {rate:.0} a second"
        )?;
        let of_nodes: f64 = cpu.iter().map(|cpu| micros(*cpu, *count)).sum();
        let of_engine = micros(counts.cpu, *count);
        writeln!(f, "  us of a message: {of_nodes:.1} of all nodes, {of_engine:.1} of the engine")?;
        let messages = self.messages(counts, *took) / *count as f64;
        let [bytes_in, bytes_out] =
            [counts.bytes_in, counts.bytes_out].map(|bytes| bytes as f64 / *count as f64);
        write!(f, "  a message is {messages:.3} messages to the engine, ")?;
        writeln!(f, "{bytes_in:.0} bytes in and {bytes_out:.0} out")?;
        if !counts.out.is_empty() {
            let due = count / nodes;
            writeln!(
                f,
                "  the engine sent the nodes {:?}, of which {due} each are due",
                counts.out
            )?;
        }
        Ok(())
    }
}

fn micros(cpu: Duration, count: usize) -> f64 {
    cpu.as_secs_f64() * 1e6 / count as f64
}

fn median(figures: impl Iterator<Item = f64>) -> f64 {
    let mut figures: Vec<_> = figures.collect();
    figures.sort_by(f64::total_cmp);
    figures.get(figures.len() / 2).copied().unwrap_or(f64::NAN)
}
