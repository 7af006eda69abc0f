//! The chart: two groups of bars side by side.

use crate::report::{Report, Row};
use std::fmt::{Error, Write as _};

/// Width of a group, and where its bars begin and may end at most.
const GROUP: usize = 430;
const BARS: usize = 152;
const LONGEST: f64 = 210.0;

/// Where the first bar is, and how far they are apart.
const TOP: usize = 64;
const STEP: usize = 30;

/// Draws a report. The background is its own, so that it reads the same on light and dark pages.
pub(crate) fn draw(report: &Report) -> Result<String, Error> {
    let (width, bottom) = (2 * GROUP + 20, TOP + STEP * report.peers.len());
    let height = bottom + 40;
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width} {height}\" width=\"{width}\" \
         height=\"{height}\" role=\"img\" font-family=\"system-ui, 'Segoe UI', 'DejaVu Sans', sans-serif\" \
         font-size=\"13\" fill=\"#1f2328\">\n\
         <title>CPU time per delivery and memory per idle socket, socketkit beside its peers</title>\n\
         <rect x=\"0.5\" y=\"0.5\" width=\"{}\" height=\"{}\" rx=\"8\" fill=\"#f6f8fa\" stroke=\"#d0d7de\"/>\n",
        width - 1,
        height - 1,
    );
    group(&mut svg, 10, "CPU per delivery", "µs", &report.peers, |row| {
        row.cpu_us_per_delivery.median
    })?;
    let memory = |row: &Row| row.kib_per_idle_socket.median;
    group(&mut svg, 10 + GROUP, "Memory per idle socket", "KiB", &report.peers, memory)?;
    let (settings, machine) = (&report.settings, &report.machine);
    writeln!(
        svg,
        "<text x=\"26\" y=\"{}\" font-size=\"11\" fill=\"#59636e\">Less is better. Broadcasts of {} bytes to {} sockets, \
         {} idle sockets; medians of {} rounds, {} cores, {}.</text>\n</svg>",
        bottom + 20,
        settings.payload,
        settings.receivers,
        settings.idle,
        settings.rounds,
        machine.cores,
        report.date,
    )?;
    Ok(svg)
}

/// One bar for each peer, from the same zero.
fn group(
    svg: &mut String,
    left: usize,
    title: &str,
    unit: &str,
    rows: &[Row],
    figure: impl Fn(&Row) -> f64,
) -> Result<(), Error> {
    let most = rows.iter().map(&figure).fold(f64::MIN_POSITIVE, f64::max);
    writeln!(
        svg,
        "<text x=\"{}\" y=\"36\" font-size=\"15\" font-weight=\"600\">{title}, {unit}</text>",
        left + 16
    )?;
    for (at, row) in rows.iter().enumerate() {
        let (y, value) = (TOP + at * STEP, figure(row));
        let length = (value / most * LONGEST).max(1.0);
        let (colour, weight) = match row.name {
            "socketkit" => ("#0969da", 700),
            _ => ("#afb8c1", 400),
        };
        let (zero, base) = (left + BARS, y + 15);
        writeln!(
            svg,
            "<g font-weight=\"{weight}\"><text x=\"{}\" y=\"{base}\" text-anchor=\"end\">{}</text>\
             <rect x=\"{zero}\" y=\"{y}\" width=\"{length:.1}\" height=\"20\" rx=\"2\" fill=\"{colour}\"/>\
             <text x=\"{:.1}\" y=\"{base}\">{value:.2}</text></g>",
            zero - 8,
            row.name,
            zero as f64 + length + 6.0,
        )?;
    }
    Ok(())
}
