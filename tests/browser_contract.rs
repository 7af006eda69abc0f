//! What a page knows of its server's contract: progress of calls, newest payloads, and what another
//! version of the server has changed.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use socketkit::{Events, Io, Limits, Progress, Protocol, Server, State};
use std::{
    net::SocketAddr,
    path::Path,
    sync::{Arc, Mutex},
    time::Duration,
};
use tests::{
    browser::{Browser, Page, Result},
    chat::{soon, until},
};
use tokio::{
    sync::{Semaphore, oneshot},
    task::JoinHandle,
};

mod old {
    use super::*;

    #[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
    pub(crate) struct Post {
        pub(crate) id: u32,
        pub(crate) tags: Vec<String>,
    }

    #[derive(Debug, Events)]
    pub(crate) enum ClientEvent {
        /// Counts to a number, a step whenever it may.
        #[event(reply = String, progress = u32)]
        Import(u32),
        #[event(reply = Post)]
        Read(u32),
        Gone,
    }

    #[derive(Debug, Clone, Events)]
    #[events(derive(Debug, Clone))]
    pub(crate) enum ServerEvent {
        Posted(Post),
        Count(u32),
    }

    #[derive(Debug, Protocol)]
    #[protocol(client = ClientEvent, server = ServerEvent)]
    pub(crate) struct Forum;
}

mod new {
    use super::*;

    #[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
    pub(crate) struct Post {
        pub(crate) id: u32,
        pub(crate) tags: Vec<u8>,
    }

    #[derive(Debug, Events)]
    pub(crate) enum ClientEvent {
        #[event(reply = String, progress = u32)]
        Import(u32),
        #[event(reply = Post)]
        Read(u32),
        Fresh,
    }

    #[derive(Debug, Clone, Events)]
    #[events(derive(Debug, Clone))]
    pub(crate) enum ServerEvent {
        Posted(Post),
        Count(u32),
        Sent(u8),
    }

    #[derive(Debug, Protocol)]
    #[protocol(client = ClientEvent, server = ServerEvent)]
    pub(crate) struct Forum;
}

const PAGE: &str = r#"<!doctype html><title>page</title><link rel=icon href="data:,">
<script type=module>
  import { connect } from "/ws/client.js";
  Object.assign(window, { got: [], skews: [], states: [], faults: [] });
  window.forum = connect();
  forum.state.subscribe(state => states.push(state));
  forum.skew.subscribe(skew => skews.push(skew ?? null));
  forum.on("posted", post => got.push(post.id));
  window.failure = promise => promise.then(() => "none", ({ name, code, message }) => name == "CallError" ? `${code}: ${message}` : name);
  addEventListener("unhandledrejection", event => (event.preventDefault(), faults.push(event.reason)));
</script>"#;

/// What handlers wait for, and how many of them were dropped before their end.
#[derive(Clone)]
struct Scene {
    steps: Arc<Semaphore>,
    dropped: Arc<Mutex<usize>>,
}

struct Guard(Scene);

impl Drop for Guard {
    fn drop(&mut self) {
        *self.0.dropped.lock().unwrap() += 1;
    }
}

/// A server, until it is told to stop.
struct Running<P: Protocol> {
    io: Io<P>,
    addr: SocketAddr,
    stop: oneshot::Sender<()>,
    serving: JoinHandle<std::io::Result<()>>,
}

impl<P: Protocol> Running<P> {
    async fn end(self) -> SocketAddr {
        _ = self.stop.send(());
        soon(self.serving).await.expect("no panic").expect("it ends well");
        self.addr
    }
}

macro_rules! run {
    ($server:expr, $addr:expr) => {{
        let server = $server;
        let io = server.io();
        let (ready, address) = oneshot::channel();
        let (stop, stopped) = oneshot::channel::<()>();
        let serve = server.listen($addr).until(stopped).linger(Duration::ZERO);
        let serving = tokio::spawn(serve.ready(move |addr| _ = ready.send(addr)).into_future());
        Running { io, addr: soon(address).await.expect("it listens"), stop, serving }
    }};
}

async fn old_server(addr: SocketAddr, scene: &Scene, folder: &Path) -> Running<old::Forum> {
    use old::client_event::{Gone, Import, Read};
    let import = async |Import(to): Import, progress: Progress<u32>, scene: State<Scene>| {
        let guard = Guard((*scene).clone());
        for step in 1..=to {
            scene.steps.acquire().await.expect("it is open").forget();
            progress.report(step);
        }
        std::mem::forget(guard);
        format!("counted to {to}")
    };
    let server = Server::<old::Forum>::new()
        .limits(Limits::default().drain_interval(Duration::from_millis(1)))
        .state(scene.clone())
        .on(import)
        .on(async |Read(id): Read| old::Post { id, tags: vec!["a".into()] })
        .ignore::<Gone>()
        .public(folder);
    run!(server, addr)
}

async fn new_server(addr: SocketAddr, folder: &Path) -> Running<new::Forum> {
    use new::client_event::{Fresh, Import, Read};
    let server = Server::<new::Forum>::new()
        .limits(Limits::default().drain_interval(Duration::from_millis(1)))
        .on(async |Import(_): Import, _: Progress<u32>| String::new())
        .on(async |Read(id): Read| new::Post { id, tags: vec![1; id as usize] })
        .ignore::<Fresh>()
        .public(folder);
    run!(server, addr)
}

/// A page of an old server that is connected.
async fn open() -> Result<(Browser, Page, Running<old::Forum>, Scene, tempfile::TempDir)> {
    let folder = tempfile::tempdir().expect("a folder");
    std::fs::write(folder.path().join("index.html"), PAGE).expect("a file");
    let scene = Scene { steps: Arc::new(Semaphore::new(0)), dropped: Arc::default() };
    let any = "127.0.0.1:0".parse().expect("an address");
    let server = old_server(any, &scene, folder.path()).await;
    let browser = Browser::launch().await?;
    let page = browser.window().await?;
    page.goto(&format!("http://{}/", server.addr)).await?;
    page.wait_until("window.forum?.state.value == 'open'").await?;
    Ok((browser, page, server, scene, folder))
}

/// A call that takes its reports down.
fn import(to: u32, timeout: u32) -> String {
    format!(
        "reports = []; abort = new AbortController(); done = failure(forum.call('import', {to}, {{
           timeout: {timeout}, signal: abort.signal, onProgress: step => reports.push(step) }}).then(reply => (window.reply = reply))); 0"
    )
}

#[tokio::test]
async fn reports_come_before_the_reply_and_each_gives_a_call_more_time() -> Result {
    let (_browser, page, _server, scene, _folder) = open().await?;
    page.eval(&import(3, 1_000)).await?;
    let before = tokio::time::Instant::now();
    for step in 1..=3 {
        // Longer than the call may take as a whole, and each shorter.
        page.eval("new Promise(done => setTimeout(done, 500))").await?;
        scene.steps.add_permits(1);
        page.wait_until(&format!("reports.length == {step}")).await?;
    }
    assert!(before.elapsed() > Duration::from_secs(1));
    assert_eq!(page.eval("done").await?, "none");
    assert_eq!(
        page.eval("[reply, reports.join()]").await?.to_string(),
        r#"["counted to 3","1,2,3"]"#
    );
    // Without any it has no more than that, and its handler is dropped.
    page.eval(&import(3, 200)).await?;
    assert_eq!(page.eval("done").await?, "timeout: no reply to \"import\" in 200 ms");
    until(|| *scene.dropped.lock().unwrap() == 1).await;
    Ok(())
}

#[tokio::test]
async fn a_call_that_is_aborted_has_its_handler_dropped() -> Result {
    let (_browser, page, _server, scene, _folder) = open().await?;
    page.eval(&import(2, 10_000)).await?;
    scene.steps.add_permits(1);
    page.wait_until("reports.join() == '1'").await?;
    page.eval("abort.abort()").await?;
    assert_eq!(page.eval("done").await?, "AbortError");
    until(|| *scene.dropped.lock().unwrap() == 1).await;
    // One that is aborted already is not sent.
    let again = "failure(forum.call('import', 1, { signal: AbortSignal.abort(new RangeError()) }))";
    assert_eq!(page.eval(again).await?, "RangeError");
    scene.steps.add_permits(1);
    assert_eq!(page.eval("forum.call('import', 1)").await?, "counted to 1");
    assert_eq!((page.complaints(), *scene.dropped.lock().unwrap()), (vec![], 1));
    Ok(())
}

#[tokio::test]
async fn reports_go_on_after_the_connection_was_lost() -> Result {
    let (_browser, page, _server, scene, _folder) = open().await?;
    page.eval(&import(3, 20_000)).await?;
    scene.steps.add_permits(1);
    page.wait_until("reports.join() == '1'").await?;
    page.offline(true).await?;
    page.wait_until("forum.state.value == 'waiting'").await?;
    scene.steps.add_permits(1);
    page.offline(false).await?;
    page.wait_until("forum.state.value == 'resumed' && reports.join() == '1,2'").await?;
    scene.steps.add_permits(1);
    assert_eq!(page.eval("done").await?, "none");
    assert_eq!(page.eval("reports.join()").await?, "1,2,3");
    // And one that is given up afterwards is cancelled.
    page.eval(&import(1, 20_000)).await?;
    page.eval("abort.abort(); done").await?;
    until(|| *scene.dropped.lock().unwrap() == 1).await;
    Ok(())
}

#[tokio::test]
async fn the_newest_payload_of_an_event_is_a_store() -> Result {
    let (_browser, page, server, _scene, _folder) = open().await?;
    let counts = "count = forum.latest('count'); counts = [];
                  stop = count.subscribe(value => counts.push(value ?? null)); forum.latest('count') == count";
    assert_eq!(page.eval(counts).await?, true);
    server.io.broadcast(old::ServerEvent::Count(1));
    server.io.broadcast(old::ServerEvent::Count(2));
    page.wait_until("counts.join() == ',1,2' && count.value == 2").await?;
    page.eval("stop()").await?;
    server.io.broadcast(old::ServerEvent::Count(3));
    page.wait_until("count.value == 3 && forum.latest('count').value == 3").await?;
    assert_eq!(page.eval("counts.join()").await?, ",1,2");
    let error = page.eval("forum.latest('cuont')").await.expect_err("no such event").to_string();
    assert!(error.starts_with("TypeError: no event"), "{error}");
    Ok(())
}

#[tokio::test]
async fn a_page_is_told_what_another_version_has_changed_until_its_own_is_back() -> Result {
    let (_browser, page, server, scene, folder) = open().await?;
    assert_eq!(page.eval("skews").await?.to_string(), "[null]");
    let server = new_server(server.end().await, folder.path()).await;
    page.wait_until("forum.skew.value").await?;
    let skew = r#"{"added":["fresh","sent"],"removed":["gone"],"changed":["read","posted"]}"#;
    assert_eq!(page.eval("JSON.stringify(forum.skew.value)").await?, skew);
    until(|| server.io.len() == 1).await;
    // What fits is handled still, and what does not is said.
    for tags in [vec![], vec![1], vec![]] {
        server.io.broadcast(new::ServerEvent::Posted(new::Post { id: tags.len() as u32, tags }));
    }
    page.wait_until("got.join() == '0,0' && faults.length == 1").await?;
    let fault = "faults.map(({ name, code, message }) => `${name} ${code} ${message}`)[0]";
    assert_eq!(
        page.eval(fault).await?,
        "CallError changed \"posted\" has changed: data.tags.0 is integer, not string"
    );
    assert_eq!(page.eval("forum.call('read', 0)").await?.to_string(), r#"{"id":0,"tags":[]}"#);
    assert_eq!(
        page.eval("failure(forum.call('read', 1))").await?,
        "changed: \"read\" has changed: data.tags.0 is integer, not string"
    );
    assert_eq!(page.eval("skews.length").await?, 2);
    let _server = old_server(server.end().await, &scene, folder.path()).await;
    page.wait_until("skews.length == 3 && skews[2] === null && !forum.skew.value").await?;
    assert_eq!(page.eval("forum.call('read', 1)").await?.to_string(), r#"{"id":1,"tags":["a"]}"#);
    Ok(())
}
