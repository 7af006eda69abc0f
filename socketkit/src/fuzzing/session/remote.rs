//! A client, and a server that says whatever a script says.

use super::{
    line::{Heard, Line},
    server::{Fuzzed, client_event, number, server_event},
};
use crate::{
    CallError, Client, Limits, Status,
    client_builder::ClientBuilder,
    dial::{Dialer, Pipe, To},
    peer::lock,
    transport::Stream,
};
use futures_util::FutureExt;
use serde_json::Value;
use std::{
    collections::VecDeque,
    io,
    sync::{Arc, Mutex},
    time::Duration,
};
use tokio::{
    io::{DuplexStream, duplex},
    task::JoinHandle,
    time::{Instant, sleep, timeout},
};

/// Connections that the server has not looked at, and the subprotocols that were offered.
type Dialled = Arc<Mutex<VecDeque<(DuplexStream, String)>>>;

/// Where the client dials. Its pauses are always the same.
struct Port(Dialled);

impl Pipe for Port {
    fn open(&self, request: http::Request<()>) -> io::Result<Box<dyn Stream>> {
        let (near, far) = duplex(4096);
        let offer = request.headers().get("sec-websocket-protocol");
        let offer = offer.and_then(|offer| offer.to_str().ok()).unwrap_or_default();
        lock(&self.0).push_back((far, offer.to_owned()));
        Ok(Box::new(near))
    }

    fn jitter(&self) -> f64 {
        0.5
    }
}

pub(super) struct Scene {
    client: Client<Fuzzed>,
    dialled: Dialled,
    line: Option<Line>,
    heard: Heard,
    emitted: u16,
    calls: Vec<JoinHandle<Result<Value, CallError>>>,
    until: Instant,
}

impl Scene {
    pub(super) fn new() -> Self {
        let dialled = Dialled::default();
        let to = To::Pipe(Arc::new(Port(dialled.clone())), http::Uri::from_static("/"));
        let limits = Limits::default().frame(1024).calls(4).call(Duration::from_secs(3));
        let limits = limits.waiting(4).backlog(2048).rate(200).burst(300).received(8).unsent(16);
        let limits = limits.queue(32).queue_bytes(4096).queue_hard_bytes(16_384).window(6);
        let client = ClientBuilder::new(Ok(to.clone()))
            .limits(limits.window_bytes(512).grace(Duration::from_secs(2)))
            .on(async |server_event::Confirm(value): server_event::Confirm| value)
            .start(Dialer::new(to), None);
        let until = Instant::now() + Duration::from_secs(100);
        let (heard, calls) = (Heard::default(), Vec::new());
        Self { client, dialled, line: None, heard, emitted: 0, calls, until }
    }

    pub(super) async fn play(mut self, script: &[u8]) {
        self.settle().await;
        for line in script.split(|byte| *byte == b'\n').take(100) {
            self.act(line).await;
        }
        self.settle().await;
        self.is_served().await;
        let Self { client, calls, line, .. } = self;
        let closed = timeout(Duration::from_secs(60), client.close()).await;
        assert!(closed.is_ok(), "a client that does not close");
        assert!(matches!(&*client.status().borrow(), Status::Closed { .. }));
        drop((client, line));
        for call in calls {
            let ended = timeout(Duration::from_secs(5), call).await;
            assert!(matches!(ended, Ok(Ok(_))), "a call that does not end: {ended:?}");
        }
    }

    /// Does what a line says.
    async fn act(&mut self, text: &[u8]) {
        let (what, rest) = text.split_first().map_or((b' ', text), |(what, rest)| (*what, rest));
        match (what, &mut self.line) {
            (b'~', _) => {
                let time = Duration::from_millis(number(rest).min(20_000));
                let left = self.until.saturating_duration_since(Instant::now());
                return self.pass(time.min(left)).await;
            }
            (b'^', _) => {
                for _ in 0..number(rest).clamp(1, 20) {
                    self.emitted += 1;
                    self.client.emit(client_event::Wait(self.emitted));
                }
            }
            (b'?', _) if self.calls.len() < 50 => {
                let call = self.client.call(client_event::Echo(Value::Null));
                self.calls.push(tokio::spawn(call.into_future()));
            }
            (b'.', _) => while let Some(Some(_)) = self.client.recv().now_or_never() {},
            (b' ' | b'?', _) | (_, None) => {}
            (b'-', _) if rest.is_empty() => self.line = None,
            (b'-', Some(line)) => line.close(number(rest) as u16),
            (b'=', Some(line)) => line.is_deaf = !line.is_deaf,
            (b'!', Some(line)) => line.raw(&mut self.heard, rest),
            (b'#', Some(line)) => line.see(&mut self.heard, rest),
            (b'*', Some(line)) if line.is_greeted => {
                let (count, text) = rest.split_at(rest.len().min(2));
                (0..number(count).min(99)).for_each(|_| line.text(&mut self.heard, text));
            }
            (_, Some(line)) if line.is_greeted => return line.text(&mut self.heard, text),
            (_, Some(_)) => self.greet(text).await,
        }
        self.settle().await;
    }

    /// Says what a server says first: `$` stands for how many frames came.
    async fn greet(&mut self, text: &[u8]) {
        let text = String::from_utf8_lossy(text).replace('$', &self.heard.came().to_string());
        let Some(line) = &mut self.line else { return };
        line.unsent.extend_from_slice(&super::line::written(text.as_bytes()));
        line.send_now();
        sleep(Duration::from_millis(1)).await;
        let status = self.client.status().borrow().clone();
        line.has_greeted(&mut self.heard, &text, &status);
    }

    /// Lets everybody do what there is to do.
    async fn settle(&mut self) {
        for _ in 0..100 {
            sleep(Duration::from_millis(1)).await;
            let dialled = lock(&self.dialled).pop_front();
            let mut is_at_work = dialled.is_some();
            if let Some((stream, offer)) = dialled {
                self.line = Some(Line::new(stream, &offer, &mut self.heard));
            }
            if let Some(line) = &mut self.line {
                is_at_work |= line.pump(&mut self.heard);
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
            sleep(left.min(Duration::from_secs(4))).await;
        }
    }

    /// By a server that means well, whatever was before; unless the client was told not to come back.
    async fn is_served(&mut self) {
        self.line = None;
        // A server may have asked for a long pause.
        let until = Instant::now() + Duration::from_secs(2 * 3600);
        loop {
            // Who takes no events stops to read, and does not learn that nothing comes any more.
            while let Some(Some(_)) = self.client.recv().now_or_never() {}
            self.settle().await;
            if self.line.as_ref().is_some_and(|line| !line.is_over) {
                break;
            }
            let status = self.client.status().borrow().clone();
            match status {
                Status::Closed { .. } => return,
                Status::Waiting { retry_in } if retry_in > Duration::from_secs(30) => {
                    sleep(retry_in - Duration::from_secs(30)).await;
                }
                // Not so long that its patience is over.
                _ => sleep(Duration::from_millis(200)).await,
            }
            if self.heard.is_hasty {
                return;
            }
            assert!(Instant::now() < until, "a client that does not come back: {status:?}");
        }
        while let Some(Some(_)) = self.client.recv().now_or_never() {}
        self.settle().await;
        self.greet(br#"{"hello":{"session":"last","heartbeat":25000,"limit":1024}}"#).await;
        while let Some(Some(_)) = self.client.recv().now_or_never() {}
        let call = tokio::spawn(self.client.call(client_event::Echo(Value::Null)).into_future());
        for _ in 0..20 {
            self.settle().await;
            while let Some(Some(_)) = self.client.recv().now_or_never() {}
            let Some(line) = &mut self.line else { break };
            line.answer(&mut self.heard);
        }
        assert!(call.is_finished(), "a call of an honest server: {:?}", self.line);
        let answer = call.await;
        let is_busy =
            |error: &CallError| matches!(error, CallError::Rejected { code, .. } if code == "busy");
        let is_answered =
            matches!(&answer, Ok(Ok(_))) || matches!(&answer, Ok(Err(error)) if is_busy(error));
        assert!(is_answered, "{answer:?}");
    }
}
