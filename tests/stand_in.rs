//! A server in a process of its own, whose place another may take: `stand_in ADDR` shares a port, and
//! without an argument the listener is the standard input. It answers with the number of its process, unless
//! it is asked to wait: then it says so, and never does.

use socketkit::{Routes, Server, Service, Socket};
use std::net::SocketAddr;
use tests::chat::{Chat, ClientEvent, ServerEvent, client_event::Ask};
use tokio::signal::unix::{SignalKind, signal};

fn service() -> Service<Chat> {
    Server::<Chat>::new()
        .on(async |ask: Ask, socket: Socket<Chat>| {
            if ask.text == "wait" {
                socket.emit(ServerEvent::Told("waiting".into()));
                std::future::pending::<()>().await;
            }
            std::process::id().to_string()
        })
        .fallback(async |_: ClientEvent| {})
        .build()
}

/// The standard input, as service managers hand a socket to a service.
fn inherited() -> std::io::Result<tokio::net::TcpListener> {
    use std::os::fd::AsFd;
    let listener = std::net::TcpListener::from(std::io::stdin().as_fd().try_clone_to_owned()?);
    listener.set_nonblocking(true)?;
    tokio::net::TcpListener::from_std(listener)
}

#[tokio::main]
async fn main() -> std::io::Result<()> {
    let routes = Routes::new().at("/ws", service());
    let serve = match std::env::args().nth(1) {
        Some(addr) => routes.listen(addr).reuse_port(),
        None => routes.serve(inherited()?),
    };
    let mut terminated = signal(SignalKind::terminate())?;
    let announce = |addr: SocketAddr| println!("listening on {addr}");
    serve.ready(announce).until(async move { terminated.recv().await }).await
}
