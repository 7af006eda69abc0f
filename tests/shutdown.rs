//! A server that stops: everybody is told, handlers finish, and it really ends.

use socketkit::{CloseCode, Disconnect, Limits, Server, Socket, Status};
use std::{sync::Arc, time::Duration};
use tests::chat::{Chat, ClientEvent, ServerEvent, client_event::*, clients, next, soon, until};
use tokio::sync::{Notify, mpsc, oneshot};

#[tokio::test]
async fn sockets_are_closed_with_1012_after_what_was_emitted() {
    let (sender, mut left) = mpsc::unbounded_channel();
    let (ready, bound) = oneshot::channel();
    let (stop, stopped) = oneshot::channel::<()>();
    let server = Server::<Chat>::new()
        .on_disconnect(async move |why: Disconnect| sender.send(why.code).unwrap())
        .fallback(async |_: ClientEvent| {});
    let io = server.io();
    let serve = server.listen("127.0.0.1:0").until(stopped).ready(|addr| ready.send(addr).unwrap());
    let server = tokio::spawn(serve.into_future());
    let addr = soon(bound).await.unwrap();
    let (mut raw, _) =
        soon(tokio_tungstenite::connect_async(format!("ws://{addr}/ws"))).await.unwrap();
    until(|| io.len() == 1).await;
    for number in 0..100 {
        io.broadcast(ServerEvent::Told(number.to_string()));
    }
    stop.send(()).unwrap();
    use futures_util::StreamExt;
    let mut texts = Vec::new();
    let close = loop {
        match soon(raw.next()).await.unwrap().unwrap() {
            tokio_tungstenite::tungstenite::Message::Close(close) => break close.unwrap(),
            message => texts.push(message.into_text().unwrap()),
        }
    };
    assert_eq!((u16::from(close.code), close.reason.as_str()), (1012, "retry 0"));
    assert_eq!(texts.len(), 101, "hello and all that was emitted");
    // Who does not answer a close frame is waited for.
    drop(raw);
    assert_eq!(soon(left.recv()).await, Some(CloseCode::RESTART));
    soon(server).await.unwrap().unwrap();
    assert!(tokio::net::TcpStream::connect(addr).await.is_err(), "nobody listens any more");
}

#[tokio::test]
async fn a_handler_at_work_finishes_and_one_that_never_does_is_dropped() {
    let (started, gate) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
    let (sender, mut seen) = mpsc::unbounded_channel();
    let (begun, open) = (started.clone(), gate.clone());
    let service = Server::<Chat>::new()
        .limits(Limits::default().grace(Duration::from_millis(500)))
        .on(async move |Tell(text): Tell| {
            begun.notify_one();
            match text.as_str() {
                "never" => std::future::pending().await,
                _ => open.notified().await,
            }
            let _ = sender.send(text);
        })
        .fallback(async |_: ClientEvent| {})
        .build();
    let [client] = clients(&service).await;
    for text in ["slow", "never"] {
        client.emit(Tell(text.into()));
    }
    soon(started.notified()).await;
    let shutdown = tokio::spawn({
        let service = service.clone();
        async move { service.shutdown().await }
    });
    until(|| service.io().broadcast(ServerEvent::Count(0)).closed == 1).await;
    assert_eq!(*client.status().borrow(), Status::Open, "it is waited for");
    gate.notify_one();
    assert_eq!(soon(seen.recv()).await.as_deref(), Some("slow"));
    soon(client.status().wait_for(|status| !status.is_connected())).await.unwrap();
    soon(shutdown).await.unwrap();
    assert!(service.io().is_empty() && seen.try_recv().is_err(), "it was dropped");
}

#[tokio::test]
async fn a_socket_that_opens_while_the_server_stops_is_closed_as_well() {
    let gate = Arc::new(Notify::new());
    let wait = gate.clone();
    let service = Server::<Chat>::new()
        .authorize(async move |_: socketkit::Handshake| -> Result<(), socketkit::Reject> {
            wait.notified().await;
            Ok(())
        })
        .fallback(async |_: ClientEvent| {})
        .build();
    let connecting = tokio::spawn({
        let service = service.clone();
        async move { service.local().await }
    });
    soon(service.shutdown()).await;
    gate.notify_one();
    let client = soon(connecting).await.unwrap();
    let mut status = client.status();
    soon(status.wait_for(|status| matches!(status, Status::Waiting { .. }))).await.unwrap();
    assert!(service.io().is_empty());
}

#[tokio::test]
async fn dropping_the_future_of_a_socket_does_not_end_it() {
    let service = Server::<Chat>::new()
        .on_connect(async |socket: Socket<Chat>| socket.emit(ServerEvent::Told("alive".into())))
        .fallback(async |_: ClientEvent| {})
        .build();
    let (near, far) = tokio::io::duplex(1024);
    let socket = service.upgraded(far, socketkit::Handshake::default());
    assert!(futures_util::poll!(Box::pin(socket)).is_pending());
    let mut client = tokio_tungstenite::WebSocketStream::from_raw_socket(
        near,
        tokio_tungstenite::tungstenite::protocol::Role::Client,
        None,
    )
    .await;
    use futures_util::StreamExt;
    soon(client.next()).await.unwrap().unwrap();
    let text = soon(client.next()).await.unwrap().unwrap().into_text().unwrap();
    assert_eq!(text.as_str(), r#"{"event":"told","data":"alive"}"#);
    drop(client);
    until(|| service.io().is_empty()).await;
    let [mut other] = clients(&service).await;
    assert_eq!(next(&mut other).await, ServerEvent::Told("alive".into()));
}
