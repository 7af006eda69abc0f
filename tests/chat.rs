//! The protocol that most tests speak: a few events of every kind.

use socketkit::{Client, Events, Protocol, Service};
use std::time::Duration;

/// What clients send.
#[derive(Debug, Clone, PartialEq, Events)]
#[events(derive(Debug, Clone))]
pub enum ClientEvent {
    /// Something that wants an answer.
    #[event(reply = String)]
    Ask {
        /// The question.
        text: String,
    },
    /// Something that wants none.
    Tell(String),
    /// Asks to be put into a room.
    Join(String),
    /// Asks to be taken out of a room.
    Leave(String),
    /// Of no importance.
    #[event(volatile)]
    Blip,
}

/// What the server sends.
#[derive(Debug, Clone, PartialEq, Events)]
#[events(derive(Debug, Clone))]
pub enum ServerEvent {
    /// Something that was said.
    Told(String),
    /// Something that wants an answer.
    #[event(reply = String)]
    Question {
        /// The question.
        text: String,
    },
    /// A number of which only the newest matters.
    #[event(latest)]
    Count(usize),
    /// Of no importance.
    #[event(volatile)]
    Flash(String),
}

/// Both, with rooms that have names.
#[derive(Debug, Protocol)]
#[protocol(client = ClientEvent, server = ServerEvent, room = String)]
pub struct Chat;

/// Long enough for anything that happens at all, on a busy machine.
pub const PATIENCE: Duration = Duration::from_secs(20);

/// Waits for something that has to happen.
///
/// # Panics
///
/// When it has not happened in [`PATIENCE`].
pub async fn soon<T>(what: impl Future<Output = T>) -> T {
    let Ok(value) = tokio::time::timeout(PATIENCE, what).await else {
        panic!("it did not happen in {PATIENCE:?}")
    };
    value
}

/// Waits until a condition holds that nothing announces.
///
/// # Panics
///
/// When it does not hold in [`PATIENCE`].
pub async fn until(mut condition: impl FnMut() -> bool) {
    soon(async {
        while !condition() {
            tokio::task::yield_now().await;
        }
    })
    .await;
}

/// The next event of the server.
///
/// # Panics
///
/// When none comes.
pub async fn next(client: &mut Client<Chat>) -> ServerEvent {
    soon(client.recv()).await.expect("the client is open")
}

/// Several clients of a service, over in-memory pipes.
pub async fn clients<const N: usize>(service: &Service<Chat>) -> [Client<Chat>; N] {
    let mut clients = Vec::new();
    for _ in 0..N {
        clients.push(soon(service.local()).await);
    }
    until(|| service.io().len() >= N).await;
    let Ok(clients) = clients.try_into() else { unreachable!("there are N") };
    clients
}

/// A service on a free port of the loopback interface, in the background of the test.
///
/// # Panics
///
/// When it cannot listen.
pub async fn listen<P: Protocol>(service: &Service<P>) -> std::net::SocketAddr {
    let (ready, address) = tokio::sync::oneshot::channel();
    let serve = service.listen("127.0.0.1:0").ready(move |address| {
        let _ = ready.send(address);
    });
    tokio::spawn(serve.into_future());
    soon(address).await.expect("it listens")
}

/// What goes on the wire is `data`, and what comes out of it at the other side is the same event.
///
/// # Panics
///
/// When it is not.
pub fn round_trip<E: Events + std::fmt::Debug>(event: E, name: &str, data: &str) {
    let index = event.index();
    let before = format!("{event:?}");
    assert_eq!(event.name(), name);
    assert_eq!(E::index_of(name), Some(index));
    let mut written = b"behind:".to_vec();
    event.encode(&mut written).unwrap();
    assert_eq!(String::from_utf8(written).unwrap(), format!("behind:{data}"));
    let data = if data.is_empty() { "null" } else { data };
    assert_eq!(format!("{:?}", E::decode(index, data).unwrap()), before);
}

/// The message that a task panics with.
///
/// # Panics
///
/// When it does not.
pub async fn message(failing: impl Future<Output = ()> + Send + 'static) -> String {
    let panic = tokio::spawn(failing).await.unwrap_err().into_panic();
    match panic.downcast::<String>() {
        Ok(message) => *message,
        Err(panic) => (*panic.downcast::<&str>().unwrap()).to_owned(),
    }
}
