//! One connection for all tabs of a browser, with a real server.

use socketkit::{
    Disconnect, Events, Io, Limits, Progress, Protocol, Reject, Server, Socket, State,
};
use std::{
    net::SocketAddr,
    sync::{Arc, Mutex},
    time::Duration,
};
use tests::{
    browser::{Browser, Page, Result},
    chat::{soon, until},
};
use tokio::{sync::oneshot, task::JoinHandle};

#[derive(Debug, Events)]
enum ClientEvent {
    #[event(reply = String)]
    Ask(String),
    /// Ends only by being cancelled.
    #[event(reply = u8, progress = u8)]
    Work(String),
    Tell(String),
}

#[derive(Debug, Clone, Events)]
#[events(derive(Debug, Clone))]
enum ServerEvent {
    Told(String),
    #[event(reply = String, progress = u8)]
    Question(u8),
    #[event(latest)]
    Count(u32),
    #[event(volatile)]
    Flash(u8),
}

#[derive(Debug, Protocol)]
#[protocol(client = ClientEvent, server = ServerEvent)]
struct Room;

use client_event::{Ask, Tell, Work};
use server_event::Question;

/// What the server has got, and how it lost its sockets.
type Journal = Arc<Mutex<Vec<String>>>;

const PAGE: &str = r#"<!doctype html><title>page</title><link rel=icon href="data:,">
<script type=module>
  import { connect, CallError } from "/ws/client.js";
  Object.assign(window, { CallError, got: [], states: [] });
  window.start = (options = { shared: true }) => {
    window.room = connect(undefined, options);
    for (const event of ["told", "count", "flash"]) room.on(event, data => got.push(data));
    room.state.subscribe(state => states.push(state));
  };
</script>"#;

struct Dropped(Journal, String);

impl Drop for Dropped {
    fn drop(&mut self) {
        self.0.lock().unwrap().push(format!("dropped {}", self.1));
    }
}

struct Scene {
    io: Io<Room>,
    addr: SocketAddr,
    journal: Journal,
    serving: JoinHandle<std::io::Result<()>>,
    stop: oneshot::Sender<()>,
    folder: tempfile::TempDir,
    browser: Browser,
}

async fn serve(
    addr: SocketAddr,
    journal: Journal,
    folder: &std::path::Path,
) -> (Io<Room>, SocketAddr, oneshot::Sender<()>, JoinHandle<std::io::Result<()>>) {
    let server = Server::<Room>::new()
        .limits(
            Limits::default()
                .drain_interval(Duration::from_millis(1))
                .grace(Duration::from_millis(50)),
        )
        .state(journal)
        .on_connect(async |socket: Socket<Room>| {
            socket.emit(ServerEvent::Told("welcome".into()));
        })
        .on_disconnect(async |why: Disconnect, journal: State<Journal>| {
            journal.lock().unwrap().push(format!("gone {}", why.code.0));
        })
        .on(async |Ask(text): Ask| match text.as_str() {
            "refuse" => Err(Reject::new("no", "not today").with_data(7)),
            _ => Ok(format!("{text}!")),
        })
        .on(async |Work(name): Work, progress: Progress<u8>, journal: State<Journal>| {
            let _dropped = Dropped(Arc::clone(&journal), name);
            progress.report(1);
            std::future::pending::<u8>().await
        })
        .on(async |Tell(text): Tell, journal: State<Journal>| journal.lock().unwrap().push(text))
        .public(folder);
    let io = server.io();
    let (ready, address) = oneshot::channel();
    let (stop, stopped) = oneshot::channel::<()>();
    let serve = server.listen(addr).until(stopped).linger(Duration::ZERO);
    let serve = serve.ready(move |addr| _ = ready.send(addr));
    let serving = tokio::spawn(serve.into_future());
    (io, soon(address).await.expect("it listens"), stop, serving)
}

impl Scene {
    async fn open() -> Result<Self> {
        let folder = tempfile::tempdir().expect("a folder");
        std::fs::write(folder.path().join("index.html"), PAGE).expect("a file");
        let journal = Journal::default();
        let any = "127.0.0.1:0".parse().expect("an address");
        let (io, addr, stop, serving) = serve(any, Arc::clone(&journal), folder.path()).await;
        let browser = Browser::launch().await?;
        Ok(Self { io, addr, journal, serving, stop, folder, browser })
    }

    /// A page that has the client, in a window of its own.
    async fn window(&self) -> Result<Page> {
        let page = self.browser.window().await?;
        page.goto(&format!("http://{}/", self.addr)).await?;
        page.wait_until("window.start").await?;
        Ok(page)
    }

    /// One that shares the connection.
    async fn tab(&self) -> Result<Page> {
        let page = self.window().await?;
        page.eval("start()").await?;
        page.wait_until("room.state.value == 'open'").await?;
        Ok(page)
    }

    async fn heard(&self, text: &str) {
        until(|| self.journal.lock().unwrap().iter().any(|one| one == text)).await;
    }

    /// Another server takes the place of this one, which knows nothing of its sessions.
    async fn restart(self) -> Self {
        _ = self.stop.send(());
        soon(self.serving).await.expect("no panic").expect("it ends well");
        let journal = Arc::clone(&self.journal);
        let (io, addr, stop, serving) = serve(self.addr, journal, self.folder.path()).await;
        Self { io, addr, stop, serving, ..self }
    }
}

async fn got(page: &Page, json: &str) -> Result {
    page.wait_until(&format!("JSON.stringify(got) == JSON.stringify({json})")).await
}

#[tokio::test]
async fn two_tabs_have_one_connection_and_each_its_own_calls() -> Result {
    let scene = Scene::open().await?;
    let (one, two) = (scene.tab().await?, scene.tab().await?);
    assert_eq!(scene.io.len(), 1);
    scene.io.broadcast(ServerEvent::Told("all".into()));
    for page in [&one, &two] {
        got(page, r#"["welcome", "all"]"#).await?;
    }
    let calls = "Promise.all(['a', 'b', 'refuse'].map(text => room.call('ask', text)
                   .catch(error => [error instanceof CallError, error.code, error.message, error.data])))";
    let answers = r#"["a!","b!",[true,"no","not today",7]]"#;
    for page in [&one, &two] {
        assert_eq!(page.eval(calls).await?.to_string(), answers);
    }
    one.eval("room.emit('tell', 'from one')").await?;
    scene.heard("from one").await;
    // A call that one gives up is cancelled, and so is that of one that goes.
    let work = |name: &str| {
        format!(
            "abort = new AbortController(); reports = []; work = room.call('work', '{name}', {{
               signal: abort.signal, onProgress: report => reports.push(report) }}).catch(error => error.name); 0"
        )
    };
    one.eval(&work("given up")).await?;
    one.wait_until("reports.join() == '1'").await?;
    one.eval("abort.abort()").await?;
    assert_eq!(one.eval("work").await?, "AbortError");
    scene.heard("dropped given up").await;
    two.eval(&work("left")).await?;
    two.wait_until("reports.join() == '1'").await?;
    two.close().await?;
    scene.heard("dropped left").await;
    scene.io.broadcast(ServerEvent::Told("one".into()));
    got(&one, r#"["welcome", "all", "one"]"#).await?;
    assert_eq!((scene.io.len(), one.complaints()), (1, vec![]));
    // The page has loaded its end of it, and the worker is what holds the rest.
    let modules =
        "performance.getEntriesByType('resource').map(({ name }) => name.split('/').pop())
                   .filter(name => name.endsWith('.js')).sort().join()";
    assert_eq!(one.eval(modules).await?, "client.js,session.js,shared.js,socketkit.js,store.js");
    one.close().await?;
    until(|| scene.io.is_empty()).await;
    Ok(())
}

#[tokio::test]
async fn a_call_of_the_server_is_answered_by_one_tab() -> Result {
    let scene = Scene::open().await?;
    let (one, two) = (scene.tab().await?, scene.tab().await?);
    for (page, name) in [(&one, "one"), (&two, "two")] {
        let handler = format!(
            "asked = 0; room.on('question', (data, {{ progress, signal }}) => {{
               asked++; progress(data);
               signal.addEventListener('abort', () => got.push('cancelled'));
               return data ? '{name}' : new Promise(() => {{}});
             }}); 0"
        );
        page.eval(&handler).await?;
    }
    let socket = scene.io.sockets().remove(0);
    for (page, name) in [(&one, "one"), (&two, "two"), (&one, "one")] {
        // The one that was looked at last.
        page.eval("dispatchEvent(new Event('focus')); room.call('ask', '')").await?;
        let mut heard = Vec::new();
        let answer = soon(socket.call(Question(3)).on_progress(|step| heard.push(step))).await;
        assert_eq!((answer.expect("an answer"), heard), (name.to_owned(), vec![3]));
    }
    assert_eq!((one.eval("asked").await?, two.eval("asked").await?), (2.into(), 1.into()));
    // One that goes leaves it to the other, who learns that it is given up.
    let mut call = socket.call(Question(0));
    assert_eq!(soon(call.progress()).await, Some(0));
    one.close().await?;
    assert_eq!(soon(call.progress()).await, Some(0));
    drop(call);
    two.wait_until("got.includes('cancelled')").await?;
    assert_eq!(two.eval("asked").await?, 2);
    Ok(())
}

#[tokio::test]
async fn who_comes_late_is_told_what_there_was() -> Result {
    let scene = Scene::open().await?;
    let one = scene.tab().await?;
    for event in [
        ServerEvent::Told("a".into()),
        ServerEvent::Count(1),
        ServerEvent::Flash(2),
        ServerEvent::Told("b".into()),
        ServerEvent::Count(3),
    ] {
        scene.io.broadcast(event);
    }
    got(&one, r#"["welcome", "a", 1, 2, "b", 3]"#).await?;
    let two = scene.tab().await?;
    got(&two, r#"["welcome", "a", "b", 3]"#).await?;
    // Of so much nobody can be told any more.
    for number in 0..260 {
        scene.io.broadcast(ServerEvent::Told(number.to_string()));
    }
    two.wait_until("got.length == 264").await?;
    let three = scene.tab().await?;
    got(&three, r#"["welcome"]"#).await?;
    for page in [&one, &two] {
        page.wait_until("states.at(-1) == 'reset' && room.state.reason == 'overflow' && got.at(-1) == 'welcome'")
            .await?;
    }
    until(|| scene.io.len() == 1).await;
    assert!(scene.journal.lock().unwrap().contains(&"gone 1000".into()));
    Ok(())
}

#[tokio::test]
async fn a_restart_of_the_server_is_told_to_all_tabs() -> Result {
    let scene = Scene::open().await?;
    let (one, two) = (scene.tab().await?, scene.tab().await?);
    one.eval("room.emit('tell', 'before')").await?;
    scene.heard("before").await;
    let call =
        "work = room.call('work', 'lost', { onProgress: report => (window.report = report) })
                  .catch(({ code }) => code); 0";
    two.eval(call).await?;
    two.wait_until("window.report").await?;
    let scene = scene.restart().await;
    for page in [&one, &two] {
        page.wait_until("states.at(-1) == 'reset'").await?;
        // The next server may not be there yet when it tries first.
        let states = page.eval("states.join().replace(/(,waiting,connecting)+/, '+')").await?;
        assert_eq!(states, "connecting,open+,reset");
        got(page, r#"["welcome", "welcome"]"#).await?;
        assert_eq!(
            page.eval("[room.state.reason, room.state.ended.code]").await?.to_string(),
            r#"["unknown",1012]"#
        );
    }
    assert_eq!((two.eval("work").await?, scene.io.len()), ("lost".into(), 1));
    two.eval("room.emit('tell', 'after')").await?;
    scene.heard("after").await;
    Ok(())
}

#[tokio::test]
async fn a_tab_that_crashes_is_noticed_and_so_is_the_worker() -> Result {
    let scene = Scene::open().await?;
    let (one, two, three) = (scene.tab().await?, scene.tab().await?, scene.tab().await?);
    two.eval("room.call('work', 'crashed', { onProgress: data => got.push(data) }); 0").await?;
    two.wait_until("got.includes(1)").await?;
    two.crash().await?;
    scene.heard("dropped crashed").await;
    scene.io.broadcast(ServerEvent::Told("still".into()));
    for page in [&one, &three] {
        got(page, r#"["welcome", "still"]"#).await?;
    }
    assert_eq!(scene.io.len(), 1);
    // The worker is in the process of the page that was there first.
    one.crash().await?;
    three.wait_until("states.at(-1) == 'reset' && room.state.reason == 'unknown'").await?;
    got(&three, r#"["welcome", "still", "welcome"]"#).await?;
    assert_eq!(three.eval("room.call('ask', 'a')").await?, "a!");
    assert_eq!(three.eval("states.join()").await?, "connecting,open,waiting,connecting,reset");
    Ok(())
}

#[tokio::test]
async fn a_tab_may_close_it_for_itself_and_the_last_one_ends_the_session() -> Result {
    let scene = Scene::open().await?;
    let (one, two) = (scene.tab().await?, scene.tab().await?);
    one.eval("room.close()").await?;
    one.wait_until("room.state.value == 'closed'").await?;
    scene.io.broadcast(ServerEvent::Told("still".into()));
    got(&two, r#"["welcome", "still"]"#).await?;
    two.eval("room.close()").await?;
    scene.heard("gone 1000").await;
    one.eval("start()").await?;
    one.wait_until("states.join() == 'connecting,open,closed,connecting,open'").await?;
    got(&one, r#"["welcome", "welcome"]"#).await?;
    assert_eq!(scene.io.len(), 1);
    Ok(())
}

#[tokio::test]
async fn without_workers_each_tab_has_its_own() -> Result {
    let scene = Scene::open().await?;
    for (number, without) in
        ["delete window.SharedWorker", "navigator.locks.request = undefined", "window.SharedWorker = class { constructor() { this.port = {}; setTimeout(() => this.onerror(new Event('error'))) } }; navigator.locks.request = () => new Promise(() => {})"]
            .into_iter()
            .enumerate()
    {
        let page = scene.window().await?;
        page.eval(&format!("{without}; start()")).await?;
        page.wait_until("room.state.value == 'open'").await?;
        assert_eq!(page.eval("room.call('ask', 'a')").await?, "a!");
        assert_eq!(scene.io.len(), number + 1);
    }
    Ok(())
}
