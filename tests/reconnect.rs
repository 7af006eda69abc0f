//! A client comes back by itself, and says how it stands.

use futures_util::SinkExt;
use socketkit::{
    CallError, Client, CloseCode, ConnectError, Events, Limits, Protocol, Server, Service, Socket,
    Status,
};
use std::{net::SocketAddr, sync::Arc, time::Duration};
use tests::chat::{Chat, ClientEvent, ServerEvent, client_event::*, next, soon};
use tokio::sync::oneshot;

fn service() -> Service<Chat> {
    Server::<Chat>::new()
        .on(async |ask: Ask, socket: Socket<Chat>| {
            match ask.text.as_str() {
                "close" => socket.close(),
                code if code.starts_with("code ") => {
                    socket.close_with(CloseCode(code[5..].parse().unwrap()), "as you wish");
                }
                _ => {}
            }
            ask.text
        })
        .on_connect(async |socket: Socket<Chat>| socket.emit(ServerEvent::Told("hello".into())))
        .fallback(async |_: ClientEvent| {})
        .build()
}

/// A server that can be stopped, at an address that it may have had before.
async fn start(addr: SocketAddr) -> (SocketAddr, impl AsyncFnOnce()) {
    serve(&service(), addr).await
}

async fn serve<P: Protocol>(
    service: &Service<P>,
    addr: SocketAddr,
) -> (SocketAddr, impl AsyncFnOnce() + use<P>) {
    let (ready, bound) = oneshot::channel();
    let (stop, stopped) = oneshot::channel::<()>();
    let serve = service.listen(addr).until(stopped).ready(move |addr| {
        let _ = ready.send(addr);
    });
    let task = tokio::spawn(serve.into_future());
    let stop = async move || {
        let _ = stop.send(());
        soon(task).await.unwrap().unwrap();
    };
    (soon(bound).await.unwrap(), stop)
}

fn quick<P: Protocol>(url: String) -> socketkit::ClientBuilder<P> {
    let limits = Limits::default().backoff((Duration::from_millis(10), Duration::from_millis(50)));
    Client::builder(url).limits(limits)
}

#[tokio::test]
async fn a_client_comes_back_when_its_server_does() {
    let (addr, stop) = start(([127, 0, 0, 1], 0).into()).await;
    let mut client = soon(quick::<Chat>(format!("ws://{addr}/ws")).connect()).await.unwrap();
    let mut status = client.status();
    assert_eq!(*status.borrow_and_update(), Status::Open);
    assert_eq!(next(&mut client).await, ServerEvent::Told("hello".into()));
    soon(stop()).await;
    soon(status.wait_for(|status| matches!(status, Status::Waiting { .. }))).await.unwrap();
    // What is emitted meanwhile waits for the next connection.
    client.emit(ClientEvent::Tell("later".into()));
    let call = tokio::spawn(client.call(Ask { text: "still there?".into() }));
    let (_, stop) = start(addr).await;
    soon(status.wait_for(Status::is_connected)).await.unwrap();
    assert_eq!(soon(call).await.unwrap().unwrap(), "still there?");
    assert_eq!(next(&mut client).await, ServerEvent::Told("hello".into()));
    drop(client);
    soon(stop()).await;
}

#[derive(Debug, PartialEq, Events)]
enum Place {
    #[event(latest)]
    At(u32),
    #[event(volatile)]
    Moving,
    #[event(reply = ())]
    Done,
}

#[derive(Protocol)]
#[protocol(client = Place)]
struct Map;

#[tokio::test]
async fn of_what_waits_for_a_connection_the_latest_replaces_and_the_volatile_is_dropped() {
    let (sender, mut seen) = tokio::sync::mpsc::unbounded_channel();
    let server = || {
        Server::<Map>::new().fallback({
            let sender = sender.clone();
            async move |place: Place| drop(sender.send(place))
        })
    };
    let (addr, stop) = serve(&server().build(), ([127, 0, 0, 1], 0).into()).await;
    let client = soon(quick::<Map>(format!("ws://{addr}/ws")).connect()).await.unwrap();
    let mut status = client.status();
    soon(stop()).await;
    soon(status.wait_for(|status| matches!(status, Status::Waiting { .. }))).await.unwrap();
    let deliveries = [Place::At(1), Place::Moving, Place::At(2)].map(|place| client.emit(place));
    let counts = deliveries.map(|delivery| (delivery.queued, delivery.replaced, delivery.dropped));
    assert_eq!(counts, [(1, 0, 0), (0, 0, 1), (1, 1, 0)]);
    let (_, stop) = serve(&server().build(), addr).await;
    soon(client.call(place::Done)).await.unwrap();
    for expected in [Place::At(2), Place::Done] {
        assert_eq!(soon(seen.recv()).await, Some(expected));
    }
    drop(client);
    soon(stop()).await;
}

#[tokio::test]
async fn it_comes_back_on_the_codes_that_ask_for_it_and_on_no_others() {
    let (addr, _stop) = start(([127, 0, 0, 1], 0).into()).await;
    for (code, again) in
        [(1000, false), (1001, true), (1012, true), (4400, false), (4403, false), (4500, true)]
    {
        let client = soon(
            quick::<Chat>(format!("ws://{addr}/ws"))
                .ignore::<tests::chat::server_event::Told>()
                .connect(),
        )
        .await
        .unwrap();
        let mut status = client.status();
        status.mark_unchanged();
        // A handler that closes its socket still answers.
        soon(client.call(Ask { text: format!("code {code}") })).await.unwrap();
        let left = soon(status.wait_for(|status| !status.is_connected())).await.unwrap().clone();
        if again {
            assert!(
                matches!(left, Status::Waiting { .. } | Status::Connecting),
                "{code}: {left:?}"
            );
            soon(status.wait_for(Status::is_connected)).await.unwrap();
        } else {
            let closed = Status::Closed { code: CloseCode(code), reason: "as you wish".into() };
            assert_eq!(left, closed);
            assert!(matches!(client.call(Tell(String::new())).await, Err(CallError::Closed)));
        }
    }
}

#[tokio::test]
async fn close_is_final_and_delivers_what_was_emitted_before() {
    let seen = Arc::new(std::sync::Mutex::new(Vec::new()));
    let log = seen.clone();
    let (sender, mut left) = tokio::sync::mpsc::unbounded_channel();
    let service = Server::<Chat>::new()
        .on(async move |Tell(text): Tell| {
            tokio::task::yield_now().await;
            log.lock().unwrap().push(text);
        })
        .on_disconnect(async move |why: socketkit::Disconnect| drop(sender.send(why)))
        .fallback(async |_: ClientEvent| {})
        .build();
    let mut client = soon(service.local()).await;
    for number in 0..100 {
        client.emit(Tell(number.to_string()));
    }
    soon(client.close()).await;
    assert!(matches!(&*client.status().borrow(), Status::Closed { code: CloseCode::DONE, .. }));
    assert_eq!(soon(client.recv()).await, None);
    assert_eq!(soon(left.recv()).await.unwrap().code, CloseCode::DONE);
    let all: Vec<_> = (0..100).map(|number: i32| number.to_string()).collect();
    assert_eq!(*seen.lock().unwrap(), all, "handled before on_disconnect");
}

#[tokio::test]
async fn the_first_connection_fails_with_the_reason() {
    let free = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    for (url, expected) in [
        (format!("ws://{free}/ws"), "the connection could not be made"),
        ("http://127.0.0.1/ws".into(), "unusable url: its scheme is neither `ws` nor `wss`"),
        ("nonsense".into(), "unusable url: its scheme is neither `ws` nor `wss`"),
        ("/ws".into(), "unusable url: it names no host"),
        ("ws://a b".into(), "unusable url: it does not parse"),
    ] {
        let error = soon(Client::<Chat>::connect(&url)).await.unwrap_err();
        assert_eq!(error.to_string(), expected, "{url}");
    }
    let (addr, _stop) = start(([127, 0, 0, 1], 0).into()).await;
    let error = soon(Client::<Chat>::connect(format!("ws://{addr}/elsewhere"))).await.unwrap_err();
    assert!(matches!(error, ConnectError::Refused(status) if status == 404), "{error:?}");
    assert!(size_of::<ConnectError>() <= 32 && size_of::<socketkit::Disconnect>() <= 32);
}

#[tokio::test]
async fn a_server_that_says_no_hello_is_given_up() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("ws://{}/ws", listener.local_addr().unwrap());
    tokio::spawn(async move {
        let (stream, _) = listener.accept().await.unwrap();
        let _mute = tokio_tungstenite::accept_async(stream).await.unwrap();
        std::future::pending::<()>().await;
    });
    let limits = Limits::default().handshake(Duration::from_millis(100));
    let error = soon(Client::<Chat>::builder(url).limits(limits).connect()).await.unwrap_err();
    assert!(matches!(error, ConnectError::Closed(why) if why.code == CloseCode::TIMEOUT));
}

#[tokio::test]
async fn who_hears_that_there_is_no_more_to_receive_hears_why() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("ws://{}/ws", listener.local_addr().unwrap());
    tokio::spawn(async move {
        let (stream, _) = listener.accept().await.unwrap();
        let mut server = tokio_tungstenite::accept_async(stream).await.unwrap();
        let hello = r#"{"hello":{"session":"a","heartbeat":25000,"limit":65536}}"#;
        server.send(hello.into()).await.unwrap();
        server.send("no frame of ours".into()).await.unwrap();
        // The client's farewell is left without an answer, and the stream open.
        std::future::pending::<()>().await;
    });
    let limits = Limits::default().handshake(Duration::from_millis(200));
    let mut client = soon(Client::<Chat>::builder(url).limits(limits).connect()).await.unwrap();
    assert_eq!(soon(client.recv()).await, None);
    let status = client.status().borrow().clone();
    assert!(matches!(&status, Status::Closed { code, .. } if code.0 == 4400), "{status:?}");
}
