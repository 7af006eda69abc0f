//! What is emitted and called while there is no connection.

use tests::browser::Result;

use crate::scene::Scene;

#[tokio::test]
async fn events_and_calls_wait_for_hello_in_order() -> Result {
    let mut scene = Scene::open().await?;
    scene
        .page
        .eval(
            "start(); keep(socket.emit('watch', 1)); pending = socket.call('submit_post', 2); socket.emit('watch', 3);
             socket.state.subscribe(state => state == 'open' && socket.emit('watch', 4)); 0",
        )
        .await?;
    let mut peer = scene.stage.accept().await;
    // Nothing is sent to a server that has not said hello: a call of it is not answered either.
    peer.send(r#"{"event":"history"}"#).await;
    peer.hello(25_000).await;
    assert_eq!(peer.frame().await, r#"{"event":"watch","data":1}"#);
    assert_eq!(peer.frame().await, r#"{"event":"submit_post","id":1,"data":2}"#);
    assert_eq!(peer.frame().await, r#"{"event":"watch","data":3}"#);
    assert_eq!(peer.frame().await, r#"{"event":"watch","data":4}"#);
    peer.send(r#"{"reply":1,"data":5}"#).await;
    assert_eq!(scene.page.eval("pending").await?, 5);
    scene.got("[true]").await
}

#[tokio::test]
async fn volatile_events_are_dropped_and_only_the_latest_of_its_kind_waits() -> Result {
    let (mut scene, peer) = Scene::connected().await?;
    drop(peer);
    scene.page.wait_until("socket.state.value != 'open'").await?;
    scene
        .page
        .eval(
            "keep(socket.emit('typing')); socket.emit('cursor', 1); socket.emit('watch', 2);
             socket.call('cursor', 3); socket.emit('cursor', 4); 0",
        )
        .await?;
    let mut peer = scene.stage.greet().await;
    assert_eq!(peer.frame().await, r#"{"event":"watch","data":2}"#);
    assert_eq!(peer.frame().await, r#"{"event":"cursor","id":1,"data":3}"#);
    assert_eq!(peer.frame().await, r#"{"event":"cursor","data":4}"#);
    scene.page.eval("keep(socket.emit('typing'))").await?;
    assert_eq!(peer.frame().await, r#"{"event":"typing"}"#);
    scene.got("[false, true]").await
}

#[tokio::test]
async fn of_a_latest_event_with_fields_the_newest_for_each_of_their_values_waits() -> Result {
    let (mut scene, peer) = Scene::connected().await?;
    drop(peer);
    scene.page.wait_until("socket.state.value != 'open'").await?;
    scene
        .page
        .eval(
            "for (const [piece, board, to] of [[1, 'a', 1], [1, 'b', 2], [2, 'a', 3], ['1', 'a', 4], [1, 'a', 5]]) {
               socket.emit('move', { piece, board, to });
             }
             socket.emit('move', { piece: { of: [1] }, to: 6 }); socket.emit('move', { to: 7, piece: { of: [1] } });
             socket.emit('move'); socket.emit('move', null); socket.emit('cursor', 8)",
        )
        .await?;
    let mut peer = scene.stage.greet().await;
    // One without the fields is no newer one of another.
    for to in [2, 3, 4, 5, 6, 7] {
        assert_eq!(peer.json().await["data"]["to"], to);
    }
    for frame in [r#"{"event":"move"}"#, r#"{"event":"move"}"#, r#"{"event":"cursor","data":8}"#] {
        assert_eq!(peer.frame().await, frame);
    }
    Ok(())
}

#[tokio::test]
async fn a_latest_event_that_is_refused_takes_no_place() -> Result {
    let (mut scene, peer) = Scene::connected().await?;
    drop(peer);
    scene.page.wait_until("socket.state.value != 'open'").await?;
    scene
        .page
        .eval(
            "const round = {}; round.round = round; socket.emit('cursor', 1);
             for (const data of ['x'.repeat(70000), round]) try { socket.emit('cursor', data) } catch { keep('refused') }",
        )
        .await?;
    let mut peer = scene.stage.greet().await;
    assert_eq!(peer.frame().await, r#"{"event":"cursor","data":1}"#);
    scene.got(r#"["refused", "refused"]"#).await
}

#[tokio::test]
async fn no_more_than_256_wait() -> Result {
    let mut scene = Scene::open().await?;
    scene
        .page
        .eval(
            "start(); for (let i = 0; i < 256; i++) socket.emit('watch', i);
             try { socket.emit('watch', 256) } catch (error) { keep([error instanceof CallError, error.code]) };
             keep(socket.emit('typing'));
             failure(socket.call('watch', 257)).then(([code]) => keep(code)); 0",
        )
        .await?;
    scene.got(r#"[[true, "busy"], false, "busy"]"#).await?;
    let mut peer = scene.stage.greet().await;
    for i in 0..256 {
        assert_eq!(peer.json().await["data"], i);
    }
    scene.page.eval("socket.emit('watch', 'last')").await?;
    assert_eq!(peer.json().await["data"], "last");
    Ok(())
}

#[tokio::test]
async fn what_is_emitted_while_the_connection_closes_goes_over_the_next() -> Result {
    let mut scene = Scene::open().await?;
    scene.jitter(0).await?;
    scene
        .page
        .eval(
            "const Real = WebSocket;
             window.WebSocket = function (...args) { return (latest = new Real(...args)) };
             start()",
        )
        .await?;
    let mut peer = scene.stage.greet().await;
    scene.page.wait_until("socket.state.value == 'open'").await?;
    scene
        .page
        .eval(
            "latest.close(); keep(socket.emit('watch', 1)); keep(socket.emit('typing'));
             keep(socket.state.value)",
        )
        .await?;
    scene.got(r#"[true, false, "open"]"#).await?;
    assert_eq!(peer.closed().await, Some((1005, String::new())));
    drop(peer);
    let mut peer = scene.stage.greet().await;
    assert_eq!(peer.frame().await, r#"{"event":"watch","data":1}"#);
    Ok(())
}

#[tokio::test]
async fn a_call_that_ran_out_of_time_is_never_sent() -> Result {
    let mut scene = Scene::open().await?;
    scene
        .page
        .eval("start(); failure(socket.call('watch', 1, { timeout: 20 })).then(keep); 0")
        .await?;
    scene.got(r#"[["timeout", '"watch" was not sent in 20 ms']]"#).await?;
    scene.page.eval("socket.emit('watch', 2)").await?;
    let mut peer = scene.stage.greet().await;
    assert_eq!(peer.frame().await, r#"{"event":"watch","data":2}"#);
    Ok(())
}

#[tokio::test]
async fn a_connection_that_takes_nothing_does_not_fill_memory() -> Result {
    let (scene, peer) = Scene::connected().await?;
    // The server reads nothing: what the system's buffers do not hold piles up in the browser.
    let sent = scene
        .page
        .eval(
            "text = 'x'.repeat(60000);
             (async () => {
               for (let i = 0; ; i++) {
                 try { socket.emit('watch', text) } catch ({ code }) { return [code, i] }
                 if (i % 16 == 0) await new Promise(done => setTimeout(done));
               }
             })()",
        )
        .await?;
    assert_eq!(sent[0], "busy", "{sent}");
    drop(peer);
    Ok(())
}
