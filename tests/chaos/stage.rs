//! A server and clients that count to each other, and call each other.

use crate::track::{CALLS_A_ROUND, Course, Fate, Side, Track, calls};
use futures_util::future::join_all;
use socketkit::{
    CallError, Client, CloseCode, Delivery, Disconnect, EventStats, Events, Handshake, Limits,
    Protocol, Reject, Remote, Replayed, Server, Session, Socket, State, Stats, Status,
};
use std::{
    pin::pin,
    sync::{Arc, Mutex},
    time::Duration,
};
use tests::{
    chat::PATIENCE,
    nodes::{Fixture, Nodes},
    proxy::{Link, Proxy},
};
use tokio::{sync::watch, time::timeout};

#[derive(Debug, Events)]
pub(crate) enum ClientEvent {
    /// One, two, three ..
    Count { number: u64 },
    /// Wants the number back.
    #[event(reply = u64)]
    Say { number: u64 },
}

#[derive(Debug, Events)]
pub(crate) enum ServerEvent {
    Counted {
        number: u64,
    },
    #[event(reply = u64)]
    Ask {
        number: u64,
    },
}

#[derive(Protocol)]
#[protocol(client = ClientEvent, server = ServerEvent)]
pub(crate) struct Chaos;

use client_event::{Count, Say};
use server_event::Ask;

/// A call waits for as long as the test goes on.
const EVER: Duration = Duration::from_secs(3_600);

/// So often a silent connection is heard of; one that is not for twice this time is given up.
const HEARTBEAT: Duration = Duration::from_secs(1);

/// See the module.
pub(crate) struct Stage {
    pub(crate) nodes: Nodes<Chaos>,
    seen: Arc<Seen>,
}

#[derive(Debug)]
struct Seen {
    tracks: Vec<Arc<Track>>,
    /// How sessions ended.
    ends: Mutex<Vec<CloseCode>>,
}

type Who = Session<usize>;
type See = State<Arc<Seen>>;

impl Seen {
    fn of(&self, who: &Who) -> &Arc<Track> {
        &self.tracks[**who]
    }
}

/// Emits all that is allowed, for as long as it is polled.
async fn count(track: Arc<Track>, side: Side, emit: impl Fn(u64) -> Delivery) {
    loop {
        let emitted = track.now().emitted[side as usize];
        track.allowed(|allowed| allowed > emitted).await;
        while let Some(number) = track.emits(side) {
            let delivery = emit(number);
            let is_elsewhere = track.fate() == Fate::Moves && delivery.forwarded;
            if delivery.queued + delivery.closed != 1 && !is_elsewhere {
                track.fault(format_args!("{side:?}: event {number} became {delivery:?}"));
            }
        }
    }
}

/// Makes the calls that belong to it, some at a time, until a session ends in which nobody can call.
async fn call<C>(track: Arc<Track>, side: Side, ask: impl Fn(u64) -> C)
where
    C: Future<Output = Result<u64, CallError>>,
{
    loop {
        let asked = track.now().asked[side as usize];
        track.allowed(|allowed| calls(allowed) > asked).await;
        let before = track.asks(side);
        let made = (1..=CALLS_A_ROUND).map(|index| ask(before + index));
        let answers = join_all(made).await;
        let mut goes_on = true;
        for (number, answer) in (before + 1..).zip(answers) {
            goes_on &= track.ends(side, number, answer);
        }
        if !goes_on && side == Side::Down {
            return;
        }
    }
}

async fn connected(socket: Socket<Chaos>, who: Who, see: See) {
    let track = see.of(&who).clone();
    track.note(|course| course.begun += 1);
    let speaker = socket.clone();
    let emit = move |number| speaker.emit(ServerEvent::Counted { number });
    let count = count(track.clone(), Side::Down, emit);
    if track.fate() == Fate::Moves {
        // What a socket has started ends when it leaves its node; its handle is good on all.
        tokio::spawn(count);
    } else {
        socket.spawn(count);
    }
    // Beyond the end of the socket, which tells how its calls end.
    tokio::spawn(call(track, Side::Down, move |number| socket.call(Ask { number })));
}

impl Stage {
    pub(crate) async fn new(on: Fixture, limits: Limits, clients: usize, fate: Fate) -> Self {
        let seen = Arc::new(Seen {
            tracks: (0..clients).map(|_| Arc::new(Track::new(fate))).collect(),
            ends: Mutex::default(),
        });
        let limits = limits.heartbeat(HEARTBEAT).call(EVER);
        let nodes = on.nodes(|server: Server<Chaos>| {
            server
                .limits(limits.clone())
                .state(seen.clone())
                .authorize(async |handshake: Handshake| {
                    let number = handshake.query("guest").and_then(|number| number.parse().ok());
                    number.ok_or_else(|| Reject::new("nobody", "who is it?"))
                })
                .identify(|number: &usize| *number)
                .on_connect(connected)
                .on(async |Count { number }: Count, who: Who, see: See| {
                    see.of(&who).hears(Side::Up, number);
                })
                .on(async |Say { number }: Say, who: Who, see: See| {
                    see.of(&who).runs(Side::Up, number);
                    tokio::task::yield_now().await;
                    number
                })
                .on_resume(async |Replayed(count): Replayed, who: Who, see: See| {
                    see.of(&who).note(|course| course.replayed += count);
                })
                .on_disconnect(async |why: Disconnect, who: Who, see: See| {
                    see.ends.lock().unwrap().push(why.code);
                    see.of(&who).note(|course| course.ended += 1);
                })
                .build()
        });
        Self { nodes: nodes.await, seen }
    }

    /// A count of all nodes.
    pub(crate) fn sum(&self, of: impl Fn(&Stats) -> u64) -> u64 {
        self.nodes.ios().map(|io| of(&io.stats())).sum()
    }

    /// A count of all nodes of the event that counts.
    pub(crate) fn counted(&self, of: impl Fn(&EventStats) -> u64) -> u64 {
        self.sum(|stats| of(stats.event("counted").expect("an event of the server")))
    }

    /// How the sessions ended that have.
    pub(crate) fn ends(&self) -> Vec<CloseCode> {
        self.seen.ends.lock().unwrap().clone()
    }
}

/// A client behind a network of its own, which leads every connection to another node, in which every connection waits until it is let through.
pub(crate) struct Guest {
    pub(crate) number: usize,
    pub(crate) remote: Remote<Chaos>,
    pub(crate) proxy: Proxy,
    /// Its present connection.
    pub(crate) link: Link,
    pub(crate) track: Arc<Track>,
}

impl Guest {
    pub(crate) async fn new(stage: &Stage, number: usize, limits: Limits) -> Self {
        let track = stage.seen.tracks[number].clone();
        let proxy = Proxy::among(stage.nodes.addrs(), number as u64).await;
        proxy.hold();
        let backoff = (Duration::from_millis(1), Duration::from_millis(20));
        let connecting = Client::builder(format!("ws://{}/ws", proxy.addr()))
            .query("guest", number.to_string())
            .limits(limits.backoff(backoff).call(EVER))
            .state(track.clone())
            .on(async |Ask { number }: Ask, track: State<Arc<Track>>| {
                track.runs(Side::Down, number);
                number
            })
            .connect();
        let admitting = async {
            let link = proxy.accepted().await;
            link.release();
            link
        };
        let (client, link) = track.soon(async { tokio::join!(connecting, admitting) }).await;
        let client = client.unwrap();
        let remote = client.remote().clone();
        tokio::spawn(hear(client, track.clone()));
        tokio::spawn(watch(remote.status(), track.clone()));
        let (counter, caller) = (remote.clone(), remote.clone());
        tokio::spawn(count(track.clone(), Side::Up, move |number| counter.emit(Count { number })));
        tokio::spawn(call(track.clone(), Side::Up, move |number| caller.call(Say { number })));
        Self { number, remote, proxy, link, track }
    }

    /// Lets no connection through until it has come so far.
    pub(crate) async fn reach_quietly(&self, is_reached: impl Fn(&Course) -> bool) {
        self.track.soon(self.track.reach(is_reached)).await;
    }

    /// Lets connections through until it has come so far.
    pub(crate) async fn reach(&mut self, is_reached: impl Fn(&Course) -> bool) {
        let mut reached = pin!(self.track.soon(self.track.reach(is_reached)));
        loop {
            // A proxy is impatient, and nothing may be wrong where nothing is dialled.
            let dialled = timeout(PATIENCE / 2, self.proxy.accepted());
            tokio::select! {
                _ = &mut reached => return,
                link = dialled => if let Ok(link) = link {
                    link.release();
                    self.link = link;
                },
            }
        }
    }
}

/// Notes what the client is told; whoever makes it happen waits for it.
async fn watch(mut status: watch::Receiver<Status>, track: Arc<Track>) {
    while status.changed().await.is_ok() {
        if let Status::Reset { reason, unconfirmed } = *status.borrow_and_update() {
            track.note(|course| course.resets.push((reason, unconfirmed)));
        }
    }
}

async fn hear(mut client: Client<Chaos>, track: Arc<Track>) {
    while let Some(event) = client.recv().await {
        match event {
            ServerEvent::Counted { number } => track.hears(Side::Down, number),
            ServerEvent::Ask { number } => track.fault(format_args!("call {number} is no event")),
        }
    }
    let mut status = client.status();
    let closed = status.wait_for(|status| matches!(status, Status::Closed { .. })).await;
    match closed.as_deref() {
        Ok(Status::Closed { code: CloseCode::DONE, .. }) => {}
        other => track.fault(format_args!("the client gave up: {other:?}")),
    }
}
