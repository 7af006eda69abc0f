//! A library: who enters is shown to all in it.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use socketkit::{Events, Member, Present, Protocol, Server, Service, Socket};
use std::net::SocketAddr;
use tests::{chat::soon, raw::Plain};
use tokio::sync::watch;

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub(crate) struct Reader {
    pub(crate) name: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) mood: Option<String>,
}

impl Member for Reader {
    fn key(&self) -> String {
        self.name.clone()
    }
}

#[derive(Debug, Events)]
pub(crate) enum ClientEvent {
    #[event(reply = usize)]
    Enter(Reader),
    Leave,
    Watch,
    #[event(reply = ())]
    Kick,
}

#[derive(Debug, Events)]
pub(crate) enum ServerEvent {
    Note(String),
}

#[derive(Debug, Protocol)]
#[protocol(client = ClientEvent, server = ServerEvent, room = u32, presence = Reader)]
pub(crate) struct Library;

pub(crate) use client_event::{Enter, Kick, Leave, Watch};

pub(crate) const ROOM: u32 = 7;

pub(crate) fn service(server: Server<Library>) -> Service<Library> {
    server
        .on(async |Enter(reader): Enter, socket: Socket<Library>| {
            socket.present(ROOM, reader);
            socket.io().presence_len(ROOM)
        })
        .on(async |_: Leave, socket: Socket<Library>| socket.leave(ROOM))
        .on(async |_: Watch, socket: Socket<Library>| socket.watch_presence(ROOM))
        .on(async |_: Kick, socket: Socket<Library>| socket.close())
        .build()
}

pub(crate) fn reader(name: &str) -> Reader {
    Reader { name: name.into(), mood: None }
}

pub(crate) fn names(all: &[Present<Reader>]) -> Vec<&str> {
    all.iter().map(|present| present.key.as_str()).collect()
}

/// Waits until a client is told that these are there.
pub(crate) async fn told(presence: &mut watch::Receiver<Vec<Present<Reader>>>, expected: &[&str]) {
    soon(presence.wait_for(|all| names(all) == expected)).await.unwrap();
}

pub(crate) async fn enter(addr: SocketAddr, name: &str) -> (Plain, String) {
    let mut peer = Plain::open(addr, true).await;
    let id = peer.next().await["hello"]["session"].as_str().unwrap().to_owned();
    peer.send(format!(r#"{{"event":"enter","data":{{"name":"{name}"}}}}"#)).await;
    (peer, id)
}
