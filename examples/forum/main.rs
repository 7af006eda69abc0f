//! A forum whose posts appear on every screen: `cargo run --release --example forum`.
#![allow(missing_debug_implementations, missing_docs, unreachable_pub)]

mod events;
mod store;

use clap::Parser;
use events::{Forum, Post, PostId, Reader, Room, ServerEvent, client_event::*};
use examples::{Failure, Listen, Types, about};
use socketkit::{Io, Reject, Server, Socket, State};
use std::path::PathBuf;
use store::Store;

/// A forum whose posts appear on every screen
#[derive(Parser)]
struct Args {
    #[command(flatten)]
    listen: Listen,
    #[command(flatten)]
    types: Types,
    /// File with the posts
    #[arg(long, env = "FORUM_DATA", default_value = "forum.redb")]
    data: PathBuf,
}

async fn connected(socket: Socket<Forum>, store: State<Store>) -> Result<(), Reject> {
    socket.emit(ServerEvent::History(store.newest(100).await?));
    show(&socket, String::new());
    Ok(())
}

/// Shows somebody to all who are here.
fn show(socket: &Socket<Forum>, name: String) {
    let key = examples::visitor(socket.handshake(), socket.id());
    socket.present(Room::Forum, Reader { key, name });
}

async fn introduce(event: Introduce, socket: Socket<Forum>) -> Result<(), Reject> {
    // Who takes the name away is here without one.
    let name =
        if event.name.trim().is_empty() { String::new() } else { check("name", event.name, 100)? };
    show(&socket, name);
    Ok(())
}

async fn submit_post(
    post: SubmitPost,
    io: Io<Forum>,
    store: State<Store>,
) -> Result<PostId, Reject> {
    let author = check("author", post.author, 100)?;
    let post = store.add(author, check("body", post.body, 2_000)?).await?;
    io.broadcast(ServerEvent::PostUpdate(post.clone()));
    Ok(post.id)
}

async fn watch(
    Watch(post): Watch,
    socket: Socket<Forum>,
    store: State<Store>,
) -> Result<Vec<Post>, Reject> {
    // Before the replies are read: one that comes meanwhile arrives as an update.
    socket.join(Room::Thread(post));
    store.replies(post).await.inspect_err(|_| socket.leave(Room::Thread(post)))
}

async fn reply_to(reply: ReplyTo, io: Io<Forum>, store: State<Store>) -> Result<PostId, Reject> {
    let (post, author) = (reply.post, check("author", reply.author, 100)?);
    let reply = store.reply(post, author, check("body", reply.body, 2_000)?).await?;
    io.to(Room::Thread(post)).emit(ServerEvent::ThreadUpdate { post, reply: reply.clone() });
    Ok(reply.id)
}

async fn typing(Typing { author }: Typing, socket: Socket<Forum>) -> Result<(), Reject> {
    let author = check("author", author, 100)?;
    socket.broadcast(ServerEvent::SomeoneTyping { author });
    Ok(())
}

/// The text without white space around it, or why it is refused, with the field at fault.
fn check(field: &str, text: String, longest: usize) -> Result<String, Reject> {
    let (code, message) = match text.trim() {
        "" => ("empty", format!("{field} is missing")),
        text if text.chars().count() <= longest => return Ok(text.to_owned()),
        _ => ("too_long", format!("{field} is longer than {longest} characters")),
    };
    Err(Reject::new(code, message).with_data(serde_json::json!({ "field": field })))
}

#[tokio::main]
async fn main() -> Result<(), Failure> {
    let args = Args::parse();
    examples::log();
    let server = Server::<Forum>::new()
        .state(about(args.data.display(), Store::open(&args.data))?)
        .on_connect(connected)
        .on(introduce)
        .on(submit_post)
        .on(watch)
        .on(async |Unwatch(post): Unwatch, socket: Socket<Forum>| {
            socket.leave(Room::Thread(post));
        })
        .on(reply_to)
        .on(typing)
        .public(concat!(env!("CARGO_MANIFEST_DIR"), "/forum/public"))
        .header("content-security-policy", examples::CSP);
    args.types.write("forum-client", || server.browser_client())?;
    Ok(args.listen.serve(|addr| server.listen(addr)).await?)
}
