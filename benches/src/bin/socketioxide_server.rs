//! socketioxide under axum, as its documentation shows it: for `compare`.
#![forbid(unsafe_code)]

use serde::{Deserialize, Serialize};
use socketioxide::{
    SocketIo,
    extract::{Data, SocketRef},
};

#[derive(Serialize, Deserialize)]
struct Post {
    author: String,
    body: String,
}

#[tokio::main]
async fn main() -> std::io::Result<()> {
    let addr = std::env::args().nth(1).unwrap_or_else(|| "127.0.0.1:4001".into());
    // Each socket is an open file.
    rlimit::increase_nofile_limit(u64::MAX)?;
    let (layer, io) = SocketIo::new_layer();
    io.ns("/", async |socket: SocketRef| {
        socket.on("publish", async |io: SocketIo, Data::<Post>(post)| {
            // One that cannot be reached is counted by the load generator.
            let _ = io.emit("post_update", &post).await;
        });
    });
    let app = axum::Router::new().layer(layer);
    axum::serve(tokio::net::TcpListener::bind(addr).await?, app).await
}
