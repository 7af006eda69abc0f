//! A forum whose posts appear on every screen: `cargo run --release --example forum`.
#![allow(missing_debug_implementations, missing_docs, unreachable_pub)]

mod events;
mod handlers;
mod store;

use clap::Parser;
use events::Forum;
use examples::{Failure, Listen, Types, about};
use socketkit::Server;
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

#[tokio::main]
async fn main() -> Result<(), Failure> {
    let args = Args::parse();
    examples::log();
    let server = Server::<Forum>::new()
        .state(about(args.data.display(), Store::open(&args.data))?)
        .on_connect(handlers::connected)
        .on(handlers::introduce)
        .on(handlers::submit_post)
        .on(handlers::watch)
        .on(handlers::unwatch)
        .on(handlers::reply_to)
        .on(handlers::typing)
        .public(concat!(env!("CARGO_MANIFEST_DIR"), "/forum/public"))
        .header("content-security-policy", examples::CSP);
    args.types.write("forum-client", || server.browser_client())?;
    Ok(args.listen.serve(|addr| server.listen(addr)).await?)
}
