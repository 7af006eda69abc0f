//! A client that is played by the test, and a server that tells what it sees.

use serde_json::Value;
use socketkit::{CloseCode, Disconnect, Limits, Replayed, Server, Service, State};
use std::net::SocketAddr;
use tests::{
    chat::{Chat, ClientEvent, client_event::*, soon},
    nodes::{Fixture, Nodes},
    raw::{Bytes, CLOSE, Plain, code},
};
use tokio::sync::{mpsc, oneshot};

/// What a server sees of its sockets.
#[derive(Debug)]
pub(crate) enum Seen {
    Suspended(CloseCode),
    Resumed(u64),
    Ended(CloseCode),
    /// A handler waits until it is told to go on.
    Waiting(oneshot::Sender<()>),
}

impl PartialEq for Seen {
    fn eq(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Suspended(one), Self::Suspended(other)) => one == other,
            (Self::Resumed(one), Self::Resumed(other)) => one == other,
            (Self::Ended(one), Self::Ended(other)) => one == other,
            _ => false,
        }
    }
}

type See = State<mpsc::UnboundedSender<Seen>>;

/// A server that answers what it is asked, and waits before if it is asked to.
pub(crate) fn service(
    server: Server<Chat>,
    limits: Limits,
    see: mpsc::UnboundedSender<Seen>,
) -> Service<Chat> {
    server
        .limits(limits)
        .state(see)
        .on_suspend(async |why: Disconnect, see: See| {
            let _ = see.send(Seen::Suspended(why.code));
        })
        .on_resume(async |Replayed(count): Replayed, see: See| {
            let _ = see.send(Seen::Resumed(count));
        })
        .on_disconnect(async |why: Disconnect, see: See| {
            let _ = see.send(Seen::Ended(why.code));
        })
        .on(async |ask: Ask, see: See| {
            if ask.text == "wait" {
                let (go_on, waiting) = oneshot::channel();
                let _ = see.send(Seen::Waiting(go_on));
                let _ = waiting.await;
            }
            ask.text
        })
        .fallback(async |_: ClientEvent| {})
        .build()
}

/// Nodes with such servers, and what these see.
pub(crate) async fn nodes(
    on: Fixture,
    limits: Limits,
) -> (Nodes<Chat>, mpsc::UnboundedReceiver<Seen>) {
    let (see, seen) = mpsc::unbounded_channel();
    (on.nodes(|server| service(server, limits.clone(), see.clone())).await, seen)
}

/// A client and the token of its session.
pub(crate) struct Guest<P = Plain> {
    pub(crate) peer: P,
    pub(crate) token: String,
}

fn token(hello: &Value) -> String {
    hello["hello"]["token"].as_str().expect("a token").to_owned()
}

impl Guest {
    pub(crate) async fn new(addr: SocketAddr) -> Self {
        let mut peer = Plain::open(addr, true).await;
        let token = token(&peer.next().await);
        Self { peer, token }
    }

    /// What the server says next of what it has seen.
    pub(crate) async fn control(&mut self) -> String {
        loop {
            let message = soon(self.peer.any()).await.expect("it is open").into_text().unwrap();
            if message.starts_with(r#"{"seen":"#) {
                return message.as_str().to_owned();
            }
        }
    }

    /// Its session goes on over the connection that it has.
    pub(crate) async fn is_undisturbed(&mut self) {
        self.peer.send(r#"{"event":"ask","id":1,"data":{"text":"undisturbed"}}"#).await;
        assert_eq!(self.peer.line().await, r#"{"reply":1,"data":"undisturbed"}"#);
    }

    /// One that answers no pings.
    pub(crate) async fn quiet(addr: SocketAddr) -> Guest<Bytes> {
        let mut peer = Bytes::upgraded(addr).await;
        let hello = serde_json::from_str(&peer.line().await).unwrap();
        Guest { peer, token: token(&hello) }
    }
}

impl Guest<Bytes> {
    /// The code that the server closes with.
    pub(crate) async fn closed(&mut self) -> u16 {
        loop {
            match self.peer.frame().await {
                Some((CLOSE, payload)) => return code(&payload),
                Some(_) => {}
                None => return 1006,
            }
        }
    }
}
