use socketkit::{Events, Io, Progress, Protocol, Reject, Server, Service, SocketId, State};
use std::{collections::HashMap, sync::Mutex};

#[derive(Events)]
pub enum ClientEvent {
    /// The next piece of a text; number 0 begins a new one.
    Piece { number: usize, text: String },
    /// Import the text, once all pieces are there: answered with its lines. Reports percents.
    #[event(reply = usize, progress = usize)]
    Import { pieces: usize },
}

#[derive(Events)]
pub enum ServerEvent {
    /// How many visitors are online.
    #[event(latest)]
    Visitors { online: usize },
}

#[derive(Protocol)]
#[protocol(client = ClientEvent, server = ServerEvent)]
pub struct Library;

use client_event::{Import, Piece};

#[derive(Default)]
pub struct Shelf {
    /// Pieces that wait for the others, by who has sent them.
    uploads: Mutex<HashMap<SocketId, Vec<String>>>,
    lines: Mutex<Vec<String>>,
}

const MOST_PIECES: usize = 1_000;

async fn piece(piece: Piece, id: SocketId, shelf: State<Shelf>) -> Result<(), Reject> {
    let mut uploads = shelf.uploads.lock().unwrap();
    let upload = uploads.entry(id).or_default();
    if piece.number == 0 {
        upload.clear();
    }
    if piece.number != upload.len() {
        return Err(Reject::new("incomplete", "a piece is missing: send it from the beginning"));
    }
    if piece.number == MOST_PIECES {
        return Err(Reject::new("too_long", "the text is too long"));
    }
    upload.push(piece.text);
    Ok(())
}

async fn import(
    event: Import,
    id: SocketId,
    shelf: State<Shelf>,
    progress: Progress<usize>,
) -> Result<usize, Reject> {
    let upload = shelf.uploads.lock().unwrap().remove(&id).unwrap_or_default();
    if upload.len() != event.pieces {
        return Err(Reject::new("incomplete", "a piece is missing: send it from the beginning"));
    }
    let text = upload.concat();
    let lines: Vec<_> = text.lines().map(str::to_owned).collect();
    let mut last = 0;
    for (number, line) in lines.iter().enumerate() {
        check(line).await?;
        // One report for each percent: a page has no use for more.
        let percent = (number + 1) * 100 / lines.len();
        if percent > last {
            progress.report(percent);
            last = percent;
        }
    }
    // All or nothing: cancelled at an `await` above, it has changed nothing.
    let count = lines.len();
    shelf.lines.lock().unwrap().extend(lines);
    Ok(count)
}

async fn check(line: &str) -> Result<(), Reject> {
    tokio::task::yield_now().await; // whatever takes its time
    if line.contains('\0') { Err(Reject::new("binary", "this is no text")) } else { Ok(()) }
}

async fn announce(io: Io<Library>) {
    io.broadcast(ServerEvent::Visitors { online: io.len() });
}

async fn left(id: SocketId, io: Io<Library>, shelf: State<Shelf>) {
    shelf.uploads.lock().unwrap().remove(&id);
    announce(io).await;
}

pub fn service() -> Service<Library> {
    let server = Server::<Library>::new().state(Shelf::default());
    server.on_connect(announce).on_disconnect(left).on(piece).on(import).build()
}
