//! How many visitors are here, live on every screen: `cargo run --example visitor_counter`.
#![allow(missing_debug_implementations, missing_docs, unreachable_pub)]

use clap::Parser;
use examples::{Failure, Listen, Types, about};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use socketkit::{Events, Io, Member, Protocol, Server, Socket, State};
use std::{collections::VecDeque, fs, path::PathBuf, sync::Arc, time::Duration};
use tokio::{sync::Mutex, task::block_in_place, time::interval};

#[derive(Debug, Events)]
pub enum ServerEvent {
    /// Who is here, who ever came, and how many at once; at most five times a second.
    #[event(latest)]
    Visitors { online: usize, total: u64, peak: usize },
    /// How many were here in each second of the last ten minutes, on connection.
    Samples(VecDeque<usize>),
}

/// Somebody who is here, by whichever tabs of a browser.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Visitor(String);

impl Member for Visitor {
    fn key(&self) -> String {
        self.0.clone()
    }
}

#[derive(Protocol)]
#[protocol(server = ServerEvent, room = (), presence = Visitor)]
pub struct Counter;

/// Total, peak and samples.
type Visits = Mutex<(u64, usize, VecDeque<usize>)>;

/// How many visitors are here, live on every screen
#[derive(Parser)]
struct Args {
    #[command(flatten)]
    listen: Listen,
    #[command(flatten)]
    types: Types,
    /// File with the total and the peak
    #[arg(long, env = "COUNTER_DATA", default_value = "visitors.json")]
    data: PathBuf,
}

async fn arrived(socket: Socket<Counter>, visits: State<Arc<Visits>>) {
    let (total, peak, samples) = &mut *visits.lock().await;
    let (io, before) = (socket.io(), socket.io().presence_len(()));
    socket.present((), Visitor(examples::visitor(socket.handshake(), socket.id())));
    // Another tab of somebody who is here is no other visitor.
    let online = io.presence_len(());
    *total += u64::from(online > before);
    *peak = (*peak).max(online);
    socket.emit(ServerEvent::Samples(samples.clone()));
    socket.emit(ServerEvent::Visitors { online, total: *total, peak: *peak });
}

/// Looks five times a second: what has changed is saved and told. Every fifth look is a sample.
async fn watch(io: Io<Counter>, visits: Arc<Visits>, file: PathBuf) {
    let (mut look, mut told) = (interval(Duration::from_millis(200)), None);
    for n in 0_u64.. {
        look.tick().await;
        let (total, peak, samples) = &mut *visits.lock().await;
        let (online, total, peak) = (io.presence_len(()), *total, *peak);
        if n % 5 == 0 {
            samples.push_back(online);
            samples.drain(..samples.len().saturating_sub(600));
        }
        let now = Some((online, total, peak));
        if std::mem::replace(&mut told, now) != now {
            // Renamed into place, so that a crash leaves the old figures or the new.
            let (new, text) = (file.with_extension("new"), format!("[{total},{peak}]"));
            block_in_place(|| fs::write(&new, text).and_then(|()| fs::rename(&new, &file)))
                .unwrap_or_else(|error| tracing::error!(%error, "the figures are not saved"));
            io.broadcast(ServerEvent::Visitors { online, total, peak });
        }
    }
}

#[tokio::main]
async fn main() -> Result<(), Failure> {
    let args = Args::parse();
    examples::log();
    let (file, new) = (args.data.display(), !args.data.exists());
    let kept = if new { b"[0,0]".into() } else { about(file, fs::read(&args.data))? };
    let (total, peak) = about(args.data.display(), serde_json::from_slice(&kept))?;
    let visits = Arc::new(Visits::new((total, peak, VecDeque::new())));
    let server = Server::<Counter>::new()
        .state(visits.clone())
        .on_connect(arrived)
        .public(concat!(env!("CARGO_MANIFEST_DIR"), "/visitor_counter/public"))
        .header("content-security-policy", examples::CSP);
    args.types.write("visitor-counter-client", || server.browser_client())?;
    tokio::spawn(watch(server.io(), visits, args.data));
    Ok(args.listen.serve(|addr| server.listen(addr)).await?)
}
