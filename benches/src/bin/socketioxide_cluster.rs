//! A node of socketioxide under axum with its Redis adapter, as its documentation shows it: for `cluster`.
#![forbid(unsafe_code)]

use serde::{Deserialize, Serialize};
use socketioxide::{
    SocketIo,
    adapter::Adapter,
    extract::{Data, SocketRef},
};
use socketioxide_redis::{RedisAdapter, RedisAdapterCtr, drivers::redis::redis_client};
use std::{error::Error, io};

#[derive(Serialize, Deserialize)]
struct Post {
    author: String,
    body: String,
}

#[derive(Deserialize)]
struct Told {
    #[serde(flatten)]
    post: Post,
    room: u32,
}

#[derive(Deserialize)]
struct Enter {
    room: u32,
}

// One that cannot be reached is counted by the load generator: what `emit` returns is of no use here.
async fn connected<A: Adapter>(socket: SocketRef<A>) {
    socket.on("publish", async |io: SocketIo<A>, Data::<Post>(post)| {
        let _ = io.emit("post_update", &post).await;
    });
    socket.on("publish_here", async |io: SocketIo<A>, Data::<Post>(post)| {
        let _ = io.local().emit("post_update", &post).await;
    });
    socket.on("tell", async |io: SocketIo<A>, Data::<Told>(told)| {
        let _ = io.to(told.room.to_string()).emit("post_update", &told.post).await;
    });
    socket.on("enter", async |socket: SocketRef<A>, Data::<Enter>(Enter { room })| {
        socket.join(room.to_string());
        let _ = socket.emit("entered", &());
    });
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let mut args = std::env::args().skip(1);
    let (Some(addr), Some(url)) = (args.next(), args.next()) else {
        return Err(io::Error::other("ADDRESS URL are expected").into());
    };
    // Each socket is an open file.
    rlimit::increase_nofile_limit(u64::MAX)?;
    let client = redis_client::Client::open(format!("{url}?protocol=resp3"))?;
    let adapter = RedisAdapterCtr::new_with_redis(&client).await?;
    let (layer, io) = SocketIo::builder().with_adapter::<RedisAdapter<_>>(adapter).build_layer();
    io.ns("/", connected).await?;
    let app = axum::Router::new().layer(layer);
    axum::serve(tokio::net::TcpListener::bind(addr).await?, app).await?;
    Ok(())
}
