//! A page that is hidden, frozen, offline, left and found again, or whose server falls silent.

use tests::browser::Result;

use crate::scene::Scene;

#[tokio::test]
async fn a_server_that_is_silent_for_two_heartbeats_is_given_up() -> Result {
    let mut scene = Scene::open().await?;
    scene.jitter(0).await?;
    scene.page.eval("start(); socket.state.subscribe(() => keep(performance.now())); 0").await?;
    let mut silent = scene.stage.accept().await;
    silent.hello(400).await;
    // One last probe, then the end.
    assert_eq!(silent.frame().await, "{}");
    assert_eq!(silent.closed().await.map(|(code, _)| code), Some(4408));
    let _peer = scene.stage.greet().await;
    scene.page.wait_until("states.join() == 'connecting,open,waiting,connecting,open'").await?;
    scene.quietly("got[2] - got[1] >= 790").await
}

#[tokio::test]
async fn a_clock_that_is_set_back_hides_no_silence() -> Result {
    let mut scene = Scene::open().await?;
    scene.page.eval("start()").await?;
    let mut silent = scene.stage.accept().await;
    silent.hello(400).await;
    scene.page.wait_until("socket.state.value == 'open'").await?;
    scene.page.eval("const now = Date.now; Date.now = () => now() - 3600000").await?;
    assert_eq!(silent.frame().await, "{}");
    assert_eq!(silent.closed().await.map(|(code, _)| code), Some(4408));
    Ok(())
}

#[tokio::test]
async fn a_heartbeat_keeps_a_quiet_connection_and_is_not_answered() -> Result {
    let mut scene = Scene::open().await?;
    scene
        .page
        .eval("start(); frames = []; socket.onAny(({ frame }) => frames.push(frame)); 0")
        .await?;
    let mut peer = scene.stage.accept().await;
    peer.hello(1_000).await;
    for beats in 1..=6 {
        // Half an interval passes between two, as the page measures it.
        scene.page.eval("new Promise(done => setTimeout(done, 500))").await?;
        peer.send("{}").await;
        scene.page.wait_until(&format!("frames.length == {}", beats + 1)).await?;
    }
    scene.page.eval("socket.emit('watch')").await?;
    assert_eq!(peer.frame().await, r#"{"event":"watch"}"#);
    scene.quietly("states.join() == 'connecting,open'").await
}

#[tokio::test]
async fn a_hidden_page_is_not_judged_until_it_is_seen() -> Result {
    let mut scene = Scene::open().await?;
    scene.jitter(0).await?;
    scene.page.eval("start()").await?;
    let mut silent = scene.stage.accept().await;
    let tab = scene.browser.tab().await?;
    scene.page.wait_until("document.hidden").await?;
    silent.hello(200).await;
    scene.page.wait_until("socket.state.value == 'open'").await?;
    // More than two heartbeats, and a slow timer's second.
    scene.page.eval("new Promise(done => setTimeout(done, 1500))").await?;
    assert_eq!(scene.page.eval("states.join()").await?, "connecting,open");
    scene.page.show().await?;
    assert_eq!(silent.frame().await, "{}");
    assert_eq!(silent.closed().await.map(|(code, _)| code), Some(4408));
    let _peer = scene.stage.greet().await;
    tab.close().await?;
    scene.quietly("states.join() == 'connecting,open,waiting,connecting,open'").await
}

#[tokio::test]
async fn a_hidden_page_whose_server_lives_stays_connected_when_it_is_seen() -> Result {
    let mut scene = Scene::open().await?;
    scene.page.eval("start()").await?;
    let mut peer = scene.stage.accept().await;
    let _tab = scene.browser.tab().await?;
    scene.page.wait_until("document.hidden").await?;
    peer.hello(5_000).await;
    scene.page.wait_until("socket.state.value == 'open'").await?;
    // The page believes that it was away for six seconds: more than one heartbeat.
    scene.page.eval("const now = Date.now; Date.now = () => now() + 6000").await?;
    scene.page.show().await?;
    assert_eq!(peer.frame().await, "{}");
    // Seen twice at once, it is asked one time.
    scene.page.eval("dispatchEvent(new Event('focus'))").await?;
    peer.send("{}").await;
    scene.page.eval("new Promise(done => setTimeout(done, 800))").await?;
    scene.quietly("states.join() == 'connecting,open'").await
}

#[tokio::test]
async fn a_hidden_page_whose_server_restarts_comes_back() -> Result {
    let (mut scene, peer) = Scene::connected().await?;
    let _tab = scene.browser.tab().await?;
    scene.page.wait_until("document.hidden").await?;
    peer.close(1012, "").await;
    let mut peer = scene.stage.greet().await;
    scene.page.eval("socket.on('history', keep); 0").await?;
    peer.send(r#"{"event":"history","data":1}"#).await;
    scene.got("[1]").await
}

#[tokio::test]
async fn offline_is_seen_at_once_and_online_ends_the_pause() -> Result {
    let (mut scene, _peer) = Scene::connected().await?;
    // Pauses too long for any test: it is the event that brings the connection back.
    scene.page.eval("Math.random = () => 1e6; failure(socket.call('watch')).then(([code]) => keep(code)); 0").await?;
    scene.page.offline(true).await?;
    scene.page.wait_until("socket.state.value == 'waiting'").await?;
    scene.got(r#"["lost"]"#).await?;
    scene.page.eval("socket.emit('watch', 1)").await?;
    scene.page.offline(false).await?;
    let mut peer = scene.stage.greet().await;
    assert_eq!(peer.frame().await, r#"{"event":"watch","data":1}"#);
    scene.page.wait_until("states.join() == 'connecting,open,waiting,connecting,open'").await
}

#[tokio::test]
async fn what_an_old_connection_still_brings_is_ignored() -> Result {
    let (mut scene, mut old) = Scene::connected().await?;
    scene.jitter(0).await?;
    scene.page.eval("socket.on('history', keep); 0").await?;
    scene.page.offline(true).await?;
    scene.page.wait_until("socket.state.value != 'open'").await?;
    old.send(r#"{"event":"history","data":"old"}"#).await;
    scene.page.offline(false).await?;
    let mut peer = scene.stage.greet().await;
    assert_eq!(old.closed().await.map(|(code, _)| code), Some(4408));
    old.close(4401, "late").await;
    peer.send(r#"{"event":"history","data":"new"}"#).await;
    scene.got(r#"["new"]"#).await?;
    scene.page.wait_until("states.slice(-1) == 'open'").await
}

#[tokio::test]
async fn a_page_in_the_back_forward_cache_lets_go_and_comes_back_alive() -> Result {
    let (mut scene, mut peer) = Scene::connected().await?;
    scene.page.eval("socket.on('history', keep); kept = true; failure(socket.call('watch')).then(([code]) => keep(code)); 0").await?;
    assert_eq!(peer.json().await["id"], 1);
    scene.page.goto(&scene.stage.url("/other")).await?;
    assert_eq!(peer.closed().await, Some((4408, String::new())));
    drop(peer);
    scene.page.back().await?;
    scene.page.wait_until("window.kept").await?;
    let mut peer = scene.stage.greet().await;
    peer.send(r#"{"event":"history","data":1}"#).await;
    scene.got(r#"["lost", 1]"#).await?;
    scene.quietly("states.join() == 'connecting,open,waiting,connecting,open'").await?;
    // And once more, the other way round the history.
    scene.page.forward().await?;
    assert_eq!(peer.closed().await, Some((4408, String::new())));
    scene.page.back().await?;
    let _peer = scene.stage.greet().await;
    scene.quietly("socket.state.value == 'open'").await
}

#[tokio::test]
async fn a_page_that_is_not_kept_says_so() -> Result {
    let (mut scene, mut peer) = Scene::connected().await?;
    // A page with such a handler is not kept.
    scene.page.eval("addEventListener('unload', () => {})").await?;
    scene.page.goto(&scene.stage.url("/other")).await?;
    assert_eq!(peer.closed().await.map(|(code, _)| code), Some(1000));
    // Nor is one whose tab is closed.
    let tab = scene.browser.tab().await?;
    tab.goto(&scene.stage.url("/")).await?;
    tab.wait_until("window.start").await?;
    tab.eval("start()").await?;
    let mut peer = scene.stage.greet().await;
    tab.wait_until("socket.state.value == 'open'").await?;
    tab.close().await?;
    assert_eq!(peer.closed().await.map(|(code, _)| code), Some(1000));
    Ok(())
}

#[tokio::test]
async fn a_page_that_was_told_to_wait_comes_back_from_the_cache_as_well() -> Result {
    let (mut scene, peer) = Scene::connected().await?;
    scene.jitter(0).await?;
    scene.page.eval("kept = true").await?;
    peer.close(1012, "retry 1500").await;
    scene.page.wait_until("socket.state.value == 'waiting'").await?;
    scene.page.goto(&scene.stage.url("/other")).await?;
    scene.page.back().await?;
    scene.page.wait_until("window.kept").await?;
    let _peer = scene.stage.greet().await;
    scene.quietly("socket.state.value == 'open'").await
}

#[tokio::test]
async fn a_frozen_page_comes_back_alive() -> Result {
    let (mut scene, mut peer) = Scene::connected().await?;
    scene.page.eval("socket.on('history', keep); 0").await?;
    scene.page.frozen(true).await?;
    // Chromium may end the connection of a frozen page by itself: what it is sent then is lost.
    peer.send(r#"{"event":"history","data":"frozen"}"#).await;
    drop(peer);
    scene.page.frozen(false).await?;
    let mut peer = scene.stage.greet().await;
    peer.send(r#"{"event":"history","data":"alive"}"#).await;
    scene.page.wait_until("got.at(-1) == 'alive'").await?;
    scene.page.wait_until("socket.state.value == 'open'").await
}
