//! The test kit: what is recorded, what a link does to what goes over it, and that it is always the same.

use socketkit::{
    CallError, CloseCode, Limits, Reject, Server, Service, Socket, Status,
    test::{Kit, Link, Node},
};
use std::{collections::HashSet, fmt::Write, thread, time::Duration};
use tests::chat::{
    Chat, ClientEvent, ServerEvent,
    client_event::{Ask, Join, Tell},
    message,
    server_event::{Count, Flash, Question, Told},
};
use tokio::{
    runtime::Builder,
    time::{Instant, sleep},
};

const SECOND: Duration = Duration::from_secs(1);

/// What is told is told to all, what is asked is answered.
fn service() -> Service<Chat> {
    Server::<Chat>::new()
        .on(async |ask: Ask| ask.text)
        .on(async |Tell(text): Tell, socket: Socket<Chat>| {
            socket.io().broadcast(Told(text));
        })
        .on(async |Join(room): Join, socket: Socket<Chat>| socket.join(room))
        .fallback(async |_: ClientEvent| {})
        .build()
}

#[tokio::test(start_paused = true)]
async fn events_are_recorded_until_they_are_asked_for() {
    let kit = Kit::new(service());
    let mut ada = kit.connect().await;
    for event in [
        ServerEvent::Told("first".into()),
        ServerEvent::Count(3),
        ServerEvent::Told("second".into()),
        ServerEvent::Flash("!".into()),
    ] {
        kit.io().broadcast(event);
    }
    assert_eq!(ada.expect::<Flash>().await.0, "!");
    assert_eq!(ada.expect::<Told>().await.0, "first");
    assert_eq!(ada.recv().await, Some(ServerEvent::Count(3)));
    assert_eq!(ada.expect_within::<Told>(Duration::ZERO).await.0, "second");
    let before = Instant::now();
    ada.expect_nothing(Duration::from_secs(3600)).await;
    assert_eq!(before.elapsed(), Duration::from_secs(3600));
    assert_eq!(ada.call(Ask { text: "?".into() }).await.unwrap(), "?");
}

#[tokio::test(start_paused = true)]
async fn what_does_not_come_is_reported_with_what_came() {
    let kit = Kit::seeded(service(), 7);
    let mut ada = kit.connect().await;
    kit.io().broadcast(ServerEvent::Told("hello".into()));
    let said = message(async move { _ = ada.expect::<Count>().await }).await;
    for part in [
        "no `count` within 120s, at tests/kit.rs:",
        "recorded instead:\n  told \"hello\"\n",
        "client #1, seed 7: Open",
        r#"0.000 #1 < {"event":"told","data":"hello"}"#,
    ] {
        assert!(said.contains(part), "{part}:\n{said}");
    }
    let mut bob = kit.connect().await;
    kit.io().all().close_with(CloseCode::DONE, "over");
    let said = message(async move { _ = bob.expect::<Count>().await }).await;
    assert!(said.contains("no `count` before the client was closed"), "{said}");
    let mut eve = kit.connect().await;
    kit.io().broadcast(ServerEvent::Count(1));
    let said = message(async move { eve.expect_nothing(SECOND).await }).await;
    assert!(said.contains("an event within 1s") && said.contains("  count 1\n"), "{said}");
}

#[tokio::test(start_paused = true)]
async fn a_cut_link_refuses_until_it_is_restored_and_nothing_is_lost() {
    let kit = Kit::new(service());
    let mut ada = kit.connect().await;
    let link = ada.link().clone();
    let mut status = ada.status();
    link.cut();
    kit.advance(SECOND / 1000).await;
    assert!(matches!(&*status.borrow_and_update(), Status::Waiting { .. }));
    kit.io().broadcast(ServerEvent::Told("missed".into()));
    ada.emit(Tell("kept".into()));
    kit.advance(30 * SECOND).await;
    assert!(!status.borrow().is_connected());
    assert!(kit.trace().contains("#1 refuses / resume.TOKEN1.0.1\n"), "{}", kit.trace());
    link.restore();
    ada.connected().await;
    assert!(matches!(&*status.borrow(), Status::Resumed { .. }));
    assert_eq!(ada.expect::<Told>().await.0, "missed");
    assert_eq!(ada.expect::<Told>().await.0, "kept");
}

#[tokio::test(start_paused = true)]
async fn what_is_on_its_way_is_lost_when_a_link_is_cut_and_comes_again() {
    let kit = Kit::new(service());
    let mut ada = kit.connect().await;
    ada.link().delay(SECOND);
    ada.emit(Tell("once".into()));
    kit.advance(SECOND / 2).await;
    ada.link().cut();
    ada.link().restore();
    let before = Instant::now();
    assert_eq!(ada.expect::<Told>().await.0, "once");
    assert!(before.elapsed() >= 4 * SECOND, "the request, the hello, and both ways again");
    ada.expect_nothing(60 * SECOND).await;
    assert!(kit.trace().contains("0.500 #1 is cut, "), "{}", kit.trace());
}

#[tokio::test(start_paused = true)]
async fn half_of_a_connection_is_found_out_by_its_heartbeat() {
    for half in [Link::half_open, Link::half_open_up, Link::half_open_down] {
        let kit = Kit::new(service());
        let mut ada = kit.connect().await;
        half(ada.link());
        kit.io().broadcast(ServerEvent::Told("down".into()));
        ada.emit(Tell("up".into()));
        kit.advance(10 * SECOND).await;
        assert!(ada.status().borrow().is_connected(), "nobody has found out");
        ada.link().restore();
        let before = Instant::now();
        let mut told = [ada.expect::<Told>().await.0, ada.expect::<Told>().await.0];
        told.sort();
        assert_eq!(told, ["down", "up"]);
        assert!(before.elapsed() > 10 * SECOND, "what vanished comes again, over a new connection");
        ada.expect_nothing(120 * SECOND).await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_client_that_nobody_hears_gives_up_its_handshake() {
    let kit = Kit::new(service());
    let ada = kit.connect().await;
    ada.link().half_open();
    kit.advance(60 * SECOND).await;
    let opened = kit.trace().matches("#1 opens / resume.TOKEN1.").count();
    assert!((1..10).contains(&opened), "each has its time:\n{}", kit.trace());
    assert_eq!(kit.io().connected(), 0);
}

#[tokio::test(start_paused = true)]
async fn delay_and_throughput_take_their_time_each_way() {
    let kit = Kit::new(service());
    let ada = kit.connect().await;
    let took = async |text: &str| {
        let before = Instant::now();
        assert_eq!(ada.call(Ask { text: text.into() }).await.unwrap(), text);
        before.elapsed()
    };
    assert_eq!(took("at once").await, Duration::ZERO);
    ada.link().delay(SECOND);
    assert_eq!(took("later").await, 2 * SECOND);
    ada.link().delay(Duration::ZERO);
    ada.link().throttle(1_000);
    let slow = took(&"x".repeat(2_000)).await;
    assert!((4 * SECOND..5 * SECOND).contains(&slow), "{slow:?}");
    ada.link().throttle(0);
    kit.advance(2 * SECOND).await;
    assert_eq!(took("at once").await, Duration::ZERO);
    // What was sent before a shorter delay is not overtaken.
    ada.link().delay(2 * SECOND);
    let mut first = going(ada.call(Ask { text: "1".into() }));
    kit.advance(SECOND / 10).await;
    ada.link().delay(Duration::ZERO);
    let before = Instant::now();
    assert_eq!(took("2").await, Duration::from_millis(1_900));
    assert_eq!((&mut first).await.unwrap().unwrap(), "1");
    assert_eq!(before.elapsed(), Duration::from_millis(1_900));
}

#[tokio::test(start_paused = true)]
async fn a_delay_without_end_is_one_of_a_year() {
    let kit = Kit::new(service());
    let ada = kit.connect().await;
    ada.link().delay(Duration::MAX);
    assert_eq!(ada.emit(Tell("never".into())).queued, 1);
    kit.advance(60 * SECOND).await;
    ada.link().calm();
    ada.connected().await;
    assert_eq!(ada.call(Ask { text: "?".into() }).await.unwrap(), "?");
}

/// Has a call go out now.
fn going(call: socketkit::Call<String>) -> tokio::task::JoinHandle<Result<String, CallError>> {
    tokio::spawn(call.into_future())
}

#[tokio::test(start_paused = true)]
async fn a_sender_is_held_back_by_a_link_that_takes_no_more() {
    let limits = Limits::default().queue_bytes(10_000).queue_hard_bytes(20_000);
    let server = Server::<Chat>::new().limits(limits).fallback(async |_: ClientEvent| {});
    let kit = Kit::new(server.build());
    let ada = kit.connect().await;
    ada.link().throttle(1);
    let mut queued = 0;
    while kit.io().broadcast(ServerEvent::Told("x".repeat(1_000))).queued == 1 {
        queued += 1;
        kit.advance(SECOND / 1000).await;
    }
    assert!((70..90).contains(&queued), "{queued}: 64 KiB in the link, 20 kB in the queue");
}

#[tokio::test(start_paused = true)]
async fn clients_bring_handlers_and_are_refused_by_code() {
    let server = Server::<Chat>::new()
        .authorize(async |handshake: socketkit::Handshake| match handshake.token() {
            Some("ada") => Ok(()),
            _ => Err(Reject::new("unauthorized", "who are you?")),
        })
        .fallback(async |_: ClientEvent| {});
    let kit = Kit::new(server.build());
    let refused = kit.connect_with(Node::FIRST, |builder| builder).await.unwrap_err();
    assert!(refused.to_string().contains("who are you?"), "{refused}");
    let _ada = kit
        .connect_with(Node::FIRST, |builder| {
            builder.token("ada").on(async |question: Question| question.text)
        })
        .await
        .unwrap();
    let mut answers = kit.io().all().call(Question { text: "there?".into() });
    let (_, answer) = answers.next().await.unwrap();
    assert_eq!(answer.unwrap(), "there?");
}

#[tokio::test(start_paused = true)]
async fn each_client_has_its_node_and_can_be_led_to_another() {
    let kit = Kit::new(service());
    let second = kit.node(service());
    let (ada, mut bob) = (kit.connect().await, kit.connect_to(second).await);
    assert_eq!((kit.io().len(), kit.service(second).io().len()), (1, 1));
    ada.link().route(second);
    ada.link().cut();
    ada.link().restore();
    ada.connected().await;
    assert!(matches!(&*ada.status().borrow(), Status::Reset { .. }), "it knows no such session");
    ada.emit(Tell("from ada".into()));
    assert_eq!(bob.expect::<Told>().await.0, "from ada");
}

#[test]
fn a_clock_that_runs_or_several_threads_are_refused() {
    for runtime in [
        Builder::new_current_thread().enable_time().build().unwrap(),
        Builder::new_multi_thread().worker_threads(1).enable_time().build().unwrap(),
    ] {
        let said = runtime.block_on(message(async { drop(Kit::new(service())) }));
        assert!(said.contains("#[tokio::test(start_paused = true)]"), "{said}");
    }
}

/// A chat in bad weather: the trace, and what everybody was told.
fn storm(seed: u64) -> String {
    let runtime = Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
    runtime.block_on(async {
        let kit = Kit::seeded(service(), seed);
        let second = kit.node(service());
        let mut told = String::new();
        let mut clients = [
            kit.connect().await,
            kit.connect().await,
            kit.connect_to(second).await,
            kit.connect_to(second).await,
        ];
        let talking: Vec<_> = clients
            .iter()
            .map(|client| {
                let (remote, number) = ((**client).clone(), client.link().number());
                tokio::spawn(async move {
                    remote.emit(Join(format!("room {}", number % 2)));
                    for count in 0..10_u64 {
                        remote.emit(Tell(format!("{number}.{count}")));
                        let call = remote.call(Ask { text: format!("{number}?{count}") });
                        let _ = call.timeout(3 * SECOND).await;
                        sleep(Duration::from_millis(1_700 + 10 * number)).await;
                    }
                })
            })
            .collect();
        kit.chaos(20).await;
        for talking in talking {
            talking.await.unwrap();
        }
        kit.advance(120 * SECOND).await;
        for client in &mut clients {
            client.connected().await;
            client.emit(Tell("the end".into()));
            loop {
                let Told(text) = client.expect::<Told>().await;
                write!(told, "{text} ").unwrap();
                if text == "the end" {
                    break;
                }
            }
        }
        kit.trace() + &told
    })
}

#[test]
fn the_same_seed_has_the_same_trace() {
    let twice = |seed| {
        let (first, again) = (storm(seed), storm(seed));
        let differ = first.lines().zip(again.lines()).position(|(one, other)| one != other);
        let around = |text: &str, line: usize| {
            let lines = text.lines().skip(line.saturating_sub(5)).take(8);
            lines.collect::<Vec<_>>().join("\n")
        };
        if let Some(line) = differ {
            let (first, again) = (around(&first, line), around(&again, line));
            panic!("seed {seed}, line {line}:\n{first}\n\nagain:\n{again}");
        }
        assert!(first == again, "seed {seed}: one is longer");
        first
    };
    let traces: HashSet<String> = thread::scope(|scope| {
        // Beside each other: no thread but its own matters to a kit.
        let parts = [0..25, 25..50, 50..75, 75..100];
        let parts = parts.map(|seeds| scope.spawn(move || seeds.map(twice).collect::<Vec<_>>()));
        parts.into_iter().flat_map(|part| part.join().unwrap()).collect()
    });
    assert_eq!(traces.len(), 100, "another seed has another");
}
