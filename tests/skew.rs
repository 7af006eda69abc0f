//! A client of one version and a server of another: both learn of it, and what does not fit is said.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use socketkit::{
    Breaks, CallError, Client, Contract, Events, Protocol, Server, Service, Skew, Status, contract,
};
use std::net::SocketAddr;
use tests::{
    chat::{listen, soon},
    raw::Plain,
};
use tokio::sync::{oneshot, watch};

mod old {
    use super::*;

    #[derive(Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
    pub(crate) struct Post {
        pub(crate) id: u32,
        pub(crate) tags: Vec<String>,
    }

    #[derive(Debug, Events)]
    pub(crate) enum ClientEvent {
        #[event(reply = u32)]
        Submit {
            post: Post,
        },
        #[event(reply = Post)]
        Read(u32),
        Gone,
    }

    #[derive(Debug, PartialEq, Events)]
    #[events(derive(Debug, PartialEq))]
    pub(crate) enum ServerEvent {
        Posted(Post),
        Count(u32),
    }

    #[derive(Debug, Protocol)]
    #[protocol(client = ClientEvent, server = ServerEvent)]
    pub(crate) struct Forum;
}

mod new {
    use super::*;

    #[derive(Debug, Serialize, Deserialize, JsonSchema)]
    pub(crate) struct Post {
        pub(crate) id: u32,
        pub(crate) tags: Vec<u8>,
    }

    #[derive(Debug, Events)]
    pub(crate) enum ClientEvent {
        #[event(reply = u32)]
        Submit {
            post: Post,
        },
        #[event(reply = Post)]
        Read(u32),
        Fresh,
    }

    #[derive(Debug, Events)]
    pub(crate) enum ServerEvent {
        Posted(Post),
        Count(u32),
        Sent(u8),
    }

    #[derive(Debug, Protocol)]
    #[protocol(client = ClientEvent, server = ServerEvent)]
    pub(crate) struct Forum;
}

fn service() -> Service<new::Forum> {
    use new::client_event::{Fresh, Read, Submit};
    Server::<new::Forum>::new()
        .on(async |Submit { post }: Submit| post.id)
        .on(async |Read(id): Read| new::Post { id, tags: vec![1] })
        .ignore::<Fresh>()
        .build()
}

/// Waits for what a client learns.
async fn learns(skew: &mut watch::Receiver<Option<Skew>>, is_other: bool) -> Option<Skew> {
    soon(skew.wait_for(|skew| skew.is_some() == is_other)).await.unwrap().clone()
}

#[tokio::test]
async fn a_client_is_told_what_another_version_has_changed() {
    let service = service();
    let url = format!("ws://{}/ws?room=1", listen(&service).await);
    let mut client = Client::<old::Forum>::connect(url).await.unwrap();
    let skew = learns(&mut client.remote().skew(), true).await.unwrap();
    assert_eq!(skew.hash, contract::<new::Forum>().hash);
    assert_eq!(
        (skew.added, skew.removed),
        (vec!["fresh".into(), "sent".into()], vec!["gone".into()])
    );
    assert_eq!(skew.changed, ["posted", "read", "submit"]);
    let tags = skew.changes.iter().find(|change| change.event == "posted").unwrap();
    assert_eq!((&*tags.path, tags.breaks), ("data.tags[]", Breaks::Both));
    // What fits is as good as ever, and what is not known is skipped.
    service.io().broadcast(new::ServerEvent::Sent(1));
    service.io().broadcast(new::ServerEvent::Posted(new::Post { id: 1, tags: vec![1] }));
    service.io().broadcast(new::ServerEvent::Posted(new::Post { id: 2, tags: vec![] }));
    let posted = old::ServerEvent::Posted(old::Post { id: 2, tags: vec![] });
    assert_eq!(soon(client.recv()).await, Some(posted));
    assert_eq!(client.remote().skipped(), 1);
    let post = old::Post { id: 7, tags: vec!["a".into()] };
    match soon(client.call(old::client_event::Submit { post })).await {
        Err(CallError::Rejected { code, message }) => {
            assert_eq!(code, "bad_data");
            assert!(message.starts_with("post.tags[0]: invalid type: string"), "{message}");
        }
        other => panic!("{other:?}"),
    }
    match soon(client.call(old::client_event::Read(1))).await {
        Err(CallError::Decode(error)) => {
            assert!(error.to_string().starts_with("tags[0]: invalid type: integer"), "{error}");
        }
        other => panic!("{other:?}"),
    }
    match soon(client.call(old::client_event::Gone)).await {
        Err(CallError::Rejected { code, .. }) => assert_eq!(code, "unknown_event"),
        other => panic!("{other:?}"),
    }
}

/// A server at an address, until it is told to stop.
async fn serve<P: Protocol>(service: Service<P>, addr: SocketAddr) -> (SocketAddr, impl FnOnce()) {
    let (stop, stopped) = oneshot::channel::<()>();
    let (ready, address) = oneshot::channel();
    let serve = service.listen(addr).until(stopped).linger(std::time::Duration::ZERO);
    tokio::spawn(serve.ready(move |address| _ = ready.send(address)).into_future());
    (soon(address).await.unwrap(), move || _ = stop.send(()))
}

#[tokio::test]
async fn it_is_told_when_the_server_is_another_and_when_it_is_the_same_again() {
    let same = || {
        let server = Server::<old::Forum>::new();
        server.fallback(async |_: old::ClientEvent| {}).build()
    };
    let (addr, stop) = serve(same(), "127.0.0.1:0".parse().unwrap()).await;
    let client = Client::<old::Forum>::connect(format!("ws://{addr}/ws")).await.unwrap();
    let (mut skew, mut status) = (client.remote().skew(), client.status());
    assert_eq!(*skew.borrow_and_update(), None);
    stop();
    soon(status.wait_for(|status| !status.is_connected())).await.unwrap();
    let (_, stop) = serve(service(), addr).await;
    assert!(learns(&mut skew, true).await.is_some());
    stop();
    soon(status.wait_for(|status| !status.is_connected())).await.unwrap();
    let (_, _stop) = serve(same(), addr).await;
    assert_eq!(learns(&mut skew, false).await, None);
    assert!(matches!(*status.borrow(), Status::Reset { .. } | Status::Open));
}

#[tokio::test]
async fn hello_has_the_hash_of_the_contract() {
    let mut peer = Plain::open(listen(&service()).await, true).await;
    let hash = contract::<new::Forum>().hash;
    assert_eq!(peer.next().await["hello"]["schema"], hash.as_str());
}

#[test]
fn a_contract_whose_types_double_without_end_is_compared_in_no_time() {
    let ours = contract::<old::Forum>();
    for key in ["anyOf", "oneOf", "allOf"] {
        let mut theirs = serde_json::to_value(&ours).unwrap();
        for level in 0..40 {
            let next = match level {
                39 => json!({ "enum": ["a", "b"] }),
                _ => json!({ "$ref": format!("#/read/A{}", level + 1) }),
            };
            theirs["read"][format!("A{level}")] = json!({ key: [next, next] });
        }
        theirs["client"]["read"]["payload"] = json!({ "$ref": "#/read/A0" });
        theirs["client"]["read"]["fingerprint"] = Value::from("another");
        let theirs: Contract = serde_json::from_value(theirs).unwrap();
        let changes = ours.compare(&theirs);
        let change = changes.iter().find(|change| change.event == "read").unwrap();
        assert_eq!(change.breaks, Breaks::Unknown, "{change}");
    }
}
