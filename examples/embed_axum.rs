//! Sockets inside an axum application, which has its own login and its own routes.
//!
//! A layer of the application reads who somebody is; `authorize` finds it in the request. Open
//! `ws://127.0.0.1:3000/ws?user=ada`, then `curl -d 'news' http://127.0.0.1:3000/posts`.
#![allow(missing_debug_implementations, missing_docs, unreachable_pub)]

use axum::{
    Router,
    extract::{Query, Request, State},
    http::StatusCode,
    middleware::{self, Next},
    response::Response,
    routing::post,
};
use clap::Parser;
use examples::{Failure, Listen, about, announce, stopped};
use socketkit::{Events, Handshake, Io, Protocol, Reject, Server, Session, Socket};
use std::{collections::HashMap, time::Duration};
use tokio::{net::TcpListener, time::sleep};

#[derive(Debug, Events)]
pub enum ServerEvent {
    /// Who the server takes the reader for.
    Welcome { user: String },
    /// What was posted over HTTP.
    News { text: String },
}

#[derive(Protocol)]
#[protocol(server = ServerEvent)]
pub struct News;

/// Who somebody is, as the application's own layer found out.
#[derive(Clone)]
struct User(String);

/// The application's login. Here everybody is who they say; a real one looks at a cookie.
async fn login(mut request: Request, next: Next) -> Response {
    let user = Query::<HashMap<String, String>>::try_from_uri(request.uri()).ok();
    if let Some(name) =
        user.and_then(|mut query| query.remove("user")).filter(|name| !name.is_empty())
    {
        request.extensions_mut().insert(User(name));
    }
    next.run(request).await
}

async fn authorize(handshake: Handshake) -> Result<User, Reject> {
    handshake.extensions().get().cloned().ok_or(Reject::new("unauthorized", "log in first"))
}

async fn welcome(socket: Socket<News>, Session(user): Session<User>) {
    socket.emit(ServerEvent::Welcome { user: user.0.clone() });
}

/// An HTTP handler that broadcasts.
async fn publish(State(io): State<Io<News>>, text: String) -> (StatusCode, String) {
    let delivery = io.broadcast(ServerEvent::News { text });
    (StatusCode::ACCEPTED, format!("sent to {}\n", delivery.queued))
}

/// Sockets inside an axum application
#[derive(Parser)]
struct Args {
    #[command(flatten)]
    listen: Listen,
}

#[tokio::main]
async fn main() -> Result<(), Failure> {
    let args = Args::parse();
    examples::log();
    let service = Server::<News>::new().authorize(authorize).on_connect(welcome).build();
    let app = Router::new()
        .nest_service("/ws", service.clone())
        .route("/posts", post(publish).with_state(service.io()))
        .layer(middleware::from_fn(login));
    let addr = args.listen.listen;
    let listener = about(addr, TcpListener::bind(addr).await)?;
    let (stopped, late) = (stopped(), stopped());
    announce(listener.local_addr()?);
    let stop = async move {
        stopped.await;
        service.shutdown().await;
    };
    let serve = axum::serve(listener, app).with_graceful_shutdown(stop);
    tokio::select! {
        served = serve => Ok(served?),
        // Whoever is in the middle of a request then has some time, and not for ever.
        () = async { late.await; sleep(Duration::from_secs(10)).await } => Ok(()),
    }
}
