//! Servers that speak TLS.

use super::{Kind, Node, room};
use crate::cluster::{
    channel::Channel,
    server::{Certificate, Server},
};

fn start(kind: &Kind, Certificate { path, key, .. }: &Certificate) -> (Server, String) {
    let argument = |argument: &&str| match *argument {
        "CERT" => path.display().to_string(),
        "KEY" => key.display().to_string(),
        other => other.to_owned(),
    };
    let arguments: Vec<_> = kind.tls.iter().map(argument).collect();
    let server = (kind.server)(&arguments.iter().map(String::as_str).collect::<Vec<_>>());
    let host = format!("127.0.0.1:{}", server.port);
    (server, host)
}

pub(super) async fn a_certificate_on_both_sides_opens(kind: &Kind) {
    let certificate = Certificate::new();
    let (_server, host) = start(kind, &certificate);
    let engine = (kind.with_certificate)(host, &certificate);
    let mut node = Node::of(&*engine).await;
    node.begin(&[room(1)]).await;
    node.say(Channel::Room(1), "in").await;
    assert_eq!(node.hear(1).await, ["in"]);
}

pub(super) async fn a_certificate_that_is_not_trusted_is_an_error(kind: &Kind) {
    let certificate = Certificate::new();
    let (_server, host) = start(kind, &certificate);
    for engine in
        [(kind.with_certificate)(host.clone(), &Certificate::new()), (kind.engine)(host.clone())]
    {
        let error = engine.connect("forum", None).await.err().unwrap().to_string();
        assert!(error.contains(&host), "{error}");
    }
}
