//! Who hears what, and in which order.

use super::{CONTROL, Kind, Node, message, numbered, room};
use crate::{
    NodeId, SocketId,
    cluster::{
        channel::{Channel, Interest},
        engine::Change,
    },
};
use bytes::Bytes;
use futures_util::FutureExt;

pub(super) async fn messages_of_one_channel_come_in_order(kind: &Kind) {
    let (_server, engine) = kind.start();
    let (mut from, mut to) = (Node::of(&*engine).await, Node::of(&*engine).await);
    to.begin(&[room(1)]).await;
    let sent = numbered(0..3_000);
    for some in sent.chunks(7) {
        let messages = some.iter().map(|payload| message(Channel::Room(1), payload.clone()));
        from.0.publisher.publish(messages.collect()).await.unwrap();
    }
    assert_eq!(to.hear(sent.len()).await, sent);
}

pub(super) async fn a_node_hears_only_what_it_asks_for(kind: &Kind) {
    let (_server, engine) = kind.start();
    let (mut from, mut to) = (Node::of(&*engine).await, Node::of(&*engine).await);
    let (own, other) = (NodeId::new(), NodeId::new());
    let socket = |node: NodeId| -> SocketId { format!("{node}-7").parse().unwrap() };
    to.begin(&[CONTROL, room(1), Interest::SocketsOf(own), Interest::In(Channel::Node(own))]).await;
    let say = [
        (Channel::Room(1), "room"),
        (Channel::Room(2), "another room"),
        (Channel::All, "all"),
        (Channel::Socket(socket(own)), "socket"),
        (Channel::Socket(socket(other)), "socket of another"),
        (Channel::Node(own), "node"),
        (Channel::Node(other), "another node"),
        (Channel::Control, "end"),
    ];
    let messages = say.map(|(channel, text)| message(channel, text));
    from.0.publisher.publish(messages.into()).await.unwrap();
    let mut heard = to.hear(4).await;
    heard.sort();
    assert_eq!(heard, ["end", "node", "room", "socket"]);

    to.begin(&[Interest::Rooms]).await;
    to.end(room(1)).await;
    for hash in 1..4 {
        from.say(Channel::Room(hash), format!("room {hash}")).await;
    }
    assert_eq!(to.hear(3).await, ["room 1", "room 2", "room 3"]);
    to.end(Interest::Rooms).await;
    from.say(Channel::Room(1), "room 1").await;
    from.say(Channel::Control, "end").await;
    assert_eq!(to.hear(1).await, ["end"]);
}

pub(super) async fn nothing_comes_of_what_is_not_asked_for_any_more(kind: &Kind) {
    let (_server, engine) = kind.start();
    let (mut from, mut to) = (Node::of(&*engine).await, Node::of(&*engine).await);
    to.begin(&[CONTROL, room(1)]).await;
    from.say(Channel::Room(1), "before").await;
    assert_eq!(to.hear(1).await, ["before"]);
    to.end(room(1)).await;
    // Once more is not an error.
    to.end(room(1)).await;
    from.say(Channel::Room(1), "after").await;
    from.say(Channel::Control, "end").await;
    assert_eq!(to.hear(1).await, ["end"]);
}

pub(super) async fn what_is_asked_for_again_comes_once(kind: &Kind) {
    let (_server, engine) = kind.start();
    let (mut from, mut to) = (Node::of(&*engine).await, Node::of(&*engine).await);
    to.begin(&[room(1), CONTROL, room(1)]).await;
    to.end(room(1)).await;
    to.begin(&[room(1)]).await;
    to.begin(&[room(1)]).await;
    from.say(Channel::Room(1), "once").await;
    assert_eq!(to.hear(1).await, ["once"]);
    from.say(Channel::Control, "end").await;
    assert_eq!(to.hear(1).await, ["end"]);
}

pub(super) async fn a_node_hears_what_it_says_after_it_asked(kind: &Kind) {
    let (_server, engine) = kind.start();
    let mut node = Node::of(&*engine).await;
    for hash in 0..200 {
        node.ask(&[room(hash)]).await;
        node.say(Channel::Room(hash), hash.to_string()).await;
    }
    let mut heard = node.hear(200).await;
    heard.sort_by_key(|payload| std::str::from_utf8(payload).unwrap().parse::<u32>().unwrap());
    assert_eq!(heard, numbered(0..200));
}

pub(super) async fn whoever_hears_that_a_node_asked_reaches_it(kind: &Kind) {
    let (_server, engine) = kind.start();
    let (mut here, mut there) = (Node::of(&*engine).await, Node::of(&*engine).await);
    there.begin(&[CONTROL]).await;
    for hash in 0..200 {
        here.ask(&[room(hash)]).await;
        here.say(Channel::Control, "it asked").await;
        there.hear(1).await;
        there.say(Channel::Room(hash), hash.to_string()).await;
        assert_eq!(here.hear(1).await, [hash.to_string()]);
    }
}

pub(super) async fn clusters_of_two_names_do_not_hear_each_other(kind: &Kind) {
    let (_server, engine) = kind.start();
    let (mut forum, mut from) = (Node::of(&*engine).await, Node::of(&*engine).await);
    let mut game = Node::of_cluster(&*engine, "game").await;
    forum.begin(&[CONTROL, Interest::Rooms]).await;
    game.begin(&[CONTROL, Interest::Rooms]).await;
    from.say(Channel::Room(1), "forum").await;
    assert_eq!(forum.hear(1).await, ["forum"]);
    game.say(Channel::Control, "game").await;
    assert_eq!(game.hear(1).await, ["game"]);
    assert!(forum.0.receiver.receive().now_or_never().is_none());
}

pub(super) async fn thousands_of_channels_are_told_apart(kind: &Kind) {
    let (_server, engine) = kind.start();
    let (mut from, mut to) = (Node::of(&*engine).await, Node::of(&*engine).await);
    to.begin(&(0..5_000).map(room).collect::<Vec<_>>()).await;
    let messages = (0..10_000).map(|hash| message(Channel::Room(hash), format!("{hash:05}")));
    from.0.publisher.publish(messages.collect()).await.unwrap();
    let mut heard = to.hear(5_000).await;
    heard.sort();
    let expected = (0..5_000).map(|hash| Bytes::from(format!("{hash:05}")));
    assert_eq!(heard, expected.collect::<Vec<_>>());

    let (even, odd): (Vec<_>, Vec<_>) = (0..5_000).partition(|hash| hash % 2 == 0);
    let ends = even.iter().map(|hash| Change::End(room(*hash))).collect();
    to.0.publisher.subscribe(ends).await.unwrap();
    let messages = (0..5_000).map(|hash| message(Channel::Room(hash), format!("{hash:05}")));
    from.0.publisher.publish(messages.collect()).await.unwrap();
    let mut heard = to.hear(odd.len()).await;
    heard.sort();
    let expected = odd.iter().map(|hash| Bytes::from(format!("{hash:05}")));
    assert_eq!(heard, expected.collect::<Vec<_>>());
}

pub(super) async fn a_big_batch_arrives_whole(kind: &Kind) {
    let (_server, engine) = kind.start();
    let (mut from, mut to) = (Node::of(&*engine).await, Node::of(&*engine).await);
    to.begin(&[room(1)]).await;
    let sent: Vec<_> = (0..10_000).map(|number| Bytes::from(format!("{number:01024}"))).collect();
    let messages = sent.iter().map(|payload| message(Channel::Room(1), payload.clone())).collect();
    let (published, heard) = tokio::join!(from.0.publisher.publish(messages), to.hear(10_000));
    published.unwrap();
    assert!(heard == sent);
}

pub(super) async fn a_receive_that_is_given_up_loses_nothing(kind: &Kind) {
    let (_server, engine) = kind.start();
    let (mut from, mut to) = (Node::of(&*engine).await, Node::of(&*engine).await);
    to.begin(&[room(1)]).await;
    let sent = numbered(0..1_000);
    let mut heard = Vec::new();
    for payload in &sent {
        from.say(Channel::Room(1), payload.clone()).await;
        if let Some(received) = to.0.receiver.receive().now_or_never() {
            heard.extend(received.unwrap());
        }
    }
    heard.extend(to.hear(sent.len() - heard.len()).await);
    assert_eq!(heard, sent);
}
