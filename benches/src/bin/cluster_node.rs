//! A node that `cluster` measures: of a cluster by NATS or Redis, with all defaults but for the incoming rate.
#![forbid(unsafe_code)]
#![allow(missing_debug_implementations, missing_docs, unreachable_pub)]

use socketkit::{ClusterOptions, Events, Io, Limits, Protocol, Server, Socket, nats, redis};

#[derive(Events)]
pub enum ClientEvent {
    /// Sent to every socket of all nodes.
    Publish { author: String, body: String },
    /// Sent to every socket of this one.
    PublishHere { author: String, body: String },
    /// Sent to a room.
    Tell { author: String, body: String, room: u32 },
    /// Enter a room; `entered` says that it is so.
    Enter { room: u32 },
}

#[derive(Events)]
pub enum ServerEvent {
    PostUpdate { author: String, body: String },
    Entered,
}

#[derive(Protocol)]
#[protocol(client = ClientEvent, server = ServerEvent, room = u32)]
pub struct Bench;

async fn publish(post: client_event::Publish, io: Io<Bench>) {
    io.broadcast(ServerEvent::PostUpdate { author: post.author, body: post.body });
}

async fn publish_here(post: client_event::PublishHere, io: Io<Bench>) {
    io.local().broadcast(ServerEvent::PostUpdate { author: post.author, body: post.body });
}

async fn tell(post: client_event::Tell, io: Io<Bench>) {
    let update = ServerEvent::PostUpdate { author: post.author, body: post.body };
    io.to(post.room).emit(update);
}

async fn enter(event: client_event::Enter, socket: Socket<Bench>) {
    socket.join(event.room);
    socket.emit(ServerEvent::Entered);
}

#[tokio::main]
async fn main() -> std::io::Result<()> {
    let mut args = std::env::args().skip(1);
    let (Some(addr), Some(url)) = (args.next(), args.next()) else {
        return Err(std::io::Error::other("ADDRESS URL [durable] are expected"));
    };
    let is_durable = args.next().is_some_and(|word| word == "durable");
    // Each socket is an open file.
    rlimit::increase_nofile_limit(u64::MAX)?;
    let engine: ClusterOptions = match (url.starts_with("redis"), is_durable) {
        (true, false) => redis::connect(url).into(),
        (true, true) => redis::connect(url).durable().into(),
        (false, false) => nats::connect(url).into(),
        (false, true) => nats::connect(url).durable().into(),
    };
    Server::<Bench>::new()
        .cluster(engine)
        .limits(Limits::default().rate(0))
        .on(publish)
        .on(publish_here)
        .on(tell)
        .on(enter)
        .listen(addr)
        .await
}
