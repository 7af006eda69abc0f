//! What is reported of frames that came, and how many may be on their way.

use tests::browser::Result;
use tests::stage::Peer;

use crate::scene::Scene;

/// A page that counts what it sends, in a session that can resume.
async fn connected(members: &str) -> Result<(Scene, Peer)> {
    let mut scene = Scene::open().await?;
    scene
        .page
        .eval("out = 0; start(); socket.onAny(({ direction }) => (out += direction == 'out')); 0")
        .await?;
    let mut peer = scene.stage.accept().await;
    peer.welcome(members).await;
    scene.page.wait_until("socket.state.value == 'open'").await?;
    Ok((scene, peer))
}

#[tokio::test]
async fn frames_are_reported_by_64_or_after_a_second_or_when_nothing_comes() -> Result {
    let (scene, mut peer) = connected(r#""token":"t""#).await?;
    scene
        .page
        .eval("socket.on('confirm', () => true); now = Date.now(); Date.now = () => now; 0")
        .await?;
    for _ in 0..63 {
        peer.send(r#"{"event":"history"}"#).await;
    }
    peer.send(r#"{"event":"confirm","id":1}"#).await;
    assert_eq!(peer.frame().await, r#"{"seen":64}"#);
    assert_eq!(peer.frame().await, r#"{"reply":1,"data":true}"#);
    // A second after the first.
    peer.send(r#"{"reply":9}"#).await;
    peer.send(r#"{"event":"confirm","id":2}"#).await;
    assert_eq!(peer.frame().await, r#"{"reply":2,"data":true}"#);
    scene.page.eval("now += 1000").await?;
    peer.send(r#"{"event":"history"}"#).await;
    assert_eq!(peer.frame().await, r#"{"seen":67}"#);
    peer.send(r#"{"event":"history"}"#).await;
    peer.send("{}").await;
    assert_eq!(peer.frame().await, r#"{"seen":68}"#);
    // Nothing is told twice.
    peer.send("{}").await;
    peer.send(r#"{"event":"confirm","id":3}"#).await;
    assert_eq!(peer.frame().await, r#"{"reply":3,"data":true}"#);
    Ok(())
}

#[tokio::test]
async fn a_server_that_cannot_resume_is_told_nothing() -> Result {
    let (scene, mut peer) = Scene::connected().await?;
    for _ in 0..64 {
        peer.send(r#"{"event":"history"}"#).await;
    }
    peer.send("{}").await;
    scene.page.eval("socket.on('confirm', () => true); 0").await?;
    peer.send(r#"{"event":"confirm","id":1}"#).await;
    assert_eq!(peer.frame().await, r#"{"reply":1,"data":true}"#);
    Ok(())
}

#[tokio::test]
async fn no_more_than_1024_frames_are_sent_and_not_seen() -> Result {
    let (scene, mut peer) = connected(r#""token":"t""#).await?;
    scene
        .page
        .eval(
            "for (let i = 0; i < 1280; i++) socket.emit('watch', i);
             try { socket.emit('watch', 1280) } catch ({ code }) { keep(code) };
             keep(socket.emit('typing')); keep(out)",
        )
        .await?;
    scene.got(r#"["busy", false, 1024]"#).await?;
    for i in 0..1024 {
        assert_eq!(peer.json().await["data"], i);
    }
    // As many as were seen follow.
    peer.send(r#"{"seen":3}"#).await;
    for i in 1024..1027 {
        assert_eq!(peer.json().await["data"], i);
    }
    assert_eq!(scene.page.eval("out").await?, 1027);
    peer.send(r#"{"seen":1027}"#).await;
    for i in 1027..1280 {
        assert_eq!(peer.json().await["data"], i);
    }
    scene.page.eval("keep(socket.emit('typing'))").await?;
    assert_eq!(peer.frame().await, r#"{"event":"typing"}"#);
    Ok(())
}

#[tokio::test]
async fn no_more_than_256_kib_are_sent_and_not_seen_but_for_one_frame() -> Result {
    let (scene, mut peer) = connected(r#""token":"t","limit":400000"#).await?;
    // 26 bytes around the text.
    scene
        .page
        .eval(
            "text = bytes => 'x'.repeat(bytes - 27);
             socket.emit('watch', text(131072)); socket.emit('watch', text(131072)); socket.emit('watch', 1);
             socket.emit('watch', text(300000)); socket.emit('watch', 2); keep(out)",
        )
        .await?;
    scene.got("[2]").await?;
    assert_eq!([peer.frame().await.len(), peer.frame().await.len()], [131_072; 2]);
    peer.send(r#"{"seen":1}"#).await;
    assert_eq!(peer.json().await["data"], 1);
    peer.send(r#"{"seen":2}"#).await;
    // Beside another it is too large, alone it is not.
    scene.page.eval("keep(out)").await?;
    scene.got("[2, 3]").await?;
    peer.send(r#"{"seen":3}"#).await;
    assert_eq!(peer.frame().await.len(), 300_000);
    assert_eq!(scene.page.eval("out").await?, 4);
    peer.send(r#"{"seen":4}"#).await;
    assert_eq!(peer.json().await["data"], 2);
    Ok(())
}

#[tokio::test]
async fn answers_wait_for_the_window_as_well_beside_all_events() -> Result {
    let (scene, mut peer) = connected(r#""token":"t""#).await?;
    scene
        .page
        .eval("socket.on('confirm', data => data); for (let i = 0; i < 1280; i++) socket.emit('watch', i); 0")
        .await?;
    for id in 1..=64 {
        peer.send(&format!(r#"{{"event":"confirm","id":{id},"data":{id}}}"#)).await;
    }
    for i in 0..1024 {
        assert_eq!(peer.json().await["data"], i);
    }
    assert_eq!(peer.frame().await, r#"{"seen":64}"#);
    peer.send(r#"{"seen":1024}"#).await;
    for i in 1024..1280 {
        assert_eq!(peer.json().await["data"], i);
    }
    for id in 1..=64 {
        assert_eq!(peer.json().await["reply"], id);
    }
    Ok(())
}
