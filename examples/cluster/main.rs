//! The forum on several nodes: `examples/cluster/run` starts all of it.
#![allow(missing_debug_implementations, missing_docs, unreachable_pub)]

#[path = "../forum/store.rs"]
mod database;
#[path = "../forum/events.rs"]
mod events;
#[path = "../forum/handlers.rs"]
mod handlers;
mod posts;
mod store;

use clap::{Parser, Subcommand};
use events::Forum;
use examples::{Failure, Listen, about};
use socketkit::{ClusterOptions, Server, nats, redis};
use std::{path::PathBuf, time::Duration};
use store::Store;

/// The forum on several nodes
#[derive(Parser)]
struct Args {
    #[command(flatten)]
    listen: Listen,
    #[command(subcommand)]
    role: Role,
}

#[derive(Subcommand)]
enum Role {
    /// One of the nodes: has pages, and sockets
    Node {
        /// Where all nodes meet: `nats://..` or `redis://..`
        #[arg(long, env = "ENGINE", default_value = "nats://127.0.0.1:4222")]
        engine: String,
        /// Where the posts are
        #[arg(long, env = "POSTS", default_value = "ws://127.0.0.1:3004/ws")]
        posts: String,
        /// Milliseconds for the proxy to notice that this node stops
        #[arg(long, env = "LINGER", default_value_t = 0)]
        linger: u64,
    },
    /// Keeps the posts of all nodes
    Posts {
        /// File with the posts
        #[arg(long, env = "FORUM_DATA", default_value = "forum.redb")]
        data: PathBuf,
    },
}

/// How to join the cluster.
fn cluster(engine: String) -> ClusterOptions {
    match engine.starts_with("redis") {
        true => redis::connect(engine).into(),
        false => nats::connect(engine).into(),
    }
}

#[tokio::main]
async fn main() -> Result<(), Failure> {
    let Args { listen, role } = Args::parse();
    examples::log();
    match role {
        Role::Posts { data } => {
            let service = posts::service(&data)?;
            Ok(listen.serve(|addr| service.listen(addr)).await?)
        }
        Role::Node { engine, posts, linger } => {
            // All but for `cluster` is the forum on one node.
            let server = Server::<Forum>::new()
                .cluster(cluster(engine))
                .state(about(&posts, Store::open(&posts).await)?)
                .on_connect(handlers::connected)
                .on(handlers::introduce)
                .on(handlers::submit_post)
                .on(handlers::watch)
                .on(handlers::unwatch)
                .on(handlers::reply_to)
                .on(handlers::typing)
                .public(concat!(env!("CARGO_MANIFEST_DIR"), "/forum/public"))
                .header("content-security-policy", examples::CSP);
            let linger = Duration::from_millis(linger);
            Ok(listen.serve(|addr| server.listen(addr).linger(linger)).await?)
        }
    }
}
