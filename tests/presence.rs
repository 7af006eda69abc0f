//! Who is present: one entry a person, however many sockets it has and whatever becomes of them.

#[path = "presence/scene.rs"]
mod scene;

use scene::*;
use socketkit::{
    Server, Service, Socket,
    test::{Kit, Node},
};
use std::{
    collections::{BTreeSet, HashSet},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};
use tests::{
    chat::{listen, soon, until},
    dice::Dice,
};
use tokio::io::AsyncReadExt;

#[tokio::test]
async fn who_comes_is_told_the_list_and_the_others_of_one_entry() {
    let service = service(Server::new());
    let addr = listen(&service).await;
    let (mut ada, first) = enter(addr, "ada").await;
    let entry = |key: &str, sockets: &str| {
        format!(r#"{{"key":"{key}","member":{{"name":"{key}"}},"sockets":[{sockets}]}}"#)
    };
    let frame =
        |rest: &str| format!(r#"{{"event":"socketkit:presence","data":{{"room":7,{rest}}}}}"#);
    let ada_there = entry("ada", &format!(r#""{first}""#));
    assert_eq!(ada.line().await, frame(&format!(r#""from":0,"members":[{ada_there}]"#)));
    let (mut bob, second) = enter(addr, "bob").await;
    let bob_there = entry("bob", &format!(r#""{second}""#));
    assert_eq!(
        bob.line().await,
        frame(&format!(r#""from":0,"members":[{ada_there},{bob_there}]"#))
    );
    assert_eq!(ada.line().await, frame(&format!(r#""members":[{bob_there}]"#)));
    // Another socket of the same person: the entry has two.
    let (mut again, third) = enter(addr, "ada").await;
    let both = entry("ada", &format!(r#""{first}","{third}""#));
    assert_eq!(again.line().await, frame(&format!(r#""from":0,"members":[{both},{bob_there}]"#)));
    assert_eq!(bob.line().await, frame(&format!(r#""members":[{both}]"#)));
    assert_eq!(names(&service.io().presence(ROOM)), ["ada", "bob"]);
    // It leaves by one of them, and then by the other.
    again.send(r#"{"event":"leave"}"#).await;
    assert_eq!(bob.line().await, frame(&format!(r#""members":[{ada_there}]"#)));
    ada.send(r#"{"event":"leave"}"#).await;
    assert_eq!(bob.line().await, frame(r#""members":[{"key":"ada"}]"#));
    assert_eq!(names(&service.io().presence(ROOM)), ["bob"]);
    bob.send(r#"{"event":"leave"}"#).await;
    until(|| service.io().presence_len(ROOM) == 0).await;
    assert_eq!(service.io().room_count(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_reload_is_no_leave_and_a_lost_connection_is_one_after_a_while() {
    let kit = Kit::new(service(Server::new()));
    let watcher = kit.connect().await;
    watcher.emit(Watch);
    let mut presence = watcher.presence(ROOM);
    let ada = kit.connect().await;
    assert_eq!(ada.call(Enter(reader("ada"))).await.unwrap(), 1);
    told(&mut presence, &["ada"]).await;
    // Its page is closed, and opened again in time.
    ada.close().await;
    kit.advance(Duration::from_millis(1_900)).await;
    let ada = kit.connect().await;
    assert_eq!(ada.call(Enter(reader("ada"))).await.unwrap(), 1);
    kit.advance(Duration::from_secs(5)).await;
    assert_eq!(names(&presence.borrow()), ["ada"]);
    assert_eq!(presence.borrow()[0].sockets.len(), 1);
    // It is lost, and is back in time.
    ada.link().cut();
    kit.advance(Duration::from_secs(9)).await;
    ada.link().restore();
    ada.connected().await;
    kit.advance(Duration::from_secs(9)).await;
    assert_eq!(names(&presence.borrow()), ["ada"]);
    // It is lost for longer, and then back in the same session, without a word of its own.
    ada.link().cut();
    kit.advance(Duration::from_secs(11)).await;
    assert_eq!(names(&presence.borrow()), [""; 0]);
    assert_eq!(kit.io().len(), 2, "its session is kept");
    ada.link().restore();
    ada.connected().await;
    told(&mut presence, &["ada"]).await;
    // Its page is closed for good.
    ada.close().await;
    kit.advance(Duration::from_millis(1_500)).await;
    assert_eq!(names(&kit.io().presence(ROOM)), ["ada"]);
    kit.advance(Duration::from_millis(1_000)).await;
    assert_eq!(names(&kit.io().presence(ROOM)), [""; 0]);
    assert_eq!(names(&presence.borrow()), [""; 0]);
}

#[tokio::test(start_paused = true)]
async fn a_new_session_is_told_anew() {
    let kit = Kit::new(service(Server::new()));
    let ada = kit.connect().await;
    ada.call(Enter(reader("ada"))).await.unwrap();
    let bob = kit.connect().await;
    bob.emit(Watch);
    let mut presence = bob.presence(ROOM);
    told(&mut presence, &["ada"]).await;
    bob.link().cut();
    kit.advance(Duration::from_secs(61)).await;
    assert_eq!(kit.io().len(), 1);
    bob.link().restore();
    bob.connected().await;
    told(&mut presence, &[]).await;
    bob.emit(Watch);
    told(&mut presence, &["ada"]).await;
}

#[tokio::test]
async fn who_has_ended_is_shown_by_nobody() {
    let (addr, later) =
        (tests::chat::listen(&service(Server::new())).await, Arc::new(tokio::sync::Notify::new()));
    let held = later.clone();
    let service = Server::<Library>::new()
        .on(async move |Enter(reader): Enter, socket: Socket<Library>| {
            held.notified().await;
            socket.present(ROOM, reader);
            0
        })
        .fallback(async |_: ClientEvent| {})
        .build();
    let (mut peer, _) = enter(listen(&service).await, "ada").await;
    until(|| service.io().len() == 1).await;
    peer.leave(1000).await;
    until(|| service.io().is_empty()).await;
    later.notify_one();
    // Its handler has run when it is gone.
    let (mut bob, _) = enter(addr, "bob").await;
    bob.line().await;
    assert_eq!(service.io().presence_len(ROOM), 0);
}

/// Everybody is present from the beginning, under the name in the query.
fn welcoming() -> Service<Library> {
    Server::<Library>::new()
        .on_connect(async |socket: Socket<Library>| match socket.handshake().query("name") {
            Some(name) => socket.present(ROOM, reader(name)),
            None => socket.watch_presence(ROOM),
        })
        .fallback(async |_: ClientEvent| {})
        .build()
}

#[tokio::test(start_paused = true)]
async fn in_any_weather_everybody_is_told_in_the_end_who_is_there() {
    for seed in 0..20 {
        let kit = Kit::seeded(welcoming(), seed);
        let mut dice = Dice(seed);
        let (watcher, mut clients) = (kit.connect().await, Vec::new());
        for _ in 0..40 {
            match dice.below(5) {
                0 | 1 => {
                    let name = format!("p{}", dice.below(4));
                    let first = Node::FIRST;
                    let client = kit.connect_with(first, |client| client.query("name", &name));
                    clients.push((name.clone(), client.await.unwrap()));
                }
                2 if !clients.is_empty() => {
                    let at = dice.below(clients.len() as u64) as usize;
                    let (_, client) = clients.swap_remove(at);
                    client.close().await;
                }
                // Some seconds of it, or so long that sessions end.
                3 => kit.advance(Duration::from_secs(dice.below(70))).await,
                _ => kit.chaos(6).await,
            }
            let all = kit.io().presence(ROOM);
            assert_eq!(all.len(), kit.io().presence_len(ROOM));
            let sockets: Vec<_> = all.iter().flat_map(|present| &present.sockets).collect();
            let once: HashSet<_> = sockets.iter().collect();
            assert_eq!(sockets.len(), once.len(), "a socket is one person's: {all:?}");
        }
        kit.chaos(1).await;
        for (_, client) in &clients {
            client.link().restore();
            client.connected().await;
        }
        watcher.link().restore();
        watcher.connected().await;
        // Whoever did not come back is given up by now.
        kit.advance(Duration::from_secs(80)).await;
        let expected: BTreeSet<_> = clients.iter().map(|(name, _)| name.as_str()).collect();
        let expected: Vec<_> = expected.into_iter().collect();
        let here = kit.io().presence(ROOM);
        assert_eq!(names(&here), expected, "seed {seed}\n{}", kit.trace());
        let sockets = here.iter().map(|present| present.sockets.len()).sum::<usize>();
        assert_eq!(sockets, clients.len(), "seed {seed}");
        assert_eq!(*watcher.presence(ROOM).borrow(), here, "seed {seed}");
        for (_, client) in &clients {
            assert_eq!(*client.presence(ROOM).borrow(), here, "seed {seed}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_join_among_10_000_costs_each_one_small_frame() {
    let (service, bytes) = (service(Server::new()), Arc::new(AtomicUsize::new(0)));
    for _ in 0..=10_000 {
        let (mut ours, theirs) = tokio::io::duplex(64 * 1024);
        let (parts, ()) = http::Request::new(()).into_parts();
        let (service, bytes) = (service.clone(), bytes.clone());
        tokio::spawn(async move { service.upgraded(theirs, parts).await });
        tokio::spawn(async move {
            let mut buffer = [0; 4096];
            while let Ok(read @ 1..) = ours.read(&mut buffer).await {
                bytes.fetch_add(read, Ordering::Relaxed);
            }
        });
    }
    // The clock goes on when there is nothing left to do.
    tokio::time::sleep(Duration::from_secs(1)).await;
    let mut sockets = service.io().sockets();
    let last = sockets.pop().unwrap();
    assert_eq!(sockets.len(), 10_000);
    for (number, socket) in sockets.iter().enumerate() {
        socket.present(ROOM, reader(&format!("reader {number:05}")));
    }
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert_eq!(service.io().presence_len(ROOM), 10_000);
    let before = bytes.load(Ordering::Relaxed);
    last.watch_presence(ROOM);
    tokio::time::sleep(Duration::from_secs(1)).await;
    let list = bytes.load(Ordering::Relaxed) - before;
    last.present(ROOM, reader("ada"));
    tokio::time::sleep(Duration::from_secs(1)).await;
    let frame = format!(
        r#"{{"event":"socketkit:presence","data":{{"room":7,"members":[{{"key":"ada","member":{{"name":"ada"}},"sockets":["{}"]}}]}}}}"#,
        last.id()
    );
    assert!(frame.len() < 126, "{frame}");
    let told = bytes.load(Ordering::Relaxed) - before - list;
    assert_eq!(told, 10_001 * (2 + frame.len()), "one frame to each");
    assert!(list > 10_000 * 70, "the list went to who asked for it: {list}");
    assert_eq!(service.io().len(), 10_001, "nobody was too slow");
}

#[test]
fn a_runtime_that_ends_silences_no_room() {
    let runtime = || tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let (one, other, service) = (runtime(), runtime(), service(Server::new()));
    one.block_on(async {
        let ada = soon(service.local()).await;
        let mut presence = ada.remote().presence(ROOM);
        ada.emit(Watch);
        until(|| service.io().room_count() == 1).await;
        std::thread::scope(|scope| {
            // Its runtime is gone while changes are gathered.
            let bob = || {
                other.block_on(async {
                    let bob = soon(service.local()).await;
                    soon(bob.call(Enter(reader("bob")))).await.unwrap();
                });
                drop(other);
            };
            scope.spawn(bob).join().unwrap();
        });
        let zoe = soon(service.local()).await;
        soon(zoe.call(Enter(reader("zoe")))).await.unwrap();
        told(&mut presence, &["zoe"]).await;
    });
}
