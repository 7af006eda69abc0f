//! What is kept, and how it is read.

use super::{Kind, Node, SOON, message, numbered, room};
use crate::{
    NodeId, SocketId,
    cluster::{
        channel::Channel,
        engine::{Change, Engine, EngineError, Entry, Line, Log, Logged, Outgoing, Recall, Stored},
        server::Server,
    },
};
use bytes::Bytes;
use std::{
    future::Future,
    sync::Arc,
    time::{Duration, Instant},
};
use tokio::time::{sleep, timeout};

const LOG: Log = Log { time: Duration::from_secs(60), bytes: 16 << 20 };

impl Kind {
    fn start_durable(&self) -> (Server, Box<dyn Engine>) {
        let server = (self.server)(self.durable);
        let engine = (self.engine)(format!("127.0.0.1:{}", server.port));
        (server, engine)
    }
}

/// A node with a log.
struct Keeping(Node, Arc<dyn Recall>);

impl Keeping {
    async fn of(engine: &dyn Engine) -> Self {
        Self::with(engine, LOG).await
    }

    async fn with(engine: &dyn Engine, log: Log) -> Self {
        let line = engine.connect("forum", Some(log)).await.unwrap();
        let recall = line.recall.clone().unwrap();
        Self(Node(line, Channel::Node(NodeId::new())), recall)
    }

    async fn keep(&mut self, channel: Channel, payloads: impl IntoIterator<Item = Bytes>) {
        let messages = payloads.into_iter().map(|payload| kept(channel, payload)).collect();
        self.0.0.publisher.publish(messages).await.unwrap();
    }

    async fn store(&mut self, entries: Vec<Entry>) -> Vec<Stored> {
        self.0.0.publisher.store(entries).await.unwrap()
    }

    /// Writes one session down; its number then.
    async fn replace(&mut self, id: SocketId, number: u64, session: &'static str) -> Option<u64> {
        let stored = self.store(vec![written(id, number, session)]).await;
        assert_eq!(stored.len(), 1);
        assert_eq!(stored[0].0, id);
        stored[0].1
    }

    async fn read(&self, channels: &[Channel]) -> Vec<Bytes> {
        self.read_within(channels, LOG.time).await
    }

    async fn read_within(&self, channels: &[Channel], within: Duration) -> Vec<Bytes> {
        let read = timeout(SOON, self.1.read(channels.to_vec(), within)).await.unwrap().unwrap();
        assert!(read.is_whole);
        read.payloads()
    }

    async fn session(&self, id: SocketId) -> Option<(Bytes, u64)> {
        self.1.session(id).await.unwrap()
    }

    async fn claim(&self, id: SocketId, number: u64, session: &'static str) -> Option<u64> {
        self.1.claim(id, number, session.into()).await.unwrap()
    }
}

fn kept(channel: Channel, payload: impl Into<Bytes>) -> Outgoing {
    Outgoing { is_kept: true, ..message(channel, payload) }
}

fn written(id: SocketId, number: u64, session: &'static str) -> Entry {
    Entry::Session { id, number, session: session.into() }
}

fn socket(node: NodeId, number: u64) -> SocketId {
    format!("{node}-{number}").parse().unwrap()
}

pub(super) async fn kept_messages_are_read_by_their_channels(kind: &Kind) {
    let (_server, engine) = kind.start_durable();
    let (mut from, to) = (Keeping::of(&*engine).await, Keeping::of(&*engine).await);
    let (node, all) = (NodeId::new(), Channel::All);
    let (one, other) = (Channel::Room(1), Channel::Room(2));
    let (socket, neighbour) = (self::socket(node, 7), Channel::Socket(self::socket(node, 8)));
    assert!(to.read(&[one, all]).await.is_empty());
    assert!(to.read(&(0..100).map(Channel::Room).collect::<Vec<_>>()).await.is_empty());
    let mut listening = Node::of(&*engine).await;
    listening.begin(&[room(1)]).await;
    // In turns, and with some that need not be kept among them.
    let channels = [one, all, Channel::Socket(socket), other, neighbour, Channel::Control];
    for some in numbered(0..1_000).chunks(25) {
        let of_each = |payload: &Bytes| {
            let payload = payload.clone();
            channels.map(|channel| Outgoing {
                is_kept: channel.is_kept(),
                ..message(channel, payload.clone())
            })
        };
        from.0.0.publisher.publish(some.iter().flat_map(of_each).collect()).await.unwrap();
    }
    let sent = numbered(0..1_000);
    assert_eq!(listening.hear(1_000).await, sent);
    for channel in &channels[..5] {
        assert_eq!(to.read(&[*channel]).await, sent, "{channel}");
    }
    // Once, however often it is asked for.
    let read = to.read(&[one, Channel::Socket(socket), Channel::Room(3), one]).await;
    // And in the order in which all of them were kept.
    assert!(read.into_iter().eq(sent.iter().flat_map(|payload| [payload; 2]).cloned()));
    assert!(to.read(&[]).await.is_empty());
    // Of many sockets of a node as well, and of no other.
    let many: Vec<_> = (9..29).map(|number| Channel::Socket(self::socket(node, number))).collect();
    let sockets: Vec<_> = many.iter().copied().chain([Channel::Socket(socket)]).collect();
    assert!(to.read(&many).await.is_empty());
    assert_eq!(to.read(&sockets).await, sent);

    // Those of another cluster are not among them.
    let game = engine.connect("game", Some(LOG)).await.unwrap();
    let read = game.recall.unwrap().read(vec![one, all], LOG.time).await.unwrap().payloads();
    assert_eq!(read, Vec::<Bytes>::new());
}

pub(super) async fn what_is_kept_survives_the_end_of_the_server(kind: &Kind) {
    let (mut server, engine) = kind.start_durable();
    let mut node = Keeping::of(&*engine).await;
    let (id, own) = (socket(NodeId::new(), 1), NodeId::new());
    let number = node.replace(id, 0, "session").await.unwrap();
    node.store(vec![Entry::Here(own)]).await;
    node.keep(Channel::Room(1), numbered(0..500)).await;
    server.kill();
    node.0.fail().await;
    server.again();
    let node = Keeping::of(&*engine).await;
    assert_eq!(node.read(&[Channel::Room(1)]).await, numbered(0..500));
    assert_eq!(node.session(id).await, Some(("session".into(), number)));
    assert!(node.1.silent(own).await.unwrap().unwrap() < SOON);
    assert_ne!(node.claim(id, number, "claimed").await, None);
}

pub(super) async fn what_is_kept_next_has_a_number_behind_the_end(kind: &Kind) {
    let (mut server, engine) = kind.start_durable();
    let mut node = Keeping::of(&*engine).await;
    assert_eq!(node.1.end().await.unwrap(), 0);
    node.keep(Channel::Room(1), numbered(0..10)).await;
    server.kill();
    node.0.fail().await;
    server.again();
    let mut node = Keeping::of(&*engine).await;
    let end = node.1.end().await.unwrap();
    node.keep(Channel::Room(2), numbered(10..20)).await;
    let channels = vec![Channel::Room(1), Channel::Room(2)];
    let read = node.1.read(channels, LOG.time).await.unwrap().messages;
    let (before, behind): (Vec<_>, _) = read.into_iter().partition(|kept| kept.number <= end);
    let payloads =
        |read: Vec<Logged>| read.into_iter().map(|kept| kept.payload).collect::<Vec<_>>();
    assert_eq!((payloads(before), payloads(behind)), (numbered(0..10), numbered(10..20)));
}

pub(super) async fn of_two_who_claim_a_session_one_gets_it(kind: &Kind) {
    let (_server, engine) = kind.start_durable();
    let (mut one, other) = (Keeping::of(&*engine).await, Keeping::of(&*engine).await);
    for number in 0..50 {
        let id = socket(NodeId::new(), number);
        let number = one.replace(id, 0, "before").await.unwrap();
        assert_eq!(other.session(id).await, Some(("before".into(), number)));
        let (has_one, has_other) =
            tokio::join!(one.claim(id, number, "one"), other.claim(id, number, "other"));
        assert!(has_one.is_some() != has_other.is_some());
        let (session, changed) = one.session(id).await.unwrap();
        assert_eq!(session, if has_one.is_some() { "one" } else { "other" });
        assert_eq!(has_one.or(has_other), Some(changed));
        assert_ne!(changed, number);
    }
}

pub(super) async fn a_session_that_changed_is_not_claimed_by_its_old_number(kind: &Kind) {
    let (_server, engine) = kind.start_durable();
    let mut node = Keeping::of(&*engine).await;
    let id = socket(NodeId::new(), 1);
    let (mut numbers, mut last) = (Vec::new(), 0);
    // As it was, too.
    for session in ["first", "second", "second"] {
        last = node.replace(id, last, session).await.unwrap();
        assert_eq!(node.session(id).await, Some((session.into(), last)));
        numbers.push(last);
    }
    for number in [0, numbers[0], numbers[1]] {
        assert_eq!(node.claim(id, number, "claimed").await, None);
        assert_eq!(node.replace(id, number, "written").await, None);
        node.store(vec![Entry::Ended { id, number }]).await;
    }
    assert_eq!(node.session(id).await, Some(("second".into(), numbers[2])));
    let claimed = node.claim(id, numbers[2], "claimed").await.unwrap();
    assert_eq!(node.claim(id, numbers[2], "claimed again").await, None);
    assert_eq!(node.session(id).await, Some(("claimed".into(), claimed)));
    assert_ne!(node.claim(id, claimed, "claimed again").await, None);
}

pub(super) async fn a_session_that_ended_is_not_there(kind: &Kind) {
    let (mut server, engine) = kind.start_durable();
    let mut node = Keeping::of(&*engine).await;
    let ids: Vec<_> = (0..100).map(|number| socket(NodeId::new(), number)).collect();
    let begun = ids.iter().map(|id| written(*id, 0, "session")).collect();
    let stored = node.store(begun).await;
    let number = stored[0].1.unwrap();
    // One that was never there, too.
    let never = socket(NodeId::new(), 7);
    let begun = stored.iter().map(|(id, number)| (*id, number.unwrap()));
    let ended = begun.take(99).chain([(never, 0)]);
    node.store(ended.map(|(id, number)| Entry::Ended { id, number }).collect()).await;
    for id in ids[..99].iter().chain([&never]) {
        assert_eq!(node.session(*id).await, None);
    }
    assert_eq!(node.claim(ids[0], number, "claimed").await, None);
    assert_eq!(node.session(ids[0]).await, None);
    assert_eq!(node.session(ids[99]).await.unwrap().0, "session");
    server.kill();
    server.again();
    let node = Keeping::of(&*engine).await;
    assert_eq!(node.session(ids[0]).await, None);
    assert_eq!(node.session(ids[99]).await.unwrap().0, "session");
}

pub(super) async fn a_node_is_silent_since_it_was_there(kind: &Kind) {
    let (_server, engine) = kind.start_durable();
    let (mut node, other) = (Keeping::of(&*engine).await, Keeping::of(&*engine).await);
    let (id, unknown) = (NodeId::new(), NodeId::new());
    assert_eq!(other.1.silent(id).await.unwrap(), None);
    let before = Instant::now();
    node.store(vec![Entry::Here(id)]).await;
    let stored = Instant::now();
    // Time has to go by for that.
    sleep(Duration::from_millis(1_500)).await;
    let asked = Instant::now();
    let silent = other.1.silent(id).await.unwrap().unwrap();
    // The server has a clock of its own, which goes as fast, and tells no less than milliseconds.
    let blur = Duration::from_millis(20);
    assert!(silent + blur >= asked - stored, "{silent:?}");
    assert!(silent <= before.elapsed() + blur, "{silent:?}");
    let before = Instant::now();
    node.store(vec![Entry::Here(id)]).await;
    let silent = other.1.silent(id).await.unwrap().unwrap();
    assert!(silent <= before.elapsed() + blur, "{silent:?}");
    assert_eq!(other.1.silent(unknown).await.unwrap(), None);
}

pub(super) async fn a_message_that_is_not_kept_is_an_error(kind: &Kind) {
    for signal in ["STOP", "KILL"] {
        let (server, engine) = kind.start_durable();
        let mut node = Keeping::of(&*engine).await;
        node.keep(Channel::Room(1), numbered(0..10)).await;
        server.signal(signal);
        let publisher = &mut node.0.0.publisher;
        let published = publisher.publish(vec![kept(Channel::Room(1), "lost")]);
        timeout(SOON, published).await.unwrap().unwrap_err();
        let stored = publisher.store(vec![Entry::Here(NodeId::new())]);
        timeout(SOON, stored).await.unwrap().unwrap_err();
    }
}

pub(super) async fn a_server_that_is_lost_ends_what_it_is_asked(kind: &Kind) {
    let id = socket(NodeId::new(), 1);
    for signal in ["STOP", "KILL"] {
        let (server, engine) = kind.start_durable();
        let node = Keeping::of(&*engine).await;
        server.signal(signal);
        let recall = &node.1;
        let since = Instant::now();
        let errors = tokio::join!(
            failed(recall.session(id)),
            failed(recall.claim(id, 1, "claimed".into())),
            failed(recall.silent(id.node())),
            failed(recall.read(vec![Channel::All], LOG.time)),
        );
        assert!(
            since.elapsed() < Duration::from_secs(6),
            "after {:?}: {errors:?}",
            since.elapsed()
        );
        // Neither afterwards.
        failed(recall.session(id)).await;
    }
    let (_server, engine) = kind.start_durable();
    let Keeping(Node(line, _), recall) = Keeping::of(&*engine).await;
    drop(line);
    failed(recall.read(vec![Channel::All], LOG.time)).await;
}

async fn failed<T>(asked: impl Future<Output = Result<T, EngineError>>) -> String {
    timeout(SOON, asked).await.unwrap().err().unwrap().to_string()
}

pub(super) async fn hundreds_of_channels_are_read_at_once(kind: &Kind) {
    let (_server, engine) = kind.start_durable();
    let (mut from, to) = (Keeping::of(&*engine).await, Keeping::of(&*engine).await);
    let rooms = (0..6_000).map(|number| (number % 600, number));
    let messages =
        rooms.map(|(hash, number)| kept(Channel::Room(hash), format!("{hash} {number}")));
    from.0.0.publisher.publish(messages.collect()).await.unwrap();
    // Some engines read few of them in another way than many.
    for count in [3, 40, 300] {
        let asked: Vec<_> = (0..count).map(|hash| Channel::Room(hash * 2)).collect();
        let read = to.read(&asked).await;
        assert_eq!(read.len(), asked.len() * 10);
        for hash in (0..count).map(|hash| hash * 2) {
            let prefix = format!("{hash} ");
            let of_it = read.iter().filter(|payload| payload.starts_with(prefix.as_bytes()));
            let expected = (0..10).map(|turn| format!("{hash} {}", hash + turn * 600));
            assert!(of_it.eq(expected.collect::<Vec<_>>().iter()), "{hash}");
        }
    }
}

pub(super) async fn messages_are_read_while_there_come_more(kind: &Kind) {
    let (_server, engine) = kind.start_durable();
    let (mut from, to) = (Keeping::of(&*engine).await, Keeping::of(&*engine).await);
    from.keep(Channel::Room(1), numbered(0..10_000)).await;
    let more = async {
        for some in numbered(10_000..20_000).chunks(100) {
            from.keep(Channel::Room(1), some.iter().cloned()).await;
        }
    };
    let (read, ()) = tokio::join!(to.read(&[Channel::Room(1)]), more);
    assert!(read.len() >= 10_000 && read.len() <= 20_000, "{}", read.len());
    assert_eq!(read, numbered(0..read.len() as u32));
}

pub(super) async fn what_was_kept_before_a_time_is_not_read(kind: &Kind) {
    let (_server, engine) = kind.start_durable();
    let mut node = Keeping::of(&*engine).await;
    node.keep(Channel::Room(1), numbered(0..100)).await;
    node.keep(Channel::Room(2), numbered(0..1)).await;
    let before = Instant::now();
    // Time has to go by for that: more than a second, which some engines do not part.
    sleep(Duration::from_millis(3_500)).await;
    node.keep(Channel::Room(1), numbered(100..200)).await;
    let rooms: Vec<_> = (1..40).map(Channel::Room).collect();
    for channels in [&rooms[..2], &rooms] {
        let read = node.read_within(channels, Duration::from_secs(1)).await;
        assert_eq!(read, numbered(100..200));
        let all = node.read_within(channels, before.elapsed() + Duration::from_secs(1)).await;
        assert_eq!(all.len(), 201);
    }
}

pub(super) async fn nodes_that_want_different_logs_agree(kind: &Kind) {
    let (_server, engine) = kind.start_durable();
    for round in 0..5 {
        let log = |number: u64| Log {
            time: Duration::from_secs(60 + (number * 7 + round) % 5),
            bytes: (16 + (number as usize * 3) % 5) << 20,
        };
        let connecting = (0..8).map(|number| engine.connect("forum", Some(log(number))));
        let lines = futures_util::future::join_all(connecting).await;
        let mut lines: Vec<Line> = lines.into_iter().map(Result::unwrap).collect();
        for line in &mut lines {
            line.publisher.publish(vec![kept(Channel::All, "kept")]).await.unwrap();
        }
        let read = lines[0]
            .recall
            .as_ref()
            .unwrap()
            .read(vec![Channel::All], LOG.time)
            .await
            .unwrap()
            .payloads();
        assert_eq!(read.len() as u64, (round + 1) * 8);
    }
}

pub(super) async fn without_a_log_nothing_is_kept(kind: &Kind) {
    let (_server, engine) = kind.start();
    let mut line = engine.connect("forum", None).await.unwrap();
    assert!(line.recall.is_none());
    line.publisher.store(vec![Entry::Here(NodeId::new())]).await.unwrap();
    line.publisher.subscribe(vec![Change::Begin(room(1))]).await.unwrap();
    line.publisher.publish(vec![kept(Channel::Room(1), "said")]).await.unwrap();
    assert_eq!(timeout(SOON, line.receiver.receive()).await.unwrap().unwrap(), ["said"]);
}
