//! Calls in both directions, of one socket, of rooms and of all: one typed answer each.

use socketkit::{CallError, Client, Io, Limits, Reject, Server, Service, Socket, SocketId, State};
use std::{collections::HashSet, sync::Arc, time::Duration};
use tests::{
    chat::{
        Chat, ClientEvent,
        client_event::*,
        server_event::{Count, Question},
        soon, until,
    },
    nodes::{Fixture, Nodes},
    on_each_fixture,
    raw::{Bytes, PING, PONG, TEXT, frame},
};
use tokio::sync::{Notify, mpsc};

on_each_fixture! {
    a_call_is_answered_with_the_typed_reply,
    a_refusal_carries_its_code_and_an_error_hides_its_text,
    a_refusal_can_be_had_with_its_data,
    handlers_of_a_client_may_come_before_its_state_and_after,
    the_reply_to_a_call_of_another_task_is_read_behind_a_full_backlog,
    a_handler_may_call_its_own_peer,
    a_handler_may_call_its_own_peer_behind_a_full_line_of_events,
    a_selection_is_called_and_each_socket_answers_for_itself,
    a_room_is_called_but_for_who_is_excepted,
    a_selection_is_not_waited_for_longer_than_the_deadline,
    calls_in_flight_are_lost_with_the_connection_and_later_ones_closed,
}

fn question() -> Question {
    Question { text: "ready?".into() }
}

fn service(server: Server<Chat>) -> Service<Chat> {
    server
        .on(async |Join(room): Join, socket: Socket<Chat>| socket.join(room))
        .on(async |_: Ask, id: SocketId| id.to_string())
        .fallback(async |_: ClientEvent| {})
        .build()
}

async fn answering(nodes: &Nodes<Chat>, answer: &'static str) -> Client<Chat> {
    let connect = nodes.connect_with(async |client| {
        client
            .on(async move |question: Question| format!("{} {answer}", question.text))
            .connect()
            .await
    });
    connect.await
}

async fn a_call_is_answered_with_the_typed_reply(on: Fixture) {
    let nodes = on
        .nodes(|server: Server<Chat>| {
            server
                .on(async |ask: Ask| ask.text.to_uppercase())
                .fallback(async |_: ClientEvent| {})
                .build()
        })
        .await;
    let [client] = nodes.clients().await;
    assert_eq!(soon(client.call(Ask { text: "hi".into() })).await.unwrap(), "HI");
    nodes.shuffle().await;
    assert_eq!(soon(client.call(Ask { text: "again".into() })).await.unwrap(), "AGAIN");
    soon(client.call(Tell("x".into()))).await.unwrap();
}

async fn a_refusal_carries_its_code_and_an_error_hides_its_text(on: Fixture) {
    async fn ask(ask: Ask) -> Result<String, Reject> {
        if ask.text.is_empty() {
            return Err(Reject::new("empty", "say something"));
        }
        Ok(ask.text.parse::<u32>()?.to_string())
    }
    let build = |server: Server<Chat>| server.on(ask).fallback(async |_: ClientEvent| {}).build();
    let nodes = on.nodes(build).await;
    let [client] = nodes.clients().await;
    for (text, expected) in
        [("", ("empty", "say something")), ("x", ("internal", "internal error"))]
    {
        match soon(client.call(Ask { text: text.into() })).await {
            Err(CallError::Rejected { code, message }) => assert_eq!((&*code, &*message), expected),
            other => panic!("{other:?}"),
        }
        nodes.shuffle().await;
    }
    assert_eq!(soon(client.call(Ask { text: "7".into() })).await.unwrap(), "7");
}

async fn a_refusal_can_be_had_with_its_data(on: Fixture) {
    async fn ask(ask: Ask) -> Result<String, Reject> {
        match ask.text.as_str() {
            "" => Err(Reject::new("empty", "say something").with_data(["text"])),
            _ => Ok(ask.text),
        }
    }
    let build = |server: Server<Chat>| server.on(ask).fallback(async |_: ClientEvent| {}).build();
    let nodes = on.nodes(build).await;
    let [client] = nodes.clients().await;
    let ask = |text: &str| soon(client.call(Ask { text: text.into() }).or_reject());
    let reject = ask("").await.unwrap().unwrap_err();
    assert_eq!((&*reject.code, &*reject.message), ("empty", "say something"));
    assert_eq!(reject.data::<Vec<String>>().unwrap(), ["text"]);
    assert_eq!(reject.data::<u32>(), None, "it is none");
    assert_eq!(ask("hi").await.unwrap().unwrap(), "hi");
}

async fn handlers_of_a_client_may_come_before_its_state_and_after(on: Fixture) {
    let nodes = on.nodes(service).await;
    let (sender, mut counted) = mpsc::unbounded_channel();
    let connecting = nodes.connect_with(async |client| {
        client
            .on(async |question: Question| question.text + " yes")
            .state(sender)
            .on(async |Count(number): Count, sender: State<mpsc::UnboundedSender<usize>>| {
                let _ = sender.send(number);
            })
            .connect()
            .await
    });
    let _client = connecting.await;
    nodes.count(1).await;
    nodes.io().broadcast(Count(7));
    assert_eq!(soon(counted.recv()).await, Some(7));
    let (_, reply) = soon(nodes.io().all().call(question()).next()).await.unwrap();
    assert_eq!(reply.unwrap(), "ready? yes");
}

async fn the_reply_to_a_call_of_another_task_is_read_behind_a_full_backlog(on: Fixture) {
    let gate = Arc::new(Notify::new());
    let nodes = on
        .nodes(|server: Server<Chat>| {
            let wait = gate.clone();
            server
                .limits(Limits::default().waiting(4))
                .on(async move |_: Tell| wait.notified().await)
                .fallback(async |_: ClientEvent| {})
                .build()
        })
        .await;
    let mut peer = Bytes::greeted(nodes.addr()).await;
    nodes.count(1).await;
    let tells = frame(TEXT, r#"{"event":"tell","data":""}"#).repeat(10);
    // An answer to a ping says that what came before it was read.
    peer.write(&[tells, frame(PING, "")].concat()).await;
    assert_eq!(soon(peer.frame()).await.unwrap().0, PONG);
    let id = nodes.sockets().remove(0).id();
    for (number, io) in (1..).zip(nodes.ios()) {
        let socket = io.socket(id).expect("it has not ended");
        let call = tokio::spawn(socket.call(question()));
        let line = peer.line().await;
        assert!(line.starts_with(&format!(r#"{{"event":"question","id":{number}"#)), "{line}");
        let reply = format!(r#"{{"reply":{number},"data":"yes"}}"#);
        peer.write(&frame(TEXT, reply)).await;
        assert_eq!(soon(call).await.unwrap().unwrap(), "yes");
    }
    gate.notify_one();
}

async fn a_handler_may_call_its_own_peer(on: Fixture) {
    let nodes = on
        .nodes(|server: Server<Chat>| {
            server
                .on(async |ask: Ask, socket: Socket<Chat>| -> Result<String, Reject> {
                    Ok(format!("{} {}", ask.text, socket.call(question()).await?))
                })
                .fallback(async |_: ClientEvent| {})
                .build()
        })
        .await;
    let client = answering(&nodes, "yes").await;
    for _ in 0..3 {
        assert_eq!(soon(client.call(Ask { text: "so:".into() })).await.unwrap(), "so: ready? yes");
        nodes.shuffle().await;
    }
}

async fn a_handler_may_call_its_own_peer_behind_a_full_line_of_events(on: Fixture) {
    let nodes = on
        .nodes(|server: Server<Chat>| {
            server
                .limits(Limits::default().waiting(2).calls(1_000))
                .on(async |ask: Ask, socket: Socket<Chat>| -> Result<String, Reject> {
                    Ok(format!("{} {}", ask.text, socket.call(question()).await?))
                })
                .fallback(async |_: ClientEvent| {})
                .build()
        })
        .await;
    let connecting = nodes.connect_with(async |client| {
        let client = client.limits(Limits::default().calls(1_000));
        client.on(async |_: Question| "yes".to_owned()).connect().await
    });
    let client = connecting.await;
    let calls = (0..200).map(|number| client.call(Ask { text: number.to_string() }));
    let answers = soon(futures_util::future::join_all(calls)).await;
    for (number, answer) in answers.into_iter().enumerate() {
        assert_eq!(answer.unwrap(), format!("{number} yes"));
    }
}

async fn a_selection_is_called_and_each_socket_answers_for_itself(on: Fixture) {
    let nodes = on.nodes(service).await;
    let _yes = answering(&nodes, "yes").await;
    let _no = answering(&nodes, "no").await;
    let _silent = nodes.connect().await;
    nodes.count(3).await;
    for io in nodes.ios() {
        nodes.shuffle().await;
        let mut replies = io.all().call(question());
        let (mut ids, mut answers) = (HashSet::new(), Vec::new());
        while let Some((id, answer)) = soon(replies.next()).await {
            assert!(ids.insert(id), "it answers once");
            answers.push(answer.unwrap_or_else(|error| error.to_string()));
        }
        answers.sort();
        let unknown = "refused: no handler answers this call (unknown_event)";
        assert_eq!(answers, ["ready? no", "ready? yes", unknown]);
    }
}

async fn a_room_is_called_but_for_who_is_excepted(on: Fixture) {
    let nodes = on.nodes(service).await;
    let mut clients = Vec::new();
    for answer in ["one", "two", "three", "four"] {
        let client = answering(&nodes, answer).await;
        if answer != "four" {
            soon(client.call(Join("x".into()))).await.unwrap();
        }
        let id = soon(client.call(Ask { text: String::new() })).await.unwrap();
        clients.push((client, id.parse::<SocketId>().unwrap()));
    }
    nodes.count(4).await;
    let answers = async |io: Io<Chat>| {
        let mut replies = io.to("x").except(clients[1].1).call(question());
        let mut answers = HashSet::new();
        while let Some((id, answer)) = soon(replies.next()).await {
            answers.insert((id, answer.unwrap()));
        }
        answers
    };
    let expected = HashSet::from([
        (clients[0].1, "ready? one".to_owned()),
        (clients[2].1, "ready? three".to_owned()),
    ]);
    for io in nodes.ios() {
        nodes.shuffle().await;
        assert_eq!(answers(io).await, expected);
    }
}

async fn a_selection_is_not_waited_for_longer_than_the_deadline(on: Fixture) {
    let nodes = on.nodes(service).await;
    let silent = nodes.connect_with(async |client| {
        client.on(async |_: Question| -> String { std::future::pending().await }).connect().await
    });
    let _silent = silent.await;
    let _yes = answering(&nodes, "yes").await;
    nodes.count(2).await;
    nodes.settle().await;
    let mut replies = nodes.io().all().call(question()).timeout(Duration::from_secs(1));
    assert_eq!(soon(replies.next()).await.unwrap().1.unwrap(), "ready? yes");
    assert!(matches!(soon(replies.next()).await, Some((_, Err(CallError::Timeout)))));
    assert!(soon(replies.next()).await.is_none());
}

async fn calls_in_flight_are_lost_with_the_connection_and_later_ones_closed(on: Fixture) {
    let (sender, mut asked) = mpsc::unbounded_channel();
    let nodes = on
        .nodes(|server: Server<Chat>| {
            server
                .state(sender.clone())
                .on(async |_: Ask, id: SocketId, asked: State<mpsc::UnboundedSender<SocketId>>| {
                    let _ = asked.send(id);
                    std::future::pending::<String>().await
                })
                .limits(Limits::default().grace(Duration::from_millis(1)))
                .fallback(async |_: ClientEvent| {})
                .build()
        })
        .await;
    let [client] = nodes.clients().await;
    nodes.shuffle().await;
    let call = tokio::spawn(client.call(Ask { text: String::new() }));
    let id = soon(asked.recv()).await.unwrap();
    let socket = nodes.socket(id);
    socket.close();
    let lost = soon(call).await.unwrap();
    assert!(matches!(lost, Err(CallError::Lost)), "{lost:?}");
    soon(client.status().wait_for(|status| matches!(status, socketkit::Status::Closed { .. })))
        .await
        .unwrap();
    let closed = soon(client.call(Ask { text: String::new() })).await;
    assert!(matches!(closed, Err(CallError::Closed)), "{closed:?}");
    until(|| nodes.sockets().is_empty()).await;
    let closed = soon(socket.call(question())).await;
    assert!(matches!(closed, Err(CallError::Closed)), "{closed:?}");
}
