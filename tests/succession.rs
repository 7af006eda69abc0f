//! Where a session does not simply go on: who has it and its place, and what of it counts as processed.

#[path = "conformance/guest.rs"]
#[allow(dead_code, reason = "not all of it is needed here")]
mod guest;

use guest::{Guest, Seen, service};
use socketkit::{Limits, Reject, Server, Socket};
use tests::{
    chat::{Chat, ClientEvent, listen, soon, until},
    raw::{Bytes, Plain, SUBPROTOCOL, upgrade},
};
use tokio::sync::{mpsc, oneshot};
use tokio_tungstenite::tungstenite::Message;

#[tokio::test]
async fn whose_session_does_not_go_on_has_no_second_place() {
    let service = Server::<Chat>::new()
        .limits(Limits::default().sockets(1))
        .authorize(async |handshake: socketkit::Handshake| {
            Ok::<_, Reject>(handshake.query("user").unwrap_or("ada").to_owned())
        })
        .identify(|user: &String| user.clone())
        .fallback(async |_: ClientEvent| {})
        .build();
    let addr = listen(&service).await;
    let guest = Guest::new(addr).await;
    let ticket = format!("resume.{}.0.1", guest.token);
    let mut other = Plain::at(addr, "/ws?user=bob", &format!("{SUBPROTOCOL}, {ticket}")).await;
    assert_eq!(other.first().await, Err(1013), "of another identity");
    let mut plain = Bytes::connect(addr).await;
    plain.write(&upgrade(&[("sec-websocket-protocol", &ticket)])).await;
    assert_eq!(plain.status().await, 503, "without our subprotocol");
    // What was missed is not kept: the new session has the place of the old one.
    let mut again = Plain::resuming(addr, &guest.token, 99, 1).await;
    assert_eq!(again.next().await["hello"]["gap"], "overflow");
    until(|| service.io().len() == 1).await;
    let mut third = Plain::open(addr, true).await;
    assert_eq!(third.first().await, Err(1013), "and there is no other");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn who_comes_while_a_connection_is_found_lost_goes_on() {
    let (started, mut starts) = mpsc::unbounded_channel();
    let service = Server::<Chat>::new()
        .on(async move |ask: tests::chat::client_event::Ask| {
            let (go_on, waiting) = std::sync::mpsc::channel::<()>();
            started.send(go_on).unwrap();
            // Holds its thread, and with it the task of its socket.
            let _ = waiting.recv();
            ask.text
        })
        .fallback(async |_: ClientEvent| {})
        .build();
    let addr = listen(&service).await;
    let mut guest = Guest::new(addr).await;
    guest.peer.send(r#"{"event":"ask","id":1,"data":{"text":"hi"}}"#).await;
    let go_on = soon(starts.recv()).await.unwrap();
    let token = guest.token.clone();
    drop(guest);
    let attempts = [1, 2].map(|attempt| {
        let token = token.clone();
        tokio::spawn(async move { Plain::resuming(addr, &token, 0, attempt).await })
    });
    let [earlier, later] = attempts;
    // Whichever came first: now the later one waits for the task.
    assert_eq!(soon(earlier).await.unwrap().first().await, Err(4409));
    drop(go_on);
    let mut later = soon(later).await.unwrap();
    assert_eq!(later.next().await["hello"]["seen"], 1);
    assert_eq!(later.line().await, r#"{"reply":1,"data":"hi"}"#);
}

#[tokio::test]
async fn what_a_socket_that_was_closed_did_not_handle_is_not_said_to_be_processed() {
    let (started, mut starts) = mpsc::unbounded_channel();
    let service = Server::<Chat>::new()
        .on(async move |_: tests::chat::client_event::Ask, socket: Socket<Chat>| {
            let (go_on, waiting) = oneshot::channel::<()>();
            started.send(go_on).unwrap();
            let _ = waiting.await;
            socket.close();
            String::new()
        })
        .fallback(async |_: ClientEvent| {})
        .build();
    let mut guest = Guest::new(listen(&service).await).await;
    guest.peer.send(r#"{"event":"ask","id":1,"data":{"text":""}}"#).await;
    let go_on = soon(starts.recv()).await.unwrap();
    guest.peer.send(r#"{"event":"tell","data":"waits"}"#).await;
    guest.peer.send(r#"{"event":"nonsense"}"#).await;
    assert_eq!(guest.peer.next().await["error"]["code"], "unknown_event");
    drop(go_on);
    assert_eq!(guest.control().await, r#"{"seen":1}"#);
}

#[tokio::test]
async fn what_comes_while_a_server_stops_is_not_said_to_be_processed() {
    let (see, mut seen) = mpsc::unbounded_channel();
    let service = service(Server::new(), Limits::default(), see);
    let mut guest = Guest::new(listen(&service).await).await;
    guest.peer.send(r#"{"event":"ask","id":1,"data":{"text":"wait"}}"#).await;
    let Some(Seen::Waiting(go_on)) = soon(seen.recv()).await else { panic!("it does not wait") };
    let mut stopped = std::pin::pin!(service.shutdown());
    assert!(futures_util::poll!(&mut stopped).is_pending());
    // Answered at the end of a turn that knows of it.
    guest.peer.message(Message::Ping("1".into())).await;
    assert_eq!(guest.peer.any().await, Some(Message::Pong("1".into())));
    guest.peer.send(r#"{"event":"tell","data":"late"}"#).await;
    guest.peer.message(Message::Ping("2".into())).await;
    assert_eq!(guest.peer.any().await, Some(Message::Pong("2".into())));
    go_on.send(()).unwrap();
    let frames = async {
        assert_eq!(guest.control().await, r#"{"seen":1}"#);
        assert_eq!(guest.peer.line().await, r#"{"reply":1,"data":"wait"}"#);
        assert_eq!(guest.peer.first().await, Err(1012));
    };
    soon(async { tokio::join!(frames, stopped) }).await;
}
