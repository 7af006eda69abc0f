use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use socketkit::{Events, Member, Protocol, Reject, Server, Service, Socket};
use std::{
    hash::{BuildHasher, RandomState},
    sync::LazyLock,
};

/// What the others get to see of somebody.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Reader {
    #[serde(skip)]
    key: String,
    pub name: String,
}

impl Member for Reader {
    fn key(&self) -> String {
        self.key.clone()
    }
}

#[derive(Events)]
pub enum ClientEvent {
    /// Read a page, and be shown there by a name.
    #[event(rate = "2/s", burst = 10)]
    Open { page: u32, name: String },
    /// See who reads a page.
    Watch { page: u32 },
    /// Neither any more.
    Leave { page: u32 },
}

#[derive(Protocol)]
#[protocol(client = ClientEvent, room = u32, presence = Reader)]
pub struct Wiki;

use client_event::{Leave, Open, Watch};

async fn open(event: Open, socket: Socket<Wiki>) -> Result<(), Reject> {
    let name = event.name.trim();
    if name.is_empty() || name.chars().count() > 50 {
        return Err(Reject::new("bad_name", "a name has 1 to 50 characters"));
    }
    let reader = Reader { key: key(&socket), name: name.to_owned() };
    socket.present(event.page, reader);
    Ok(())
}

/// Who it is, as the others get to see it: the secret cannot be told from it.
fn key(socket: &Socket<Wiki>) -> String {
    static KEYS: LazyLock<RandomState> = LazyLock::new(RandomState::new);
    match socket.handshake().query("visitor") {
        Some(secret) => format!("{:016x}", KEYS.hash_one(secret)),
        None => socket.id().to_string(),
    }
}

pub fn service() -> Service<Wiki> {
    Server::<Wiki>::new()
        .on(open)
        .on(async |Watch { page }: Watch, socket: Socket<Wiki>| socket.watch_presence(page))
        .on(async |Leave { page }: Leave, socket: Socket<Wiki>| socket.leave(page))
        .build()
}
