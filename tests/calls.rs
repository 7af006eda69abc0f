//! Calls in both directions: one typed answer each, or an error that says why there is none.

use socketkit::{CallError, Client, Limits, Reject, Server, Service, Socket, State};
use std::{sync::Arc, time::Duration};
use tests::chat::{
    Chat, ClientEvent,
    client_event::*,
    clients,
    server_event::{Count, Question},
    soon, until,
};
use tests::raw::{Bytes, PING, PONG, TEXT, frame};
use tokio::sync::{Notify, mpsc};

fn question() -> Question {
    Question { text: "ready?".into() }
}

async fn answering(service: &Service<Chat>, answer: &'static str) -> Client<Chat> {
    let client = Client::to(service)
        .on(async move |question: Question| format!("{} {answer}", question.text));
    soon(client.connect()).await.unwrap()
}

#[tokio::test]
async fn a_call_is_answered_with_the_typed_reply() {
    let service = Server::<Chat>::new()
        .on(async |ask: Ask| ask.text.to_uppercase())
        .fallback(async |_: ClientEvent| {})
        .build();
    let [client] = clients(&service).await;
    assert_eq!(soon(client.call(Ask { text: "hi".into() })).await.unwrap(), "HI");
    soon(client.call(Tell("x".into()))).await.unwrap();
}

#[tokio::test]
async fn a_call_of_an_ignored_event_is_answered_wherever_its_id_stands() {
    let service =
        Server::<Chat>::new().ignore::<Tell>().fallback(async |_: ClientEvent| {}).build();
    let mut peer = tests::raw::Plain::greeted(tests::chat::listen(&service).await).await;
    for (id, text) in [
        (1, r#"{"event":"tell","data":"x","id":1}"#),
        (2, r#"{"event":"tell","id":2,"data":"x"}"#),
        (3, r#"{ "id":3,"event":"tell"}"#),
    ] {
        peer.send(text).await;
        assert_eq!(peer.line().await, format!(r#"{{"reply":{id}}}"#), "{text}");
    }
    peer.send(r#"{"event":"tell","id":4,"data":{]}"#).await;
    assert_eq!(peer.next().await["error"]["code"], "bad_data");
}

#[tokio::test]
async fn a_refusal_carries_its_code_and_an_error_hides_its_text() {
    async fn ask(ask: Ask) -> Result<String, Reject> {
        if ask.text.is_empty() {
            return Err(Reject::new("empty", "say something"));
        }
        Ok(ask.text.parse::<u32>()?.to_string())
    }
    let service = Server::<Chat>::new().on(ask).fallback(async |_: ClientEvent| {}).build();
    let [client] = clients(&service).await;
    for (text, expected) in
        [("", ("empty", "say something")), ("x", ("internal", "internal error"))]
    {
        match soon(client.call(Ask { text: text.into() })).await {
            Err(CallError::Rejected { code, message }) => assert_eq!((&*code, &*message), expected),
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(soon(client.call(Ask { text: "7".into() })).await.unwrap(), "7");
}

#[tokio::test]
async fn a_refusal_can_be_had_with_its_data() {
    async fn ask(ask: Ask) -> Result<String, Reject> {
        match ask.text.as_str() {
            "" => Err(Reject::new("empty", "say something").with_data(["text"])),
            _ => Ok(ask.text),
        }
    }
    let service = Server::<Chat>::new().on(ask).fallback(async |_: ClientEvent| {}).build();
    let [client] = clients(&service).await;
    let ask = |text: &str| soon(client.call(Ask { text: text.into() }).or_reject());
    let reject = ask("").await.unwrap().unwrap_err();
    assert_eq!((&*reject.code, &*reject.message), ("empty", "say something"));
    assert_eq!(reject.data::<Vec<String>>().unwrap(), ["text"]);
    assert_eq!(reject.data::<u32>(), None, "it is none");
    assert_eq!(ask("hi").await.unwrap().unwrap(), "hi");
}

#[tokio::test]
async fn handlers_of_a_client_may_come_before_its_state_and_after() {
    let service = Server::<Chat>::new().fallback(async |_: ClientEvent| {}).build();
    let (sender, mut counted) = mpsc::unbounded_channel();
    let client = Client::to(&service)
        .on(async |question: Question| question.text + " yes")
        .state(sender)
        .on(async |Count(number): Count, sender: State<mpsc::UnboundedSender<usize>>| {
            let _ = sender.send(number);
        });
    let _client = soon(client.connect()).await.unwrap();
    until(|| service.io().len() == 1).await;
    service.io().broadcast(Count(7));
    assert_eq!(soon(counted.recv()).await, Some(7));
    let (_, reply) = soon(service.io().all().call(question()).next()).await.unwrap();
    assert_eq!(reply.unwrap(), "ready? yes");
}

#[tokio::test]
async fn the_reply_to_a_call_of_another_task_is_read_behind_a_full_backlog() {
    let gate = Arc::new(Notify::new());
    let wait = gate.clone();
    let service = Server::<Chat>::new()
        .limits(Limits::default().waiting(4))
        .on(async move |_: Tell| wait.notified().await)
        .fallback(async |_: ClientEvent| {})
        .build();
    let mut peer = Bytes::greeted(tests::chat::listen(&service).await).await;
    until(|| service.io().len() == 1).await;
    let tells = frame(TEXT, r#"{"event":"tell","data":""}"#).repeat(10);
    // An answer to a ping says that what came before it was read.
    peer.write(&[tells, frame(PING, "")].concat()).await;
    assert_eq!(soon(peer.frame()).await.unwrap().0, PONG);
    let socket = service.io().sockets().remove(0);
    let call = tokio::spawn(socket.call(question()));
    assert!(peer.line().await.starts_with(r#"{"event":"question","id":1"#));
    peer.write(&frame(TEXT, r#"{"reply":1,"data":"yes"}"#)).await;
    assert_eq!(soon(call).await.unwrap().unwrap(), "yes");
    gate.notify_one();
}

#[tokio::test]
async fn a_handler_may_call_its_own_peer() {
    let service = Server::<Chat>::new()
        .on(async |ask: Ask, socket: Socket<Chat>| -> Result<String, Reject> {
            Ok(format!("{} {}", ask.text, socket.call(question()).await?))
        })
        .fallback(async |_: ClientEvent| {})
        .build();
    let client = answering(&service, "yes").await;
    assert_eq!(soon(client.call(Ask { text: "so:".into() })).await.unwrap(), "so: ready? yes");
}

#[tokio::test]
async fn a_handler_may_call_its_own_peer_behind_a_full_line_of_events() {
    let limits = Limits::default().waiting(2).calls(1_000);
    let service = Server::<Chat>::new()
        .limits(limits)
        .on(async |ask: Ask, socket: Socket<Chat>| -> Result<String, Reject> {
            Ok(format!("{} {}", ask.text, socket.call(question()).await?))
        })
        .fallback(async |_: ClientEvent| {})
        .build();
    let client = Client::to(&service).limits(Limits::default().calls(1_000));
    let client = client.on(async |_: Question| "yes".to_owned());
    let client = soon(client.connect()).await.unwrap();
    let calls = (0..200).map(|number| client.call(Ask { text: number.to_string() }));
    let answers = soon(futures_util::future::join_all(calls)).await;
    for (number, answer) in answers.into_iter().enumerate() {
        assert_eq!(answer.unwrap(), format!("{number} yes"));
    }
}

#[tokio::test]
async fn a_selection_is_called_and_each_socket_answers_for_itself() {
    let service = Server::<Chat>::new().fallback(async |_: ClientEvent| {}).build();
    let _yes = answering(&service, "yes").await;
    let _no = answering(&service, "no").await;
    let [_silent] = clients(&service).await;
    until(|| service.io().len() == 3).await;
    let mut replies = service.io().all().call(question());
    let mut answers = Vec::new();
    while let Some((_, answer)) = soon(replies.next()).await {
        answers.push(answer.unwrap_or_else(|error| error.to_string()));
    }
    answers.sort();
    let unknown = "refused: no handler answers this call (unknown_event)";
    assert_eq!(answers, ["ready? no", "ready? yes", unknown]);
}

#[tokio::test(start_paused = true)]
async fn a_call_ends_at_its_deadline() {
    let service = Server::<Chat>::new()
        .on(async |_: Ask| -> String { std::future::pending().await })
        .fallback(async |_: ClientEvent| {})
        .build();
    let client = service.local().await;
    let started = tokio::time::Instant::now();
    let late = client.call(Ask { text: String::new() }).await;
    assert!(matches!(late, Err(CallError::Timeout)), "{late:?}");
    assert_eq!(started.elapsed().as_secs(), 10);
    let late = client.call(Ask { text: String::new() }).timeout(Duration::from_secs(3)).await;
    assert!(matches!(late, Err(CallError::Timeout)), "{late:?}");
    assert_eq!(started.elapsed().as_secs(), 13);
}

#[tokio::test(start_paused = true)]
async fn a_selection_is_not_waited_for_longer_than_the_deadline() {
    let service = Server::<Chat>::new().fallback(async |_: ClientEvent| {}).build();
    let silent =
        Client::to(&service).on(async |_: Question| -> String { std::future::pending().await });
    let _silent = silent.connect().await.unwrap();
    let _yes = answering(&service, "yes").await;
    let mut replies = service.io().all().call(question()).timeout(Duration::from_secs(1));
    assert_eq!(replies.next().await.unwrap().1.unwrap(), "ready? yes");
    assert!(matches!(replies.next().await, Some((_, Err(CallError::Timeout)))));
    assert!(replies.next().await.is_none());
}

#[tokio::test]
async fn calls_in_flight_are_lost_with_the_connection_and_later_ones_closed() {
    let (sender, mut asked) = mpsc::unbounded_channel();
    let service = Server::<Chat>::new()
        .state(sender)
        .on(
            async |_: Ask,
                   socket: Socket<Chat>,
                   asked: State<mpsc::UnboundedSender<Socket<Chat>>>|
                   -> String {
                let _ = asked.send(socket);
                std::future::pending().await
            },
        )
        .limits(Limits::default().grace(Duration::from_millis(1)))
        .fallback(async |_: ClientEvent| {})
        .build();
    let [client] = clients(&service).await;
    let call = tokio::spawn(client.call(Ask { text: String::new() }));
    let socket = soon(asked.recv()).await.unwrap();
    socket.close();
    let lost = soon(call).await.unwrap();
    assert!(matches!(lost, Err(CallError::Lost)), "{lost:?}");
    soon(client.status().wait_for(|status| matches!(status, socketkit::Status::Closed { .. })))
        .await
        .unwrap();
    let closed = soon(client.call(Ask { text: String::new() })).await;
    assert!(matches!(closed, Err(CallError::Closed)), "{closed:?}");
    let closed = soon(socket.call(question())).await;
    assert!(matches!(closed, Err(CallError::Closed)), "{closed:?}");
}

#[tokio::test]
async fn too_many_calls_of_ours_are_refused_here() {
    let service = Server::<Chat>::new()
        .on(async |_: Ask| -> String { std::future::pending().await })
        .fallback(async |_: ClientEvent| {})
        .build();
    let client = Client::to(&service).limits(Limits::default().calls(1));
    let client = soon(client.connect()).await.unwrap();
    let first = tokio::spawn(client.call(Ask { text: "first".into() }));
    tokio::task::yield_now().await;
    let second = soon(client.call(Ask { text: "second".into() })).await.unwrap_err();
    assert_eq!(second.to_string(), "refused: too many calls in flight (busy)");
    first.abort();
    // A call that nobody waits for any more gives its place back.
    until(|| first.is_finished()).await;
    let third = client.call(Ask { text: "third".into() }).timeout(Duration::from_millis(1));
    assert!(matches!(soon(third).await, Err(CallError::Timeout)));
}

#[tokio::test]
async fn a_call_works_from_a_thread_without_a_runtime() {
    let service = Server::<Chat>::new()
        .on(async |ask: Ask| ask.text)
        .fallback(async |_: ClientEvent| {})
        .build();
    let [client] = clients(&service).await;
    let call = client.call(Ask { text: "outside".into() });
    let thread = std::thread::spawn(move || futures_executor::block_on(call));
    until(|| thread.is_finished()).await;
    assert_eq!(thread.join().unwrap().unwrap(), "outside");
}
