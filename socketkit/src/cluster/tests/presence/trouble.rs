//! Engines that fail, messages that are lost, and nodes that fall silent.

use super::*;

#[tokio::test]
async fn what_happens_while_the_engine_is_down_is_told_when_it_is_up() {
    let engine = Memory::default();
    let [one, two] = nodes(&engine).await;
    let [ada, bob, eve] = [&one, &two, &one].map(crate::service::Service::local);
    let (ada, bob, eve) = soon(async { tokio::join!(ada, bob, eve) }).await;
    enter(&ada, "ada").await;
    enter(&bob, "bob").await;
    known(&[&one, &two], &["ada", "bob"]).await;
    engine.down();
    for node in [&one, &two] {
        let mut status = node.io().cluster();
        soon(status.wait_for(|status| *status == ClusterStatus::Degraded)).await.unwrap();
    }
    soon(ada.call(Leave)).await.unwrap();
    enter(&eve, "eve").await;
    let zoe = soon(two.local()).await;
    enter(&zoe, "zoe").await;
    wait(&mut told(&eve), &["bob", "eve"]).await;
    engine.up();
    known(&[&one, &two], &["bob", "eve", "zoe"]).await;
    for client in [&bob, &eve, &zoe] {
        assert_eq!(*client.status().borrow(), Status::Open);
        wait(&mut told(client), &["bob", "eve", "zoe"]).await;
    }
}

#[tokio::test]
async fn who_is_present_before_the_cluster_is_there_is_told_when_it_is() {
    let engine = Memory::default();
    engine.down();
    let alone = || {
        let standalone = crate::ClusterOptions { is_standalone: true, ..engine.clone().into() };
        Server::<Library>::new()
            .cluster(standalone)
            .on(async |Enter(reader): Enter, socket: Socket<Library>| socket.present(ROOM, reader))
            .ignore::<Watch>()
            .ignore::<Leave>()
            .build()
    };
    let [one, two] = [alone(), alone()];
    let [ada, bob] = [soon(one.local()).await, soon(two.local()).await];
    enter(&ada, "ada").await;
    enter(&bob, "bob").await;
    wait(&mut told(&ada), &["ada"]).await;
    engine.up();
    known(&[&one, &two], &["ada", "bob"]).await;
    wait(&mut told(&ada), &["ada", "bob"]).await;
    assert_eq!(*bob.status().borrow(), Status::Open);
}

#[tokio::test]
async fn what_was_lost_on_the_way_is_told_all_the_same() {
    let engine = Memory::default();
    let [one, two] = nodes(&engine).await;
    let [ada, bob] = [soon(one.local()).await, soon(two.local()).await];
    watch(&bob).await;
    enter(&ada, "ada").await;
    wait(&mut told(&bob), &["ada"]).await;
    let mut count = 0;
    engine.lose(move |_, channel, _| {
        count += usize::from(matches!(channel, Channel::Room(_)));
        count % 3 == 2
    });
    for mood in 1..=100 {
        soon(ada.call(Enter(reader("ada", mood)))).await.unwrap();
    }
    let is_last = |all: &Vec<Present<Reader>>| all[0].member.mood >= 99;
    soon(told(&bob).wait_for(is_last)).await.unwrap();
    assert_eq!((two.io().stats().gaps, bob.status().borrow().clone()), (0, Status::Open));
}

#[tokio::test]
async fn what_cannot_be_said_again_is_asked_for() {
    let engine = Memory::default();
    let few = || Limits::default().repeated(1).drain_interval(Duration::ZERO);
    let (one, two) = (node(&engine, few()), node(&engine, few()));
    soon(two.joined()).await.unwrap();
    until(|| one.io().nodes().len() + two.io().nodes().len() == 2).await;
    let [ada, bob, eve] = [&one, &two, &one].map(crate::service::Service::local);
    let (ada, bob, eve) = soon(async { tokio::join!(ada, bob, eve) }).await;
    enter(&ada, "ada").await;
    enter(&bob, "bob").await;
    known(&[&one, &two], &["ada", "bob"]).await;
    let from = one.io().node();
    engine.lose(move |_, channel, message| {
        let message = Message::read(bytes::Bytes::copy_from_slice(message)).unwrap();
        matches!(channel, Channel::Room(_)) && message.head.from == from
    });
    for client in [&ada, &eve] {
        let published = engine.published();
        match client.call(Leave) {
            leave if std::ptr::eq(client, &ada) => soon(leave).await.unwrap(),
            _ => enter(client, "eve").await,
        }
        until(|| engine.published() > published).await;
    }
    engine.lose(|_, _, _| false);
    soon(eve.call(Enter(reader("eve", 2)))).await.unwrap();
    let knows = |all: &[Present<Reader>]| {
        all.iter().any(|it| it.member == reader("eve", 2)) && all.iter().all(|it| it.key != "ada")
    };
    until(|| knows(&two.io().presence(ROOM))).await;
}

#[tokio::test]
async fn the_sockets_of_a_node_that_falls_silent_are_lost_and_come_back_with_it() {
    let engine = Memory::default();
    let [one, two] = nodes(&engine).await;
    let [ada, bob] = [soon(one.local()).await, soon(two.local()).await];
    enter(&ada, "ada").await;
    enter(&bob, "bob").await;
    known(&[&one, &two], &["ada", "bob"]).await;
    let from = one.io().node();
    engine.lose(move |_, _, message| {
        Message::read(bytes::Bytes::copy_from_slice(message)).unwrap().head.from == from
    });
    soon(async {
        while !two.io().nodes().is_empty() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    })
    .await;
    let gone = Instant::now();
    assert_eq!(two.io().presence_len(ROOM), 2, "it may come back");
    let mut presence = told(&bob);
    tokio::time::timeout(Duration::from_secs(20), presence.wait_for(|all| names(all) == ["bob"]))
        .await
        .unwrap()
        .unwrap();
    assert!(gone.elapsed() >= Duration::from_millis(9_900), "{:?}", gone.elapsed());
    engine.lose(|_, _, _| false);
    known(&[&one, &two], &["ada", "bob"]).await;
    wait(&mut presence, &["ada", "bob"]).await;
}

#[tokio::test]
async fn who_is_lost_for_long_is_gone_everywhere_and_back_with_its_session() {
    let engine = Memory::default();
    let all = nodes::<2>(&engine).await;
    let bob = soon(all[1].local()).await;
    watch(&bob).await;
    let mut presence = told(&bob);
    let roaming = Roaming::new(&all);
    let limits = Limits::default().backoff((Duration::from_millis(20), Duration::from_millis(20)));
    let ada = soon(roaming.client().limits(limits).connect()).await.unwrap();
    enter(&ada, "ada").await;
    wait(&mut presence, &["ada"]).await;
    roaming.go_to(usize::MAX);
    until(|| all[0].io().local().connected() == 0).await;
    let lost = Instant::now();
    tokio::time::timeout(Duration::from_secs(20), presence.wait_for(std::vec::Vec::is_empty))
        .await
        .unwrap()
        .unwrap();
    assert!(lost.elapsed() >= Duration::from_millis(9_900), "{:?}", lost.elapsed());
    known(&[&all[0], &all[1]], &[]).await;
    // On the other node, too.
    roaming.go_to(1);
    resumed(&ada).await;
    wait(&mut presence, &["ada"]).await;
    wait(&mut told(&ada), &["ada"]).await;
}

#[tokio::test]
async fn a_node_does_not_answer_itself() {
    let engine = Memory::default();
    let [one, two] = nodes(&engine).await;
    let [ada, bob] = [soon(one.local()).await, soon(two.local()).await];
    enter(&ada, "ada").await;
    enter(&bob, "bob").await;
    known(&[&one, &two], &["ada", "bob"]).await;
    // A session that comes is told what its new node is about to say.
    let question = Record::PresenceAsk {
        rooms: vec![RawValue::from_string(ROOM.to_string()).unwrap()],
        always: false,
        begins: Some(u64::MAX),
        back: false,
    };
    let whom = Whom { only: Some(one.io().sockets()[0].id()), except: &[] };
    one.hub().apply(one.io().node(), &question, &[], &whom);
    known(&[&one, &two], &["ada", "bob"]).await;
}

#[tokio::test]
async fn a_question_that_is_not_answered_is_asked_again() {
    let engine = Memory::default();
    let [one, two] = nodes(&engine).await;
    let [ada, bob, eve] = [&one, &two, &one].map(Service::local);
    let (ada, bob, eve) = soon(async { tokio::join!(ada, bob, eve) }).await;
    enter(&ada, "ada").await;
    engine.lose(|_, _, message| {
        let message = Message::read(bytes::Bytes::copy_from_slice(message)).unwrap();
        message.head.records.iter().any(|it| matches!(it, Record::PresenceAsk { .. }))
    });
    enter(&bob, "bob").await;
    enter(&eve, "eve").await;
    until(|| names(&two.io().presence(ROOM)) == ["bob", "eve"]).await;
    engine.lose(|_, _, _| false);
    // With what it hears next it finds that it has no answer.
    soon(async {
        for mood in 1.. {
            soon(eve.call(Enter(reader("eve", mood)))).await.unwrap();
            if two.io().presence_len(ROOM) == 3 {
                return;
            }
        }
    })
    .await;
    known(&[&one, &two], &["ada", "bob", "eve"]).await;
}

#[tokio::test]
async fn nodes_that_come_back_one_after_the_other_tell_each_other_all() {
    let engine = Memory::default();
    let [one, two] = nodes(&engine).await;
    let [ada, bob] = [soon(one.local()).await, soon(two.local()).await];
    enter(&ada, "ada").await;
    until(|| one.io().presence_len(ROOM) == 1).await;
    // Its question is lost with the connections, whichever of them is there again first.
    engine.lose(|_, _, message| {
        let message = Message::read(bytes::Bytes::copy_from_slice(message)).unwrap();
        message.head.records.iter().any(|it| matches!(it, Record::PresenceAsk { .. }))
    });
    enter(&bob, "bob").await;
    engine.cut();
    engine.lose(|_, _, _| false);
    known(&[&one, &two], &["ada", "bob"]).await;
}
