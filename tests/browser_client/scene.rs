//! A page with the client, and the server that it talks to.

use tests::browser::{Browser, Page, Result};
use tests::stage::{Peer, Stage};

const CONTRACT: &str = r#"{
  "client": { "submit_post": {}, "watch": {}, "typing": { "volatile": true }, "cursor": { "latest": true },
    "move": { "latest": ["piece", "board"] }, "note": { "max": 8 } },
  "server": { "history": {}, "post_update": {}, "confirm": {} },
  "limit": 65536
}"#;

const PAGE: &str = r#"<!doctype html><title>page</title><link rel=icon href="data:,">
<script type=module>
  import * as client from "/ws/client.js";
  import { connect as bare } from "/ws/socketkit.js";
  Object.assign(window, client, { bare, got: [], states: [] });
  // What a test looks at: every state, and everything that is handed to `keep`.
  window.keep = value => got.push(value);
  window.start = (...args) => {
    window.socket = connect(...args);
    socket.state.subscribe(state => states.push(state));
  };
  // How long a call takes to fail, and how.
  window.failure = promise => promise.then(() => "none", ({ code, message }) => [code, message]);
</script>"#;

const SCRIPT: &str = r#"<!doctype html><title>script</title><link rel=icon href="data:,">
<script src="/ws/socketkit.global.js"></script>"#;

const OTHER: &str = r#"<!doctype html><title>other</title><link rel=icon href="data:,">"#;

pub(crate) struct Scene {
    pub(crate) stage: Stage,
    pub(crate) page: Page,
    pub(crate) browser: Browser,
}

impl Scene {
    /// A page that has the client and has not connected yet.
    pub(crate) async fn open() -> Result<Self> {
        let module = include_str!("../../socketkit/src/browser/socketkit.js");
        let session = include_str!("../../socketkit/src/browser/session.js");
        let store = include_str!("../../socketkit/src/browser/store.js");
        let client = include_str!("../../socketkit/src/browser/client.js");
        let global = include_str!("../../socketkit/src/browser/global.js");
        let line = |line: &&str| !line.starts_with("import ") && !line.starts_with("export ");
        let lines = [session, store, module].into_iter().flat_map(str::lines).filter(line);
        let script = lines.filter(|line| !line.contains("import.meta")).collect::<Vec<_>>();
        let script = format!("(() => {{\n\"use strict\";\n{}\n{global}}})();\n", script.join("\n"))
            .replace("\"__CONTRACT__\"", CONTRACT);
        let stage = Stage::open([
            ("/", PAGE),
            ("/script", SCRIPT),
            ("/other", OTHER),
            ("/ws/socketkit.js", module),
            ("/ws/session.js", session),
            ("/ws/store.js", store),
            ("/ws/skew.js", include_str!("../../socketkit/src/browser/skew.js")),
            ("/ws/shared.js", include_str!("../../socketkit/src/browser/shared.js")),
            ("/ws/worker.js", include_str!("../../socketkit/src/browser/worker.js")),
            ("/ws/socketkit.global.js", &script),
            ("/ws/client.js", &client.replace("\"__CONTRACT__\"", CONTRACT)),
        ])
        .await;
        let browser = Browser::launch().await?;
        let page = browser.window().await?;
        page.goto(&stage.url("/")).await?;
        page.wait_until("window.start").await?;
        Ok(Self { stage, page, browser })
    }

    /// A page that is connected, and the server's end.
    pub(crate) async fn connected() -> Result<(Self, Peer)> {
        let mut scene = Self::open().await?;
        scene.page.eval("start()").await?;
        let peer = scene.stage.greet().await;
        scene.page.wait_until("socket.state.value == 'open'").await?;
        Ok((scene, peer))
    }

    /// A page in a session that can resume, with pauses as short as they can be.
    pub(crate) async fn resumable() -> Result<(Self, Peer)> {
        let mut scene = Self::open().await?;
        scene.jitter(0).await?;
        scene.page.eval("start()").await?;
        let mut peer = scene.stage.accept().await;
        peer.welcome(r#""token":"t-1_A""#).await;
        scene.page.wait_until("socket.state.value == 'open'").await?;
        Ok((scene, peer))
    }

    /// One that shares its connection with all tabs, and keeps what comes.
    pub(crate) async fn sharing() -> Result<(Self, Peer)> {
        let mut scene = Self::open().await?;
        scene
            .page
            .eval("start(undefined, { shared: true }); socket.on('history', keep); 0")
            .await?;
        let mut peer = scene.stage.accept().await;
        peer.welcome(r#""token":"t""#).await;
        scene.page.wait_until("socket.state.value == 'open'").await?;
        Ok((scene, peer))
    }

    /// Waits for the page to come back, which has to offer this.
    pub(crate) async fn returns(&mut self, offer: &str) -> Peer {
        let knock = self.stage.knock().await;
        let offered = knock.header("Sec-WebSocket-Protocol");
        assert_eq!(offered, Some(format!("socketkit.v1.json, {offer}").as_str()));
        knock.accept().await
    }

    /// Makes the pauses before each attempt as short (0) or long (1) as they can be.
    pub(crate) async fn jitter(&self, random: u8) -> Result {
        self.page.eval(&format!("Math.random = () => {random}")).await.map(drop)
    }

    /// Waits for a condition and has nothing uncaught, no warning and no error on the console.
    pub(crate) async fn quietly(&self, condition: &str) -> Result {
        self.page.wait_until(condition).await?;
        assert_eq!(self.page.complaints(), [] as [&str; 0]);
        Ok(())
    }

    /// Waits until this is true of what was handed to `keep`, as JSON.
    pub(crate) async fn got(&self, json: &str) -> Result {
        self.page.wait_until(&format!("JSON.stringify(got) == JSON.stringify({json})")).await
    }
}
