//! Names with capitals, as a contract may choose them for its JavaScript: they are spoken both ways,
//! and no names where a contract has none (see `hostile`).

use socketkit::{Client, Events, Protocol, Server, Socket};
use tests::{
    chat::{listen, soon},
    raw::Plain,
};

#[derive(Debug, Events)]
#[events(rename_all = "camelCase")]
enum ClientEvent {
    #[event(reply = String, alias = "Submit-Post")]
    SubmitPost(String),
}

#[derive(Debug, PartialEq, Events)]
#[events(rename_all = "PascalCase")]
enum ServerEvent {
    PostUpdate(String),
}

#[derive(Protocol)]
#[protocol(client = ClientEvent, server = ServerEvent)]
struct Forum;

async fn submit(
    client_event::SubmitPost(text): client_event::SubmitPost,
    socket: Socket<Forum>,
) -> String {
    socket.emit(ServerEvent::PostUpdate(text.clone()));
    text
}

#[tokio::test]
async fn names_and_aliases_with_capitals_are_spoken() {
    let addr = listen(&Server::<Forum>::new().on(submit).build()).await;
    let mut client = soon(Client::<Forum>::connect(format!("ws://{addr}/ws"))).await.unwrap();
    let reply = soon(client.call(client_event::SubmitPost("hi".into()))).await;
    assert_eq!(reply.unwrap(), "hi");
    assert_eq!(soon(client.recv()).await, Some(ServerEvent::PostUpdate("hi".into())));
    let mut plain = Plain::greeted(addr).await;
    for name in ["submitPost", "Submit-Post", "\\u0073ubmitPost"] {
        plain.send(format!(r#"{{"event":"{name}","id":1,"data":"x"}}"#)).await;
        assert_eq!(plain.line().await, r#"{"event":"PostUpdate","data":"x"}"#);
        assert_eq!(plain.line().await, r#"{"reply":1,"data":"x"}"#);
    }
    // A newer client of this contract may know more events.
    for name in ["submitpost", "editPost"] {
        plain.send(format!(r#"{{"event":"{name}"}}"#)).await;
        assert_eq!(plain.next().await["error"]["code"], "unknown_event", "{name}");
    }
    plain.send(r#"{"event":"edit post"}"#).await;
    assert_eq!(plain.closed().await.0, 4400, "it is not a name of any contract");
}
