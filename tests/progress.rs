//! Calls that report how far they have come, and that are cancelled when they are given up.

use socketkit::{
    CallError, Client, Events, Limits, NoEvents, Progress, Protocol, Server, Service, Socket,
    State,
    test::{Kit, Node},
};
use std::{sync::Arc, time::Duration};
use tests::{
    chat::{listen, soon, until},
    raw::{Plain, SUBPROTOCOL},
};
use tokio::sync::{Semaphore, mpsc};

#[derive(Debug, Clone, PartialEq, Events)]
#[events(derive(Debug, Clone))]
enum ClientEvent {
    /// Counts to a number, a step whenever it may.
    #[event(reply = String, progress = u32)]
    Import(u32),
    /// The same, and never cancelled.
    #[event(reply = u32)]
    Export(u32),
    /// Asks the client itself.
    #[event(reply = Vec<u8>)]
    Mirror,
    Other(u32),
}

#[derive(Debug, Clone, PartialEq, Events)]
#[events(derive(Debug, Clone))]
enum ServerEvent {
    #[event(reply = u8, progress = u8)]
    Work(u8),
    Note(String),
}

#[derive(Debug, Protocol)]
#[protocol(client = ClientEvent, server = ServerEvent)]
struct Imports;

/// What handlers wait for, and where they tell how they ended.
#[derive(Clone)]
struct Scene {
    steps: Arc<Semaphore>,
    told: mpsc::UnboundedSender<&'static str>,
}

/// Tells that a handler was dropped before its end.
struct Guard(Scene);

impl Drop for Guard {
    fn drop(&mut self) {
        _ = self.0.told.send("dropped");
    }
}

use client_event::{Export, Import, Mirror, Other};
use server_event::Work;

async fn import(Import(to): Import, progress: Progress<u32>, scene: State<Scene>) -> String {
    let guard = Guard((*scene).clone());
    for step in 1..=to {
        scene.steps.acquire().await.unwrap().forget();
        progress.report(step);
    }
    std::mem::forget(guard);
    _ = scene.told.send("done");
    format!("counted to {to}")
}

fn service(limits: Limits) -> (Service<Imports>, Scene, mpsc::UnboundedReceiver<&'static str>) {
    let (told, ends) = mpsc::unbounded_channel();
    let scene = Scene { steps: Arc::new(Semaphore::new(0)), told };
    let export = async |Export(to): Export, scene: State<Scene>| {
        let _guard = Guard((*scene).clone());
        scene.steps.acquire_many(to).await.unwrap().forget();
        to
    };
    let mirror = async |_: Mirror, socket: Socket<Imports>| -> Result<Vec<u8>, CallError> {
        let (mut call, mut heard) = (socket.call(Work(3)), Vec::new());
        while let Some(step) = call.progress().await {
            heard.push(step);
        }
        heard.push(call.await?);
        Ok(heard)
    };
    let other = async |Other(number): Other, scene: State<Scene>| {
        _ = scene.told.send(if number == 7 { "seven" } else { "other" });
    };
    let server = Server::<Imports>::new().limits(limits).state(scene.clone());
    let service = server.on(import).on(export).on(mirror).on(other).build();
    (service, scene, ends)
}

#[tokio::test]
async fn reports_come_in_order_and_before_the_reply() {
    let (service, scene, _ends) = service(Limits::default());
    let client = soon(service.local()).await;
    scene.steps.add_permits(3);
    let mut import = client.call(Import(3));
    let mut heard = Vec::new();
    while let Some(step) = soon(import.progress()).await {
        heard.push(step);
    }
    assert_eq!((heard, import.missed()), (vec![1, 2, 3], 0));
    assert_eq!(soon(import).await.unwrap(), "counted to 3");
    scene.steps.add_permits(2);
    let mut heard = Vec::new();
    let reply = soon(client.call(Import(2)).on_progress(|step| heard.push(step))).await;
    assert_eq!((reply.unwrap().as_str(), heard), ("counted to 2", vec![1, 2]));
    scene.steps.add_permits(2);
    // One that was awaited has no more.
    scene.steps.add_permits(1);
    let mut import = client.call(Import(1));
    assert_eq!(soon(&mut import).await.unwrap(), "counted to 1");
    assert_eq!([soon(import.progress()).await, soon(import.progress()).await], [Some(1), None]);
    // Whoever wants none hears of none.
    assert_eq!(soon(client.call(Import(2))).await.unwrap(), "counted to 2");
    scene.steps.add_permits(2);
    client.emit(Import(2));
    assert_eq!(soon(client.call(Import(0))).await.unwrap(), "counted to 0");
}

#[tokio::test]
async fn each_report_is_a_frame_and_counts() {
    let (service, scene, mut ends) = service(Limits::default());
    let addr = listen(&service).await;
    let mut peer = Plain::open(addr, true).await;
    let token = peer.next().await["hello"]["token"].as_str().unwrap().to_owned();
    peer.send(r#"{"event":"import","id":4,"data":3}"#).await;
    scene.steps.add_permits(2);
    assert_eq!(peer.line().await, r#"{"progress":4,"data":1}"#);
    assert_eq!(peer.line().await, r#"{"progress":4,"data":2}"#);
    // It comes back, having processed one of the two: the call goes on.
    drop(peer);
    let mut peer = Plain::offering(addr, &format!("{SUBPROTOCOL}, resume.{token}.1.1")).await;
    let hello = peer.next().await;
    assert_eq!((&hello["hello"]["seen"], &hello["hello"]["replay"]), (&1.into(), &1.into()));
    assert_eq!(peer.line().await, r#"{"progress":4,"data":2}"#);
    scene.steps.add_permits(1);
    assert_eq!(peer.line().await, r#"{"progress":4,"data":3}"#);
    assert_eq!(peer.line().await, r#"{"reply":4,"data":"counted to 3"}"#);
    assert_eq!(soon(ends.recv()).await, Some("done"));
    peer.send(r#"{"event":"import","id":5,"data":9}"#).await;
    peer.send(r#"{"cancel":5}"#).await;
    assert_eq!(soon(ends.recv()).await, Some("dropped"));
    drop(peer);
    let mut peer = Plain::offering(addr, &format!("{SUBPROTOCOL}, resume.{token}.4.2")).await;
    assert_eq!(peer.next().await["hello"]["seen"], 3, "a cancel counts");
}

#[tokio::test]
async fn a_call_that_is_dropped_cancels_its_handler() {
    let (service, scene, mut ends) = service(Limits::default());
    let client = soon(service.local()).await;
    scene.steps.add_permits(1);
    let mut import = client.call(Import(2));
    assert_eq!(soon(import.progress()).await, Some(1));
    drop(import);
    assert_eq!(soon(ends.recv()).await, Some("dropped"));
    // What comes after it is handled.
    client.emit(Other(7));
    assert_eq!(soon(ends.recv()).await, Some("seven"));
    assert_eq!(soon(client.call(Import(0))).await.unwrap(), "counted to 0");
}

#[tokio::test]
async fn one_that_waits_for_its_turn_never_begins() {
    let (service, scene, mut ends) = service(Limits::default());
    let mut peer = Plain::greeted(listen(&service).await).await;
    peer.send(r#"{"event":"export","id":1,"data":1}"#).await;
    peer.send(r#"{"event":"import","id":2,"data":0}"#).await;
    peer.send(r#"{"event":"other","data":1}"#).await;
    peer.send(r#"{"cancel":2}"#).await;
    // It is taken again, in its new turn.
    peer.send(r#"{"event":"import","id":2,"data":1}"#).await;
    // All of it has come once this is refused.
    peer.send(r#"{"event":"nope"}"#).await;
    assert_eq!(peer.next().await["error"]["event"], "nope");
    scene.steps.add_permits(2);
    assert_eq!(peer.line().await, r#"{"reply":1,"data":1}"#);
    assert_eq!(peer.line().await, r#"{"progress":2,"data":1}"#);
    assert_eq!(peer.line().await, r#"{"reply":2,"data":"counted to 1"}"#);
    let told = [soon(ends.recv()).await, soon(ends.recv()).await, soon(ends.recv()).await];
    assert_eq!(told, [Some("dropped"), Some("other"), Some("done")], "the export has ended");
}

#[tokio::test]
async fn an_event_without_progress_is_not_cancelled_by_anybody() {
    let (service, scene, mut ends) = service(Limits::default());
    let mut peer = Plain::greeted(listen(&service).await).await;
    peer.send(r#"{"event":"export","id":1,"data":1}"#).await;
    for text in [
        r#"{"cancel":1}"#,
        r#"{"cancel":99}"#,
        r#"{"event":"export","id":2,"data":1}"#,
        r#"{ "cancel" : 2 }"#,
        r#"{"progress":7,"data":{}}"#,
    ] {
        peer.send(text).await;
    }
    scene.steps.add_permits(2);
    assert_eq!(peer.line().await, r#"{"reply":1,"data":1}"#);
    assert_eq!(peer.line().await, r#"{"reply":2,"data":1}"#);
    assert_eq!([soon(ends.recv()).await, soon(ends.recv()).await], [Some("dropped"); 2]);
    for text in [r#"{"cancel":"1"}"#, r#"{"cancel":1,"progress":1}"#, r#"{"progress":-1}"#] {
        let mut peer = Plain::greeted(listen(&service).await).await;
        peer.send(text).await;
        assert_eq!(peer.closed().await.0, 4400, "{text}");
    }
}

#[tokio::test]
async fn a_client_reports_to_its_server() {
    let (service, _scene, _ends) = service(Limits::default());
    let client =
        Client::<Imports>::to(&service).on(async |Work(to): Work, progress: Progress<u8>| {
            (0..to).for_each(|step| _ = progress.report(step));
            to
        });
    let client = soon(client.connect()).await.unwrap();
    assert_eq!(soon(client.call(Mirror)).await.unwrap(), [0, 1, 2, 3]);
}

#[tokio::test(start_paused = true)]
async fn a_report_begins_the_deadline_anew_and_a_late_one_cancels() {
    let (service, scene, mut ends) = service(Limits::default());
    let kit = Kit::new(service);
    let client = kit.connect().await;
    let mut import = client.call(Import(4)).timeout(Duration::from_secs(10));
    for step in 1..=3 {
        scene.steps.add_permits(1);
        assert_eq!(import.progress().await, Some(step));
        kit.advance(Duration::from_secs(9)).await;
    }
    assert_eq!(import.progress().await, None);
    assert!(matches!(import.await, Err(CallError::Timeout)));
    assert_eq!(ends.recv().await, Some("dropped"));
}

#[tokio::test(start_paused = true)]
async fn reports_and_cancels_survive_a_lost_connection() {
    let (service, scene, mut ends) = service(Limits::default());
    let kit = Kit::new(service);
    let client = kit.connect().await;
    let mut import = client.call(Import(3));
    scene.steps.add_permits(1);
    assert_eq!(import.progress().await, Some(1));
    client.link().cut();
    scene.steps.add_permits(1);
    client.link().restore();
    assert_eq!(import.progress().await, Some(2));
    client.link().cut();
    drop(import);
    client.link().restore();
    client.connected().await;
    assert_eq!(ends.recv().await, Some("dropped"));
}

#[tokio::test]
async fn the_oldest_of_too_many_reports_are_dropped_and_counted() {
    let (service, scene, mut ends) = service(Limits::default());
    let client = Client::<Imports>::to(&service).limits(Limits::default().reports(2));
    let client = soon(client.connect()).await.unwrap();
    scene.steps.add_permits(5);
    let mut import = client.call(Import(5));
    // Polled once, it is sent; then its reports wait.
    assert!(futures_util::poll!(&mut import).is_pending());
    assert_eq!(soon(ends.recv()).await, Some("done"));
    soon(client.call(Import(0))).await.unwrap();
    let mut heard = Vec::new();
    while let Some(step) = soon(import.progress()).await {
        heard.push(step);
    }
    assert_eq!((heard, import.missed()), (vec![4, 5], 3));
    assert_eq!(soon(import).await.unwrap(), "counted to 5");
}

/// The same wire with other types.
#[derive(Debug, Events)]
enum OtherEvent {
    #[event(reply = String, progress = bool)]
    Import(u32),
    #[event(reply = (), progress = u8)]
    Upload(String),
}

#[derive(Debug, Protocol)]
#[protocol(client = OtherEvent, server = NoEvents)]
struct Others;

#[tokio::test]
async fn a_report_of_another_form_ends_the_call_and_cancels_it() {
    let (service, scene, mut ends) = service(Limits::default());
    let url = format!("ws://{}/ws", listen(&service).await);
    let client = Client::<Others>::connect(url).await.unwrap();
    let mut import = client.call(other_event::Import(2));
    scene.steps.add_permits(1);
    assert_eq!(soon(import.progress()).await, None);
    assert!(matches!(soon(import).await, Err(CallError::Decode(_))));
    assert_eq!(soon(ends.recv()).await, Some("dropped"));
}

#[tokio::test]
async fn reports_after_the_end_come_to_nothing() {
    let (sender, mut kept) = mpsc::unbounded_channel();
    let import = async move |_: Import, progress: Progress<u32>| {
        _ = sender.send(progress);
        String::new()
    };
    let server = Server::<Imports>::new().on(import).ignore::<Other>();
    let service = server.fallback(async |_: ClientEvent| {}).build();
    let client = soon(service.local()).await;
    soon(client.call(Import(1))).await.unwrap();
    client.emit(Import(1));
    let [called, emitted] = [soon(kept.recv()).await.unwrap(), soon(kept.recv()).await.unwrap()];
    assert_eq!(emitted.report(1).queued, 0, "nobody waits for it");
    called.report(1);
    let next = soon(client.call(Import(1)).on_progress(|step| panic!("{step}"))).await;
    assert_eq!(next.unwrap(), "");
    soon(client.close()).await;
    until(|| service.io().is_empty()).await;
    assert_eq!(called.report(2).closed, 1);
}

#[tokio::test(start_paused = true)]
async fn calls_that_are_given_up_without_a_connection_leave_room_for_others() {
    let (service, _scene, mut ends) = service(Limits::default());
    let kit = Kit::new(service);
    let client = kit.connect().await;
    client.link().cut();
    until(|| !client.status().borrow().is_connected()).await;
    for _ in 0..Limits::default().unsent {
        let mut import = client.call(Import(1));
        assert!(futures_util::poll!(&mut import).is_pending());
    }
    assert_eq!(client.emit(Other(7)).queued, 1);
    client.link().restore();
    assert_eq!(ends.recv().await, Some("seven"), "nothing else was asked for");
}

#[tokio::test]
async fn reports_of_an_older_call_are_not_those_of_a_newer_with_its_id() {
    let (sender, mut kept) = mpsc::unbounded_channel();
    let steps = Arc::new(Semaphore::new(0));
    let may = steps.clone();
    let import = async move |Import(number): Import, progress: Progress<u32>| {
        _ = sender.send(progress);
        may.acquire_many(number).await.unwrap().forget();
        String::new()
    };
    let server = Server::<Imports>::new().on(import);
    let service = server.fallback(async |_: ClientEvent| {}).build();
    let mut peer = Plain::greeted(listen(&service).await).await;
    peer.send(r#"{"event":"import","id":4,"data":0}"#).await;
    assert_eq!(peer.line().await, r#"{"reply":4,"data":""}"#);
    peer.send(r#"{"event":"import","id":4,"data":1}"#).await;
    let [replied, cancelled] = [soon(kept.recv()).await.unwrap(), soon(kept.recv()).await.unwrap()];
    peer.send(r#"{"cancel":4}"#).await;
    peer.send(r#"{"event":"import","id":4,"data":1}"#).await;
    let newest = soon(kept.recv()).await.unwrap();
    assert_eq!((replied.report(1).queued, cancelled.report(2).queued), (0, 0));
    assert_eq!(newest.report(3).queued, 1);
    assert_eq!(peer.line().await, r#"{"progress":4,"data":3}"#);
    steps.add_permits(1);
    assert_eq!(peer.line().await, r#"{"reply":4,"data":""}"#);
}

#[tokio::test(start_paused = true)]
async fn a_call_of_many_ends_at_its_deadline_whatever_is_reported() {
    let kit = Kit::new(service(Limits::default()).0);
    let work = async |_: Work, progress: Progress<u8>| -> u8 {
        loop {
            progress.report(1);
            tokio::time::sleep(Duration::from_secs(1)).await;
        }
    };
    let _client = kit.connect_with(Node::FIRST, |client| client.on(work)).await.unwrap();
    let mut replies = kit.io().all().call(Work(1)).timeout(Duration::from_secs(5));
    let begun = tokio::time::Instant::now();
    assert!(matches!(soon(replies.next()).await, Some((_, Err(CallError::Timeout)))));
    assert_eq!(begun.elapsed().as_secs(), 5);
}

#[tokio::test(start_paused = true)]
async fn a_call_that_is_too_large_is_not_cancelled_either() {
    let service = Server::<Others>::new().limits(Limits::default().frame(1_000));
    let kit = Kit::new(service.fallback(async |_: OtherEvent| {}).build());
    let client = kit.connect().await;
    client.link().cut();
    until(|| !client.status().borrow().is_connected()).await;
    for _ in 0..Limits::default().unsent {
        let upload = client.call(other_event::Upload("x".repeat(2_000)));
        assert!(
            matches!(upload.await, Err(CallError::Rejected { code, .. }) if code == "too_large")
        );
    }
    assert_eq!(client.emit(other_event::Import(1)).queued, 1);
}
