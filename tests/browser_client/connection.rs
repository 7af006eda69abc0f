//! When the client connects, when it comes back, and when it does not.

use tests::browser::Result;

use crate::scene::Scene;

#[tokio::test]
async fn a_connection_is_open_from_hello_on() -> Result {
    let mut scene = Scene::open().await?;
    scene.page.eval("start()").await?;
    let knock = scene.stage.knock().await;
    assert_eq!(knock.path(), "/ws");
    assert_eq!(knock.header("Sec-WebSocket-Protocol"), Some("socketkit.v1.json"));
    let mut peer = knock.accept().await;
    scene.page.eval("socket.onAny(keep); 0").await?;
    peer.send("{}").await;
    scene.page.wait_until("got.length == 1").await?;
    assert_eq!(scene.page.eval("states").await?.to_string(), r#"["connecting"]"#);
    peer.hello(25_000).await;
    scene.quietly("states.join() == 'connecting,open' && socket.state.value == 'open'").await
}

#[tokio::test]
async fn subscribers_of_the_state_are_told_at_once_until_they_leave() -> Result {
    let (mut scene, peer) = Scene::connected().await?;
    scene
        .page
        .eval("leave = socket.state.subscribe(keep); again = socket.state.subscribe(keep); leave()")
        .await?;
    scene.got(r#"["open", "open"]"#).await?;
    drop(peer);
    let _peer = scene.stage.greet().await;
    scene.got(r#"["open", "open", "waiting", "connecting", "open"]"#).await?;
    // One who comes while a change is told hears of it once.
    scene
        .page
        .eval(
            "again(); inner = []; end = socket.state.subscribe(() => {
               if (socket.state.value == 'closed') socket.state.subscribe(state => inner.push(state));
             }); socket.close()",
        )
        .await?;
    scene.quietly("states.at(-1) == 'closed' && got.length == 5 && inner.join() == 'closed'").await
}

#[tokio::test]
async fn a_server_that_never_says_hello_is_given_up() -> Result {
    let mut scene = Scene::open().await?;
    scene
        .page
        .eval("const real = setTimeout; window.setTimeout = (run, pause) => (keep(pause), real(run, got.length > 1 ? pause : pause / 50)); start()")
        .await?;
    let mut silent = scene.stage.accept().await;
    assert_eq!(silent.closed().await.map(|(code, _)| code), Some(4408));
    let _peer = scene.stage.greet().await;
    scene
        .page
        .wait_until("got[0] == 10000 && states.join() == 'connecting,waiting,connecting,open'")
        .await
}

#[tokio::test]
async fn it_comes_back_after_the_codes_that_ask_for_it() -> Result {
    let (mut scene, mut peer) = Scene::connected().await?;
    scene.jitter(0).await?;
    for code in [1001, 1012, 1013, 1011, 4408, 4429, 4500] {
        peer.close(code, "").await;
        peer = scene.stage.greet().await;
        scene.page.wait_until("socket.state.value == 'open'").await?;
    }
    drop(peer);
    // Refused before it is a WebSocket at all.
    drop(scene.stage.knock().await);
    let mut peer = scene.stage.greet().await;
    scene.page.wait_until("socket.state.value == 'open'").await?;
    scene.page.eval("socket.on('history', keep); 0").await?;
    peer.send(r#"{"event":"history","data":1}"#).await;
    scene.got("[1]").await
}

#[tokio::test]
async fn it_stays_away_after_the_codes_that_are_final() -> Result {
    let mut scene = Scene::open().await?;
    scene.jitter(0).await?;
    for code in [1000, 1003, 1009, 4400, 4401, 4403, 4409] {
        scene.page.eval("start(); got.length = 0; failure(socket.call('watch')).then(([code]) => keep(code)); 0").await?;
        let mut peer = scene.stage.greet().await;
        assert_eq!(peer.json().await["event"], "watch");
        peer.close(code, "").await;
        scene.page.wait_until("socket.state.value == 'closed'").await?;
        scene.got(r#"["lost"]"#).await?;
        let later = "keep(socket.emit('watch')); failure(socket.call('watch')).then(([code]) => keep(code)); 0";
        scene.page.eval(later).await?;
        scene.got(r#"["lost", false, "closed"]"#).await?;
        scene
            .page
            .eval("dispatchEvent(new Event('online')); dispatchEvent(new Event('focus'))")
            .await?;
    }
    scene.page.eval("new Promise(done => setTimeout(done, 100))").await?;
    assert!(!scene.stage.is_wanted());
    Ok(())
}

#[tokio::test]
async fn a_page_can_tell_why_it_was_closed() -> Result {
    let (scene, peer) = Scene::connected().await?;
    scene.page.eval("keep(socket.state.ended ?? 'not yet')").await?;
    peer.close(4401, "log in first").await;
    scene.page.wait_until("socket.state.value == 'closed'").await?;
    scene
        .page
        .eval("keep(socket.state.ended); failure(socket.call('watch')).then(keep); 0")
        .await?;
    scene
        .got(r#"["not yet", { code: 4401, reason: "log in first" }, ["closed", "log in first"]]"#)
        .await
}

#[tokio::test]
async fn a_frame_that_is_no_json_object_ends_the_session() -> Result {
    for frame in ["nonsense", "null", "5", "[]", "\"x\"", "{\"event\":"] {
        let (scene, mut peer) = Scene::connected().await?;
        peer.send(frame).await;
        assert_eq!(peer.closed().await.map(|(code, _)| code), Some(4400), "{frame}");
        scene.page.wait_until("socket.state.value == 'closed'").await?;
        assert_eq!(scene.page.complained(1).await?.len(), 1, "{frame}");
    }
    Ok(())
}

#[tokio::test]
async fn it_comes_back_no_sooner_than_the_server_says() -> Result {
    let (mut scene, peer) = Scene::connected().await?;
    scene.jitter(0).await?;
    scene.page.eval("from = performance.now(); socket.state.subscribe(state => state == 'connecting' && keep(performance.now() - from)); 0").await?;
    peer.close(1012, "retry 700").await;
    scene.page.wait_until("socket.state.value == 'waiting'").await?;
    // Not even when the page is looked at.
    scene
        .page
        .eval("dispatchEvent(new Event('online')); dispatchEvent(new Event('focus'))")
        .await?;
    let _peer = scene.stage.greet().await;
    scene.page.wait_until("socket.state.value == 'open' && got.length == 1 && got[0] >= 690").await
}

#[tokio::test]
async fn after_a_restart_it_comes_when_the_server_says_and_hardly_later() -> Result {
    let mut scene = Scene::open().await?;
    scene.jitter(1).await?;
    scene.page.eval("start()").await?;
    // By 1012 the server has spread its clients already. The others come with more of their own.
    for (code, reason, pause) in
        [(1012, "retry 30", 130), (1013, "retry 30", 1_030), (1012, "", 2_000)]
    {
        let peer = scene.stage.greet().await;
        scene.page.wait_until("socket.state.value == 'open' && !socket.state.retryIn").await?;
        peer.close(code, reason).await;
        scene.page.wait_until("socket.state.value == 'waiting'").await?;
        assert_eq!(scene.page.eval("socket.state.retryIn").await?, pause);
    }
    Ok(())
}

#[tokio::test]
async fn pauses_grow_from_half_a_second_to_twenty() -> Result {
    let mut scene = Scene::open().await?;
    scene.jitter(1).await?;
    scene
        .page
        .eval(
            "const real = setTimeout; pauses = [];
             window.setTimeout = (run, pause) => {
               if (pause != 10000 && pause <= 20000) pauses.push(pause), pause = 0;
               return real(run, pause);
             }; start()",
        )
        .await?;
    for _ in 0..8 {
        drop(scene.stage.knock().await);
    }
    let peer = scene.stage.greet().await;
    scene.page.wait_until("socket.state.value == 'open'").await?;
    let pauses = scene.page.eval("pauses.join()").await?;
    assert_eq!(pauses, "500,1000,2000,4000,8000,16000,20000,20000");
    // A connection that lasts starts again with short ones, one that does not goes on.
    drop(peer);
    let peer = scene.stage.greet().await;
    scene.page.wait_until("socket.state.value == 'open' && pauses.at(-1) == 20000").await?;
    scene.page.eval("const now = Date.now; Date.now = () => now() + 11000").await?;
    drop(peer);
    let _peer = scene.stage.greet().await;
    scene.page.wait_until("socket.state.value == 'open' && pauses.at(-1) == 500").await
}

#[tokio::test]
async fn close_says_so_and_never_comes_back() -> Result {
    let (mut scene, mut peer) = Scene::connected().await?;
    scene.jitter(0).await?;
    scene
        .page
        .eval(
            "failure(socket.call('watch', 1)).then(([code]) => keep(code));
             socket.emit('watch', 2); socket.on('history', keep); socket.close(); socket.close(); 0",
        )
        .await?;
    assert_eq!(peer.json().await["data"], 1);
    assert_eq!(peer.json().await["data"], 2);
    assert_eq!(peer.closed().await, Some((1000, String::new())));
    scene.page.wait_until("socket.state.value == 'closed'").await?;
    scene.page.eval("for (const type of ['online', 'focus', 'pageshow', 'resume']) dispatchEvent(new Event(type))").await?;
    scene.page.eval("new Promise(done => setTimeout(done, 100))").await?;
    scene.got(r#"["lost"]"#).await?;
    assert!(!scene.stage.is_wanted());
    assert_eq!(scene.page.eval("states.join()").await?, "connecting,open,closed");
    scene.page.eval("start()").await?;
    let _peer = scene.stage.greet().await;
    scene.quietly("socket.state.value == 'open'").await
}

#[tokio::test]
async fn close_while_away_drops_what_waits() -> Result {
    let mut scene = Scene::open().await?;
    scene.page.eval("start()").await?;
    let knock = scene.stage.knock().await;
    scene
        .page
        .eval(
            "socket.emit('watch', 1); failure(socket.call('watch', 2)).then(keep);
             socket.close()",
        )
        .await?;
    scene.got(r#"[["closed", "the socket is closed"]]"#).await?;
    drop(knock);
    scene.page.eval("start(); socket.emit('watch', 3)").await?;
    let mut peer = scene.stage.greet().await;
    assert_eq!(peer.json().await["data"], 3);
    Ok(())
}

#[tokio::test]
async fn one_url_is_one_socket() -> Result {
    let (scene, mut peer) = Scene::connected().await?;
    let same = "['/ws', 'ws', '/ws#part', location.origin + '/ws', new URL('/ws', location),
                 location.origin.replace('http', 'ws') + '/ws'].every(url => connect(url) == socket && bare(url) == socket)
                && bare() == socket";
    assert_eq!(scene.page.eval(same).await?, true);
    scene.page.eval("connect().emit('watch')").await?;
    assert_eq!(peer.frame().await, r#"{"event":"watch"}"#);
    assert!(!scene.stage.is_wanted());
    assert_eq!(scene.page.eval("connect('/ws?token=1') == socket").await?, false);
    Ok(())
}

#[tokio::test]
async fn to_close_and_connect_in_one_tick_is_nothing() -> Result {
    let (scene, mut peer) = Scene::connected().await?;
    scene
        .page
        .eval("socket.on('history', keep); same = socket; socket.close(); start(); 0")
        .await?;
    peer.send(r#"{"event":"history","data":1}"#).await;
    scene.got("[1]").await?;
    scene.page.eval("socket.emit('watch')").await?;
    assert_eq!(peer.frame().await, r#"{"event":"watch"}"#);
    assert!(!scene.stage.is_wanted());
    scene.quietly("same == socket && states.join() == 'connecting,open,open'").await
}

#[tokio::test]
async fn a_script_without_modules_connects_to_where_it_came_from() -> Result {
    let mut scene = Scene::open().await?;
    scene.page.goto(&scene.stage.url("/script")).await?;
    scene.page.eval("socket = socketkit.connect(); 0").await?;
    let knock = scene.stage.knock().await;
    assert_eq!(knock.path(), "/ws");
    let _peer = knock.accept().await;
    // It knows the contract as the module does.
    assert_eq!(scene.page.eval("socket.emit('typing')").await?, false);
    scene
        .quietly(
            "Object.keys(socketkit).join() == 'connect,CallError' && typeof connect == 'undefined'",
        )
        .await
}
