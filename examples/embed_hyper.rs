//! Sockets over a bare hyper server, as the fallback of a folder of files.
#![allow(missing_debug_implementations, missing_docs, unreachable_pub)]

use clap::Parser;
use examples::{Failure, Listen, about, announce, stopped};
use hyper::server::conn::http1;
use hyper_util::{
    rt::{TokioIo, TokioTimer},
    service::TowerToHyperService,
};
use socketkit::{Events, Io, Protocol, Server};
use std::{pin::pin, time::Duration};
use tokio::{net::TcpListener, time::sleep};
use tower_http::services::ServeDir;

#[derive(Debug, Events)]
pub enum ClientEvent {
    /// Say something to everybody.
    Say { text: String },
}

#[derive(Debug, Events)]
pub enum ServerEvent {
    /// Somebody said something.
    Said { text: String },
}

#[derive(Protocol)]
#[protocol(client = ClientEvent, server = ServerEvent)]
pub struct Chat;

async fn say(client_event::Say { text }: client_event::Say, io: Io<Chat>) {
    io.broadcast(ServerEvent::Said { text });
}

/// Sockets over a bare hyper server
#[derive(Parser)]
struct Args {
    #[command(flatten)]
    listen: Listen,
}

#[tokio::main]
async fn main() -> Result<(), Failure> {
    let args = Args::parse();
    examples::log();
    let service = Server::<Chat>::new().on(say).build();
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/embed_hyper");
    let site = ServeDir::new(folder).fallback(service.clone());
    let addr = args.listen.listen;
    let listener = about(addr, TcpListener::bind(addr).await)?;
    let mut stopped = pin!(stopped());
    announce(listener.local_addr()?);
    loop {
        tokio::select! {
            accepted = listener.accept() => {
                let Ok((stream, _)) = accepted else {
                    // As with too many open files: it gets better.
                    sleep(Duration::from_millis(200)).await;
                    continue;
                };
                let mut http = http1::Builder::new();
                http.timer(TokioTimer::new());
                // Without `with_upgrades` no socket would open.
                let site = TowerToHyperService::new(site.clone());
                let connection = http.serve_connection(TokioIo::new(stream), site).with_upgrades();
                tokio::spawn(async move {
                    if let Err(error) = connection.await {
                        tracing::debug!(%error, "a connection failed");
                    }
                });
            }
            () = &mut stopped => break,
        }
    }
    service.shutdown().await;
    Ok(())
}
