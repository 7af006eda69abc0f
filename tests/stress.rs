//! Sockets that at random emit, call, join, leave and end, in a storm of broadcasts: everybody hears
//! one order without a gap, every call has an end, and nothing is left of it.
//!
//! A text is of four words: who sent it, the how-many-th of theirs it is, what it is, and a room. Two
//! witnesses are in all rooms from the first text to the last; what any other socket hears is compared
//! with what they heard. `STRESS_SECONDS` is how long each seed takes, 5 by default.

#[path = "stress/guest.rs"]
mod guest;
#[path = "stress/log.rs"]
mod log;
#[path = "stress/stage.rs"]
mod stage;

use guest::is_done;
use log::words;
use socketkit::{Client, CloseCode, Disconnect, Io, Limits, Server, Socket};
use stage::{Dice, END, PUBLISHERS, ROOMS, Stage, publish};
use std::{
    env,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst},
    },
    thread,
    time::Duration,
};
use tests::chat::{Chat, ClientEvent, PATIENCE, ServerEvent, client_event::*, next, soon, until};
use tokio::{
    runtime::Handle,
    sync::{Semaphore, oneshot},
    task::JoinHandle,
    time::{Instant, sleep},
};

const SOCKETS: usize = 64;
/// Texts of a publisher that the first witness has not heard. All of them fit into a queue.
const WINDOW: usize = 16;

/// Says so before a socket goes into a room or out of it, and afterwards.
fn seat(socket: &Socket<Chat>, text: &str, [before, after]: [&str; 2], act: impl FnOnce(&str)) {
    let [name, number, room] = words(text);
    publish(socket.io(), &format!("{name} {number} {before} {room}"));
    act(room);
    let number = number.parse::<usize>().unwrap() + 1;
    publish(socket.io(), &format!("{name} {number} {after} {room}"));
}

/// Hears all there is.
async fn witness(mut client: Client<Chat>, mut hear: impl FnMut(&str)) -> Client<Chat> {
    loop {
        let event = next(&mut client).await;
        let ServerEvent::Told(text) = event else { panic!("nobody sends {event:?}") };
        hear(&text);
        if text == END {
            return client;
        }
    }
}

async fn storm(seed: u64) {
    let tasks = || Handle::current().metrics().num_alive_tasks();
    let tasks_before = tasks();
    let opened = Arc::new(AtomicUsize::new(0));
    let codes = Arc::new(Mutex::new(Vec::new()));
    let (opens, ends) = (opened.clone(), codes.clone());
    // Who goes without a farewell is waited for, and does not come back.
    let away = Duration::from_millis(500);
    let limits = Limits::default().stall(PATIENCE).handshake(PATIENCE).resume(away);
    let service = Server::<Chat>::new()
        .limits(limits)
        .on_connect(async move || {
            opens.fetch_add(1, SeqCst);
        })
        .on_disconnect(async move |why: Disconnect| ends.lock().unwrap().push(why.code))
        .on(async |ask: Ask, io: Io<Chat>| {
            publish(&io, &ask.text);
            ask.text
        })
        .on(async |Tell(text): Tell, socket: Socket<Chat>| match text.as_str() {
            "close" => socket.close(),
            text => publish(socket.io(), text),
        })
        .on(async |Join(text): Join, socket: Socket<Chat>| {
            seat(&socket, &text, ["joining", "joined"], |room| socket.join(room));
        })
        .on(async |Leave(text): Leave, socket: Socket<Chat>| {
            seat(&socket, &text, ["leaving", "left"], |room| socket.leave(room));
        })
        .fallback(async |_: ClientEvent| {})
        .build();
    let (stop, stopped) = oneshot::channel::<()>();
    let (ready, addr) = oneshot::channel();
    let serve =
        service.listen("127.0.0.1:0").until(stopped).ready(|addr| ready.send(addr).unwrap());
    let listener = tokio::spawn(serve.into_future());
    let io = service.io();
    let stage = Arc::new(Stage {
        service,
        addr: soon(addr).await.unwrap(),
        log: Mutex::default(),
        windows: std::array::from_fn(|_| Semaphore::new(WINDOW)),
        over: AtomicBool::new(false),
        staying: AtomicUsize::new(0),
        silence: AtomicBool::new(false),
    });

    let (first, second) = (stage.dial(false).await, stage.dial(true).await);
    until(|| io.len() == 2).await;
    for room in ROOMS {
        io.all().join(room);
    }
    let (log, heard) = (stage.clone(), Arc::new(Mutex::new(Vec::new())));
    let second_log = heard.clone();
    let mut receivers = vec![
        tokio::spawn(witness(first, move |text| log.witnessed(text))),
        tokio::spawn(witness(second, move |text| second_log.lock().unwrap().push(text.to_owned()))),
    ];
    let mut dice = Dice(seed);
    let mut dice = || Dice(dice.below(usize::MAX) as u64);
    let mut publishers: Vec<_> =
        (0..PUBLISHERS).map(|index| stage.clone().publisher(index, dice())).collect();
    let last = publishers.pop().unwrap();
    let thread = thread::spawn(|| futures_executor::block_on(last));
    let publishers: Vec<_> = publishers.into_iter().map(tokio::spawn).collect();
    let slots = (0..SOCKETS).map(|slot| tokio::spawn(stage.clone().slot(slot, dice())));
    receivers.extend(slots);

    let seconds = env::var("STRESS_SECONDS").map_or(5, |seconds| seconds.parse().unwrap());
    let end = Instant::now() + Duration::from_secs(seconds);
    let failed = |receivers: &[JoinHandle<_>]| receivers.iter().position(JoinHandle::is_finished);
    while Instant::now() < end && failed(&receivers).is_none() {
        sleep(Duration::from_millis(20)).await;
    }
    stage.over.store(true, SeqCst);
    until(|| stage.staying.load(SeqCst) == SOCKETS || failed(&receivers).is_some()).await;
    if let Some(index) = failed(&receivers) {
        receivers.remove(index).await.unwrap();
    }
    stage.silence.store(true, SeqCst);
    let mut counts = Vec::new();
    for publisher in publishers {
        counts.push(soon(publisher).await.unwrap());
    }
    until(|| thread.is_finished()).await;
    counts.push(thread.join().unwrap());
    publish(&io, END);

    let mut clients = Vec::new();
    for receiver in receivers {
        clients.push(soon(receiver).await.unwrap());
    }
    {
        let log = stage.log();
        assert!(*heard.lock().unwrap() == log.order, "the witnesses heard two orders");
        for (index, count) in counts.iter().enumerate() {
            let heard = log.numbers.get(&format!("publisher-{index}"));
            assert_eq!(heard, Some(count), "texts of publisher {index}");
        }
    }

    until(|| io.len() == clients.len()).await;
    for client in &clients[..SOCKETS / 2] {
        soon(client.close()).await;
    }
    io.all().close();
    for mut client in clients {
        assert_eq!(soon(client.recv()).await, None);
        is_done(&client);
    }
    until(|| io.is_empty() && io.room_count() == 0).await;
    until(|| codes.lock().unwrap().len() == opened.load(SeqCst)).await;
    let _ = stop.send(());
    soon(listener).await.unwrap().unwrap();
    drop((stage, io));
    until(|| tasks() == tasks_before).await;
    let codes = codes.lock().unwrap();
    assert_eq!(codes.len(), opened.load(SeqCst), "each socket ends once");
    for code in codes.iter() {
        assert!([CloseCode::DONE, CloseCode::LOST].contains(code), "a socket ended with {code}");
    }
}

/// Everything of a storm panics in a task, so that the seed can be told.
async fn survives(seed: u64) {
    if let Err(error) = tokio::spawn(storm(seed)).await {
        panic!("seed {seed}: {error}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_storm_of_sockets_leaves_one_order_and_nothing_else() {
    survives(1).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_second_storm_leaves_one_order_and_nothing_else() {
    survives(2).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_third_storm_leaves_one_order_and_nothing_else() {
    survives(3).await;
}
