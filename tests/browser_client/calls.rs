//! Calls, both ways.

use serde_json::json;
use tests::browser::Result;

use crate::scene::Scene;

#[tokio::test]
async fn a_call_is_answered_with_its_reply_or_its_refusal() -> Result {
    let (scene, mut peer) = Scene::connected().await?;
    scene
        .page
        .eval(
            "first = socket.call('submit_post', { author: 'ada', body: 'hello' });
             second = socket.call('watch', 1); third = socket.call('watch', 2);
             third.catch(error => keep([error instanceof CallError, error instanceof Error, error.code, error.message, error.data]));
             first.then(keep).then(() => second).then(keep); 0",
        )
        .await?;
    assert_eq!(
        peer.frame().await,
        r#"{"event":"submit_post","id":1,"data":{"author":"ada","body":"hello"}}"#
    );
    assert_eq!(peer.frame().await, r#"{"event":"watch","id":2,"data":1}"#);
    assert_eq!(peer.frame().await, r#"{"event":"watch","id":3,"data":2}"#);
    peer.send(r#"{"reply":3,"error":{"code":"empty","message":"a post needs a body","data":{"field":"body"}}}"#).await;
    scene.got(r#"[[true, true, "empty", "a post needs a body", { field: "body" }]]"#).await?;
    peer.send(r#"{"reply":2}"#).await;
    peer.send(r#"{"reply":1,"data":17}"#).await;
    scene.page.wait_until("got.length == 3 && got[1] === 17 && got[2] === null").await?;
    scene.quietly("true").await
}

#[tokio::test]
async fn a_call_ends_at_its_deadline_and_its_late_reply_is_ignored() -> Result {
    let (scene, mut peer) = Scene::connected().await?;
    scene.page.eval("failure(socket.call('watch', 1, { timeout: 30 })).then(keep)").await?;
    scene.got(r#"[["timeout", 'no reply to "watch" in 30 ms']]"#).await?;
    assert_eq!(peer.json().await["id"], 1);
    peer.send(r#"{"reply":1,"error":{"code":"internal","message":"late"}}"#).await;
    peer.send(r#"{"reply":99}"#).await;
    scene.page.eval("pending = socket.call('watch', 2, { timeout: Infinity }); 0").await?;
    assert_eq!(peer.json().await["id"], 2);
    peer.send(r#"{"reply":2,"data":"well"}"#).await;
    assert_eq!(scene.page.eval("pending").await?, "well");
    scene.quietly("true").await
}

#[tokio::test]
async fn without_a_deadline_of_its_own_a_call_waits_ten_seconds() -> Result {
    let mut scene = Scene::open().await?;
    scene
        .page
        .eval("const real = setTimeout; window.setTimeout = (run, pause) => (keep(pause), real(run, pause)); start()")
        .await?;
    let _peer = scene.stage.greet().await;
    scene.page.wait_until("socket.state.value == 'open'").await?;
    scene.page.eval("got.length = 0; socket.call('watch'); 0").await?;
    scene.got("[10000]").await?;
    scene
        .page
        .eval("got.length = 0; connect('/other/ws', { timeout: 77 }).call('watch'); 0")
        .await?;
    scene.page.wait_until("got.includes(77)").await
}

#[tokio::test]
async fn a_call_of_the_server_is_answered_with_what_the_handler_returns() -> Result {
    let (scene, mut peer) = Scene::connected().await?;
    for (handler, answer) in [
        ("({ id }) => id > 1", json!({ "reply": 1, "data": true })),
        ("async ({ id }) => [id]", json!({ "reply": 1, "data": [2] })),
        (
            "() => new Promise(done => setTimeout(done, 1, 'late'))",
            json!({ "reply": 1, "data": "late" }),
        ),
        ("() => {}", json!({ "reply": 1 })),
        ("() => null", json!({ "reply": 1 })),
        (
            "() => { throw new CallError('not_now', 'ask later', 5) }",
            json!({ "reply": 1, "error": { "code": "not_now", "message": "ask later", "data": 5 } }),
        ),
    ] {
        scene.page.eval(&format!("off = socket.on('confirm', {handler}); 0")).await?;
        peer.send(r#"{"event":"confirm","id":1,"data":{"id":2}}"#).await;
        assert_eq!(peer.json().await, answer, "{handler}");
        scene.page.eval("off()").await?;
    }
    peer.send(r#"{"event":"confirm","id":4294967295}"#).await;
    let unknown = r#"{"reply":4294967295,"error":{"code":"unknown_event","message":"no handler"}}"#;
    assert_eq!(peer.frame().await, unknown);
    scene.quietly("true").await
}

#[tokio::test]
async fn a_handler_that_fails_answers_internal_and_keeps_its_text() -> Result {
    let (scene, mut peer) = Scene::connected().await?;
    let refused = r#"{"reply":0,"error":{"code":"internal","message":"the handler failed"}}"#;
    for handler in [
        "() => { throw new Error('secret') }",
        "async () => { throw 1 }",
        "() => 1n",
        "() => Promise.reject()",
    ] {
        scene.page.eval(&format!("off = socket.on('confirm', {handler}); 0")).await?;
        peer.send(r#"{"event":"confirm","id":0}"#).await;
        assert_eq!(peer.frame().await, refused, "{handler}");
        scene.page.eval("off()").await?;
    }
    scene.page.eval("socket.on('confirm', () => 'x'.repeat(70000)); 0").await?;
    peer.send(r#"{"event":"confirm","id":1}"#).await;
    assert_eq!(peer.json().await["error"]["code"], "too_large");
    let complaints = scene.page.complained(4).await?;
    assert_eq!(complaints.len(), 4, "{complaints:?}");
    assert!(complaints[0].contains("Error: secret"), "{complaints:?}");
    Ok(())
}

#[tokio::test]
async fn the_first_handler_answers_and_the_others_are_told() -> Result {
    let (scene, mut peer) = Scene::connected().await?;
    scene
        .page
        .eval("socket.on('confirm', () => 'first'); socket.on('confirm', data => (keep(data), 'second')); 0")
        .await?;
    peer.send(r#"{"event":"confirm","id":1,"data":9}"#).await;
    assert_eq!(peer.frame().await, r#"{"reply":1,"data":"first"}"#);
    scene.got("[9]").await?;
    scene.page.eval("socket.emit('watch')").await?;
    assert_eq!(peer.frame().await, r#"{"event":"watch"}"#);
    Ok(())
}

#[tokio::test]
async fn an_answer_does_not_go_to_a_newer_connection() -> Result {
    let (mut scene, mut peer) = Scene::connected().await?;
    scene.jitter(0).await?;
    scene.page.eval("socket.on('confirm', () => new Promise(done => release = done)); 0").await?;
    peer.send(r#"{"event":"confirm","id":1}"#).await;
    scene.page.wait_until("window.release").await?;
    drop(peer);
    let mut peer = scene.stage.greet().await;
    scene.page.wait_until("socket.state.value == 'open'").await?;
    scene.page.eval("release('stale'); new Promise(done => setTimeout(done))").await?;
    scene.page.eval("socket.emit('watch')").await?;
    assert_eq!(peer.frame().await, r#"{"event":"watch"}"#);
    Ok(())
}

#[tokio::test]
async fn calls_in_flight_are_lost_with_the_connection() -> Result {
    let (mut scene, mut peer) = Scene::connected().await?;
    scene.page.eval("failure(socket.call('watch', 1)).then(keep); 0").await?;
    assert_eq!(peer.json().await["id"], 1);
    drop(peer);
    scene.got(r#"[["lost", "connection lost"]]"#).await?;
    let mut peer = scene.stage.greet().await;
    scene.page.eval("pending = socket.call('watch', 2); 0").await?;
    assert_eq!(peer.frame().await, r#"{"event":"watch","id":2,"data":2}"#);
    peer.send(r#"{"reply":2,"data":true}"#).await;
    assert_eq!(scene.page.eval("pending").await?, true);
    Ok(())
}

#[tokio::test]
async fn a_handler_reports_how_far_it_is_and_learns_that_nobody_waits() -> Result {
    let (scene, mut peer) = Scene::connected().await?;
    scene
        .page
        .eval(
            "socket.on('confirm', (data, { progress, signal }) => {
               progress(1);
               progress();
               signal.addEventListener('abort', () => (progress(2), keep(data), release(data)));
               return data == 'waits' ? new Promise(done => (release = done)) : data;
             });
             socket.on('history', (data, call) => keep([data, call])); 0",
        )
        .await?;
    peer.send(r#"{"event":"confirm","id":5,"data":"at once"}"#).await;
    for frame in
        [r#"{"progress":5,"data":1}"#, r#"{"progress":5}"#, r#"{"reply":5,"data":"at once"}"#]
    {
        assert_eq!(peer.frame().await, frame);
    }
    // What was answered is not cancelled any more.
    peer.send(r#"{"cancel":5}"#).await;
    peer.send(r#"{"event":"confirm","id":6,"data":"waits"}"#).await;
    assert_eq!(peer.frame().await, r#"{"progress":6,"data":1}"#);
    assert_eq!(peer.frame().await, r#"{"progress":6}"#);
    peer.send(r#"{"cancel":6}"#).await;
    peer.send(r#"{"event":"history","data":7}"#).await;
    scene.got(r#"["waits", [7, {}]]"#).await?;
    scene.page.eval("new Promise(done => setTimeout(done))").await?;
    scene.page.eval("socket.emit('watch')").await?;
    assert_eq!(peer.frame().await, r#"{"event":"watch"}"#);
    scene.quietly("true").await
}
