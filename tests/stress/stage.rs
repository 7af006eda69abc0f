//! What the tasks of a run share, and what they do but for the sockets of ours.

use crate::{
    guest::Guest,
    log::{Log, words},
};
use serde_json::{Value, json};
use socketkit::{Client, Io, Service};
use std::{
    collections::HashSet,
    net::SocketAddr,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst},
    },
};
use tests::{
    chat::{Chat, ServerEvent, soon, until},
    raw::{Bytes, TEXT, frame},
};
use tokio::sync::Semaphore;

/// The last of them is a plain thread.
pub(crate) const PUBLISHERS: usize = 4;
pub(crate) const ROOMS: [&str; 6] = ["red", "green", "blue", "white", "black", "grey"];
pub(crate) const END: &str = "end 0 all -";

/// Random numbers that a seed repeats: splitmix64.
pub(crate) struct Dice(pub(crate) u64);

impl Dice {
    pub(crate) fn below(&mut self, bound: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((z ^ (z >> 31)) % bound as u64) as usize
    }

    pub(crate) fn room(&mut self) -> &'static str {
        ROOMS[self.below(ROOMS.len())]
    }
}

pub(crate) fn publish(io: &Io<Chat>, text: &str) {
    let [_, _, what, room] = words(text);
    let target = if what == "in" { io.to(room) } else { io.all() };
    let delivery = target.emit(ServerEvent::Told(text.into()));
    assert_eq!(delivery.dropped, 0, "{text}");
}

/// What all tasks of a run share.
pub(crate) struct Stage {
    pub(crate) service: Service<Chat>,
    pub(crate) addr: SocketAddr,
    pub(crate) log: Mutex<Log>,
    pub(crate) windows: [Semaphore; PUBLISHERS],
    /// Sockets are to stay from now on.
    pub(crate) over: AtomicBool,
    pub(crate) staying: AtomicUsize,
    /// Publishers are to end.
    pub(crate) silence: AtomicBool,
}

impl Stage {
    pub(crate) async fn dial(&self, tcp: bool) -> Client<Chat> {
        if !tcp {
            return soon(self.service.local()).await;
        }
        soon(Client::connect(format!("ws://{}/ws", self.addr))).await.unwrap()
    }

    /// Publishes as fast as the first witness hears; how many texts it were.
    pub(crate) async fn publisher(self: Arc<Self>, index: usize, mut dice: Dice) -> usize {
        let (io, mut number) = (self.service.io(), 0);
        while !self.silence.load(SeqCst) {
            self.windows[index].acquire().await.unwrap().forget();
            let what = if dice.below(4) == 0 { "in" } else { "all" };
            publish(&io, &format!("publisher-{index} {number} {what} {}", dice.room()));
            number += 1;
        }
        number
    }

    pub(crate) fn witnessed(&self, text: &str) {
        self.log().add(text);
        let publisher = text.strip_prefix("publisher-").and_then(|rest| rest.split(' ').next());
        if let Some(index) = publisher {
            self.windows[index.parse::<usize>().unwrap()].add_permits(1);
        }
    }

    /// Whole whatever failed: else nobody would hear what did.
    pub(crate) fn log(&self) -> MutexGuard<'_, Log> {
        self.log.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) async fn check(&self, listener: &str, heard: &[String]) {
        if let Some(last) = heard.last() {
            until(|| self.log().places.contains_key(last)).await;
        }
        self.log().check(listener, heard);
    }

    /// One socket after the other, until one has stayed to the end.
    pub(crate) async fn slot(self: Arc<Self>, slot: usize, mut dice: Dice) -> Client<Chat> {
        for life in 0.. {
            let (name, dice) = (format!("{slot}.{life}"), Dice(dice.below(usize::MAX) as u64));
            if let Some(client) = self.live(name, dice).await {
                return client;
            }
        }
        unreachable!("a run ends before the numbers do")
    }

    async fn live(&self, name: String, mut dice: Dice) -> Option<Client<Chat>> {
        if dice.below(4) == 0 && !self.over.load(SeqCst) {
            self.live_raw(&name, dice).await;
            return None;
        }
        let client = self.dial(dice.below(2) == 0).await;
        let (heard, rooms) = (Vec::new(), HashSet::new());
        Guest { stage: self, name, number: 0, dice, client, heard, rooms }.live().await
    }

    /// Calls several times at once, and goes without a farewell.
    async fn live_raw(&self, name: &str, mut dice: Dice) {
        let (room, mut peer) = (dice.room(), Bytes::greeted(self.addr).await);
        let requests = [
            ("ask", json!({ "text": format!("{name} 0 all -") })),
            ("join", json!(format!("{name} 1 {room}"))),
            ("ask", json!({ "text": format!("{name} 3 in {room}") })),
            ("tell", json!(format!("{name} 4 all -"))),
            ("leave", json!(format!("{name} 5 {room}"))),
            ("ask", json!({ "text": format!("{name} 7 in {room}") })),
        ];
        let frames = requests.iter().enumerate().map(|(id, (event, data))| {
            frame(TEXT, json!({ "event": event, "id": id, "data": data }).to_string())
        });
        peer.write(&frames.collect::<Vec<_>>().concat()).await;
        let (mut heard, mut replies, mut more) = (Vec::new(), Vec::new(), dice.below(200));
        while replies.len() < requests.len() || more > 0 {
            let line: Value = serde_json::from_str(&peer.line().await).unwrap();
            match line["event"].as_str() {
                Some(_) => heard.push(line["data"].as_str().unwrap().to_owned()),
                None if line["error"].is_null() => replies.push(line["reply"].as_u64().unwrap()),
                None => panic!("{name}: {line}"),
            }
            more = more.saturating_sub(1);
        }
        assert!(replies.into_iter().eq(0..requests.len() as u64), "{name}: one answer to each");
        match dice.below(3) {
            0 => peer.reset(),
            1 => peer.write(&frame(TEXT, "{}")[..5]).await,
            _ => drop(peer),
        }
        self.check(name, &heard).await;
    }
}
