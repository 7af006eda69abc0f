//! Sockets inside an axum application, which has its own login and its own routes.
//!
//! A layer of the application reads who somebody is; `authorize` finds it in the request. Open
//! `ws://127.0.0.1:3000/ws?user=ada`, then `curl -d 'news' http://127.0.0.1:3000/posts`.
#![allow(missing_debug_implementations, missing_docs, unreachable_pub)]

use axum::{
    Router,
    extract::{Request, State},
    http::StatusCode,
    middleware::{self, Next},
    response::Response,
    routing::post,
};
use clap::Parser;
use examples::{Listen, announce};
use socketkit::{Events, Handshake, Io, Protocol, Reject, Server, Session, Socket};
use tokio::net::TcpListener;

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
    let query = request.uri().query().unwrap_or_default();
    if let Some(name) = query.strip_prefix("user=") {
        let user = User(name.to_owned());
        request.extensions_mut().insert(user);
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
async fn main() -> std::io::Result<()> {
    let args = Args::parse();
    examples::log();
    let service = Server::<News>::new().authorize(authorize).on_connect(welcome).build();
    let app = Router::new()
        .nest_service("/ws", service.clone())
        .route("/posts", post(publish).with_state(service.io()))
        .layer(middleware::from_fn(login));
    let listener = TcpListener::bind(args.listen.listen).await?;
    announce(listener.local_addr()?);
    let stop = async move {
        // Without a signal handler it simply runs on.
        let _ = tokio::signal::ctrl_c().await;
        service.shutdown().await;
    };
    axum::serve(listener, app).with_graceful_shutdown(stop).await
}
