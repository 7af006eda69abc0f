//! A server, somebody who sends it whatever a script says, and somebody else who must not notice.

use super::{client::Client, known::Known};
use crate::{
    Events, Handshake, Io, Limits, Protocol, Reject, Server, Service, Session, Socket, SocketId,
    State, peer::lock,
};
use serde_json::Value;
use std::{collections::HashMap, sync::Mutex, time::Duration};
use tokio::{
    runtime::{Builder, Runtime},
    time::{Instant, sleep},
};

#[derive(Debug, Events)]
#[events(crate = crate)]
pub(super) enum ClientEvent {
    #[event(reply = Value)]
    Echo(Value),
    /// So many ticks are to come.
    Ticks(u8),
    /// Answered with what the client answers.
    #[event(reply = Value)]
    Ask(Value),
    /// Answered so many milliseconds later.
    #[event(reply = u16)]
    Wait(u16),
    #[event(max = "32B", rate = "3/s")]
    Short(String),
    Shout(u8),
    #[event(volatile)]
    Nothing,
    Refused,
}

#[derive(Debug, Events)]
#[events(crate = crate)]
pub(super) enum ServerEvent {
    /// 1, 2, 3 .. in a session.
    Tick(u64),
    #[event(reply = Value)]
    Confirm(Value),
    #[event(volatile)]
    Shouted(u8),
    #[event(latest)]
    Newest(u64),
}

#[derive(Debug, Protocol)]
#[protocol(client = ClientEvent, server = ServerEvent, crate = crate)]
pub(super) struct Fuzzed;

use client_event::{Ask, Echo, Nothing, Refused, Short, Shout, Ticks, Wait};

/// How many ticks each session was sent.
type Ticked = Mutex<HashMap<SocketId, u64>>;

async fn let_in(handshake: Handshake) -> Result<String, Reject> {
    match handshake.query("user").unwrap_or_default() {
        "unauthorized" => Err(Reject::new("unauthorized", "nobody")),
        "forbidden" => Err(Reject::new("forbidden", "not you")),
        user => Ok(user.to_owned()),
    }
}

async fn echo(Echo(value): Echo, _: Session<String>) -> Value {
    value
}

async fn ticks(Ticks(count): Ticks, socket: Socket<Fuzzed>, ticked: State<Ticked>) {
    for _ in 0..count % 16 {
        let number = {
            let mut ticked = lock(&ticked);
            let number = ticked.entry(socket.id()).or_default();
            *number += 1;
            *number
        };
        socket.emit(ServerEvent::Tick(number));
        socket.emit(ServerEvent::Newest(number));
    }
}

async fn ask(Ask(value): Ask, socket: Socket<Fuzzed>) -> Result<Value, Reject> {
    let answer = socket.call(server_event::Confirm(value)).await;
    answer.map_err(|error| Reject::new("unanswered", error.to_string()))
}

async fn wait(Wait(time): Wait) -> u16 {
    sleep(Duration::from_millis(time.into())).await;
    time
}

async fn shout(Shout(what): Shout, io: Io<Fuzzed>) {
    io.broadcast(ServerEvent::Shouted(what));
}

async fn ended(id: SocketId, ticked: State<Ticked>) {
    lock(&ticked).remove(&id);
}

thread_local! {
    static SERVICE: Service<Fuzzed> = service();
}

/// One whose limits are soon met.
fn service() -> Service<Fuzzed> {
    let limits = Limits::default().frame(1024).calls(4).call(Duration::from_secs(3));
    let limits = limits.waiting(4).backlog(2048).rate(200).burst(300);
    let limits = limits.queue(32).queue_bytes(4096).queue_hard_bytes(16_384);
    let limits = limits.stall(Duration::from_secs(10)).resume(RESUME).window(24).window_bytes(1024);
    let limits = limits.heartbeat(Duration::from_secs(20)).handshake(Duration::from_secs(2));
    Server::<Fuzzed>::new()
        .limits(limits.grace(Duration::from_secs(2)))
        .state(Ticked::default())
        .authorize(let_in)
        .identify(|user: &String| user.clone())
        .on_disconnect(ended)
        .on(echo)
        .on(ticks)
        .on(ask)
        .on(wait)
        .on(async |Short(text): Short| drop(text))
        .on(shout)
        .on(async |Nothing: Nothing| {})
        .on(async |Refused: Refused| Err::<(), _>(Reject::new("refused", "never")))
        .build()
}

/// How long a session is waited for.
const RESUME: Duration = Duration::from_secs(10);

/// Longer than anything that was asked for takes, one after the other.
const PATIENCE: Duration = Duration::from_secs(400);

/// Does to a server what a script says.
pub(super) fn serve(script: &[u8]) {
    let service = SERVICE.with(Service::clone);
    runtime().block_on(async { Scene::new(service).play(script).await });
}

/// Does to a client what a script says.
#[cfg(feature = "client")]
pub(super) fn listen(script: &[u8]) {
    runtime().block_on(async { super::remote::Scene::new().play(script).await });
}

/// One whose time goes on when there is nothing to do.
fn runtime() -> Runtime {
    let runtime = Builder::new_current_thread().enable_time().start_paused(true).build();
    let Ok(runtime) = runtime else { panic!("no runtime") };
    runtime
}

struct Scene {
    service: Service<Fuzzed>,
    witness: Client,
    /// The present connection, and the one before it.
    clients: [Option<Client>; 2],
    known: Known,
    until: Instant,
    frames: usize,
}

impl Scene {
    fn new(service: Service<Fuzzed>) -> Self {
        let mut known = Known::default();
        let witness = Client::connect(&service, &mut known, b"witness");
        let until = Instant::now() + Duration::from_secs(100);
        Self { service, witness, clients: [None, None], known, until, frames: 0 }
    }

    async fn play(mut self, script: &[u8]) {
        self.connect(b"");
        for line in script.split(|byte| *byte == b'\n').take(100) {
            self.act(line).await;
        }
        self.settle().await;
        let [present, before] = &mut self.clients;
        for client in [present, before].into_iter().flatten() {
            client.is_deaf = false;
        }
        self.whoever_breaks_the_rules_is_closed().await;
        self.witness_is_served().await;
        self.clients = [None, None];
        self.whoever_comes_back_is_served().await;
        self.clients = [None, None];
        // A connection that is not read is found to be lost when its handlers are done.
        let until = Instant::now() + PATIENCE;
        while self.service.io().len() > 1 {
            assert!(Instant::now() < until, "a session that nobody comes back to");
            self.pass(RESUME + Duration::from_secs(3)).await;
        }
        self.witness_is_served().await;
        let Self { service, witness, known, .. } = self;
        drop(witness);
        sleep(RESUME + Duration::from_secs(3)).await;
        assert_eq!(service.io().len(), 0);
        known.ended().await;
    }

    /// Does what a line says.
    async fn act(&mut self, line: &[u8]) {
        let (what, rest) = line.split_first().map_or((b' ', line), |(what, rest)| (*what, rest));
        let present = self.clients[0].as_mut();
        match (what, present) {
            (b'+', _) => {
                self.settle().await;
                self.connect(rest);
            }
            (b'~', _) => {
                let time = Duration::from_millis(number(rest).min(20_000));
                let left = self.until.saturating_duration_since(Instant::now());
                return self.pass(time.min(left)).await;
            }
            (b'&', _) => {
                self.settle().await;
                self.clients.swap(0, 1);
            }
            (b' ', _) => {}
            (b'-', Some(client)) if rest.is_empty() => {
                client.send_now();
                self.clients[0] = None;
            }
            (b'-', Some(client)) => client.close(number(rest) as u16),
            (b'=', Some(client)) => client.is_deaf = !client.is_deaf,
            (b'!', Some(client)) => client.raw(rest),
            (b'#', Some(client)) => client.see(&mut self.known, rest),
            (b'*', Some(client)) => {
                let (count, text) = rest.split_at(rest.len().min(2));
                for _ in 0..number(count).min(200_usize.saturating_sub(self.frames) as u64) {
                    self.frames += 1;
                    client.text(&mut self.known, text);
                }
            }
            (_, Some(client)) => {
                client.text(&mut self.known, line);
                return;
            }
            (_, None) => {}
        }
        self.settle().await;
    }

    fn connect(&mut self, how: &[u8]) {
        let client = Client::connect(&self.service, &mut self.known, how);
        self.clients[1] = self.clients[0].replace(client);
    }

    /// Lets everybody do what there is to do.
    async fn settle(&mut self) {
        for _ in 0..100 {
            // Time goes on when nobody has anything to do.
            sleep(Duration::from_millis(1)).await;
            let mut is_at_work = self.witness.pump(&mut self.known);
            for client in self.clients.iter_mut().flatten() {
                is_at_work |= client.pump(&mut self.known);
            }
            if !is_at_work {
                return;
            }
        }
    }

    async fn pass(&mut self, time: Duration) {
        let until = Instant::now() + time;
        loop {
            self.settle().await;
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return;
            }
            sleep(left.min(Duration::from_secs(9))).await;
        }
    }

    async fn witness_is_served(&mut self) {
        let id = self.witness.call(&mut self.known);
        self.settle().await;
        assert!(self.known.is_answered(&self.witness, id), "the witness has no answer");
    }

    async fn whoever_breaks_the_rules_is_closed(&mut self) {
        let until = Instant::now() + PATIENCE;
        while let Some(client) = self.clients.iter().flatten().find(|it| it.is_to_be_closed()) {
            assert!(Instant::now() < until, "it is not closed: {client:?}");
            self.pass(Duration::from_secs(5)).await;
        }
    }

    /// One who says the truth, whatever was before; and who comes again when he is told to.
    async fn whoever_comes_back_is_served(&mut self) {
        let until = Instant::now() + PATIENCE;
        for _ in 0..3 {
            self.settle().await;
            let how = if self.known.may_come_back() { &b" @.$.%"[..] } else { b"" };
            let client = Client::connect(&self.service, &mut self.known, how);
            self.clients[0] = Some(client);
            // Whose was the session?
            self.settle().await;
            let Some(client) = &mut self.clients[0] else { return };
            let id = client.call(&mut self.known);
            while Instant::now() < until {
                let Some(client) = &self.clients[0] else { return };
                if self.known.is_answered(client, id) {
                    return self.known.are_answered(client);
                }
                if client.is_too_slow() {
                    break;
                }
                self.pass(Duration::from_secs(5)).await;
            }
        }
        panic!("whoever comes back has no answer: {:?}", self.clients[0]);
    }
}

/// The number that digits are, as far as they are.
pub(super) fn number(digits: &[u8]) -> u64 {
    let digits = digits.iter().take_while(|byte| byte.is_ascii_digit());
    digits.fold(0, |number: u64, digit| {
        number.saturating_mul(10).saturating_add((digit - b'0').into())
    })
}
