//! A service in other people's servers, over other streams, and the files under its mount.

use axum::{Router, extract::State, routing::post};
use http_body_util::{BodyExt, Empty};
use hyper_util::{rt::TokioIo, service::TowerToHyperService};
use socketkit::{Client, Handshake, Io, Reject, Routes, Server, Service, Session};
use std::net::SocketAddr;
use tests::chat::{Chat, ClientEvent, ServerEvent, client_event::*, listen, next, soon};
use tokio::net::TcpListener;
use tower::ServiceExt;

fn service() -> Service<Chat> {
    Server::<Chat>::new().on(async |ask: Ask| ask.text).fallback(async |_: ClientEvent| {}).build()
}

async fn local() -> (TcpListener, SocketAddr) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let addr = listener.local_addr().unwrap();
    (listener, addr)
}

async fn answers(url: String) -> Client<Chat> {
    let client = soon(Client::connect(url)).await.unwrap();
    assert_eq!(soon(client.call(Ask { text: "hi".into() })).await.unwrap(), "hi");
    client
}

/// A plain HTTP request; the status, the headers and the body.
async fn get(
    addr: SocketAddr,
    path: &str,
    header: Option<(&str, &str)>,
) -> (u16, http::HeaderMap, String) {
    let stream = tokio::net::TcpStream::connect(addr).await.unwrap();
    let (mut sender, connection) =
        hyper::client::conn::http1::handshake(TokioIo::new(stream)).await.unwrap();
    tokio::spawn(connection);
    let mut request = http::Request::get(path).header("host", "localhost");
    if let Some((name, value)) = header {
        request = request.header(name, value);
    }
    let request = request.body(Empty::<&[u8]>::new()).unwrap();
    let reply = soon(sender.send_request(request)).await.unwrap();
    let (parts, body) = reply.into_parts();
    let body = body.collect().await.unwrap().to_bytes();
    (parts.status.as_u16(), parts.headers, String::from_utf8(body.into()).unwrap())
}

#[tokio::test]
async fn axum_nests_it_and_broadcasts_from_a_handler_of_its_own() {
    async fn publish(State(io): State<Io<Chat>>, body: String) -> String {
        io.broadcast(ServerEvent::Told(body)).queued.to_string()
    }
    let service = service();
    let io = service.io();
    let app = Router::new()
        .nest_service("/nested/ws", service.clone())
        .route_service("/routed", service)
        .route("/posts", post(publish).with_state(io));
    let (listener, addr) = local().await;
    tokio::spawn(async { axum::serve(listener, app).await });
    let mut nested = answers(format!("ws://{addr}/nested/ws")).await;
    let mut routed = answers(format!("ws://{addr}/routed")).await;
    assert!(get(addr, "/nested/ws/client.js", None).await.2.contains("\"tell\""));
    let stream = tokio::net::TcpStream::connect(addr).await.unwrap();
    let (mut sender, connection) =
        hyper::client::conn::http1::handshake(TokioIo::new(stream)).await.unwrap();
    tokio::spawn(connection);
    let request = http::Request::post("/posts").header("host", "localhost");
    let reply = sender.send_request(request.body("news".to_owned()).unwrap()).await.unwrap();
    assert_eq!(reply.into_body().collect().await.unwrap().to_bytes(), "2");
    assert_eq!(next(&mut nested).await, ServerEvent::Told("news".into()));
    assert_eq!(next(&mut routed).await, ServerEvent::Told("news".into()));
}

#[tokio::test]
async fn authorize_reads_what_a_layer_of_the_host_has_attached() {
    #[derive(Clone)]
    struct User(&'static str);
    async fn login(handshake: Handshake) -> Result<User, Reject> {
        handshake.extensions().get().cloned().ok_or(Reject::new("unauthorized", "no login"))
    }
    let service = Server::<Chat>::new()
        .authorize(login)
        .on(async |_: Ask, Session(user): Session<User>| user.0.to_owned())
        .fallback(async |_: ClientEvent| {})
        .build();
    let app = Router::new().nest_service("/ws", service).layer(axum::Extension(User("ada")));
    let (listener, addr) = local().await;
    tokio::spawn(async { axum::serve(listener, app).await });
    let client = soon(Client::<Chat>::connect(format!("ws://{addr}/ws"))).await.unwrap();
    assert_eq!(soon(client.call(Ask { text: String::new() })).await.unwrap(), "ada");
}

#[tokio::test]
async fn bare_hyper_serves_it_and_so_does_the_fallback_of_a_folder() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("page.txt"), "a page").unwrap();
    let site = tower_http::services::ServeDir::new(folder.path()).fallback(service());
    let (listener, addr) = local().await;
    tokio::spawn(async move {
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            let site = TowerToHyperService::new(site.clone());
            let http = hyper::server::conn::http1::Builder::new();
            tokio::spawn(http.serve_connection(TokioIo::new(stream), site).with_upgrades());
        }
    });
    answers(format!("ws://{addr}/anything/ws")).await;
    assert_eq!(get(addr, "/page.txt", None).await.2, "a page");
    assert_eq!(get(addr, "/anything/ws", None).await.0, 426);
}

#[tokio::test]
async fn any_stream_can_be_handed_over() {
    let service = service();
    let (near, far) = tokio::io::duplex(512);
    let request = http::Request::get("/somewhere").header("x-test", "1").body(()).unwrap();
    let served = service.clone();
    let task = tokio::spawn(async move { served.upgraded(far, request).await });
    let mut client = tokio_tungstenite::WebSocketStream::from_raw_socket(
        near,
        tokio_tungstenite::tungstenite::protocol::Role::Client,
        None,
    )
    .await;
    use futures_util::{SinkExt, StreamExt};
    let hello = soon(client.next()).await.unwrap().unwrap().into_text().unwrap();
    assert!(hello.starts_with(r#"{"hello":{"session":"#), "{hello}");
    let long = "x".repeat(20_000);
    let ask = format!(r#"{{"event":"ask","id":1,"data":{{"text":"{long}"}}}}"#);
    client.send(ask.into()).await.unwrap();
    let reply = soon(client.next()).await.unwrap().unwrap().into_text().unwrap();
    assert_eq!(reply.as_str(), format!(r#"{{"reply":1,"data":"{long}"}}"#));
    client.close(None).await.unwrap();
    assert_eq!(soon(task).await.unwrap().code, socketkit::CloseCode::NO_CODE);
}

#[tokio::test]
async fn several_services_share_a_listener_with_a_folder() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("index.html"), "<h1>hi</h1>").unwrap();
    let (first, second) = (service(), service());
    let (ready, bound) = tokio::sync::oneshot::channel();
    let serve = Routes::new()
        .at("/first", first.clone())
        .at("second/", second.clone())
        .public(folder.path())
        .header("content-security-policy", "default-src 'self'")
        .listen("127.0.0.1:0")
        .ready(|addr| ready.send(addr).unwrap());
    tokio::spawn(serve.into_future());
    let addr = soon(bound).await.unwrap();
    let _client = answers(format!("ws://{addr}/second")).await;
    assert_eq!((first.io().len(), second.io().len()), (0, 1));
    let (status, headers, body) = get(addr, "/", None).await;
    assert_eq!((status, body.as_str()), (200, "<h1>hi</h1>"));
    assert_eq!(headers["content-security-policy"], "default-src 'self'");
    assert_eq!(headers["x-content-type-options"], "nosniff");
    assert_eq!(get(addr, "/../Cargo.toml", None).await.0, 404);
    assert_eq!(get(addr, "/firstly", None).await.0, 404);
}

#[tokio::test]
async fn a_page_that_changed_is_seen_unless_the_application_says_for_how_long_it_is_kept() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("index.html"), "<h1>hi</h1>").unwrap();
    for (asked, sent) in [(None, "no-cache"), (Some("max-age=60"), "max-age=60")] {
        let mut routes = Routes::new().public(folder.path());
        if let Some(control) = asked {
            routes = routes.header("cache-control", control);
        }
        let (ready, bound) = tokio::sync::oneshot::channel();
        let serve = routes.listen("127.0.0.1:0").ready(|addr| ready.send(addr).unwrap());
        tokio::spawn(serve.into_future());
        let addr = soon(bound).await.unwrap();
        let (status, headers, _) = get(addr, "/", None).await;
        assert_eq!((status, headers["cache-control"].to_str().unwrap()), (200, sent));
        let tag = headers["etag"].to_str().unwrap();
        let (status, headers, _) = get(addr, "/", Some(("if-none-match", tag))).await;
        assert_eq!((status, headers["cache-control"].to_str().unwrap()), (304, sent));
    }
}

#[tokio::test]
async fn a_server_that_cannot_start_says_why() {
    let two = Routes::new().at("/ws", service()).at("ws/", service()).listen("127.0.0.1:0");
    assert_eq!(soon(two.into_future()).await.unwrap_err().to_string(), "two services at `/ws`");
    let gone = Routes::new().public("no/such/folder").listen("127.0.0.1:0");
    let error = soon(gone.into_future()).await.unwrap_err().to_string();
    assert!(error.starts_with("public folder `no/such/folder`: "), "{error}");
    let header = Routes::new().header("x y", "z").listen("127.0.0.1:0");
    let error = soon(header.into_future()).await.unwrap_err().to_string();
    assert_eq!(error, "`x y: z` is not a valid header");
    let (_taken, addr) = local().await;
    let error = soon(service().listen(addr).into_future()).await.unwrap_err();
    assert_eq!(error.kind(), std::io::ErrorKind::AddrInUse);
    assert!(error.to_string().starts_with(&format!("cannot listen on {addr}: ")), "{error}");
}

#[tokio::test]
async fn a_service_where_no_request_can_find_it_is_refused() {
    for path in ["/q?x", "/rooms/{id}", "/a b", "/%61", "/#"] {
        let routes = Routes::new().at(path, service());
        let refused = soon(routes.listen("127.0.0.1:0").into_future()).await.unwrap_err();
        assert_eq!(refused.to_string(), format!("`{path}` is no path for a service"));
    }
}

#[tokio::test]
async fn a_service_at_the_path_of_a_client_file_is_refused() {
    for path in ["client.js", "/chat/client.js/"] {
        let routes = Routes::new().at("/", service()).at(path, service());
        let refused = soon(routes.listen("127.0.0.1:0").into_future()).await.unwrap_err();
        let path = path.trim_matches('/');
        assert_eq!(refused.to_string(), format!("a service at `/{path}`, a file of its client"));
    }
}

#[tokio::test]
async fn the_browser_client_is_served_with_the_contract_and_is_cached() {
    let addr = listen(&service()).await;
    for (name, media, part) in [
        ("client.js", "text/javascript; charset=utf-8", r#","volatile":true}"#),
        ("client.js", "text/javascript; charset=utf-8", r#""limit":65536"#),
        (
            "socketkit.js",
            "text/javascript; charset=utf-8",
            "export { CallError, connect, create };",
        ),
        ("session.js", "text/javascript; charset=utf-8", "function createSession("),
        ("store.js", "text/javascript; charset=utf-8", "const observe = "),
        ("skew.js", "text/javascript; charset=utf-8", "export const look = "),
        ("shared.js", "text/javascript; charset=utf-8", "export const attach = "),
        ("worker.js", "text/javascript; charset=utf-8", "globalThis.onconnect = "),
        ("socketkit.global.js", "text/javascript; charset=utf-8", "globalThis.socketkit = "),
        ("socketkit.d.ts", "application/typescript; charset=utf-8", "export function connect"),
    ] {
        let (status, headers, body) = get(addr, &format!("/ws/{name}"), None).await;
        assert_eq!((status, headers["content-type"].to_str().unwrap()), (200, media), "{name}");
        assert!(body.contains(part), "{name} lacks {part}");
        assert_eq!(headers["cache-control"], "no-cache");
        assert_eq!(headers["x-content-type-options"], "nosniff");
        let tag = headers["etag"].to_str().unwrap();
        let again = get(addr, &format!("/ws/{name}"), Some(("if-none-match", tag))).await;
        assert_eq!((again.0, again.2.as_str()), (304, ""));
    }
    assert_eq!(get(addr, "/ws/other.js", None).await.0, 404);
    let post = http::Request::post("/ws/client.js").body(()).unwrap();
    assert_eq!(service().oneshot(post).await.unwrap().status(), 405);
}
