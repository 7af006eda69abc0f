//! A server, a client that must not notice anything, and the checks of it.

use serde_json::Value;
use socketkit::{Client, Disconnect, Io, Limits, Server, Service, State};
use std::{net::SocketAddr, time::Duration};
use tests::{
    chat::{Chat, ClientEvent, ServerEvent, client_event::*, listen, next, soon},
    raw::{self, Bytes, CLOSE, Plain, TEXT, frame},
};
use tokio::sync::mpsc;

pub(crate) const ASK: &str = r#"{"event":"ask","id":1,"data":{"text":"hi"}}"#;
pub(crate) const ANSWER: &str = r#"{"reply":1,"data":"HI"}"#;

/// A server and a client of it that minds its own business.
pub(crate) struct Scene {
    pub(crate) service: Service<Chat>,
    pub(crate) addr: SocketAddr,
    bystander: Client<Chat>,
    /// How the sockets ended.
    pub(crate) ended: mpsc::UnboundedReceiver<Disconnect>,
}

impl Scene {
    pub(crate) async fn new(limits: Limits) -> Self {
        let (sender, ended) = mpsc::unbounded_channel();
        let service = Server::<Chat>::new()
            .state(sender)
            .limits(limits.grace(Duration::from_millis(1)))
            .on_disconnect(
                async |disconnect: Disconnect, ended: State<mpsc::UnboundedSender<Disconnect>>| {
                    let _ = ended.send(disconnect);
                },
            )
            .on(async |ask: Ask| ask.text.to_uppercase())
            .on(async |Tell(text): Tell, io: Io<Chat>| {
                io.broadcast(ServerEvent::Told(text));
            })
            // A handler that never ends, for calls that stay in flight.
            .on(async |_: Join| std::future::pending::<()>().await)
            .fallback(async |_: ClientEvent| {})
            .build();
        let addr = listen(&service).await;
        let bystander = soon(Client::connect(format!("ws://{addr}/ws"))).await;
        Self { service, addr, bystander: bystander.expect("it connects"), ended }
    }

    /// Emits what must arrive, whatever follows.
    pub(crate) fn before(&self) {
        self.service.io().broadcast(ServerEvent::Told("before".into()));
    }

    /// The other connection goes on: it got what was emitted before, its calls are answered, and it
    /// gets what is emitted now.
    pub(crate) async fn undisturbed(&mut self) {
        assert_eq!(next(&mut self.bystander).await, told("before"));
        let ask = Ask { text: "hi".into() };
        let answer = soon(self.bystander.call(ask)).await;
        assert_eq!(answer.expect("a reply"), "HI");
        self.service.io().broadcast(ServerEvent::Told("after".into()));
        assert_eq!(next(&mut self.bystander).await, told("after"));
    }
}

fn told(text: &str) -> ServerEvent {
    ServerEvent::Told(text.into())
}

pub(crate) const TOLD_BEFORE: &str = r#"{"event":"told","data":"before"}"#;

/// A text is answered with a frame, and the connection lives.
pub(crate) async fn is_answered(text: &str, expected: impl Fn(&Value) -> bool) {
    let mut scene = Scene::new(Limits::default()).await;
    let mut peer = Plain::greeted(scene.addr).await;
    scene.before();
    peer.send(text).await;
    assert_eq!(peer.line().await, TOLD_BEFORE);
    let answer = peer.next().await;
    assert!(expected(&answer), "{text:.200}: {answer}");
    peer.send(ASK).await;
    assert_eq!(peer.line().await, ANSWER, "after {text:.200}");
    scene.undisturbed().await;
}

/// Bytes after the handshake close the socket with one of `codes`, after what was emitted before.
pub(crate) async fn closes(what: &str, bytes: &[u8], codes: &[u16]) {
    let mut scene = Scene::new(Limits::default()).await;
    let mut peer = Bytes::greeted(scene.addr).await;
    scene.before();
    // Were the first one taken, the second would be answered.
    peer.write(&[bytes, &frame(TEXT, ASK)].concat()).await;
    assert_eq!(peer.line().await, TOLD_BEFORE, "{what}");
    let (first, payload) = peer.frame().await.expect("a farewell");
    let text = String::from_utf8_lossy(&payload);
    assert_eq!(first, CLOSE, "{what:.200} is answered with {text}");
    let code = raw::code(&payload);
    assert!(codes.contains(&code), "{what:.200}: {code}");
    assert!(peer.frame().await.is_none(), "the close frame is the last");
    let disconnect = soon(scene.ended.recv()).await.expect("the scene lives");
    assert!(codes.contains(&disconnect.code.0), "{what:.200}: {disconnect}");
    scene.undisturbed().await;
}
