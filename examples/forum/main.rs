//! A forum whose posts appear on every screen: `cargo run --release --example forum`.
#![allow(missing_debug_implementations, missing_docs, unreachable_pub)]

mod events;
mod store;

use clap::Parser;
use events::{Forum, Post, PostId, ServerEvent, client_event::*};
use examples::Listen;
use socketkit::{Io, Reject, Server, Socket, State};
use std::{error::Error, path::PathBuf};
use store::Store;

/// A forum whose posts appear on every screen
#[derive(Parser)]
struct Args {
    #[command(flatten)]
    listen: Listen,
    /// File with the posts
    #[arg(long, env = "FORUM_DATA", default_value = "forum.redb")]
    data: PathBuf,
}

async fn connected(socket: Socket<Forum>, store: State<Store>) -> Result<(), Reject> {
    socket.emit(ServerEvent::History(store.newest(100).await?));
    Ok(())
}

async fn count(io: Io<Forum>) {
    io.broadcast(ServerEvent::Online(io.len()));
}

async fn submit_post(
    post: SubmitPost,
    io: Io<Forum>,
    store: State<Store>,
) -> Result<PostId, Reject> {
    let (author, body) = checked(post.author, post.body)?;
    let post = store.add(author, body).await?;
    io.broadcast(ServerEvent::PostUpdate(post.clone()));
    Ok(post.id)
}

async fn watch(
    Watch(post): Watch,
    socket: Socket<Forum>,
    store: State<Store>,
) -> Result<Vec<Post>, Reject> {
    // Before the replies are read: one that comes meanwhile arrives as an update.
    socket.join(post);
    store.replies(post).await.inspect_err(|_| socket.leave(post))
}

async fn reply_to(reply: ReplyTo, io: Io<Forum>, store: State<Store>) -> Result<PostId, Reject> {
    let (author, body) = checked(reply.author, reply.body)?;
    let post = reply.post;
    let reply = store.reply(post, author, body).await?;
    io.to(post).emit(ServerEvent::ThreadUpdate { post, reply: reply.clone() });
    Ok(reply.id)
}

async fn typing(Typing { author }: Typing, socket: Socket<Forum>) {
    socket.broadcast(ServerEvent::SomeoneTyping { author });
}

/// The texts without white space around them, or why they are refused, with the field at fault.
fn checked(author: String, body: String) -> Result<(String, String), Reject> {
    let check = |field: &str, text: String, longest: usize| {
        let (code, message) = match text.trim() {
            "" => ("empty", format!("{field} is missing")),
            text if text.chars().count() <= longest => return Ok(text.to_owned()),
            _ => ("too_long", format!("{field} is longer than {longest} characters")),
        };
        Err(Reject::new(code, message).with_data(serde_json::json!({ "field": field })))
    };
    Ok((check("author", author, 100)?, check("body", body, 2_000)?))
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let args = Args::parse();
    examples::log();
    let server = Server::<Forum>::new()
        .state(Store::open(&args.data)?)
        .on_connect(connected)
        .on_connect(count)
        .on_disconnect(count)
        .on(submit_post)
        .on(watch)
        .on(async |Unwatch(post): Unwatch, socket: Socket<Forum>| socket.leave(post))
        .on(reply_to)
        .on(typing)
        .public(concat!(env!("CARGO_MANIFEST_DIR"), "/forum/public"))
        .header("content-security-policy", examples::CSP);
    Ok(args.listen.serve(|addr| server.listen(addr)).await?)
}
