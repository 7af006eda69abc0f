//! Which modules a page loads, and when.

use tests::browser::Result;

use crate::scene::Scene;

impl Scene {
    /// The modules that the page has asked for, by name.
    async fn modules(&self) -> Result<String> {
        let names =
            "performance.getEntriesByType('resource').map(({ name }) => name.split('/').pop())
                     .filter(name => name.endsWith('.js')).sort().join()";
        Ok(self.page.eval(names).await?.as_str().unwrap_or_default().to_owned())
    }
}

const FIRST: &str = "client.js,session.js,socketkit.js,store.js";

#[tokio::test]
async fn a_page_loads_no_more_than_it_uses() -> Result {
    let mut scene = Scene::open().await?;
    scene.page.eval("socket = connect('/ws', { contract: { schema: 'one' } }); 0").await?;
    let mut peer = scene.stage.accept().await;
    peer.welcome(r#""token":"t","schema":"one""#).await;
    scene
        .page
        .eval(
            "socket.on('confirm', keep); socket.emit('watch');
             socket.call('watch', 1, { onProgress: keep, signal: AbortSignal.timeout(60000) }).then(keep); 0",
        )
        .await?;
    assert_eq!(peer.frame().await, r#"{"event":"watch"}"#);
    assert_eq!(peer.json().await["id"], 1);
    peer.send(r#"{"progress":1,"data":1}"#).await;
    peer.send(r#"{"reply":1,"data":2}"#).await;
    scene.got("[1, 2]").await?;
    assert_eq!(scene.modules().await?, FIRST);
    // The server of another version.
    drop(peer);
    let mut peer = scene.stage.accept().await;
    peer.welcome(r#""token":"t","schema":"two""#).await;
    scene.page.wait_until("socket.skew.value").await?;
    assert_eq!(scene.modules().await?, FIRST.replace("socketkit", "skew.js,socketkit"));
    Ok(())
}
