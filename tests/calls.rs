//! Calls of a client: how each is written, answered, refused and given up.

use socketkit::{CallError, Client, Limits, Server};
use std::time::Duration;
use tests::chat::{Chat, ClientEvent, client_event::*, clients, soon, until};

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
