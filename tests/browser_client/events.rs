//! Events, both ways, while there is a connection.

use tests::browser::Result;

use crate::scene::Scene;

#[tokio::test]
async fn handlers_get_the_data_of_their_event() -> Result {
    let (scene, mut peer) = Scene::connected().await?;
    scene
        .page
        .eval("socket.on('history', keep); socket.on('post_update', data => keep({ data }))")
        .await?;
    peer.send(r#"{"event":"history","data":[1,2]}"#).await;
    peer.send(r#"{"event":"post_update"}"#).await;
    peer.send(r#" { "data" : "x" , "more" : 1, "event" : "history" } "#).await;
    scene.got(r#"[[1, 2], { data: null }, "x"]"#).await?;
    scene.quietly("true").await
}

#[tokio::test]
async fn the_same_function_twice_on_one_event_is_one() -> Result {
    let (scene, mut peer) = Scene::connected().await?;
    scene
        .page
        .eval(
            "socket.on('history', keep); off = socket.on('history', keep);
             socket.on('history', data => keep('other ' + data)); 0",
        )
        .await?;
    peer.send(r#"{"event":"history","data":"a"}"#).await;
    scene.got(r#"["a", "other a"]"#).await?;
    scene.page.eval("off()").await?;
    peer.send(r#"{"event":"history","data":"b"}"#).await;
    scene.got(r#"["a", "other a", "other b"]"#).await
}

#[tokio::test]
async fn once_is_one_time_and_a_handler_may_take_another_away() -> Result {
    let (scene, mut peer) = Scene::connected().await?;
    scene
        .page
        .eval(
            "const again = data => { keep('once ' + data); socket.once('history', again) };
             socket.once('history', again);
             socket.once('history', () => off());
             off = socket.on('history', keep);
             socket.on('post_update', keep); socket.once('post_update', keep); 0",
        )
        .await?;
    peer.send(r#"{"event":"history","data":"a"}"#).await;
    peer.send(r#"{"event":"history","data":"b"}"#).await;
    peer.send(r#"{"event":"post_update","data":1}"#).await;
    peer.send(r#"{"event":"post_update","data":2}"#).await;
    scene.got(r#"["once a", "once b", 1, 2]"#).await
}

#[tokio::test]
async fn who_leaves_takes_no_other_registration_away() -> Result {
    let (scene, mut peer) = Scene::connected().await?;
    scene
        .page
        .eval(
            "off = socket.on('history', keep); off(); socket.on('history', keep); off();
             socket.on('post_update', keep); socket.once('post_update', keep)();
             const later = data => keep('later ' + data);
             socket.on('confirm', () => socket.on('confirm', later)); socket.once('confirm', later); 0",
        )
        .await?;
    peer.send(r#"{"event":"history","data":1}"#).await;
    peer.send(r#"{"event":"post_update","data":2}"#).await;
    peer.send(r#"{"event":"confirm","data":3}"#).await;
    peer.send(r#"{"event":"confirm","data":4}"#).await;
    scene.got(r#"[1, 2, "later 3", "later 4"]"#).await
}

#[tokio::test]
async fn a_handler_that_throws_is_reported_and_disturbs_nothing() -> Result {
    let (scene, mut peer) = Scene::connected().await?;
    scene
        .page
        .eval(
            "socket.on('history', () => { throw new Error('sync') });
             socket.on('history', async () => { throw new Error('async') });
             socket.onAny(() => { throw new Error('listener') });
             socket.on('history', keep); 0",
        )
        .await?;
    peer.send(r#"{"event":"history","data":1}"#).await;
    peer.send(r#"{"event":"history","data":2}"#).await;
    scene.got("[1, 2]").await?;
    let complaints = scene.page.complained(6).await?.join("\n");
    for name in ["Error: sync", "Error: async", "Error: listener"] {
        assert_eq!(complaints.matches(name).count(), 2, "{complaints}");
    }
    Ok(())
}

#[tokio::test]
async fn emitted_events_are_canonical_frames() -> Result {
    let (scene, mut peer) = Scene::connected().await?;
    scene
        .page
        .eval(
            "keep(socket.emit('typing')); socket.emit('watch', 7); socket.emit('watch', null);
             socket.emit('submit_post', { author: 'ada', body: '\\u2028 \"ü\"' })",
        )
        .await?;
    assert_eq!(peer.frame().await, r#"{"event":"typing"}"#);
    assert_eq!(peer.frame().await, r#"{"event":"watch","data":7}"#);
    assert_eq!(peer.frame().await, r#"{"event":"watch"}"#);
    let text =
        "{\"event\":\"submit_post\",\"data\":{\"author\":\"ada\",\"body\":\"\u{2028} \\\"ü\\\"\"}}";
    assert_eq!(peer.frame().await, text);
    scene.got("[true]").await
}

#[tokio::test]
async fn listeners_see_every_frame_as_it_passes() -> Result {
    let mut scene = Scene::open().await?;
    scene
        .page
        .eval("start(); off = socket.onAny(({ direction, frame, event, data }) => keep([direction, frame, event, data])); 0")
        .await?;
    let mut peer = scene.stage.greet().await;
    peer.send("{}").await;
    peer.send(r#"{"event":"new_one","data":1}"#).await;
    scene.page.wait_until("got.length == 3").await?;
    scene.page.eval("socket.emit('watch', 7); pending = socket.call('typing'); 0").await?;
    assert_eq!(peer.json().await["data"], 7);
    assert_eq!(peer.frame().await, r#"{"event":"typing","id":1}"#);
    peer.send(r#"{"reply":1,"data":true}"#).await;
    scene.page.eval("pending.then(off)").await?;
    peer.send("{}").await;
    peer.send(r#"{"event":"confirm","id":5}"#).await;
    assert_eq!(peer.json().await["reply"], 5);
    let seen = r#"[
        ["in", '{"hello":{"session":"s1","heartbeat":25000,"limit":65536}}'],
        ["in", "{}"],
        ["in", '{"event":"new_one","data":1}', "new_one", 1],
        ["out", '{"event":"watch","data":7}', "watch", 7],
        ["out", '{"event":"typing","id":1}', "typing"],
        ["in", '{"reply":1,"data":true}', null, true],
    ].map(([direction, frame, event, data]) => [direction, frame, event, data])"#;
    scene.got(seen).await
}

#[tokio::test]
async fn an_event_that_the_contract_does_not_know_is_named_with_those_that_it_does() -> Result {
    let (scene, _peer) = Scene::connected().await?;
    for (code, known) in [
        ("socket.emit('tiping')", "typing"),
        ("socket.emit('toString')", "typing"),
        ("socket.call('submit_posts', {})", "submit_post"),
        ("socket.on('histroy', keep)", "history"),
        ("socket.once('post_updated', keep)", "post_update"),
    ] {
        let error = scene.page.eval(code).await.expect_err(code).to_string();
        assert!(error.starts_with("TypeError: no event \""), "{error}");
        let said = error.lines().next().unwrap_or_default();
        let (_, there) = said.split_once("\"; there are: ").expect(said);
        assert!(there.split(',').any(|name| name == known), "{error}");
    }
    Ok(())
}

#[tokio::test]
async fn a_frame_over_the_limit_of_the_server_is_not_sent() -> Result {
    let mut scene = Scene::open().await?;
    scene.page.eval("start()").await?;
    let mut peer = scene.stage.accept().await;
    peer.send(r#"{"hello":{"session":"s1","heartbeat":25000,"limit":31}}"#).await;
    scene.page.wait_until("socket.state.value == 'open'").await?;
    // 27 bytes around the text, and an ü has two.
    let error = scene.page.eval("socket.emit('watch', 'üü1')").await.expect_err("32 bytes");
    assert!(error.to_string().starts_with("CallError: a frame of over 31 bytes"), "{error}");
    scene.page.eval("failure(socket.call('watch', 'x'.repeat(9))).then(keep)").await?;
    scene.got(r#"[["too_large", "a frame of over 31 bytes"]]"#).await?;
    scene.page.eval("socket.emit('watch', 'üü')").await?;
    assert_eq!(peer.frame().await, r#"{"event":"watch","data":"üü"}"#);
    Ok(())
}

#[tokio::test]
async fn data_over_the_limit_of_its_event_is_not_sent() -> Result {
    let (scene, mut peer) = Scene::connected().await?;
    // The quotes count, and an ü has two bytes.
    let error = scene.page.eval("socket.emit('note', 'üüü1')").await.expect_err("9 bytes");
    assert!(error.to_string().starts_with("CallError: data of over 8 bytes"), "{error}");
    scene.page.eval("failure(socket.call('note', 123456789)).then(keep)").await?;
    scene.got(r#"[["too_large", "data of over 8 bytes"]]"#).await?;
    scene
        .page
        .eval("socket.emit('note', 'üüü'); socket.emit('note'); socket.emit('note', 12345678)")
        .await?;
    assert_eq!(peer.frame().await, r#"{"event":"note","data":"üüü"}"#);
    assert_eq!(peer.frame().await, r#"{"event":"note"}"#);
    assert_eq!(peer.frame().await, r#"{"event":"note","data":12345678}"#);
    Ok(())
}

#[tokio::test]
async fn the_refusal_of_an_emitted_event_is_reported() -> Result {
    let (scene, mut peer) = Scene::connected().await?;
    scene.page.eval("addEventListener('unhandledrejection', ({ reason }) => keep([reason.code, reason.message]))").await?;
    peer.send(r#"{"error":{"code":"unknown_event","message":"unknown event","event":"watch"}}"#)
        .await;
    scene.got(r#"[["unknown_event", "watch: unknown event"]]"#).await
}

#[tokio::test]
async fn an_integer_that_is_not_safe_is_loud_and_never_wrong() -> Result {
    let (scene, mut peer) = Scene::connected().await?;
    scene
        .page
        .eval(
            "socket.on('history', keep); socket.on('confirm', keep);
             addEventListener('unhandledrejection', ({ reason }) => keep(reason.code));
             pending = failure(socket.call('watch')); 0",
        )
        .await?;
    assert_eq!(peer.json().await["id"], 1);
    peer.send(r#"{"event":"history","data":{"id":9007199254740991,"text":"9007199254740993","f":1.5e300}}"#).await;
    peer.send(r#"{"event":"history","data":12345678901234567890.0}"#).await;
    peer.send(r#"{"event":"history","data":[{"id":9007199254740993}]}"#).await;
    peer.send(r#"{"event":"nobody_listens","data":-9007199254740993}"#).await;
    peer.send(r#"{"event":"confirm","id":3,"data":9007199254740993}"#).await;
    assert_eq!(
        peer.json().await,
        serde_json::json!({ "reply": 3, "error": { "code": "unsafe_integer", "message": "9007199254740993 is no safe integer" } })
    );
    peer.send(r#"{"reply":1,"data":18446744073709551615}"#).await;
    scene.page.eval("pending.then(keep)").await?;
    scene
        .got(
            r#"[
                { id: 9007199254740991, text: "9007199254740993", f: 1.5e300 }, 12345678901234567000, "unsafe_integer",
                ["unsafe_integer", "18446744073709551615 is no safe integer"],
            ]"#,
        )
        .await
}
