//! A socket of ours, from its first text to its end.

use crate::stage::{Dice, END, Stage};
use futures_util::{future::join_all, poll};
use socketkit::{CallError, Client, CloseCode, Status};
use std::{collections::HashSet, pin::pin, sync::atomic::Ordering::SeqCst};
use tests::chat::{Chat, ServerEvent, client_event::*, next, soon};

/// A socket of ours.
pub(crate) struct Guest<'a> {
    pub(crate) stage: &'a Stage,
    pub(crate) name: String,
    pub(crate) number: usize,
    pub(crate) dice: Dice,
    pub(crate) client: Client<Chat>,
    pub(crate) heard: Vec<String>,
    pub(crate) rooms: HashSet<&'static str>,
}

impl Guest<'_> {
    fn text(&mut self, what: &str, room: &str) -> String {
        self.number += 1;
        format!("{} {} {what} {room}", self.name, self.number - 1)
    }

    fn note(&mut self, event: ServerEvent) {
        let ServerEvent::Told(text) = event else { panic!("nobody sends {event:?}") };
        self.heard.push(text);
    }

    async fn hear(&mut self) {
        let event = next(&mut self.client).await;
        self.note(event);
    }

    /// Goes on hearing: who does not is not read to.
    async fn meanwhile<T>(&mut self, what: impl Future<Output = T>) -> T {
        let mut what = pin!(what);
        soon(async {
            loop {
                tokio::select! {
                    value = &mut what => return value,
                    Some(event) = self.client.recv() => self.note(event),
                }
            }
        })
        .await
    }

    fn tell(&mut self, what: &str, room: &str) {
        let text = self.text(what, room);
        self.client.emit(Tell(text));
    }

    async fn ask(&mut self, what: &str, room: &str) -> String {
        let text = self.text(what, room);
        let call = self.client.call(Ask { text: text.clone() });
        assert_eq!(self.meanwhile(call).await.unwrap(), text);
        text
    }

    /// Is heard by everybody, itself included.
    async fn announce(&mut self) {
        let before = self.heard.len();
        let text = self.ask("all", "-").await;
        while !self.heard[before..].contains(&text) {
            self.hear().await;
        }
    }

    pub(crate) async fn live(mut self) -> Option<Client<Chat>> {
        self.announce().await;
        for _ in 0..2 + self.dice.below(8) {
            for _ in 0..50 + self.dice.below(200) {
                if self.stage.over.load(SeqCst) {
                    return Some(self.stay().await);
                }
                self.hear().await;
            }
            self.act().await;
        }
        match self.dice.below(3) {
            0 => self.leave().await,
            1 => self.vanish().await,
            _ => self.be_sent_away().await,
        }
        None
    }

    async fn act(&mut self) {
        let room = self.dice.room();
        match self.dice.below(6) {
            0 => self.tell("all", "-"),
            1 => self.tell("in", room),
            2 => drop(self.ask("in", room).await),
            _ => {
                let text = format!("{} {} {room}", self.name, self.number);
                self.number += 2;
                let call = if self.rooms.remove(room) {
                    self.client.call(Leave(text))
                } else {
                    self.rooms.insert(room);
                    self.client.call(Join(text))
                };
                self.meanwhile(call).await.unwrap();
                // Heard only by who is in the room: by this one, or by this one no more.
                self.ask("in", room).await;
            }
        }
    }

    async fn stay(mut self) -> Client<Chat> {
        self.stage.staying.fetch_add(1, SeqCst);
        while self.heard.last().is_none_or(|last| last != END) {
            self.hear().await;
        }
        self.stage.check(&self.name, &self.heard).await;
        self.client
    }

    async fn leave(mut self) {
        self.announce().await;
        soon(self.client.close()).await;
        self.hear_out().await;
    }

    /// Is dropped with calls in flight.
    async fn vanish(mut self) {
        let mut calls = join_all(self.asks(5));
        // Sent when they are polled.
        let early = poll!(&mut calls);
        drop(self.client);
        let results = if early.is_ready() { Vec::new() } else { soon(calls).await };
        for result in results {
            assert!(matches!(result, Ok(()) | Err(CallError::Closed | CallError::Lost)));
        }
        self.stage.check(&self.name, &self.heard).await;
    }

    /// Is closed by a handler, between calls.
    async fn be_sent_away(mut self) {
        let (before, behind) = (join_all(self.asks(3)), join_all(self.asks(3)));
        let remote = self.client.remote().clone();
        let close = async { remote.emit(Tell("close".into())) };
        let all = async { tokio::join!(biased; before, close, behind) };
        let (before, _, behind) = self.meanwhile(all).await;
        assert!(before.iter().all(Result::is_ok), "{}: {before:?}", self.name);
        let ended = |result: &_| matches!(result, Err(CallError::Closed | CallError::Lost));
        assert!(behind.iter().all(ended), "{}: {behind:?}", self.name);
        self.hear_out().await;
    }

    /// Calls that are not sent yet, each answered with what it asked.
    fn asks(&mut self, count: usize) -> Vec<impl Future<Output = Result<(), CallError>> + use<>> {
        let texts: Vec<_> = (0..count).map(|_| self.text("all", "-")).collect();
        let ask = |text: String| {
            let call = self.client.call(Ask { text: text.clone() });
            async move {
                assert_eq!(call.await?, text);
                Ok(())
            }
        };
        texts.into_iter().map(ask).collect()
    }

    async fn hear_out(mut self) {
        while let Some(event) = soon(self.client.recv()).await {
            self.note(event);
        }
        is_done(&self.client);
        self.stage.check(&self.name, &self.heard).await;
    }
}

pub(crate) fn is_done(client: &Client<Chat>) {
    let status = client.status().borrow().clone();
    let done = matches!(status, Status::Closed { code: CloseCode::DONE, .. });
    assert!(done, "{status:?}");
}
