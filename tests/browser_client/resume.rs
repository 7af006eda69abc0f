//! A session that goes on over another connection, and one that does not.

use tests::browser::Result;

use crate::scene::Scene;

/// What no server can have seen of two frames.
const NO_SUCH_COUNTS: [&str; 5] = [r#"3"#, r#"-1"#, r#"0.5"#, r#""1""#, r#"9007199254740993"#];

#[tokio::test]
async fn what_was_not_seen_is_sent_again_and_then_what_waited() -> Result {
    let (mut scene, mut peer) = Scene::resumable().await?;
    scene.page.eval("for (const i of [1, 2, 3]) socket.emit('watch', i); 0").await?;
    for i in 1..=3 {
        assert_eq!(peer.json().await["data"], i);
    }
    // Two of these count.
    for frame in [r#"{"event":"history"}"#, r#"{"reply":77}"#, "{}", r#"{"seen":1}"#] {
        peer.send(frame).await;
    }
    assert_eq!(peer.frame().await, r#"{"seen":2}"#);
    drop(peer);
    scene.page.wait_until("socket.state.value != 'open'").await?;
    scene.page.eval("socket.emit('watch', 4); keep(socket.emit('typing')); 0").await?;
    // One connection fails, and its attempt counts.
    let knock = scene.stage.knock().await;
    assert_eq!(knock.header("Sec-WebSocket-Protocol"), Some("socketkit.v1.json, resume.t-1_A.2.1"));
    drop(knock);
    let mut peer = scene.returns("resume.t-1_A.2.2").await;
    scene.page.eval("socket.on('history', keep); 0").await?;
    peer.welcome(r#""token":"t-1_A","seen":2,"replay":2"#).await;
    peer.send(r#"{"event":"history","data":"a"}"#).await;
    peer.send(r#"{"event":"history","data":"b"}"#).await;
    assert_eq!(peer.frame().await, r#"{"event":"watch","data":3}"#);
    assert_eq!(peer.frame().await, r#"{"event":"watch","data":4}"#);
    scene.got(r#"[false, "a", "b"]"#).await?;
    let state = "[socket.state.value, socket.state.replayed, socket.state.reason ?? 0]";
    assert_eq!(scene.page.eval(state).await?.to_string(), r#"["resumed",2,0]"#);
    // Still in the same session, with another secret from now on.
    drop(peer);
    let mut peer = scene.returns("resume.t-1_A.4.3").await;
    peer.welcome(r#""token":"t-2","seen":4"#).await;
    scene.page.wait_until("socket.state.value == 'resumed' && socket.state.replayed == 0").await?;
    scene.page.eval("socket.emit('typing')").await?;
    assert_eq!(peer.frame().await, r#"{"event":"typing"}"#);
    drop(peer);
    let _peer = scene.returns("resume.t-2.4.4").await;
    let waited = "states.join() == 'connecting,open,waiting,connecting,waiting,connecting,resumed,waiting,connecting,resumed,waiting,connecting'";
    scene.page.wait_until(waited).await
}

#[tokio::test]
async fn a_call_is_answered_after_a_resume_and_its_deadline_runs_on() -> Result {
    let (mut scene, mut peer) = Scene::resumable().await?;
    scene
        .page
        .eval(
            "socket.call('watch', 1).then(keep); socket.call('watch', 2).then(keep);
             expired = failure(socket.call('watch', 3, { timeout: 200 })); 0",
        )
        .await?;
    for id in 1..=3 {
        assert_eq!(peer.json().await["id"], id);
    }
    drop(peer);
    let timeout = r#"["timeout","no reply to \"watch\" in 200 ms"]"#;
    assert_eq!(scene.page.eval("expired").await?.to_string(), timeout);
    scene.page.eval("socket.call('watch', 4).then(keep); 0").await?;
    let mut peer = scene.returns("resume.t-1_A.0.1").await;
    // The first was seen; what nobody waits for any more has its place in the count still.
    peer.welcome(r#""token":"t-1_A","seen":1"#).await;
    for id in 2..=4 {
        assert_eq!(peer.json().await["id"], id);
        peer.send(&format!(r#"{{"reply":{id},"data":{id}}}"#)).await;
    }
    peer.send(r#"{"reply":1,"data":1}"#).await;
    scene.got("[2, 4, 1]").await?;
    scene.quietly("socket.state.value == 'resumed'").await
}

#[tokio::test]
async fn an_answer_reaches_the_session_that_asked_and_no_other() -> Result {
    let (mut scene, mut peer) = Scene::resumable().await?;
    scene
        .page
        .eval("release = []; socket.on('confirm', data => data ?? new Promise(done => release.push(done))); 0")
        .await?;
    peer.send(r#"{"event":"confirm","id":1,"data":"sent"}"#).await;
    peer.send(r#"{"event":"confirm","id":2}"#).await;
    peer.send(r#"{"event":"confirm","id":3}"#).await;
    assert_eq!(peer.frame().await, r#"{"reply":1,"data":"sent"}"#);
    scene.page.wait_until("release.length == 2").await?;
    drop(peer);
    scene.page.wait_until("socket.state.value != 'open'").await?;
    scene.page.eval("release[0]('away'); 0").await?;
    let mut peer = scene.returns("resume.t-1_A.3.1").await;
    peer.welcome(r#""token":"t-1_A","seen":0"#).await;
    assert_eq!(peer.frame().await, r#"{"reply":1,"data":"sent"}"#);
    assert_eq!(peer.frame().await, r#"{"reply":2,"data":"away"}"#);
    peer.send(r#"{"event":"confirm","id":4}"#).await;
    scene.page.wait_until("release.length == 3").await?;
    drop(peer);
    scene.page.wait_until("socket.state.value != 'resumed'").await?;
    // One answer waits, one comes when the session is over, and a new one asks with the same ids.
    scene.page.eval("release[1]('late'); 0").await?;
    let mut peer = scene.returns("resume.t-1_A.4.2").await;
    peer.welcome(r#""token":"t-2""#).await;
    // Answers are nobody's own events.
    scene.page.wait_until("socket.state.value == 'reset' && socket.state.unconfirmed == 0").await?;
    scene.page.eval("release[2]('later'); new Promise(done => setTimeout(done))").await?;
    peer.send(r#"{"event":"confirm","id":3,"data":"new"}"#).await;
    assert_eq!(peer.frame().await, r#"{"reply":3,"data":"new"}"#);
    Ok(())
}

#[tokio::test]
async fn what_was_processed_is_said_before_a_farewell() -> Result {
    let (scene, mut peer) = Scene::resumable().await?;
    scene.page.eval("socket.on('history', keep); 0").await?;
    for text in ["a", "b", "c"] {
        peer.send(&format!(r#"{{"event":"history","data":"{text}"}}"#)).await;
    }
    scene.got(r#"["a", "b", "c"]"#).await?;
    scene.page.eval("socket.close(); 0").await?;
    assert_eq!(peer.frame().await, r#"{"seen":3}"#);
    assert_eq!(peer.closed().await.map(|(code, _)| code), Some(1000));
    Ok(())
}

#[tokio::test]
async fn a_session_that_is_over_begins_anew_with_what_was_never_sent() -> Result {
    let (mut scene, mut peer) = Scene::resumable().await?;
    scene
        .page
        .eval(
            "failure(socket.call('watch', 1)).then(keep); socket.emit('watch', 2);
             failure(socket.call('watch', 3)).then(keep); socket.emit('watch', 4); 0",
        )
        .await?;
    for i in 1..=4 {
        assert_eq!(peer.json().await["data"], i);
    }
    peer.send(r#"{"event":"history"}"#).await;
    peer.send(r#"{"seen":1}"#).await;
    drop(peer);
    scene.page.wait_until("socket.state.value != 'open'").await?;
    scene
        .page
        .eval(
            "socket.emit('watch', 5); socket.emit('cursor', 6); socket.emit('typing');
             pending = socket.call('watch', 7); socket.emit('cursor', 8); 0",
        )
        .await?;
    scene.got("[]").await?;
    let mut peer = scene.returns("resume.t-1_A.1.1").await;
    peer.welcome(r#""token":"t-2","gap":"overflow""#).await;
    assert_eq!(peer.json().await["data"], 5);
    assert_eq!(peer.frame().await, r#"{"event":"watch","id":3,"data":7}"#);
    assert_eq!(peer.json().await["data"], 8);
    let lost = r#"["lost", "connection lost"]"#;
    scene.got(&format!("[{lost}, {lost}]")).await?;
    let state = "[socket.state.value, socket.state.reason, socket.state.unconfirmed, socket.state.replayed ?? 0]";
    assert_eq!(scene.page.eval(state).await?.to_string(), r#"["reset","overflow",3,0]"#);
    // The counts begin anew: three were sent, none was processed.
    peer.send(r#"{"seen":3}"#).await;
    peer.send(r#"{"reply":3,"data":"well"}"#).await;
    assert_eq!(scene.page.eval("pending").await?, "well");
    drop(peer);
    let mut peer = scene.returns("resume.t-2.1.1").await;
    // A server that has never heard of resuming.
    peer.hello(25_000).await;
    let state = "socket.state.value == 'reset' && socket.state.reason == 'unknown' && socket.state.unconfirmed == 0";
    scene.page.wait_until(state).await?;
    drop(peer);
    let knock = scene.stage.knock().await;
    assert_eq!(knock.header("Sec-WebSocket-Protocol"), Some("socketkit.v1.json"));
    let mut peer = knock.accept().await;
    peer.hello(25_000).await;
    scene.quietly("states.at(-1) == 'open'").await
}

#[tokio::test]
async fn counts_that_cannot_be_end_the_session() -> Result {
    for count in NO_SUCH_COUNTS {
        let (mut scene, mut peer) = Scene::resumable().await?;
        scene.page.eval("socket.emit('watch', 1); socket.emit('watch', 2)").await?;
        assert_eq!(
            (peer.json().await["data"].take(), peer.json().await["data"].take()),
            (1.into(), 2.into())
        );
        peer.send(&format!(r#"{{"seen":{count}}}"#)).await;
        assert_eq!(peer.closed().await.map(|(code, _)| code), Some(4400), "seen {count}");
        scene.page.wait_until("socket.state.value == 'closed'").await?;
        // And the same of `hello`.
        scene.page.eval("start()").await?;
        let mut peer = scene.stage.accept().await;
        peer.welcome(r#""token":"t""#).await;
        scene.page.wait_until("socket.state.value == 'open'").await?;
        drop(peer);
        let mut peer = scene.returns("resume.t.0.1").await;
        peer.welcome(&format!(r#""token":"t","seen":{count}"#)).await;
        assert_eq!(peer.closed().await.map(|(code, _)| code), Some(4400), "hello.seen {count}");
        scene.page.wait_until("socket.state.value == 'closed'").await?;
        assert_eq!(scene.page.complained(2).await?.len(), 2);
    }
    Ok(())
}

#[tokio::test]
async fn what_no_server_says_ends_the_session() -> Result {
    for (first, second) in [
        (r#"{"seen":2}"#, r#"{"seen":1}"#),
        ("{}", r#"{"hello":{"session":"s1","heartbeat":25000,"limit":65536,"token":"t"}}"#),
    ] {
        let (scene, mut peer) = Scene::resumable().await?;
        scene.page.eval("socket.emit('watch', 1); socket.emit('watch', 2)").await?;
        assert_eq!(
            (peer.json().await["data"].take(), peer.json().await["data"].take()),
            (1.into(), 2.into())
        );
        peer.send(first).await;
        peer.send(second).await;
        assert_eq!(peer.closed().await.map(|(code, _)| code), Some(4400), "{second}");
    }
    for hello in [r#""token":"a b""#, r#""token":"a,b""#, r#""token":7.5"#, r#""seen":1"#] {
        let mut scene = Scene::open().await?;
        scene.page.eval("start()").await?;
        let mut peer = scene.stage.accept().await;
        peer.welcome(hello).await;
        assert_eq!(peer.closed().await.map(|(code, _)| code), Some(4400), "{hello}");
    }
    let (mut scene, peer) = Scene::resumable().await?;
    drop(peer);
    let mut peer = scene.returns("resume.t-1_A.0.1").await;
    peer.welcome(r#""token":"t-1_A","seen":0,"replay":-1"#).await;
    assert_eq!(peer.closed().await.map(|(code, _)| code), Some(4400));
    Ok(())
}

#[tokio::test]
async fn a_call_outlives_a_server_that_keeps_the_session_and_no_other() -> Result {
    for (reason, ended) in [("retry 0, resume", "[]"), ("retry 0", r#"["lost"]"#)] {
        let (mut scene, mut peer) = Scene::resumable().await?;
        scene.page.eval("failure(socket.call('watch')).then(([code]) => keep(code)); 0").await?;
        assert_eq!(peer.frame().await, r#"{"event":"watch","id":1}"#);
        peer.close(1012, reason).await;
        let mut peer = scene.returns("resume.t-1_A.0.1").await;
        scene.got(ended).await?;
        peer.welcome(r#""token":"t-2","seen":1"#).await;
        peer.send(r#"{"reply":1,"error":{"code":"late","message":"here"}}"#).await;
        scene.page.wait_until("socket.state.value == 'resumed' && got.length == 1").await?;
        scene.got(&ended.replace("[]", r#"["late"]"#)).await?;
    }
    Ok(())
}

#[tokio::test]
async fn a_session_that_went_on_elsewhere_is_over_here() -> Result {
    let (mut scene, peer) = Scene::resumable().await?;
    scene.page.eval("failure(socket.call('watch')).then(([code]) => keep(code)); 0").await?;
    drop(peer);
    let peer = scene.returns("resume.t-1_A.0.1").await;
    peer.close(4409, "").await;
    scene
        .page
        .wait_until("socket.state.value == 'closed' && socket.state.ended.code == 4409")
        .await?;
    scene.got(r#"["lost"]"#).await
}

#[tokio::test]
async fn a_page_in_the_back_forward_cache_resumes() -> Result {
    let (mut scene, mut peer) = Scene::resumable().await?;
    scene
        .page
        .eval("socket.on('history', keep); kept = true; socket.call('watch').then(keep); 0")
        .await?;
    assert_eq!(peer.json().await["id"], 1);
    scene.page.goto(&scene.stage.url("/other")).await?;
    assert_eq!(peer.closed().await, Some((4408, String::new())));
    drop(peer);
    scene.page.back().await?;
    scene.page.wait_until("window.kept").await?;
    let mut peer = scene.returns("resume.t-1_A.0.1").await;
    peer.welcome(r#""token":"t-1_A","seen":1,"replay":1"#).await;
    peer.send(r#"{"event":"history","data":"missed"}"#).await;
    peer.send(r#"{"reply":1,"data":"answered"}"#).await;
    scene.got(r#"["missed", "answered"]"#).await?;
    scene.quietly("states.join() == 'connecting,open,waiting,connecting,resumed'").await
}

#[tokio::test]
async fn what_an_old_connection_still_brings_is_not_counted() -> Result {
    let (mut scene, mut old) = Scene::resumable().await?;
    scene.page.eval("socket.on('history', keep); socket.emit('watch', 1)").await?;
    assert_eq!(old.json().await["data"], 1);
    old.send(r#"{"event":"history","data":"first"}"#).await;
    scene.got(r#"["first"]"#).await?;
    // The pause is too long for any test: no attempt is made offline.
    scene.page.eval("Math.random = () => 1e6").await?;
    scene.page.offline(true).await?;
    scene.page.wait_until("socket.state.value != 'open'").await?;
    // Given up, and so is what it says from now on: the present one will say it again.
    for frame in [r#"{"event":"history","data":"second"}"#, r#"{"seen":1}"#, r#"{"seen":9}"#] {
        old.send(frame).await;
    }
    scene.page.eval("socket.emit('watch', 2)").await?;
    scene.page.offline(false).await?;
    let mut peer = scene.returns("resume.t-1_A.1.1").await;
    old.close(4409, "").await;
    peer.welcome(r#""token":"t-1_A","seen":0,"replay":1"#).await;
    peer.send(r#"{"event":"history","data":"second"}"#).await;
    assert_eq!(peer.json().await["data"], 1);
    assert_eq!(peer.json().await["data"], 2);
    scene.got(r#"["first", "second"]"#).await?;
    scene.quietly("states.join() == 'connecting,open,waiting,connecting,resumed'").await
}

#[tokio::test]
async fn a_handler_may_have_the_page_connect_anew() -> Result {
    let (mut scene, mut peer) = Scene::resumable().await?;
    scene
        .page
        .eval("socket.on('history', data => { keep(data); for (const type of ['offline', 'online']) dispatchEvent(new Event(type)) }); 0")
        .await?;
    peer.send(r#"{"event":"history","data":1}"#).await;
    peer.send(r#"{"event":"history","data":2}"#).await;
    // It is processed, and the one behind it is not.
    let _peer = scene.returns("resume.t-1_A.1.1").await;
    scene.got("[1]").await
}
