//! The engines of the tests: private, killed and started again with what they kept.

use std::path::Path;
use tests::{
    chat::soon,
    engine::{Engine, Kind, Nats, Redis},
    proxy::{Cut, Proxy, Way},
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

/// A client of an engine that says what it is told.
struct Talk {
    stream: TcpStream,
    heard: String,
}

impl Talk {
    async fn to(url: &str) -> Self {
        let (_, addr) = url.split_once("://").unwrap();
        Self { stream: soon(TcpStream::connect(addr)).await.unwrap(), heard: String::new() }
    }

    async fn say(&mut self, text: &str) {
        soon(self.stream.write_all(text.as_bytes())).await.unwrap();
    }

    /// Waits until it hears this, and forgets what came before.
    async fn hears(&mut self, text: &str) {
        loop {
            if let Some(at) = self.heard.find(text) {
                self.heard.drain(..at + text.len());
                return;
            }
            let mut buffer = [0; 4096];
            let read = soon(self.stream.read(&mut buffer)).await.unwrap();
            assert!(read > 0, "{} instead of {text}", self.heard);
            self.heard += std::str::from_utf8(&buffer[..read]).unwrap();
        }
    }

    /// Has the engine keep something.
    async fn keep(&mut self, kind: Kind) {
        match kind {
            Kind::Nats => {
                let stream = r#"{"name":"KEPT","subjects":["kept"],"storage":"file"}"#;
                let create = format!("$JS.API.STREAM.CREATE.KEPT answer {}", stream.len());
                self.say(&format!("CONNECT {{}}\r\nSUB answer 1\r\nPUB {create}\r\n{stream}\r\n"))
                    .await;
                self.hears(r#""did_create":true"#).await;
                self.say("PUB kept answer 5\r\nvalue\r\n").await;
                self.hears(r#""seq":1"#).await;
            }
            Kind::Redis => {
                self.say("SET kept value\r\n").await;
                self.hears("+OK\r\n").await;
            }
        }
    }

    /// Waits for what it has kept.
    async fn kept(&mut self, kind: Kind) {
        match kind {
            Kind::Nats => {
                let get = "PUB $JS.API.STREAM.INFO.KEPT answer 0\r\n\r\n";
                self.say(&format!("CONNECT {{}}\r\nSUB answer 1\r\n{get}")).await;
                self.hears(r#""messages":1"#).await;
            }
            Kind::Redis => {
                self.say("GET kept\r\n").await;
                self.hears("value\r\n").await;
            }
        }
    }

    async fn ends(&mut self) {
        let mut rest = Vec::new();
        // A reset is an end as well.
        let _ = soon(self.stream.read_to_end(&mut rest)).await;
    }
}

fn both() -> [Engine; 2] {
    [Nats::start(), Redis::start()]
}

#[tokio::test]
async fn an_engine_that_was_killed_comes_back_on_its_port_with_what_it_kept() {
    for engine in both() {
        let (url, pid) = (engine.url(), engine.pid());
        let mut before = Talk::to(&url).await;
        before.keep(engine.kind()).await;
        engine.kill();
        before.ends().await;
        assert!(TcpStream::connect(engine.addr()).await.is_err(), "nobody listens");
        engine.restart();
        assert_eq!(engine.url(), url);
        assert_ne!(engine.pid(), pid);
        Talk::to(&url).await.kept(engine.kind()).await;
        // And while it runs.
        engine.restart();
        Talk::to(&url).await.kept(engine.kind()).await;
    }
}

#[tokio::test]
async fn a_paused_engine_answers_when_it_goes_on() {
    for engine in both() {
        let mut talk = Talk::to(&engine.url()).await;
        talk.keep(engine.kind()).await;
        engine.pause();
        let state = || {
            let stat = std::fs::read_to_string(format!("/proc/{}/stat", engine.pid())).unwrap();
            stat.rsplit(") ").next().unwrap().chars().next()
        };
        tests::chat::until(|| state() == Some('T')).await;
        // The system takes what is said to it.
        talk.say("PING\r\n").await;
        engine.resume();
        talk.hears("PONG\r\n").await;
        // One that stands still can be killed, and one that was is gone.
        engine.pause();
        engine.kill();
        talk.ends().await;
    }
}

#[tokio::test]
async fn a_proxy_keeps_a_client_from_an_engine_and_no_other() {
    for engine in both() {
        let proxy = Proxy::to(engine.addr()).await;
        let mut talk = Talk::to(&engine.url_through(&proxy)).await;
        let mut other = Talk::to(&engine.url()).await;
        talk.keep(engine.kind()).await;
        let link = proxy.accepted().await;
        link.freeze(Way::Both);
        let before = link.forwarded(Way::Both);
        talk.say("PING\r\n").await;
        other.kept(engine.kind()).await;
        assert_eq!(link.forwarded(Way::Both), before);
        link.thaw(Way::Both);
        talk.hears("PONG\r\n").await;
        proxy.refuse();
        link.cut(Cut::Rst);
        talk.ends().await;
        other.kept(engine.kind()).await;
    }
}

#[tokio::test]
async fn engines_are_private_and_leave_nothing() {
    let [one, two] = [Redis::start(), Redis::start()];
    assert_ne!(one.addr(), two.addr());
    Talk::to(&one.url()).await.keep(Kind::Redis).await;
    let mut talk = Talk::to(&two.url()).await;
    talk.say("EXISTS kept\r\n").await;
    talk.hears(":0\r\n").await;
    let process = |engine: &Engine| format!("/proc/{}", engine.pid());
    let (process, addr) = (process(&one), one.addr());
    let folder = std::fs::read_link(format!("{process}/cwd")).unwrap();
    assert!(Path::new(&process).exists() && folder.exists());
    drop(one);
    assert!(!Path::new(&process).exists() && !folder.exists());
    assert!(TcpStream::connect(addr).await.is_err());
}
